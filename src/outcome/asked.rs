use std::time::{Duration, SystemTime};

use crate::push::PushReport;

/// How much earlier than the first acceptance the service may have noted something: its servers have clocks of their own,
/// and its responses tell whole seconds.
const MARGIN: Duration = Duration::from_secs(2);

/// A run that is asked about.
#[derive(Debug)]
pub struct AskedRun<'a> {
    pub(super) push: &'a PushReport,
    /// When the service began to process it, if that is not when it accepted the first batch.
    pub(super) begin: Option<SystemTime>,
    /// Whether everything was accepted only to be thrown away.
    pub(super) is_void: bool,
}

impl AskedRun<'_> {
    /// When the run began, by the service's clock, which shows `now`.
    pub(super) fn first(&self, now: SystemTime) -> SystemTime {
        // Without any time of the service: the local clock, which may be off.
        let local = now.checked_sub(self.push.elapsed + Duration::from_secs(60)).unwrap_or(now);
        self.begin.or(self.push.first_accepted).unwrap_or(local)
    }

    /// The time from which on the service may have noted something of the run.
    pub(super) fn from(&self, now: SystemTime) -> SystemTime {
        let first = self.first(now);
        first.checked_sub(MARGIN).unwrap_or(first)
    }
}
