use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::api::{is_retryable_status, one_line};
use super::call_record::CallRecord;
use crate::operation::Operation;

/// The storage behind a file container refused the bytes
/// ([article 43](https://docs.coveo.com/en/43/)).
///
/// The URL is not part of it, and neither is the answer's body: both hold signatures.
#[derive(Debug)]
pub struct UploadError {
    pub(super) record: CallRecord,
    pub(super) status: StatusCode,
    pub(super) code: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl UploadError {
    pub(crate) fn new(
        record: CallRecord,
        status: StatusCode,
        code: Option<String>,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { record, status, code, request_id, retry_after }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The storage's code, such as `AccessDenied` or `ExpiredToken`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The storage's id of the request, which its support asks for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The operation that failed: [`UploadToContainer`](Operation::UploadToContainer), on its own or as a
    /// step of another call.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.record.operation
    }

    /// How many times the bytes were sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }

    /// The time from the call's begin to this error, waits included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.record.elapsed
    }

    /// How long the storage asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether a fresh container is what helps: the presigned URI has expired, or the storage no
    /// longer takes its signature.
    #[must_use]
    pub fn needs_fresh_container(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
            || (self.status == StatusCode::BAD_REQUEST && self.code.as_deref() == Some("ExpiredToken"))
    }

    pub(crate) fn is_retryable(&self) -> bool {
        is_retryable_status(self.status)
            || (self.status == StatusCode::BAD_REQUEST && self.code.as_deref() == Some("RequestTimeout"))
            || self.code.as_deref() == Some("SlowDown")
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { record, status, code, request_id, retry_after: _ } = self;
        write!(f, "{}: the storage answered {}", record.operation, status.as_u16())?;
        if let Some(code) = code {
            write!(f, " {}", one_line(code))?;
        }
        if let Some(id) = request_id {
            write!(f, " (request id {})", one_line(id))?;
        }
        match record.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " (after {attempts} attempts)"),
        }
    }
}

impl std::error::Error for UploadError {}
