//! Bulk runs through connections that break: every item arrives, as it was pushed.

use std::time::Duration;

use coveo_push::DocumentBody;
use coveo_push::fake::FakePushApi;
use coveo_push::report::PushReport;
use tokio::time::timeout;

use super::cases::cases;
use super::proxy::{Fate, Proxy, SOURCE, address, served, through};

const ITEMS: usize = 150;

fn words(item: usize) -> String {
    format!("the words of item {item} {}", "and more of them ".repeat(item % 40))
}

/// Pushes the items through a proxy with these fates.
async fn run(fate: impl Fn(usize) -> Fate + Send + 'static) -> (FakePushApi, PushReport, usize) {
    let (fake, server) = served().await;
    let proxy = Proxy::start(address(&server), fate).await;
    let client = through(&server, proxy.address()).build().unwrap();
    let pusher = client.items(SOURCE).pusher().batch_bytes(4_096).concurrency(3).start();
    let pushes = async {
        for item in 0..ITEMS {
            let document = DocumentBody::text(words(item));
            pusher.add_or_update(format!("https://example.com/{item:04}"), &document).await.unwrap();
        }
        pusher.finish().await.into_result().unwrap()
    };
    let report = timeout(Duration::from_secs(120), pushes).await.expect("the run hangs");
    (fake, report, proxy.connections())
}

fn assert_complete(fake: &FakePushApi, report: &PushReport, case: impl std::fmt::Debug) {
    assert_eq!(report.totals.accepted, ITEMS as u64, "{case:?}");
    let source = fake.source(SOURCE);
    assert_eq!(source.len(), ITEMS, "{case:?}");
    for item in 0..ITEMS {
        let stored = source.item(&format!("https://example.com/{item:04}")).unwrap();
        assert_eq!(stored.data(), Some(words(item).as_str()), "{case:?}");
    }
}

#[tokio::test]
async fn a_run_arrives_whole_when_requests_are_cut_after_any_number_of_bytes() {
    for seed in 0..u64::from(cases(4).cases) {
        let cut = move |n| Fate::CutsRequest(fastrand::Rng::with_seed(seed << 32 | n as u64).usize(..30_000));
        let (fake, report, connections) = run(cut).await;
        assert_complete(&fake, &report, seed);
        assert!(report.totals.retries > 0 && connections > 5, "seed {seed}: {connections} connections");
    }
}

#[tokio::test]
async fn a_run_arrives_whole_when_responses_are_cut_after_any_number_of_bytes() {
    for seed in 0..u64::from(cases(4).cases) {
        let cut = move |n| Fate::CutsResponse(fastrand::Rng::with_seed(seed << 32 | n as u64).usize(..2_000));
        let (fake, report, connections) = run(cut).await;
        assert_complete(&fake, &report, seed);
        assert!(report.totals.retries > 0 && connections > 5, "seed {seed}: {connections} connections");
    }
}

#[tokio::test]
async fn responses_in_single_bytes_are_read_like_others() {
    let (fake, report, _) = run(|_| Fate::SingleBytes).await;
    assert_complete(&fake, &report, "single bytes");
    assert_eq!(report.totals.retries, 0);
}

#[tokio::test]
async fn a_server_that_closes_kept_alive_connections_costs_no_item() {
    for fate in [Fate::ClosesAfterResponse, Fate::ClosesAtSecondRequest] {
        let (fake, report, connections) = run(move |_| fate).await;
        assert_complete(&fake, &report, fate);
        assert!(connections > 5, "{fate:?}: {connections} connections");
    }
}
