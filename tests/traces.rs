//! What is traced, with the feature `tracing`, and what is not.
//!
//! A binary of its own: where some threads have a subscriber and others have none, an event that
//! the others come to first is traced nowhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[allow(dead_code, reason = "others use the rest of it")]
#[path = "shared/canary.rs"]
mod canary;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{
    ApiKey, BatchDocumentBody, CompressionType, Content, DocumentBody, FileContainer, Operation, Preflight, PushClient,
    RetryPolicy, SourceStatus, reqwest,
};
use tracing::Instrument;
use tracing_subscriber::fmt::MakeWriter;
use wiremock::matchers::{any, method, path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use self::canary::{KEY, SIGNATURE, is_clean, presigned};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Traces all that happens on this thread.
fn traced() -> (Buffer, tracing::subscriber::DefaultGuard) {
    let buffer = Buffer::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(buffer.clone())
        .finish();
    (buffer, tracing::subscriber::set_default(subscriber))
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn no_span_and_no_event_shows_a_key_a_body_or_a_presigned_url() {
    let (buffer, _guard) = traced();

    let server = MockServer::start().await;
    let echo = format!(r#"{{"errorCode":"{KEY}","message":"{KEY} {}"}}"#, presigned(&server.uri()));
    let answer = |status| ResponseTemplate::new(status).set_body_raw(echo.clone(), "application/json");
    let container = serde_json::json!({
        "uploadUri": presigned(&server.uri()),
        "fileId": "f",
        "requiredHeaders": {"x-amz-security-token": SIGNATURE},
    });
    let created = ResponseTemplate::new(201).set_body_json(container);
    Mock::given(path_regex("/files$")).respond_with(created).mount(&server).await;
    let expired = Mock::given(path("/bucket/file")).respond_with(answer(503)).up_to_n_times(1);
    expired.with_priority(1).mount(&server).await;
    Mock::given(path("/bucket/file")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(method("PUT")).and(path_regex("/documents/batch$")).respond_with(answer(202)).mount(&server).await;
    let limited = answer(429).insert_header("retry-after", "0.01");
    Mock::given(path_regex("/documents$")).respond_with(limited).mount(&server).await;
    Mock::given(any()).respond_with(answer(401)).with_priority(200).mount(&server).await;

    let client = PushClient::builder("my-org", ApiKey::new(KEY))
        .base_url(format!("{}/push/v1", server.uri()))
        .http_client(reqwest::Client::builder().no_proxy())
        .retry(RetryPolicy::default().max_attempts(2).base_delay(Duration::from_millis(1)))
        .preflight(Preflight::Warn)
        .build()
        .unwrap();
    let items = client.items("s");
    let _ = items.push_batch(&BatchDocumentBody::new().add_or_update("no uri", DocumentBody::text(KEY))).await.unwrap();
    let pusher = items.pusher().start();
    assert!(pusher.add_or_update("pushed in bulk", &DocumentBody::text(KEY)).await.unwrap().is_queued());
    pusher.finish().await.into_result().unwrap();
    items.add_or_update("https://a", &DocumentBody::text(SIGNATURE)).await.unwrap_err();
    client.sources().set_status("s", SourceStatus::Idle).await.unwrap_err();
    let closed = FileContainer::new("f", presigned("http://127.0.0.1:1"), []);
    client.file_containers().upload(&closed, "b").await.unwrap_err();

    let text = buffer.text();
    for said in [
        "coveo_push",
        "items.push_container",
        "file_containers.upload",
        "response",
        "trying again",
        "may drop this",
        "pushed in bulk",
    ] {
        assert!(text.contains(said), "`{said}` was not traced: {text}");
    }
    is_clean("a trace", &text);
}

#[tokio::test]
async fn a_setting_out_of_its_range_is_told_with_what_is_taken_instead() {
    let (buffer, _guard) = traced();
    let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
    let _ = fake.client().items("my-source").pusher().concurrency(0).batch_bytes(1);
    let text = buffer.text();
    for (setting, taken) in [("concurrency", 1), ("batch_bytes", 1_024)] {
        let is_told = |line: &str| line.contains(setting) && line.contains(&format!("taken={taken}"));
        assert!(text.lines().any(is_told), "{text}");
    }
}

#[tokio::test]
async fn the_upload_of_a_content_is_in_the_span_of_its_push() {
    let (buffer, _guard) = traced();
    let fake = FakePushApi::builder().source("s").build();
    let pusher = fake.client().items("s").pusher().batch_bytes(1_024).start();
    let content = Content::bytes(vec![7; 2_000]).compression(CompressionType::Uncompressed);
    let doc = DocumentBody::new();
    let push = pusher.add_or_update("a://1", &doc).content(content).into_future();
    assert!(push.instrument(tracing::info_span!("the_push")).await.unwrap().is_queued());
    let text = buffer.text();
    assert!(text.contains(r#"the_push:coveo_push{operation="file_containers.upload" source="s" run=1}"#), "{text}");
}

/// The events with a message, each as its line.
fn lines(text: &str, message: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains(message)).map(str::to_owned).collect()
}

fn has(line: &str, fields: &[&str]) {
    for field in fields {
        assert!(line.contains(field), "`{field}` is not in {line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_tells_its_reason_and_the_source_batch_and_run_that_it_is_of() {
    let (buffer, _guard) = traced();
    let fake = FakePushApi::builder().source("my-source").build();
    let client = fake.client();
    let items = client.items("my-source");
    fake.inject(Fault::on(Operation::PushItemContainer).status(503));
    fake.inject(Fault::on(Operation::UploadToContainer).no_connection());
    // Runs are numbered by their client.
    assert!(items.pusher().start().finish().await.is_complete());
    let run = items.pusher().start();
    run.add_or_update("a://1", &DocumentBody::text("words")).await.unwrap();
    run.finish().await.into_result().unwrap();
    fake.inject(Fault::on(Operation::AddOrUpdateItem).status(429).error_code("TOO_MANY_REQUESTS"));
    items.add_or_update("a://2", &DocumentBody::text("words")).await.unwrap();
    let text = buffer.text();
    let retries = lines(&text, "trying again");
    assert_eq!(retries.len(), 3, "{text}");
    let of_run = ["source=\"my-source\"", "run=2", "batch=1"];
    has(&retries[0], &["file_containers.upload", "kind=", "cause="]);
    has(&retries[0], &of_run);
    has(&retries[1], &["items.push_container", "status=503"]);
    has(&retries[1], &of_run);
    has(&retries[2], &["status=429", "code=TOO_MANY_REQUESTS", "source=\"my-source\""]);
    assert!(!retries[2].contains("run="), "{}", retries[2]);
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_run_tell_its_start_its_batches_its_deletion_and_its_end() {
    let (buffer, _guard) = traced();
    let fake = FakePushApi::builder().source("my-source").build();
    fake.inject(Fault::on(Operation::PushItemContainer).skip(1).status(413));
    let items = fake.client().items("my-source");
    let run = items.refresh(coveo_push::RefreshKind::Rebuild).allow_missing_permissions();
    let run = run.pusher(|pusher| pusher.on_failed_batch(drop)).start().await.unwrap();
    for n in 1..=2 {
        run.pusher().add_or_update(format!("a://{n}"), &DocumentBody::text("words")).await.unwrap();
        run.pusher().flush().await.unwrap();
    }
    run.pusher().add_or_update("no uri", &DocumentBody::text("words")).await.unwrap();
    let _ = run.finish().await;
    let run = items.refresh(coveo_push::RefreshKind::Rebuild).allow_missing_permissions().start().await.unwrap();
    run.pusher().add_or_update("a://1", &DocumentBody::text("words")).await.unwrap();
    run.finish().await.into_result().unwrap();
    let text = buffer.text();
    for (message, fields) in [
        ("run started", vec!["run=1"]),
        ("batch accepted", vec!["run=1", "batch=1", "operations=1", "attempts=3"]),
        ("batch failed", vec!["run=1", "batch=2", "step=pushing the file container", "413"]),
        ("refused", vec!["run=1", "item=\"no uri\"", "rule=\"document-id-not-a-uri\""]),
        ("run ended", vec!["run=1", "1 accepted"]),
        ("deletion skipped", vec!["run=1", "reason=\"failed\""]),
        ("the source is idle", vec!["run=1"]),
        ("deletion of old items sent", vec!["run=2", "boundary="]),
        ("deletion ended", vec!["run=2", "accepted"]),
    ] {
        let line = &lines(&text, message)[0];
        has(line, &fields);
        has(line, &["source=\"my-source\""]);
    }
    assert_eq!(lines(&text, "deletion of old items sent").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_sent_because_its_host_is_held_tells_so() {
    let (buffer, _guard) = traced();
    let fake = FakePushApi::builder().source("my-source").build();
    fake.inject(Fault::on_any().no_connection().always());
    let items = fake.client().items("my-source");
    for _ in 0..6 {
        items.delete("a://1").retry(RetryPolicy::none()).await.unwrap_err();
    }
    has(&lines(&buffer.text(), "given up: the host is held")[0], &["operation=\"items.delete\""]);
}

#[tokio::test(start_paused = true)]
async fn every_event_and_span_has_the_target_coveo_push() {
    let buffer = Buffer::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let _guard = tracing::subscriber::set_default(subscriber.with_writer(buffer.clone()).finish());
    let fake = FakePushApi::builder().source("my-source").build();
    fake.inject(Fault::on(Operation::PushItemContainer).status(503));
    let run = fake.client().items("my-source").pusher().start();
    run.add_or_update("a://1", &DocumentBody::text("words")).await.unwrap();
    run.finish().await.into_result().unwrap();
    let text = buffer.text();
    let ours: Vec<&str> = text.lines().filter(|line| line.contains("coveo_push")).collect();
    assert!(ours.len() > 5, "{text}");
    assert!(!text.contains("coveo_push::"), "{text}");
}
