use std::fmt;
use std::time::Duration;

use super::call_record::CallRecord;
use super::transport::BoxError;
use crate::finding::Finding;
use crate::operation::Operation;

/// What was given to a call breaks rules of the service, and was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidError {
    operation: Option<Operation>,
    findings: Vec<Finding>,
}

impl InvalidError {
    pub(crate) fn new(operation: Option<Operation>, findings: Vec<Finding>) -> Self {
        Self { operation, findings }
    }

    /// The operation that would have been sent.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.operation
    }

    /// Each rule that is broken, with the item and what to do.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for InvalidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.operation {
            write!(f, "{operation}: ")?;
        }
        let Some((first, others)) = self.findings.split_first() else { return f.write_str("invalid") };
        write!(f, "{first}")?;
        match others.len() {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more finding)"),
            more => write!(f, " (and {more} more findings)"),
        }
    }
}

impl std::error::Error for InvalidError {}

/// The client cannot be built like this, the environment does not say what it needs, or a setting that was
/// read from text is none.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {message}")]
pub struct ConfigError {
    message: String,
    source: Option<BoxError>,
}

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    pub(crate) fn with_source(message: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }

    /// What is wrong, and what to do.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The credentials provider did not give a token for the next attempt, which was not sent.
#[derive(Debug)]
pub struct CredentialsError {
    pub(super) record: CallRecord,
    source: BoxError,
}

impl CredentialsError {
    pub(crate) fn new(record: CallRecord, source: BoxError) -> Self {
        Self { record, source }
    }

    /// The operation that would have been sent.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.record.operation
    }

    /// How many times the request was sent before. 0 unless this was to be a retry.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.record.attempts
    }

    /// The time from the call's begin to this error, waits included.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.record.elapsed
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the credentials provider gave no token", self.record.operation)?;
        match self.record.attempts {
            0 => Ok(()),
            1 => f.write_str(" (after 1 attempt)"),
            attempts => write!(f, " (after {attempts} attempts)"),
        }
    }
}

impl std::error::Error for CredentialsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
