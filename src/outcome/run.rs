//! Asks the logs until the outcomes of a run are told.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::asked::AskedRun;
use super::fold::Fold;
use super::table::{OutcomeProgress, Outcomes};
use crate::api::{Logs, SearchLogs};
use crate::error::{ConfigError, Error};
use crate::kernel::BoxFuture;
use crate::model::{LogCounts, LogEntry, LogResult, LogTask, OrderingId};
use crate::push::RunTarget;

/// How long after the last acceptance entries are looked for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// The wait after the first look, which doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(240);
/// How many entries a request gets. The service's documentation names no maximum, and one that refuses it is asked for
/// fewer.
const PER_PAGE: [u32; 3] = [10_000, 1_000, 100];

type OnProgress = Arc<dyn Fn(&OutcomeProgress) + Send + Sync>;

/// Finds the outcomes of a run: [`PushReport::outcomes`](crate::report::PushReport::outcomes).
#[must_use = "a request is sent by `.await`"]
pub struct FindOutcomes {
    logs: Logs,
    target: Option<(String, bool)>,
    accepted: u64,
    from: SystemTime,
    to: SystemTime,
    fold: Fold,
    items: Option<u64>,
    /// How many operations may have an end in the log: those of failed batches may have arrived. `None` when one may have
    /// several.
    sent: Option<u64>,
    wait: Duration,
    on_progress: Option<OnProgress>,
}

impl FindOutcomes {
    pub(super) fn new(logs: Logs, run: &AskedRun<'_>) -> Self {
        let AskedRun { push, begin, is_void } = run;
        let target = match &push.target {
            Some(RunTarget::Source(id)) => Some((id.clone(), false)),
            Some(RunTarget::Catalog(id) | RunTarget::DataCollection(id)) => Some((id.clone(), true)),
            Some(RunTarget::Provider(_)) | None => None,
        };
        let now = logs.kernel.shared.now();
        let (first, from) = (run.first(now), run.from(now));
        let last = push.last_accepted.or(*begin).unwrap_or(now).max(first);
        let to = last.checked_add(LONGEST).unwrap_or(last);
        let is_catalog = target.as_ref().is_some_and(|(_, is_catalog)| *is_catalog);
        let fold = Fold::new(push.tracked.clone(), is_catalog, ordering_ids(run, is_catalog));
        let tracked = push.tracked.as_ref().map(|tracked| tracked.lock().unwrap_or_else(PoisonError::into_inner));
        let items = tracked.as_ref().map(|tracked| tracked.len() as u64);
        let accepted = if *is_void { 0 } else { push.totals.accepted };
        let wait = Duration::from_secs(15 * 60);
        let may_be_applied_twice = tracked.is_some_and(|tracked| tracked.may_be_applied_twice);
        let sent = (!may_be_applied_twice).then_some(accepted + push.totals.failed);
        Self { logs, target, accepted, from, to, fold, items, sent, wait, on_progress: None }
    }

    /// How long to wait until the log has told everything. With zero, it is asked once. Default: 15 minutes, because the
    /// whole way of an item can take as long. The requests themselves come on top.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Tells `handler` after each request how far the search is. It is called on the task that awaits.
    pub fn on_progress(mut self, handler: impl Fn(&OutcomeProgress) + Send + Sync + 'static) -> Self {
        self.on_progress = Some(Arc::new(handler));
        self
    }

    async fn find(self) -> Result<Outcomes, Error> {
        let Some((target, _)) = self.target.clone() else {
            let why = "the report is not of a source: for security identities ask their handle, `report.outcomes(&identities)`";
            return Err(ConfigError::new(why).into());
        };
        let Self { accepted, items, wait, .. } = self;
        let mut search = Search {
            target: target.clone(),
            started: Instant::now(),
            per_page: PER_PAGE.to_vec(),
            calls: 0,
            counts: LogCounts::default(),
            troubles_read: 0,
            indexed_read: 0,
            run: self,
        };
        let is_settled = accepted == 0 || search.until_settled(wait).await?;
        let Search { run: Self { mut fold, .. }, calls, .. } = search;
        let failed_batches = std::mem::take(&mut fold.failed_batches);
        let counts = fold.counts();
        let (is_tracked, items) = (items.is_some(), items.unwrap_or_default());
        let told = fold.into_told();
        Ok(Outcomes { target, is_tracked, accepted, items, counts, told, failed_batches, is_settled, calls })
    }
}

/// The ordering ids of all batches of a run, where they are known: the Stream API tells them.
fn ordering_ids(run: &AskedRun<'_>, is_catalog: bool) -> Option<HashSet<OrderingId>> {
    let push = run.push;
    // A load is ordered by the close of its stream.
    if !is_catalog || run.begin.is_some() {
        return None;
    }
    let mut ids: HashSet<OrderingId> = push.batch_samples.iter().filter_map(|batch| batch.ordering_id).collect();
    if let Some(tracked) = &push.tracked {
        ids.extend(tracked.lock().unwrap_or_else(PoisonError::into_inner).ordering_ids());
    }
    (ids.len() as u64 == push.totals.batches_accepted).then_some(ids)
}

impl IntoFuture for FindOutcomes {
    type Output = Result<Outcomes, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.find())
    }
}

impl fmt::Debug for FindOutcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FindOutcomes")
            .field("target", &self.target)
            .field("accepted", &self.accepted)
            .field("items", &self.items)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

/// A search under way.
struct Search {
    run: FindOutcomes,
    target: String,
    started: Instant,
    /// The sizes of a page to try, from the first one that was not refused.
    per_page: Vec<u32>,
    calls: u32,
    /// The counts of the last look.
    counts: LogCounts,
    /// How many entries of trouble, and of the index, there were when they were read last.
    troubles_read: u64,
    indexed_read: u64,
}

impl Search {
    /// Looks until everything is told, or the time is over. Returns whether everything is told.
    async fn until_settled(&mut self, wait: Duration) -> Result<bool, Error> {
        let mut pause = FIRST_WAIT;
        loop {
            let before = std::mem::take(&mut self.counts);
            self.count().await?;
            let left = wait.checked_sub(self.started.elapsed()).filter(|left| !left.is_zero());
            self.read(left.is_none()).await?;
            self.tell_progress();
            // Others push into the same source: an untracked run is over when nothing happens any more.
            let is_quiet = self.counts == before && self.may_be_done();
            let is_settled = if self.run.items.is_some() { self.is_all_told() } else { is_quiet };
            let Some(left) = left.filter(|_| !is_settled) else { return Ok(is_settled) };
            sleep(pause.min(left)).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }

    async fn count(&mut self) -> Result<(), Error> {
        let Self { run, target, .. } = &*self;
        self.counts = run.logs.counts(run.from, run.to).source(target).await?;
        self.calls += 1;
        Ok(())
    }

    /// Reads the entries that the counts announce, once they may be all, or at the end.
    async fn read(&mut self, is_last: bool) -> Result<(), Error> {
        let troubles = self.counts.troubles();
        let is_first = self.troubles_read == 0;
        let is_due = is_first || is_last || self.may_be_done() || self.may_all_have_ended();
        if troubles > self.troubles_read && is_due {
            self.run.fold.begin_troubles();
            self.read_all(SearchLogs::errors).await?;
            self.troubles_read = troubles;
        }
        let indexed = self.counts.task(&LogTask::Indexing);
        let new = indexed.saturating_sub(self.indexed_read);
        let is_enough = new >= self.run.fold.left() || is_last;
        if self.run.items.is_some() && new > 0 && is_enough && !self.is_all_told() {
            self.run.fold.begin_indexed();
            self.read_all(|search| search.task(LogTask::Indexing).result(LogResult::Completed)).await?;
            self.indexed_read = indexed;
        }
        Ok(())
    }

    /// Whether as many operations may have come to their end as were accepted, if nobody else pushed any.
    fn may_be_done(&self) -> bool {
        self.counts.task(&LogTask::Indexing).saturating_add(self.run.fold.ended_before_indexing()) >= self.run.accepted
    }

    /// Whether every tracked item has an outcome, and it is that of its last operation: of several operations on one item
    /// the last one may still be under way, and be dropped.
    fn is_all_told(&self) -> bool {
        let have_all_ended = || self.run.sent.is_some_and(|sent| self.run.fold.ends() >= sent);
        self.run.fold.is_all_told() && (!self.has_repeated_items() || have_all_ended())
    }

    /// Whether there are several operations on one item. Not in a catalog, whose log need not have an entry for each.
    fn has_repeated_items(&self) -> bool {
        !self.run.fold.is_catalog() && self.run.items.is_some_and(|items| items < self.run.accepted)
    }

    /// Whether as many operations came to their end as were sent, if nobody else sent any.
    fn may_all_have_ended(&self) -> bool {
        let ends = self.counts.task(&LogTask::Indexing).saturating_add(self.counts.troubles());
        self.has_repeated_items() && self.run.sent.is_some_and(|sent| ends >= sent)
    }

    async fn read_all(&mut self, filter: impl Fn(SearchLogs) -> SearchLogs) -> Result<(), Error> {
        loop {
            let Self { run, target, per_page, .. } = &*self;
            let size = per_page.first().copied().unwrap_or(1);
            let mut pages = filter(run.logs.search(run.from, run.to).source(target)).per_page(size).pages();
            loop {
                match pages.next().await {
                    Ok(Some(entries)) => self.take(entries),
                    Ok(None) => return Ok(()),
                    Err(error) if self.is_too_large(&error) => break,
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn take(&mut self, entries: Vec<LogEntry>) {
        self.calls += 1;
        self.run.fold.add(entries);
    }

    /// Whether the service may have refused the size of the page; the next one is smaller then.
    fn is_too_large(&mut self, error: &Error) -> bool {
        let may_be = error.status().is_some_and(|status| matches!(status.as_u16(), 400 | 412));
        if may_be && self.per_page.len() > 1 {
            self.calls += 1;
            self.per_page.remove(0);
            return true;
        }
        false
    }

    fn tell_progress(&self) {
        if let Some(tell) = &self.run.on_progress {
            tell(&OutcomeProgress {
                elapsed: self.started.elapsed(),
                calls: self.calls,
                accepted: self.run.accepted,
                indexed_in_source: self.counts.task(&LogTask::Indexing),
                troubles_in_source: self.counts.troubles(),
                known: self.run.fold.counts(),
            });
        }
    }
}
