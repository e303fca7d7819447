//! The facts about a failed call that all its errors share.

use std::time::Duration;

use crate::operation::Operation;

/// The operation and the attempts of a call, in every error that follows an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallRecord {
    pub(crate) operation: Operation,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    /// Whether an attempt may have been carried out although no success was seen.
    pub(crate) may_have_been_applied: bool,
}
