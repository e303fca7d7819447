//! The result of a sync.

use std::fmt;

use serde::Serialize;

use super::deletion::{MissingKept, MissingOutcome};
use super::error::LedgerError;
use crate::error::Error;
use crate::model::words::shortened;
use crate::push::{PushError, PushReport};
use crate::refresh::IdleOutcome;

/// The result of a sync: [`finish`](crate::SyncRun::finish), [`abort`](crate::SyncRun::abort).
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct SyncReport {
    /// The id of the source, the catalog or the provider.
    pub target: String,
    /// Accepted items that the ledger did not know.
    pub added: u64,
    /// Accepted items that the ledger knew, with another fingerprint, an old one or none, and accepted partial updates.
    pub updated: u64,
    /// Items that were skipped, because the ledger has them as they are.
    pub unchanged: u64,
    /// Accepted deletions.
    pub deleted: u64,
    /// Ids that were said to [exist](crate::SyncRun::keep).
    pub kept: u64,
    /// Ids that an earlier run left in doubt. They were pushed again, or deleted.
    pub in_doubt_before: u64,
    /// Ids that are in doubt at the end: the next sync pushes them again, or deletes them.
    pub in_doubt: u64,
    /// The fate of the items that the run did not see.
    pub missing: MissingOutcome,
    /// Set when nearly everything changed, although little was expected to.
    pub mostly_changed: Option<MostlyChanged>,
    /// The first error of the ledger. The run stopped because of it.
    #[serde(serialize_with = "as_text")]
    pub ledger_error: Option<LedgerError>,
    /// Whether the source is idle again.
    pub idle: IdleOutcome,
    /// The result of all operations that were pushed; skipped ones are not among them.
    pub push: PushReport,
}

/// Over 90 % of the items of a large ledger differ from the last run: maybe by a key that always changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MostlyChanged {
    /// How many items differ.
    pub different: u64,
    /// How many items were compared.
    pub compared: u64,
    /// A key whose value differs, of one of the items that the ledger keeps a sample of.
    pub key: Option<String>,
}

impl MostlyChanged {
    /// From so many compared items on a ledger is large.
    pub(super) const MANY: u64 = 1000;
}

fn as_text<S: serde::Serializer>(error: &Option<LedgerError>, to: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(ToString::to_string).serialize(to)
}

impl SyncReport {
    /// Whether everything was pushed or skipped, missing items were deleted (except in a feed of changes), the ledger
    /// was written and the source is idle.
    ///
    /// Refused items do not count here: they are in [`push`](Self::push).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_deleted = match self.missing {
            MissingOutcome::Deleted(_) => true,
            MissingOutcome::Kept(reason) => reason == MissingKept::ChangesOnly,
        };
        let is_idle = !matches!(self.idle, IdleOutcome::Failed(_));
        self.push.is_complete() && is_deleted && self.ledger_error.is_none() && is_idle
    }

    /// The report, or an error with it when the run is not [complete](Self::is_complete).
    ///
    /// # Errors
    ///
    /// [`SyncError::Incomplete`].
    pub fn into_result(self) -> Result<Self, SyncError> {
        if self.is_complete() { Ok(self) } else { Err(SyncError::Incomplete(Box::new(self))) }
    }
}

/// One line for people.
impl fmt::Display for SyncReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, added, updated, unchanged, deleted, kept, in_doubt_before, in_doubt, .. } = self;
        let (failed, refused) = (self.push.totals.failed + self.push.totals.unsent, self.push.totals.refused);
        write!(
            f,
            "sync of {target}: {added} added, {updated} updated, {unchanged} unchanged, {deleted} deleted, {failed} \
             failed, {refused} refused"
        )?;
        for (count, what) in
            [(kept, "kept"), (in_doubt_before, "in doubt from before"), (in_doubt, "in doubt for the next sync")]
        {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(
            f,
            "; {}; {} API calls, {:.1} s",
            self.missing,
            self.push.totals.api_calls,
            self.push.elapsed.as_secs_f64()
        )?;
        if let Some(MostlyChanged { different, compared, key }) = &self.mostly_changed {
            write!(f, "; {different} of {compared} items differ from the last run")?;
            if let Some(key) = key {
                write!(f, ", one of them in `{}`: if it says nothing, set `ignore_keys`", shortened(key))?;
            }
        }
        if let Some(error) = &self.ledger_error {
            write!(f, "; {error}")?;
        }
        match &self.idle {
            IdleOutcome::NotNeeded => Ok(()),
            idle => write!(f, "; {idle}"),
        }
    }
}

/// Why a sync did not start, or is incomplete.
///
/// It converts from [`PushError`] and [`Error`], so that `?` works on pushes and on other calls between the start and the
/// end of a sync. A sync that is dropped because of such an error deletes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The source holds less than 90 % of the ledger's items. Someone rebuilt or emptied it, the ledger is a copy of
    /// another time, or the service drops items. Nothing was sent.
    #[error(
        "the source `{target}` holds {held} items, but the ledger says {known}: to push everything, sync once with \
         `push_all(true)`, or call `Ledger::forget` if the source was emptied; if the service drops items, see \
         `Ledger::verify_with`; `check_source(false)` leaves out this check"
    )]
    SourceHoldsLess {
        /// The id of the source.
        target: String,
        /// How many items it holds.
        held: u64,
        /// How many items the ledger recorded more than an hour ago, and are not in doubt.
        known: u64,
    },
    /// A push failed.
    #[error("a push failed")]
    Push(#[from] PushError),
    /// Another call failed.
    #[error("a call failed")]
    Call(#[from] Error),
    /// Operations failed, missing items were not deleted, the ledger was not written, or the source is not idle. See
    /// the report.
    #[error("the sync is incomplete: {}{}", .0, .0.push.first_reasons())]
    Incomplete(Box<SyncReport>),
}
