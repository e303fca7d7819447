//! What a run does when it is told nothing, and how far a setting goes.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{Items, Operation, PusherBuilder};
use serde_json::json;
use tokio::time::timeout;

use super::support::{SOURCE, fake, full, ms, prove, pusher, requests_of, secs, uploads};

/// A run as it is when nothing is set.
fn default_pusher(fake: &FakePushApi) -> PusherBuilder<Items> {
    fake.client().items(SOURCE).pusher()
}

/// What it says of an item that is larger than its batches may be.
async fn refusal(pusher: PusherBuilder<Items>, bytes: usize) -> String {
    // The service limits the data of an item, and not the rest.
    let item = json!({ "author": "x".repeat(bytes) });
    let pushed = pusher.start().add_or_update("a://1", &item).await.unwrap();
    pushed.refused().unwrap_or_else(|| panic!("{bytes} bytes fit")).to_string()
}

/// How many uploads it makes at the same time.
async fn uploads_at_a_time(pusher: impl FnOnce(&FakePushApi) -> PusherBuilder<Items>) -> usize {
    let fake = fake();
    let pusher = pusher(&fake).start();
    prove(&pusher).await;
    fake.clear_requests();
    fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
    let mut n = 0;
    while timeout(secs(1), pusher.add_or_update(format!("a://{n}"), &full(n))).await.is_ok() {
        n += 1;
    }
    uploads(&fake).len()
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_16_mib_at_the_most_unless_it_is_told_otherwise() {
    let refusal = refusal(default_pusher(&fake()), 16 * 1024 * 1024).await;
    assert!(refusal.contains("a batch may have 16777216"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_may_have_from_1_kib_to_256_mb() {
    let fake = fake();
    for (bytes, expected) in [
        (0, 1_024),
        (1_023, 1_024),
        (1_024, 1_024),
        (2_000, 2_000),
        (256_000_001, 256_000_000),
        (usize::MAX, 256_000_000),
    ] {
        let pusher = default_pusher(&fake).batch_bytes(bytes);
        assert!(format!("{pusher:?}").contains(&format!("batch_bytes: {expected},")), "{bytes}: {pusher:?}");
    }
    let refusal = refusal(default_pusher(&fake).batch_bytes(0), 1_024).await;
    assert!(refusal.contains("a batch may have 1024"), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_5_seconds_to_be_filled_unless_it_is_told_otherwise() {
    let fake = fake();
    let pusher = default_pusher(&fake).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    tokio::time::sleep(ms(4_999)).await;
    assert_eq!(uploads(&fake).len(), 0);
    tokio::time::sleep(ms(2)).await;
    assert_eq!(uploads(&fake).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn four_batches_are_under_way_at_a_time_unless_it_is_told_otherwise() {
    assert_eq!(uploads_at_a_time(|fake| default_pusher(fake).batch_bytes(1_024)).await, 4);
}

#[tokio::test(start_paused = true)]
async fn from_1_to_64_batches_are_under_way_at_a_time() {
    for (batches, expected) in [(0, 1), (1, 1), (64, 64), (65, 64), (usize::MAX, 64)] {
        assert_eq!(uploads_at_a_time(|fake| pusher(fake).concurrency(batches)).await, expected, "{batches}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_calls_in_an_interval_are_taken_as_one() {
    let fake = fake();
    let pusher = pusher(&fake).max_api_calls(0, secs(10)).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.api_calls, report.elapsed), (2, secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_15_minutes_for_the_service_unless_it_is_told_otherwise() {
    for (asked, is_accepted) in [(900, true), (901, false)] {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(secs(asked)));
        let pusher = default_pusher(&fake).start();
        pusher.add_or_update("a://1", &full(1)).await.unwrap();
        assert_eq!(pusher.finish().await.is_complete(), is_accepted, "{asked} s");
        assert_eq!(requests_of(&fake, Operation::PushItemContainer).len(), if is_accepted { 2 } else { 1 });
    }
}
