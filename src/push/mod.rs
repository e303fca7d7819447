//! Many items or identities: cut into batches of exact size, uploaded in parallel, pushed in an
//! order that keeps their meaning, and every one accounted for.

mod abort_on_drop;
mod account;
mod again;
mod batch;
mod catalogs;
mod content;
mod content_times;
mod delivery;
mod destination;
mod failed;
mod id_set;
mod identities;
mod intake;
mod item;
mod items;
pub(crate) mod journal;
mod keys;
pub(crate) mod load_stream;
mod mark;
mod operations;
mod prefetched;
mod push_future;
mod pusher;
mod renewal;
mod report;
mod saved;
mod saved_files;
mod settings;
mod settled;
mod spacing;
mod state;
mod superseded;
mod turns;
mod unsent;

pub use catalogs::{CatalogItems, CatalogMerger, CatalogMerges, CatalogUpdater, CatalogUpdates};
pub use failed::{AfterFailure, FailedBatch, FailureReason, PushStep};
pub use identities::{IdentityPusher, IdentityQueue, PushIdentity};
pub use items::{ItemPusher, ItemQueue, PushItem, PushItemDeletion, WholeItems};
pub use operations::{CatalogItem, CatalogOperation, IdentityOperation, ItemOperation, PushTarget};
pub use push_future::PushFuture;
pub use pusher::{PushQueue, Pusher};
pub use report::{BatchReceipt, Progress, PushError, PushReport, Pushed, Refused, RunStopped};
pub use saved::SavedBatch;
pub use settings::PusherBuilder;
pub use settled::Flushed;
