use std::fmt;

use super::call_record::CallRecord;
use super::transport::BoxError;
use crate::finding::{Finding, first_of};
use crate::operation::Operation;

/// The data of a call breaks rules of the service, so nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidError {
    call: Option<CallRecord>,
    findings: Vec<Finding>,
}

impl InvalidError {
    pub(crate) fn new(operation: Option<Operation>, findings: Vec<Finding>) -> Self {
        Self { call: operation.map(CallRecord::new), findings }
    }

    /// The call that was not sent; `None` when there was none yet.
    #[must_use]
    pub fn call(&self) -> Option<&CallRecord> {
        self.call.as_ref()
    }

    /// The broken rules, each with the item and what to do.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for InvalidError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(call) = self.call {
            write!(f, "{}: ", call.operation)?;
        }
        first_of(&self.findings, f)
    }
}

impl std::error::Error for InvalidError {}

/// The client cannot be built from these settings, the environment lacks one of them, or the text of a
/// setting is invalid.
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

    /// The findings: the problems and their solutions.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// The credentials provider did not give a token for the next attempt, so it was not sent.
#[derive(Debug)]
pub struct CredentialsError {
    call: CallRecord,
    source: BoxError,
}

impl CredentialsError {
    pub(crate) fn new(call: CallRecord, source: BoxError) -> Self {
        Self { call, source }
    }

    /// The call that failed. It has 0 attempts unless the token was for a retry.
    #[must_use]
    pub fn call(&self) -> &CallRecord {
        &self.call
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the credentials provider gave no token", self.call.operation)?;
        match self.call.attempts {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Rule;

    #[test]
    fn of_many_findings_the_first_one_is_shown_and_the_others_are_counted() {
        for (findings, line) in [
            (0, "invalid"),
            (1, "`a://1`: no [not-an-object]"),
            (2, "`a://1`: no [not-an-object] (and 1 more finding)"),
            (10_000, "`a://1`: no [not-an-object] (and 9999 more findings)"),
        ] {
            let findings = vec![Finding::new("a://1", Rule::NotAnObject, "no"); findings];
            assert_eq!(InvalidError::new(None, findings).to_string(), line);
        }
    }
}
