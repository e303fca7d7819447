//! What all clones of a client know of one host.

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::clock::ServiceClock;
use super::hold::Hold;
use super::stats::{ClientStats, HostCounters, HostStats};
use super::throttle::Throttle;
use crate::operation::{Host, Operation};

/// The state of one host.
#[derive(Debug)]
pub(crate) struct HostState {
    pub(crate) throttle: Throttle,
    pub(crate) hold: Hold,
    pub(crate) clock: ServiceClock,
    pub(crate) counters: HostCounters,
    places: Semaphore,
}

impl Default for HostState {
    fn default() -> Self {
        Self {
            throttle: Throttle::default(),
            hold: Hold::default(),
            clock: ServiceClock::default(),
            counters: HostCounters::default(),
            places: Semaphore::new(Self::PLACES),
        }
    }
}

impl HostState {
    /// So many attempts may be in flight.
    const PLACES: usize = 64;

    fn stats(&self) -> HostStats {
        self.counters.stats(self.hold.is_held() || self.throttle.wait(Instant::now()).is_some())
    }

    /// Waits for a place of an attempt, first come first served. The few calls that steer a run need none.
    pub(crate) async fn place(&self, operation: Operation) -> Option<SemaphorePermit<'_>> {
        if operation.goes_first() {
            return None;
        }
        // It is never closed.
        self.places.acquire().await.ok()
    }
}

/// The state of every host.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    push: HostState,
    logs: HostState,
    platform: HostState,
    storage: HostState,
}

impl Hosts {
    pub(crate) fn get(&self, host: Host) -> &HostState {
        match host {
            Host::Push => &self.push,
            Host::Logs => &self.logs,
            Host::Platform => &self.platform,
            Host::Storage => &self.storage,
        }
    }

    pub(crate) fn stats(&self) -> ClientStats {
        let Self { push, logs, platform, storage } = self;
        let [push, logs, platform, storage] = [push, logs, platform, storage].map(HostState::stats);
        ClientStats { push, logs, platform, storage }
    }
}
