//! Spans and events, with the feature `tracing`; nothing without it. All have the target `coveo_push`.
//!
//! They carry the operation, the attempt, the status and the delay, and never a key, a body or a
//! query.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::error::{Error, SendErrorKind};
use crate::finding::Finding;
use crate::operation::Operation;

/// Which run, and which of its batches, an event is about.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only traces read it"))]
pub(crate) struct RunLabel {
    /// The number of the run among those of its client.
    pub(crate) run: u64,
    /// The source, the provider or the data collection.
    pub(crate) source: Arc<str>,
    pub(crate) batch: Option<u64>,
}

#[cfg(feature = "tracing")]
mod on {
    use super::{Arc, Display, Duration, Error, Finding, Operation, RunLabel, SendErrorKind, StatusCode, io};
    use tracing::Instrument;

    use crate::model::words::one_line;

    pub(crate) fn in_span<F: Future>(
        operation: Operation,
        source: Option<&Arc<str>>,
        run: Option<&RunLabel>,
        call: F,
    ) -> impl Future<Output = F::Output> {
        let source = source.or(run.map(|run| &run.source)).map(|source| &**source);
        let (batch, run) = (run.and_then(|run| run.batch), run.map(|run| run.run));
        let operation = operation.name();
        call.instrument(tracing::info_span!(target: "coveo_push", "coveo_push", operation, source, run, batch))
    }

    /// Runs a part of a caller's future, in a task of its own, in the caller's span.
    pub(crate) fn in_current_span<F: Future>(task: F) -> impl Future<Output = F::Output> {
        task.in_current_span()
    }

    pub(crate) fn responded(operation: Operation, attempt: u32, status: StatusCode, took: Duration) {
        let (operation, status) = (operation.name(), status.as_u16());
        tracing::debug!(target: "coveo_push", operation, attempt, status, ?took, "response");
    }

    pub(crate) fn not_responded(operation: Operation, attempt: u32, kind: SendErrorKind, took: Duration) {
        tracing::debug!(target: "coveo_push", operation = operation.name(), attempt, %kind, ?took, "no response");
    }

    /// The reason is the status and the code of the response, or what kind of error there was in place of a response,
    /// and its cause.
    pub(crate) fn retrying(operation: Operation, attempt: u32, error: &Error, delay: Duration) {
        let (operation, status) = (operation.name(), error.status().map(|status| status.as_u16()));
        let code = error.code().map(|code| tracing::field::display(one_line(code.as_str())));
        let transport = match error {
            Error::Transport(error) => Some(error),
            _ => None,
        };
        let kind = transport.map(|error| tracing::field::display(error.kind()));
        let cause = transport.map(|error| error.cause()).filter(|cause| !cause.is_empty());
        let message = "trying again after a delay";
        tracing::warn!(target: "coveo_push", operation, attempt, status, code, kind, cause, ?delay, message);
    }

    pub(crate) fn held_back(operation: Operation, delay: Duration) {
        tracing::info!(target: "coveo_push", operation = operation.name(), ?delay, "held back, as the service asked");
    }

    pub(crate) fn refused_by_hold(operation: Operation) {
        let message = "given up: the host is held, and this call may wait no longer";
        tracing::warn!(target: "coveo_push", operation = operation.name(), message);
    }

    pub(crate) fn out_of_budget(operation: Operation) {
        let message = "not tried again: the retry budget is used up";
        tracing::warn!(target: "coveo_push", operation = operation.name(), message);
    }

    pub(crate) fn out_of_range(setting: &'static str, given: usize, taken: usize) {
        let message = "a setting is out of its range: the nearest value is taken";
        tracing::warn!(target: "coveo_push", setting, given, taken, message);
    }

    pub(crate) fn found(operation: Operation, finding: &Finding) {
        let (operation, rule) = (operation.name(), finding.rule().code());
        tracing::warn!(target: "coveo_push", operation, rule, item = finding.item(), "the service may drop this");
    }

    pub(crate) fn run_started(RunLabel { run, source, .. }: &RunLabel) {
        tracing::info!(target: "coveo_push", run, source = &**source, "run started");
    }

    pub(crate) fn run_ended(RunLabel { run, source, .. }: &RunLabel, report: &dyn Display) {
        tracing::info!(target: "coveo_push", run, source = &**source, %report, "run ended");
    }

    pub(crate) fn batch_accepted(
        RunLabel { run, source, .. }: &RunLabel,
        batch: u64,
        operations: u64,
        bytes: u64,
        attempts: u32,
    ) {
        let source = &**source;
        tracing::info!(target: "coveo_push", run, source, batch, operations, bytes, attempts, "batch accepted");
    }

    pub(crate) fn batch_failed(
        RunLabel { run, source, .. }: &RunLabel,
        batch: u64,
        operations: usize,
        step: &dyn Display,
        reason: &dyn Display,
    ) {
        let source = &**source;
        tracing::warn!(target: "coveo_push", run, source, batch, operations, %step, %reason, "batch failed");
    }

    /// The ids of operations that were pushed again later are left beside a file of a failed batch.
    pub(crate) fn not_taken_out(RunLabel { run, source, .. }: &RunLabel, error: &io::Error) {
        let message = "the file of a failed batch could not be updated";
        tracing::warn!(target: "coveo_push", run, source = &**source, %error, message);
    }

    pub(crate) fn refused(RunLabel { run, source, .. }: &RunLabel, item: &str, findings: &[Finding]) {
        let rule = findings.first().map(|finding| finding.rule().code());
        tracing::warn!(target: "coveo_push", run, source = &**source, item, rule, "refused");
    }

    pub(crate) fn deletion_sent(run: Option<&RunLabel>, boundary: &dyn Display) {
        let (source, run) = (run.map(|run| &*run.source), run.map(|run| run.run));
        tracing::info!(target: "coveo_push", run, source, %boundary, "deletion of old items sent");
    }

    pub(crate) fn deletion_ended(run: Option<&RunLabel>, skipped: Option<&'static str>, outcome: &dyn Display) {
        let (source, run) = (run.map(|run| &*run.source), run.map(|run| run.run));
        match skipped {
            Some(reason) => {
                tracing::warn!(target: "coveo_push", run, source, reason, %outcome, "deletion skipped");
            }
            None => tracing::info!(target: "coveo_push", run, source, %outcome, "deletion ended"),
        }
    }

    pub(crate) fn stream_ended(run: Option<&RunLabel>, outcome: &dyn Display) {
        let (source, run) = (run.map(|run| &*run.source), run.map(|run| run.run));
        tracing::info!(target: "coveo_push", run, source, %outcome, "load ended");
    }

    pub(crate) fn idle(run: Option<&RunLabel>, error: Option<&Error>) {
        let (source, run) = (run.map(|run| &*run.source), run.map(|run| run.run));
        match error {
            Some(error) => tracing::error!(target: "coveo_push", run, source, %error, "the source is not idle"),
            None => tracing::info!(target: "coveo_push", run, source, "the source is idle"),
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use super::{Arc, Display, Duration, Error, Finding, Operation, RunLabel, SendErrorKind, StatusCode, io};

    pub(crate) fn in_span<F: Future>(_: Operation, _: Option<&Arc<str>>, _: Option<&RunLabel>, call: F) -> F {
        call
    }

    pub(crate) fn in_current_span<F: Future>(task: F) -> F {
        task
    }

    pub(crate) fn responded(_: Operation, _: u32, _: StatusCode, _: Duration) {}

    pub(crate) fn not_responded(_: Operation, _: u32, _: SendErrorKind, _: Duration) {}

    pub(crate) fn retrying(_: Operation, _: u32, _: &Error, _: Duration) {}

    pub(crate) fn held_back(_: Operation, _: Duration) {}

    pub(crate) fn refused_by_hold(_: Operation) {}

    pub(crate) fn out_of_budget(_: Operation) {}

    pub(crate) fn out_of_range(_: &'static str, _: usize, _: usize) {}

    pub(crate) fn found(_: Operation, _: &Finding) {}

    pub(crate) fn run_started(_: &RunLabel) {}

    pub(crate) fn run_ended(_: &RunLabel, _: &dyn Display) {}

    pub(crate) fn batch_accepted(_: &RunLabel, _: u64, _: u64, _: u64, _: u32) {}

    pub(crate) fn batch_failed(_: &RunLabel, _: u64, _: usize, _: &dyn Display, _: &dyn Display) {}

    pub(crate) fn not_taken_out(_: &RunLabel, _: &io::Error) {}

    pub(crate) fn refused(_: &RunLabel, _: &str, _: &[Finding]) {}

    pub(crate) fn deletion_sent(_: Option<&RunLabel>, _: &dyn Display) {}

    pub(crate) fn deletion_ended(_: Option<&RunLabel>, _: Option<&'static str>, _: &dyn Display) {}

    pub(crate) fn stream_ended(_: Option<&RunLabel>, _: &dyn Display) {}

    pub(crate) fn idle(_: Option<&RunLabel>, _: Option<&Error>) {}
}

#[cfg(not(feature = "tracing"))]
pub(crate) use off::*;
#[cfg(feature = "tracing")]
pub(crate) use on::*;
