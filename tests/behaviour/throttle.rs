//! Guarantee 2: when the service tells one call to wait, all of them wait.

use std::sync::atomic::{AtomicU32, Ordering};

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::transport::BoxFuture;
use coveo_push::{
    ApiKey, BoxError, Credentials, CredentialsProvider, Error, ErrorCode, Identity, PushClient, RetryPolicy,
    SourceStatus,
};
use tokio::time::{advance, sleep};

use super::support::{
    CREATE, PROVIDER, PUSH, SOURCE, UPLOAD, be_told_to_wait, client, fake, millis, push, seconds, starts, starts_of,
    timed,
};

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_429_holds_back_the_calls_of_all_clones() {
    let fake = fake();
    let client = client(&fake, 0.0);
    be_told_to_wait(&fake, &client, seconds(5)).await;
    let clone = client.clone();
    let (one, other) = tokio::join!(push(&client), push(&clone));
    // Held back is not tried: it counts as no attempt.
    assert_eq!((one.unwrap().attempts(), other.unwrap().attempts()), (1, 1));
    assert_eq!(starts(&fake), [5_000, 5_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_429_holds_back_clients_with_other_credentials() {
    let fake = fake();
    let client = client(&fake, 0.0);
    fake.allow_key("other-key");
    let other = client.with_credentials(ApiKey::new("other-key"));
    be_told_to_wait(&fake, &client, seconds(5)).await;
    let _ = push(&other).await.unwrap();
    assert_eq!(starts(&fake), [5_000]);
    be_told_to_wait(&fake, &other, seconds(5)).await;
    let _ = push(&client).await.unwrap();
    assert_eq!(starts(&fake), [10_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_429_holds_back_every_operation_of_the_push_api() {
    let fake = fake();
    let client = client(&fake, 0.0);
    be_told_to_wait(&fake, &client, seconds(5)).await;
    let (items, containers, identities) = (client.items(SOURCE), client.file_containers(), client.identities(PROVIDER));
    let user = Identity::user("a");
    let (item, container, identity, status) = tokio::join!(
        items.delete("https://example.com/a").into_future(),
        containers.create().into_future(),
        identities.delete(&user).into_future(),
        client.sources().set_status(SOURCE, SourceStatus::Idle).into_future(),
    );
    assert!(item.is_ok() && container.is_ok() && identity.is_ok() && status.is_ok());
    assert_eq!(starts(&fake), [5_000; 4]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_calls_that_were_held_back_start_again_within_a_second_by_jitter() {
    for (random, expected) in [(0.0, 5_000), (0.5, 5_500), (1.0, 6_000)] {
        let fake = fake();
        let client = client(&fake, random);
        be_told_to_wait(&fake, &client, seconds(5)).await;
        let _ = push(&client).await.unwrap();
        assert_eq!(starts(&fake), [expected]);
    }
}

/// Jitter that is different every time: 0, 0.25, 0.5, 0.75, and again.
fn in_quarters() -> impl Fn() -> f64 + Send + Sync {
    let calls = AtomicU32::new(0);
    move || f64::from(calls.fetch_add(1, Ordering::Relaxed) % 4) / 4.0
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_calls_that_were_held_back_do_not_start_all_at_once() {
    let fake = fake();
    let client = fake.client_builder().random(in_quarters()).build().unwrap();
    be_told_to_wait(&fake, &client, seconds(5)).await;
    let _ = tokio::join!(push(&client), push(&client), push(&client), push(&client));
    assert_eq!(starts(&fake), [5_000, 5_250, 5_500, 5_750]);
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_is_spread_over_no_more_than_itself() {
    let fake = fake();
    let client = client(&fake, 1.0);
    fake.inject(Fault::on(PUSH).status(429).header("retry-after", "0.6"));
    push(&client).retry(RetryPolicy::none()).await.unwrap_err();
    let _ = push(&client).await.unwrap();
    assert_eq!(starts(&fake), [0, 1_200]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_call_that_cannot_wait_so_long_returns_at_once_without_an_attempt() {
    let fake = fake();
    let client = client(&fake, 1.0);
    be_told_to_wait(&fake, &client, seconds(121)).await;
    advance(millis(500)).await;
    let (result, took) = timed(push(&client)).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::RateLimited(_)) && error.is_retryable(), "{error}");
    assert_eq!((error.attempts(), error.retry_after(), took), (0, Some(millis(120_500)), 0));
    assert_eq!(error.code(), Some(&ErrorCode::TooManyRequests));
    assert_eq!(error.operation(), Some(PUSH));
    assert!(!error.may_have_been_applied() && fake.requests().is_empty());
    assert!(error.to_string().contains("not sent"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn how_long_a_call_may_be_held_back_is_its_own_deadline() {
    let fake = fake();
    let client = client(&fake, 0.0);
    be_told_to_wait(&fake, &client, seconds(5)).await;
    let error = push(&client).retry(RetryPolicy::default().deadline(seconds(4))).await.unwrap_err();
    assert_eq!((error.attempts(), error.retry_after()), (0, Some(seconds(5))));
    assert_eq!(push(&client).retry(RetryPolicy::default().deadline(seconds(5))).await.unwrap().attempts(), 1);
    assert_eq!(starts(&fake), [5_000]);
}

#[tokio::test(start_paused = true)]
async fn without_retries_a_call_is_not_held_back_but_returns_at_once() {
    let fake = fake();
    let client = client(&fake, 0.0);
    be_told_to_wait(&fake, &client, seconds(5)).await;
    let (result, took) = timed(push(&client).retry(RetryPolicy::none())).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::RateLimited(_)), "{error}");
    assert_eq!((error.attempts(), error.retry_after(), took), (0, Some(seconds(5)), 0));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_cannot_wait_so_long_returns_what_really_happened() {
    let fake = fake();
    let client = client(&fake, 1.0);
    fake.inject(Fault::on(PUSH).status(503).latency(millis(100)));
    let call = tokio::spawn(push(&client).into_future());
    sleep(millis(200)).await;
    be_told_to_wait(&fake, &client, seconds(121)).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Server(_)), "{error}");
    assert_eq!((error.attempts(), error.may_have_been_applied()), (1, true));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_being_held_back_before_a_retry_does_not_pass_the_deadline_either() {
    let fake = fake();
    let client = client(&fake, 1.0);
    let told = client.clone();
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(100)));
    let held = tokio::spawn(push(&client).into_future());
    sleep(seconds(90)).await;
    // Until 119.5 s: with the whole second of jitter that would be 120.5 s.
    fake.inject(Fault::on(CREATE).status(429).header("retry-after", "29.5"));
    told.file_containers().create().retry(RetryPolicy::none()).await.unwrap_err();
    let _ = held.await.unwrap().unwrap();
    assert_eq!(starts_of(&fake, PUSH), [0, 120_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_the_storage_holds_back_uploads_alone() {
    for (status, waits) in [(429, 61_000), (503, 0)] {
        let fake = fake();
        let client = client(&fake, 1.0);
        let container = client.file_containers().create().await.unwrap();
        fake.inject(Fault::on(UPLOAD).status(status).retry_after(seconds(60)));
        let upload = client.file_containers().upload(&container, "bytes").retry(RetryPolicy::none());
        assert!(matches!(upload.await.unwrap_err(), Error::Upload(error) if error.code() == Some("SlowDown")));
        let (accepted, took) = timed(push(&client)).await;
        assert_eq!((accepted.unwrap().attempts(), took), (1, 0), "{status}");
        let (stored, took) = timed(client.file_containers().upload(&container, "bytes")).await;
        assert!(stored.is_ok() && took == waits, "{status}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_uploads_are_not_held_back() {
    let fake = fake();
    let client = client(&fake, 1.0);
    let container = client.file_containers().create().await.unwrap();
    be_told_to_wait(&fake, &client, seconds(300)).await;
    let (stored, took) = timed(client.file_containers().upload(&container, "bytes")).await;
    assert!(stored.is_ok() && took == 0);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_no_other_answer_holds_back_anything() {
    let daily = Fault::on(PUSH).status(429).error_code("TOO_MANY_DOCUMENTS_DAILY");
    for fault in [Fault::on(PUSH).status(503), Fault::on(PUSH).status(400), daily] {
        let fake = fake();
        let client = client(&fake, 1.0);
        fake.inject(fault.retry_after(seconds(60)));
        push(&client).retry(RetryPolicy::none()).await.unwrap_err();
        let (accepted, took) = timed(push(&client)).await;
        assert!(accepted.is_ok() && took == 0);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_wait_has_passed_calls_go_straight() {
    let fake = fake();
    let client = client(&fake, 1.0);
    be_told_to_wait(&fake, &client, seconds(5)).await;
    advance(seconds(5)).await;
    let (accepted, took) = timed(push(&client)).await;
    assert!(accepted.is_ok());
    assert_eq!((took, starts(&fake)), (0, vec![5_000]));
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_wait_holds_back_for_the_back_off_of_its_call() {
    let fake = fake();
    let client = client(&fake, 1.0);
    fake.inject(Fault::on(PUSH).status(429));
    push(&client).retry(RetryPolicy::none()).await.unwrap_err();
    let _ = push(&client).await.unwrap();
    // 500 ms of back-off, and as much again to spread.
    assert_eq!(starts(&fake), [0, 1_000]);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_wait_does_not_end_a_longer_one() {
    let fake = fake();
    let client = client(&fake, 0.0);
    fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(10)).latency(seconds(1)));
    fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(2)).latency(seconds(2)));
    let (one, other) = tokio::join!(push(&client), push(&client));
    assert_eq!((one.unwrap().attempts(), other.unwrap().attempts()), (2, 2));
    assert_eq!(starts(&fake), [0, 0, 11_000, 11_000]);
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_call_was_held_back_is_in_what_its_error_says_of_time() {
    let fake = fake();
    let client = client(&fake, 0.0);
    be_told_to_wait(&fake, &client, seconds(5)).await;
    fake.inject(Fault::on(PUSH).status(400).latency(millis(20)));
    let error = push(&client).await.unwrap_err();
    assert_eq!(error.elapsed(), millis(5_020));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_call_that_was_held_back_is_counted_from_its_first_attempt() {
    let fake = fake();
    let client = client(&fake, 0.0);
    be_told_to_wait(&fake, &client, seconds(60)).await;
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(120)));
    let _ = push(&client).await.unwrap();
    assert_eq!(starts(&fake), [60_000, 180_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_calls_that_are_all_told_to_wait_do_not_start_again_all_at_once() {
    let fake = fake();
    let client = fake.client_builder().random(in_quarters()).build().unwrap();
    fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(5)).latency(seconds(1)).times(4));
    // Two numbers each: one for the back-off, which is shorter, and one to spread.
    let _ = tokio::join!(push(&client), push(&client), push(&client), push(&client));
    let starts = starts(&fake);
    assert_eq!(starts[..4], [0; 4]);
    assert_eq!(starts[4..], [6_250, 6_250, 6_750, 6_750]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_call_that_is_told_to_wait_starts_again_within_a_second_by_jitter() {
    for (random, expected) in [(0.0, 5_000), (0.5, 5_500), (1.0, 6_000)] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(5)));
        let _ = push(&client(&fake, random)).await.unwrap();
        assert_eq!(starts(&fake), [0, expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_jitter_after_a_429_does_not_pass_the_deadline() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(429).header("retry-after", "119.5"));
    let _ = push(&client(&fake, 1.0)).await.unwrap();
    assert_eq!(starts(&fake), [0, 120_000]);
}

/// Takes a second to give a token.
#[derive(Debug)]
struct Slow;

impl CredentialsProvider for Slow {
    fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        Box::pin(async {
            sleep(seconds(1)).await;
            Ok(ApiKey::new("fake-key"))
        })
    }
}

fn slow_client(fake: &FakePushApi) -> PushClient {
    let builder = PushClient::builder("my-org", Credentials::provider(Slow)).base_url(fake.base_url());
    builder.transport(fake.clone()).random(|| 0.0).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_call_is_held_back_that_was_waiting_for_its_token_when_another_was_told_to_wait() {
    let fake = fake();
    let slow = slow_client(&fake);
    let quick = slow.with_credentials(ApiKey::new("fake-key"));
    let waiting = tokio::spawn(push(&slow).into_future());
    sleep(millis(500)).await;
    be_told_to_wait(&fake, &quick, seconds(10)).await;
    let _ = waiting.await.unwrap().unwrap();
    // Held back until 10.5 s, and then a token for this attempt.
    assert_eq!(starts(&fake), [11_500]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_held_back_with_another_token_was_held_back_and_not_refused() {
    let fake = fake();
    let slow = slow_client(&fake);
    fake.allow_key("other-key");
    fake.revoke_key("fake-key");
    let quick = slow.with_credentials(ApiKey::new("other-key"));
    fake.inject(Fault::on(PUSH).status(503));
    let waiting = tokio::spawn(push(&slow).into_future());
    // Failed after 1 s, refused after 2 s, and asked for another token until 3 s.
    sleep(millis(2_500)).await;
    be_told_to_wait(&fake, &quick, seconds(121)).await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::RateLimited(_)), "{error}");
    assert_eq!((error.attempts(), error.may_have_been_applied()), (2, true));
}
