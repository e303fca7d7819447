//! A fault: a failure on purpose.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::containers::Expiry;
use super::effect::{DateHeader, Effect, End, RetryAfter};
use super::query::Pairs;
use crate::operation::Operation;

/// A failure on purpose: [`FakePushApi::inject`](super::FakePushApi::inject).
///
/// It affects the next call of its operation, unless [`skip`](Self::skip), [`times`](Self::times) or
/// [`always`](Self::always) change that. Only one fault affects a call: the first one injected that
/// matches.
///
/// Without a status or a broken connection, the fake does the work and responds as usual, with the
/// changes that the fault makes: `Fault::on(op).without_date()`.
///
/// ```
/// use std::time::Duration;
/// use coveo_push::{Operation, fake::{FakePushApi, Fault}};
///
/// let fake = FakePushApi::builder().source("my-source").build();
/// fake.inject(Fault::on(Operation::PushItemContainer).status(503).times(2));
/// fake.inject(Fault::on_any().status(429).retry_after(Duration::from_secs(30)));
/// fake.inject(Fault::on(Operation::AddOrUpdateItem).skip(1).reset_after());
/// ```
#[derive(Debug, Clone)]
#[must_use = "a fault happens once it is injected"]
pub struct Fault {
    operation: Option<Operation>,
    /// The parameters that the query must have.
    parameters: Pairs,
    skip: usize,
    times: Option<usize>,
    effect: Effect,
}

impl Fault {
    /// A fault of one operation.
    pub fn on(operation: Operation) -> Self {
        Self { operation: Some(operation), ..Self::on_any() }
    }

    /// A fault of any call, including uploads to the storage.
    pub fn on_any() -> Self {
        Self { operation: None, parameters: Pairs::new(), skip: 0, times: Some(1), effect: Effect::default() }
    }

    /// Affects only calls whose query has this parameter with this value, such as a `documentId`. Call it
    /// again to require several parameters.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Lets this many calls pass first. Default: 0.
    pub fn skip(mut self, calls: usize) -> Self {
        self.skip = calls;
        self
    }

    /// Affects this many calls. Default: 1.
    pub fn times(mut self, calls: usize) -> Self {
        self.times = Some(calls);
        self
    }

    /// Affects every call, until [`clear_faults`](super::FakePushApi::clear_faults).
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Responds with a status, and with the body that the service or its storage sends with it. The work
    /// is not done, unless [`applied`](Self::applied) is set. An invalid status becomes 500.
    pub fn status(mut self, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.effect.end = End::Status(status);
        self
    }

    /// Does the work although the status is a failure, as when a gateway gives up on a service that
    /// continues: `Fault::on(op).status(504).applied()`.
    pub fn applied(mut self) -> Self {
        self.effect.is_applied = true;
        self
    }

    /// Does the work also this much later, whatever the response was: the network delayed the request.
    /// With [`reset_before`](Self::reset_before), a request that seemed lost arrives after its retry.
    /// Without it, a request arrives twice.
    ///
    /// If the request has no ordering id, it gets that of the moment when it arrives.
    pub fn applied_later(mut self, by: Duration) -> Self {
        self.effect.applied_later = Some(by);
        self
    }

    /// Breaks the connection before the work is done.
    pub fn reset_before(mut self) -> Self {
        self.effect.end = End::Reset;
        self.effect.is_applied = false;
        self
    }

    /// Breaks the connection after the work is done: the response is lost.
    pub fn reset_after(mut self) -> Self {
        self.effect.end = End::Reset;
        self.effect.is_applied = true;
        self
    }

    /// Refuses the connection. The request never arrives, so it is not recorded. The HTTP server breaks the
    /// connection before the work is done instead.
    pub fn no_connection(mut self) -> Self {
        self.effect.end = End::NoConnection;
        self
    }

    /// The time that the request takes to arrive. The work is done after it, and the response follows at
    /// once. A caller that stops waiting earlier has done nothing.
    ///
    /// It is tokio's time, which a test can pause.
    pub fn latency(mut self, time: Duration) -> Self {
        self.effect.latency = Some(time);
        self
    }

    /// The time that the response takes to arrive. The work is done before it. A caller that stops waiting
    /// earlier does not know that the work is done.
    pub fn late_answer(mut self, time: Duration) -> Self {
        self.effect.late_answer = Some(time);
        self
    }

    /// Never responds, and does no work.
    pub fn hang(self) -> Self {
        self.latency(Duration::MAX)
    }

    /// The file container of an upload or a push has expired. The storage responds with 403, and the
    /// container stays expired.
    pub fn expired(mut self) -> Self {
        self.effect.expiry = Some(Expiry::AccessDenied);
        self
    }

    /// Like [`expired`](Self::expired), but the storage responds with 400 and the code `ExpiredToken`.
    pub fn expired_token(mut self) -> Self {
        self.effect.expiry = Some(Expiry::ExpiredToken);
        self
    }

    /// Adds a `Retry-After` in seconds, rounded up.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.effect.changes.retry_after = Some(RetryAfter::in_seconds(wait));
        self
    }

    /// Adds a `Retry-After` with a date: this much later than now, by the service's clock.
    pub fn retry_after_date(mut self, wait: Duration) -> Self {
        self.effect.changes.retry_after = Some(RetryAfter::DateIn(wait));
        self
    }

    /// Sets the error code in the body. Default: the usual one for the status.
    pub fn error_code(mut self, code: impl Into<String>) -> Self {
        self.effect.changes.error_code = Some(code.into());
        self
    }

    /// Sets the whole body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.effect.changes.body = Some(body.into());
        self
    }

    /// Sets a header of the response. A name or value that is invalid in HTTP is left out.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.effect.changes.headers.push((name, value));
        }
        self
    }

    /// Responds without a `Date`.
    pub fn without_date(mut self) -> Self {
        self.effect.changes.date = DateHeader::None;
        self
    }

    /// Responds with this text as the `Date`, valid or not. Without a `Date` if the text is invalid in a
    /// header.
    pub fn date(mut self, text: &str) -> Self {
        self.effect.changes.date = HeaderValue::try_from(text).map_or(DateHeader::None, DateHeader::Text);
        self
    }

    /// Whether it affects no further call.
    pub(super) fn is_over(&self) -> bool {
        self.times == Some(0)
    }

    /// The effect on a call, if the fault matches it. Counts the call.
    pub(super) fn apply(&mut self, operation: Option<Operation>, query: &Pairs) -> Option<Effect> {
        let is_match = (self.operation.is_none() || self.operation == operation)
            && self.parameters.iter().all(|parameter| query.contains(parameter));
        if !is_match {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.map(|times| times.saturating_sub(1));
        Some(self.effect.clone())
    }
}
