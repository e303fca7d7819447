//! The counts of a client, by host.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Serialize, Serializer};

/// The calls of a client and its clones so far, by host: [`PushClient::stats`](crate::PushClient::stats).
///
/// All counts only rise. With the [`Progress`](crate::report::Progress) of its runs they fill a page of metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls of the Push API and the Stream API.
    pub push: HostStats,
    /// Searches in the logs.
    pub logs: HostStats,
    /// Calls of the platform API.
    pub platform: HostStats,
    /// Uploads to the storage behind the file containers.
    pub storage: HostStats,
}

impl ClientStats {
    /// Each host by its name: `push`, `logs`, `platform`, `storage`.
    pub fn hosts(&self) -> impl Iterator<Item = (&'static str, HostStats)> {
        let Self { push, logs, platform, storage } = *self;
        [("push", push), ("logs", logs), ("platform", platform), ("storage", storage)].into_iter()
    }
}

/// The calls at one host so far: [`ClientStats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HostStats {
    /// Calls that were started. Those that are neither in `failures` nor under way succeeded, or were dropped.
    pub calls: u64,
    /// Requests that were sent: one for each call, and the retries.
    pub attempts: u64,
    /// Retries.
    pub retries: u64,
    /// Calls that returned an error.
    pub failures: u64,
    /// The time that calls waited because the host asked them to, with 429, summed over all calls. Serialised in
    /// seconds.
    #[serde(serialize_with = "seconds")]
    pub throttled: Duration,
    /// The time that calls waited because the host was down, likewise.
    #[serde(serialize_with = "seconds")]
    pub held: Duration,
    /// Whether new calls are held back now: after a 429, or because the host is down.
    pub is_held: bool,
}

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}

/// The counters of one host.
#[derive(Debug, Default)]
pub(crate) struct HostCounters {
    calls: AtomicU64,
    attempts: AtomicU64,
    retries: AtomicU64,
    failures: AtomicU64,
    throttled_nanos: AtomicU64,
    held_nanos: AtomicU64,
}

impl HostCounters {
    pub(crate) fn call_started(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn attempt_started(&self, is_retry: bool) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.retries.fetch_add(u64::from(is_retry), Ordering::Relaxed);
    }

    pub(crate) fn call_failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn was_throttled(&self, wait: Duration) {
        self.throttled_nanos.fetch_add(nanos(wait), Ordering::Relaxed);
    }

    pub(crate) fn was_held(&self, wait: Duration) {
        self.held_nanos.fetch_add(nanos(wait), Ordering::Relaxed);
    }

    pub(crate) fn stats(&self, is_held: bool) -> HostStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HostStats {
            calls: get(&self.calls),
            attempts: get(&self.attempts),
            retries: get(&self.retries),
            failures: get(&self.failures),
            throttled: Duration::from_nanos(get(&self.throttled_nanos)),
            held: Duration::from_nanos(get(&self.held_nanos)),
            is_held,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
