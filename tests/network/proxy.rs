//! A forward proxy for plain http that carries bytes, and breaks connections as a test says.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, FakeServer};
use coveo_push::{ApiKey, PushClient, PushClientBuilder, RetryPolicy, reqwest};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) const KEY: &str = "xx-network-key";
pub(crate) const SOURCE: &str = "my-source";

/// The fate of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Carries all bytes.
    Carries,
    /// Closes after this many bytes of requests.
    CutsRequest(usize),
    /// Closes after this many bytes of responses.
    CutsResponse(usize),
    /// Sends responses in single bytes.
    SingleBytes,
    /// Closes after the first response, without `Connection: close`.
    ClosesAfterResponse,
    /// Closes when the first byte of the second request arrives.
    ClosesAtSecondRequest,
}

/// The proxy. Dropping it ends it.
pub(crate) struct Proxy {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// `fate` decides by the number of the connection, from 0.
    pub(crate) async fn start(upstream: SocketAddr, fate: impl Fn(usize) -> Fate + Send + 'static) -> Self {
        Self::on("127.0.0.1:0", upstream, fate).await
    }

    pub(crate) async fn on(address: &str, upstream: SocketAddr, fate: impl Fn(usize) -> Fate + Send + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let fate = fate(count.fetch_add(1, Ordering::Relaxed));
                tokio::spawn(async move { carry(near, upstream, fate).await });
            }
        });
        Self { address, connections, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(near: TcpStream, upstream: SocketAddr, fate: Fate) -> io::Result<()> {
    near.set_nodelay(true)?;
    let far = TcpStream::connect(upstream).await?;
    far.set_nodelay(true)?;
    let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
    let answered = Arc::new(AtomicUsize::new(0));
    let requests = requests(near_read, far_write, fate, Arc::clone(&answered));
    let responses = responses(far_read, near_write, fate, answered);
    // The end of one direction ends both, as a broken link does.
    tokio::select! {
        ended = requests => ended,
        ended = responses => ended,
    }
}

async fn requests(
    mut near: OwnedReadHalf,
    mut far: OwnedWriteHalf,
    fate: Fate,
    answered: Arc<AtomicUsize>,
) -> io::Result<()> {
    match fate {
        Fate::CutsRequest(bytes) => copy_at_most(&mut near, &mut far, bytes).await,
        Fate::ClosesAtSecondRequest => {
            let mut buffer = [0; 16 * 1024];
            loop {
                let read = near.read(&mut buffer).await?;
                if read == 0 || answered.load(Ordering::Relaxed) > 0 {
                    return Ok(());
                }
                far.write_all(&buffer[..read]).await?;
            }
        }
        _ => tokio::io::copy(&mut near, &mut far).await.map(drop),
    }
}

async fn responses(
    mut far: OwnedReadHalf,
    mut near: OwnedWriteHalf,
    fate: Fate,
    answered: Arc<AtomicUsize>,
) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    match fate {
        Fate::CutsResponse(bytes) => copy_at_most(&mut far, &mut near, bytes).await,
        Fate::SingleBytes => loop {
            let read = far.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            for byte in &buffer[..read] {
                near.write_all(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
        },
        // The fake writes a response, which is small, in one piece.
        Fate::ClosesAfterResponse => {
            let read = far.read(&mut buffer).await?;
            near.write_all(&buffer[..read]).await
        }
        Fate::ClosesAtSecondRequest => loop {
            let read = far.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            near.write_all(&buffer[..read]).await?;
            answered.fetch_add(1, Ordering::Relaxed);
        },
        _ => tokio::io::copy(&mut far, &mut near).await.map(drop),
    }
}

async fn copy_at_most(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    bytes: usize,
) -> io::Result<()> {
    tokio::io::copy(&mut from.take(bytes as u64), to).await.map(drop)
}

/// The fake, served.
pub(crate) async fn served() -> (FakePushApi, FakeServer) {
    let fake = FakePushApi::builder().api_key(KEY).source(SOURCE).build();
    let server = fake.serve().await.unwrap();
    (fake, server)
}

/// The address of a base URL.
pub(crate) fn address(server: &FakeServer) -> SocketAddr {
    let base_url = server.base_url();
    base_url.strip_prefix("http://").unwrap().split('/').next().unwrap().parse().unwrap()
}

/// Retries that take no time, and as many as a test may need.
pub(crate) fn fast() -> RetryPolicy {
    RetryPolicy::default().max_attempts(50).base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(2))
}

/// A client of the served fake whose requests, uploads among them, all go through the proxy.
pub(crate) fn through(server: &FakeServer, proxy: SocketAddr) -> PushClientBuilder {
    let proxy = reqwest::Proxy::http(format!("http://{proxy}")).unwrap();
    PushClient::builder("my-org", ApiKey::new(KEY))
        .base_url(server.base_url())
        .http_client(reqwest::Client::builder().proxy(proxy))
        .retry(fast())
}
