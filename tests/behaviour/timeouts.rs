//! Guarantee 3: nothing is waited for without end.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::reqwest::dns::{Name, Resolve, Resolving};
use coveo_push::{ApiKey, Error, PushClient, RetryPolicy, SendErrorKind, reqwest};

use super::support::{CREATE, PUSH, UPLOAD, client, fake, millis, once, push, seconds, starts_of, timed};

/// How long an upload of so many bytes takes that nobody answers.
async fn stalled_upload(fake: &FakePushApi, client: &PushClient, bytes: usize) -> u64 {
    fake.inject(Fault::on(UPLOAD).hang());
    let (result, took) = timed(client.file_containers().store(vec![0; bytes])).await;
    assert_timed_out(&result.unwrap_err());
    took
}

fn assert_timed_out(error: &Error) {
    assert!(matches!(error, Error::Transport(failure) if failure.kind() == SendErrorKind::Timeout), "{error}");
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_an_attempt_of_a_call_takes_30_seconds_at_the_most() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).hang());
    let (result, took) = timed(push(&once(&fake))).await;
    let error = result.unwrap_err();
    assert_timed_out(&error);
    assert_eq!((took, error.attempts()), (30_000, 1));
    assert!(error.may_have_been_applied());
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_in_time_is_taken() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).late_answer(millis(29_999)));
    let (result, took) = timed(push(&once(&fake))).await;
    assert_eq!((result.unwrap().attempts(), took), (1, 29_999));
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_an_attempt_of_an_upload_has_30_seconds_and_one_for_each_256_kib() {
    const KIB: usize = 1024;
    for (bytes, expected) in
        [(0, 30_000), (1, 31_000), (256 * KIB, 31_000), (256 * KIB + 1, 32_000), (1024 * KIB, 34_000)]
    {
        let fake = fake();
        assert_eq!(stalled_upload(&fake, &once(&fake), bytes).await, expected, "{bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_an_upload_that_stalls_is_tried_exactly_three_times() {
    for (random, expected) in [(0.0, [0, 31_250, 62_750]), (0.5, [0, 31_375, 63_125]), (1.0, [0, 31_500, 63_500])] {
        let fake = fake();
        fake.inject(Fault::on(UPLOAD).hang().always());
        let error = client(&fake, random).file_containers().store("bytes").await.unwrap_err();
        assert_timed_out(&error);
        assert_eq!(error.attempts(), 3, "{random}");
        assert_eq!(starts_of(&fake, UPLOAD), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_a_large_upload_that_stalls_is_tried_exactly_three_times() {
    for random in [0.0, 1.0] {
        let fake = fake();
        fake.inject(Fault::on(UPLOAD).hang().always());
        let bytes = vec![0; 100 * 256 * 1024];
        let error = client(&fake, random).file_containers().store(bytes).await.unwrap_err();
        assert_eq!(error.attempts(), 3, "{random}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_at_once_is_tried_until_three_times_its_timeout_have_passed() {
    let fake = fake();
    fake.inject(Fault::on(UPLOAD).status(500).always());
    let error = client(&fake, 1.0).file_containers().store("bytes").await.unwrap_err();
    assert_eq!(error.attempts(), 10);
    let expected = [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500, 51_500, 71_500, 91_500];
    assert_eq!(starts_of(&fake, UPLOAD), expected);
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_the_step_that_creates_a_container_has_the_time_of_a_call() {
    let fake = fake();
    fake.inject(Fault::on(CREATE).hang());
    let (result, took) = timed(once(&fake).file_containers().store(vec![0; 1 << 20])).await;
    assert_timed_out(&result.unwrap_err());
    assert_eq!(took, 30_000);
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_the_time_of_a_call_can_be_set() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).hang());
    let builder = fake.client_builder().retry(RetryPolicy::none()).call_timeout(millis(1_234));
    let (result, took) = timed(push(&builder.build().unwrap())).await;
    assert_timed_out(&result.unwrap_err());
    assert_eq!(took, 1_234);
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_the_time_of_an_upload_can_be_set() {
    let fake = fake();
    let builder = fake.client_builder().retry(RetryPolicy::none()).upload_timeout(millis(500), 1_000);
    assert_eq!(stalled_upload(&fake, &builder.build().unwrap(), 3_000).await, 3_500);
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_a_rate_of_nothing_gives_an_upload_an_end_as_well() {
    let fake = fake();
    let builder = fake.client_builder().retry(RetryPolicy::none()).upload_timeout(seconds(1), 0);
    assert_eq!(stalled_upload(&fake, &builder.build().unwrap(), 7).await, 8_000);
}

#[tokio::test(start_paused = true)]
async fn one_call_can_have_a_time_of_its_own() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).hang());
    let (result, took) = timed(push(&once(&fake)).timeout(seconds(5))).await;
    assert_timed_out(&result.unwrap_err());
    assert_eq!(took, 5_000);
}

#[tokio::test(start_paused = true)]
async fn one_upload_can_have_a_time_of_its_own_whatever_its_size() {
    let fake = fake();
    fake.inject(Fault::on(UPLOAD).hang().always());
    let store = client(&fake, 0.0).file_containers().store(vec![0; 1 << 20]).timeout(seconds(5));
    let (result, took) = timed(store).await;
    assert_eq!((result.unwrap_err().attempts(), took), (3, 15_750));
}

/// Knows no address of any host, and does not say so: a connection is never made, and no socket.
struct Silent;

impl Resolve for Silent {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_connecting_takes_no_longer_than_is_set() {
    let http = reqwest::Client::builder().no_proxy().dns_resolver(std::sync::Arc::new(Silent));
    let client = PushClient::builder("my-org", ApiKey::new("key"))
        .base_url("http://example.com/push/v1")
        .allow_plain_http(true)
        .http_client(http)
        .connect_timeout(seconds(7))
        .retry(RetryPolicy::none())
        .build()
        .unwrap();
    let (result, took) = timed(push(&client)).await;
    let error = result.unwrap_err();
    assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Connect), "{error}");
    assert_eq!((took, error.may_have_been_applied()), (7_000, false));
}
