//! The longest wait, whoever asked for it: adding more to the clock could overflow.

use std::time::Duration;

/// Longer waits are capped at one year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The wait, capped.
pub(crate) fn bounded(wait: Duration) -> Duration {
    wait.min(LONGEST)
}

/// A wait that doubles so often, up to a longest.
pub(crate) fn doubled(first: Duration, doublings: u32, longest: Duration) -> Duration {
    first.saturating_mul(1_u32 << doublings.min(31)).min(longest)
}

/// A wait between half of a bound and the bound; `random` is in `0.0..1.0`.
pub(crate) fn jittered(bound: Duration, random: f64) -> Duration {
    let half = bounded(bound) / 2;
    half + part(half, random)
}

/// A part of a wait. `random` is in `0.0..1.0`; other numbers count as the nearer end.
pub(crate) fn part(wait: Duration, random: f64) -> Duration {
    // Not `clamp`, which lets NaN through.
    let random = if random > 0.0 { random.min(1.0) } else { 0.0 };
    bounded(wait).mul_f64(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_any_wait_is_a_wait() {
        let second = Duration::from_secs(1);
        for (wait, random, expected) in [
            (second, 0.25, second / 4),
            (second, 1.0, second),
            (second, 7.0, second),
            (second, f64::INFINITY, second),
            (second, -1.0, Duration::ZERO),
            (second, f64::NAN, Duration::ZERO),
            (Duration::ZERO, 1.0, Duration::ZERO),
            (Duration::MAX, 1.0, LONGEST),
            (Duration::MAX, 0.0, Duration::ZERO),
        ] {
            assert_eq!(part(wait, random), expected, "{wait:?} {random}");
        }
    }
}
