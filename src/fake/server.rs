//! The second door: HTTP on a port of this machine.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::FakePushApi;
use super::exchange::Shared;
use super::router::BASE_PATH;
use crate::error::BoxError;
use crate::preflight::limit;

/// A fake that also listens on a port of this machine: [`FakePushApi::serve`]. It stops when it is
/// dropped.
#[must_use = "it stops when it is dropped"]
pub struct FakeServer {
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl FakePushApi {
    /// Opens the second door: serves HTTP on a port of this machine that is free, for clients of
    /// any kind. It is the same service as behind the first one.
    ///
    /// Do not pause time with it: paused time runs ahead while a socket is waited for.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn serve(&self) -> io::Result<FakeServer> {
        self.serve_on(0).await
    }

    /// As [`serve`](Self::serve), on a port of the caller's choice.
    ///
    /// # Errors
    ///
    /// When the port cannot be opened.
    pub async fn serve_on(&self, port: u16) -> io::Result<FakeServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let listening = tokio::spawn(listen(listener, self.shared.clone(), format!("http://{address}")));
        Ok(FakeServer { address, listening })
    }
}

impl FakeServer {
    /// The base URL for a client: `http://127.0.0.1:…/push/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.address)
    }

    /// The address that it listens on.
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

/// Takes connections until it is aborted, and then all of them go with it.
async fn listen(listener: TcpListener, shared: Shared, origin: String) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The connection was gone before it was taken, or there are too many: some may go.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        // Small answers are to go out at once; without it they are only slower.
        let _ = stream.set_nodelay(true);
        while connections.try_join_next().is_some() {}
        let (shared, origin) = (shared.clone(), origin.clone());
        connections.spawn(async move {
            let service = service_fn(move |request| answer(shared.clone(), origin.clone(), request));
            // The `Date` is by the service's clock, or left out on purpose.
            let mut connection = http1::Builder::new();
            let served = connection.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
            // An error here is a connection that a fault or the client broke.
            let _ = served.await;
        });
    }
}

/// An error breaks the connection.
async fn answer(shared: Shared, origin: String, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    let (parts, body) = request.into_parts();
    let answer = shared.exchange(parts, &origin, collect(body)).await.map_err(|(_, why)| why)?;
    Ok(answer.map(Full::new))
}

/// The body, or a little more of it than is allowed: then there is no need for the rest.
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
