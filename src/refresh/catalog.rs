//! The refresh of a catalog: updates of everything, and then the deletion of older items.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;

use super::boundary::{Boundary, BoundarySource, StartError};
use super::deletion::{Counts, DeletionOutcome, DeletionSettings, DeletionSkipped, is_whole};
use super::idle::IdleOutcome;
use super::report::{RefreshError, RefreshReport};
use super::reports::{CountedReports, Workers};
use super::run::CutOff;
use super::ticket::{Family, RefreshTicket, RunDetails};
use super::worker_report::WorkerReport;
use crate::api::{Catalog, DeleteOldCatalogItems};
use crate::kernel::trace;
use crate::model::OrderingId;
use crate::push::{CatalogItems, PushQueue, PushReport, PusherBuilder};

impl Catalog {
    /// Refreshes the catalog as a unit: pushes all items again, and deletes the items that were not pushed again.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::RefreshError> {
    /// use coveo_push::DocumentBody;
    ///
    /// let run = client.catalog("my-catalog").refresh().expect_at_least(9_500).start().await?;
    /// for number in 0..10_000 {
    ///     let item = DocumentBody::new().object_type("Product").metadata("ec_name", format!("Shoe {number}"));
    ///     run.pusher().add_or_update(format!("product://{number}"), &item).await?;
    /// }
    /// println!("{}", run.finish().await.into_result()?);
    /// # Ok(()) }
    /// ```
    ///
    /// **Old items are deleted only when everything was accepted.** Nothing is deleted when a batch failed, an item was
    /// refused or not sent, or the run was dropped before its end.
    ///
    /// **The service's ordering ids decide which items are old:** those below the lowest one of the run's updates, and
    /// never a clock. When any response has no readable ordering id, nothing is deleted.
    ///
    /// A run covers the whole catalog: items that another run pushed before the start are old. **Partial updates and
    /// merges that run at the same time** might not renew an item, so they do not keep it.
    pub fn refresh(&self) -> CatalogRefreshBuilder {
        CatalogRefreshBuilder {
            catalog: self.clone(),
            pusher: self.items_pusher(),
            deletion: DeletionSettings { missing_permissions: true, ..Default::default() },
            queue_delay: None,
        }
    }
}

/// Configures a refresh of a catalog: [`Catalog::refresh`].
#[must_use = "a refresh starts with `start`"]
pub struct CatalogRefreshBuilder {
    catalog: Catalog,
    pusher: PusherBuilder<CatalogItems>,
    deletion: DeletionSettings,
    queue_delay: Option<Duration>,
}

impl CatalogRefreshBuilder {
    /// Changes the settings of the pusher. Its settings for calls also apply to the deletion.
    pub fn pusher(mut self, change: impl FnOnce(PusherBuilder<CatalogItems>) -> PusherBuilder<CatalogItems>) -> Self {
        self.pusher = self.pusher.change(change);
        self
    }

    /// The least number of items that the run must push. If fewer are accepted, nothing is deleted: a
    /// source system that returns half of its items must not empty the index. Default: 1, which is also the least.
    pub fn expect_at_least(mut self, items: u64) -> Self {
        self.deletion.at_least = Some(items);
        self
    }

    /// Deletes old items although items were refused. That also deletes the earlier versions of the
    /// refused items. Default: no.
    pub fn delete_despite_refused(mut self, delete: bool) -> Self {
        self.deletion.despite_refused = delete;
        self
    }

    /// How long the service waits before it deletes, so that operations that are still queued are processed first.
    /// Rounded up to whole minutes, of which the service takes [`i32::MAX`]: with more, the run does not start. Default:
    /// the service's, 15 minutes.
    pub fn queue_delay(mut self, delay: Duration) -> Self {
        self.queue_delay = Some(delay);
        self
    }

    /// Starts the run. Its tasks are spawned on the current tokio runtime. Nothing is sent before the first push.
    ///
    /// # Errors
    ///
    /// [`RefreshError::NotStarted`] when the service would not take the [queue delay](Self::queue_delay).
    #[expect(clippy::unused_async, reason = "the other refreshes start by a call, and a status of catalogs may come")]
    pub async fn start(self) -> Result<CatalogRefresh, RefreshError> {
        let Self { catalog, pusher, deletion, queue_delay } = self;
        if let Some(Err(error)) = queue_delay.map(|delay| catalog.delete_older_than(0).queue_delay(delay).check()) {
            return Err(RefreshError::NotStarted { reason: StartError::Invalid(error), idle: IdleOutcome::NotNeeded });
        }
        let workers = Workers::default();
        let (pusher, deletion_sent) = (CutOff(pusher.start()), watch::Sender::new(false));
        Ok(CatalogRefresh { pusher, catalog, deletion, queue_delay, deletion_sent, workers })
    }
}

impl fmt::Debug for CatalogRefreshBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogRefreshBuilder")
            .field("pusher", &self.pusher)
            .field("deletion", &self.deletion)
            .field("queue_delay", &self.queue_delay)
            .finish_non_exhaustive()
    }
}

/// A refresh of a catalog under way: [`Catalog::refresh`].
///
/// Push with its [pusher](Self::pusher). End it with [`finish`](Self::finish) when everything was pushed, else with
/// [`abort`](Self::abort): `finish` would delete the items that you did not read. Dropping the refresh deletes
/// nothing.
pub struct CatalogRefresh {
    pusher: CutOff<CatalogItems>,
    catalog: Catalog,
    deletion: DeletionSettings,
    queue_delay: Option<Duration>,
    deletion_sent: watch::Sender<bool>,
    /// None until there is a ticket.
    workers: Workers,
}

impl CatalogRefresh {
    /// The pusher of this run. It takes whole items alone, because partial updates and merges might not renew an item.
    #[must_use]
    pub fn pusher(&self) -> &PushQueue<CatalogItems> {
        self.pusher.0.queue()
    }

    /// Turns `true` just before [`finish`](Self::finish) sends the deletion of old items. Look at it if
    /// you drop the future of `finish` before it is done: with `false` nothing is deleted, with `true` it
    /// is unknown.
    #[must_use]
    pub fn deletion_sent(&self) -> watch::Receiver<bool> {
        self.deletion_sent.subscribe()
    }

    /// Sends the rest, waits until everything is accepted or failed, and deletes old items if everything was
    /// accepted.
    #[must_use = "only the report tells whether old items are deleted"]
    pub async fn finish(self) -> RefreshReport {
        self.finish_with(&[]).await
    }

    /// Lets so many workers on other machines push parts of this refresh, as [`Refresh::ticket`](crate::Refresh::ticket)
    /// does. The boundary follows from the reports: it is the lowest ordering id of all updates.
    #[must_use = "without the ticket no worker can join"]
    pub fn ticket(&mut self, workers: u32) -> RefreshTicket<CatalogItems> {
        self.workers = Workers::new(workers);
        let family = if self.catalog.is_collection() { Family::DataCollection } else { Family::Catalog };
        let (kernel, target) = (&self.catalog.kernel, self.catalog.id());
        let details = RunDetails { kernel, family, target, kind: None, boundary: None, ordering_id: None };
        RefreshTicket::new(details, self.workers)
    }

    /// The same for a refresh that [workers](Self::ticket) pushed: deletes old items only if each worker has exactly one
    /// complete report. [`Refresh::finish_with`](crate::Refresh::finish_with) has the rules.
    #[must_use = "only the report tells whether old items are deleted"]
    pub async fn finish_with(self, reports: &[WorkerReport]) -> RefreshReport {
        let Self { pusher, catalog, deletion, queue_delay, deletion_sent, workers } = self;
        let calls = pusher.0.call_settings().unlimited();
        let has_stopped = pusher.0.has_stopped();
        let reports = CountedReports::new(workers, reports);
        let (push, counted) = reports.with(pusher.0.finish().await);
        let boundary = push.lowest_ordering_id.map(|id| Boundary { ordering_id: id, source: BoundarySource::Updates });
        let deletion = match counted.and_then(|()| decide(deletion, boundary, has_stopped, &push)) {
            Err(reason) => DeletionOutcome::Skipped(reason),
            Ok(id) => {
                deletion_sent.send_replace(true);
                trace::deletion_sent(calls.label(), &id);
                let request = catalog.delete_older_than(id).call_settings(&calls);
                match queue_delay.into_iter().fold(request, DeleteOldCatalogItems::queue_delay).await {
                    Ok(_) => DeletionOutcome::Accepted,
                    Err(error) if error.may_have_been_applied() => DeletionOutcome::Unknown(error),
                    Err(error) => DeletionOutcome::Failed(error),
                }
            }
        };
        deletion.trace(calls.label());
        report(&catalog, boundary, deletion, push)
    }

    /// Ends the run without sending the rest, and deletes nothing.
    pub async fn abort(self) -> RefreshReport {
        let Self { pusher, catalog, .. } = self;
        let push = pusher.0.abort().await;
        let deletion = DeletionOutcome::Skipped(DeletionSkipped::Aborted);
        deletion.trace(pusher.0.call_settings().label());
        report(&catalog, None, deletion, push)
    }
}

/// The id below which everything may be deleted.
fn decide(
    settings: DeletionSettings,
    boundary: Option<Boundary>,
    has_stopped: bool,
    push: &PushReport,
) -> Result<OrderingId, DeletionSkipped> {
    is_whole(settings, Counts::of(push))?;
    if has_stopped {
        return Err(DeletionSkipped::Stopped);
    }
    match boundary {
        Some(boundary) => Ok(boundary.ordering_id),
        None if push.totals.accepted == 0 => Err(DeletionSkipped::NothingPushed),
        None => Err(DeletionSkipped::OrderingIdUnknown),
    }
}

fn report(catalog: &Catalog, boundary: Option<Boundary>, deletion: DeletionOutcome, push: PushReport) -> RefreshReport {
    let (target, idle) = (catalog.id().to_owned(), IdleOutcome::NotNeeded);
    RefreshReport { target, kind: None, boundary, local_clock: None, deletion, idle, push }
}

impl fmt::Debug for CatalogRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogRefresh").field("catalog", &self.catalog.id()).finish_non_exhaustive()
    }
}
