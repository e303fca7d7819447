//! A call may be dropped at every point at which it waits, and leaves nothing behind.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::transport::BoxFuture;
use coveo_push::{
    ApiKey, BatchDocumentBody, BoxError, Credentials, CredentialsProvider, DocumentBody, PushClient, RetryPolicy,
    SourceStatus,
};
use tokio::time::{sleep, timeout};

use super::support::{COMMIT, CREATE, PUSH, SOURCE, UPLOAD, fake, millis, push, seconds, starts_of, timed};

/// Takes 100 ms to give a token.
#[derive(Debug)]
struct Slow;

impl CredentialsProvider for Slow {
    fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        Box::pin(async {
            sleep(millis(100)).await;
            Ok(ApiKey::new("fake-key"))
        })
    }
}

fn slow_client(fake: &FakePushApi) -> PushClient {
    let builder = PushClient::builder("my-org", Credentials::provider(Slow)).base_url(fake.base_url());
    builder.transport(fake.clone()).random(|| 1.0).build().unwrap()
}

/// What a call waits for, when it does, and how many requests of it have been sent by then. It is held back until 2 s,
/// and by its jitter until 3 s; its first attempt fails after 100 ms and its second would succeed after 100 ms.
const WAITS: [(&str, u64, usize); 9] = [
    ("nothing yet", 0, 0),
    ("the throttle", 1_500, 0),
    ("the jitter after the throttle", 2_500, 0),
    ("a token", 3_050, 0),
    ("the first attempt", 3_150, 1),
    ("the end of the back-off", 3_450, 1),
    ("another token", 3_750, 1),
    ("the second attempt", 3_850, 2),
    ("the end of the second attempt", 3_899, 2),
];

/// A fake and a client for which a call waits as in the table.
async fn waiting() -> (FakePushApi, PushClient) {
    let fake = fake();
    let client = slow_client(&fake);
    fake.inject(Fault::on(PUSH).status(503).latency(millis(100)));
    fake.inject(Fault::on(PUSH).latency(millis(100)));
    fake.inject(Fault::on(CREATE).status(429).retry_after(seconds(2)));
    let quick = client.with_credentials(ApiKey::new("fake-key"));
    quick.file_containers().create().retry(RetryPolicy::none()).await.unwrap_err();
    (fake, client)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_dropped_waits_for_all_of_the_table() {
    let (fake, client) = waiting().await;
    let (accepted, took) = timed(push(&client)).await;
    assert_eq!((accepted.unwrap().attempts(), took), (2, 3_900));
    assert_eq!(starts_of(&fake, PUSH), [3_100, 3_800]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_sends_nothing_more() {
    for (what, when, sent) in WAITS {
        let (fake, client) = waiting().await;
        assert!(timeout(millis(when), push(&client).into_future()).await.is_err(), "{what}");
        assert_eq!(starts_of(&fake, PUSH).len(), sent, "{what}");
        sleep(seconds(600)).await;
        assert_eq!(starts_of(&fake, PUSH).len(), sent, "{what}");
        assert!(fake.source(SOURCE).is_empty(), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_holds_up_no_other() {
    for (what, when, _) in WAITS {
        let (fake, client) = waiting().await;
        assert!(timeout(millis(when), push(&client).into_future()).await.is_err(), "{what}");
        fake.clear_faults();
        let (accepted, took) = timed(push(&client)).await;
        // What the service asked for still holds; nothing else does.
        let held_back = 2_000_u64.saturating_sub(when);
        assert_eq!((accepted.unwrap().attempts(), took), (1, held_back + held_back.min(1_000) + 100), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_no_throttle_of_its_own() {
    let fake = fake();
    let client = fake.client();
    fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(60)).latency(seconds(1)));
    assert!(timeout(millis(999), push(&client).into_future()).await.is_err());
    let (accepted, took) = timed(push(&client)).await;
    assert!(accepted.is_ok() && took == 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_call_was_told_still_holds_for_others() {
    let fake = fake();
    let client = fake.client_builder().random(|| 0.0).build().unwrap();
    fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(60)));
    assert!(timeout(seconds(10), push(&client).into_future()).await.is_err());
    let (accepted, took) = timed(client.sources().set_status(SOURCE, SourceStatus::Idle)).await;
    assert!(accepted.is_ok());
    assert_eq!(took, 50_000);
}

#[tokio::test(start_paused = true)]
async fn a_call_is_dropped_while_nobody_answers() {
    let fake = fake();
    let client = fake.client();
    fake.inject(Fault::on(PUSH).hang());
    assert!(timeout(seconds(29), push(&client).into_future()).await.is_err());
    sleep(seconds(600)).await;
    assert_eq!(starts_of(&fake, PUSH), [0]);
    assert!(push(&client).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn many_dropped_calls_take_no_more_from_the_budget_than_their_retries() {
    let fake = fake();
    let client = fake.client_builder().random(|| 1.0).build().unwrap();
    fake.inject(Fault::on(PUSH).status(500).always());
    // Each is dropped while it waits for its first retry, which is paid for.
    for _ in 0..11 {
        assert!(timeout(millis(499), push(&client).into_future()).await.is_err());
    }
    assert_eq!(push(&client).await.unwrap_err().attempts(), 2);
    assert_eq!(push(&client).await.unwrap_err().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_dropped_takes_no_further_step() {
    // Each step takes a second.
    for (when, expected) in [(500, [1, 0, 0]), (1_500, [1, 1, 0]), (2_500, [1, 1, 1])] {
        let fake = fake();
        for operation in [CREATE, UPLOAD, COMMIT] {
            fake.inject(Fault::on(operation).latency(seconds(1)));
        }
        let batch = BatchDocumentBody::new().add_or_update("https://example.com/a", DocumentBody::text("words"));
        let call = fake.client().items(SOURCE).push_batch(&batch);
        assert!(timeout(millis(when), call.into_future()).await.is_err());
        sleep(seconds(600)).await;
        assert_eq!([CREATE, UPLOAD, COMMIT].map(|operation| starts_of(&fake, operation).len()), expected);
        assert!(fake.source(SOURCE).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_made_and_not_awaited_sends_nothing() {
    let fake = fake();
    drop(push(&fake.client()));
    drop(push(&fake.client()).into_future());
    sleep(seconds(1)).await;
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_outlives_its_client() {
    let fake = fake();
    let client = fake.client();
    let call = push(&client);
    drop(client);
    assert!(tokio::spawn(call.into_future()).await.unwrap().is_ok());
}
