use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{LogOperation, LogResult, LogTask};

/// How many log entries there are, by each of their properties: [`Logs::counts`](crate::Logs::counts).
///
/// The counts are of each property by itself: the service does not tell how many entries have a task and a result
/// together. Ask with a filter for one of them to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct LogCounts {
    /// By the stage.
    pub tasks: BTreeMap<LogTask, u64>,
    /// By the operation.
    pub operations: BTreeMap<LogOperation, u64>,
    /// By the result.
    pub results: BTreeMap<LogResult, u64>,
    /// By the source.
    pub source_ids: BTreeMap<String, u64>,
    /// By the indexing pipeline extension.
    pub resource_ids: BTreeMap<String, u64>,
}

impl LogCounts {
    /// How many entries there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        sum(self.results.values().copied())
    }

    /// How many entries have this stage.
    #[must_use]
    pub fn task(&self, task: &LogTask) -> u64 {
        self.tasks.get(task).copied().unwrap_or_default()
    }

    /// How many entries have this result.
    #[must_use]
    pub fn result(&self, result: &LogResult) -> u64 {
        self.results.get(result).copied().unwrap_or_default()
    }

    /// How many entries say that something went wrong: errors, rejected and skipped operations, and warnings.
    #[must_use]
    pub fn troubles(&self) -> u64 {
        let kinds = [LogResult::Error, LogResult::Rejected, LogResult::Warning, LogResult::Skipped];
        sum(kinds.iter().map(|result| self.result(result)))
    }

    /// Adds the counts of another range.
    pub(crate) fn add(&mut self, other: Self) {
        fn add<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
            for (key, count) in from {
                let sum = to.entry(key).or_default();
                *sum = sum.saturating_add(count);
            }
        }

        add(&mut self.tasks, other.tasks);
        add(&mut self.operations, other.operations);
        add(&mut self.results, other.results);
        add(&mut self.source_ids, other.source_ids);
        add(&mut self.resource_ids, other.resource_ids);
    }
}

/// The sum of counts, which may be any numbers.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_any_size_have_a_sum() {
        let json = format!(r#"{{"results":{{"ERROR":{0},"WARNING":{0}}},"tasks":{{"INDEXING":{0}}}}}"#, u64::MAX);
        let mut counts: LogCounts = serde_json::from_str(&json).unwrap();
        counts.add(counts.clone());
        assert_eq!(
            (counts.total(), counts.troubles(), counts.task(&LogTask::Indexing)),
            (u64::MAX, u64::MAX, u64::MAX)
        );
    }
}
