//! The time between the commits of two batches that share an id: servers whose clocks differ must not stamp the later
//! one with an earlier time, which would make the service ignore it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::keys::Keys;

/// The batches that were accepted a moment ago.
#[derive(Default)]
pub(super) struct RecentBatches {
    batches: VecDeque<(Instant, Arc<Keys>)>,
    operations: usize,
}

impl RecentBatches {
    /// Of more operations, only the last batch is remembered.
    const MOST: usize = 10_000;

    /// Notes that a batch was accepted just now.
    pub(super) fn accepted(&mut self, keys: &Arc<Keys>, spacing: Duration) {
        if spacing.is_zero() {
            return;
        }
        self.operations += keys.len();
        self.batches.push_back((Instant::now(), Arc::clone(keys)));
        while self.batches.front().is_some_and(|(at, _)| at.elapsed() >= spacing)
            || (self.operations > Self::MOST && self.batches.len() > 1)
        {
            let forgotten = self.batches.pop_front();
            self.operations -= forgotten.map_or(0, |(_, keys)| keys.len());
        }
    }

    /// The batches that a later one may have to wait for, the last first: each with the time from which it need not.
    pub(super) fn get(&self, spacing: Duration) -> Vec<(Instant, Arc<Keys>)> {
        let until = |(at, keys): &(Instant, Arc<Keys>)| Some((at.checked_add(spacing)?, Arc::clone(keys)));
        self.batches.iter().rev().filter(|(at, _)| at.elapsed() < spacing).filter_map(until).collect()
    }
}
