//! The effect of a fault on one call.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::containers::Expiry;

/// The effect of a fault on one call.
#[derive(Debug, Clone, Default)]
pub(super) struct Effect {
    pub(super) end: End,
    /// Whether the work is done although the call does not end with its own response.
    pub(super) is_applied: bool,
    /// Does the work this much later, whether or not it was done before.
    pub(super) applied_later: Option<Duration>,
    pub(super) latency: Option<Duration>,
    pub(super) late_answer: Option<Duration>,
    pub(super) expiry: Option<Expiry>,
    pub(super) changes: ResponseChanges,
}

/// How a call ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    /// With its own response.
    #[default]
    Answered,
    /// With this status.
    Status(StatusCode),
    /// Without a connection.
    NoConnection,
    /// With a broken connection.
    Reset,
}

/// Changes of a response.
#[derive(Debug, Clone, Default)]
pub(super) struct ResponseChanges {
    pub(super) retry_after: Option<RetryAfter>,
    pub(super) error_code: Option<String>,
    pub(super) body: Option<Bytes>,
    pub(super) date: DateHeader,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum RetryAfter {
    Seconds(u64),
    DateIn(Duration),
}

impl RetryAfter {
    /// In seconds, rounded up.
    pub(super) fn in_seconds(wait: Duration) -> Self {
        Self::Seconds(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))
    }
}

#[derive(Debug, Clone, Default)]
pub(super) enum DateHeader {
    #[default]
    Clock,
    None,
    Text(HeaderValue),
}
