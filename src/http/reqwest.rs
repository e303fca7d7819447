//! The transport that uses reqwest: the only file that names it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
pub use reqwest;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::BoxFuture;
use super::body::Body;
use super::transport::{Limits, Transport};
use crate::error::{ConfigError, Error, TransportError, TransportErrorKind};

/// Whether reqwest was built with TLS.
pub(crate) const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "native-tls"));

/// The [`Transport`] that a client has when none is given: reqwest.
///
/// It is public to be wrapped by one that watches or counts.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: Client,
}

impl ReqwestTransport {
    /// How long connecting may take, unless a caller's builder says otherwise.
    pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Finishes a builder. What this crate rests on is set last: no redirect (it would carry a body,
    /// and a presigned URL in its Referer, to another host), and no retry but the crate's own.
    ///
    /// The 10 s for connecting are a client's default and not set here: set them on the builder.
    ///
    /// ```
    /// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
    /// use std::time::Duration;
    /// use coveo_push::bytes::Bytes;
    /// use coveo_push::{ApiKey, Body, BoxFuture, PushClient, ReqwestTransport, Transport, TransportError, reqwest};
    ///
    /// /// Counts nothing, but could.
    /// struct Watched(ReqwestTransport);
    ///
    /// impl Transport for Watched {
    ///     fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
    ///         println!("{} {}", request.method(), request.uri().path());
    ///         self.0.send(request)
    ///     }
    /// }
    ///
    /// let http = ReqwestTransport::new(reqwest::Client::builder().connect_timeout(Duration::from_secs(10)))?;
    /// let client = PushClient::builder("my-org", ApiKey::new("key")).transport(Watched(http)).build()?;
    /// # let _ = client; }
    /// # Ok::<(), coveo_push::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when reqwest cannot build the client.
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        let builder = builder.redirect(Policy::none()).referer(false).retry(reqwest::retry::never());
        let client = builder
            .build()
            .map_err(|error| ConfigError::with_source("the HTTP client cannot be built", error.without_url()))?;
        Ok(Self { client })
    }

    /// The client that is used when the caller gives none of its own.
    pub(crate) fn finish(builder: Option<ClientBuilder>, connect_timeout: Option<Duration>) -> Result<Self, Error> {
        Self::new(match (builder, connect_timeout) {
            (Some(builder), None) => builder,
            (builder, timeout) => {
                builder.unwrap_or_else(Client::builder).connect_timeout(timeout.unwrap_or(Self::CONNECT_TIMEOUT))
            }
        })
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<Response<Bytes>, TransportError> {
        let most = Limits::of(&request).max_answer_bytes;
        let (parts, body) = request.into_parts();
        let body = match body.as_bytes() {
            Some(bytes) => reqwest::Body::from(bytes.clone()),
            None => reqwest::Body::wrap(body.into_http_body()),
        };
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| failed(error, TransportErrorKind::Request))?;
        let mut response =
            self.client.execute(request).await.map_err(|error| failed(error, TransportErrorKind::Send))?;

        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.version_mut() = response.version();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        let mut read = BytesMut::new();
        while read.len() < most {
            let chunk = response.chunk().await.map_err(|error| failed(error, TransportErrorKind::Body))?;
            let Some(chunk) = chunk else { break };
            read.extend_from_slice(chunk.get(..most - read.len()).unwrap_or(&chunk));
        }
        *answer.body_mut() = read.freeze();
        Ok(answer)
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// The one place where an error of reqwest comes in: without its URL, which may be presigned.
fn failed(error: reqwest::Error, stage: TransportErrorKind) -> TransportError {
    let kind = if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_builder() {
        TransportErrorKind::Request
    } else if error.is_timeout() {
        TransportErrorKind::Timeout
    } else {
        stage
    };
    TransportError::new(kind, error.without_url())
}
