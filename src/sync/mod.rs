//! Only what changed: a ledger in a file remembers the last known state of the service.
//!
//! The run is a bulk run of `push`, which asks the [`journal`] about each operation and tells it of each batch: an id is
//! in doubt from before its commit until its acceptance is recorded. So a crash leads to a second push, and never to
//! a missing one.

mod builder;
mod check;
mod compare;
mod content;
mod deletion;
mod error;
mod fingerprint;
mod journal;
mod ledger;
mod report;
mod row;
mod run;
mod state;
mod status;
mod store;
mod target;
mod verify;

pub use builder::SyncBuilder;
pub use deletion::{MissingKept, MissingOutcome};
pub use error::LedgerError;
pub use ledger::{Ledger, LedgerStats};
pub use report::{MostlyChanged, SyncError, SyncReport};
pub use run::SyncRun;
#[cfg(feature = "test-util")]
pub use store::LedgerStep;
pub use target::{LedgerTarget, SyncInto};
