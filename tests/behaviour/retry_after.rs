//! Guarantee 1: what the service says about when to come again.

use coveo_push::fake::{ClockOffset, FakePushApi, Fault};
use coveo_push::{Error, RetryPolicy};

use super::support::{PUSH, SOURCE, client, fake, push, seconds, starts, timed};

const OFFSETS: [ClockOffset; 3] =
    [ClockOffset::Ahead(seconds_of(0)), ClockOffset::Ahead(seconds_of(600)), ClockOffset::Behind(seconds_of(600))];

const fn seconds_of(seconds: u64) -> std::time::Duration {
    std::time::Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_next_attempt_waits_as_many_seconds_as_it_is_told_to() {
    for status in [429, 503, 500] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(status).retry_after(seconds(7)));
        let _ = push(&client(&fake, 0.0)).await.unwrap();
        assert_eq!(starts(&fake), [0, 7_000], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_date_to_wait_for_is_read_by_the_service_s_clock() {
    for offset in OFFSETS {
        let fake = FakePushApi::builder().source(SOURCE).clock_offset(offset).build();
        fake.inject(Fault::on(PUSH).status(503).retry_after_date(seconds(7)));
        let _ = push(&client(&fake, 1.0)).await.unwrap();
        assert_eq!(starts(&fake), [0, 7_000], "{offset:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_own_wait_stands_when_it_is_longer_than_what_is_asked_for() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(3)));
    fake.inject(Fault::on(PUSH).status(429).retry_after_date(seconds(3)));
    let policy = RetryPolicy::default().base_delay(seconds(10));
    let _ = push(&client(&fake, 1.0)).retry(policy).await.unwrap();
    assert_eq!(starts(&fake), [0, 10_000, 30_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_wait_up_to_the_deadline_is_waited() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(120)));
    let _ = push(&client(&fake, 0.0)).await.unwrap();
    assert_eq!(starts(&fake), [0, 120_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_wait_beyond_the_deadline_ends_the_call_at_once() {
    for status in [429, 503] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(status).retry_after(seconds(121)));
        let (result, took) = timed(push(&client(&fake, 0.0))).await;
        let error = result.unwrap_err();
        assert_eq!((error.attempts(), error.retry_after(), took), (1, Some(seconds(121)), 0));
        assert!(error.is_retryable());
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_date_beyond_the_deadline_ends_the_call_at_once() {
    for offset in OFFSETS {
        let fake = FakePushApi::builder().source(SOURCE).clock_offset(offset).build();
        fake.inject(Fault::on(PUSH).status(503).retry_after_date(seconds(121)));
        let (result, took) = timed(push(&client(&fake, 1.0))).await;
        let error = result.unwrap_err();
        assert_eq!((error.attempts(), error.retry_after(), took), (1, Some(seconds(121)), 0), "{offset:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_the_deadline_is_counted_from_the_first_attempt_and_not_from_the_last() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(60)).times(2));
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(1)));
    let (result, took) = timed(push(&client(&fake, 0.0))).await;
    assert_eq!(starts(&fake), [0, 60_000, 120_000]);
    assert_eq!((result.unwrap_err().attempts(), took), (3, 120_000));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_cannot_be_read_counts_as_none() {
    for text in ["soon", "-5", "NaN", "", "Sun, 06 Nov 1994"] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(503).header("retry-after", text));
        let _ = push(&client(&fake, 1.0)).await.unwrap();
        assert_eq!(starts(&fake), [0, 500], "{text:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_that_has_passed_asks_for_no_wait() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"));
    let _ = push(&client(&fake, 1.0)).await.unwrap();
    assert_eq!(starts(&fake), [0, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_any_time_ends_the_call_at_once() {
    for text in ["1e300", "99999999999999999999999999"] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(503).header("retry-after", text));
        let error = push(&client(&fake, 1.0)).await.unwrap_err();
        assert_eq!((error.attempts(), error.retry_after()), (1, Some(std::time::Duration::MAX)), "{text}");
        assert!(matches!(error, Error::Server(_)));
    }
}
