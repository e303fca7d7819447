//! Helpers for the tests of catalogs.

use std::collections::BTreeMap;
use std::time::Duration;

use coveo_push::fake::{FakePushApi, FakeSource, FaultRates, RecordedRequest};
use coveo_push::{Catalog, CatalogItems, Operation, PushClient, PushQueue};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub(crate) const CATALOG: &str = "my-catalog";

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn ids(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("product://{n:02}")).collect()
}

/// Pushes items with these ids, each so large that it fills a batch of 1 KiB, until the run stops.
pub(crate) async fn push_ids(queue: &PushQueue<CatalogItems>, ids: &[String]) {
    for id in ids {
        if queue.add_or_update(id, &json!({"filler": "x".repeat(700)})).await.is_err() {
            break;
        }
    }
}

pub(crate) fn fake() -> FakePushApi {
    FakePushApi::builder().catalog_source(CATALOG).data_collection("data").build()
}

/// The catalog and the data collection, with a view of each.
pub(crate) fn targets(fake: &FakePushApi, client: &PushClient) -> [(Catalog, FakeSource); 2] {
    [(client.catalog(CATALOG), fake.source(CATALOG)), (client.data_collection("data"), fake.data_collection("data"))]
}

/// Runs a future on a runtime of its own, in which time is paused.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

pub(crate) fn requests_of(fake: &FakePushApi, operation: Operation) -> Vec<RecordedRequest> {
    fake.requests().into_iter().filter(|request| request.operation() == Some(operation)).collect()
}

/// The expected items of a source.
pub(crate) type Items = BTreeMap<String, Map<String, Value>>;

pub(crate) fn items(source: &FakeSource) -> Items {
    let items = source.items().into_iter();
    items.map(|item| (item.document_id().to_owned(), item.json().as_object().unwrap().clone())).collect()
}

/// Random faults, up to so much of all calls.
pub(crate) fn faults() -> impl Strategy<Value = FaultRates> {
    let level = prop::sample::select(vec![0.0, 0.1, 0.3, 0.7]);
    (any::<u64>(), level, any::<[u8; 8]>(), 0..2_000_u64).prop_map(|(seed, level, weights, latency)| {
        let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>().max(1.0);
        let rate = |kind: usize| level * f64::from(weights[kind]) / all;
        FaultRates::seeded(seed)
            .throttled(rate(0))
            .status(503, rate(1))
            .status(412, rate(2))
            .no_connection(rate(3))
            .reset_before(rate(4))
            .reset_after(rate(5))
            .hang(rate(6))
            .expired(rate(7))
            .latency(Duration::ZERO..=Duration::from_millis(latency))
    })
}
