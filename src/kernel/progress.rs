//! The progress of one attempt: the bytes that the transport took, and the deadline that follows from them.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::wait;

/// The progress of one attempt.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    length: u64,
    taken: Mutex<Taken>,
}

#[derive(Debug)]
struct Taken {
    /// The bytes that were not taken yet.
    left: u64,
    /// When the last slice was taken.
    last: Instant,
    how: How,
}

/// How a transport takes a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Not at all, as far as known.
    Unknown,
    InSlices,
    /// It tells nothing more.
    Whole,
}

impl Progress {
    /// The slowest link that an upload is given time for where its progress is not known, in bytes a second.
    const SLOWEST: u64 = 32 * 1024;

    /// The progress of an attempt that starts now.
    pub(crate) fn new(length: u64) -> Self {
        let start = Instant::now();
        Self { start, length, taken: Mutex::new(Taken { left: length, last: start, how: How::Unknown }) }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note that the transport is going to take slices.
    pub(crate) fn takes_slices(&self) {
        self.lock().how = How::InSlices;
    }

    /// Takes note of a slice.
    pub(crate) fn took(&self, bytes: usize) {
        let mut taken = self.lock();
        let left = taken.left.saturating_sub(bytes as u64);
        *taken = Taken { left, last: Instant::now(), how: How::InSlices };
    }

    /// Takes note that the transport has taken all at once.
    pub(crate) fn took_whole(&self) {
        self.lock().how = How::Whole;
    }

    /// Whether a part of the body was not taken. A transport that never asks for slices, as in a test, needs no body.
    pub(crate) fn is_partial(&self) -> bool {
        let taken = self.lock();
        taken.how == How::InSlices && taken.left > 0
    }

    /// The time in which there was progress.
    pub(crate) fn time(&self) -> Duration {
        self.lock().last.duration_since(self.start)
    }

    /// The output of an attempt; `None` when it made no progress for `idle`.
    pub(crate) async fn within<F: Future>(&self, idle: Duration, attempt: F) -> Option<F::Output> {
        let mut attempt = pin!(attempt);
        loop {
            match timeout_at(self.deadline(idle), &mut attempt).await {
                Ok(output) => return Some(output),
                Err(_) if self.deadline(idle) <= Instant::now() => return None,
                Err(_) => {}
            }
        }
    }

    /// When to give the attempt up: after `idle` without progress. The answer may take as long as the body
    /// took.
    fn deadline(&self, idle: Duration) -> Instant {
        let taken = self.lock();
        let patience = if taken.how == How::Whole {
            idle.saturating_add(Duration::from_secs(self.length.div_ceil(Self::SLOWEST)))
        } else if taken.left == 0 {
            idle.max(taken.last.duration_since(self.start))
        } else {
            idle
        };
        taken.last + wait::bounded(patience)
    }
}
