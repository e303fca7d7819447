//! The facts about a failed call that all its errors share.

use std::time::Duration;

use crate::operation::Operation;

/// The record of a failed call, whatever the error: the `call()` of every error that belongs to
/// one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRecord {
    pub(crate) operation: Operation,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) may_have_been_applied: bool,
    pub(crate) held: bool,
    pub(crate) is_out_of_budget: bool,
    /// Whether the call ended because its container or content might have expired.
    pub(crate) has_expired: bool,
}

impl CallRecord {
    /// A call that has sent nothing yet.
    pub(crate) fn new(operation: Operation) -> Self {
        Self {
            operation,
            attempts: 0,
            elapsed: Duration::ZERO,
            may_have_been_applied: false,
            held: false,
            is_out_of_budget: false,
            has_expired: false,
        }
    }

    /// The operation. For a call of several steps, this is the step that failed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// How many times the request was sent; 0 when it was not sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The time from the start of the call to the error, waits included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Whether the service may have carried the operation out all the same: an attempt was sent, and its
    /// response was lost, was a failure of the server, or could not be read.
    #[must_use]
    pub fn may_have_been_applied(&self) -> bool {
        self.may_have_been_applied
    }

    /// Whether the call ended because its host was held: earlier calls to it had no usable response, so
    /// nothing was sent there but a probe from time to time, and the call might not wait any longer.
    #[must_use]
    pub fn held(&self) -> bool {
        self.held
    }

    /// The end of a message: how many attempts there were, when there were several, and what ended them.
    pub(super) fn after_attempts(&self) -> String {
        match self.attempts_made() {
            made if made.is_empty() => made,
            made => format!(" ({made})"),
        }
    }

    /// How many attempts there were, when there were several, and what ended them.
    pub(super) fn attempts_made(&self) -> String {
        let why = match (self.held, self.is_out_of_budget) {
            (true, _) => ", and the host is held",
            (_, true) => ", and the retry budget is used up",
            _ => "",
        };
        match self.attempts {
            0 if self.held => "not sent: the host did not answer earlier calls".to_owned(),
            0 => String::new(),
            1 if why.is_empty() => String::new(),
            1 => format!("after 1 attempt{why}"),
            attempts => format!("after {attempts} attempts{why}"),
        }
    }
}
