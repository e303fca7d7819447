//! The HTTP server: changes, health and metrics.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::http::{Method, Request, Response, StatusCode};
use coveo_push::{ItemQueue, PushClient, PushError, Pushed};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::metrics;

/// The largest item, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// What every request needs.
pub(crate) struct Service {
    queue: ItemQueue,
    client: PushClient,
    stopping: watch::Sender<bool>,
}

/// Serves until it is told to stop. Returns the connections, which then end one after another.
pub(crate) async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    mut stop: JoinHandle<io::Result<()>>,
) -> io::Result<JoinSet<()>> {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            stopped = &mut stop => {
                service.stopping.send_replace(true);
                return stopped.map_err(io::Error::other)?.map(|()| connections);
            }
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, Arc::clone(&service)));
            }
            // Too many connections, for example.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn connection(stream: TcpStream, service: Arc<Service>) {
    let mut stopping = service.stopping.subscribe();
    let respond = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.respond(request).await) }
    });
    let mut served = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), respond));
    // An error means that the client is gone.
    tokio::select! {
        _ = served.as_mut() => return,
        _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}

impl Service {
    pub(crate) fn new(queue: ItemQueue, client: PushClient) -> Self {
        Self { queue, client, stopping: watch::Sender::new(false) }
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => (StatusCode::OK, self.metrics()),
            (&Method::GET, "/health") => self.health(),
            (&Method::PUT | &Method::DELETE, "/item") if *self.stopping.borrow() => {
                (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned())
            }
            (&Method::PUT, "/item") => self.put(request.into_body()).await,
            (&Method::DELETE, "/item") => self.delete(request.uri().query().unwrap_or_default()).await,
            _ => (StatusCode::NOT_FOUND, "there are PUT and DELETE /item, GET /health and GET /metrics\n".to_owned()),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    }

    async fn put(&self, body: Incoming) -> (StatusCode, String) {
        let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else {
            return (StatusCode::PAYLOAD_TOO_LARGE, format!("an item has at most {MOST_BYTES} bytes\n"));
        };
        match String::from_utf8(body.to_bytes().into()) {
            Ok(item) => answer(self.queue.add_or_update_json(item).await),
            Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    }

    async fn delete(&self, query: &str) -> (StatusCode, String) {
        match url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "documentId") {
            Some((_, id)) => answer(self.queue.delete(id).await),
            None => (StatusCode::BAD_REQUEST, "give a documentId in the query\n".to_owned()),
        }
    }

    /// Reports whether changes get through, for people and supervisors. Do not restart the program because of an outage.
    fn health(&self) -> (StatusCode, String) {
        let held = self.client.stats().hosts().find(|(_, stats)| stats.is_held);
        match held {
            _ if *self.stopping.borrow() => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
            Some((host, _)) => (StatusCode::OK, format!("waiting: calls of the {host} host are held back\n")),
            None => (StatusCode::OK, "ok\n".to_owned()),
        }
    }

    fn metrics(&self) -> String {
        metrics::text(&self.queue.progress().borrow(), &self.client.stats())
    }
}

/// The number tells by `settled_to` when the change has arrived.
fn answer(pushed: Result<Pushed, PushError>) -> (StatusCode, String) {
    match pushed {
        Ok(Pushed::Refused(refused)) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{refused}\n")),
        Ok(pushed) => (StatusCode::ACCEPTED, format!("{}\n", pushed.number())),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
