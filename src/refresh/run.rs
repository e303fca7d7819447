//! A refresh under way.

use std::fmt;

use tokio::sync::watch;

use super::boundary::{Boundary, BoundarySettings, LocalClock, StartError, boundary};
use super::builder::RefreshBuilder;
use super::deletion::{Counts, DeletionOutcome, DeletionSkipped, may_delete};
use super::idle::{IdleGuard, IdleOutcome};
use super::report::{RefreshError, RefreshReport};
use super::reports::{CountedReports, Workers};
use super::settings::RefreshSettings;
use super::ticket::{RefreshTarget, RefreshTicket, RunDetails};
use super::worker_report::WorkerReport;
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
        self.finish_with(&[]).await
    }

    /// The same for a refresh that [workers](Self::ticket) pushed: counts their reports with what this machine pushed
    /// itself, and deletes old items only if each worker has exactly one complete report.
    ///
    /// | Reports | Old items |
    /// |---|---|
    /// | one complete report of each worker | deleted, if the counts of all together allow it |
    /// | the same report twice | it counts once |
    /// | a complete and incomplete ones of a worker that was started again | the complete one counts |
    /// | none of a worker, or only incomplete ones | nothing is deleted |
    /// | complete reports of two attempts of a worker | nothing is deleted |
    /// | one of another run, or of a worker that the ticket does not have | nothing is deleted |
    ///
    /// The order of the reports has no meaning. The counts of the [report](RefreshReport::push) are the sum of all
    /// reports that count.
    #[must_use = "only the report tells whether everything was pushed and deleted"]
    pub async fn finish_with(self, reports: &[WorkerReport]) -> RefreshReport {
        let Self { pusher, active } = self;
        let reports = CountedReports::new(active.workers, reports);
        let (push, counted) = reports.with(pusher.0.finish().await);
        active.finish(push, counted).await
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

impl<T: RefreshTarget> Refresh<T> {
    /// Lets so many workers on other machines push parts of this refresh. Send them the ticket as JSON; they
    /// [join](crate::PushClient::join) with it. Give their reports to [`finish_with`](Self::finish_with). From here on
    /// [`finish`](Self::finish) deletes nothing, because it has no reports.
    ///
    /// A second ticket replaces the first one, whose reports are then those of another run. No worker is taken as one.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{DocumentBody, Permissions, RefreshKind};
    ///
    /// let mut run = client.items("my-source").refresh(RefreshKind::Rebuild).expect_at_least(9_500).start().await?;
    /// let ticket = run.ticket(4);
    /// let mut reports = Vec::new();
    /// for index in 0..4 {
    ///     // Each on a machine of its own: the ticket and the report travel as JSON.
    ///     let worker = client.join(&ticket, index).start()?;
    ///     for number in (index..10_000).step_by(4) {
    ///         let doc = DocumentBody::text("words").permissions(Permissions::public());
    ///         worker.add_or_update(format!("https://example.com/{number}"), &doc).await?;
    ///     }
    ///     reports.push(worker.finish().await);
    /// }
    /// println!("{}", run.finish_with(&reports).await.into_result()?);
    /// # Ok(()) }
    /// ```
    #[must_use = "without the ticket no worker can join"]
    pub fn ticket(&mut self, workers: u32) -> RefreshTicket<T> {
        self.active.workers = Workers::new(workers);
        let RefreshSettings { target, boundary: BoundarySettings { shared, .. }, .. } = &self.active.settings;
        let details = RunDetails {
            kernel: target.kernel(),
            family: target.family(),
            target: target.id(),
            kind: target.kind(),
            boundary: self.active.boundary,
            ordering_id: *shared,
        };
        RefreshTicket::new(details, self.active.workers)
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
    /// None until there is a ticket.
    workers: Workers,
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
                        let workers = Workers::default();
                        return Ok(Self { settings, calls, boundary, local_clock, deletion_sent, idle, workers });
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

    async fn finish(self, push: PushReport, counted: Result<(), DeletionSkipped>) -> RefreshReport {
        let (settings, counts) = (self.settings.deletion, Counts::of(&push));
        let decided = counted.and_then(|()| may_delete(settings, self.boundary, self.local_clock, counts));
        let deletion = match decided {
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
