//! The service's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::model::OrderingId;

/// How far the service's clock is off the local one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockOffset {
    /// The service is ahead: what it calls now, is still to come here.
    Ahead(Duration),
    /// The service is behind: what it calls now, has passed here.
    Behind(Duration),
}

impl Default for ClockOffset {
    /// The same time here and there.
    fn default() -> Self {
        Self::Ahead(Duration::ZERO)
    }
}

/// The wall clock at the beginning, moved on by tokio's clock, so that it can be paused and
/// advanced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: SystemTime,
    instant: Instant,
    pub(super) offset: ClockOffset,
}

impl Clock {
    pub(super) fn start(offset: ClockOffset) -> Self {
        Self { began: SystemTime::now(), instant: Instant::now(), offset }
    }

    /// Since the fake was built.
    pub(super) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(self.instant)
    }

    pub(super) fn now(&self) -> SystemTime {
        // What `httpdate` can write ends with the year 9999.
        const LATEST: Duration = Duration::from_secs(253_402_300_799);
        let latest = UNIX_EPOCH.checked_add(LATEST).unwrap_or(self.began);
        let here = self.began.checked_add(self.elapsed()).unwrap_or(latest);
        let there = match self.offset {
            ClockOffset::Ahead(by) => here.checked_add(by).unwrap_or(latest),
            ClockOffset::Behind(by) => here.checked_sub(by).unwrap_or(UNIX_EPOCH),
        };
        there.clamp(UNIX_EPOCH, latest)
    }

    /// What the service takes when a request says no ordering id.
    pub(super) fn ordering_id(&self) -> OrderingId {
        OrderingId::from_time(self.now())
    }

    /// A time by this clock, as an HTTP header has it.
    pub(super) fn http_date(&self, later_by: Duration) -> String {
        let now = self.now();
        httpdate::fmt_http_date(now.checked_add(later_by).filter(|then| is_writable(*then)).unwrap_or(now))
    }
}

fn is_writable(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() <= 253_402_300_799)
}
