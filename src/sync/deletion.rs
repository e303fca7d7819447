//! Whether the missing items are deleted: pure.

use std::fmt;

use serde::Serialize;

use crate::model::words::counted;

/// The fate of the items that the ledger knows and the run did not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MissingOutcome {
    /// So many deletions were pushed. Whether they were accepted is in the push report.
    Deleted(u64),
    /// Nothing was deleted.
    Kept(MissingKept),
}

/// Why missing items were not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MissingKept {
    /// The run got a feed of changes.
    ChangesOnly,
    /// The run was aborted.
    Aborted,
    /// The run stopped: a batch failed, or the ledger.
    Stopped,
    /// So many operations failed.
    Failed(u64),
    /// So many operations were not sent.
    Unsent(u64),
    /// So many pushes were dropped before they were queued.
    Cancelled(u64),
    /// So many items came whose id could not be read.
    UnknownIds(u64),
    /// Fewer ids were seen than expected.
    TooFew {
        /// The number of ids that were seen.
        seen: u64,
        /// The least number.
        expected: u64,
    },
    /// More would be deleted than is allowed.
    TooMany {
        /// The number of missing ids.
        missing: u64,
        /// The number of ids that the ledger knew before the run.
        known: u64,
    },
}

impl fmt::Display for MissingOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted(0) => f.write_str("nothing was missing"),
            Self::Deleted(count) => write!(f, "{count} missing items are deleted"),
            Self::Kept(reason) => write!(f, "missing items are not deleted, because {reason}"),
        }
    }
}

impl fmt::Display for MissingKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangesOnly => f.write_str("the run got only changes"),
            Self::Aborted => f.write_str("the run was aborted"),
            Self::Stopped => f.write_str("the run stopped"),
            Self::Failed(count) => write!(f, "{} failed", counted(*count, "operation", "operations")),
            Self::Unsent(count) => write!(f, "{} not sent", counted(*count, "operation was", "operations were")),
            Self::Cancelled(count) => {
                let pushes = counted(*count, "push was dropped before it was", "pushes were dropped before they were");
                write!(f, "{pushes} queued")
            }
            Self::UnknownIds(count) => {
                write!(f, "{} came whose id could not be read", counted(*count, "item", "items"))
            }
            Self::TooFew { seen, expected } => write!(f, "{seen} ids came, but at least {expected} were expected"),
            Self::TooMany { missing, known } => {
                write!(
                    f,
                    "{missing} of {known} ids are missing; if they are really gone, set `allow_deleting({missing})`"
                )
            }
        }
    }
}

/// The caller's conditions.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeletionSettings {
    pub(super) changes_only: bool,
    pub(super) at_least: u64,
    pub(super) at_most: Option<u64>,
}

impl Default for DeletionSettings {
    fn default() -> Self {
        Self { changes_only: false, at_least: 1, at_most: None }
    }
}

/// The counts of a run that matter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RunCounts {
    pub(super) has_stopped: bool,
    pub(super) failed: u64,
    pub(super) unsent: u64,
    pub(super) cancelled: u64,
    pub(super) without_id: u64,
    pub(super) seen: u64,
}

/// Whether missing items may be deleted, as far as the run tells.
pub(super) fn may_delete(settings: DeletionSettings, run: RunCounts) -> Result<(), MissingKept> {
    let RunCounts { has_stopped, failed, unsent, cancelled, without_id, seen } = run;
    if settings.changes_only {
        return Err(MissingKept::ChangesOnly);
    }
    for (count, reason) in [
        (failed, MissingKept::Failed as fn(u64) -> MissingKept),
        (unsent, MissingKept::Unsent),
        (cancelled, MissingKept::Cancelled),
        (without_id, MissingKept::UnknownIds),
    ] {
        if count > 0 {
            return Err(reason(count));
        }
    }
    if has_stopped {
        return Err(MissingKept::Stopped);
    }
    let expected = settings.at_least;
    if seen < expected { Err(MissingKept::TooFew { seen, expected }) } else { Ok(()) }
}

/// Whether so many of the known ids may be deleted.
pub(super) fn may_delete_so_many(settings: DeletionSettings, missing: u64, known: u64) -> Result<(), MissingKept> {
    const ALWAYS: u64 = 100;
    let is_allowed = match settings.at_most {
        Some(most) => missing <= most,
        None => missing <= ALWAYS || missing <= known / 2,
    };
    if is_allowed { Ok(()) } else { Err(MissingKept::TooMany { missing, known }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarantee_14_missing_items_are_deleted_only_after_a_whole_run() {
        let (plain, all) = (DeletionSettings::default(), RunCounts { seen: 10, ..RunCounts::default() });
        let feed = DeletionSettings { changes_only: true, ..plain };
        let at_least = |at_least| DeletionSettings { at_least, ..plain };
        for (settings, run, expected) in [
            (plain, all, Ok(())),
            (feed, all, Err(MissingKept::ChangesOnly)),
            (plain, RunCounts { failed: 1, ..all }, Err(MissingKept::Failed(1))),
            (plain, RunCounts { unsent: 2, ..all }, Err(MissingKept::Unsent(2))),
            (plain, RunCounts { cancelled: 3, ..all }, Err(MissingKept::Cancelled(3))),
            (plain, RunCounts { without_id: 4, ..all }, Err(MissingKept::UnknownIds(4))),
            (plain, RunCounts { has_stopped: true, ..all }, Err(MissingKept::Stopped)),
            (plain, RunCounts::default(), Err(MissingKept::TooFew { seen: 0, expected: 1 })),
            (at_least(0), RunCounts::default(), Ok(())),
            (at_least(10), all, Ok(())),
            (at_least(11), all, Err(MissingKept::TooFew { seen: 10, expected: 11 })),
        ] {
            assert_eq!(may_delete(settings, run), expected, "{settings:?} {run:?}");
        }
    }

    #[test]
    fn guarantee_14_more_than_half_and_more_than_a_hundred_are_deleted_only_when_allowed() {
        let plain = DeletionSettings::default();
        let allowed = |items| DeletionSettings { at_most: Some(items), ..plain };
        for (settings, missing, known, is_allowed) in [
            (plain, 0, 0, true),
            (plain, 100, 100, true),
            (plain, 101, 202, true),
            (plain, 101, 201, false),
            (allowed(101), 101, 101, true),
            (allowed(100), 101, 1_000_000, false),
            (allowed(0), 1, 1_000, false),
        ] {
            assert_eq!(
                may_delete_so_many(settings, missing, known).is_ok(),
                is_allowed,
                "{settings:?} {missing} {known}"
            );
        }
    }
}
