//! Guarantee 2: a failing service does not get several times the usual load.

use coveo_push::fake::Fault;
use coveo_push::{ApiKey, PushClient, RetryPolicy};

use super::support::{PUSH, client, fake, millis, push, timed};

/// How many attempts each of the next calls makes, all of which fail.
async fn attempts(client: &PushClient, calls: usize) -> Vec<u32> {
    let mut attempts = Vec::new();
    for _ in 0..calls {
        attempts.push(push(client).await.unwrap_err().attempts());
    }
    attempts
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_twelve_retries_use_up_the_budget() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(500).always());
    assert_eq!(attempts(&client(&fake, 0.0), 4).await, [12, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_without_budget_the_first_error_is_returned_at_once() {
    let fake = fake();
    let client = client(&fake, 0.0);
    fake.inject(Fault::on(PUSH).status(500).always());
    attempts(&client, 2).await;
    let (result, took) = timed(push(&client)).await;
    assert_eq!((result.unwrap_err().attempts(), took), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_all_clones_have_one_budget() {
    let fake = fake();
    let client = client(&fake, 0.0);
    fake.allow_key("other-key");
    let other = client.with_credentials(ApiKey::new("other-key"));
    fake.inject(Fault::on(PUSH).status(500).always());
    assert_eq!(attempts(&client, 1).await, [12]);
    assert_eq!(attempts(&client.clone(), 1).await, [2]);
    assert_eq!(attempts(&other, 1).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_five_successes_pay_for_one_retry() {
    for (successes, retries) in [(4, 0), (5, 1), (14, 2)] {
        let fake = fake();
        let client = client(&fake, 0.0);
        fake.inject(Fault::on(PUSH).status(500).times(15));
        assert_eq!(attempts(&client, 3).await, [12, 2, 1]);
        for _ in 0..successes {
            let _ = push(&client).await.unwrap();
        }
        fake.inject(Fault::on(PUSH).status(500).always());
        assert_eq!(attempts(&client, 1).await, [1 + retries], "{successes} successes");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_the_budget_does_not_grow_beyond_its_beginning() {
    let fake = fake();
    let client = client(&fake, 0.0);
    for _ in 0..100 {
        let _ = push(&client).await.unwrap();
    }
    fake.inject(Fault::on(PUSH).status(500).always());
    assert_eq!(attempts(&client, 3).await, [12, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_retry_after_a_429_costs_nothing() {
    let fake = fake();
    let client = client(&fake, 0.0);
    fake.inject(Fault::on(PUSH).status(429).times(24));
    assert_eq!(attempts(&client, 2).await, [12; 2]);
    fake.inject(Fault::on(PUSH).status(500).always());
    assert_eq!(attempts(&client, 3).await, [12, 2, 1]);
    fake.clear_faults();
    fake.inject(Fault::on(PUSH).status(429).times(4));
    assert_eq!(push(&client).await.unwrap().attempts(), 5);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_an_outage_that_the_budget_cannot_pay_for_holds_the_host() {
    let fake = fake();
    let client = client(&fake, 1.0);
    // An answer that is no success between two outages pays for nothing, and there are never five outages in a row.
    for _ in 0..12 {
        fake.inject(Fault::on(PUSH).status(503));
        fake.inject(Fault::on(PUSH).status(400));
        assert_eq!(push(&client).await.unwrap_err().attempts(), 2);
    }
    fake.inject(Fault::on(PUSH).status(503));
    let other = async {
        tokio::time::sleep(millis(1)).await;
        let error = push(&client).retry(RetryPolicy::none()).await.unwrap_err();
        assert!(error.held() && error.attempts() == 0, "{error}");
    };
    let (first, ()) = tokio::join!(push(&client).into_future(), other);
    assert_eq!(first.unwrap().attempts(), 2);
}
