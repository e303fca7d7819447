//! Spans and events, with the feature `tracing`; nothing without it.
//!
//! They carry the operation, the attempt, the status and the delay, and never a key, a body or a
//! query.

use std::time::Duration;

use http::StatusCode;

use crate::error::SendErrorKind;
use crate::finding::Finding;
use crate::operation::Operation;

#[cfg(feature = "tracing")]
mod on {
    use super::{Duration, Finding, Operation, SendErrorKind, StatusCode};
    use tracing::Instrument;

    pub(crate) fn in_span<F: Future>(operation: Operation, call: F) -> impl Future<Output = F::Output> {
        call.instrument(tracing::info_span!("coveo_push", operation = operation.name()))
    }

    /// Runs a part of a caller's future, in a task of its own, in the caller's span.
    pub(crate) fn in_current_span<F: Future>(task: F) -> impl Future<Output = F::Output> {
        task.in_current_span()
    }

    pub(crate) fn responded(operation: Operation, attempt: u32, status: StatusCode, took: Duration) {
        let (operation, status) = (operation.name(), status.as_u16());
        tracing::debug!(operation, attempt, status, ?took, "response");
    }

    pub(crate) fn not_responded(operation: Operation, attempt: u32, kind: SendErrorKind, took: Duration) {
        tracing::debug!(operation = operation.name(), attempt, %kind, ?took, "no response");
    }

    pub(crate) fn retrying(operation: Operation, attempt: u32, status: Option<StatusCode>, delay: Duration) {
        let (operation, status) = (operation.name(), status.map(|status| status.as_u16()));
        tracing::warn!(operation, attempt, status, ?delay, "trying again after a delay");
    }

    pub(crate) fn held_back(operation: Operation, delay: Duration) {
        tracing::info!(operation = operation.name(), ?delay, "held back, as the service asked");
    }

    pub(crate) fn refused_by_hold(operation: Operation) {
        tracing::warn!(operation = operation.name(), "given up: the host is held, and this call may wait no longer");
    }

    pub(crate) fn out_of_budget(operation: Operation) {
        tracing::warn!(operation = operation.name(), "not tried again: the retry budget is used up");
    }

    pub(crate) fn out_of_range(setting: &'static str, given: usize, taken: usize) {
        tracing::warn!(setting, given, taken, "a setting is out of its range: the nearest value is taken");
    }

    pub(crate) fn found(operation: Operation, finding: &Finding) {
        let (operation, rule) = (operation.name(), finding.rule().code());
        tracing::warn!(operation, rule, item = finding.item(), "the service may drop this");
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use super::{Duration, Finding, Operation, SendErrorKind, StatusCode};

    pub(crate) fn in_span<F: Future>(_: Operation, call: F) -> F {
        call
    }

    pub(crate) fn in_current_span<F: Future>(task: F) -> F {
        task
    }

    pub(crate) fn responded(_: Operation, _: u32, _: StatusCode, _: Duration) {}

    pub(crate) fn not_responded(_: Operation, _: u32, _: SendErrorKind, _: Duration) {}

    pub(crate) fn retrying(_: Operation, _: u32, _: Option<StatusCode>, _: Duration) {}

    pub(crate) fn held_back(_: Operation, _: Duration) {}

    pub(crate) fn refused_by_hold(_: Operation) {}

    pub(crate) fn out_of_budget(_: Operation) {}

    pub(crate) fn out_of_range(_: &'static str, _: usize, _: usize) {}

    pub(crate) fn found(_: Operation, _: &Finding) {}
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::*;
#[cfg(feature = "tracing")]
pub(crate) use on::*;
