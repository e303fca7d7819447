//! Up to which push everything is settled, and the results of the operations that a flush waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::superseded::SupersededOperations;

/// The results of the operations that a flush waited for: [`PushQueue::flush`](crate::PushQueue::flush).
///
/// They are those of the batches that were not done when the flush began. A batch that failed and that the run pushes
/// again later is waited for, and counts by its last result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Operations that the service accepted.
    pub accepted: u64,
    /// Operations of batches that were pushed again, and left out because a later one that was sent says everything that
    /// they said.
    pub replaced: u64,
    /// Operations in batches that failed. The handler for failed batches has them.
    pub failed: u64,
    /// Operations in batches that were not sent, because the run stopped or was aborted.
    pub unsent: u64,
    /// [`Progress::settled_to`](crate::report::Progress::settled_to) at the end of the flush.
    pub settled_to: u64,
}

impl Flushed {
    /// Whether all of them were accepted or replaced.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.unsent == 0
    }
}

/// The numbers of operations whose batches failed, as far as they are not settled.
#[derive(Debug, Default)]
pub(super) struct FailedNumbers {
    /// By the lowest number of an operation and the number of the batch.
    held: BTreeMap<(u64, u64), Weak<SupersededOperations>>,
    /// The lowest number in the batches that nobody has any more.
    gone: Option<u64>,
    /// How many there were when those that nobody has were last looked for.
    swept: usize,
}

impl FailedNumbers {
    /// How many batches there may be before those that nobody has are first looked for.
    const FEW: usize = 256;

    /// A batch failed. Its owner holds its marks.
    pub(super) fn insert(&mut self, first: u64, batch: u64, marks: &Arc<SupersededOperations>) {
        // Batches above one that is gone for good change nothing.
        if self.gone.is_some_and(|gone| gone < first) {
            return;
        }
        self.held.insert((first, batch), Arc::downgrade(marks));
        if self.held.len() >= 2 * self.swept.max(Self::FEW) {
            let gone = self.held.iter().find(|(_, marks)| marks.strong_count() == 0).map(|((first, _), _)| *first);
            if let Some(gone) = gone {
                self.held.retain(|(first, _), _| *first < gone);
                self.gone = Some(gone);
            }
            self.swept = self.held.len();
        }
    }

    pub(super) fn remove(&mut self, first: u64, batch: u64) {
        self.held.remove(&(first, batch));
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.held.keys().map(|(first, _)| *first).next().into_iter().chain(self.gone).min()
    }
}

/// The flushes that wait.
#[derive(Debug, Default)]
pub(super) struct Flushes(Vec<Weak<Flush>>);

/// One flush that waits for the batches up to a number.
#[derive(Debug)]
pub(super) struct Flush {
    pub(super) last: u64,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    replaced: u64,
    /// The operations of failed batches by the number of the batch, and whether they are unsent.
    failed: BTreeMap<u64, (u64, bool)>,
}

impl Flush {
    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn flushed(&self, settled_to: u64) -> Flushed {
        let Tally { accepted, replaced, failed } = &*self.lock();
        let sum = |unsent: bool| failed.values().filter(|(_, is_unsent)| *is_unsent == unsent).map(|(n, _)| n).sum();
        Flushed { accepted: *accepted, replaced: *replaced, failed: sum(false), unsent: sum(true), settled_to }
    }
}

impl Flushes {
    /// Starts one. It waits for failed batches that are to be pushed again, which are given with their operations.
    pub(super) fn start(&mut self, last: u64, waiting: impl Iterator<Item = (u64, u64)>) -> Arc<Flush> {
        let failed = waiting.map(|(batch, operations)| (batch, (operations, false))).collect();
        let flush = Arc::new(Flush { last, tally: Mutex::new(Tally { failed, ..Tally::default() }) });
        self.0.retain(|flush| flush.strong_count() > 0);
        self.0.push(Arc::downgrade(&flush));
        flush
    }

    fn tell(&self, origin: u64, tell: impl Fn(&mut Tally)) {
        let waiting = self.0.iter().filter_map(Weak::upgrade).filter(|flush| origin <= flush.last);
        waiting.for_each(|flush| tell(&mut flush.lock()));
    }

    pub(super) fn accepted(&self, origin: u64, operations: u64) {
        self.tell(origin, |tally| tally.accepted += operations);
    }

    pub(super) fn failed(&self, origin: u64, batch: u64, operations: u64, is_unsent: bool) {
        self.tell(origin, |tally| {
            // A batch that was pushed again in part hands back the rest, in parts.
            let (count, unsent) = tally.failed.entry(batch).or_default();
            *count += operations;
            *unsent = is_unsent;
        });
    }

    /// A failed batch of so many operations is under way again, without those that were replaced.
    pub(super) fn moved_on(&self, origin: u64, batch: u64, operations: u64, replaced: u64) {
        self.tell(origin, |tally| {
            if let Some((count, _)) = tally.failed.get_mut(&batch) {
                *count = count.saturating_sub(operations);
            }
            tally.replaced += replaced;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarantee_7_batches_that_nobody_has_any_more_are_one_number() {
        let mut numbers = FailedNumbers::default();
        let held = Arc::<SupersededOperations>::default();
        numbers.insert(7, 1, &held);
        for number in 0..100_000 {
            numbers.insert(10 + number, 2 + number, &Arc::default());
            assert!(numbers.held.len() <= 2 * FailedNumbers::FEW);
        }
        assert_eq!(numbers.first(), Some(7));
        numbers.remove(7, 1);
        assert_eq!(numbers.first(), Some(10));
    }
}
