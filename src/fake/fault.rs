//! Faults: what goes wrong on purpose.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::containers::Expiry;
use super::query::Pairs;
use crate::operation::Operation;

/// Something that goes wrong on purpose, for a number of calls:
/// [`FakePushApi::inject`](super::FakePushApi::inject).
///
/// It is for the next call of its operation, unless [`skip`](Self::skip), [`times`](Self::times) or
/// [`always`](Self::always) say otherwise. A call takes one fault, the first injected that is for
/// it.
///
/// A fault that gives neither a status nor an end of the connection leaves the work and the
/// answer as they are, but for what it changes on them: `Fault::on(op).without_date()`.
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
    /// What the query must have.
    parameters: Pairs,
    skip: usize,
    times: Option<usize>,
    effect: Effect,
}

/// What happens to one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    pub(super) end: End,
    /// Whether the work is done when the call does not end with its own answer.
    pub(super) is_applied: bool,
    /// Whether the work is done once more, or at last, this much later.
    pub(super) applied_later: Option<Duration>,
    pub(super) latency: Option<Duration>,
    pub(super) late_answer: Option<Duration>,
    pub(super) expiry: Option<Expiry>,
    pub(super) touches: Touches,
}

/// How a call ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    /// With its own answer.
    #[default]
    Answered,
    /// With this status.
    Status(StatusCode),
    /// With no connection in the first place.
    NoConnection,
    /// With a connection that broke.
    Reset,
}

/// What is changed on an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Touches {
    pub(super) retry_after: Option<RetryAfter>,
    pub(super) error_code: Option<String>,
    pub(super) body: Option<Bytes>,
    pub(super) date: DateHeader,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum RetryAfter {
    Seconds(u64),
    DateIn(Duration),
}

impl RetryAfter {
    pub(super) fn in_seconds(wait: Duration) -> Self {
        Self::Seconds(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))
    }
}

#[derive(Debug, Clone, Default)]
pub(super) enum DateHeader {
    #[default]
    Clock,
    None,
    Text(HeaderValue),
}

impl Fault {
    /// A fault of one operation.
    pub fn on(operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            parameters: Pairs::new(),
            skip: 0,
            times: Some(1),
            effect: Effect::default(),
        }
    }

    /// A fault of whatever is called, uploads into the storage among it.
    pub fn on_any() -> Self {
        Self { operation: None, parameters: Pairs::new(), skip: 0, times: Some(1), effect: Effect::default() }
    }

    /// Is for the calls alone whose query has this parameter with this value, such as a `documentId`;
    /// called again, those that have all of them.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    fn is_for(&self, operation: Option<Operation>, query: &Pairs) -> bool {
        (self.operation.is_none() || self.operation == operation)
            && self.parameters.iter().all(|parameter| query.contains(parameter))
    }

    /// Lets this many calls pass first.
    pub fn skip(mut self, calls: usize) -> Self {
        self.skip = calls;
        self
    }

    /// Happens to this many calls. Default: one.
    pub fn times(mut self, calls: usize) -> Self {
        self.times = Some(calls);
        self
    }

    /// Happens to every call, until [`clear_faults`](super::FakePushApi::clear_faults).
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// Answers with a status, and a body as the service or its storage has it for that. The work is
    /// not done, unless [`applied`](Self::applied) says so. A number that is no status stands for
    /// 500.
    pub fn status(mut self, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.effect.end = End::Status(status);
        self
    }

    /// The work is done although the status says otherwise, as when a gateway gives up on a service
    /// that goes on: `Fault::on(op).status(504).applied()`.
    pub fn applied(mut self) -> Self {
        self.effect.is_applied = true;
        self
    }

    /// The work is done this much later, too, whatever the caller was told: something on the way
    /// held the request back. With [`reset_before`](Self::reset_before) it is a request that was
    /// given up for lost and gets through after its retry; alone it is one that comes twice.
    ///
    /// It takes its place among the other operations when its time has come, with the ordering id
    /// of that moment where it has none of its own.
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

    /// Breaks the connection after the work was done: the answer is lost.
    pub fn reset_after(mut self) -> Self {
        self.effect.end = End::Reset;
        self.effect.is_applied = true;
        self
    }

    /// No connection can be made; the request is not recorded, as it never came. Over HTTP, where
    /// the connection stands by then, it breaks before the work is done.
    pub fn no_connection(mut self) -> Self {
        self.effect.end = End::NoConnection;
        self
    }

    /// The request takes this long to get through: the work is done after it, and the answer comes
    /// at once then. Who stops waiting earlier has done nothing.
    ///
    /// It is tokio's time, which a test can pause.
    pub fn latency(mut self, time: Duration) -> Self {
        self.effect.latency = Some(time);
        self
    }

    /// The answer takes this long to get back: the work is done at once. Who stops waiting earlier
    /// has done it and does not know.
    pub fn late_answer(mut self, time: Duration) -> Self {
        self.effect.late_answer = Some(time);
        self
    }

    /// Never answers, and does no work.
    pub fn hang(self) -> Self {
        self.latency(Duration::MAX)
    }

    /// The file container that the request uploads into, or pushes, has expired. The storage says
    /// so with 403, and the container stays expired.
    pub fn expired(mut self) -> Self {
        self.effect.expiry = Some(Expiry::AccessDenied);
        self
    }

    /// As [`expired`](Self::expired), but the storage says so with 400 and the code `ExpiredToken`.
    pub fn expired_token(mut self) -> Self {
        self.effect.expiry = Some(Expiry::ExpiredToken);
        self
    }

    /// Adds a `Retry-After` in seconds; a part of one is rounded up.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.effect.touches.retry_after = Some(RetryAfter::in_seconds(wait));
        self
    }

    /// Adds a `Retry-After` that is a date, this much later than now by the service's clock.
    pub fn retry_after_date(mut self, wait: Duration) -> Self {
        self.effect.touches.retry_after = Some(RetryAfter::DateIn(wait));
        self
    }

    /// The service's code in the body, in place of the one that goes with the status.
    pub fn error_code(mut self, code: impl Into<String>) -> Self {
        self.effect.touches.error_code = Some(code.into());
        self
    }

    /// The whole body, in place of the service's own.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.effect.touches.body = Some(body.into());
        self
    }

    /// Sets a header of the answer. One that HTTP cannot hold is left out.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.effect.touches.headers.push((name, value));
        }
        self
    }

    /// Answers without a `Date`.
    pub fn without_date(mut self) -> Self {
        self.effect.touches.date = DateHeader::None;
        self
    }

    /// Answers with this text for the `Date`, which need not be one. Text that no header can hold
    /// leaves it out.
    pub fn date(mut self, text: &str) -> Self {
        self.effect.touches.date = HeaderValue::try_from(text).map_or(DateHeader::None, DateHeader::Text);
        self
    }
}

/// The faults that are to happen.
#[derive(Debug, Default)]
pub(super) struct Faults {
    injected: Vec<Fault>,
    random: Option<super::random::RandomFaults>,
}

impl Faults {
    pub(super) fn inject(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.injected.push(fault);
        }
    }

    pub(super) fn inject_random(&mut self, faults: super::random::RandomFaults) {
        self.random = Some(faults);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many injected faults have not run out.
    pub(super) fn left(&self) -> usize {
        self.injected.len()
    }

    /// What happens to the next call of an operation.
    pub(super) fn next(&mut self, operation: Option<Operation>, query: &Pairs) -> Effect {
        for (index, fault) in self.injected.iter_mut().enumerate() {
            if !fault.is_for(operation, query) {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            fault.times = fault.times.map(|times| times.saturating_sub(1));
            return match fault.times {
                Some(0) => self.injected.remove(index).effect,
                _ => fault.effect.clone(),
            };
        }
        self.random.as_mut().map(|random| random.next(operation)).unwrap_or_default()
    }
}
