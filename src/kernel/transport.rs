//! The seam between this crate and the network: sends a request and returns the response.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::BoxFuture;
use super::body::Body;
use crate::error::SendError;
use crate::operation::Host;

/// Sends one request and returns the response: the only seam between this crate and the network.
///
/// The crate has one that uses reqwest, and the fake service is one. Write your own to use an existing HTTP
/// client, or to watch requests. The types are those of the crates `http` and `bytes`, version 1, which are
/// re-exported:
///
/// ```
/// use coveo_push::bytes::Bytes;
/// use coveo_push::http;
/// use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
///
/// /// Accepts everything.
/// #[derive(Debug)]
/// struct Yes;
///
/// impl Transport for Yes {
///     fn send(&self, _: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
///         Box::pin(async {
///             let mut response = http::Response::new(Bytes::from_static(b"{}"));
///             *response.status_mut() = http::StatusCode::ACCEPTED;
///             Ok(response)
///         })
///     }
/// }
/// # let _ = Yes;
/// ```
///
/// These guarantees of the crate depend on the implementation:
///
/// * It sends the request as it is: method, URI, every header, and the body with its `Content-Length`,
///   which is set. It adds no header that the storage's signature would have to cover (`Authorization`,
///   `Cookie`, `x-amz-*`, `Content-*`).
/// * It takes the body in slices, no faster than it sends them ([`Body::into_http_body`]): each one counts as
///   progress, and an upload without progress for 30 s ends. Or it takes the body whole
///   ([`Body::into_bytes`]).
/// * It follows no redirect and sends nothing twice. The crate retries where that is right.
/// * It reads at most [`AttemptLimits::max_response_bytes`] of the body of a response, and ignores the rest.
/// * The kind of an error says whether the service may have carried the request out, and an error holds no
///   URL.
/// * Dropping the future stops sending.
///
/// The crate itself enforces the time limit of an attempt ([`AttemptLimits::timeout`]).
pub trait Transport: Send + Sync + 'static {
    /// Sends a request and reads the response. Any status is a response; an error means that none came.
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
    /// How long the attempt may take; for an upload, how long it may be without progress. The crate drops the
    /// future after that.
    pub timeout: Duration,
    /// How many bytes of the response's body to read at most.
    pub max_response_bytes: usize,
}

impl AttemptLimits {
    /// Every documented response of the Push API is far smaller.
    pub(crate) const MAX_RESPONSE_BYTES: usize = 1 << 20;
    /// A page of the logs, or of sources.
    const MAX_PAGE_BYTES: usize = 32 << 20;

    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout, max_response_bytes: Self::MAX_RESPONSE_BYTES }
    }

    pub(crate) fn for_host(host: Host, timeout: Duration) -> Self {
        let max_response_bytes = match host {
            Host::Push | Host::Storage => Self::MAX_RESPONSE_BYTES,
            Host::Logs | Host::Platform => Self::MAX_PAGE_BYTES,
        };
        Self { timeout, max_response_bytes }
    }

    /// The limits that a request travels with.
    #[must_use]
    pub fn of<B>(request: &http::Request<B>) -> Self {
        request.extensions().get().copied().unwrap_or(Self::new(Duration::MAX))
    }
}
