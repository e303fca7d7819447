//! When an attempt is made again, and how long to wait before it. Pure: the clock and the
//! randomness come from outside.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::outage::Outage;
use super::wait;
use crate::error::Error;

/// How often and for how long a call is tried.
///
/// Every operation of the Push API is safe to repeat (see [`Operation`](crate::Operation)), so every call
/// is retried: after 429, 408, 500, 502, 503 and 504, and when the connection failed, broke, or took too
/// long. An outage (no connection, no response, or 502, 503 or 504) is waited out: after five of them in a row
/// nothing is sent to that host but one probe from time to time, which does not count as an attempt, until a
/// response comes or the deadline has passed. The wait is drawn at random between half of a bound and the bound, which
/// doubles with every attempt, and is never shorter than `Retry-After` asks for. When a wait would pass the deadline, the call
/// returns the last error at once.
///
/// ```
/// use std::time::Duration;
/// use coveo_push::RetryPolicy;
///
/// let patient = RetryPolicy::default().max_attempts(40).deadline(Duration::from_secs(600));
/// assert_eq!((patient.max_attempts, patient.base_delay), (40, Duration::from_millis(500)));
/// ```
///
/// It is read and written by serde, for files of settings. Durations are numbers of seconds, fractions
/// allowed. A setting that is not there has its default, and an unknown one is an error.
///
/// ```
/// use std::time::Duration;
/// use coveo_push::RetryPolicy;
///
/// let policy: RetryPolicy = serde_json::from_str(r#"{"max_attempts": 10, "base_delay": 0.25, "deadline": 600}"#)?;
/// assert_eq!(policy, RetryPolicy::default()
///     .max_attempts(10)
///     .base_delay(Duration::from_millis(250))
///     .deadline(Duration::from_secs(600)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// How many times a request is sent at most; 0 counts as 1. Default: 12.
    pub max_attempts: u32,
    /// The upper bound of the first wait; it doubles with every further one. Default: 500 ms.
    #[serde(with = "seconds")]
    pub base_delay: Duration,
    /// The highest upper bound of a wait. Default: 20 s.
    #[serde(with = "seconds")]
    pub max_delay: Duration,
    /// **The latest start of an attempt**, counted from the first one. Default: 2 minutes. An attempt that
    /// has started may run for its full time, so a call may take that much longer.
    ///
    /// For an upload, only time without progress counts.
    #[serde(with = "seconds")]
    pub deadline: Duration,
}

/// Durations as numbers of seconds.
mod seconds {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if seconds >= 0.0 {
            return Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        }
        Err(D::Error::custom(format_args!("invalid duration `{seconds}`: expected a number of seconds, 0 or more")))
    }
}

impl Default for RetryPolicy {
    /// 12 attempts; 500 ms doubling to 20 s; no attempt later than 2 minutes after the first.
    fn default() -> Self {
        Self {
            max_attempts: 12,
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(20),
            deadline: Duration::from_secs(120),
        }
    }
}

impl RetryPolicy {
    /// One attempt and nothing more: no retry after an error, no fresh container for an upload, no second
    /// token from a credentials provider. A call that would have to wait because the service told an earlier
    /// one to is not sent: it returns [`Error::RateLimited`] at once. A call to a host that is down is not sent
    /// either, unless a probe is due: it returns the last error of that host, with
    /// [`held`](crate::Error::held).
    #[must_use]
    pub fn none() -> Self {
        Self { max_attempts: 1, deadline: Duration::ZERO, ..Self::default() }
    }

    /// Sets [`max_attempts`](Self#structfield.max_attempts).
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// Sets [`base_delay`](Self#structfield.base_delay).
    #[must_use]
    pub fn base_delay(self, base_delay: Duration) -> Self {
        Self { base_delay, ..self }
    }

    /// Sets [`max_delay`](Self#structfield.max_delay).
    #[must_use]
    pub fn max_delay(self, max_delay: Duration) -> Self {
        Self { max_delay, ..self }
    }

    /// Sets [`deadline`](Self#structfield.deadline).
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.max_attempts <= 1
    }

    /// The wait after the `attempt`th attempt; `random` is in `0.0..1.0`.
    pub(crate) fn backoff(&self, attempt: u32, random: f64) -> Duration {
        wait::jittered(wait::doubled(self.base_delay, attempt.saturating_sub(1), self.max_delay), random)
    }
}

/// Whether and how a failed attempt is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryClass {
    /// Trying again does not help.
    Permanent,
    /// The service is there and asks to slow down: waiting helps, and costs no budget.
    Throttled,
    /// The service is there and failed: trying again may help, and costs budget.
    Transient,
    /// The host is not there: waiting until it is helps.
    Outage,
}

/// Classifies an error for the retry.
pub(crate) fn classify(error: &Error) -> RetryClass {
    if !error.is_retryable() {
        return RetryClass::Permanent;
    }
    match error.status() {
        Some(StatusCode::TOO_MANY_REQUESTS) => RetryClass::Throttled,
        _ if Outage::of(error).is_some() => RetryClass::Outage,
        _ => RetryClass::Transient,
    }
}

/// Reads `Retry-After`, in seconds or as an HTTP date. A date is measured against the response's own
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

/// The service's clock, from the `Date` of a response.
pub(crate) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    // A leap second is the end of the second before it.
    httpdate::parse_http_date(&headers.get(DATE)?.to_str().ok()?.replace(":60 ", ":59 ")).ok()
}

/// The retries that all clones of a client may make together, so that a service that is down does not get
/// several times the usual number of calls.
///
/// There are 60 tokens, enough for all attempts of one call. A retry after a failure costs five, and a success
/// gives one back. A retry after a 429 costs nothing: the service is up and says when to retry. When the budget
/// cannot pay for a retry after an outage, the host is held.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: Mutex<u32>,
}

impl Budget {
    const FULL: u32 = 60;
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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::error::{
        ApiError, CallRecord, ErrorCode, Redactor, SendError, SendErrorKind, TransportError, UploadError,
    };
    use crate::operation::Operation;

    fn record(operation: Operation) -> CallRecord {
        CallRecord { attempts: 1, ..CallRecord::new(operation) }
    }

    fn api(status: u16, code: Option<ErrorCode>) -> RetryClass {
        let status = StatusCode::from_u16(status).unwrap();
        let record = record(Operation::PushItemContainer);
        classify(&ApiError::new(record, status, code, None, String::new(), None).into())
    }

    fn upload(status: u16, code: Option<&str>) -> RetryClass {
        let status = StatusCode::from_u16(status).unwrap();
        let record = record(Operation::UploadToContainer);
        classify(&UploadError::new(record, status, code.map(str::to_owned), None, None).into())
    }

    #[test]
    fn every_status_of_the_push_api_has_its_verdict() {
        for status in 100..600 {
            let expected = match status {
                429 => RetryClass::Throttled,
                408 | 500 => RetryClass::Transient,
                502..=504 => RetryClass::Outage,
                _ => RetryClass::Permanent,
            };
            assert_eq!(api(status, None), expected, "{status}");
        }
    }

    #[test]
    fn the_daily_quota_is_final_and_other_throttling_is_not() {
        assert_eq!(api(429, Some(ErrorCode::TooManyDocumentsDaily)), RetryClass::Permanent);
        assert_eq!(api(429, Some(ErrorCode::TooManyRequests)), RetryClass::Throttled);
        assert_eq!(api(429, Some(ErrorCode::Other("X".to_owned()))), RetryClass::Throttled);
    }

    #[test]
    fn every_answer_of_the_storage_has_its_verdict() {
        let known = [
            (403, None, RetryClass::Permanent),
            (400, Some("ExpiredToken"), RetryClass::Permanent),
            (400, Some("RequestTimeout"), RetryClass::Transient),
            (400, None, RetryClass::Permanent),
            (404, None, RetryClass::Permanent),
            (307, None, RetryClass::Permanent),
            (408, None, RetryClass::Transient),
            (429, None, RetryClass::Throttled),
            (500, None, RetryClass::Transient),
            (503, Some("SlowDown"), RetryClass::Outage),
            (400, Some("SlowDown"), RetryClass::Transient),
        ];
        for (status, code, class) in known {
            assert_eq!(upload(status, code), class, "{status} {code:?}");
        }
    }

    #[test]
    fn every_way_to_get_no_answer_has_its_verdict() {
        let known = [
            (SendErrorKind::Request, RetryClass::Permanent),
            (SendErrorKind::Certificate, RetryClass::Permanent),
            (SendErrorKind::Connect, RetryClass::Outage),
            (SendErrorKind::Closed, RetryClass::Outage),
            (SendErrorKind::Disconnected, RetryClass::Outage),
            (SendErrorKind::Timeout, RetryClass::Outage),
            (SendErrorKind::Body, RetryClass::Outage),
        ];
        for (kind, class) in known {
            let failure =
                TransportError::new(record(Operation::PushItemContainer), SendError::from(kind), Redactor::new(None));
            assert_eq!(classify(&failure.into()), class, "{kind}");
        }
    }

    #[test]
    fn the_bound_of_a_wait_doubles_up_to_20_seconds() {
        let bounds: Vec<u128> =
            (1..=9).map(|attempt| RetryPolicy::default().backoff(attempt, 1.0).as_millis()).collect();
        assert_eq!(bounds, [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
    }

    #[test]
    fn a_wait_is_drawn_between_half_of_its_bound_and_the_bound() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(3, 0.0), Duration::from_secs(1));
        assert_eq!(policy.backoff(3, 0.5), Duration::from_millis(1500));
        assert_eq!(policy.backoff(3, 1.0), Duration::from_secs(2));
    }

    #[test]
    fn a_random_number_out_of_its_range_does_no_harm() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.backoff(1, -1.0), Duration::from_millis(250));
        assert_eq!(policy.backoff(1, 7.0), Duration::from_millis(500));
    }

    #[test]
    fn no_attempt_is_too_high_to_wait_after() {
        let policy = RetryPolicy::default().base_delay(Duration::from_secs(1)).max_delay(Duration::MAX);
        for attempt in [0, 1, 32, 33, 1000, u32::MAX] {
            assert!(policy.backoff(attempt, 1.0) >= Duration::from_secs(1));
        }
        assert_eq!(RetryPolicy::default().backoff(u32::MAX, 1.0), Duration::from_secs(20));
        let longest = RetryPolicy::default().base_delay(Duration::MAX).max_delay(Duration::MAX);
        assert!(longest.backoff(u32::MAX, 0.5) > Duration::from_secs(1));
    }

    #[test]
    fn no_wait_is_longer_than_its_cap_even_when_that_is_shorter_than_the_first_bound() {
        let policy = RetryPolicy::default().base_delay(Duration::from_secs(60));
        assert_eq!(policy.backoff(1, 1.0), Duration::from_secs(20));
    }

    #[test]
    fn at_least_one_attempt_is_made() {
        assert!(RetryPolicy::default().max_attempts(0).is_none());
        assert!(RetryPolicy::none().is_none() && !RetryPolicy::default().is_none());
    }

    fn read(json: &str) -> Result<RetryPolicy, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_are_read_with_durations_in_seconds_and_defaults() {
        let default = RetryPolicy::default();
        let (half, hour) = (Duration::from_millis(500), Duration::from_secs(3600));
        for (json, expected) in [
            ("{}", default),
            (r#"{"max_attempts":3,"deadline":3600}"#, default.max_attempts(3).deadline(hour)),
            (r#"{"base_delay":0.5,"max_delay":0.5}"#, default.base_delay(half).max_delay(half)),
            (r#"{"max_delay":1e300}"#, default.max_delay(Duration::MAX)),
        ] {
            assert_eq!(read(json), Ok(expected), "{json}");
            let written = serde_json::to_string(&expected).unwrap();
            assert_eq!(read(&written), Ok(expected), "{written}");
        }
    }

    #[test]
    fn settings_that_are_unknown_or_no_durations_are_refused() {
        for (json, why) in [
            (r#"{"max_atempts":3}"#, "unknown field `max_atempts`"),
            (r#"{"deadline":-1}"#, "invalid duration `-1`: expected a number of seconds, 0 or more"),
            (r#"{"deadline":"2m"}"#, "invalid type"),
            (r#"{"max_attempts":-1}"#, "invalid value"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(why), "{json}: {error}");
        }
    }

    /// What `Retry-After` says at 1970-01-01T00:01:40Z, without a `Date` unless one is given.
    fn asks(text: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, UNIX_EPOCH + Duration::from_secs(100))
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(asks("0", None), Some(Duration::ZERO));
        assert_eq!(asks("120", None), Some(Duration::from_secs(120)));
        assert_eq!(asks(" 7 ", None), Some(Duration::from_secs(7)));
        assert_eq!(asks("1.5", None), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn retry_after_is_read_as_a_date_by_the_services_clock_or_else_by_ours() {
        assert_eq!(asks("Thu, 01 Jan 1970 00:02:00 GMT", None), Some(Duration::from_secs(20)));
        let date = Some("Thu, 01 Jan 1970 00:01:50 GMT");
        assert_eq!(asks("Thu, 01 Jan 1970 00:02:00 GMT", date), Some(Duration::from_secs(10)));
        assert_eq!(asks("Thu, 01 Jan 1970 00:02:00 GMT", Some("garbage")), Some(Duration::from_secs(20)));
    }

    #[test]
    fn a_date_that_has_passed_asks_for_no_wait() {
        assert_eq!(asks("Thu, 01 Jan 1970 00:00:01 GMT", None), Some(Duration::ZERO));
    }

    #[test]
    fn a_wait_beyond_all_measure_is_the_longest_there_is() {
        for text in ["1e300", "inf", "99999999999999999999999999"] {
            assert_eq!(asks(text, None), Some(Duration::MAX), "{text}");
        }
    }

    #[test]
    fn what_is_neither_seconds_nor_a_date_is_not_there() {
        for text in ["", "-1", "-0.5", "soon", "NaN", "1 s", "2026-01-01T00:00:00Z", "-inf"] {
            assert_eq!(asks(text, None), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), UNIX_EPOCH), None);
    }

    #[test]
    fn a_budget_pays_for_twelve_retries_and_no_more() {
        let budget = Budget::new();
        assert_eq!((0..20).filter(|_| budget.take()).count(), 12);
    }

    #[test]
    fn five_successes_pay_for_a_retry() {
        let budget = Budget::new();
        while budget.take() {}
        for _ in 0..4 {
            budget.give_back();
        }
        assert!(!budget.take());
        budget.give_back();
        assert!(budget.take());
    }

    #[test]
    fn a_retry_that_is_not_paid_for_costs_nothing() {
        let budget = Budget::new();
        while budget.take() {}
        (0..4).for_each(|_| budget.give_back());
        assert!(!budget.take() && !budget.take());
        budget.give_back();
        assert!(budget.take());
    }

    #[test]
    fn successes_do_not_fill_a_budget_beyond_its_brim() {
        let budget = Budget::new();
        (0..1000).for_each(|_| budget.give_back());
        assert_eq!((0..20).filter(|_| budget.take()).count(), 12);
    }
}
