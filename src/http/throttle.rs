//! The throttle that all clones of a client share: when the service tells one call to wait, all of
//! them wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Holds back new Push API attempts after a 429.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// Over how long the calls that waited start again, at the most.
    const SPREAD: Duration = Duration::from_secs(1);

    /// Holds back new attempts for `wait` from `now`, unless they are held back for longer already.
    pub(crate) fn hold(&self, now: Instant, wait: Duration) {
        let Some(until) = now.checked_add(wait) else { return };
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none_or(|held| held < until) {
            *held = Some(until);
        }
    }

    /// How long a new attempt has to wait at `now`; `None` when it may go.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero());
        if left.is_none() {
            *held = None;
        }
        left
    }

    /// What to add to a wait, so that the calls that waited do not start all at once; `random` is
    /// in `0.0..1.0`.
    pub(crate) fn spread(wait: Duration, random: f64) -> Duration {
        wait.min(Self::SPREAD).mul_f64(random.clamp(0.0, 1.0))
    }
}
