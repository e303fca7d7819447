//! The service's clock, from the `Date` of its responses.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

/// The time by the service's clock, which may differ from the local one.
#[derive(Debug, Default)]
pub(crate) struct ServiceClock {
    /// The last `Date`, and when it came.
    heard: Mutex<Option<(SystemTime, Instant)>>,
}

impl ServiceClock {
    /// Sets the time from a response that has just come.
    pub(crate) fn set(&self, date: SystemTime) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
    }

    /// The time there; `None` before the first response with a `Date`.
    pub(crate) fn now(&self) -> Option<SystemTime> {
        let (date, came) = (*self.heard.lock().unwrap_or_else(PoisonError::into_inner))?;
        date.checked_add(came.elapsed())
    }
}
