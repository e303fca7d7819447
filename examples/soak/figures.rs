//! What happened, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use coveo_push::Outcomes;
use coveo_push::report::{DeletionOutcome, RefreshReport, SyncReport};

use crate::bulk::Outcome;
use crate::faults::Counting;
use crate::kind::Kind;
use crate::merges::Merges;
use crate::model::Fate;
use crate::plan::Way;
use crate::products::Products;
use crate::updates::Updates;

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) rounds: u64,
    /// The time of all rounds, by their own clock.
    pub(crate) time: Duration,
    pub(crate) runs: u64,
    /// Refreshes and loads that were ended, and those that deleted old items.
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
    catalogs: Catalogs,
    syncs: Syncs,
    sharded: Sharded,
    outcomes: Told,
    /// Pushes and calls that were dropped, and runs that were dropped or aborted.
    pub(crate) cancellations: u64,
    /// Failed requests, by their outcome.
    pub(crate) faults: BTreeMap<String, u64>,
}

/// The operations and runs of catalogs.
#[derive(Debug, Default)]
struct Catalogs {
    updates: u64,
    merges: u64,
    refreshes: u64,
    loads: u64,
    closed: u64,
}

#[derive(Debug, Default)]
struct Syncs {
    runs: u64,
    complete: u64,
    /// Ended without a report.
    crashed: u64,
    unchanged: u64,
    in_doubt: u64,
}

#[derive(Debug, Default)]
struct Sharded {
    refreshes: u64,
    workers: u64,
    attempts: u64,
    deletions: u64,
}

/// The outcomes of tracked runs.
#[derive(Debug, Default)]
struct Told {
    runs: u64,
    items: u64,
    dropped: u64,
}

impl Figures {
    pub(crate) fn count_outcome<K: Kind>(&mut self, outcome: &Outcome<K>) {
        let Outcome { last, failed, cancellations, deletion, not_begun, .. } = outcome;
        self.runs += 1;
        self.operations += last.pushed - last.refused;
        self.refused += last.refused;
        self.batches += last.batches_accepted;
        self.retries += last.retries;
        self.refreshes += u64::from(deletion.is_some());
        self.deletions += u64::from(*deletion == Some(Fate::Done));
        self.not_begun += u64::from(*not_begun);
        self.failed_batches += failed.len() as u64;
        self.cancellations += cancellations;
    }

    pub(crate) fn count_catalogs(
        &mut self,
        updated: &Outcome<Updates>,
        renewed: &Outcome<Products>,
        merged: &Outcome<Merges>,
    ) {
        let Catalogs { updates, merges, refreshes, loads, closed } = &mut self.catalogs;
        *updates += updated.taken.len() as u64;
        *merges += merged.taken.len() as u64;
        let is_load = renewed.way == Way::Load;
        *refreshes += u64::from(!is_load);
        *loads += u64::from(is_load);
        *closed += u64::from(is_load && renewed.deletion == Some(Fate::Done));
    }

    pub(crate) fn count_sync(&mut self, report: Option<&SyncReport>) {
        let Syncs { runs, complete, crashed, unchanged, in_doubt } = &mut self.syncs;
        *runs += 1;
        let Some(report) = report else {
            *crashed += 1;
            return;
        };
        *complete += u64::from(report.is_complete());
        *crashed += u64::from(report.ledger_error.is_some());
        *unchanged += report.unchanged;
        *in_doubt += report.in_doubt_before;
    }

    pub(crate) fn count_sharded(&mut self, of_workers: u32, made: usize, report: &RefreshReport) {
        let Sharded { refreshes, workers, attempts, deletions } = &mut self.sharded;
        *refreshes += 1;
        *workers += u64::from(of_workers);
        *attempts += made as u64;
        *deletions += u64::from(matches!(report.deletion, DeletionOutcome::Accepted));
    }

    pub(crate) fn count_told(&mut self, told: &Outcomes) {
        let Told { runs, items, dropped } = &mut self.outcomes;
        *runs += 1;
        *items += told.items;
        *dropped += told.dropped();
    }

    pub(crate) fn count_faults(&mut self, transport: &Counting) {
        for (kind, times) in transport.take() {
            *self.faults.entry(kind).or_default() += times;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, runs, operations, refused, batches, failed_batches, pushed_again, retries, .. } = self;
        let Self { refreshes, deletions, not_begun, time, single_calls, sweeps, cancellations, faults, .. } = self;
        let Self { catalogs, syncs, sharded, outcomes, .. } = self;
        let days = time.as_secs_f64() / 86_400.0;
        write!(
            f,
            "{rounds} rounds of {days:.1} days in all; {runs} runs, {refreshes} of them \
             refreshes of which {deletions} deleted what was old ({not_begun} did not begin), {operations} \
             operations, {refused} refused, {batches} batches accepted, {failed_batches} failed, {pushed_again} of \
             these pushed again, {retries} retries; {single_calls} single calls, {sweeps} sweeps; {cancellations} cancellations"
        )?;
        let Catalogs { updates, merges, refreshes, loads, closed } = catalogs;
        write!(
            f,
            "; catalogs: {updates} updates, {merges} merges, {refreshes} refreshes, {loads} loads of which {closed} were closed"
        )?;
        let Syncs { runs, complete, crashed, unchanged, in_doubt } = syncs;
        write!(
            f,
            "; {runs} syncs, {complete} of them complete and {crashed} crashed or dropped, {unchanged} items unchanged, \
             {in_doubt} in doubt"
        )?;
        let Sharded { refreshes, workers, attempts, deletions } = sharded;
        write!(
            f,
            "; {refreshes} sharded refreshes by {workers} workers in {attempts} attempts, {deletions} of them deleted \
             old items"
        )?;
        let Told { runs, items, dropped } = outcomes;
        write!(f, "; outcomes of {items} items in {runs} runs, {dropped} dropped; faults:")?;
        faults.iter().try_for_each(|(kind, times)| write!(f, " {kind} {times}"))
    }
}
