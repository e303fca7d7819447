use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::push::{FailedBatchSummary, PushReport};

/// The report of one worker of a refresh: [`RefreshWorker::finish`](crate::RefreshWorker::finish). Send it to the refresh
/// as JSON, and give all of them to [`Refresh::finish_with`](crate::Refresh::finish_with).
///
/// Its JSON can be read back: all of it but the bytes of failed batches, which are only in the report that the worker
/// itself got.
#[derive(Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The number of the run, from its ticket.
    pub run: u64,
    /// Which worker it is, from 0.
    pub index: u32,
    /// A random number of this attempt: a worker that is started again has another one.
    pub attempt: u64,
    /// Whether the worker ended with [`finish`](crate::RefreshWorker::finish), and could push until then.
    pub is_finished: bool,
    /// The result of all pushes of the worker.
    #[serde(serialize_with = "without_failed_batches")]
    pub push: PushReport,
    /// The failed and unsent batches of the report, without their bytes.
    pub failed: Vec<FailedBatchSummary>,
}

impl WorkerReport {
    /// Whether the worker pushed its whole part: it finished, and no operation failed, was cancelled or was not sent.
    /// Refused items are left to the refresh to judge.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let totals = &self.push.totals;
        let done = [totals.accepted, totals.replaced, totals.refused].into_iter().try_fold(0_u64, u64::checked_add);
        // Reject a report whose counts do not add up.
        self.is_finished && totals.cancelled == 0 && self.push.is_complete() && done == Some(totals.pushed)
    }

    /// Whether both are the same report, which came twice.
    pub(super) fn is_copy_of(&self, other: &Self) -> bool {
        let of = |report: &Self| {
            let PushReport { totals, first_accepted, lowest_ordering_id, .. } = &report.push;
            (report.attempt, report.is_finished, totals.counts(), *first_accepted, *lowest_ordering_id)
        };
        of(self) == of(other)
    }
}

/// One line for people.
impl fmt::Display for WorkerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}: {}", self.index, self.push)?;
        f.write_str(if self.is_complete() { "; complete" } else { "; incomplete" })
    }
}

fn without_failed_batches<S: Serializer>(push: &PushReport, serializer: S) -> Result<S::Ok, S::Error> {
    push.without_failed_batches().serialize(serializer)
}
