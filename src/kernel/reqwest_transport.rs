//! The transport that uses reqwest: the only file that names it.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Response;
pub use reqwest;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::BoxFuture;
use super::body::Body;
use super::transport::{AttemptLimits, Transport};
use crate::error::{ConfigError, Error, SendError, SendErrorKind};

/// Whether reqwest was built with TLS.
pub(crate) const HAS_TLS: bool = cfg!(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"));

/// The [`Transport`] of a client that was given none: reqwest.
///
/// It is public so that you can wrap it, to watch or count requests.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    client: Client,
    /// For plain http, in place of a client that would honour the proxies of the environment.
    plain: Option<Client>,
}

impl ReqwestTransport {
    /// The connect timeout, unless the caller's builder has its own.
    pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long an idle connection is kept, in clients that are built here: many servers and gateways
    /// close theirs after 30 to 60 s.
    const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

    /// Builds the client. The settings that this crate relies on are set last: no redirects (they would
    /// carry a body, and a presigned URL in the Referer, to another host), and no retries but the crate's
    /// own.
    ///
    /// A builder without `no_proxy()` honours `HTTP_PROXY`, which shows the key and the presigned URLs of a
    /// plain http base to the proxy. The builder's connect timeout applies, and none by default. A client without a
    /// transport of its own has 10 s.
    ///
    /// ```
    /// # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
    /// use std::time::Duration;
    /// use coveo_push::bytes::Bytes;
    /// use coveo_push::transport::{Body, BoxFuture, ReqwestTransport, Transport, SendError};
    /// use coveo_push::{ApiKey, PushClient, reqwest};
    ///
    /// /// Counts nothing, but could.
    /// struct Watched(ReqwestTransport);
    ///
    /// impl Transport for Watched {
    ///     fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
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
    /// [`Error::Config`] when reqwest cannot build the client, or has no crypto provider: see
    /// [`PushClientBuilder::build`](crate::PushClientBuilder::build).
    pub fn new(builder: ClientBuilder) -> Result<Self, Error> {
        Ok(Self { client: built(builder)?, plain: None })
    }

    /// The transport of a client without one of its own. In a client that is built here, the proxies of the
    /// environment are for https only: they would see all that plain http carries.
    pub(crate) fn of_client(given: Option<ClientBuilder>, connect_timeout: Option<Duration>) -> Result<Self, Error> {
        let plain = match given {
            Some(_) => None,
            None => Some(built(Self::builder(None, connect_timeout).no_proxy())?),
        };
        Ok(Self { client: built(Self::builder(given, connect_timeout))?, plain })
    }

    /// The builder for a client without a transport of its own: the caller's, or a new one.
    fn builder(given: Option<ClientBuilder>, connect_timeout: Option<Duration>) -> ClientBuilder {
        match (given, connect_timeout) {
            (Some(builder), None) => builder,
            (given, timeout) => given
                .unwrap_or_else(|| Client::builder().pool_idle_timeout(Self::POOL_IDLE_TIMEOUT))
                .connect_timeout(timeout.unwrap_or(Self::CONNECT_TIMEOUT)),
        }
    }

    fn client_for(&self, uri: &http::Uri) -> &Client {
        match &self.plain {
            Some(plain) if uri.scheme_str() == Some("http") => plain,
            _ => &self.client,
        }
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<Response<Bytes>, SendError> {
        let most = AttemptLimits::of(&request).max_response_bytes;
        let (parts, body) = request.into_parts();
        let client = self.client_for(&parts.uri);
        let body = reqwest::Body::wrap(body.into_http_body());
        let request = reqwest::Request::try_from(http::Request::from_parts(parts, body))
            .map_err(|error| failed(error, SendErrorKind::Request))?;
        let mut response = client.execute(request).await.map_err(|error| failed(error, SendErrorKind::Disconnected))?;

        let mut read = Response::new(Bytes::new());
        *read.status_mut() = response.status();
        *read.version_mut() = response.version();
        *read.headers_mut() = std::mem::take(response.headers_mut());
        let mut body = BytesMut::new();
        while body.len() < most {
            let chunk = response.chunk().await.map_err(|error| failed(error, SendErrorKind::Body))?;
            let Some(chunk) = chunk else { break };
            body.extend_from_slice(chunk.get(..most - body.len()).unwrap_or(&chunk));
        }
        *read.body_mut() = body.freeze();
        Ok(read)
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(self.exchange(request))
    }
}

/// Builds a client with the settings that this crate relies on.
fn built(builder: ClientBuilder) -> Result<Client, Error> {
    if !has_crypto_provider() {
        return Err(ConfigError::new(
            "no crypto provider is installed, which the feature `rustls-no-provider` needs: call \
             `rustls::crypto::ring::default_provider().install_default()` first, or that of another provider, or turn \
             on the feature `rustls`",
        )
        .into());
    }
    let builder = builder.redirect(Policy::none()).referer(false).retry(reqwest::retry::never());
    builder
        .build()
        .map_err(|error| ConfigError::with_source("the HTTP client cannot be built", error.without_url()).into())
}

/// Whether reqwest has a crypto provider for TLS. Without a provider it would panic, for plain http as well.
fn has_crypto_provider() -> bool {
    #[cfg(all(feature = "rustls-no-provider", not(any(feature = "rustls", feature = "native-tls"))))]
    return rustls::crypto::CryptoProvider::get_default().is_some();
    #[cfg(not(all(feature = "rustls-no-provider", not(any(feature = "rustls", feature = "native-tls")))))]
    true
}

/// Converts an error of reqwest, without its URL, which may be presigned.
fn failed(error: reqwest::Error, stage: SendErrorKind) -> SendError {
    let kind = if error.is_connect() && is_about_certificate(&error) {
        SendErrorKind::Certificate
    } else if error.is_connect() {
        SendErrorKind::Connect
    } else if error.is_builder() {
        SendErrorKind::Request
    } else if error.is_timeout() {
        SendErrorKind::Timeout
    } else if stage == SendErrorKind::Disconnected && was_closed(&error) {
        SendErrorKind::Closed
    } else {
        stage
    };
    SendError::new(kind, error.without_url())
}

/// Whether the connection failed because the certificate of the other side was not trusted. The libraries of
/// TLS have no error in common, but all of them say so.
fn is_about_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.to_string().to_ascii_lowercase().contains("certificate"))
}

/// Whether the connection was closed before the response, as by a server that has closed it while it
/// was idle.
fn was_closed(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        let by_hyper = error.downcast_ref::<hyper::Error>();
        let by_system = error.downcast_ref::<io::Error>().map(io::Error::kind);
        by_hyper.is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
            || matches!(
                by_system,
                Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
            )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use reqwest::dns::{Name, Resolve, Resolving};
    use tokio::time::Instant;

    use super::*;

    /// Knows no address of any host, and does not say so: a connection is never made, and no socket.
    struct Silent;

    impl Resolve for Silent {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(std::future::pending())
        }
    }

    /// How a request to nowhere ends, and after how long.
    async fn connect(builder: ClientBuilder) -> (SendErrorKind, Duration) {
        let transport = ReqwestTransport::new(builder.no_proxy().dns_resolver(Arc::new(Silent))).unwrap();
        let request = http::Request::get("http://example.com/").body(Body::empty()).unwrap();
        let begin = Instant::now();
        (transport.send(request).await.unwrap_err().kind(), begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn guarantee_3_connecting_has_10_seconds() {
        let builder = ReqwestTransport::builder(None, None);
        assert_eq!(connect(builder).await, (SendErrorKind::Connect, Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn connecting_has_the_time_that_is_set_whatever_a_builder_says() {
        let (short, long) = (Duration::from_secs(3), Duration::from_secs(60));
        for given in [None, Some(Client::builder()), Some(Client::builder().connect_timeout(long))] {
            assert_eq!(connect(ReqwestTransport::builder(given, Some(short))).await, (SendErrorKind::Connect, short));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn connecting_has_the_time_of_the_callers_own_builder_where_none_is_set() {
        let own = Duration::from_secs(60);
        let given = Client::builder().connect_timeout(own);
        assert_eq!(connect(ReqwestTransport::builder(Some(given), None)).await, (SendErrorKind::Connect, own));
    }
}
