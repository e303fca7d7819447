//! When an attempt is made again, and how long to wait before it. Pure: the clock and the
//! randomness come from outside.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::error::Error;

/// How often and for how long a call is tried.
///
/// Every operation of the Push API is safe to repeat (see [`Operation`](crate::Operation)), so
/// every call is retried: after 429, 408, 500, 502, 503 and 504, and when the connection failed,
/// broke, or took too long. The wait is drawn between nothing and a bound that doubles with every
/// attempt (full jitter), and is never shorter than what `Retry-After` asks for. When a wait would
/// pass the deadline the call returns the last error at once.
///
/// ```
/// use std::time::Duration;
/// use coveo_push::RetryPolicy;
///
/// let patient = RetryPolicy::default().max_attempts(10).deadline(Duration::from_secs(600));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    base_delay: Duration,
    max_delay: Duration,
    deadline: Duration,
}

impl Default for RetryPolicy {
    /// 5 attempts; 500 ms doubling to 30 s; no attempt later than 2 minutes after the first.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// One attempt, nothing more: no retry after an error, no fresh container for an upload, and no
    /// second token from a credentials provider.
    #[must_use]
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// How many times a request is sent at the most; 1 and 0 mean once. Default: 5.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The bound of the first wait; it doubles with every further one. Default: 500 ms.
    #[must_use]
    pub fn base_delay(mut self, delay: Duration) -> Self {
        self.base_delay = delay;
        self
    }

    /// What the bound of a wait grows to. Default: 30 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How long after the first attempt a new one may start at the latest. Default: 2 minutes.
    ///
    /// An upload has a deadline of its own: three times what one attempt may take, which grows
    /// with its size.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn is_none(&self) -> bool {
        self.max_attempts <= 1
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.max_attempts
    }

    pub(crate) fn latest_start(&self) -> Duration {
        self.deadline
    }

    /// The wait after the `attempt`th attempt; `random` is in `0.0..1.0`.
    pub(crate) fn backoff(&self, attempt: u32, random: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let bound = self.base_delay.saturating_mul(1_u32 << doublings).min(self.max_delay);
        bound.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// What a failed attempt means for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Trying again does not help.
    Final,
    /// The service is there and asks to slow down: waiting helps, and costs no budget.
    Throttled,
    /// Something failed: trying again may help, and costs budget.
    Failed,
}

/// What an error means for the next attempt.
pub(crate) fn classify(error: &Error) -> Verdict {
    if !error.is_retryable() {
        return Verdict::Final;
    }
    match error.status() {
        Some(StatusCode::TOO_MANY_REQUESTS) => Verdict::Throttled,
        _ => Verdict::Failed,
    }
}

/// Reads `Retry-After`, in seconds or as an HTTP date. A date is measured against the answer's own
/// `Date` where it has one, so that a local clock that is off changes nothing.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let from = server_time(headers).unwrap_or(now);
    Some(until.duration_since(from).unwrap_or_default())
}

/// The service's clock, from the `Date` of an answer.
pub(crate) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// What all clones of a client have for retries together, so that a service that is down is not
/// sent several times what it is sent otherwise.
///
/// Fifty tokens; a retry after a failure costs five, a success gives one back. A retry after a 429
/// costs nothing: the service is there and says when.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: Mutex<u32>,
}

impl Budget {
    const FULL: u32 = 50;
    const RETRY: u32 = 5;
    const SUCCESS: u32 = 1;

    pub(crate) fn new() -> Self {
        Self { tokens: Mutex::new(Self::FULL) }
    }

    /// Takes the tokens of a retry, if there are enough.
    pub(crate) fn take(&self) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.checked_sub(Self::RETRY) {
            Some(left) => {
                *tokens = left;
                true
            }
            None => false,
        }
    }

    pub(crate) fn give_back(&self) {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        *tokens = (*tokens + Self::SUCCESS).min(Self::FULL);
    }
}
