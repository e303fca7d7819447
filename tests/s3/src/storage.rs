//! An S3 on a port of this machine, and URLs that are signed for it.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::FileContainer;
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::TcpListener;
use url::Url;

const BUCKET: &str = "blobstore";
const KEY: &str = "AKIAEXAMPLE";
const SECRET: &str = "a-secret-that-signs";
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What the URLs sign, and an upload has to carry.
pub const REQUIRED_HEADERS: [(&str, &str); 2] =
    [("content-type", "application/octet-stream"), ("x-amz-server-side-encryption", "AES256")];

/// A storage that verifies signatures. It ends with the runtime that it was started on.
pub struct Storage {
    endpoint: Url,
    folder: TempDir,
    uploads: Arc<Mutex<Vec<Upload>>>,
}

/// A request as it came in, and how it was answered.
#[derive(Debug, Clone)]
pub struct Upload {
    pub uri: Uri,
    pub headers: HeaderMap,
    pub status: StatusCode,
}

impl Storage {
    pub async fn start() -> io::Result<Self> {
        let folder = TempDir::new()?;
        fs::create_dir(folder.path().join(BUCKET))?;
        let mut service =
            S3ServiceBuilder::new(FileSystem::new(folder.path()).map_err(|it| io::Error::other(format!("{it:?}")))?);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = Url::parse(&format!("http://{}", listener.local_addr()?)).map_err(io::Error::other)?;
        let uploads = Arc::default();
        tokio::spawn(listen(listener, service.build(), Arc::clone(&uploads)));
        Ok(Self { endpoint, folder, uploads })
    }

    /// Whether a URI is one of this storage.
    pub fn is_at(&self, uri: &Uri) -> bool {
        uri.port_u16() == self.endpoint.port()
    }

    /// A container whose URL was signed just now.
    pub fn container(&self, file_id: &str) -> FileContainer {
        self.container_of_age(file_id, SignedDuration::ZERO)
    }

    /// A container whose URL has expired.
    pub fn expired_container(&self, file_id: &str) -> FileContainer {
        self.container_of_age(file_id, SignedDuration::from_hours(2))
    }

    fn container_of_age(&self, file_id: &str, age: SignedDuration) -> FileContainer {
        let bucket = Bucket::new(self.endpoint.clone(), UrlStyle::Path, BUCKET, "us-east-1").expect("a bucket");
        let credentials = Credentials::new(KEY, SECRET);
        let mut put = bucket.put_object(Some(&credentials), file_id);
        for (name, value) in REQUIRED_HEADERS {
            put.headers_mut().insert(name, value);
        }
        let url = put.sign_with_time(LIFETIME, &(Timestamp::now() - age));
        FileContainer::new(file_id, url, REQUIRED_HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    /// The bytes that were uploaded into a container.
    pub fn object(&self, file_id: &str) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join(BUCKET).join(file_id)).ok()
    }

    /// Every request that came, in order.
    pub fn uploads(&self) -> Vec<Upload> {
        self.uploads.lock().expect("no test panicked").clone()
    }
}

async fn listen(listener: TcpListener, service: S3Service, uploads: Arc<Mutex<Vec<Upload>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (service, uploads) = (service.clone(), Arc::clone(&uploads));
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let (service, uploads) = (service.clone(), Arc::clone(&uploads));
            async move {
                let (parts, body) = request.into_parts();
                let Parts { uri, headers, .. } = parts.clone();
                // To its end before it is looked at: who answers earlier and hangs up may reset the connection
                // under a client that is still writing, and then no answer arrives.
                let body = body.collect().await.map_err(|error| s3s::HttpError::new(Box::new(error)))?.to_bytes();
                let answer = service.call(http::Request::from_parts(parts, body.into())).await?;
                uploads.lock().expect("no test panicked").push(Upload { uri, headers, status: answer.status() });
                Ok::<_, s3s::HttpError>(answer)
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
