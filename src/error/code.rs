use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The service's own code for an error ([article 95](https://docs.coveo.com/en/95/)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `INVALID_JSON`: the body is malformed, incomplete, or has a key twice.
    InvalidJson,
    /// `ORGANIZATION_IS_PAUSED`: the organization has to be woken in the console.
    OrganizationIsPaused,
    /// `UNAUTHORIZED`: the request had no key.
    Unauthorized,
    /// `INVALID_TOKEN`: the key is unknown, expired, disabled, or not allowed from this address.
    InvalidToken,
    /// `ACCESS_DENIED`: the key lacks a privilege.
    AccessDenied,
    /// `ORGANIZATION_NOT_FOUND`: the organization does not exist.
    OrganizationNotFound,
    /// `SOURCE_DOES_NOT_EXIST`: the source does not exist.
    SourceDoesNotExist,
    /// `SOURCE_IS_STREAM_ENABLED`: the source is fed by the Stream API, which has no such call.
    SourceIsStreamEnabled,
    /// `MISSING_PARAMETER`: a required parameter was not there.
    MissingParameter,
    /// `INVALID_PARAMETER`: a parameter has a value that the service does not take.
    InvalidParameter,
    /// `DOCUMENT_LIMIT_EXCEEDED`: the organization holds as many items as its licence allows.
    DocumentLimitExceeded,
    /// `UNSUPPORTED_MEDIA_TYPE`: the body is not said to be JSON.
    UnsupportedMediaType,
    /// `TOO_MANY_REQUESTS`: too many calls in some interval.
    TooManyRequests,
    /// `TOO_MANY_DOCUMENTS_DAILY`: too many items today.
    TooManyDocumentsDaily,
    /// `INTERNAL_SERVER_ERROR`: the service failed.
    InternalServerError,
    /// A code that is not documented.
    Other(String),
}

impl ErrorCode {
    /// The code as the service writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::InvalidJson => "INVALID_JSON",
            Self::OrganizationIsPaused => "ORGANIZATION_IS_PAUSED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::AccessDenied => "ACCESS_DENIED",
            Self::OrganizationNotFound => "ORGANIZATION_NOT_FOUND",
            Self::SourceDoesNotExist => "SOURCE_DOES_NOT_EXIST",
            Self::SourceIsStreamEnabled => "SOURCE_IS_STREAM_ENABLED",
            Self::MissingParameter => "MISSING_PARAMETER",
            Self::InvalidParameter => "INVALID_PARAMETER",
            Self::DocumentLimitExceeded => "DOCUMENT_LIMIT_EXCEEDED",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::TooManyDocumentsDaily => "TOO_MANY_DOCUMENTS_DAILY",
            Self::InternalServerError => "INTERNAL_SERVER_ERROR",
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(code: &str) -> Self {
        const KNOWN: [ErrorCode; 15] = [
            ErrorCode::InvalidJson,
            ErrorCode::OrganizationIsPaused,
            ErrorCode::Unauthorized,
            ErrorCode::InvalidToken,
            ErrorCode::AccessDenied,
            ErrorCode::OrganizationNotFound,
            ErrorCode::SourceDoesNotExist,
            ErrorCode::SourceIsStreamEnabled,
            ErrorCode::MissingParameter,
            ErrorCode::InvalidParameter,
            ErrorCode::DocumentLimitExceeded,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::TooManyRequests,
            ErrorCode::TooManyDocumentsDaily,
            ErrorCode::InternalServerError,
        ];
        KNOWN
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(code))
            .unwrap_or_else(|| Self::Other(code.to_owned()))
    }
}

impl FromStr for ErrorCode {
    type Err = Infallible;

    fn from_str(code: &str) -> Result<Self, Infallible> {
        Ok(code.into())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
