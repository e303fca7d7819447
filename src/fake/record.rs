//! The record of requests.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::query::Pairs;
use crate::operation::Operation;

/// A request that the fake received, with the status of its response.
///
/// `Debug` omits the bodies, the key, and the signature of an upload URI.
#[derive(Clone)]
pub struct RecordedRequest {
    pub(super) head: Arc<Head>,
    pub(super) body: Bytes,
    pub(super) status: Option<StatusCode>,
}

/// A request without its body.
pub(super) struct Head {
    pub(super) operation: Option<Operation>,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Pairs,
    pub(super) headers: HeaderMap,
    pub(super) received: Duration,
}

impl RecordedRequest {
    /// The operation. `None` for an unknown method and path.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        self.head.operation
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.head.method
    }

    /// The path as it was sent, percent-encoded and without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// The decoded pairs of the query, in order.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        &self.head.query
    }

    /// The pairs of the query, without the signature of an upload URI.
    pub(super) fn shown_query(&self) -> impl Iterator<Item = (&str, &str)> {
        shown(&self.head.query)
    }

    /// The first value of a query parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query().iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The headers as they were sent, including the key.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The body. Empty if the fake [keeps none](super::FakePushApiBuilder::keep_request_bodies).
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The status of the response. `None` if the connection broke or the caller left before.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// When it arrived: the time since the fake was built, by tokio's clock.
    #[must_use]
    pub fn received_after(&self) -> Duration {
        self.head.received
    }
}

fn shown(query: &Pairs) -> impl Iterator<Item = (&str, &str)> {
    query.iter().map(|(name, value)| (name.as_str(), if name == "X-Amz-Signature" { "[redacted]" } else { value }))
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By name, so that a new field does not compile without a decision here.
        let Head { operation, method, path, query, headers, received } = &*self.head;
        let query: Vec<_> = shown(query).collect();
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

/// All requests, in the order of their arrival.
#[derive(Debug)]
pub(super) struct Record {
    requests: VecDeque<RecordedRequest>,
    /// The number of the first request. Clearing the record does not restart the numbers.
    first: u64,
    keeps_bodies: bool,
}

/// The number of a request in the record.
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

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &RecordedRequest> + ExactSizeIterator {
        self.requests.iter()
    }

    pub(super) fn clear(&mut self) {
        self.first += self.requests.len() as u64;
        self.requests.clear();
    }

    fn get(&mut self, number: Number) -> Option<&mut RecordedRequest> {
        self.requests.get_mut(usize::try_from(number.0.checked_sub(self.first)?).ok()?)
    }
}
