use std::fmt;

use serde::Serialize;

use super::boundary::{Boundary, LocalClock, NotBegun};
use super::deletion::{DeletionOutcome, DeletionSkipped};
use super::idle::IdleOutcome;
use super::kind::RefreshKind;
use crate::push::{PushError, PushReport};

/// What became of a refresh. It is always there, after [`finish`](super::Refresh::finish) and after
/// [`abort`](super::Refresh::abort).
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct RefreshReport {
    /// The source, or the provider.
    pub target: String,
    /// What the run was; `None` for identities.
    pub kind: Option<RefreshKind>,
    /// What separates the items of the run from those that were there before; `None` when nothing was
    /// to be deleted.
    pub boundary: Option<Boundary>,
    /// How far the local clock was off the service's when the run began; `None` when the service did
    /// not say. In seconds when it is serialised. In a test with paused time the fake's clock goes with
    /// that time and the local one does not, so it is off by what the test has let pass.
    pub local_clock: Option<LocalClock>,
    /// What became of the deletion of what is old.
    pub deletion: DeletionOutcome,
    /// Whether the source is idle again.
    pub idle: IdleOutcome,
    /// What became of everything that was pushed. The calls that begin and end the refresh are not in
    /// its counts.
    pub push: PushReport,
}

impl RefreshReport {
    /// Whether the run did all that it was to do: everything was pushed, the deletion of what is old
    /// was sent (or none was to be), and the source is idle.
    ///
    /// A deletion of which no answer says whether it was accepted counts as sent.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_sent = match &self.deletion {
            DeletionOutcome::Accepted | DeletionOutcome::Unknown(_) => true,
            DeletionOutcome::Skipped(reason) => *reason == DeletionSkipped::Incremental,
            DeletionOutcome::Failed(_) => false,
        };
        is_sent && self.push.is_complete() && !matches!(self.idle, IdleOutcome::Failed(_))
    }

    /// The report itself, or an error with it when the run is not [complete](Self::is_complete).
    ///
    /// # Errors
    ///
    /// [`RefreshError::Incomplete`].
    pub fn into_result(self) -> Result<Self, RefreshError> {
        if self.is_complete() { Ok(self) } else { Err(RefreshError::Incomplete(Box::new(self))) }
    }
}

/// One line that a person can read.
impl fmt::Display for RefreshReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, kind, boundary, local_clock, deletion, idle, push } = self;
        match kind {
            Some(kind) => write!(f, "{kind} of {target}: ")?,
            None => write!(f, "refresh of {target}: ")?,
        }
        write!(f, "{push}; {deletion}")?;
        if let Some(boundary) = boundary {
            write!(f, "; old is what is below {boundary}")?;
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

/// Why a refresh did not do all it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// It did not begin: nothing was pushed and nothing deleted.
    #[error("the refresh did not begin ({idle})")]
    NotBegun {
        /// Why not.
        #[source]
        reason: NotBegun,
        /// Whether the source is idle.
        idle: IdleOutcome,
    },
    /// A push did not take its item. A refresh that is dropped for it deletes nothing.
    #[error(transparent)]
    Push(#[from] PushError),
    /// Something was not pushed, or what is old was not deleted, or the source is not idle. The report
    /// has it.
    #[error("the refresh is incomplete: {}{}", .0, .0.push.first_reasons())]
    Incomplete(Box<RefreshReport>),
}
