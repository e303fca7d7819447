//! A refresh under way.

use std::fmt;

use tokio::sync::watch;

use super::boundary::{Boundary, BoundarySettings, LocalClock, StartError, boundary};
use super::builder::RefreshBuilder;
use super::deletion::{Counts, DeletionOutcome, DeletionSkipped, may_delete};
use super::idle::{IdleGuard, IdleOutcome};
use super::report::{RefreshError, RefreshReport};
use super::settings::RefreshSettings;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::trace;
use crate::push::{PushQueue, PushReport, Pusher};

/// A refresh under way: [`Items::refresh`](crate::Items::refresh),
/// [`Identities::refresh`](crate::Identities::refresh).
///
/// Push with its [pusher](Self::pusher). End it with [`finish`](Self::finish) when everything was pushed,
/// else with [`abort`](Self::abort). If you could not read everything from the source system, call
/// `abort`: `finish` would delete the items that you did not read.
///
/// Dropping the refresh, for example by a `?` or a panic, deletes nothing. The source is set to idle in a
/// background task then, which is lost if the runtime shuts down at the same time, as with a `?` out of
/// `main`. So call `finish` or `abort`.
pub struct Refresh<T> {
    // Dropped first: batches under way end before the source is set to idle.
    pusher: CutOff<T>,
    active: ActiveRefresh,
}

/// The pusher of a refresh. Its drop ends the run, although there may be other handles.
pub(super) struct CutOff<T>(pub(super) Pusher<T>);

impl<T> Drop for CutOff<T> {
    fn drop(&mut self) {
        self.0.cut_off();
    }
}

impl<T> Refresh<T> {
    /// The pusher of this run, which cannot end it. Clone it for other tasks.
    #[must_use]
    pub fn pusher(&self) -> &PushQueue<T> {
        self.pusher.0.queue()
    }

    /// Separates the items of the run from older ones. `None` for a run that deletes nothing.
    #[must_use]
    pub fn boundary(&self) -> Option<Boundary> {
        self.active.boundary
    }

    /// Turns `true` just before [`finish`](Self::finish) sends the deletion of old items. Look at it if
    /// you drop the future of `finish` before it is done: with `false` nothing is deleted, with `true` it
    /// is unknown.
    #[must_use]
    pub fn deletion_sent(&self) -> watch::Receiver<bool> {
        self.active.deletion_sent.subscribe()
    }
}

impl<T> fmt::Debug for Refresh<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh")
            .field("target", &self.active.settings.target.id())
            .field("kind", &self.active.settings.target.kind())
            .field("boundary", &self.active.boundary)
            .finish_non_exhaustive()
    }
}

impl<T> RefreshBuilder<T> {
    /// Starts the run at the service, and takes the boundary from the response. The tasks of the
    /// run are spawned on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`RefreshError::NotStarted`]. If the status may have been set, the source is set to idle
    /// before this returns.
    pub async fn start(self) -> Result<Refresh<T>, RefreshError> {
        let (settings, pusher) = self.into_parts();
        let pusher = pusher.start();
        let active = ActiveRefresh::start(settings, pusher.call_settings()).await?;
        if active.settings.target.kind().is_some() {
            pusher.is_proven();
        }
        Ok(Refresh { pusher: CutOff(pusher), active })
    }
}

impl<T> Refresh<T> {
    /// Call this when everything was pushed. It waits until every operation is accepted or has
    /// failed, deletes old items unless something prevents it, and sets the source to idle.
    ///
    /// Dropping this future before it is done aborts the run. Then
    /// [`deletion_sent`](Self::deletion_sent) tells whether something can be deleted.
    #[must_use = "only the report tells whether everything was pushed and deleted"]
    pub async fn finish(self) -> RefreshReport {
        let Self { pusher, active } = self;
        let push = pusher.0.finish().await;
        active.finish(push).await
    }

    /// Ends the run without sending queued operations, deletes nothing, and sets the source to
    /// idle. A provider has no status.
    ///
    /// To send the queued operations first, for example when you could read only a part of the
    /// source system, `flush` the [`pusher`](Self::pusher) before.
    pub async fn abort(self) -> RefreshReport {
        let Self { pusher, active } = self;
        let push = pusher.0.abort().await;
        active.end(push, DeletionOutcome::Skipped(DeletionSkipped::Aborted)).await
    }
}

/// A refresh that has started at the service, and must be ended there.
struct ActiveRefresh {
    settings: RefreshSettings,
    calls: CallSettings,
    boundary: Option<Boundary>,
    local_clock: Option<LocalClock>,
    deletion_sent: watch::Sender<bool>,
    idle: Option<IdleGuard>,
}

impl ActiveRefresh {
    async fn start(settings: RefreshSettings, calls: CallSettings) -> Result<Self, RefreshError> {
        if let Some(Err(error)) = settings.queue_delay.map(|delay| settings.target.check_queue_delay(delay)) {
            return Err(RefreshError::NotStarted { reason: StartError::Invalid(error), idle: IdleOutcome::NotNeeded });
        }
        // Made before the call, because a call that is cut off may still have arrived.
        let calls = calls.unlimited();
        let idle = settings.target.idle_guard(&calls);
        let (reason, may_have_started) = match settings.target.start(&calls).await {
            Ok(time) => {
                let local_now = (settings.target.kernel().shared.local_now)();
                let local_clock = time.map(|time| LocalClock::compare(local_now, time));
                match boundary(settings.boundary, time) {
                    Ok(boundary) => {
                        let deletion_sent = watch::Sender::new(false);
                        return Ok(Self { settings, calls, boundary, local_clock, deletion_sent, idle });
                    }
                    Err(reason) => (reason, true),
                }
            }
            Err(error) => {
                let may_have_started = error.may_have_been_applied();
                (StartError::Call(error), may_have_started)
            }
        };
        let idle = match idle {
            Some(idle) if may_have_started => idle.set().await,
            Some(idle) => idle.not_needed(),
            None => IdleOutcome::NotNeeded,
        };
        Err(RefreshError::NotStarted { reason, idle })
    }

    async fn finish(self, push: PushReport) -> RefreshReport {
        let deletion = match may_delete(self.settings.deletion, self.boundary, self.local_clock, Counts::of(&push)) {
            Ok(boundary) => self.delete(boundary).await,
            Err(reason) => DeletionOutcome::Skipped(reason),
        };
        self.end(push, deletion).await
    }

    async fn delete(&self, boundary: Boundary) -> DeletionOutcome {
        let RefreshSettings { target, queue_delay, boundary: BoundarySettings { own_scheme, .. }, .. } = &self.settings;
        self.deletion_sent.send_replace(true);
        trace::deletion_sent(self.calls.label(), &boundary);
        match target.delete_older_than(boundary.ordering_id, *own_scheme, *queue_delay, &self.calls).await {
            Ok(_) => DeletionOutcome::Accepted,
            Err(error) if error.may_have_been_applied() => DeletionOutcome::Unknown(error),
            Err(error) => DeletionOutcome::Failed(error),
        }
    }

    async fn end(self, push: PushReport, deletion: DeletionOutcome) -> RefreshReport {
        deletion.trace(self.calls.label());
        let Self { settings: RefreshSettings { target, .. }, boundary, local_clock, idle, .. } = self;
        let idle = match (idle, &deletion) {
            (Some(idle), DeletionOutcome::Skipped(DeletionSkipped::Aborted)) => idle.set_after_abort().await,
            (Some(idle), _) => idle.set().await,
            (None, _) => IdleOutcome::NotNeeded,
        };
        let (target, kind) = (target.id().to_owned(), target.kind());
        RefreshReport { target, kind, boundary, local_clock, deletion, idle, push }
    }
}
