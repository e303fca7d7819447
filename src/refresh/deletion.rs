//! Decides whether old items are deleted.

use std::fmt;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::boundary::{Boundary, BoundarySource, LocalClock};
use crate::error::Error;
use crate::kernel::trace::{self, RunLabel};
use crate::model::OrderingId;
use crate::model::words::counted;
use crate::push::PushReport;

/// Whether old items are deleted.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeletionOutcome {
    /// The service accepted the deletion, and starts it after the
    /// [queue delay](super::RefreshBuilder::queue_delay).
    Accepted,
    /// The deletion was sent, but no response tells whether it was accepted. Every item was pushed before,
    /// so at worst the old items are still there; the next refresh deletes them.
    Unknown(Error),
    /// The deletion was not carried out: nothing is deleted.
    Failed(Error),
    /// The deletion was not sent: nothing is deleted.
    Skipped(DeletionSkipped),
}

/// Why old items were not deleted, or the stream of a load was not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeletionSkipped {
    /// The run is [`Incremental`](super::RefreshKind::Incremental).
    Incremental,
    /// The run was aborted.
    Aborted,
    /// The run had stopped, so that pushes may be missing.
    Stopped,
    /// The stream of a [load](crate::Catalog::load) is [too old](crate::LoadBuilder::max_age) to be closed.
    TooOld,
    /// A response to an update of a catalog had no readable ordering id, so the boundary is not known.
    OrderingIdUnknown,
    /// The [worker](crate::Refresh::ticket) with this index has no report: it might not have pushed its part.
    ReportMissing(u32),
    /// No report of the worker with this index is [complete](crate::report::WorkerReport::is_complete).
    ReportIncomplete(u32),
    /// Two attempts of the worker with this index are complete, or two reports of one attempt differ. Two machines
    /// may have taken the same index for different parts. Give the report that counts.
    ReportTwice(u32),
    /// A report is of a worker with this index, which the ticket does not have.
    ReportUnknown(u32),
    /// A report is of another run, which has this number.
    ReportOfAnotherRun(u64),
    /// This many operations failed with their batches.
    Failed(u64),
    /// This many operations were not sent.
    Unsent(u64),
    /// This many pushes were cancelled before they were queued.
    Cancelled(u64),
    /// This many items were refused, and
    /// [`delete_despite_refused`](super::RefreshBuilder::delete_despite_refused) is off.
    Refused(u64),
    /// This many items have no permissions, and
    /// [`allow_missing_permissions`](super::RefreshBuilder::allow_missing_permissions) was not called. A secured
    /// source accepts and then drops them.
    PermissionsMissing(u64),
    /// Nothing was added or updated. See
    /// [`expect_at_least`](super::RefreshBuilder::expect_at_least).
    NothingPushed,
    /// Fewer items were accepted than [expected](super::RefreshBuilder::expect_at_least).
    TooFew {
        /// The accepted operations that add or update.
        accepted: u64,
        /// The expected minimum.
        expected: u64,
    },
    /// The service's clock is more than a day from the local one, and
    /// [`trust_service_clock`](super::RefreshBuilder::trust_service_clock) was not called. A proxy may have
    /// written the `Date`.
    ClockOff(LocalClock),
    /// A batch was accepted at an earlier time than the boundary, by the service's own clock. The
    /// service's clocks disagree, so the deletion could delete items of the run itself.
    ClockWentBack {
        /// The boundary.
        boundary: OrderingId,
        /// The earliest time at which a batch was accepted.
        accepted: OrderingId,
    },
}

impl DeletionSkipped {
    /// A stable code for logs and tests, such as `nothing-pushed`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Aborted => "aborted",
            Self::Stopped => "stopped",
            Self::TooOld => "too-old",
            Self::OrderingIdUnknown => "ordering-id-unknown",
            Self::ReportMissing(_) => "report-missing",
            Self::ReportIncomplete(_) => "report-incomplete",
            Self::ReportTwice(_) => "report-twice",
            Self::ReportUnknown(_) => "report-unknown",
            Self::ReportOfAnotherRun(_) => "report-of-another-run",
            Self::Failed(_) => "failed",
            Self::Unsent(_) => "unsent",
            Self::Cancelled(_) => "cancelled",
            Self::Refused(_) => "refused",
            Self::PermissionsMissing(_) => "permissions-missing",
            Self::NothingPushed => "nothing-pushed",
            Self::TooFew { .. } => "too-few",
            Self::ClockOff(_) => "clock-off",
            Self::ClockWentBack { .. } => "clock-went-back",
        }
    }
}

impl fmt::Display for DeletionSkipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incremental => f.write_str("the run is incremental"),
            Self::Aborted => f.write_str("the run was aborted"),
            Self::Stopped => f.write_str("the run had stopped, and pushes may be missing"),
            Self::TooOld => f.write_str("its file containers may have expired; use a refresh, which has no such limit"),
            Self::OrderingIdUnknown => f.write_str("a response had no ordering id"),
            Self::ReportMissing(index) => write!(f, "worker {index} has no report"),
            Self::ReportIncomplete(index) => write!(f, "worker {index} has no complete report"),
            Self::ReportTwice(index) => {
                write!(f, "worker {index} has two reports that both count; give the one of the attempt that counts")
            }
            Self::ReportUnknown(index) => write!(f, "a report is of worker {index}, which the ticket does not have"),
            Self::ReportOfAnotherRun(run) => write!(f, "a report is of another run, number {run}"),
            Self::Failed(count) => write!(f, "{} failed", counted(*count, "operation", "operations")),
            Self::Unsent(count) => write!(f, "{} not sent", counted(*count, "operation was", "operations were")),
            Self::Cancelled(count) => write!(f, "{} cancelled", counted(*count, "push was", "pushes were")),
            Self::Refused(count) => write!(f, "{} refused", counted(*count, "operation was", "operations were")),
            Self::PermissionsMissing(items) => write!(
                f,
                "{items} items have no permissions and a secured source drops them; give them permissions, or set \
                 `allow_missing_permissions` for a private or shared source"
            ),
            Self::NothingPushed => f.write_str("nothing was pushed"),
            Self::TooFew { accepted, expected } => {
                write!(f, "{accepted} items were accepted, but at least {expected} were expected")
            }
            Self::ClockOff(clock) => {
                write!(
                    f,
                    "the local clock is {clock}, compared with the service's; correct it, or set `trust_service_clock`"
                )
            }
            Self::ClockWentBack { boundary, accepted } => {
                write!(
                    f,
                    "the service's clock went back: a batch was accepted at {accepted}, before the boundary {boundary}"
                )
            }
        }
    }
}

impl DeletionOutcome {
    pub(super) fn trace(&self, run: Option<&RunLabel>) {
        let skipped = match self {
            Self::Skipped(reason) => Some(reason.code()),
            Self::Accepted | Self::Unknown(_) | Self::Failed(_) => None,
        };
        trace::deletion_ended(run, skipped, self);
    }
}

impl fmt::Display for DeletionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("the deletion of the rest was accepted"),
            Self::Unknown(error) => write!(f, "the deletion of the rest may have been accepted ({error})"),
            Self::Failed(error) => write!(f, "nothing is deleted ({error})"),
            Self::Skipped(reason) => write!(f, "nothing is deleted, because {reason}"),
        }
    }
}

impl Serialize for DeletionOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line {
            outcome: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'static str>,
            message: String,
        }

        let (outcome, reason) = match self {
            Self::Accepted => ("accepted", None),
            Self::Unknown(_) => ("unknown", None),
            Self::Failed(_) => ("failed", None),
            Self::Skipped(skipped) => ("skipped", Some(skipped.code())),
        };
        Line { outcome, reason, message: self.to_string() }.serialize(serializer)
    }
}

/// The caller's conditions for the deletion.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DeletionSettings {
    pub(super) despite_refused: bool,
    pub(super) missing_permissions: bool,
    /// Whether the service's clock is trusted however far it is from the local one.
    pub(super) trusted_clock: bool,
    /// The least number of accepted operations that add or update. `None`: one.
    pub(super) at_least: Option<u64>,
}

/// The counts of a run that matter for the deletion.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Accepted operations that add or update.
    pub(super) added: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    pub(super) unsent: u64,
    /// Pushes that were dropped before they were queued.
    pub(super) cancelled: u64,
    /// Items without permissions.
    pub(super) without_permissions: u64,
    /// The earliest time, by the service's clock, at which a batch was accepted.
    pub(super) earliest: Option<SystemTime>,
}

impl Counts {
    pub(super) fn of(push: &PushReport) -> Self {
        Self {
            added: push.totals.accepted.saturating_sub(push.totals.deletions),
            failed: push.totals.failed,
            refused: push.totals.refused,
            unsent: push.totals.unsent,
            cancelled: push.totals.cancelled,
            without_permissions: push.totals.without_permissions,
            earliest: push.first_accepted,
        }
    }
}

/// Whether a run that was not aborted may delete everything older than its boundary: only when
/// everything was accepted. A run that deletes nothing has no boundary.
pub(super) fn may_delete(
    settings: DeletionSettings,
    boundary: Option<Boundary>,
    local_clock: Option<LocalClock>,
    run: Counts,
) -> Result<Boundary, DeletionSkipped> {
    let Some(boundary) = boundary else { return Err(DeletionSkipped::Incremental) };
    is_whole(settings, run)?;
    if let Some(clock) = local_clock.filter(|clock| clock.is_days_off() && !settings.trusted_clock) {
        return Err(DeletionSkipped::ClockOff(clock));
    }
    // With an ordering id of its own, the run does not depend on the service's clock.
    let earliest = run.earliest.map(OrderingId::from_time);
    match earliest.filter(|_| boundary.source != BoundarySource::OrderingId) {
        Some(accepted) if accepted < boundary.ordering_id => {
            Err(DeletionSkipped::ClockWentBack { boundary: boundary.ordering_id, accepted })
        }
        Some(_) | None => Ok(boundary),
    }
}

/// Whether everything was pushed and accepted, as far as the counts of a run tell.
pub(super) fn is_whole(settings: DeletionSettings, run: Counts) -> Result<(), DeletionSkipped> {
    let Counts { added, failed, refused, unsent, cancelled, without_permissions, earliest: _ } = run;
    if failed > 0 {
        return Err(DeletionSkipped::Failed(failed));
    }
    if unsent > 0 {
        return Err(DeletionSkipped::Unsent(unsent));
    }
    if cancelled > 0 {
        return Err(DeletionSkipped::Cancelled(cancelled));
    }
    if refused > 0 && !settings.despite_refused {
        return Err(DeletionSkipped::Refused(refused));
    }
    if without_permissions > 0 && !settings.missing_permissions {
        return Err(DeletionSkipped::PermissionsMissing(without_permissions));
    }
    match settings.at_least {
        None if added == 0 => Err(DeletionSkipped::NothingPushed),
        Some(expected) if added < expected => Err(DeletionSkipped::TooFew { accepted: added, expected }),
        None | Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(milliseconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_millis(milliseconds))
    }

    fn boundary(id: u64, source: BoundarySource) -> Option<Boundary> {
        Some(Boundary { ordering_id: OrderingId::new(id), source })
    }

    #[test]
    fn old_items_are_deleted_only_when_everything_was_accepted() {
        use BoundarySource::{Given, OrderingId, ServiceClock};

        let all = Counts { added: 100, ..Counts::default() };
        let plain = DeletionSettings::default();
        let despite = DeletionSettings { despite_refused: true, ..plain };
        let missing = DeletionSettings { missing_permissions: true, ..plain };
        let at_least = |items| DeletionSettings { at_least: Some(items), ..plain };
        let clock = boundary(5_000, ServiceClock);
        let given = boundary(5_000, Given);
        let shared = boundary(5_000, OrderingId);
        #[rustfmt::skip]
        let table = [
            (plain,             clock,  all,                                                "deleted"),
            (plain,             given,  all,                                                "deleted"),
            (plain,             shared, all,                                                "deleted"),
            (despite,           clock,  all,                                                "deleted"),
            (plain,             None,   all,                                                "incremental"),
            (despite,           None,   Counts { failed: 1, ..all },                        "incremental"),
            (plain,             clock,  Counts { failed: 1, ..all },                        "failed"),
            (despite,           clock,  Counts { failed: 1, refused: 1, ..all },            "failed"),
            (plain,             clock,  Counts { unsent: 1, ..all },                        "unsent"),
            (despite,           clock,  Counts { unsent: 1, ..all },                        "unsent"),
            (plain,             clock,  Counts { cancelled: 1, ..all },                     "cancelled"),
            (despite,           clock,  Counts { cancelled: 1, ..all },                     "cancelled"),
            (plain,             clock,  Counts { refused: 1, ..all },                       "refused"),
            (at_least(0),       clock,  Counts { refused: 1, ..all },                       "refused"),
            (despite,           clock,  Counts { refused: 1, ..all },                       "deleted"),
            (despite,           clock,  Counts { without_permissions: 1, ..all },           "permissions-missing"),
            (missing,           clock,  Counts { without_permissions: 1, ..all },           "deleted"),
            (plain,             clock,  Counts::default(),                                  "nothing-pushed"),
            (despite,           clock,  Counts { refused: 9, ..Counts::default() },         "nothing-pushed"),
            (at_least(0),       clock,  Counts::default(),                                  "deleted"),
            (at_least(1),       clock,  Counts::default(),                                  "too-few"),
            (at_least(50),      clock,  all,                                                "deleted"),
            (at_least(100),     clock,  all,                                                "deleted"),
            (at_least(101),     clock,  all,                                                "too-few"),
            (at_least(u64::MAX), clock, all,                                                "too-few"),
            (plain,             clock,  Counts { earliest: at(5_000), ..all },              "deleted"),
            (plain,             clock,  Counts { earliest: at(4_999), ..all },              "clock-went-back"),
            (plain,             given,  Counts { earliest: at(4_999), ..all },              "clock-went-back"),
            (plain,             shared, Counts { earliest: at(0), ..all },                  "deleted"),
        ];
        for (settings, boundary, run, expected) in table {
            let decided = may_delete(settings, boundary, None, run);
            if let Ok(decided) = decided {
                assert_eq!(Some(decided), boundary);
            }
            let word = decided.map_or_else(DeletionSkipped::code, |_| "deleted");
            assert_eq!(word, expected, "{settings:?} {boundary:?} {run:?}");
        }
    }

    #[test]
    fn a_clock_that_is_more_than_a_day_off_deletes_nothing_unless_it_is_trusted() {
        let (run, clock) = (Counts { added: 1, ..Counts::default() }, boundary(5_000, BoundarySource::ServiceClock));
        let day = Duration::from_secs(86_400);
        for (by, is_off) in [(Duration::ZERO, false), (day, false), (day + Duration::from_millis(1), true)] {
            for local_clock in [LocalClock::Ahead(by), LocalClock::Behind(by)].map(Some) {
                for trusted_clock in [false, true] {
                    let settings = DeletionSettings { trusted_clock, ..DeletionSettings::default() };
                    let decided = may_delete(settings, clock, local_clock, run);
                    assert_eq!(decided.is_err(), is_off && !trusted_clock, "{local_clock:?}");
                }
            }
        }
    }

    #[test]
    fn every_reason_has_a_code_of_its_own_and_a_sentence() {
        let id = OrderingId::new(1);
        let all = [
            DeletionSkipped::Incremental,
            DeletionSkipped::Aborted,
            DeletionSkipped::ReportMissing(2),
            DeletionSkipped::ReportIncomplete(2),
            DeletionSkipped::ReportTwice(2),
            DeletionSkipped::ReportUnknown(2),
            DeletionSkipped::ReportOfAnotherRun(2),
            DeletionSkipped::Failed(2),
            DeletionSkipped::Unsent(2),
            DeletionSkipped::Cancelled(2),
            DeletionSkipped::Refused(2),
            DeletionSkipped::PermissionsMissing(2),
            DeletionSkipped::ClockOff(LocalClock::Ahead(Duration::from_secs(90_000))),
            DeletionSkipped::NothingPushed,
            DeletionSkipped::TooFew { accepted: 1, expected: 10 },
            DeletionSkipped::ClockWentBack { boundary: id, accepted: id },
        ];
        let codes: std::collections::BTreeSet<_> = all.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), all.len());
        let json = serde_json::to_value(DeletionOutcome::Skipped(DeletionSkipped::Failed(2))).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "outcome": "skipped",
                "reason": "failed",
                "message": "nothing is deleted, because 2 operations failed",
            })
        );
    }
}
