//! Guarantee 1: what is retried, how often, and after which wait.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::Fault;
use coveo_push::transport::{Body, BoxFuture, SendError, SendErrorKind, Transport};
use coveo_push::{
    ApiKey, BoxError, Credentials, CredentialsProvider, DocumentBody, Error, ErrorCode, Host, Identity, IdentityBody,
    MappedIdentityBody, Operation, RetryPolicy, SourceStatus,
};

use super::support::{
    CATALOG, COLLECTION, COMMIT, CREATE, PROVIDER, PUSH, SOURCE, UPLOAD, client, fake, millis, once, push, seconds,
    starts, timed,
};

const NOT_RETRIED: [u16; 12] = [301, 400, 401, 403, 404, 405, 409, 412, 413, 415, 501, 505];

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_call_is_tried_for_two_minutes_and_each_wait_doubles() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).always());
    let (result, took) = timed(push(&client(&fake, 1.0))).await;
    let expected = [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500, 51_500, 71_500, 91_500, 111_500];
    assert_eq!(starts(&fake), expected);
    assert_eq!((result.unwrap_err().attempts(), took), (11, 111_500));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_call_is_tried_twelve_times_at_most() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).always());
    let (result, took) = timed(push(&client(&fake, 0.0))).await;
    assert_eq!((result.unwrap_err().attempts(), took), (12, 65_750));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_wait_grows_to_20_seconds_and_no_further() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).always());
    let patient = RetryPolicy::default().max_attempts(9).deadline(seconds(3_600));
    push(&client(&fake, 1.0)).retry(patient).await.unwrap_err();
    let starts = starts(&fake);
    let waits: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_jitter_goes_down_to_half_of_a_wait() {
    for (random, expected) in [(0.0, [0, 250, 750, 1_750, 3_750]), (0.5, [0, 375, 1_125, 2_625, 5_625])] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(500).always());
        push(&client(&fake, random)).await.unwrap_err();
        assert_eq!(starts(&fake)[..5], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_without_retries_a_call_is_sent_once() {
    for fault in [Fault::on(PUSH).status(503), Fault::on(PUSH).status(429), Fault::on(PUSH).reset_before()] {
        let fake = fake();
        fake.inject(fault.always());
        let (result, took) = timed(push(&once(&fake))).await;
        assert_eq!((result.unwrap_err().attempts(), took), (1, 0));
        assert_eq!(starts(&fake), [0]);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_these_statuses_are_retried() {
    for status in [408, 429, 500, 502, 503, 504] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(status));
        let accepted = push(&client(&fake, 1.0)).await.unwrap();
        assert_eq!((accepted.attempts(), starts(&fake)), (2, vec![0, 500]), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_no_other_status_is_retried() {
    for status in NOT_RETRIED {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(status).retry_after(seconds(1)).always());
        let (result, took) = timed(push(&client(&fake, 1.0))).await;
        let error = result.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.attempts(), took), (status, 1, 0));
        assert!(!error.is_retryable(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_daily_quota_is_final() {
    let fake = fake();
    let quota = Fault::on(PUSH).status(429).error_code("TOO_MANY_DOCUMENTS_DAILY").retry_after(seconds(5));
    fake.inject(quota.always());
    let (result, took) = timed(push(&client(&fake, 1.0))).await;
    let error = result.unwrap_err();
    assert_eq!((error.attempts(), took), (1, 0));
    assert_eq!(error.code(), Some(&ErrorCode::TooManyDocumentsDaily));
    assert!(matches!(error, Error::RateLimited(_)) && !error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_connection_that_cannot_be_made_is_tried_again() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).no_connection().times(2));
    let (result, took) = timed(push(&client(&fake, 1.0))).await;
    assert_eq!((result.unwrap().attempts(), took), (3, 1_500));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_connection_that_breaks_is_tried_again() {
    for fault in [Fault::on(PUSH).reset_before(), Fault::on(PUSH).reset_after()] {
        let fake = fake();
        fake.inject(fault);
        assert_eq!(push(&client(&fake, 1.0)).await.unwrap().attempts(), 2);
        assert_eq!(starts(&fake), [0, 500]);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_an_answer_that_does_not_come_in_time_is_asked_for_again() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).hang());
    assert_eq!(push(&client(&fake, 1.0)).await.unwrap().attempts(), 2);
    assert_eq!(starts(&fake), [0, 30_500]);
}

/// A network where everything goes wrong in the same way.
#[derive(Debug)]
struct Broken(SendErrorKind, std::sync::Arc<AtomicU32>);

impl Transport for Broken {
    fn send(&self, _: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(SendError::from(self.0)) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_says_by_the_kind_of_its_error_what_is_retried_and_what_may_have_been_applied() {
    use SendErrorKind::{Body, Closed, Connect, Disconnected, Request, Timeout};

    for (kind, attempts, maybe_applied) in [
        (Request, 1, false),
        (Connect, 4, false),
        (Closed, 4, true),
        (Disconnected, 4, true),
        (Timeout, 4, true),
        (Body, 4, true),
    ] {
        let sent = std::sync::Arc::new(AtomicU32::new(0));
        let transport = Broken(kind, std::sync::Arc::clone(&sent));
        let client = fake().client_builder().transport(transport).random(|| 0.0).build().unwrap();
        let error = push(&client).retry(RetryPolicy::default().max_attempts(4)).await.unwrap_err();
        assert_eq!(error.attempts(), attempts, "{kind:?}");
        assert_eq!(sent.load(Ordering::Relaxed), attempts, "{kind:?}");
        assert_eq!(error.may_have_been_applied(), maybe_applied, "{kind:?}");
        assert!(matches!(&error, Error::Transport(failure) if failure.kind() == kind), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_every_operation_is_retried() {
    let fake = fake();
    // Two clients: one retry budget is not enough for all.
    let (first, second) = (client(&fake, 0.0), client(&fake, 0.0));
    // `tests/platform` has those of the platform API.
    let operations = || Operation::ALL.iter().copied().filter(|operation| operation.host() != Host::Platform);
    for operation in operations() {
        fake.inject(Fault::on(operation).status(503));
    }
    let containers = first.file_containers();
    let container = containers.create().await.unwrap();
    containers.upload(&container, r#"{"addOrUpdate":[]}"#).await.unwrap();
    let items = first.items(SOURCE);
    let _ = items.push_container(container.file_id()).await.unwrap();
    let _ = items.add_or_update("https://example.com/a", &DocumentBody::text("words")).await.unwrap();
    let _ = items.delete("https://example.com/a").await.unwrap();
    let _ = items.delete_older_than(1).await.unwrap();
    let _ = second.sources().set_status(SOURCE, SourceStatus::Idle).await.unwrap();
    let identities = second.identities(PROVIDER);
    let _ = identities.add_or_update(&IdentityBody::user("a")).await.unwrap();
    let _ = identities.add_or_update_alias(&MappedIdentityBody::user("a")).await.unwrap();
    let _ = identities.delete(&Identity::user("a")).await.unwrap();
    let _ = identities.delete_older_than(1).await.unwrap();
    let container = second.file_containers().store(r#"{"members":[]}"#).await.unwrap();
    let _ = identities.push_container(container.file_id()).await.unwrap();
    let container = second.file_containers().store(r#"{"addOrUpdate":[]}"#).await.unwrap();
    for catalog in [client(&fake, 0.0).catalog(CATALOG), client(&fake, 0.0).data_collection(COLLECTION)] {
        let stream = catalog.open_stream().await.unwrap();
        catalog.create_chunk(stream.stream_id()).await.unwrap();
        let _ = catalog.close_stream(stream.stream_id()).await.unwrap();
        let _ = catalog.update_container(container.file_id()).await.unwrap();
        let _ = catalog.merge_container(container.file_id()).await.unwrap();
        let _ = catalog.delete_older_than(1).await.unwrap();
    }
    let logs = client(&fake, 0.0).logs();
    let (from, to) = (fake.now() - Duration::from_secs(60), fake.now());
    logs.search(from, to).await.unwrap();
    logs.counts(from, to).await.unwrap();
    assert_eq!(fake.faults_left(), 0);
    for operation in operations() {
        let requests = fake.requests();
        let of_it = requests.iter().filter(|request| request.operation() == Some(operation));
        let statuses: Vec<_> = of_it.map(|request| request.status().unwrap().as_u16()).collect();
        assert_eq!(statuses[0], 503, "{operation}");
        assert!(statuses.len() >= 2 && statuses[1..].iter().all(|status| *status < 300), "{operation}: {statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_no_attempt_starts_later_than_two_minutes_after_the_first() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).hang().always());
    let (result, took) = timed(push(&client(&fake, 1.0))).await;
    // The next one would start at 127.5 s.
    assert_eq!(starts(&fake), [0, 30_500, 61_500, 93_500]);
    let error = result.unwrap_err();
    assert_eq!((error.attempts(), took), (4, 123_500));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_retry_carries_the_whole_body() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503));
    fake.inject(Fault::on(PUSH).reset_before());
    let _ = push(&client(&fake, 1.0)).await.unwrap();
    let requests = fake.requests();
    assert_eq!(requests.len(), 3);
    assert!(!requests[0].body().is_empty());
    for request in &requests {
        assert_eq!(request.body(), requests[0].body());
        assert_eq!(request.headers()["content-length"], requests[0].body().len().to_string().as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_retry_of_an_upload_carries_the_whole_body() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).status(500).times(2));
    client(&fake, 1.0).file_containers().store("the bytes").await.unwrap();
    let requests = fake.requests();
    assert!(requests[1..].iter().all(|request| request.body() == "the bytes".as_bytes()));
    assert_eq!(requests.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_can_have_a_retry_policy_of_its_own() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).always());
    let error = push(&client(&fake, 1.0)).retry(RetryPolicy::default().max_attempts(2)).await.unwrap_err();
    assert_eq!(error.attempts(), 2);
    let error = push(&once(&fake)).retry(RetryPolicy::default()).await.unwrap_err();
    assert_eq!(error.attempts(), 11);
}

#[tokio::test(start_paused = true)]
async fn the_waits_and_the_deadline_of_a_policy_can_be_set() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).always());
    let policy = RetryPolicy::default().base_delay(millis(100)).max_delay(millis(250)).deadline(millis(600));
    let client = fake.client_builder().retry(policy.max_attempts(9)).random(|| 1.0).build().unwrap();
    push(&client).await.unwrap_err();
    assert_eq!(starts(&fake), [0, 100, 300, 550]);
}

#[tokio::test(start_paused = true)]
async fn no_attempts_at_all_means_one() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).always());
    let error = push(&client(&fake, 1.0)).retry(RetryPolicy::default().max_attempts(0)).await.unwrap_err();
    assert_eq!(error.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_the_attempts_and_the_time_of_all_of_them() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).latency(millis(40)).times(2));
    fake.inject(Fault::on(PUSH).status(400).latency(millis(5)));
    let error = push(&client(&fake, 1.0)).await.unwrap_err();
    let call = error.api().unwrap().call();
    assert_eq!((call.attempts(), call.elapsed()), (3, millis(40 + 500 + 40 + 1_000 + 5)));
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_error_tells_its_operation_its_attempts_and_its_time() {
    /// Fails after 7 ms.
    struct Late;

    impl CredentialsProvider for Late {
        fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
            Box::pin(async {
                tokio::time::sleep(millis(7)).await;
                Err("the vault is locked".into())
            })
        }
    }

    let fake = fake();
    let client = once(&fake);
    let late = |operation| Fault::on(operation).latency(millis(7));
    for fault in [
        late(PUSH).status(400),
        late(UPLOAD).status(403),
        Fault::on(COMMIT).hang(),
        late(CREATE).status(201).body("[]"),
    ] {
        fake.inject(fault);
    }
    let api = push(&client).await.unwrap_err();
    let decode = client.file_containers().create().await.unwrap_err();
    let upload = client.file_containers().store("bytes").await.unwrap_err();
    let transport = client.items(SOURCE).push_container("f").timeout(millis(7)).await.unwrap_err();
    let credentials = push(&client.with_credentials(Credentials::provider(Late))).await.unwrap_err();
    let call = |error: &Error| match error {
        Error::BadRequest(error) => *error.call(),
        Error::Decode(error) => *error.call(),
        Error::Upload(error) => *error.call(),
        Error::Transport(error) => *error.call(),
        Error::Credentials(error) => *error.call(),
        other => panic!("{other}"),
    };
    for (error, operation, attempts) in
        [(api, PUSH, 1), (decode, CREATE, 1), (upload, UPLOAD, 1), (transport, COMMIT, 1), (credentials, PUSH, 0)]
    {
        assert_eq!(error.call(), Some(&call(&error)));
        let told = (error.operation(), error.attempts(), error.elapsed());
        assert_eq!(told, (Some(operation), attempts, millis(7)), "{error:?}");
    }
    let invalid = client.items(SOURCE).delete("no uri").await.unwrap_err();
    assert_eq!((invalid.operation(), invalid.elapsed()), (Some(Operation::DeleteItem), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_error_tells_when_an_earlier_attempt_may_have_been_applied() {
    for (first, maybe_applied) in [
        (Fault::on(PUSH).reset_after(), true),
        (Fault::on(PUSH).hang(), true),
        (Fault::on(PUSH).status(503), true),
        (Fault::on(PUSH).status(408), true),
        (Fault::on(PUSH).status(429), false),
        (Fault::on(PUSH).no_connection(), false),
    ] {
        let fake = fake();
        fake.inject(first.clone());
        fake.inject(Fault::on(PUSH).status(400));
        let error = push(&client(&fake, 1.0)).await.unwrap_err();
        assert!(matches!(error, Error::BadRequest(_)), "{error}");
        assert_eq!((error.attempts(), error.may_have_been_applied()), (2, maybe_applied), "{first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_made_does_not_take_back_that_an_earlier_attempt_may_have_been_applied() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).reset_after());
    fake.inject(Fault::on(PUSH).no_connection().always());
    let policy = RetryPolicy::default().max_attempts(4);
    let error = push(&client(&fake, 1.0)).retry(policy).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Connect), "{error}");
    assert_eq!((error.attempts(), error.may_have_been_applied()), (4, true));
    assert_eq!(fake.source(SOURCE).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn guarantee_12_a_close_of_unknown_fate_is_tried_again_for_ten_seconds_only() {
    // Attempts at 0, 0.5, 1.5, 3.5 and 7.5 s, and probes of the held host at 8 and 9 s: one at 11 s would be too late.
    for (fault, attempts) in [
        (Fault::on(Operation::CloseStream).reset_before(), 7),
        (Fault::on(Operation::CloseStream).status(503), 7),
        // It is known not to have been carried out: more probes, up to the deadline.
        (Fault::on(Operation::CloseStream).no_connection(), 13),
    ] {
        let fake = fake();
        let catalog = client(&fake, 1.0).catalog(CATALOG);
        let stream = catalog.open_stream().await.unwrap();
        fake.inject(fault.always());
        let error = catalog.close_stream(stream.stream_id()).await.unwrap_err();
        assert_eq!(error.attempts(), attempts, "{error}");
    }
}
