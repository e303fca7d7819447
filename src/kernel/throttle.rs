//! The throttle that all clones of a client share: when the service asks one call to wait, all of them
//! wait.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::wait;

/// Holds back new Push API attempts after a 429.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    until: Mutex<Option<Instant>>,
}

impl Throttle {
    /// The longest time for which a call holds back the others, whatever `Retry-After` it got.
    pub(crate) const LONGEST: Duration = Duration::from_secs(15 * 60);
    /// The longest time over which the restart of waiting calls is spread.
    const SPREAD: Duration = Duration::from_secs(1);

    /// Holds back new attempts for `wait` from `now`, or the longest there is, unless they are held back for
    /// longer already.
    pub(crate) fn hold(&self, now: Instant, wait: Duration) {
        let until = now + wait.min(Self::LONGEST);
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none_or(|held| held < until) {
            *held = Some(until);
        }
    }

    /// How long a new attempt has to wait at `now`; `None` when it may start.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let left = held.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero());
        if left.is_none() {
            *held = None;
        }
        left
    }

    /// A time to add to a wait, so that the waiting calls do not all start at once. `random` is in
    /// `0.0..1.0`.
    pub(crate) fn spread(wait: Duration, random: f64) -> Duration {
        wait::part(wait.min(Self::SPREAD), random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn nothing_is_held_back_at_first() {
        assert_eq!(Throttle::default().wait(Instant::now()), None);
    }

    #[tokio::test]
    async fn attempts_are_held_back_until_the_wait_has_passed() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        throttle.hold(now, 3 * SECOND);
        assert_eq!(throttle.wait(now), Some(3 * SECOND));
        assert_eq!(throttle.wait(now + 2 * SECOND), Some(SECOND));
        assert_eq!(throttle.wait(now + 3 * SECOND), None);
        assert_eq!(throttle.wait(now), None);
    }

    #[tokio::test]
    async fn a_longer_wait_prevails_and_a_shorter_one_changes_nothing() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        throttle.hold(now, 2 * SECOND);
        throttle.hold(now, SECOND);
        assert_eq!(throttle.wait(now), Some(2 * SECOND));
        throttle.hold(now + SECOND, 2 * SECOND);
        assert_eq!(throttle.wait(now), Some(3 * SECOND));
    }

    #[tokio::test]
    async fn a_wait_of_nothing_holds_nobody_back() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        throttle.hold(now, Duration::ZERO);
        assert_eq!(throttle.wait(now), None);
    }

    #[tokio::test]
    async fn guarantee_2_no_wait_holds_back_the_others_for_more_than_15_minutes() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        throttle.hold(now, Duration::MAX);
        assert_eq!(throttle.wait(now), Some(900 * SECOND));
    }

    #[test]
    fn the_spread_is_a_part_of_the_wait_and_never_more_than_a_second() {
        assert_eq!(Throttle::spread(60 * SECOND, 0.0), Duration::ZERO);
        assert_eq!(Throttle::spread(60 * SECOND, 0.5), SECOND / 2);
        assert_eq!(Throttle::spread(60 * SECOND, 9.0), SECOND);
        assert_eq!(Throttle::spread(SECOND / 4, 1.0), SECOND / 4);
    }
}
