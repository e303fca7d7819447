//! Many items or identities: cut into batches of exact size, uploaded in parallel, pushed in an
//! order that keeps their meaning, and every one accounted for.

mod checks;
mod content;
mod deliver;
mod failed;
mod frame;
mod group;
mod identities;
mod item;
mod items;
mod json;
mod keys;
mod own_task;
mod pushing;
mod report;
mod run;
mod segments;
mod settings;
mod spare;
mod superseded;
mod write;

use std::sync::Arc;

pub use content::PushItemWithContent;
pub use failed::{FailedBatch, FailureReason, PushStep, SavedBatch};
pub use identities::{IdentityOperation, IdentityPusher};
pub use item::PushItem;
pub use items::{ItemOperation, ItemPusher};
pub use report::{AcceptedBatch, Progress, PushError, PushReport, Pushed, RefusedItem};
pub use settings::PusherBuilder;

use self::frame::Lists;
use crate::kernel::request::PathParams;
use crate::operation::Operation;

/// What a run pushes into.
#[derive(Debug, Clone)]
enum PushTarget {
    Items(Arc<str>),
    Identities(Arc<str>),
}

impl PushTarget {
    /// The source or the provider.
    fn id(&self) -> &str {
        match self {
            Self::Items(id) | Self::Identities(id) => id,
        }
    }

    fn lists(&self) -> Lists {
        match self {
            Self::Items(_) => &items::LISTS,
            Self::Identities(_) => &identities::LISTS,
        }
    }

    fn commit(&self) -> Operation {
        match self {
            Self::Items(_) => Operation::PushItemContainer,
            Self::Identities(_) => Operation::PushIdentityContainer,
        }
    }

    fn path_params(&self) -> PathParams {
        match self {
            Self::Items(source_id) => PathParams::Source(Arc::clone(source_id)),
            Self::Identities(provider_id) => PathParams::Provider(Arc::clone(provider_id)),
        }
    }
}

/// What the pushers have in common: how a run is followed and ended.
macro_rules! run_methods {
    ($pusher:ident) => {
        impl $pusher {
            /// Follows the run: the channel has a new value at every batch and every few hundred
            /// pushes, and closes when the run has ended.
            #[must_use]
            pub fn progress(&self) -> tokio::sync::watch::Receiver<crate::Progress> {
                self.run.progress()
            }

            /// What the calls of the run are made with, for calls that are no part of its account.
            pub(crate) fn call_settings(&self) -> crate::kernel::send::CallSettings {
                self.run.calls.uncounted()
            }

            /// Sends what was pushed so far and waits until it is done: accepted, or failed. What other
            /// tasks push meanwhile is not waited for.
            ///
            /// # Errors
            ///
            /// [`PushError::Stopped`](crate::PushError::Stopped) when the run has stopped.
            pub async fn flush(&self) -> Result<(), crate::PushError> {
                self.run.flush().await
            }

            /// Sends what is left, waits until all is done, and says what became of every operation.
            ///
            /// A future that is dropped before it is done aborts the run.
            #[must_use = "what failed or was not sent is told by the report alone"]
            pub async fn finish(mut self) -> crate::PushReport {
                self.run.seal_filling();
                let report = self.run.report().await;
                self.is_ended = true;
                report
            }

            /// Ends the run without sending what is left, and says what became of every operation.
            /// What was under way is cut off; the batches whose last step was under way are those
            /// that may have been applied.
            pub async fn abort(mut self) -> crate::PushReport {
                self.is_ended = true;
                self.run.abort();
                self.run.report().await
            }
        }

        /// Ends the run as `abort` does, without waiting. What was left goes to the handler for
        /// failed batches, where there is one.
        impl Drop for $pusher {
            fn drop(&mut self) {
                if !self.is_ended {
                    self.run.abort();
                }
            }
        }

        impl std::fmt::Debug for $pusher {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($pusher)).field("target", &self.run.target).finish_non_exhaustive()
            }
        }
    };
}

use run_methods;
