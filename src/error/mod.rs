//! What can go wrong, as one enum to match on.

mod api;
mod call_record;
mod code;
mod invalid;
mod redact;
mod transport;
mod upload;

use std::time::Duration;

use http::StatusCode;

pub use api::ApiError;
pub(crate) use api::FIREWALL;
pub(crate) use api::is_retryable_status;
pub use call_record::CallRecord;
pub use code::ErrorCode;
pub use invalid::{ConfigError, CredentialsError, InvalidError};
pub(crate) use redact::Redactor;
pub use transport::{BoxError, DecodeError, SendError, SendErrorKind, TransportError};
pub use upload::UploadError;

use crate::model::ParseEnumError;
use crate::operation::Operation;

/// Why a call did not succeed.
///
/// Every response with another status than that of a success is one of the first ten variants, each with an
/// [`ApiError`] that holds what the service said. The other variants mean that there was no usable
/// response, or that nothing was sent.
///
/// Every error of a call has a [`CallRecord`], from [`call`](Self::call): the operation, the number of
/// attempts, the time. When all attempts are used up, the error is that of the last one.
///
/// ```
/// use coveo_push::{Error, ErrorCode};
///
/// fn explain(error: &Error) -> &'static str {
///     match error {
///         Error::Unauthorized(_) => "the API key is not valid",
///         Error::RateLimited(_) => "the service asks to slow down",
///         Error::PreconditionFailed(e) if e.code() == Some(&ErrorCode::SourceDoesNotExist) => "no such source",
///         e if e.is_retryable() => "worth trying again later",
///         _ => "not worth trying again as it is",
///     }
/// }
/// # let _ = explain;
/// ```
///
/// `Display` is one line that begins with the operation and holds no body, no query and no key;
/// the causes are in the chain of [`source`](std::error::Error::source)s.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400: the body is not what the service expects, or the organization is paused.
    ///
    /// Look at [`ApiError::code`]: after `INVALID_JSON`, correct the data; after `ORGANIZATION_IS_PAUSED`,
    /// wake the organization in the console.
    #[error(transparent)]
    BadRequest(Box<ApiError>),
    /// 401: the key is missing, unknown, expired, disabled, or not allowed from this address.
    #[error(transparent)]
    Unauthorized(Box<ApiError>),
    /// 403: the key lacks a privilege; a wrong organization or source looks the same.
    #[error(transparent)]
    AccessDenied(Box<ApiError>),
    /// 404: the organization does not exist.
    #[error(transparent)]
    NotFound(Box<ApiError>),
    /// 412: the source does not exist, a parameter is missing or wrong, or the item entitlement is
    /// used up.
    #[error(transparent)]
    PreconditionFailed(Box<ApiError>),
    /// 413: over one of the service's size limits.
    #[error(transparent)]
    PayloadTooLarge(Box<ApiError>),
    /// 415: the type of the body is missing or wrong. Something between this program and the service changed
    /// it.
    #[error(transparent)]
    UnsupportedMediaType(Box<ApiError>),
    /// 429: too many calls, or too many items today.
    ///
    /// When [`attempts`](Self::attempts) is 0, nothing was sent: the service had asked an earlier call to
    /// wait for longer than this one may. [`retry_after`](Self::retry_after) says how long.
    #[error(transparent)]
    RateLimited(Box<ApiError>),
    /// 5xx: the service, or a gateway before it, failed.
    #[error(transparent)]
    Server(Box<ApiError>),
    /// Any other status, redirects among them: the base URL might not be that of the Push API.
    #[error(transparent)]
    UnexpectedStatus(Box<ApiError>),
    /// The storage rejected an upload into a file container.
    #[error(transparent)]
    Upload(Box<UploadError>),
    /// No usable response came: the connection failed, broke, or took too long.
    #[error(transparent)]
    Transport(Box<TransportError>),
    /// The call succeeded, but its response cannot be read.
    #[error(transparent)]
    Decode(Box<DecodeError>),
    /// The data breaks a rule, so nothing was sent.
    #[error(transparent)]
    Invalid(Box<InvalidError>),
    /// The client cannot be built from these settings, or the text of a setting is invalid.
    #[error(transparent)]
    Config(Box<ConfigError>),
    /// The credentials provider did not give a token.
    #[error(transparent)]
    Credentials(Box<CredentialsError>),
}

impl Error {
    /// The status of the response; `None` when there was none.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Upload(error) => Some(error.status()),
            Self::Decode(error) => Some(error.status()),
            other => other.api().map(ApiError::status),
        }
    }

    /// The service's own error code; `None` when it gave none.
    #[must_use]
    pub fn code(&self) -> Option<&ErrorCode> {
        self.api().and_then(ApiError::code)
    }

    /// The response of the Push API, for the variants that stand for one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::BadRequest(error)
            | Self::Unauthorized(error)
            | Self::AccessDenied(error)
            | Self::NotFound(error)
            | Self::PreconditionFailed(error)
            | Self::PayloadTooLarge(error)
            | Self::UnsupportedMediaType(error)
            | Self::RateLimited(error)
            | Self::Server(error)
            | Self::UnexpectedStatus(error) => Some(error),
            Self::Upload(_)
            | Self::Transport(_)
            | Self::Decode(_)
            | Self::Invalid(_)
            | Self::Config(_)
            | Self::Credentials(_) => None,
        }
    }

    /// The record of the failed call; `None` before the first call, as for
    /// [`Config`](Self::Config).
    #[must_use]
    pub fn call(&self) -> Option<&CallRecord> {
        match self {
            Self::Upload(error) => Some(error.call()),
            Self::Transport(error) => Some(error.call()),
            Self::Credentials(error) => Some(error.call()),
            Self::Decode(error) => Some(error.call()),
            Self::Invalid(error) => error.call(),
            other => other.api().map(ApiError::call),
        }
    }

    /// The operation that failed; `None` when there was none yet.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.call().map(CallRecord::operation)
    }

    /// How many times the request was sent; 0 when it was not sent.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.call().map_or(0, CallRecord::attempts)
    }

    /// The time from the start of the call to this error, waits included; zero when there was no call yet.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.call().map_or(Duration::ZERO, CallRecord::elapsed)
    }

    /// Whether the call ended because its host was held: see [`CallRecord::held`].
    #[must_use]
    pub fn held(&self) -> bool {
        self.call().is_some_and(CallRecord::held)
    }

    /// The same error of a call that waited since then, and ended because its host was held.
    pub(crate) fn ended_by_hold(self, elapsed: Duration) -> Self {
        self.with_call(|call| (call.held, call.elapsed) = (true, elapsed))
    }

    /// The same error of a call that ended because the retry budget was used up.
    pub(crate) fn ended_by_budget(self) -> Self {
        self.with_call(|call| call.is_out_of_budget = true)
    }

    /// The same error of a call that ended because its container or content might have expired.
    pub(crate) fn expired(self) -> Self {
        self.with_call(|call| call.has_expired = true)
    }

    /// Whether the call ended because its container or content might have expired.
    pub(crate) fn has_expired(&self) -> bool {
        self.call().is_some_and(|call| call.has_expired)
    }

    /// The same error with a record that was changed, for those that are retried.
    fn with_call(mut self, change: impl FnOnce(&mut CallRecord)) -> Self {
        match &mut self {
            Self::RateLimited(error) | Self::Server(error) | Self::UnexpectedStatus(error) => change(&mut error.call),
            Self::Upload(error) => change(&mut error.call),
            Self::Transport(error) => change(&mut error.call),
            _ => {}
        }
        self
    }

    /// How long the service asked to wait, counted from its response.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Upload(error) => error.retry_after(),
            other => other.api().and_then(ApiError::retry_after),
        }
    }

    /// Whether the same call may succeed later: it was throttled, the service failed, or there was no usable
    /// response.
    ///
    /// The daily quota (`TOO_MANY_DOCUMENTS_DAILY`) is not retryable: it lasts longer than a caller waits.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::RateLimited(error) => error.code() != Some(&ErrorCode::TooManyDocumentsDaily),
            Self::Server(error) | Self::UnexpectedStatus(error) => is_retryable_status(error.status()),
            Self::Upload(error) => error.is_retryable(),
            Self::Transport(error) => error.is_retryable(),
            Self::BadRequest(_)
            | Self::Unauthorized(_)
            | Self::AccessDenied(_)
            | Self::NotFound(_)
            | Self::PreconditionFailed(_)
            | Self::PayloadTooLarge(_)
            | Self::UnsupportedMediaType(_)
            | Self::Decode(_)
            | Self::Invalid(_)
            | Self::Config(_)
            | Self::Credentials(_) => false,
        }
    }

    /// Whether the service would answer the same to any other push into the same source or provider: the key is
    /// wrong (401, 403), the organization or source does not exist, the organization is paused, or a quota of items is
    /// used up. Answers of the storage and of a firewall do not count.
    #[must_use]
    pub fn holds_for_all(&self) -> bool {
        match self {
            Self::Unauthorized(_) => true,
            // A firewall blocks a request because of its content.
            Self::AccessDenied(error) => !error.is_of_firewall(),
            other => matches!(
                other.code(),
                Some(
                    ErrorCode::OrganizationNotFound
                        | ErrorCode::SourceDoesNotExist
                        | ErrorCode::OrganizationIsPaused
                        | ErrorCode::TooManyDocumentsDaily
                        | ErrorCode::DocumentLimitExceeded
                )
            ),
        }
    }

    /// Whether the service may have carried the operation out all the same: see
    /// [`CallRecord::may_have_been_applied`].
    #[must_use]
    pub fn may_have_been_applied(&self) -> bool {
        self.call().is_some_and(CallRecord::may_have_been_applied)
    }
}

macro_rules! from_context {
    ($($context:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$context> for Error {
            fn from(context: $context) -> Self {
                Self::$variant(Box::new(context))
            }
        })+
    };
}

from_context! {
    UploadError => Upload,
    TransportError => Transport,
    DecodeError => Decode,
    InvalidError => Invalid,
    ConfigError => Config,
    CredentialsError => Credentials,
}

/// Such a word comes from the text of a setting.
impl From<ParseEnumError> for Error {
    fn from(error: ParseEnumError) -> Self {
        ConfigError::new(error.to_string()).into()
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let status = error.status();
        let error = Box::new(error);
        match status.as_u16() {
            400 => Self::BadRequest(error),
            401 => Self::Unauthorized(error),
            403 => Self::AccessDenied(error),
            404 => Self::NotFound(error),
            412 => Self::PreconditionFailed(error),
            413 => Self::PayloadTooLarge(error),
            415 => Self::UnsupportedMediaType(error),
            429 => Self::RateLimited(error),
            500..=599 => Self::Server(error),
            _ => Self::UnexpectedStatus(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_no_larger_than_two_pointers() {
        assert!(size_of::<Error>() <= 16);
    }
}
