use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::call_record::CallRecord;
use super::code::ErrorCode;
use crate::model::words::one_line;

/// A longer wait is most likely a mistake of whoever asked for it.
const LONGEST_PLAUSIBLE: Duration = Duration::from_secs(24 * 60 * 60);

/// The hint of a request that a firewall blocked.
pub(crate) const FIREWALL: &str = "a firewall before the service blocked the request";

/// A response of the Push API that is not a success ([article 95](https://docs.coveo.com/en/95/)).
#[derive(Debug)]
pub struct ApiError {
    pub(super) call: CallRecord,
    pub(super) status: StatusCode,
    pub(super) code: Option<ErrorCode>,
    pub(super) message: Option<String>,
    pub(super) body: String,
    pub(super) retry_after: Option<Duration>,
    hint: Option<String>,
    request_id: Option<String>,
}

impl ApiError {
    pub(crate) fn new(
        call: CallRecord,
        status: StatusCode,
        code: Option<ErrorCode>,
        message: Option<String>,
        body: String,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { call, status, code, message, body, retry_after, hint: None, request_id: None }
    }

    /// Whether a firewall before the service answered, and not the service.
    pub(super) fn is_of_firewall(&self) -> bool {
        self.hint.as_deref() == Some(FIREWALL)
    }

    /// The same error with what this crate has to say about the response, and the service's id of the request.
    pub(crate) fn explained(self, hint: Option<String>, request_id: Option<String>) -> Self {
        Self { hint, request_id, ..self }
    }

    /// The call that failed. It has 0 attempts when it was not sent, because the service had asked an
    /// earlier call to wait.
    #[must_use]
    pub fn call(&self) -> &CallRecord {
        &self.call
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The service's own error code; `None` when the response has none, as that of a gateway.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// The service's message; `None` when the response is not JSON with a message.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The first 16 KiB of the response, without possible secrets: JSON, HTML, or nothing.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The service's id of the request (`X-Request-ID`), for its support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// How long the service asked to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, status, code, message, body: _, retry_after, hint, request_id } = self;
        write!(f, "{}: {}", call.operation, status.as_u16())?;
        match (code, status.canonical_reason()) {
            (Some(code), _) => write!(f, " {}", one_line(code.as_str()))?,
            (None, Some(reason)) => write!(f, " {reason}")?,
            (None, None) => {}
        }
        if let Some(message) = message.as_deref().filter(|message| !message.is_empty()) {
            write!(f, ": {}", one_line(message))?;
        }
        if let Some(hint) = hint {
            // A page instead of a success goes on the status: `200 OK with text/html`.
            let separator = if status.is_success() { " " } else { ": " };
            write!(f, "{separator}{}", one_line(hint))?;
        }
        if let Some(id) = request_id {
            write!(f, " (request id {id})")?;
        }
        match call.attempts {
            0 if !call.held => f.write_str(" (not sent: the service asked an earlier call to wait)")?,
            _ => f.write_str(&call.after_attempts())?,
        }
        match retry_after {
            Some(Duration::MAX) => f.write_str(" (implausible retry-after: not a number of seconds)"),
            Some(wait) if *wait > LONGEST_PLAUSIBLE => {
                write!(f, " (implausible retry-after: {} s)", wait.as_secs_f64().ceil())
            }
            Some(wait) => write!(f, " (retry after {} s)", wait.as_secs_f64().ceil()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

/// Whether the same request may succeed after this status.
pub(crate) fn is_retryable_status(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}
