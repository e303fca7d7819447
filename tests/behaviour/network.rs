//! A network that fails when a test says so, before the fake is reached.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::transport::{Body, BoxFuture, SendError, SendErrorKind, Transport};
use coveo_push::{PushClientBuilder, http};
use tokio::time::{Instant, sleep};

/// The fate of a request in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Fake,
    Fails(SendErrorKind),
    Status(u16),
    /// No answer at all.
    Hangs,
}

pub(crate) const REFUSES: Answer = Answer::Fails(SendErrorKind::Connect);

type Plan = Box<dyn Fn(u64) -> Answer + Send + Sync>;

/// A request that was sent: when, in milliseconds from the beginning, and for which item.
pub(crate) type Sent = (u64, String);

#[derive(Clone)]
pub(crate) struct Network(Arc<Inner>);

struct Inner {
    fake: FakePushApi,
    begin: Instant,
    latency: Duration,
    plan: Plan,
    sent: Mutex<Vec<Sent>>,
}

impl Network {
    /// `plan` decides the fate of a request by its milliseconds since the start.
    pub(crate) fn new(
        fake: &FakePushApi,
        latency: Duration,
        plan: impl Fn(u64) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let (fake, begin, sent) = (fake.clone(), Instant::now(), Mutex::default());
        Self(Arc::new(Inner { fake, begin, latency, plan: Box::new(plan), sent }))
    }

    /// A client of the fake behind this network, whose jitter has a seed.
    pub(crate) fn client(&self, seed: u64) -> PushClientBuilder {
        let random = Mutex::new(fastrand::Rng::with_seed(seed));
        self.0.fake.client_builder().transport(self.clone()).random(move || random.lock().unwrap().f64())
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.sent.lock().unwrap().clone()
    }

    pub(crate) fn times(&self) -> Vec<u64> {
        self.sent().into_iter().map(|(time, _)| time).collect()
    }
}

impl Transport for Network {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let time = self.0.begin.elapsed().as_millis() as u64;
            let query = request.uri().query().unwrap_or_default();
            let item = query.split("documentId=").nth(1).unwrap_or_default();
            let item = item.split('&').next().unwrap().rsplit("%2F").next().unwrap();
            self.0.sent.lock().unwrap().push((time, item.to_owned()));
            sleep(self.0.latency).await;
            match (self.0.plan)(time) {
                Answer::Fake => self.0.fake.send(request).await,
                Answer::Fails(kind) => Err(SendError::new(kind, "the network is down")),
                Answer::Hangs => pending().await,
                Answer::Status(status) => {
                    let mut response = http::Response::new(Bytes::from_static(b"<html></html>"));
                    *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                    Ok(response)
                }
            }
        })
    }
}
