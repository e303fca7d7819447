//! The service's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::model::OrderingId;

/// The difference between the service's clock and the local one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockOffset {
    /// The service's clock is ahead.
    Ahead(Duration),
    /// The service's clock is behind.
    Behind(Duration),
}

impl Default for ClockOffset {
    /// No difference.
    fn default() -> Self {
        Self::Ahead(Duration::ZERO)
    }
}

/// The local time when the fake was built, advanced by tokio's clock, which a test can pause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: SystemTime,
    instant: Instant,
    /// What passed at once, in addition.
    passed: Duration,
    pub(super) offset: ClockOffset,
}

impl Clock {
    pub(super) fn start(offset: ClockOffset) -> Self {
        Self { began: SystemTime::now(), instant: Instant::now(), passed: Duration::ZERO, offset }
    }

    /// The time since the fake was built.
    pub(super) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.instant).saturating_add(self.passed)
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.passed = self.passed.saturating_add(time);
    }

    /// The time by the local clock.
    pub(super) fn local_now(&self) -> SystemTime {
        self.began.checked_add(self.elapsed()).unwrap_or_else(|| self.latest())
    }

    fn latest(&self) -> SystemTime {
        // `httpdate` cannot write later dates than the year 9999.
        const LATEST: Duration = Duration::from_secs(253_402_300_799);
        UNIX_EPOCH.checked_add(LATEST).unwrap_or(self.began)
    }

    pub(super) fn now(&self) -> SystemTime {
        let latest = self.latest();
        let here = self.local_now();
        let there = match self.offset {
            ClockOffset::Ahead(by) => here.checked_add(by).unwrap_or(latest),
            ClockOffset::Behind(by) => here.checked_sub(by).unwrap_or(UNIX_EPOCH),
        };
        there.clamp(UNIX_EPOCH, latest)
    }

    /// The ordering id of a request without one.
    pub(super) fn ordering_id(&self) -> OrderingId {
        OrderingId::from_time(self.now())
    }

    /// A time by this clock, in the format of HTTP headers.
    pub(super) fn http_date(&self, later_by: Duration) -> String {
        let now = self.now();
        httpdate::fmt_http_date(now.checked_add(later_by).filter(|then| is_writable(*then)).unwrap_or(now))
    }
}

fn is_writable(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() <= 253_402_300_799)
}
