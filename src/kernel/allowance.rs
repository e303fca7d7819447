//! The attempts and the time that a call has left.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::{RetryClass, RetryPolicy};
use super::run_context::RunContext;
use crate::operation::Repeat;

/// How long after an attempt of unknown fate an operation may start another, where it is repeated briefly.
const BRIEFLY: Duration = Duration::from_secs(10);

/// The attempts and the time that one call has left.
#[derive(Debug)]
pub(super) struct Allowance<'a> {
    pub(super) policy: RetryPolicy,
    pub(super) run: Option<&'a RunContext>,
    repeat: Repeat,
    /// When an attempt of unknown fate ended.
    unknown_since: Option<Instant>,
    /// From when the deadline counts. The waits of a bulk run that have a patience of their own put it off.
    counted_from: Instant,
    /// The attempts that count: neither probes nor, in a bulk run, those that were throttled.
    attempts: u32,
    /// The time that a call of a bulk run waited because the service asked it to.
    throttled: Duration,
    /// The time that a call of a bulk run waited in outages.
    outage: Duration,
}

impl<'a> Allowance<'a> {
    pub(super) fn new(policy: RetryPolicy, run: Option<&'a RunContext>, repeat: Repeat) -> Self {
        Self {
            policy,
            run,
            repeat,
            unknown_since: None,
            counted_from: Instant::now(),
            attempts: 0,
            throttled: Duration::ZERO,
            outage: Duration::ZERO,
        }
    }

    /// Counts an attempt that starts now. The time counts from the first of them.
    pub(super) fn start_attempt(&mut self, is_probe: bool) {
        if is_probe {
            return;
        }
        if self.attempts == 0 {
            self.counted_from = Instant::now();
        }
        self.attempts += 1;
    }

    /// Does not count an attempt that was throttled, where the run has a patience for that.
    pub(super) fn was_throttled(&mut self) {
        if self.run.is_some() {
            self.attempts = self.attempts.saturating_sub(1);
        }
    }

    pub(super) fn has_attempts(&self) -> bool {
        let may_repeat = self.repeat != Repeat::Never || self.unknown_since.is_none();
        may_repeat && !self.policy.is_none() && self.attempts < self.policy.max_attempts
    }

    /// How much longer than `wait` the next attempt may be put off; `None` when `wait` is too long
    /// already.
    pub(super) fn room_after(&self, wait: Duration, why: RetryClass) -> Option<Duration> {
        let (spent, most) = match (self.run, why) {
            (Some(run), RetryClass::Throttled) => (self.throttled, run.throttle_patience),
            (Some(run), RetryClass::Outage) if !self.policy.is_none() => (self.outage, run.outage_patience),
            _ => (self.counted_from.elapsed(), self.policy.deadline),
        };
        let room = most.checked_sub(spent)?.checked_sub(wait)?;
        match (self.repeat, self.unknown_since) {
            (Repeat::Briefly, Some(since)) => Some(room.min(BRIEFLY.checked_sub(since.elapsed())?.checked_sub(wait)?)),
            _ => Some(room),
        }
    }

    /// Takes note that an attempt ended of which nobody knows whether it was carried out.
    pub(super) fn note_unknown_fate(&mut self) {
        self.unknown_since.get_or_insert_with(Instant::now);
    }

    /// Takes note of time that was spent, where the run has a patience for that.
    pub(super) fn spend(&mut self, time: Duration, why: RetryClass) {
        let Some(run) = self.run else { return };
        match why {
            RetryClass::Throttled => {
                run.counters.was_throttled(time);
                self.throttled += time;
            }
            RetryClass::Outage => self.outage += time,
            RetryClass::Transient | RetryClass::Permanent => return,
        }
        self.counted_from += time;
    }

    /// Takes note of time that does not count: waits for the run's own rate limit, and progress of an upload.
    pub(super) fn put_off(&mut self, time: Duration) {
        self.counted_from += time;
    }
}
