//! The calls of a bulk run: their pace and their counters.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::wait;

/// What all calls of one bulk run share.
#[derive(Debug, Clone)]
pub(crate) struct RunContext {
    /// How long a call may be throttled, beside its attempts and its deadline.
    pub(crate) throttle_patience: Duration,
    /// How long a call may spend on an outage, beside its deadline.
    pub(crate) outage_patience: Duration,
    pub(crate) limit: Option<Arc<RateLimit>>,
    pub(crate) counters: Arc<CallCounters>,
    /// The number of requests for one batch, when these are its calls.
    pub(crate) attempts: Arc<AtomicU32>,
}

impl RunContext {
    pub(crate) fn called(&self, is_api: bool, is_retry: bool) {
        self.counters.called(is_api, is_retry);
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters of the calls of a bulk run.
#[derive(Debug, Default)]
pub(crate) struct CallCounters {
    api_calls: AtomicU64,
    retries: AtomicU64,
    throttled_nanos: AtomicU64,
}

impl CallCounters {
    fn called(&self, is_api: bool, is_retry: bool) {
        self.api_calls.fetch_add(u64::from(is_api), Ordering::Relaxed);
        self.retries.fetch_add(u64::from(is_retry), Ordering::Relaxed);
    }

    pub(crate) fn was_throttled(&self, wait: Duration) {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.throttled_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Calls of the Push API. Each attempt counts.
    pub(crate) fn api_calls(&self) -> u64 {
        self.api_calls.load(Ordering::Relaxed)
    }

    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The time that calls waited because the service asked them to, summed over all calls.
    pub(crate) fn throttled(&self) -> Duration {
        Duration::from_nanos(self.throttled_nanos.load(Ordering::Relaxed))
    }
}

/// A limit on the number of calls in any interval of a given length.
#[derive(Debug)]
pub(crate) struct RateLimit {
    calls: usize,
    interval: Duration,
    /// The starts of the latest calls, also future ones: at most `calls`, in order.
    starts: Mutex<VecDeque<Instant>>,
}

impl RateLimit {
    pub(crate) fn new(calls: u32, interval: Duration) -> Self {
        Self { calls: calls.max(1) as usize, interval: wait::bounded(interval), starts: Mutex::default() }
    }

    /// Waits until one more call may start.
    pub(crate) async fn acquire(&self) {
        let start = self.reserve(Instant::now());
        sleep_until(start).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let full = if starts.len() < self.calls { None } else { starts.pop_front() };
        let start = full.map_or(now, |earliest| now.max(earliest + self.interval));
        starts.push_back(start);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_interval_holds_more_calls_than_the_limit() {
        let limit = RateLimit::new(3, Duration::from_secs(10));
        let begin = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..7 {
            limit.acquire().await;
            starts.push(begin.elapsed().as_secs());
        }
        assert_eq!(starts, [0, 0, 0, 10, 10, 10, 20]);
    }
}
