use std::time::SystemTime;

use crate::finding::Finding;
use crate::kernel::decode::{self, Success};
use crate::model::{FileContainer, OrderingId};

/// The service accepted a request.
///
/// Accepted is not indexed. The service queues what it accepts, carries it out later, and may still
/// drop it without telling the caller. Data that it is known to drop is refused beforehand
/// ([`preflight`](crate::preflight)); the rest is in the log browser of the administration console.
#[derive(Debug, Clone)]
pub struct Accepted {
    attempts: u32,
    /// Whether an earlier attempt may have been applied, too.
    may_be_applied_twice: bool,
    server_time: Option<SystemTime>,
    warnings: Vec<Finding>,
    file_id: Option<String>,
    bytes: Option<u64>,
    ordering_id: Option<OrderingId>,
    request_id: Option<String>,
}

impl Accepted {
    pub(super) fn new(success: &Success, warnings: Vec<Finding>, file_id: Option<String>) -> Self {
        let (ordering_id, request_id) = decode::receipt(success);
        let (attempts, server_time) = (success.record.attempts, success.server_time);
        let may_be_applied_twice = success.record.may_have_been_applied;
        Self { attempts, may_be_applied_twice, server_time, warnings, file_id, bytes: None, ordering_id, request_id }
    }

    /// A batch that is uploaded into a stream, and committed with the others when the stream is closed.
    pub(crate) fn of_chunk(container: &FileContainer) -> Self {
        let file_id = Some(container.file_id().to_owned());
        Self {
            attempts: 0,
            may_be_applied_twice: false,
            server_time: None,
            warnings: Vec::new(),
            file_id,
            bytes: None,
            ordering_id: None,
            request_id: None,
        }
    }

    pub(crate) fn may_be_applied_twice(&self) -> bool {
        self.may_be_applied_twice
    }

    pub(crate) fn warned(mut self, findings: Vec<Finding>) -> Self {
        self.warnings.extend(findings);
        self
    }

    pub(crate) fn with_bytes(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// How many times the request was sent. For a call of several steps, this is its last step.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The service's clock, from the `Date` header of the response; `None` when it had none. The
    /// precision is one second.
    ///
    /// Make an [`OrderingId`](crate::OrderingId) that stands for a time from this clock, and not from
    /// the local one.
    #[must_use]
    pub fn server_time(&self) -> Option<SystemTime> {
        self.server_time
    }

    /// Findings that [`Preflight::Warn`](crate::Preflight::Warn) let through, and items that
    /// [`FailedBatch::push_again`](crate::report::FailedBatch::push_again) left out.
    #[must_use]
    pub fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// The file container that was pushed; `None` for calls that push none.
    #[must_use]
    pub fn file_id(&self) -> Option<&str> {
        self.file_id.as_deref()
    }

    /// The ordering id by which the service ordered the request. The Stream API tells it; for other requests
    /// it is `None`.
    #[must_use]
    pub fn ordering_id(&self) -> Option<OrderingId> {
        self.ordering_id
    }

    /// The service's own id of the request, for its support; `None` when the response has none.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How many bytes were uploaded into that container; `None` when this call uploaded none.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }
}
