//! Random faults from a seed.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::StatusCode;

use super::containers::Expiry;
use super::effect::{Effect, End, RetryAfter};
use crate::operation::Operation;

/// Rates of random faults, for property tests:
/// [`FakePushApi::inject_random`](super::FakePushApi::inject_random).
///
/// Each rate is a fraction of all calls, from 0 to 1. A call has at most one of these faults, so the sum
/// of the rates should not exceed 1. The same seed gives the same faults, call by call. Default: no faults.
///
/// ```
/// use std::time::Duration;
/// use coveo_push::fake::{FakePushApi, FaultRates};
///
/// let fake = FakePushApi::builder().source("my-source").build();
/// fake.inject_random(
///     FaultRates::seeded(42)
///         .throttled(0.05)
///         .throttled_for(0.05, Duration::from_secs(3))
///         .status(503, 0.05)
///         .reset_before(0.02)
///         .reset_after(0.02)
///         .expired(0.02)
///         .latency(Duration::ZERO..=Duration::from_millis(800)),
/// );
/// ```
#[derive(Debug, Clone)]
#[must_use = "faults happen once they are injected"]
pub struct FaultRates {
    seed: u64,
    rates: Vec<(f64, Kind)>,
    latency: Option<RangeInclusive<Duration>>,
    late_answer: Option<RangeInclusive<Duration>>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Status(StatusCode, Option<Duration>),
    NoConnection,
    Reset { is_applied: bool },
    Expired(Expiry),
    Hang,
}

impl FaultRates {
    /// No faults yet. Add them with the setters.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, rates: Vec::new(), latency: None, late_answer: None }
    }

    /// 429 without `Retry-After`.
    pub fn throttled(self, rate: f64) -> Self {
        self.status(429, rate)
    }

    /// 429 with a `Retry-After` in seconds, rounded up.
    pub fn throttled_for(self, rate: f64, wait: Duration) -> Self {
        self.with(rate, Kind::Status(StatusCode::TOO_MANY_REQUESTS, Some(wait)))
    }

    /// A status. With half of the 5xx responses the work is done, because they leave that open. An invalid
    /// status becomes 500.
    pub fn status(self, status: u16, rate: f64) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.with(rate, Kind::Status(status, None))
    }

    /// The connection is refused.
    pub fn no_connection(self, rate: f64) -> Self {
        self.with(rate, Kind::NoConnection)
    }

    /// The connection breaks before the work is done.
    pub fn reset_before(self, rate: f64) -> Self {
        self.with(rate, Kind::Reset { is_applied: false })
    }

    /// The connection breaks after the work is done.
    pub fn reset_after(self, rate: f64) -> Self {
        self.with(rate, Kind::Reset { is_applied: true })
    }

    /// No response ever arrives. In half of these calls the work is done.
    pub fn hang(self, rate: f64) -> Self {
        self.with(rate, Kind::Hang)
    }

    /// The file container of an upload has expired. Affects only uploads.
    pub fn expired(self, rate: f64) -> Self {
        self.with(rate, Kind::Expired(Expiry::AccessDenied))
    }

    /// Like [`expired`](Self::expired), with 400 and the code `ExpiredToken`.
    pub fn expired_token(self, rate: f64) -> Self {
        self.with(rate, Kind::Expired(Expiry::ExpiredToken))
    }

    /// The time that each request takes to arrive, before the work is done.
    pub fn latency(mut self, range: RangeInclusive<Duration>) -> Self {
        self.latency = Some(range);
        self
    }

    /// The time that each response takes to arrive, after the work is done.
    pub fn late_answer(mut self, range: RangeInclusive<Duration>) -> Self {
        self.late_answer = Some(range);
        self
    }

    fn with(mut self, rate: f64, kind: Kind) -> Self {
        self.rates.push((rate, kind));
        self
    }
}

#[derive(Debug)]
pub(super) struct RandomFaults {
    rates: FaultRates,
    random: fastrand::Rng,
}

impl RandomFaults {
    pub(super) fn new(rates: FaultRates) -> Self {
        Self { random: fastrand::Rng::with_seed(rates.seed), rates }
    }

    pub(super) fn next(&mut self, operation: Option<Operation>) -> Effect {
        // Every call draws the same number of values, so that a call does not shift the next ones.
        let drawn = self.random.f64();
        let is_done = self.random.bool();
        let (before, after) = (self.random.f64(), self.random.f64());
        let within = |range: &RangeInclusive<Duration>, part: f64| {
            let width = range.end().saturating_sub(*range.start()).as_secs_f64();
            range.start().saturating_add(Duration::try_from_secs_f64(width * part).unwrap_or_default())
        };
        let mut effect = Effect {
            latency: self.rates.latency.as_ref().map(|range| within(range, before)),
            late_answer: self.rates.late_answer.as_ref().map(|range| within(range, after)),
            ..Effect::default()
        };
        let mut below = 0.0;
        let hit = self.rates.rates.iter().find(|(rate, _)| {
            below += rate;
            drawn < below
        });
        match hit.map(|(_, kind)| *kind) {
            None => {}
            Some(Kind::Status(status, retry_after)) => {
                effect.end = End::Status(status);
                effect.is_applied = status.is_server_error() && is_done;
                effect.changes.retry_after = retry_after.map(RetryAfter::in_seconds);
            }
            Some(Kind::Hang) if is_done => effect.late_answer = Some(Duration::MAX),
            Some(Kind::Hang) => effect.latency = Some(Duration::MAX),
            Some(Kind::NoConnection) => effect.end = End::NoConnection,
            Some(Kind::Reset { is_applied }) => {
                effect.end = End::Reset;
                effect.is_applied = is_applied;
            }
            Some(Kind::Expired(expiry)) => {
                effect.expiry = (operation == Some(Operation::UploadToContainer)).then_some(expiry);
            }
        }
        effect
    }
}
