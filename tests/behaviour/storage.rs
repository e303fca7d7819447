//! Guarantee 4: the upload into the storage, and the steps around it.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::request::PushBatch;
use coveo_push::{BatchDocumentBody, DocumentBody, Error, PushClient, RetryPolicy};

use super::support::{COMMIT, CREATE, SOURCE, UPLOAD, client, fake, once, seconds, starts, starts_of};

fn batch(client: &PushClient) -> PushBatch {
    let batch = BatchDocumentBody::new().add_or_update("https://example.com/a", DocumentBody::text("words"));
    client.items(SOURCE).push_batch(&batch)
}

/// How often containers were created, uploads sent, and batches pushed.
fn calls(fake: &FakePushApi) -> [usize; 3] {
    [CREATE, UPLOAD, COMMIT].map(|operation| starts_of(fake, operation).len())
}

/// The two ways in which the storage says that an upload URI has expired.
fn expired() -> [Fault; 2] {
    [Fault::on(UPLOAD).expired(), Fault::on(UPLOAD).expired_token()]
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_bytes_for_an_expired_container_go_into_a_fresh_one_at_once() {
    for fault in expired() {
        let fake = fake();
        fake.inject(fault);
        let container = client(&fake, 1.0).file_containers().store("bytes").await.unwrap();
        assert_eq!(calls(&fake), [2, 2, 0]);
        assert_eq!(starts(&fake), [0; 4]);
        let requests = fake.requests();
        assert_ne!(requests[1].path(), requests[3].path());
        assert!(requests[3].path().contains(container.file_id()));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_a_batch_for_an_expired_container_goes_into_a_fresh_one() {
    for fault in expired() {
        let fake = fake();
        fake.inject(fault);
        let accepted = batch(&client(&fake, 1.0)).await.unwrap();
        assert_eq!(calls(&fake), [2, 2, 1]);
        assert_eq!(fake.requests()[4].parameter("fileId"), accepted.file_id());
        assert_eq!(fake.source(SOURCE).document_ids(), ["https://example.com/a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_a_fresh_container_is_taken_once() {
    for fault in expired() {
        let fake = fake();
        fake.inject(fault.always());
        let error = batch(&client(&fake, 1.0)).await.unwrap_err();
        assert!(matches!(&error, Error::Upload(error) if error.needs_fresh_container()), "{error}");
        assert_eq!(calls(&fake), [2, 2, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_without_retries_no_fresh_container_is_taken() {
    for fault in expired() {
        let fake = fake();
        fake.inject(fault.always());
        assert!(batch(&once(&fake)).await.is_err());
        assert!(once(&fake).file_containers().store("bytes").await.is_err());
        assert!(batch(&client(&fake, 1.0)).retry(RetryPolicy::none()).await.is_err());
        assert!(client(&fake, 1.0).file_containers().store("bytes").retry(RetryPolicy::none()).await.is_err());
        assert_eq!(calls(&fake), [4, 4, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_into_a_container_of_the_caller_s_takes_no_other() {
    let fake = fake();
    let client = client(&fake, 1.0);
    let container = client.file_containers().create().await.unwrap();
    fake.inject(Fault::on(UPLOAD).expired());
    let error = client.file_containers().upload(&container, "bytes").await.unwrap_err();
    assert!(matches!(&error, Error::Upload(error) if error.needs_fresh_container()), "{error}");
    assert_eq!(calls(&fake), [1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_what_the_storage_will_soon_take_is_sent_again() {
    let again = [
        Fault::on(UPLOAD).status(500),
        Fault::on(UPLOAD).status(502),
        Fault::on(UPLOAD).status(503).error_code("SlowDown"),
        Fault::on(UPLOAD).status(429).error_code("SlowDown"),
        Fault::on(UPLOAD).status(400).error_code("RequestTimeout"),
        Fault::on(UPLOAD).reset_before(),
    ];
    for fault in again {
        let fake = fake();
        fake.inject(fault.clone());
        assert!(client(&fake, 1.0).file_containers().store("bytes").await.is_ok(), "{fault:?}");
        assert_eq!(starts_of(&fake, UPLOAD), [0, 500], "{fault:?}");
        assert_eq!(calls(&fake), [1, 2, 0], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_what_the_storage_will_never_take_is_sent_once() {
    for (status, code) in
        [(400, "InvalidArgument"), (403, "SignatureDoesNotMatch"), (405, "MethodNotAllowed"), (501, "NotImplemented")]
    {
        let fake = fake();
        fake.inject(Fault::on(UPLOAD).status(status).error_code(code).always());
        let error = batch(&client(&fake, 1.0)).await.unwrap_err();
        assert!(matches!(&error, Error::Upload(error) if error.code() == Some(code)), "{error}");
        assert_eq!(calls(&fake), [1, 1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_storage_can_ask_for_a_longer_wait() {
    let fake = fake();
    fake.inject(Fault::on(UPLOAD).status(503).retry_after(seconds(9)));
    client(&fake, 1.0).file_containers().store("bytes").await.unwrap();
    assert_eq!(starts_of(&fake, UPLOAD), [0, 9_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_4_an_upload_has_the_headers_that_the_container_asks_for_and_none_like_them() {
    let fake = fake();
    client(&fake, 1.0).file_containers().store("bytes").await.unwrap();
    let upload = &fake.requests()[1];
    let headers = upload.headers();
    let alike = headers.keys().map(|name| name.as_str());
    let mut alike: Vec<_> = alike.filter(|name| name.starts_with("x-amz-") || name.starts_with("content-")).collect();
    alike.sort_unstable();
    assert_eq!(alike, ["content-length", "content-type", "x-amz-server-side-encryption"]);
    assert_eq!(headers["x-amz-server-side-encryption"], "AES256");
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(headers["content-length"], "5");
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_taken_is_not_uploaded_again() {
    let fake = fake();
    fake.inject(Fault::on(COMMIT).status(503).times(2));
    let accepted = batch(&client(&fake, 1.0)).await.unwrap();
    assert_eq!(calls(&fake), [1, 1, 3]);
    assert_eq!(starts_of(&fake, COMMIT), [0, 500, 1_500]);
    assert_eq!(accepted.attempts(), 3);
}

#[tokio::test(start_paused = true)]
async fn each_step_of_a_batch_has_all_attempts_of_its_own() {
    let fake = fake();
    for operation in [CREATE, UPLOAD, COMMIT] {
        fake.inject(Fault::on(operation).status(429).times(4));
    }
    let accepted = batch(&client(&fake, 0.0)).await.unwrap();
    assert_eq!(calls(&fake), [5, 5, 5]);
    assert_eq!(accepted.attempts(), 5);
    let counts = fake.containers();
    assert_eq!((counts.created, counts.filled, counts.committed), (1, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_in_one_step_takes_no_further_one() {
    for (operation, expected) in [(CREATE, [5, 0, 0]), (UPLOAD, [1, 5, 0]), (COMMIT, [1, 1, 5])] {
        let fake = fake();
        fake.inject(Fault::on(operation).status(500).always());
        let policy = RetryPolicy::default().max_attempts(5);
        let error = batch(&client(&fake, 1.0)).retry(policy).await.unwrap_err();
        assert_eq!((error.operation(), error.attempts()), (Some(operation), 5));
        assert_eq!(calls(&fake), expected);
        assert!(fake.source(SOURCE).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_container_may_come_after_other_failures() {
    let fake = fake();
    fake.inject(Fault::on(UPLOAD).status(500));
    fake.inject(Fault::on(UPLOAD).expired());
    fake.inject(Fault::on(UPLOAD).status(500));
    fake.inject(Fault::on(CREATE).skip(1).status(503));
    let _ = batch(&client(&fake, 1.0)).await.unwrap();
    assert_eq!(calls(&fake), [3, 4, 1]);
}
