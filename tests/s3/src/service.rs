//! The fake Push API with the storage behind it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::transport::{Body, BoxFuture, ReqwestTransport, SendError, Transport};
use coveo_push::{FileContainer, PushClient, reqwest};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};

use crate::Storage;

pub const SOURCE: &str = "my-source";

/// A transport: calls go to the fake, which hands out URLs of the storage, and uploads go there by
/// reqwest.
#[derive(Clone)]
pub struct Service {
    pub fake: FakePushApi,
    pub storage: Arc<Storage>,
    http: Arc<ReqwestTransport>,
    /// The fake's own containers, by id, into which goes what the storage has taken.
    own: Arc<Mutex<HashMap<String, FileContainer>>>,
    expired: Arc<AtomicUsize>,
}

impl Service {
    pub async fn start() -> io::Result<Self> {
        let http = ReqwestTransport::new(reqwest::Client::builder().no_proxy()).map_err(io::Error::other)?;
        Ok(Self {
            fake: FakePushApi::builder().source(SOURCE).build(),
            storage: Arc::new(Storage::start().await?),
            http: Arc::new(http),
            own: Arc::default(),
            expired: Arc::default(),
        })
    }

    /// A client with all settings at their defaults.
    pub fn client(&self) -> PushClient {
        self.fake.client_builder().transport(self.clone()).build().expect("a client of the fake")
    }

    /// Lets the next containers have expired by the time they are handed out.
    pub fn expire_next(&self, containers: usize) {
        self.expired.store(containers, Ordering::Relaxed);
    }

    /// How many containers were created.
    pub fn created(&self) -> usize {
        self.own.lock().expect("no test panicked").len()
    }

    async fn create(&self, request: Request<Body>) -> Result<Response<Bytes>, SendError> {
        let answer = self.fake.send(request).await?;
        let own: FileContainer = serde_json::from_slice(answer.body()).expect("a container");
        let is_expired =
            self.expired.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        let file_id = own.file_id().to_owned();
        let signed = match is_expired {
            true => self.storage.expired_container(&file_id),
            false => self.storage.container(&file_id),
        };
        self.own.lock().expect("no test panicked").insert(file_id, own);
        Ok(answer.map(|_| serde_json::to_vec(&signed).expect("JSON").into()))
    }

    /// Sends an upload. What the storage has taken the fake finds in it.
    async fn upload(&self, request: Request<Body>) -> Result<Response<Bytes>, SendError> {
        let path = request.uri().path().to_owned();
        let answer = self.http.send(request).await?;
        if let Some((_, file_id)) = path.rsplit_once('/').filter(|_| answer.status().is_success()) {
            self.fetch(file_id).await?;
        }
        Ok(answer)
    }

    async fn fetch(&self, file_id: &str) -> Result<(), SendError> {
        let own = self.own.lock().expect("no test panicked").get(file_id).cloned();
        if let (Some(own), Some(bytes)) = (own, self.storage.object(file_id)) {
            let mut upload = Request::put(own.upload_uri()).header(CONTENT_LENGTH, bytes.len());
            for (name, value) in own.required_headers() {
                upload = upload.header(name, value);
            }
            self.fake.send(upload.body(Body::from(bytes)).expect("a request")).await?;
        }
        Ok(())
    }
}

impl Transport for Service {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(async move {
            if self.storage.is_at(request.uri()) {
                self.upload(request).await
            } else if request.uri().path().ends_with("/files") {
                self.create(request).await
            } else {
                self.fake.send(request).await
            }
        })
    }
}
