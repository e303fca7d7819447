use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::api::one_line;
use super::call_record::CallRecord;
use crate::operation::Operation;

/// An error of another crate, kept as the source of one of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a [`Transport`](crate::Transport) reports when it has no answer.
///
/// The source must not hold the request's URL: that of an upload is presigned.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct SendError {
    kind: SendErrorKind,
    source: Option<BoxError>,
}

impl SendError {
    /// An error of a kind, with what caused it.
    pub fn new(kind: SendErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    /// At which point it failed.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        self.kind
    }
}

impl From<SendErrorKind> for SendError {
    fn from(kind: SendErrorKind) -> Self {
        Self { kind, source: None }
    }
}

/// At which point a transport failed, which decides whether the request may have been carried out
/// and whether it is worth sending again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The request cannot be sent as it is. Not sent, not retried.
    Request,
    /// No connection: name resolution, TCP, TLS, a proxy. Not sent, retried.
    Connect,
    /// The connection broke before the response's head was read. Maybe carried out, retried.
    Disconnected,
    /// The answer did not come in time. Maybe carried out, retried.
    Timeout,
    /// The answer's head was read, and its body broke off. Maybe carried out, retried.
    Body,
}

impl SendErrorKind {
    pub(crate) fn is_retryable(self) -> bool {
        match self {
            Self::Request => false,
            Self::Connect | Self::Disconnected | Self::Timeout | Self::Body => true,
        }
    }

    pub(crate) fn may_have_been_applied(self) -> bool {
        match self {
            Self::Request | Self::Connect => false,
            Self::Disconnected | Self::Timeout | Self::Body => true,
        }
    }
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request cannot be sent",
            Self::Connect => "no connection could be made",
            Self::Disconnected => "the connection broke before an answer came",
            Self::Timeout => "no answer came in time",
            Self::Body => "the answer broke off",
        })
    }
}

/// A call that got no usable answer.
#[derive(Debug)]
pub struct TransportError {
    pub(super) record: CallRecord,
    error: SendError,
}

impl TransportError {
    pub(crate) fn new(record: CallRecord, error: SendError) -> Self {
        Self { record, error }
    }

    /// At which point the last attempt failed.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        self.error.kind
    }

    /// The operation that failed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.record.operation
    }

    /// How many times the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }

    /// The time from the call's begin to this error, waits included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.record.elapsed
    }

    pub(crate) fn is_retryable(&self) -> bool {
        self.error.kind.is_retryable()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: no usable answer", self.record.operation)?;
        match self.record.attempts {
            0 | 1 => Ok(()),
            attempts => write!(f, " after {attempts} attempts"),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A success whose answer could not be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: the answer to a call that succeeded ({}) could not be read at `{}`",
    record.operation, status.as_u16(), one_line(path)
)]
pub struct DecodeError {
    pub(super) record: CallRecord,
    status: StatusCode,
    path: String,
    body: String,
    source: BoxError,
}

impl DecodeError {
    /// `cause` and `body` must have been redacted: the answer may hold a presigned URI.
    pub(crate) fn new(record: CallRecord, status: StatusCode, path: String, body: String, cause: String) -> Self {
        Self { record, status, path, body, source: cause.into() }
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Where in the JSON reading stopped.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first 16 KiB of the answer, with what may be secret in it left out.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The operation that succeeded.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.record.operation
    }

    /// How many times the request was sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }

    /// The time from the call's begin to the answer, waits included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.record.elapsed
    }
}
