//! The outcomes of a run, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::verdict::Outcome;
use crate::model::words::one_line;
use crate::model::{DateTime, LogEntry, LogOperation, LogTask};

/// The outcome of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ItemOutcome {
    /// The document id; for a batch the text with which the log names its file.
    pub id: String,
    /// Its outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The operation.
    pub operation: LogOperation,
    /// The stage of the entry that told it.
    pub at: LogTask,
    /// When, by the service's clock.
    pub datetime: DateTime,
}

impl ItemOutcome {
    pub(super) fn new(entry: LogEntry, outcome: Outcome) -> Self {
        let LogEntry { id, operation, task, datetime, .. } = entry;
        Self { id, outcome, operation, at: task, datetime }
    }
}

/// How many items have each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Counts {
    /// In the index. Always 0 for a run that tracks nothing, as its items are not known.
    pub indexed: u64,
    /// Deleted from the index. Always 0 for a run that tracks nothing.
    pub removed: u64,
    /// Dropped, or rejected.
    pub failed: u64,
    /// Not carried out.
    pub skipped: u64,
    /// Done with a remark.
    pub warned: u64,
    /// Not told by the log. Always 0 for a run that tracks nothing.
    pub unknown: u64,
}

impl Counts {
    /// Counts an outcome of this weight.
    pub(super) fn count(&mut self, weight: u8) {
        let of = |outcome: Outcome| outcome.weight() == weight;
        let reason = String::new;
        let count = if of(Outcome::Indexed) {
            &mut self.indexed
        } else if of(Outcome::Removed) {
            &mut self.removed
        } else if of(Outcome::Skipped { reason: reason() }) {
            &mut self.skipped
        } else if of(Outcome::Warned { stage: LogTask::Indexing, reason: reason() }) {
            &mut self.warned
        } else if of(Outcome::Failed { stage: LogTask::Indexing, reason: reason() }) {
            &mut self.failed
        } else {
            &mut self.unknown
        };
        *count += 1;
    }
}

/// How far the search for outcomes is: [`FindOutcomes::on_progress`](crate::request::FindOutcomes::on_progress).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutcomeProgress {
    /// The time since the start.
    pub elapsed: Duration,
    /// The requests of the logs so far, without retries.
    pub calls: u32,
    /// How many operations of the run the service accepted.
    pub accepted: u64,
    /// How many entries of the source say that the index took or deleted an item, whoever pushed it.
    pub indexed_in_source: u64,
    /// How many entries of the source tell of trouble, whoever pushed the items.
    pub troubles_in_source: u64,
    /// The outcomes that are known.
    pub known: Counts,
}

/// The outcomes of the accepted operations of a run: [`PushReport::outcomes`](crate::report::PushReport::outcomes).
///
/// It prints as a table of the reasons, with examples, and serialises with every item that it tells of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Outcomes {
    /// The source, or the data collection.
    pub target: String,
    /// Whether the run tracked its items. If not, all troubles in the source since the run are told, whoever pushed the
    /// items.
    pub is_tracked: bool,
    /// How many operations the service accepted.
    pub accepted: u64,
    /// How many different items the accepted operations were about; 0 if the run tracked nothing.
    pub items: u64,
    /// How many items have each outcome.
    #[serde(flatten)]
    pub counts: Counts,
    /// The items with trouble: failed, then skipped, then warned ones, in the order of their ids. At most 10,000.
    pub told: Vec<ItemOutcome>,
    /// Batches that failed as a whole. Their items are unknown.
    pub failed_batches: Vec<ItemOutcome>,
    /// Whether the log has told everything. If not, the wait ended before. It is `false`, too, when an item was pushed
    /// several times in the run and a retried batch may have been applied twice: then the number of entries to wait for is
    /// not known.
    pub is_settled: bool,
    /// The requests of the logs, without retries.
    pub calls: u32,
}

impl Outcomes {
    /// How many items the service dropped: failed and skipped ones.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.counts.failed.saturating_add(self.counts.skipped)
    }

    /// Whether the log says of every item that it is indexed or removed. A run that tracks nothing never says so.
    #[must_use]
    pub fn is_all_indexed(&self) -> bool {
        let done = self.counts.indexed.checked_add(self.counts.removed);
        self.is_tracked && self.failed_batches.is_empty() && done == Some(self.items)
    }

    /// The items that the service dropped, with their reasons.
    pub fn dropped_items(&self) -> impl Iterator<Item = &ItemOutcome> {
        self.told.iter().filter(|told| told.outcome.is_dropped())
    }
}

/// A summary in one line, and a table of the reasons.
impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, is_tracked, accepted, items, counts, told, failed_batches, is_settled, .. } = self;
        let Counts { indexed, removed, failed, skipped, warned, unknown } = counts;
        if *is_tracked {
            write!(
                f,
                "outcomes of {items} items in {target}: {indexed} indexed, {removed} removed, {failed} failed, {skipped} \
                 skipped, {warned} warned, {unknown} unknown"
            )?;
        } else {
            write!(
                f,
                "troubles in {target} since the run of {accepted} accepted operations: {failed} failed, {skipped} \
                 skipped, {warned} warned"
            )?;
        }
        if !is_settled {
            f.write_str("; the log has not told everything yet")?;
        }
        let mut groups: BTreeMap<(u8, String), (u64, &str)> = BTreeMap::new();
        for told in told.iter().chain(failed_batches) {
            let kind = if told.operation == LogOperation::BatchFile { "batch " } else { "" };
            let key = (u8::MAX - told.outcome.weight(), format!("{kind}{}", told.outcome));
            groups.entry(key).or_insert((0, &told.id)).0 += 1;
        }
        for ((_, outcome), (count, example)) in groups {
            write!(f, "\n{count:>8}  {}", one_line(&outcome))?;
            write!(f, "\n          such as {}", one_line(example))?;
        }
        Ok(())
    }
}
