use std::fmt;

use serde::Serialize;

use super::boundary::{Boundary, LocalClock, StartError};
use super::deletion::{DeletionOutcome, DeletionSkipped};
use super::idle::IdleOutcome;
use super::kind::RefreshKind;
use crate::error::Error;
use crate::push::{PushError, PushReport};

/// The result of a refresh, returned by [`finish`](super::Refresh::finish) and
/// [`abort`](super::Refresh::abort).
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct RefreshReport {
    /// The source, or the provider.
    pub target: String,
    /// The kind of the run. `None` for identities.
    pub kind: Option<RefreshKind>,
    /// Separates the items of the run from older ones. `None` for a run that deletes nothing.
    pub boundary: Option<Boundary>,
    /// The difference between the local clock and the service's at the start of the run. `None` when the
    /// service told no time. Serialized in seconds. In a test with paused time, only the fake's clock
    /// follows the paused time, so the difference includes the time that the test let pass.
    pub local_clock: Option<LocalClock>,
    /// Whether old items are deleted.
    pub deletion: DeletionOutcome,
    /// Whether the source is idle again.
    pub idle: IdleOutcome,
    /// The result of all pushes. Its counts do not include the calls that start and end the refresh.
    pub push: PushReport,
}

impl RefreshReport {
    /// Whether the run is complete: everything was pushed, the deletion of old items was sent (except
    /// in an incremental run, which has none), and the source is idle.
    ///
    /// A deletion with the outcome [`Unknown`](DeletionOutcome::Unknown) counts as sent.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_sent = match &self.deletion {
            DeletionOutcome::Accepted | DeletionOutcome::Unknown(_) => true,
            DeletionOutcome::Skipped(reason) => *reason == DeletionSkipped::Incremental,
            DeletionOutcome::Failed(_) => false,
        };
        is_sent && self.push.is_complete() && !matches!(self.idle, IdleOutcome::Failed(_))
    }

    /// The report, or an error with the report when the run is not [complete](Self::is_complete).
    ///
    /// # Errors
    ///
    /// [`RefreshError::Incomplete`].
    pub fn into_result(self) -> Result<Self, RefreshError> {
        if self.is_complete() { Ok(self) } else { Err(RefreshError::Incomplete(Box::new(self))) }
    }
}

/// One line for people.
impl fmt::Display for RefreshReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, kind, boundary, local_clock, deletion, idle, push } = self;
        match kind {
            Some(kind) => write!(f, "{kind} of {target}: ")?,
            None => write!(f, "refresh of {target}: ")?,
        }
        write!(f, "{push}; {deletion}")?;
        if let Some(boundary) = boundary {
            write!(f, "; the rest is older than {boundary}")?;
        }
        if let Some(local_clock) = local_clock.filter(|clock| clock.is_off()) {
            write!(f, "; the local clock is {local_clock}")?;
        }
        match idle {
            IdleOutcome::NotNeeded => Ok(()),
            IdleOutcome::Set | IdleOutcome::Failed(_) => write!(f, "; {idle}"),
        }
    }
}

/// Why a refresh is incomplete.
///
/// It converts from [`PushError`] and [`Error`], so that `?` works on pushes and on other calls between
/// the start and the end of a refresh. A refresh that is dropped because of such an error deletes
/// nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The refresh did not start: nothing was pushed and nothing deleted.
    #[error("the refresh did not start ({idle})")]
    NotStarted {
        /// Why the refresh did not start.
        #[source]
        reason: StartError,
        /// Whether the source is idle.
        idle: IdleOutcome,
    },
    /// A push failed.
    #[error("a push failed")]
    Push(#[from] PushError),
    /// Another call failed.
    #[error("a call failed")]
    Call(#[from] Error),
    /// Operations failed, old items were not deleted, or the source is not idle. See the report.
    #[error("the refresh is incomplete: {}{}", .0, .0.push.first_reasons())]
    Incomplete(Box<RefreshReport>),
}
