//! The reports of the workers of a refresh: whether together they account for the whole run. Pure, like the deletion.

use std::collections::BTreeMap;

use super::deletion::DeletionSkipped;
use super::worker_report::WorkerReport;
use crate::push::{Progress, PushReport};

/// The workers of a run, by its last ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Workers {
    /// The number of the run. Reports with another one are of another run.
    pub(super) run: u64,
    pub(super) count: u32,
}

impl Workers {
    /// So many workers of a run of its own. The number keeps all of its digits in programs that read numbers as
    /// floating point.
    pub(super) fn new(count: u32) -> Self {
        Self { run: fastrand::u64(1..1 << 53), count: count.max(1) }
    }
}

/// The reports of all workers, counted.
#[derive(Debug, Default)]
pub(super) struct CountedReports {
    /// The sum of the reports that count.
    sum: PushReport,
    has_workers: bool,
    /// Whether the ordering id of any accepted batch is unknown.
    has_unknown_ordering_id: bool,
    /// Why they do not account for the whole run.
    reason: Option<DeletionSkipped>,
}

impl CountedReports {
    /// Every worker must have exactly one complete report. The order of the reports has no meaning.
    pub(super) fn new(workers: Workers, reports: &[WorkerReport]) -> Self {
        let mut by_worker: BTreeMap<u32, Vec<&WorkerReport>> = BTreeMap::new();
        let (mut foreign, mut unknown) = (None, None);
        for report in reports {
            let index = report.index;
            if report.run != workers.run {
                foreign = foreign.max(Some(report.run));
            } else if index >= workers.count {
                unknown = unknown.max(Some(index));
            } else {
                let others = by_worker.entry(index).or_default();
                // One that came twice counts once.
                if !others.iter().any(|other| other.is_copy_of(report)) {
                    others.push(report);
                }
            }
        }
        let mut counted = Self {
            has_workers: !reports.is_empty(),
            reason: foreign.map(DeletionSkipped::ReportOfAnotherRun).or(unknown.map(DeletionSkipped::ReportUnknown)),
            ..Self::default()
        };
        let missing = (0..workers.count).find(|index| !by_worker.contains_key(index));
        let mut wrong = missing.map(|index| (index, DeletionSkipped::ReportMissing(index)));
        for (index, reports) in &by_worker {
            let mut complete = reports.iter().filter(|report| report.is_complete());
            let problem = match (complete.next(), complete.next()) {
                (Some(one), None) if !is_contradicted(one, reports) => {
                    counted.add(&one.push);
                    continue;
                }
                (Some(_), _) => DeletionSkipped::ReportTwice(*index),
                (None, _) => DeletionSkipped::ReportIncomplete(*index),
            };
            reports.iter().for_each(|report| counted.add(&report.push));
            wrong = wrong.filter(|(other, _)| other < index).or(Some((*index, problem)));
        }
        counted.reason = counted.reason.or(wrong.map(|(_, problem)| problem));
        counted
    }

    /// The sum with the pushes of the run itself, and whether together they account for the whole run.
    pub(super) fn with(mut self, own: PushReport) -> (PushReport, Result<(), DeletionSkipped>) {
        self.add(&own);
        let mut sum = self.sum;
        if self.has_unknown_ordering_id {
            sum.lowest_ordering_id = None;
        }
        sum.elapsed = own.elapsed;
        sum.target = own.target;
        // Workers do not say which ids they pushed.
        sum.tracked = own.tracked.filter(|_| !self.has_workers);
        sum.failed_batches = own.failed_batches;
        (sum, self.reason.map_or(Ok(()), Err))
    }

    fn add(&mut self, report: &PushReport) {
        let sum = &mut self.sum;
        add(&mut sum.totals, &report.totals);
        sum.first_accepted = sum.first_accepted.into_iter().chain(report.first_accepted).min();
        sum.last_accepted = sum.last_accepted.max(report.last_accepted);
        sum.lowest_ordering_id = sum.lowest_ordering_id.into_iter().chain(report.lowest_ordering_id).min();
        let has_accepted = report.totals.accepted > 0 || report.totals.batches_accepted > 0;
        self.has_unknown_ordering_id |= has_accepted && report.lowest_ordering_id.is_none();
        extend(&mut sum.batch_samples, &report.batch_samples);
        extend(&mut sum.refused_samples, &report.refused_samples);
        extend(&mut sum.warning_samples, &report.warning_samples);
    }
}

/// Whether another report says that it is of the same attempt.
fn is_contradicted(one: &WorkerReport, reports: &[&WorkerReport]) -> bool {
    reports.iter().filter(|other| other.attempt == one.attempt).count() > 1
}

fn extend<T: Clone>(samples: &mut Vec<T>, more: &[T]) {
    let room = PushReport::SAMPLES.saturating_sub(samples.len());
    samples.extend(more.iter().take(room).cloned());
}

fn add(sum: &mut Progress, more: &Progress) {
    // With all fields, so that none is forgotten.
    let Progress {
        pushed,
        uploaded,
        accepted,
        replaced,
        failed,
        refused,
        unsent,
        deletions,
        cancelled,
        warned,
        without_permissions,
        bytes_queued,
        bytes_uploaded,
        batches_accepted,
        batches_failed,
        api_calls,
        retries,
        throttled,
        // A place in one run: it has no sum.
        settled_to: _,
    } = more;
    let add = |sum: &mut u64, more: &u64| *sum = sum.saturating_add(*more);
    add(&mut sum.pushed, pushed);
    add(&mut sum.uploaded, uploaded);
    add(&mut sum.accepted, accepted);
    add(&mut sum.replaced, replaced);
    add(&mut sum.failed, failed);
    add(&mut sum.refused, refused);
    add(&mut sum.unsent, unsent);
    add(&mut sum.deletions, deletions);
    add(&mut sum.cancelled, cancelled);
    add(&mut sum.warned, warned);
    add(&mut sum.without_permissions, without_permissions);
    add(&mut sum.bytes_queued, bytes_queued);
    add(&mut sum.bytes_uploaded, bytes_uploaded);
    add(&mut sum.batches_accepted, batches_accepted);
    add(&mut sum.batches_failed, batches_failed);
    add(&mut sum.api_calls, api_calls);
    add(&mut sum.retries, retries);
    sum.throttled = sum.throttled.saturating_add(*throttled);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;
    use crate::model::OrderingId;

    const RUN: u64 = 7;

    /// A report of an attempt that pushed this many items.
    fn report(index: u32, attempt: u64, items: u64) -> WorkerReport {
        let mut push = PushReport::default();
        (push.totals.pushed, push.totals.accepted) = (items, items);
        WorkerReport { run: RUN, index, attempt, is_finished: true, push, failed: Vec::new() }
    }

    fn changed(mut report: WorkerReport, change: impl FnOnce(&mut WorkerReport)) -> WorkerReport {
        change(&mut report);
        report
    }

    /// Of two workers, in any order.
    fn counted(reports: &[WorkerReport]) -> (u64, &'static str) {
        let workers = Workers { run: RUN, count: 2 };
        let (sum, counted) = CountedReports::new(workers, reports).with(PushReport::default());
        (sum.totals.accepted, counted.map_or_else(DeletionSkipped::code, |()| "whole"))
    }

    #[test]
    fn guarantee_11_every_worker_needs_exactly_one_complete_report() {
        let aborted = |index, attempt| changed(report(index, attempt, 5), |it| it.is_finished = false);
        let failed = changed(report(1, 11, 5), |it| {
            (it.push.totals.accepted, it.push.totals.failed) = (4, 1);
        });
        let unsent = changed(report(1, 11, 5), |it| {
            (it.push.totals.accepted, it.push.totals.unsent) = (4, 1);
        });
        let cancelled = changed(report(1, 11, 5), |it| it.push.totals.cancelled = 1);
        let lost = changed(report(1, 11, 5), |it| it.push.totals.pushed = 6);
        let endless = changed(report(1, 11, u64::MAX), |it| it.push.totals.refused = 1);
        let refused = changed(report(1, 11, 5), |it| {
            (it.push.totals.accepted, it.push.totals.refused) = (4, 1);
        });
        let other = changed(report(1, 11, 5), |it| it.run = 8);
        let (zero, one) = (|| report(0, 10, 5), || report(1, 11, 5));
        #[rustfmt::skip]
        let table: [(Vec<WorkerReport>, u64, &str); 21] = [
            (vec![zero(), one()],                           10, "whole"),
            (vec![zero(), one(), one()],                    10, "whole"),
            (vec![zero(), one(), aborted(1, 12)],           10, "whole"),
            (vec![zero(), one(), aborted(1, 12), aborted(1, 13)], 10, "whole"),
            (vec![zero(), report(1, 11, 0)],                 5, "whole"),
            // The refresh judges refused items by their sum.
            (vec![zero(), refused],                          9, "whole"),
            (vec![],                                         0, "report-missing"),
            (vec![zero()],                                   5, "report-missing"),
            (vec![zero(), zero()],                           5, "report-missing"),
            (vec![zero(), aborted(1, 11)],                  10, "report-incomplete"),
            (vec![zero(), failed],                           9, "report-incomplete"),
            (vec![zero(), unsent],                           9, "report-incomplete"),
            (vec![zero(), cancelled],                       10, "report-incomplete"),
            (vec![zero(), lost],                            10, "report-incomplete"),
            (vec![zero(), endless],                   u64::MAX, "report-incomplete"),
            (vec![zero(), one(), report(1, 12, 5)],         15, "report-twice"),
            // Two reports of one attempt that differ.
            (vec![zero(), one(), report(1, 11, 6)],         16, "report-twice"),
            (vec![zero(), one(), aborted(1, 11)],           15, "report-twice"),
            (vec![zero(), one(), report(2, 12, 5)],         10, "report-unknown"),
            (vec![zero(), one(), other],                    10, "report-of-another-run"),
            (vec![aborted(0, 10), report(9, 12, 5)],         5, "report-unknown"),
        ];
        for (mut reports, accepted, expected) in table {
            for _ in 0..reports.len().max(1) {
                assert_eq!(counted(&reports), (accepted, expected), "{reports:?}");
                if !reports.is_empty() {
                    reports.rotate_left(1);
                }
            }
        }
    }

    #[test]
    fn without_a_ticket_no_report_counts_and_none_is_missed() {
        for (reports, is_whole) in [(vec![], true), (vec![report(0, 1, 1)], false)] {
            let own = PushReport { elapsed: Duration::from_secs(3), ..PushReport::default() };
            let (sum, counted) = CountedReports::new(Workers::default(), &reports).with(own);
            assert_eq!((counted.is_ok(), sum.totals.accepted, sum.elapsed.as_secs()), (is_whole, 0, 3));
        }
    }

    #[test]
    fn the_sum_has_the_earliest_time_and_the_lowest_ordering_id_if_all_are_known() {
        let at = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        let pushed = |index, seconds, id: Option<u64>| {
            changed(report(index, 1, 5), |it| {
                (it.push.first_accepted, it.push.last_accepted) = (at(seconds), at(seconds + 10));
                it.push.lowest_ordering_id = id.map(OrderingId::new);
            })
        };
        let workers = Workers { run: RUN, count: 2 };
        for (first, second, lowest) in [(Some(5), Some(6), Some(5)), (Some(6), None, None), (None, Some(5), None)] {
            let reports = [pushed(0, 20, first), pushed(1, 10, second)];
            let (sum, _) = CountedReports::new(workers, &reports).with(PushReport::default());
            assert_eq!((sum.first_accepted, sum.last_accepted), (at(10), at(30)));
            assert_eq!(sum.lowest_ordering_id.map(u64::from), lowest);
        }
        // A worker without any item has no ordering id, and needs none.
        let reports = [pushed(0, 20, Some(5)), report(1, 1, 0)];
        let (sum, _) = CountedReports::new(workers, &reports).with(PushReport::default());
        assert_eq!(sum.lowest_ordering_id.map(u64::from), Some(5));
    }

    proptest! {
        #[test]
        fn guarantee_11_whatever_reports_come_in_whatever_order_only_whole_runs_delete(
            // Worker, attempt, whether it is complete, how often it comes.
            attempts in prop::collection::vec((0..5_u32, prop::bool::weighted(0.8), 0..3_usize), 0..9),
            is_foreign in prop::bool::weighted(0.1),
            order in any::<u64>(),
        ) {
            const WORKERS: u32 = 4;
            let mut reports = Vec::new();
            for (attempt, (index, is_complete, times)) in attempts.iter().enumerate() {
                for _ in 0..*times {
                    let one = report(*index, attempt as u64, 1 << attempt);
                    reports.push(changed(one, |it| it.is_finished = *is_complete));
                }
            }
            if is_foreign {
                reports.push(changed(report(0, 99, 1), |it| it.run = 8));
            }
            let given = |index: u32| attempts.iter().enumerate().filter(move |(_, it)| it.0 == index && it.2 > 0);
            let complete = |index| given(index).filter(|(_, it)| it.1).map(|(attempt, _)| 1_u64 << attempt).collect::<Vec<_>>();
            let is_whole = !is_foreign && given(WORKERS).count() == 0 && (0..WORKERS).all(|index| complete(index).len() == 1);
            let workers = Workers { run: RUN, count: WORKERS };
            let (sum, counted) = CountedReports::new(workers, &reports).with(PushReport::default());
            prop_assert_eq!(counted.is_ok(), is_whole);
            if is_whole {
                prop_assert_eq!(sum.totals.accepted, (0..WORKERS).flat_map(complete).sum::<u64>());
            }
            fastrand::Rng::with_seed(order).shuffle(&mut reports);
            let (again, decided) = CountedReports::new(workers, &reports).with(PushReport::default());
            prop_assert_eq!((again.totals, decided), (sum.totals, counted));
        }
    }
}
