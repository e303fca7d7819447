//! What happened, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use coveo_push::report::Progress;

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) rounds: u64,
    /// The time of all rounds, by their own clock.
    pub(crate) time: Duration,
    pub(crate) runs: u64,
    /// Refreshes that were ended, and those that deleted old items.
    pub(crate) refreshes: u64,
    pub(crate) deletions: u64,
    pub(crate) not_begun: u64,
    pub(crate) operations: u64,
    pub(crate) refused: u64,
    pub(crate) batches: u64,
    pub(crate) failed_batches: u64,
    pub(crate) pushed_again: u64,
    pub(crate) retries: u64,
    pub(crate) single_calls: u64,
    pub(crate) sweeps: u64,
    /// Pushes and calls that were dropped, and runs that were dropped or aborted.
    pub(crate) cancellations: u64,
    /// Failed requests, by their outcome.
    pub(crate) faults: BTreeMap<String, u64>,
}

impl Figures {
    pub(crate) fn count_run(&mut self, progress: &Progress) {
        self.runs += 1;
        self.operations += progress.pushed - progress.refused;
        self.refused += progress.refused;
        self.batches += progress.batches_accepted;
        self.retries += progress.retries;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, runs, operations, refused, batches, failed_batches, pushed_again, retries, .. } = self;
        let Self { refreshes, deletions, not_begun, time, single_calls, sweeps, cancellations, faults, .. } = self;
        let days = time.as_secs_f64() / 86_400.0;
        write!(
            f,
            "{rounds} rounds of {days:.1} days in all; {runs} runs, {refreshes} of them \
             refreshes of which {deletions} deleted what was old ({not_begun} did not begin), {operations} \
             operations, {refused} refused, {batches} batches accepted, {failed_batches} failed, {pushed_again} of \
             these pushed again, {retries} retries; {single_calls} single calls, {sweeps} sweeps; {cancellations} cancellations; faults:"
        )?;
        faults.iter().try_for_each(|(kind, times)| write!(f, " {kind} {times}"))
    }
}
