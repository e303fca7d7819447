//! Guarantee 3: nothing is waited for without end.

use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::reqwest::dns::{Name, Resolve, Resolving};
use coveo_push::transport::{Body, BoxFuture, SendError, SendErrorKind, Transport};
use coveo_push::{ApiKey, Error, PushClient, RetryPolicy, http, reqwest};
use http_body_util::BodyExt;

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

/// The slices of a body that a transport takes, with their times, before it hangs or responds.
#[derive(Clone, Copy)]
struct Link {
    between: Duration,
    slices: usize,
    answers_after: Option<Duration>,
}

impl Link {
    /// How an upload of so many bytes over this link ends, and after how many milliseconds.
    async fn upload(self, bytes: usize) -> (Result<(), Error>, u64) {
        self.upload_with(bytes, None).await
    }

    async fn upload_with(self, bytes: usize, timeout: Option<Duration>) -> (Result<(), Error>, u64) {
        let fake = fake();
        let client = fake.client_builder().retry(RetryPolicy::none()).transport(Slow(fake.clone(), self)).build();
        let mut upload = client.unwrap().file_containers().store(vec![0; bytes]);
        if let Some(timeout) = timeout {
            upload = upload.timeout(timeout);
        }
        let (result, took) = timed(upload).await;
        (result.map(drop), took)
    }
}

struct Slow(FakePushApi, Link);

impl Transport for Slow {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            if request.method() == http::Method::POST {
                return self.0.send(request).await;
            }
            let mut body = request.into_body().into_http_body();
            for _ in 0..self.1.slices {
                tokio::time::sleep(self.1.between).await;
                let frame = body.frame().await.unwrap().unwrap();
                assert!(frame.data_ref().unwrap().len() <= 64 * 1024);
            }
            match self.1.answers_after {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
            Ok(http::Response::new(Bytes::new()))
        })
    }
}

const SLICE: usize = 64 * 1024;

#[tokio::test(start_paused = true)]
async fn guarantee_3_an_upload_may_take_any_time_as_long_as_it_makes_progress() {
    let link = Link { between: seconds(29), slices: 1_000, answers_after: Some(seconds(29)) };
    assert_eq!(link.upload(1_000 * SLICE).await.1, 29_029_000);
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_an_upload_ends_30_seconds_after_its_last_progress_or_as_long_as_the_body_took_after_its_end() {
    for (between, slices, expected) in [
        (0, 0, 30_000),
        (20, 1, 50_000),
        (20, 9, 210_000),
        // Everything is sent, and the answer may take as long as that.
        (1, 10, 40_000),
        (20, 10, 400_000),
    ] {
        let link = Link { between: seconds(between), slices, answers_after: None };
        let (result, took) = link.upload(10 * SLICE).await;
        assert_timed_out(&result.unwrap_err());
        assert_eq!(took, expected, "{between} s, {slices} slices");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_before_the_whole_body_was_sent_is_a_broken_upload() {
    let link = Link { between: millis(1), slices: 3, answers_after: Some(millis(1)) };
    for (slices, has_timeout) in [(3, false), (0, false), (3, true), (0, true)] {
        let link = Link { slices, ..link };
        let error = link.upload_with(4 * SLICE, has_timeout.then_some(seconds(60))).await.0.unwrap_err();
        assert!(
            matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Disconnected),
            "{error}"
        );
        assert!(error.to_string().contains("a response before the whole body was sent"), "{error}");
    }
    assert!(link.upload(3 * SLICE).await.0.is_ok());
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_a_transport_that_takes_a_body_whole_has_30_seconds_and_one_for_each_32_kib() {
    const KIB: usize = 1024;
    for (bytes, expected) in [(0, 30_000), (1, 31_000), (32 * KIB, 31_000), (32 * KIB + 1, 32_000), (128 * KIB, 34_000)]
    {
        let fake = fake();
        fake.inject(Fault::on(UPLOAD).late_answer(seconds(1_000)));
        let (result, took) = timed(once(&fake).file_containers().store(vec![0; bytes])).await;
        assert_timed_out(&result.unwrap_err());
        assert_eq!(took, expected, "{bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_only_time_without_progress_counts_towards_the_deadline_of_an_upload() {
    for (random, expected) in [(0.0, [0, 31_250, 62_750, 94_750]), (1.0, [0, 31_500, 63_500, 96_500])] {
        let fake = fake();
        fake.inject(Fault::on(UPLOAD).hang().always());
        let error = client(&fake, random).file_containers().store("bytes").await.unwrap_err();
        assert_timed_out(&error);
        assert_eq!(starts_of(&fake, UPLOAD), expected);
    }
    let fake = fake();
    let link = Link { between: seconds(20), slices: 9, answers_after: None };
    let client = fake.client_builder().random(|| 1.0).transport(Slow(fake.clone(), link)).build().unwrap();
    let (result, took) = timed(client.file_containers().store(vec![0; 10 * SLICE])).await;
    // Of each attempt 180 s are progress, and 30 s count.
    assert_eq!((result.unwrap_err().attempts(), took), (4, 93_500 + 30_000 + 4 * 180_000));
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
    let builder = fake.client_builder().retry(RetryPolicy::none()).upload_timeout(millis(500));
    assert_eq!(stalled_upload(&fake, &builder.build().unwrap(), 3_000).await, 1_500);
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
    assert_eq!((result.unwrap_err().attempts(), took), (11, 120_000));
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
