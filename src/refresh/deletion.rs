//! Whether what is old may be deleted.

use std::fmt;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::boundary::{Boundary, BoundarySource};
use crate::error::Error;
use crate::model::OrderingId;

/// What became of the deletion of what is old.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeletionOutcome {
    /// The service accepted it, and begins with it after the
    /// [queue delay](super::RefreshBuilder::queue_delay).
    Accepted,
    /// It was sent, and no answer says whether it was accepted. Every item was pushed before that, so
    /// the worst that can be is that what is old is still there; the next refresh deletes it.
    Unknown(Error),
    /// The service refused it: nothing is deleted.
    Failed(Error),
    /// It was not sent: nothing is deleted.
    Skipped(DeletionSkipped),
}

/// Why what is old was not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeletionSkipped {
    /// The run is [`Incremental`](super::RefreshKind::Incremental).
    Incremental,
    /// The run was aborted.
    Aborted,
    /// So many operations are in batches that failed.
    Failed(u64),
    /// So many operations were not sent.
    Unsent(u64),
    /// So many pushes were cancelled before they were taken.
    Cancelled(u64),
    /// So many items were refused, and
    /// [`delete_despite_refused`](super::RefreshBuilder::delete_despite_refused) was not said.
    Refused(u64),
    /// Nothing was added or updated, and that was not [expected](super::RefreshBuilder::expected).
    NothingPushed,
    /// Far fewer items were pushed than there should be.
    FarFewer {
        /// Operations that add or update, and that were accepted.
        pushed: u64,
        /// How many there should be.
        expected: u64,
        /// How many fewer would have been right, too.
        tolerance: u64,
    },
    /// Something in the run was accepted at an earlier time than the boundary, by the service's own
    /// clock: the clocks of the service do not agree, and the run would delete what it pushed.
    ClockWentBack {
        /// The boundary.
        boundary: OrderingId,
        /// The earliest time at which a batch was accepted.
        accepted: OrderingId,
    },
}

impl DeletionSkipped {
    /// A word for it, for logs and for tests; it does not change.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Aborted => "aborted",
            Self::Failed(_) => "failed",
            Self::Unsent(_) => "unsent",
            Self::Cancelled(_) => "cancelled",
            Self::Refused(_) => "refused",
            Self::NothingPushed => "nothing-pushed",
            Self::FarFewer { .. } => "far-fewer",
            Self::ClockWentBack { .. } => "clock-went-back",
        }
    }
}

impl fmt::Display for DeletionSkipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incremental => f.write_str("the run is incremental"),
            Self::Aborted => f.write_str("the run was aborted"),
            Self::Failed(operations) => write!(f, "{operations} operations failed"),
            Self::Unsent(operations) => write!(f, "{operations} operations were not sent"),
            Self::Cancelled(pushes) => write!(f, "{pushes} pushes were cancelled"),
            Self::Refused(operations) => write!(f, "{operations} operations were refused"),
            Self::NothingPushed => f.write_str("nothing was pushed"),
            Self::FarFewer { pushed, expected, tolerance } => {
                write!(f, "{pushed} were pushed, and {expected} (or {tolerance} fewer) were expected")
            }
            Self::ClockWentBack { boundary, accepted } => {
                write!(f, "the service's clock went back: a batch was accepted at {accepted}, before {boundary}")
            }
        }
    }
}

impl fmt::Display for DeletionOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("the deletion of what is old was accepted"),
            Self::Unknown(error) => write!(f, "the deletion of what is old may have been accepted ({error})"),
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

/// What a caller said of when to delete.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DeletionSettings {
    pub(super) despite_refused: bool,
    pub(super) expected: Option<Expected>,
}

/// How many items there should be, and how many fewer are right, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    pub(super) items: u64,
    pub(super) tolerance: u64,
}

/// What a run pushed, as far as it matters here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Accepted operations that add or update.
    pub(super) added: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    pub(super) unsent: u64,
    /// Pushes that were dropped before they were taken.
    pub(super) cancelled: u64,
    /// The service's clock when it accepted a batch, the earliest time of all.
    pub(super) earliest: Option<SystemTime>,
}

/// Whether a run that was not aborted may delete what is older than its boundary, which a run that
/// deletes nothing has not: only when everything was pushed that there is.
pub(super) fn may_delete(
    settings: DeletionSettings,
    boundary: Option<Boundary>,
    run: Counts,
) -> Result<Boundary, DeletionSkipped> {
    let Some(boundary) = boundary else { return Err(DeletionSkipped::Incremental) };
    let Counts { added, failed, refused, unsent, cancelled, earliest } = run;
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
    match settings.expected {
        None if added == 0 => return Err(DeletionSkipped::NothingPushed),
        Some(Expected { items, tolerance }) if added < items.saturating_sub(tolerance) => {
            return Err(DeletionSkipped::FarFewer { pushed: added, expected: items, tolerance });
        }
        None | Some(_) => {}
    }
    // What carries an ordering id of the run's own is not ordered by the service's clock.
    let earliest = earliest.map(OrderingId::from_time).filter(|_| boundary.source != BoundarySource::OrderingId);
    match earliest {
        Some(accepted) if accepted < boundary.ordering_id => {
            Err(DeletionSkipped::ClockWentBack { boundary: boundary.ordering_id, accepted })
        }
        Some(_) | None => Ok(boundary),
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
    fn what_is_old_is_deleted_only_when_everything_was_pushed() {
        use BoundarySource::{Given, OrderingId, ServiceClock};

        let all = Counts { added: 100, ..Counts::default() };
        let plain = DeletionSettings::default();
        let despite = DeletionSettings { despite_refused: true, ..plain };
        let expect = |items, tolerance| DeletionSettings { expected: Some(Expected { items, tolerance }), ..plain };
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
            (expect(100, 100),  clock,  Counts { refused: 1, ..all },                       "refused"),
            (despite,           clock,  Counts { refused: 1, ..all },                       "deleted"),
            (plain,             clock,  Counts::default(),                                  "nothing-pushed"),
            (despite,           clock,  Counts { refused: 9, ..Counts::default() },         "nothing-pushed"),
            (expect(0, 0),      clock,  Counts::default(),                                  "deleted"),
            (expect(100, 0),    clock,  all,                                                "deleted"),
            (expect(101, 0),    clock,  all,                                                "far-fewer"),
            (expect(101, 1),    clock,  all,                                                "deleted"),
            (expect(50, 0),     clock,  all,                                                "deleted"),
            (expect(100, 200),  clock,  Counts::default(),                                  "deleted"),
            (expect(u64::MAX, 0), clock, all,                                               "far-fewer"),
            (plain,             clock,  Counts { earliest: at(5_000), ..all },              "deleted"),
            (plain,             clock,  Counts { earliest: at(4_999), ..all },              "clock-went-back"),
            (plain,             given,  Counts { earliest: at(4_999), ..all },              "clock-went-back"),
            (plain,             shared, Counts { earliest: at(0), ..all },                  "deleted"),
        ];
        for (settings, boundary, run, expected) in table {
            let decided = may_delete(settings, boundary, run);
            if let Ok(decided) = decided {
                assert_eq!(Some(decided), boundary);
            }
            let word = decided.map_or_else(DeletionSkipped::code, |_| "deleted");
            assert_eq!(word, expected, "{settings:?} {boundary:?} {run:?}");
        }
    }

    #[test]
    fn every_reason_has_a_code_of_its_own_and_a_sentence() {
        let id = OrderingId::new(1);
        let all = [
            DeletionSkipped::Incremental,
            DeletionSkipped::Aborted,
            DeletionSkipped::Failed(2),
            DeletionSkipped::Unsent(2),
            DeletionSkipped::Cancelled(2),
            DeletionSkipped::Refused(2),
            DeletionSkipped::NothingPushed,
            DeletionSkipped::FarFewer { pushed: 1, expected: 10, tolerance: 2 },
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
