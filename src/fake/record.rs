//! What came in.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::query::Pairs;
use crate::operation::Operation;

/// A request that the fake got, and the status that it answered with.
///
/// `Debug` leaves out the bodies, the key, and the signature of an upload URI.
#[derive(Clone)]
pub struct RecordedRequest {
    pub(super) head: Arc<Head>,
    pub(super) body: Bytes,
    pub(super) status: Option<StatusCode>,
}

/// All of a request but its body.
pub(super) struct Head {
    pub(super) operation: Option<Operation>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Pairs,
    pub(super) headers: HeaderMap,
    pub(super) received: Duration,
}

impl RecordedRequest {
    /// The operation; `None` when there is none of that method and path.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.head.operation
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The path as it came, percent-encoded and without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// The pairs of the query, decoded, in order.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.head.query
    }

    /// The value of a query parameter, the first where there are several.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query().iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The headers as they came, the key among them.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The body; empty when the fake was told to keep none.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The status of the answer; `None` when the connection broke or the caller left before there
    /// was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// When it came, by tokio's clock, from when the fake was built.
    #[must_use]
    pub fn received_after(&self) -> Duration {
        self.head.received
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart by name, so that a new field has to be thought about here.
        let Head { operation, method, path, query, headers, received } = &*self.head;
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| (name, if name == "X-Amz-Signature" { "[redacted]" } else { value.as_str() }))
            .collect();
        f.debug_struct("RecordedRequest")
            .field("operation", operation)
            .field("method", method)
            .field("path", path)
            .field("query", &query)
            .field("headers", headers)
            .field("received_after", received)
            .field("body_bytes", &self.body.len())
            .field("status", &self.status)
            .finish()
    }
}

/// All requests in the order in which they came.
#[derive(Debug)]
pub(super) struct Record {
    requests: VecDeque<RecordedRequest>,
    /// The number of the first one: numbers go on when the record is cleared.
    first: u64,
    keeps_bodies: bool,
}

/// Which request of the record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(u64);

impl Record {
    pub(super) fn new(keeps_bodies: bool) -> Self {
        Self { requests: VecDeque::new(), first: 0, keeps_bodies }
    }

    pub(super) fn begin(&mut self, head: Arc<Head>) -> Number {
        let number = self.first + self.requests.len() as u64;
        self.requests.push_back(RecordedRequest { head, body: Bytes::new(), status: None });
        Number(number)
    }

    pub(super) fn body(&mut self, number: Number, body: &Bytes) {
        if self.keeps_bodies
            && let Some(request) = self.get(number)
        {
            request.body = body.clone();
        }
    }

    pub(super) fn answered(&mut self, number: Number, status: StatusCode) {
        if let Some(request) = self.get(number) {
            request.status = Some(status);
        }
    }

    pub(super) fn all(&self) -> Vec<RecordedRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.first += self.requests.len() as u64;
        self.requests.clear();
    }

    fn get(&mut self, number: Number) -> Option<&mut RecordedRequest> {
        self.requests.get_mut(usize::try_from(number.0.checked_sub(self.first)?).ok()?)
    }
}
