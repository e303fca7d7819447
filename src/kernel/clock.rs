//! The service's clock, as far as its answers have told it.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

/// What time it is for the service, which may not be what it is here.
#[derive(Debug, Default)]
pub(crate) struct ServiceClock {
    /// What the last answer said, and when it came.
    heard: Mutex<Option<(SystemTime, Instant)>>,
}

impl ServiceClock {
    /// Takes the time from an answer that has just come.
    pub(crate) fn set(&self, date: SystemTime) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
    }

    /// The time there; `None` when no answer has told it yet.
    pub(crate) fn now(&self) -> Option<SystemTime> {
        let (date, came) = (*self.heard.lock().unwrap_or_else(PoisonError::into_inner))?;
        date.checked_add(came.elapsed())
    }
}
