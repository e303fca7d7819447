use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::api::is_retryable_status;
use super::call_record::CallRecord;
use crate::model::words::one_line;

/// The storage behind a file container rejected an upload
/// ([article 43](https://docs.coveo.com/en/43/)).
///
/// It holds the storage's code and message, and neither the URL nor the rest of the response, which contain
/// signatures.
#[derive(Debug)]
pub struct UploadError {
    pub(super) call: CallRecord,
    pub(super) status: StatusCode,
    pub(super) code: Option<String>,
    message: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl UploadError {
    pub(crate) fn new(
        call: CallRecord,
        status: StatusCode,
        code: Option<String>,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { call, status, code, message: None, request_id, retry_after }
    }

    /// The same error with the storage's message, which must be redacted.
    pub(crate) fn saying(self, message: Option<String>) -> Self {
        Self { message, ..self }
    }

    /// The call that failed: an [`UploadToContainer`](crate::Operation::UploadToContainer), alone or as a
    /// step of another call.
    #[must_use]
    pub fn call(&self) -> &CallRecord {
        &self.call
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The storage's code, such as `AccessDenied` or `ExpiredToken`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The storage's message, such as `Request has expired`, without signatures.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The storage's id of the request, which its support may ask for.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How long the storage asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether a fresh container is needed: the presigned URI or its token has expired, or the storage does not know
    /// the container.
    #[must_use]
    pub fn needs_fresh_container(&self) -> bool {
        let says_expired = || self.message.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("expired"));
        match (self.status, self.code.as_deref()) {
            (StatusCode::NOT_FOUND, _) => true,
            (StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST, Some("ExpiredToken")) => true,
            (StatusCode::FORBIDDEN, Some(_)) => says_expired(),
            _ => false,
        }
    }

    pub(crate) fn is_retryable(&self) -> bool {
        is_retryable_status(self.status)
            || (self.status == StatusCode::BAD_REQUEST && self.code.as_deref() == Some("RequestTimeout"))
            || self.code.as_deref() == Some("SlowDown")
    }
}

impl fmt::Display for UploadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, status, code, message, request_id, retry_after: _ } = self;
        write!(f, "{}: the storage answered {}", call.operation, status.as_u16())?;
        if let Some(code) = code {
            write!(f, " {}", one_line(code))?;
        }
        if let Some(message) = message.as_deref().filter(|message| !message.is_empty()) {
            write!(f, ": {}", one_line(message))?;
        }
        if let Some(id) = request_id {
            write!(f, " (request id {})", one_line(id))?;
        }
        f.write_str(&call.after_attempts())
    }
}

impl std::error::Error for UploadError {}
