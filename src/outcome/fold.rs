//! Folds the entries of the log into the outcomes of a run: pure, and the order of the entries does not matter.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::table::{Counts, ItemOutcome};
use super::verdict::Outcome;
use crate::model::{LogEntry, LogOperation, LogTask, OrderingId, fingerprint};
use crate::push::tracked::TrackedRun;

/// How many outcomes are kept with their reasons. Beyond, they are only counted.
const MOST: usize = 10_000;

/// The outcomes of a run so far.
pub(super) struct Fold {
    tracked: Option<Arc<Mutex<TrackedRun>>>,
    is_catalog: bool,
    /// The ordering ids of all batches of the run, where they are known: entries with another one are not of the run.
    ordering_ids: Option<HashSet<OrderingId>>,
    /// The weights of the outcomes of the tracked ids.
    weights: Vec<u8>,
    /// The troubles by their ids.
    told: BTreeMap<String, ItemOutcome>,
    /// The ids of further troubles, where nothing is tracked, by their weights.
    further: BTreeMap<u128, u8>,
    /// How many entries tell the end of an operation on a tracked id: indexed ones, and dropped ones.
    ends: [u64; 2],
    /// Batches that failed as a whole.
    pub(super) failed_batches: Vec<ItemOutcome>,
}

impl Fold {
    pub(super) fn new(
        tracked: Option<Arc<Mutex<TrackedRun>>>,
        is_catalog: bool,
        ordering_ids: Option<HashSet<OrderingId>>,
    ) -> Self {
        let ids = tracked.as_ref().map_or(0, |tracked| tracked.lock().unwrap_or_else(PoisonError::into_inner).len());
        let (told, further, failed_batches) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let (weights, ends) = (vec![0; ids], [0; 2]);
        Self { tracked, is_catalog, ordering_ids, weights, told, further, ends, failed_batches }
    }

    pub(super) fn add(&mut self, entries: Vec<LogEntry>) {
        let tracked = self.tracked.clone();
        let tracked = tracked.as_ref().map(|tracked| tracked.lock().unwrap_or_else(PoisonError::into_inner));
        for entry in entries {
            self.add_one(entry, tracked.as_deref());
        }
    }

    fn add_one(&mut self, entry: LogEntry, tracked: Option<&TrackedRun>) {
        if let (Some(own), Some(id)) = (&self.ordering_ids, entry.ordering_id())
            && !own.contains(&id)
        {
            return;
        }
        let Some(outcome) = Outcome::of(&entry, self.is_catalog) else { return };
        if entry.operation == LogOperation::BatchFile {
            if outcome.is_trouble() && tracked.is_none_or(|tracked| tracked.names_file(&entry.id)) {
                self.add_batch(entry, outcome);
            }
            return;
        }
        let weight = outcome.weight();
        if let Some(tracked) = tracked {
            let Some((place, deletes)) = tracked.find(&entry.id) else { return };
            let [indexed, dropped] = &mut self.ends;
            *indexed += u64::from(matches!(outcome, Outcome::Indexed | Outcome::Removed));
            *dropped += u64::from(outcome.is_dropped());
            // An entry about an earlier operation of another kind does not tell the end of the last one.
            let is_other = (deletes && outcome == Outcome::Indexed) || (!deletes && outcome == Outcome::Removed);
            let Some(known) = self.weights.get_mut(place).filter(|known| weight > **known && !is_other) else { return };
            *known = weight;
        } else if !outcome.is_trouble() {
            return;
        }
        if outcome.is_trouble() {
            self.tell(entry, outcome, tracked.is_some());
        }
    }

    fn tell(&mut self, entry: LogEntry, outcome: Outcome, is_tracked: bool) {
        let weight = outcome.weight();
        if let Some(known) = self.told.get_mut(&entry.id) {
            if weight > known.outcome.weight() {
                *known = ItemOutcome::new(entry, outcome);
            }
        } else if self.told.len() < MOST {
            self.told.insert(entry.id.clone(), ItemOutcome::new(entry, outcome));
        } else if !is_tracked {
            let known = self.further.entry(fingerprint(&entry.id)).or_default();
            *known = weight.max(*known);
        }
    }

    fn add_batch(&mut self, entry: LogEntry, outcome: Outcome) {
        if self.failed_batches.len() < MOST && !self.failed_batches.iter().any(|known| known.id == entry.id) {
            self.failed_batches.push(ItemOutcome::new(entry, outcome));
        }
    }

    /// From now on, all entries of trouble come, again or for the first time.
    pub(super) fn begin_troubles(&mut self) {
        self.ends[1] = 0;
    }

    /// The same for those of items in the index.
    pub(super) fn begin_indexed(&mut self) {
        self.ends[0] = 0;
    }

    /// How many operations on tracked ids came to their end.
    pub(super) fn ends(&self) -> u64 {
        self.ends.iter().sum()
    }

    pub(super) fn is_catalog(&self) -> bool {
        self.is_catalog
    }

    /// How many outcomes of each kind there are.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        if self.tracked.is_some() {
            self.weights.iter().for_each(|weight| counts.count(*weight));
        } else {
            self.told.values().for_each(|told| counts.count(told.outcome.weight()));
            self.further.values().for_each(|weight| counts.count(*weight));
        }
        counts
    }

    /// Whether every tracked id has an outcome.
    pub(super) fn is_all_told(&self) -> bool {
        self.tracked.is_some() && self.left() == 0
    }

    /// How many tracked ids have no outcome.
    pub(super) fn left(&self) -> u64 {
        self.weights.iter().filter(|weight| **weight < Outcome::Indexed.weight()).count() as u64
    }

    /// How many items are known to end before the index, and so have no entry of it.
    pub(super) fn ended_before_indexing(&self) -> u64 {
        let ends = |told: &&ItemOutcome| told.outcome.is_dropped() && told.at != LogTask::Indexing;
        self.told.values().filter(ends).count() as u64 + self.further.len() as u64
    }

    pub(super) fn into_told(self) -> Vec<ItemOutcome> {
        let mut told: Vec<_> = self.told.into_values().collect();
        told.sort_by(|a, b| b.outcome.weight().cmp(&a.outcome.weight()).then_with(|| a.id.cmp(&b.id)));
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogResult;

    fn failed(operation: LogOperation, number: usize) -> LogEntry {
        LogEntry::new(format!("a://{number}"), LogTask::Processing, operation, LogResult::Error)
    }

    #[test]
    fn troubles_beyond_those_that_are_kept_are_counted_once_each() {
        let mut fold = Fold::new(None, false, None);
        for _ in 0..2 {
            fold.add((0..MOST + 5).map(|number| failed(LogOperation::Add, number)).collect());
        }
        assert_eq!((fold.counts().failed, fold.ended_before_indexing()), (MOST as u64 + 5, MOST as u64 + 5));
        assert_eq!(fold.into_told().len(), MOST);
    }

    #[test]
    fn only_so_many_failed_batches_are_kept() {
        let mut fold = Fold::new(None, false, None);
        fold.add((0..MOST + 5).map(|number| failed(LogOperation::BatchFile, number)).collect());
        assert_eq!(fold.failed_batches.len(), MOST);
    }
}
