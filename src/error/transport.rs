use std::fmt;

use http::{StatusCode, Uri};

use super::call_record::CallRecord;
use super::redact::Redactor;
use crate::model::words::one_line;

/// An error of another crate, kept as the source of one of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The error of a [`Transport`](crate::transport::Transport) that got no response.
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

    /// Where sending failed.
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

/// Where sending failed. It decides whether the service may have carried the request out, and whether the
/// request is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The request is invalid. Not carried out, not retried.
    Request,
    /// No connection: name resolution, TCP, TLS, a proxy. Not carried out, retried.
    Connect,
    /// The certificate of the service is invalid, or of an unknown authority. Not carried out, not retried.
    Certificate,
    /// The connection was closed before a byte of the response, as servers close connections that were idle.
    /// May be carried out, retried at once.
    Closed,
    /// The connection broke before the head of the response was read. May be carried out, retried.
    Disconnected,
    /// The response did not come in time. May be carried out, retried.
    Timeout,
    /// The connection broke in the body of the response. May be carried out, retried.
    Body,
    /// The [`Transport`](crate::transport::Transport) panicked. May be carried out, not retried.
    Panic,
}

impl SendErrorKind {
    pub(crate) fn is_retryable(self) -> bool {
        match self {
            Self::Request | Self::Certificate | Self::Panic => false,
            Self::Connect | Self::Closed | Self::Disconnected | Self::Timeout | Self::Body => true,
        }
    }

    pub(crate) fn may_have_been_applied(self) -> bool {
        match self {
            Self::Request | Self::Connect | Self::Certificate => false,
            Self::Closed | Self::Disconnected | Self::Timeout | Self::Body | Self::Panic => true,
        }
    }
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "the request cannot be sent",
            Self::Connect => "no connection",
            Self::Certificate => "the certificate of the service is not trusted",
            Self::Closed => "the connection was closed before the response",
            Self::Disconnected => "the connection broke before the response",
            Self::Timeout => "no response in time",
            Self::Body => "the connection broke in the response",
            Self::Panic => "the transport panicked",
        })
    }
}

/// A call without a usable response.
#[derive(Debug)]
pub struct TransportError {
    pub(super) call: CallRecord,
    error: SendError,
    /// The text of the innermost cause, without secrets, and the address of a connection that could not be made.
    cause: String,
}

impl TransportError {
    /// The redactor knows the key of the call.
    pub(crate) fn new(call: CallRecord, error: SendError, redactor: Redactor<'_>) -> Self {
        let first = std::error::Error::source(&error);
        let cause = std::iter::successors(first, |error| error.source()).last().map(ToString::to_string);
        let cause = redactor.redact(cause.unwrap_or_default());
        Self { call, error, cause }
    }

    /// The same error with the address, where no connection to it could be made.
    pub(crate) fn at(mut self, uri: &Uri) -> Self {
        let is_about_address = matches!(self.error.kind, SendErrorKind::Connect | SendErrorKind::Certificate);
        if let Some(host) = uri.host().filter(|_| is_about_address) {
            let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
            let space = if self.cause.is_empty() { "" } else { " " };
            self.cause.push_str(&format!("{space}({host}{port})"));
        }
        self
    }

    /// The call that failed.
    #[must_use]
    pub fn call(&self) -> &CallRecord {
        &self.call
    }

    /// Where the last attempt failed.
    #[must_use]
    pub fn kind(&self) -> SendErrorKind {
        self.error.kind
    }

    pub(crate) fn is_retryable(&self) -> bool {
        self.error.kind.is_retryable()
    }

    /// The text of the innermost cause; empty without a cause.
    pub(crate) fn cause(&self) -> &str {
        &self.cause
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.call.operation)?;
        match (self.call.attempts, self.call.attempts_made()) {
            (0, made) if !made.is_empty() => f.write_str(&made)?,
            (_, made) if made.is_empty() => f.write_str("no usable response")?,
            (_, made) => write!(f, "no usable response {made}")?,
        }
        write!(f, ": {}", self.error)?;
        if !self.cause.is_empty() {
            write!(f, ": {}", one_line(&self.cause))?;
        }
        if self.error.kind == SendErrorKind::Certificate {
            f.write_str("; for a certificate authority of your own, see `PushClientBuilder::http_client`")?;
        }
        Ok(())
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// A call that succeeded, with a response that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: the call succeeded ({}), but its response cannot be read at `{}`",
    call.operation, status.as_u16(), one_line(path)
)]
pub struct DecodeError {
    call: CallRecord,
    status: StatusCode,
    path: String,
    body: String,
    source: BoxError,
}

impl DecodeError {
    /// `cause` and `body` must be redacted: the response may hold a presigned URI.
    pub(crate) fn new(call: CallRecord, status: StatusCode, path: String, body: String, cause: String) -> Self {
        Self { call, status, path, body, source: cause.into() }
    }

    /// The call, which succeeded.
    #[must_use]
    pub fn call(&self) -> &CallRecord {
        &self.call
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The path in the JSON at which reading stopped.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The first 16 KiB of the response, without possible secrets.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }
}
