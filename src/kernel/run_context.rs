//! The calls of a bulk run: their pace and their counters.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// The starts of the calls within the latest interval, also future ones, in order.
    starts: Mutex<VecDeque<Instant>>,
}

/// The turn of one call. Dropped before its start, it is given back.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    limit: &'a RateLimit,
    at: Instant,
    has_started: bool,
}

impl RateLimit {
    pub(crate) fn new(calls: u32, interval: Duration) -> Self {
        Self { calls: calls.max(1) as usize, interval: wait::bounded(interval), starts: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more call may start.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        let turn = Turn { limit: self, at: self.reserve(Instant::now()), has_started: false };
        sleep_until(turn.at).await;
        turn
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut starts = self.lock();
        while starts.front().is_some_and(|start| *start + self.interval <= now) {
            starts.pop_front();
        }
        let before = starts.len().checked_sub(self.calls).and_then(|at| starts.get(at));
        let start = before.map_or(now, |before| now.max(*before + self.interval));
        starts.push_back(start);
        start
    }
}

impl Turn<'_> {
    /// Takes note that the call starts now.
    pub(crate) fn start(mut self) {
        self.has_started = true;
        self.remove();
        let mut starts = self.limit.lock();
        let now = Instant::now();
        let at = starts.partition_point(|start| *start <= now);
        starts.insert(at, now);
    }

    fn remove(&self) {
        let mut starts = self.limit.lock();
        if let Some(at) = starts.iter().position(|start| *start == self.at) {
            starts.remove(at);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.has_started {
            self.remove();
        }
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
            limit.turn().await.start();
            starts.push(begin.elapsed().as_secs());
        }
        assert_eq!(starts, [0, 0, 0, 10, 10, 10, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_given_up_is_the_next_ones() {
        let limit = RateLimit::new(1, Duration::from_secs(60));
        limit.turn().await.start();
        let begin = Instant::now();
        assert!(tokio::time::timeout(Duration::from_secs(5), limit.turn()).await.is_err());
        drop(limit.turn().await);
        limit.turn().await.start();
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
    }
}
