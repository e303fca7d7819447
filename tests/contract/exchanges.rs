//! Requests with their answers, as they pass between a client and the fake.

use std::sync::{Arc, Mutex};

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakePushApi, RecordedRequest};
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use http::{Request, Response};
use tokio::sync::Mutex as Turn;

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const CATALOG: &str = "my-catalog";
pub(crate) const COLLECTION: &str = "my-collection";
pub(crate) const PROVIDER: &str = "My Provider";

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) request: RecordedRequest,
    pub(crate) answer: Response<Bytes>,
}

/// A transport to a fake that keeps what passes.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) fake: FakePushApi,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
    /// One at a time, so that the last request of the fake's record is that of the answer.
    turn: Arc<Turn<()>>,
}

impl Watched {
    pub(crate) fn new() -> Self {
        let fake = FakePushApi::builder().source(SOURCE).provider(PROVIDER);
        let fake = fake.catalog_source(CATALOG).data_collection(COLLECTION).build();
        Self { fake, exchanges: Arc::default(), turn: Arc::default() }
    }

    /// An organization without sources and providers.
    pub(crate) fn empty() -> Self {
        Self { fake: FakePushApi::builder().build(), ..Self::new() }
    }

    /// What has passed since the last time.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.exchanges.lock().unwrap())
    }
}

impl Transport for Watched {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let answer = self.fake.send(request).await?;
            let request = self.fake.requests().pop().unwrap();
            self.exchanges.lock().unwrap().push(Exchange { request, answer: answer.clone() });
            Ok(answer)
        })
    }
}
