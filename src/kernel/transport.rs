//! The one seam: what sends a request and brings its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::BoxFuture;
use super::body::Body;
use crate::error::SendError;

/// Sends one request and brings its answer: the one seam between this crate and the network.
///
/// The crate brings one that uses reqwest, and the fake service is one. Write your own to use an
/// HTTP client that is set up already, or to watch what goes out. Its types are those of the crates
/// `http` and `bytes`, in version 1:
///
/// ```
/// use bytes::Bytes;
/// use coveo_push::{Body, BoxFuture, Transport, SendError};
///
/// /// Says yes to everything.
/// #[derive(Debug)]
/// struct Yes;
///
/// impl Transport for Yes {
///     fn send(&self, _: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
///         Box::pin(async {
///             let mut answer = http::Response::new(Bytes::from_static(b"{}"));
///             *answer.status_mut() = http::StatusCode::ACCEPTED;
///             Ok(answer)
///         })
///     }
/// }
/// # let _ = Yes;
/// ```
///
/// These guarantees of the crate rest on the implementation:
///
/// * the request goes out as it is: method, URI, every header, and the body with its
///   `Content-Length` (which is set), with no header added that storage would have to be told of
///   beforehand (`Authorization`, `Cookie`, `x-amz-*`, `Content-*`);
/// * no redirect is followed, and nothing is sent twice: the crate does both where it is right;
/// * at most [`AttemptLimits::max_answer_bytes`] of an answer's body are read, and the rest is left;
/// * an error tells by its kind whether the request may have been carried out, and holds no URL;
/// * a dropped future stops sending.
///
/// The time a request may take ([`AttemptLimits::timeout`]) is kept by the crate.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the answer. Any status is an answer; an error is the lack of one.
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>>;
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        (**self).send(request)
    }
}

/// The limits of one attempt, which travel in the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptLimits {
    /// How long the attempt may take; the crate drops the future after that.
    pub timeout: Duration,
    /// How much of the answer's body to read at the most.
    pub max_answer_bytes: usize,
}

impl AttemptLimits {
    /// How much of an answer is read: every documented answer is far smaller.
    pub(crate) const MAX_ANSWER_BYTES: usize = 1 << 20;

    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, max_answer_bytes: Self::MAX_ANSWER_BYTES }
    }

    /// The limits that a request travels with.
    #[must_use]
    pub fn of<B>(request: &http::Request<B>) -> Self {
        request.extensions().get().copied().unwrap_or(Self::new(Duration::MAX))
    }
}
