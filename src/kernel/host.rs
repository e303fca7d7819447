//! What all clones of a client know of one host.

use super::clock::ServiceClock;
use super::hold::Hold;
use super::throttle::Throttle;
use crate::operation::Host;

/// The state of one host.
#[derive(Debug, Default)]
pub(crate) struct HostState {
    pub(crate) throttle: Throttle,
    pub(crate) hold: Hold,
    pub(crate) clock: ServiceClock,
}

/// The state of every host.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    push: HostState,
    storage: HostState,
}

impl Hosts {
    pub(crate) fn get(&self, host: Host) -> &HostState {
        match host {
            Host::Push => &self.push,
            Host::Storage => &self.storage,
        }
    }
}
