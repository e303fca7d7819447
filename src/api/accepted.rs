use std::time::SystemTime;

use crate::finding::Finding;
use crate::kernel::decode::Answer;

/// The service accepted a request.
///
/// Accepted is not indexed: the service queues what it accepts, carries it out later, and may drop
/// it then without telling the caller. What is known to be dropped is checked beforehand
/// ([`preflight`](crate::preflight)); the rest is in the log browser of the administration console.
#[derive(Debug, Clone)]
pub struct Accepted {
    attempts: u32,
    server_time: Option<SystemTime>,
    warnings: Vec<Finding>,
}

impl Accepted {
    pub(crate) fn new(answer: &Answer, warnings: Vec<Finding>) -> Self {
        Self { attempts: answer.record.attempts, server_time: answer.server_time, warnings }
    }

    /// How many times the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The service's clock, from the answer's `Date`, where it had one. It is cut to whole seconds.
    ///
    /// An [`OrderingId`](crate::OrderingId) that stands for a time is best made from this one, and
    /// not from the local clock.
    #[must_use]
    pub fn server_time(&self) -> Option<SystemTime> {
        self.server_time
    }

    /// What the preflight found and [`Preflight::Warn`](crate::Preflight::Warn) let through.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }
}

/// The service accepted a batch.
#[derive(Debug, Clone)]
pub struct BatchAccepted {
    file_id: String,
    bytes: u64,
    accepted: Accepted,
}

impl BatchAccepted {
    pub(crate) fn new(file_id: String, bytes: u64, accepted: Accepted) -> Self {
        Self { file_id, bytes, accepted }
    }

    /// The file container that carried the batch.
    #[must_use]
    pub fn file_id(&self) -> &str {
        &self.file_id
    }

    /// How many bytes were uploaded.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The answer to the last of the three requests, the one that pushes the container.
    #[must_use]
    pub fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// What the preflight found and [`Preflight::Warn`](crate::Preflight::Warn) let through.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        self.accepted.warnings()
    }
}
