//! Outages of a host, and the errors of calls that were not sent because of one.

use http::StatusCode;

use crate::error::{ApiError, CallRecord, Error, Redactor, SendError, SendErrorKind, TransportError, UploadError};
use crate::operation::Host;

/// Why a host is held: what its last failed attempt ended with.
#[derive(Debug, Clone)]
pub(crate) enum Outage {
    /// The connection failed, or no response came.
    NoAnswer { kind: SendErrorKind, cause: String },
    /// A gateway answered in place of the service, or the service told everyone to wait for long.
    Status(StatusCode),
}

impl Outage {
    /// The outage that a failed attempt shows; `None` when the host is there.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        match (error, error.status()) {
            (Error::Transport(failure), _) if failure.is_retryable() => {
                Some(Self::NoAnswer { kind: failure.kind(), cause: failure.cause().to_owned() })
            }
            (_, Some(status)) if matches!(status.as_u16(), 502..=504) => Some(Self::Status(status)),
            _ => None,
        }
    }

    /// Whether the connection was closed before a byte of the answer came.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::NoAnswer { kind: SendErrorKind::Closed, .. })
    }

    /// The error of a call that was not sent because of this.
    pub(crate) fn error(&self, record: CallRecord) -> Error {
        match self {
            Self::NoAnswer { kind, cause } => {
                let error =
                    if cause.is_empty() { SendError::from(*kind) } else { SendError::new(*kind, cause.as_str()) };
                TransportError::new(record, error, Redactor::new(None)).into()
            }
            Self::Status(status) => match record.operation.spec().host {
                Host::Storage => UploadError::new(record, *status, None, None, None).into(),
                Host::Push | Host::Logs | Host::Platform => {
                    ApiError::new(record, *status, None, None, String::new(), None).into()
                }
            },
        }
    }
}
