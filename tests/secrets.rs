//! Guarantee 10, all at once: every operation, bulk runs, refreshes and content, with each kind of
//! success and failure, and everything that is said of it on the way.
//!
//! A binary of its own, with one test, as logs and traces are the process's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/calls.rs"]
mod calls;
#[path = "shared/canary.rs"]
mod canary;

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use coveo_push::report::PushReport;
use coveo_push::transport::BoxFuture;
use coveo_push::{
    ApiKey, BatchDocumentBody, BoxError, Content, Credentials, CredentialsProvider, DocumentBody, Error, FileContainer,
    Host, Identity, IdentityBody, Operation, PushClient, PushClientBuilder, RefreshKind, RetryPolicy, reqwest,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use self::canary::{
    ESCAPED_KEY, KEY, SIGNATURE, debug_is_clean, display_is_clean, error_is_clean, is_clean, presigned,
};

/// How long a run waits when it is told to.
const PATIENCE: Duration = Duration::from_millis(20);

/// What was logged, traced, and said by panics.
static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn say(text: impl Display) {
    writeln!(SAID.lock().unwrap(), "{text}").unwrap();
}

fn said() -> String {
    String::from_utf8_lossy(&SAID.lock().unwrap()).into_owned()
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // The mock service is no part of this, and tells what it was sent.
        if !record.target().starts_with("wiremock") {
            say(format_args!("{} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

fn trace_everything() {
    struct Writer;

    impl Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            SAID.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(|| Writer);
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
}

/// What the service does with a request.
#[derive(Clone, Copy)]
enum Mood {
    Succeed,
    Answer(u16),
    /// Containers that cannot be read.
    Garble,
    /// The storage alone answers with this.
    Storage(u16),
}

struct Service {
    mood: Mutex<Mood>,
    host: String,
}

/// Everything that is secret, as a text that a service may answer with.
fn echo(host: &str) -> String {
    let url = presigned(host);
    let escaped = url.replace('/', "\\/");
    json!({"errorCode": KEY, "message": format!("{KEY} {ESCAPED_KEY} {url} {escaped}"), "url": url}).to_string()
}

impl Respond for &'static Service {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let is_storage = path.starts_with("/bucket");
        let status = match *self.mood.lock().unwrap() {
            Mood::Answer(status) => status,
            Mood::Storage(status) if is_storage => status,
            _ if is_storage => 200,
            Mood::Garble if path.ends_with("/files") => {
                let garbled = json!({"uploadUri": presigned(&self.host), "fileId": {KEY: presigned(&self.host)}});
                return ResponseTemplate::new(201).set_body_json(garbled);
            }
            _ if ["/files", "/open", "/chunk"].iter().any(|end| path.ends_with(end)) => {
                let container = json!({
                    "streamId": "t",
                    "uploadUri": presigned(&self.host),
                    "fileId": "f",
                    "requiredHeaders": {"x-amz-security-token": SIGNATURE},
                });
                return ResponseTemplate::new(201).set_body_json(container);
            }
            // An object that every call of the platform API can read.
            _ if path.starts_with("/rest/") => {
                let any = json!({
                    "id": "p",
                    "name": "p",
                    "approved": true,
                    "sourceModels": [],
                    "items": [],
                    "batchOperationResourcesStatus": [],
                });
                return ResponseTemplate::new(200).set_body_json(any);
            }
            _ if path.ends_with("/status") => 201,
            _ => 202,
        };
        let location = presigned(&self.host);
        let answer = ResponseTemplate::new(status).set_body_raw(echo(&self.host), "application/json");
        answer.insert_header("location", location.as_str()).insert_header("x-amz-request-id", location.as_str())
    }
}

fn builder(host: &str) -> PushClientBuilder {
    PushClient::builder("my-org", ApiKey::new(KEY))
        .base_url(format!("{host}/push/v1"))
        .http_client(reqwest::Client::builder().no_proxy())
        .connect_timeout(Duration::from_secs(5))
        .logs_calls(1_000, Duration::from_millis(1))
        .retry(RetryPolicy::default().max_attempts(2).base_delay(Duration::from_millis(1)).deadline(PATIENCE))
}

fn container(host: &str) -> FileContainer {
    FileContainer::new("f", presigned(host), [("x-amz-security-token".to_owned(), SIGNATURE.to_owned())])
}

/// What was seen, to know that nothing was left out.
#[derive(Default)]
struct Seen {
    succeeded: BTreeSet<&'static str>,
    failed: BTreeSet<&'static str>,
    errors: BTreeSet<&'static str>,
}

impl Seen {
    fn error(&mut self, error: Error) {
        error_is_clean(&error);
        self.errors.insert(match &error {
            Error::BadRequest(_) => "400",
            Error::Unauthorized(_) => "401",
            Error::AccessDenied(_) => "403",
            Error::NotFound(_) => "404",
            Error::PreconditionFailed(_) => "412",
            Error::PayloadTooLarge(_) => "413",
            Error::UnsupportedMediaType(_) => "415",
            Error::RateLimited(_) => "429",
            Error::Server(_) => "5xx",
            Error::UnexpectedStatus(_) => "unexpected",
            Error::Upload(_) => "upload",
            Error::Transport(_) => "transport",
            Error::Decode(_) => "decode",
            Error::Invalid(_) => "invalid",
            Error::Config(_) => "config",
            Error::Credentials(_) => "credentials",
            other => panic!("{other} is of no kind that is known here"),
        });
        panics_with(error);
    }

    /// Calls every operation and everything that is made of several.
    async fn everything(&mut self, client: impl Fn() -> PushClient, host: &str) {
        for &operation in Operation::ALL {
            let is_seen = self.succeeded.contains(operation.name()) && self.failed.contains(operation.name());
            if is_seen && operation.host() == Host::Platform {
                continue;
            }
            // Of a client of its own: none is held back by the one before.
            match calls::call(&client(), operation, &container(host)).await {
                Ok(()) => {
                    self.succeeded.insert(operation.name());
                }
                Err(error) => {
                    self.failed.insert(operation.name());
                    self.error(error);
                }
            }
        }
        let (items, files) = (client().items("s"), client().file_containers());
        let batch = BatchDocumentBody::new().add_or_update("a://1", DocumentBody::text("words"));
        self.result(items.push_batch(&batch).await);
        self.result(files.create().await);
        self.result(files.store("bytes").await);
        let large = Content::bytes(vec![b'x'; 4_000_000]).precompressed(coveo_push::CompressionType::GZip);
        self.result(client().items("s").add_or_update("a://1", &DocumentBody::new()).content(large).await);
        self.runs(&client()).await;
    }

    fn result<T: Debug>(&mut self, result: Result<T, Error>) {
        match result {
            Ok(value) => debug_is_clean(&value),
            Err(error) => self.error(error),
        }
    }

    async fn runs(&mut self, client: &PushClient) {
        let pusher = client.items("s").pusher().throttle_patience(PATIENCE).outage_patience(PATIENCE).start();
        debug_is_clean(&pusher);
        debug_is_clean(&pusher.add_or_update("a://1", &DocumentBody::text("words")).await.unwrap());
        debug_is_clean(&pusher.add_or_update("no uri", &DocumentBody::text("words")).await.unwrap());
        let progress = pusher.progress();
        self.report(pusher.finish().await).await;
        debug_is_clean(&*progress.borrow());

        let panicking = client.identities("p").pusher().throttle_patience(PATIENCE).outage_patience(PATIENCE);
        let panicking = panicking.on_failed_batch(|failed| -> () { panic!("{failed} {failed:?}") }).start();
        debug_is_clean(&panicking.add_or_update(&IdentityBody::user("u")).await.unwrap());
        let _ = panicking.flush().await.map_err(panics_with);
        let stopped = panicking.delete(&Identity::user("u")).await;
        debug_is_clean(&stopped);
        self.report(panicking.finish().await).await;

        let refresh = client.items("s").refresh(RefreshKind::Rebuild);
        let refresh = refresh.pusher(|pusher| pusher.throttle_patience(PATIENCE).outage_patience(PATIENCE));
        debug_is_clean(&refresh);
        match refresh.start().await {
            Ok(refresh) => {
                debug_is_clean(&refresh);
                refresh.pusher().add_or_update("a://1", &DocumentBody::text("words")).await.unwrap();
                let report = refresh.finish().await;
                debug_is_clean(&report);
                display_is_clean(&report);
                is_clean("a report", &serde_json::to_string(&report).unwrap());
                let _ = report.into_result().map_err(panics_with);
            }
            Err(error) => panics_with(error),
        }
    }

    async fn report(&mut self, report: PushReport) {
        debug_is_clean(&report);
        display_is_clean(&report);
        is_clean("a report", &serde_json::to_string(&report).unwrap());
        for failed in &report.failed_batches {
            debug_is_clean(failed);
            display_is_clean(failed);
            debug_is_clean(failed.reason());
            display_is_clean(failed.reason());
            self.result(failed.push_again().await);
        }
        if let Err(error) = report.into_result() {
            panics_with(error);
        }
    }
}

/// The message of the panic goes where logs go.
fn panics_with<E: std::error::Error + 'static>(error: E) {
    debug_is_clean(&error);
    display_is_clean(&error);
    let mut cause = error.source();
    while let Some(error) = cause {
        is_clean("a cause", &format!("{error} {error:?}"));
        cause = error.source();
    }
    let unwrap = |result: Result<(), E>| result.unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| unwrap(Err(error))));
    assert!(panicked.is_err());
}

/// A socket that answers every connection with these bytes; without any it never answers.
async fn socket(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                match answer {
                    Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                    None => std::future::pending::<()>().await,
                }
            });
        }
    });
    host
}

/// Gives no token, and says why with one in it that was not given out.
struct NoToken;

impl CredentialsProvider for NoToken {
    fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        Box::pin(async { Err("the vault is closed".into()) })
    }
}

#[tokio::test]
async fn guarantee_10_whatever_is_called_and_whatever_comes_of_it_no_secret_shows_anywhere() {
    log::set_boxed_logger(Box::new(Logger)).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    trace_everything();
    std::panic::set_hook(Box::new(|panic| {
        say(panic);
        // Shown when this test fails.
        eprintln!("{panic}");
    }));

    let server = MockServer::start().await;
    let host = server.uri();
    let service: &'static Service =
        Box::leak(Box::new(Service { mood: Mutex::new(Mood::Succeed), host: host.clone() }));
    Mock::given(any()).respond_with(service).mount(&server).await;
    let mut seen = Seen::default();
    let statuses = [200, 302, 307, 400, 401, 403, 404, 408, 412, 413, 415, 418, 429, 500, 503];
    let moods = [Mood::Succeed, Mood::Garble].into_iter();
    let moods = moods.chain(statuses.map(Mood::Answer)).chain([403, 404, 503].map(Mood::Storage));
    for mood in moods {
        *service.mood.lock().unwrap() = mood;
        seen.everything(|| builder(&host).build().unwrap(), &host).await;
    }

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let broken = "HTTP/1.1 202 Accepted\r\ncontent-length: 99\r\n\r\nx";
    let hosts = [socket(Some("")).await, socket(Some("220 smtp\r\n")).await, socket(Some(broken)).await];
    let soon = Duration::from_millis(50);
    for host in hosts.into_iter().chain([socket(None).await, format!("http://{closed}")]) {
        let builder =
            || builder(&host).retry(RetryPolicy::none()).call_timeout(soon).logs_timeout(soon).upload_timeout(soon);
        seen.everything(|| builder().build().unwrap(), &host).await;
    }
    *service.mood.lock().unwrap() = Mood::Succeed;
    let without_token = || {
        let builder = PushClient::builder("my-org", Credentials::provider(NoToken)).base_url(format!("{host}/push/v1"));
        builder.http_client(reqwest::Client::builder().no_proxy()).build().unwrap()
    };
    seen.everything(without_token, &host).await;
    let elsewhere = "http://s3.example.com";
    seen.everything(|| builder(&host).build().unwrap(), elsewhere).await;
    seen.result(PushClient::builder("my-org", ApiKey::new(format!("{KEY}\n"))).base_url("nowhere").build());
    let _ = std::panic::take_hook();

    let all: BTreeSet<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert_eq!(seen.succeeded, all);
    assert_eq!(seen.failed, all);
    assert_eq!(seen.errors.len(), 16, "{:?}", seen.errors);
    let said = said();
    let of_tracing = ["operation=\"items.push_container\"", "trying again", "no response", "held back"];
    let voices = ["reqwest", "panicked at", "Server(ApiError", "UploadError", "TransportError"].into_iter();
    for voice in voices.chain(of_tracing) {
        assert!(said.contains(voice), "`{voice}` was not heard");
    }
    for line in said.lines() {
        is_clean("a log, a trace or a panic", line);
    }
}
