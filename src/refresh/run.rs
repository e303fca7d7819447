use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use super::boundary::{Boundary, BoundarySettings, LocalClock, NotBegun, boundary};
use super::builder::RefreshBuilder;
use super::deletion::{Counts, DeletionOutcome, DeletionSettings, DeletionSkipped, may_delete};
use super::idle::{Idle, IdleOutcome};
use super::report::{RefreshError, RefreshReport};
use super::target::Target;
use crate::kernel::send::CallSettings;
use crate::push::{IdentityPusher, ItemPusher, PushReport};

/// A refresh under way: [`Items::refresh`](crate::Items::refresh),
/// [`Identities::refresh`](crate::Identities::refresh).
///
/// It lends its [pusher](Self::pusher), and is ended by [`finish`](Self::finish), which says that
/// everything was pushed, or by [`abort`](Self::abort). What the source system could not give was not
/// pushed either: end with `abort` then, or what was not read is deleted.
///
/// One that is dropped, as by a `?` or a panic on the way, deletes nothing either, and leaves it to a
/// task of its own to set the source to idle. That is the best it can do: a runtime that ends with it,
/// as by a `?` out of `main`, ends the task, too. So end it.
pub struct Refresh<P> {
    // Dropped first: it ends what is under way before the source is set to idle.
    pusher: P,
    begun: Begun,
}

impl<P> Refresh<P> {
    /// What everything is pushed with.
    #[must_use]
    pub fn pusher(&self) -> &P {
        &self.pusher
    }

    /// What separates the items of the run from those that were there before; `None` for a run that
    /// deletes nothing.
    #[must_use]
    pub fn boundary(&self) -> Option<Boundary> {
        self.begun.boundary
    }

    /// Tells when the deletion of what is old is being sent, which is the last thing but one that
    /// [`finish`](Self::finish) does: `true` from then on. For who drops the future of `finish` on the
    /// way: nothing is deleted if this says `false` then, and it is not known if it says `true`.
    #[must_use]
    pub fn deletion_sent(&self) -> watch::Receiver<bool> {
        self.begun.deletion_sent.subscribe()
    }
}

impl<P> fmt::Debug for Refresh<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh")
            .field("target", &self.begun.plan.target.id())
            .field("kind", &self.begun.plan.target.kind())
            .field("boundary", &self.begun.boundary)
            .finish_non_exhaustive()
    }
}

/// A pusher is started, finished and aborted by methods of its own type.
macro_rules! refresh {
    ($pusher:ident) => {
        impl RefreshBuilder<$pusher> {
            /// Begins the run at the service, and takes the boundary from its answer. The tasks of the
            /// run are spawned on the tokio runtime that it is used on.
            ///
            /// # Errors
            ///
            /// [`RefreshError::NotBegun`]; the source is set to idle before that where it has to be.
            pub async fn start(self) -> Result<Refresh<$pusher>, RefreshError> {
                let (plan, pusher) = self.into_parts();
                let pusher = pusher.start();
                let begun = Begun::begin(plan, pusher.call_settings()).await?;
                Ok(Refresh { pusher, begun })
            }
        }

        impl Refresh<$pusher> {
            /// Says that everything was pushed: waits until all of it is accepted or has failed,
            /// deletes what is old if nothing forbids it, and sets the source to idle.
            ///
            /// A future that is dropped before it is done aborts the run;
            /// [`deletion_sent`](Self::deletion_sent) tells what that means.
            #[must_use = "what was not pushed or not deleted is told by the report alone"]
            pub async fn finish(self) -> RefreshReport {
                let Self { pusher, begun } = self;
                let push = pusher.finish().await;
                begun.finish(push).await
            }

            /// Ends the run without sending what is left, deletes nothing, and sets the source to
            /// idle; a provider has nothing to be set.
            ///
            /// To send what was pushed and delete nothing all the same, as when a part of the source
            /// system could not be read, `flush` the [`pusher`](Self::pusher) before.
            pub async fn abort(self) -> RefreshReport {
                let Self { pusher, begun } = self;
                let push = pusher.abort().await;
                begun.end(push, DeletionOutcome::Skipped(DeletionSkipped::Aborted)).await
            }
        }
    };
}

refresh!(ItemPusher);
refresh!(IdentityPusher);

/// What a refresh is to do.
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) boundary: BoundarySettings,
    pub(super) deletion: DeletionSettings,
    pub(super) queue_delay: Option<Duration>,
}

/// A refresh that has begun at the service, and has to be ended there.
struct Begun {
    plan: Plan,
    calls: CallSettings,
    boundary: Option<Boundary>,
    local_clock: Option<LocalClock>,
    deletion_sent: watch::Sender<bool>,
    idle: Option<Idle>,
}

impl Begun {
    async fn begin(plan: Plan, calls: CallSettings) -> Result<Self, RefreshError> {
        // Owed from before the call: one that is cut off may have arrived.
        let idle = plan.target.idle(&calls);
        let (reason, has_begun) = match plan.target.begin(&calls).await {
            Ok(time) => {
                let local_now = (plan.target.kernel().shared.local_now)();
                let local_clock = time.map(|time| LocalClock::compare(local_now, time));
                match boundary(plan.boundary, time) {
                    Ok(boundary) => {
                        let deletion_sent = watch::Sender::new(false);
                        return Ok(Self { plan, calls, boundary, local_clock, deletion_sent, idle });
                    }
                    Err(reason) => (reason, true),
                }
            }
            Err(error) => {
                let may_have_begun = error.may_have_been_applied();
                (NotBegun::Call(error), may_have_begun)
            }
        };
        let idle = match idle {
            Some(idle) if has_begun => idle.set().await,
            Some(idle) => idle.not_needed(),
            None => IdleOutcome::NotNeeded,
        };
        Err(RefreshError::NotBegun { reason, idle })
    }

    async fn finish(self, push: PushReport) -> RefreshReport {
        let deletion = match may_delete(self.plan.deletion, self.boundary, counts(&push)) {
            Ok(boundary) => self.delete(boundary).await,
            Err(reason) => DeletionOutcome::Skipped(reason),
        };
        self.end(push, deletion).await
    }

    async fn delete(&self, boundary: Boundary) -> DeletionOutcome {
        let Self { plan, calls, .. } = self;
        self.deletion_sent.send_replace(true);
        match plan.target.delete_older_than(boundary.ordering_id, plan.queue_delay, calls).await {
            Ok(_) => DeletionOutcome::Accepted,
            Err(error) if error.may_have_been_applied() => DeletionOutcome::Unknown(error),
            Err(error) => DeletionOutcome::Failed(error),
        }
    }

    async fn end(self, push: PushReport, deletion: DeletionOutcome) -> RefreshReport {
        let Self { plan, boundary, local_clock, idle, .. } = self;
        let idle = match idle {
            Some(idle) => idle.set().await,
            None => IdleOutcome::NotNeeded,
        };
        let (target, kind) = (plan.target.id().to_owned(), plan.target.kind());
        RefreshReport { target, kind, boundary, local_clock, deletion, idle, push }
    }
}

fn counts(push: &PushReport) -> Counts {
    Counts {
        added: push.accepted.saturating_sub(push.deletions),
        failed: push.failed,
        refused: push.refused,
        unsent: push.unsent,
        cancelled: push.cancelled,
        earliest: push.first_accepted,
    }
}
