//! The counts that a client keeps of its calls.

use coveo_push::RetryPolicy;
use coveo_push::fake::Fault;

use super::support::{COMMIT, PUSH, SOURCE, UPLOAD, client, fake, push, seconds};

#[tokio::test(start_paused = true)]
async fn a_client_counts_calls_attempts_retries_and_failures_by_host() {
    let fake = fake();
    let client = client(&fake, 1.0);
    assert_eq!(client.stats(), coveo_push::report::ClientStats::default());
    fake.inject(Fault::on(PUSH).status(500).times(2));
    push(&client).await.unwrap();
    fake.inject(Fault::on(PUSH).status(400));
    push(&client).await.unwrap_err();
    fake.inject(Fault::on(UPLOAD).status(500));
    let run = client.items(SOURCE).pusher().start();
    run.add_or_update("a://1", &coveo_push::DocumentBody::text("words")).await.unwrap();
    run.finish().await.into_result().unwrap();
    // Clones count together, whatever their credentials.
    let stats = client.with_credentials(coveo_push::ApiKey::new("other")).stats();
    let push = stats.push;
    assert_eq!((push.calls, push.attempts, push.retries, push.failures), (4, 6, 2, 1));
    let storage = stats.storage;
    assert_eq!((storage.calls, storage.attempts, storage.retries, storage.failures), (1, 2, 1, 0));
    let names: Vec<&str> = stats.hosts().map(|(name, _)| name).collect();
    assert_eq!(names, ["push", "logs", "platform", "storage"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_tells_how_long_its_calls_were_held_back_and_whether_they_are_now() {
    let fake = fake();
    let client = client(&fake, 0.0);
    fake.inject(Fault::on(PUSH).status(429).retry_after(seconds(10)));
    push(&client).retry(RetryPolicy::none()).await.unwrap_err();
    assert!(client.stats().push.is_held);
    push(&client).await.unwrap();
    let stats = client.stats().push;
    assert_eq!((stats.throttled, stats.held, stats.is_held), (seconds(10), seconds(0), false));
    assert!(!client.stats().storage.is_held);

    fake.inject(Fault::on(COMMIT).status(503).times(8));
    let run = client.items(SOURCE).pusher().start();
    run.add_or_update("a://1", &coveo_push::DocumentBody::text("words")).await.unwrap();
    run.finish().await.into_result().unwrap();
    let stats = client.stats().push;
    assert!(stats.held > seconds(0) && stats.throttled == seconds(10), "{stats:?}");
    assert!(!stats.is_held);
}
