//! A service that says yes unless told otherwise, and a socket that does as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::{ApiKey, FileContainer, PushClient, PushClientBuilder, RetryPolicy, reqwest};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const KEY: &str = "xx-1234-key";
pub(crate) const OURS: &str = concat!("coveo-push/", env!("CARGO_PKG_VERSION"));
pub(crate) const FILES: &str = "/push/v1/organizations/my-org/files";
pub(crate) const DOCUMENTS: &str = "/push/v1/organizations/my-org/sources/my-source/documents";
pub(crate) const BATCH: &str = "/push/v1/organizations/my-org/sources/my-source/documents/batch";
pub(crate) const SIGNATURE: &str = "X-Amz-Signature=5ec4e7";

/// Retries that take no time, too few to hold the host.
pub(crate) fn fast() -> RetryPolicy {
    RetryPolicy::default().max_attempts(5).base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(2))
}

/// A builder for a service at `host`, such as `http://127.0.0.1:8080`.
pub(crate) fn builder(host: &str) -> PushClientBuilder {
    with_settings(PushClient::builder("my-org", ApiKey::new(KEY)), host)
}

pub(crate) fn with_settings(builder: PushClientBuilder, host: &str) -> PushClientBuilder {
    let builder = builder.base_url(format!("{host}/push/v1")).http_client(reqwest::Client::builder().no_proxy());
    builder.retry(fast()).logs_calls(1_000, Duration::from_millis(1))
}

/// The service: it answers every request as the contract says, but for what was mounted before.
pub(crate) struct Service {
    pub(crate) server: MockServer,
}

impl Service {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let yes = Yes { host: server.uri(), containers: Mutex::new(0) };
        Mock::given(any()).respond_with(yes).with_priority(250).mount(&server).await;
        Self { server }
    }

    /// Answers the first requests for a path with these, one after the other.
    pub(crate) async fn first(&self, verb: &str, place: &str, answers: impl IntoIterator<Item = ResponseTemplate>) {
        for (index, answer) in answers.into_iter().enumerate() {
            let priority = u8::try_from(index + 1).unwrap();
            let mock = Mock::given(method(verb)).and(path(place)).respond_with(answer);
            mock.up_to_n_times(1).with_priority(priority).mount(&self.server).await;
        }
    }

    /// Answers all requests for a path with this.
    pub(crate) async fn always(&self, verb: &str, place: &str, answer: ResponseTemplate) {
        let mock = Mock::given(method(verb)).and(path(place)).respond_with(answer);
        mock.with_priority(100).mount(&self.server).await;
    }

    pub(crate) fn client(&self) -> PushClient {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> PushClientBuilder {
        builder(&self.server.uri())
    }

    /// A container as `file_containers.create` would hand it out.
    pub(crate) fn container(&self) -> FileContainer {
        let headers = required_headers();
        let headers = headers.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()));
        FileContainer::new("file-1", format!("{}/bucket/file-1?{SIGNATURE}", self.server.uri()), headers)
    }

    /// All requests so far.
    pub(crate) async fn sent(&self) -> Vec<Sent> {
        self.server.received_requests().await.unwrap().into_iter().map(Sent::from).collect()
    }

    /// The only request so far.
    pub(crate) async fn only(&self) -> Sent {
        let mut sent = self.sent().await;
        assert_eq!(sent.len(), 1, "{sent:#?}");
        sent.remove(0)
    }

    /// `METHOD path` of all requests so far.
    pub(crate) async fn steps(&self) -> Vec<String> {
        let step = |sent: &Sent| format!("{} {}", sent.method, sent.target.split('?').next().unwrap());
        self.sent().await.iter().map(step).collect()
    }
}

pub(crate) fn required_headers() -> Value {
    json!({"x-amz-server-side-encryption": "AES256", "Content-Type": "application/octet-stream"})
}

struct Yes {
    host: String,
    containers: Mutex<u32>,
}

impl Respond for Yes {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let place = request.url.path();
        if place.ends_with("/files") {
            let mut containers = self.containers.lock().unwrap();
            *containers += 1;
            let id = format!("file-{containers}");
            ResponseTemplate::new(201).set_body_json(json!({
                "uploadUri": format!("{}/bucket/{id}?{SIGNATURE}", self.host),
                "fileId": id,
                "requiredHeaders": required_headers(),
            }))
        } else if place.starts_with("/bucket/") {
            ResponseTemplate::new(200)
        } else if place.ends_with("/status") {
            ResponseTemplate::new(201).set_body_json(json!({}))
        } else {
            ResponseTemplate::new(202).set_body_json(json!(null))
        }
    }
}

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    /// Path and query, as they were written.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl From<Request> for Sent {
    fn from(request: Request) -> Self {
        let mut target = request.url.path().to_owned();
        if let Some(query) = request.url.query() {
            target = format!("{target}?{query}");
        }
        Self { method: request.method.to_string(), target, headers: request.headers, body: request.body }
    }
}

impl Sent {
    /// Names and values of all headers but `host`, sorted.
    pub(crate) fn all_headers(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "host")
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        all.sort();
        all
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Holds a call of the service against its method, its path and query, its body and every
    /// header that it has.
    #[track_caller]
    pub(crate) fn is(&self, method: &str, target: &str, body: Option<Value>) {
        assert_eq!((self.method.as_str(), self.target.as_str()), (method, target));
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("authorization".to_owned(), format!("Bearer {KEY}")),
        ];
        if body.is_some() || !matches!(method, "DELETE" | "GET") {
            headers.push(("content-length".to_owned(), self.body.len().to_string()));
        }
        if method != "GET" {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        headers.push(("user-agent".to_owned(), OURS.to_owned()));
        assert_eq!(self.all_headers(), headers);
        match body {
            Some(body) => assert_eq!(serde_json::from_slice::<Value>(&self.body).unwrap(), body),
            None => assert_eq!(self.body, b""),
        }
    }
}

/// What a [`Socket`] does with a request that it has read.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Writes these bytes and closes the connection.
    Bytes(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Says nothing.
    Silence,
    /// Writes these bytes, and then one kilobyte after the other until nobody listens.
    Endless(Vec<u8>),
}

impl Reply {
    /// An answer with that status line and body.
    pub(crate) fn answer(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes(),
        )
    }
}

/// Heads and bodies, as they were read.
type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A plain socket, one reply a connection, the last one for all that follow.
pub(crate) struct Socket {
    pub(crate) host: String,
    heard: Heard,
}

impl Socket {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let heard = Heard::default();
        let log = Arc::clone(&heard);
        let mut replies: Vec<Reply> = replies.into_iter().collect();
        replies.reverse();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let reply = if replies.len() > 1 { replies.pop().unwrap() } else { replies[0].clone() };
                tokio::spawn(serve(stream, reply, Arc::clone(&log)));
            }
        });
        Self { host, heard }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, log: Heard) {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    let head_end = loop {
        if let Some(at) = read.windows(4).position(|part| part == b"\r\n\r\n") {
            break at;
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => read.extend_from_slice(&chunk[..count]),
        }
    };
    let head = String::from_utf8(read[..head_end].to_vec()).unwrap();
    let mut body = read.split_off(head_end + 4);
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    while body.len() < length.unwrap_or(0) {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(count) => body.extend_from_slice(&chunk[..count]),
        }
    }
    log.lock().unwrap().push((head, body));
    match reply {
        Reply::Close => {}
        Reply::Silence => std::future::pending().await,
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Endless(bytes) => {
            let _ = stream.write_all(&bytes).await;
            while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
        }
    }
}
