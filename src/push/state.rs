//! The state of a run: the batch that is being filled, the batches under way, and the counts.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::batch::{Batch, BatchBuilder};
use super::failed::{FailedBatch, Unknown};
use super::id_set::IdSet;
use super::keys::Keys;
use super::report::{BatchReceipt, Progress, PushError, PushReport, Refused, RunStopped};
use super::settled::{FailedNumbers, Flushes};
use super::spacing::RecentBatches;
use crate::finding::Finding;
use crate::model::OrderingId;

/// The state of a run, behind the lock of its account.
#[derive(Default)]
pub(super) struct State {
    pub(super) filling: Option<Filling>,
    /// The batches that are sealed and not done, by their numbers.
    pub(super) under_way: BTreeMap<u64, UnderWay>,
    pub(super) last_number: u64,
    /// Why no batch is started any more.
    pub(super) stopped: Option<RunStopped>,
    /// Whether the run was told to end: nothing more is accepted.
    pub(super) is_closed: bool,
    /// How long the run took, when it has ended.
    pub(super) took: Option<Duration>,
    /// The batches that are done and that a handler is being given, by the numbers that their operations had first.
    pub(super) handing_over: Vec<u64>,
    pub(super) totals: Progress,
    pub(super) first_accepted: Option<SystemTime>,
    pub(super) last_accepted: Option<SystemTime>,
    pub(super) lowest_ordering_id: Option<OrderingId>,
    /// Hashes of all ids, where none may be pushed twice.
    pub(super) ids: IdSet,
    /// How many batches were accepted whose ordering id is not known.
    pub(super) without_ordering_id: u64,
    pub(super) accepted: Vec<BatchReceipt>,
    pub(super) failed: Vec<FailedBatch>,
    pub(super) refused: Vec<Refused>,
    pub(super) warnings: Vec<Finding>,
    /// Batches that failed and may still be applied.
    pub(super) unknown: Vec<Unknown>,
    /// Whether the service accepted a batch, or is known to have the source.
    pub(super) is_proven: bool,
    pub(super) recent: RecentBatches,
    /// No batch is started before.
    pub(super) held_until: Option<Instant>,
    /// The failed batches that the run pushes again later, by the numbers that their operations had first: each with
    /// its own number, and how many operations it has.
    pub(super) waiting: BTreeMap<u64, (u64, u64)>,
    /// The failed operations that are not settled.
    pub(super) failed_numbers: FailedNumbers,
    pub(super) flushes: Flushes,
}

/// The batch that is being filled. It is opened for its first operation, and never empty.
pub(super) struct Filling {
    pub(super) number: u64,
    pub(super) batch: BatchBuilder,
    pub(super) task: BatchTask,
}

/// How the task of a batch is told to go on, or to end.
pub(super) struct BatchTask {
    pub(super) seal: oneshot::Sender<()>,
    /// Empty until the task is spawned.
    pub(super) abort: Arc<OnceLock<AbortHandle>>,
}

impl BatchTask {
    pub(super) fn abort(abort: &OnceLock<AbortHandle>) {
        if let Some(task) = abort.get() {
            task.abort();
        }
    }
}

pub(super) struct UnderWay {
    pub(super) batch: Batch,
    /// The number that its operations had first, where they are pushed again.
    pub(super) origin: u64,
    pub(super) is_uploaded: bool,
    pub(super) abort: Arc<OnceLock<AbortHandle>>,
}

impl UnderWay {
    pub(super) fn new(batch: Batch, origin: u64, abort: Arc<OnceLock<AbortHandle>>) -> Self {
        Self { batch, origin, is_uploaded: false, abort }
    }
}

impl State {
    /// Whether the sealed batches up to a number are done.
    pub(super) fn is_done_to(&self, last: u64) -> bool {
        let is_later = |first: Option<&u64>| first.is_none_or(|first| *first > last);
        let origin = self.under_way.values().map(|under_way| &under_way.origin).min();
        is_later(origin) && is_later(self.handing_over.iter().min()) && is_later(self.waiting.keys().next())
    }

    /// The highest number up to which every operation was accepted, replaced or refused.
    pub(super) fn settled_to(&self) -> u64 {
        let filling = self.filling.iter().map(|filling| filling.batch.open_from());
        let under_way = self.under_way.values().map(|under_way| under_way.batch.open_from());
        let open = filling.chain(under_way).chain(self.failed_numbers.first()).min();
        open.map_or(self.totals.pushed, |open| open.saturating_sub(1))
    }

    /// Until when no batch is started.
    pub(super) fn held(&self) -> Option<Instant> {
        self.held_until.filter(|until| self.stopped.is_none() && *until > Instant::now())
    }

    pub(super) fn is_held(&self) -> bool {
        self.held().is_some()
    }

    /// Accounts for a failed batch that is under way again, without operations that were replaced. Parts of it that are
    /// not are handed back next.
    pub(super) fn moves_on(&mut self, failed: &FailedBatch, is_own: bool, replaced: u64) {
        let operations = failed.operations() as u64;
        self.totals.replaced += replaced;
        if is_own {
            self.failed_numbers.remove(failed.batch.open_from(), failed.number);
            self.flushes.moved_on(failed.origin, failed.number, operations, replaced);
        }
        if !is_own {
            self.totals.pushed += operations;
        } else if failed.is_unsent() {
            self.totals.unsent -= operations;
        } else {
            self.totals.failed -= operations;
            self.totals.batches_failed -= 1;
        }
    }

    /// The batches on their way whose operations are later than those of a failed batch of this run, and overlap with
    /// them. Whether they are applied is not known yet.
    pub(super) fn overlapping(&self, failed: &FailedBatch) -> Vec<u64> {
        let left_out = failed.superseded.left_out();
        let keys = failed.batch.keys();
        let overlaps = |later: &Keys| {
            keys.iter().any(|(operation, key)| !left_out.contains(operation) && later.overlap(key).is_some())
        };
        let sealed = self.under_way.iter().filter(|(_, under_way)| under_way.origin > failed.origin);
        let sealed = sealed.map(|(number, under_way)| (*number, &**under_way.batch.keys()));
        let filling = self.filling.iter().map(|filling| (filling.number, filling.batch.keys()));
        sealed.chain(filling).filter(|(_, later)| overlaps(later)).map(|(number, _)| number).collect()
    }

    /// A handler was given a batch.
    pub(super) fn handed_over(&mut self, origin: u64) {
        if let Some(at) = self.handing_over.iter().position(|other| *other == origin) {
            self.handing_over.swap_remove(at);
        }
    }

    pub(super) fn no_longer_waits(&mut self, origin: Option<u64>) {
        if let Some(origin) = origin {
            self.waiting.remove(&origin);
        }
    }

    /// Whether a batch can be filled beside those that are under way, or that a handler is being given: while it
    /// works it holds their memory.
    pub(super) fn has_room(&self, concurrency: usize) -> bool {
        self.under_way.len() + self.handing_over.len() + self.waiting.len() <= concurrency
    }

    /// Whether there is room for a batch that waits to be pushed again. The others that wait do not count: with each
    /// counting the others, none would ever be pushed.
    pub(super) fn has_room_for_waiting(&self, concurrency: usize) -> bool {
        self.under_way.len() + self.handing_over.len() <= concurrency
    }

    pub(super) fn warned(&mut self, warnings: &[Finding]) {
        self.totals.warned += u64::from(!warnings.is_empty());
        let room = PushReport::SAMPLES.saturating_sub(self.warnings.len());
        self.warnings.extend(warnings.iter().take(room).cloned());
    }

    /// Whether another operation can be pushed.
    pub(super) fn accepts(&self) -> Result<(), PushError> {
        self.goes_on()?;
        let ended = || PushError::Stopped(RunStopped::new("it was told to end"));
        if self.is_closed { Err(ended()) } else { Ok(()) }
    }

    pub(super) fn goes_on(&self) -> Result<(), PushError> {
        self.stopped.clone().map_or(Ok(()), |stopped| Err(PushError::Stopped(stopped)))
    }
}
