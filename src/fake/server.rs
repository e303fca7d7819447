//! The HTTP server: the fake on a local port.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::handle::FakePushApi;
use super::page;
use crate::error::BoxError;
use crate::operation::Host;
use crate::preflight::limit;

/// The HTTP server of a fake: [`FakePushApi::serve`]. Dropping it stops the server.
#[must_use = "dropping it stops the server"]
pub struct FakeServer {
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl FakePushApi {
    /// Starts an HTTP server on a free local port, for any client. It serves the same state as the
    /// transport.
    ///
    /// Do not pause time in the same test: paused time runs ahead while a socket is pending.
    ///
    /// # Errors
    ///
    /// If no port can be opened.
    pub async fn serve(&self) -> io::Result<FakeServer> {
        self.serve_on(0).await
    }

    /// Like [`serve`](Self::serve), on the given port.
    ///
    /// # Errors
    ///
    /// If the port cannot be opened.
    pub async fn serve_on(&self, port: u16) -> io::Result<FakeServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let listening = tokio::spawn(listen(listener, self.clone(), format!("http://{address}")));
        Ok(FakeServer { address, listening })
    }
}

impl FakeServer {
    /// The base URL for a client: `http://127.0.0.1:…/push/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{}", self.address, Host::Push.base_path())
    }

    /// The URL of a page for a browser, which shows the state of the fake: sources with their items and who sees them,
    /// providers with their identities, drops with their reasons, and requests. It reloads itself, and its own
    /// requests are not recorded.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The address of the server.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeServer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Accepts connections until it is aborted, which closes all of them.
async fn listen(listener: TcpListener, fake: FakePushApi, origin: String) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The client closed the connection early, or there are too many connections.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        // Sends small responses at once. A failure only makes them slower.
        let _ = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let (fake, origin) = (fake.clone(), origin.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| respond(fake.clone(), origin.clone(), request));
            // The fake sets the `Date` by its own clock, or leaves it out.
            let mut connection = http1::Builder::new();
            let served = connection.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            // An error here means that a fault or the client broke the connection.
            let _ = served.await;
        });
    }
}

/// An error breaks the connection.
async fn respond(
    fake: FakePushApi,
    origin: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, BoxError> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET && parts.uri.path() == "/" {
        return Ok(page::respond(&fake, parts.uri.query()).map(Full::new));
    }
    let response = fake.shared.exchange(parts, &origin, collect(body)).await.map_err(|(_, cause)| cause)?;
    Ok(response.map(Full::new))
}

/// Reads a body, up to a little more than the largest allowed one.
async fn collect(mut body: Incoming) -> Result<Bytes, BoxError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() as u64 > limit::CONTAINER_BYTES {
            break;
        }
    }
    Ok(bytes.freeze())
}
