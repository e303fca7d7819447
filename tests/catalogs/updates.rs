//! Updaters and mergers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::fake::{Fault, FaultRates};
use coveo_push::report::{AfterFailure, FailedBatch, PushReport};
use coveo_push::{
    CatalogMerger, CatalogUpdater, DocumentBody, Operation, OrderingId, PartialUpdate, Preflight, Pushed, Rule,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::cases::cases;
use super::support::{CATALOG, Items, block_on, fake, faults, items, requests_of, targets};

#[derive(Debug, Clone)]
enum Step {
    Put(u8, i64),
    Delete(u8),
    Replace(u8, u8, i64),
    Clear(u8, u8),
    DictionaryPut(u8, u8, i64),
    DictionaryRemove(u8, u8),
    ArrayRemove(u8, i64),
    ArrayAppend(u8, i64),
    Flush,
}

fn id(n: u8) -> String {
    format!("product://{n}")
}

/// Pushes a step, and applies it to the model.
async fn push(updater: &CatalogUpdater, step: &Step, model: &mut Items) -> Option<()> {
    let field = |n: u8| format!("field{n}");
    let pushed = match *step {
        Step::Put(n, value) => {
            // Arrays and dictionaries are there, so that every change fits.
            let item = json!({"field0": value, "array": [1, 2, value], "map": {"a": value}, "filler": "x".repeat(300)});
            let pushed = updater.add_or_update(id(n), &item).await;
            model.insert(id(n), item.as_object().unwrap().clone());
            pushed
        }
        Step::Delete(n) => {
            model.remove(&id(n));
            updater.delete(id(n)).await
        }
        Step::Replace(n, at, value) => {
            model.entry(id(n)).and_modify(|item| drop(item.insert(field(at), value.into()))).or_default();
            updater.partial_update(PartialUpdate::replace(id(n), field(at), value)).await
        }
        Step::Clear(n, at) => {
            model.entry(id(n)).and_modify(|item| drop(item.remove(&field(at)))).or_default();
            updater.partial_update(PartialUpdate::clear(id(n), field(at))).await
        }
        Step::DictionaryPut(n, key, value) => {
            let map = model.entry(id(n)).or_default().get_mut("map");
            map.into_iter().for_each(|map| map[key.to_string()] = value.into());
            updater.partial_update(PartialUpdate::dictionary_put(id(n), "map", [(key.to_string(), value)])).await
        }
        Step::DictionaryRemove(n, key) => {
            let map = model.entry(id(n)).or_default().get_mut("map");
            map.into_iter().for_each(|map| drop(map.as_object_mut().unwrap().remove(&key.to_string())));
            updater.partial_update(PartialUpdate::dictionary_remove(id(n), "map", [key.to_string()])).await
        }
        Step::ArrayRemove(n, value) => {
            let array = model.entry(id(n)).or_default().get_mut("array");
            array.into_iter().for_each(|array| array.as_array_mut().unwrap().retain(|it| *it != value));
            updater.partial_update(PartialUpdate::array_remove(id(n), "array", [value])).await
        }
        Step::ArrayAppend(n, value) => {
            let array = model.entry(id(n)).or_default().get_mut("array");
            array.into_iter().for_each(|array| array.as_array_mut().unwrap().push(value.into()));
            updater.partial_update(PartialUpdate::array_append(id(n), "array", [value])).await
        }
        Step::Flush => return updater.flush().await.ok().map(drop),
    };
    // A partial update creates no item.
    model.retain(|_, item| item.contains_key("filler"));
    pushed.ok().map(|pushed| assert!(pushed.is_queued()))
}

fn step() -> impl Strategy<Value = Step> {
    let (id, field, value) = (|| 0..5_u8, || 0..3_u8, || 0..4_i64);
    prop_oneof![
        4 => (id(), value()).prop_map(|(id, value)| Step::Put(id, value)),
        1 => id().prop_map(Step::Delete),
        3 => (id(), field(), value()).prop_map(|(id, field, value)| Step::Replace(id, field, value)),
        1 => (id(), field()).prop_map(|(id, field)| Step::Clear(id, field)),
        2 => (id(), field(), value()).prop_map(|(id, key, value)| Step::DictionaryPut(id, key, value)),
        1 => (id(), field()).prop_map(|(id, key)| Step::DictionaryRemove(id, key)),
        1 => (id(), value()).prop_map(|(id, value)| Step::ArrayRemove(id, value)),
        2 => (id(), 0..1_000_i64).prop_map(|(id, value)| Step::ArrayAppend(id, value)),
        1 => Just(Step::Flush),
    ]
}

fn is_accounted_for(report: &PushReport) {
    let totals = report.totals;
    let sum = totals.accepted + totals.replaced + totals.failed + totals.refused + totals.unsent;
    assert_eq!(totals.pushed, sum, "{report:?}");
}

/// No container holds two operations on one id, except changes of different fields, and none is pushed for two
/// batches.
fn containers_are_sound(fake: &coveo_push::fake::FakePushApi, receipts: usize) {
    for upload in requests_of(fake, Operation::UploadToContainer) {
        let Ok(Value::Object(batch)) = serde_json::from_slice(upload.body()) else { continue };
        let mut whole = BTreeSet::new();
        let mut parts = BTreeSet::new();
        for (list, operations) in &batch {
            for operation in operations.as_array().unwrap() {
                let id = operation["documentId"].as_str().unwrap();
                let is_new = match list.as_str() {
                    "partialUpdate" => parts.insert((id, operation["field"].as_str().unwrap())),
                    _ => whole.insert(id),
                };
                assert!(is_new, "{batch:?}");
            }
        }
        assert!(parts.iter().all(|(id, _)| !whole.contains(id)), "{batch:?}");
    }
    let committed = requests_of(fake, Operation::UpdateCatalog);
    let committed: BTreeSet<_> = committed.iter().filter_map(|request| request.parameter("fileId")).collect();
    assert!(committed.len() >= receipts, "{} batches by {} containers", receipts, committed.len());
}

/// The items, with each value of an array once, and in order: an append whose response was lost is sent again, and appends
/// that are pushed again come in any order.
fn without_order(items: Items) -> Items {
    let of_item = |mut item: Map<String, Value>| {
        if let Some(Value::Array(array)) = item.get_mut("array") {
            array.sort_by_key(Value::as_i64);
            array.dedup();
        }
        item
    };
    items.into_iter().map(|(id, item)| (id, of_item(item))).collect()
}

/// Answers a failed batch so that the run pushes it again, each after another time, and a hundred times.
fn again() -> impl Fn(FailedBatch) -> AfterFailure + Send + Sync + 'static {
    let given = AtomicU32::new(0);
    move |failed| match given.fetch_add(1, Ordering::Relaxed) {
        time @ 0..100 => AfterFailure::Again(failed, Duration::from_secs(u64::from(time % 3))),
        _ => AfterFailure::Stop,
    }
}

async fn run(steps: Vec<Step>, rates: FaultRates, concurrency: usize, cut_after: Option<u64>, pushes_again: bool) {
    let fake = fake();
    fake.inject_random(rates);
    let ids = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&ids);
    let updater = fake.client().catalog(CATALOG).updater().batch_bytes(1_024).concurrency(concurrency);
    let updater = updater.on_accepted(move |receipt| heard.lock().unwrap().push(receipt.ordering_id.unwrap()));
    let updater = if pushes_again { updater.on_failed_batch(again()) } else { updater }.start();
    let mut model = Items::new();
    let pushing = async {
        for step in &steps {
            if push(&updater, step, &mut model).await.is_none() {
                break;
            }
        }
    };
    let is_cut = match cut_after {
        Some(after) => tokio::time::timeout(Duration::from_millis(after), pushing).await.is_err(),
        None => {
            pushing.await;
            false
        }
    };
    let report = if is_cut { updater.abort().await } else { updater.finish().await };
    is_accounted_for(&report);
    fake.clear_faults();
    let ids: Vec<OrderingId> = ids.lock().unwrap().clone();
    assert_eq!(report.lowest_ordering_id, ids.iter().min().copied());
    containers_are_sound(&fake, ids.len());
    if report.is_complete() && !is_cut {
        assert_eq!(without_order(items(&fake.source(CATALOG))), without_order(model));
    }
}

/// Each step merges some keys into an item.
async fn run_of_merges(steps: Vec<(u8, Vec<&str>, u64)>, rates: FaultRates, concurrency: usize) {
    let fake = fake();
    fake.inject_random(rates);
    let merger = fake.client().catalog(CATALOG).merger().concurrency(concurrency).linger(Duration::from_millis(100));
    let merger = merger.on_failed_batch(again()).start();
    let mut model = Items::new();
    for (n, (item, keys, wait)) in steps.into_iter().enumerate() {
        let values: Map<String, Value> = keys.into_iter().map(|key| (key.to_owned(), n.into())).collect();
        if merger.add_or_merge(id(item), &values).await.is_err() {
            break;
        }
        model.entry(id(item)).or_default().extend(values);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let report = merger.finish().await;
    is_accounted_for(&report);
    if report.is_complete() {
        assert_eq!(items(&fake.source(CATALOG)), model, "{report}");
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn guarantee_6_a_catalog_holds_what_was_pushed_last_whatever_goes_wrong(
        steps in prop::collection::vec(step(), 1..60),
        rates in faults(),
        concurrency in 1..5_usize,
        cut_after in prop::option::weighted(0.2, 0..30_000_u64),
        pushes_again in any::<bool>(),
    ) {
        block_on(run(steps, rates, concurrency, cut_after, pushes_again));
    }

    #[test]
    fn guarantee_5_merges_whose_batches_are_pushed_again_lose_no_key_where_the_report_is_complete(
        steps in prop::collection::vec((0..3_u8, prop::sample::subsequence(vec!["a", "b", "c"], 1..3), 0..3_000_u64), 1..30),
        rates in faults(),
        concurrency in 1..5_usize,
    ) {
        block_on(run_of_merges(steps, rates, concurrency));
    }
}

#[tokio::test(start_paused = true)]
async fn every_batch_has_a_container_of_its_own_and_none_is_lost() {
    let fake = fake();
    let client = fake.client();
    for (catalog, source) in targets(&fake, &client) {
        let updater = catalog.updater().batch_bytes(1_024).start();
        let item = DocumentBody::new().metadata("filler", "x".repeat(600));
        for n in 0..20 {
            updater.add_or_update(id(n), &item).await.unwrap();
        }
        let report = updater.finish().await.into_result().unwrap();
        assert_eq!((report.totals.batches_accepted, source.len()), (20, 20));
        let ids: BTreeSet<_> = report.batch_samples.iter().map(|batch| batch.ordering_id.unwrap()).collect();
        assert_eq!((ids.len(), report.lowest_ordering_id), (20, ids.first().copied()));
        assert!(report.batch_samples.iter().all(|batch| batch.request_id.is_some()));
    }
}

#[tokio::test(start_paused = true)]
async fn changes_of_one_field_are_kept_in_order_unless_a_later_one_says_all_that_they_say() {
    let fake = fake();
    let client = fake.client();
    let updater = client.catalog(CATALOG).updater().linger(Duration::MAX).start();
    updater.add_or_update("p://1", &json!({"list": [], "map": {}})).await.unwrap();
    updater.flush().await.unwrap();
    for value in 0..3 {
        updater.partial_update(PartialUpdate::replace("p://1", "price", value)).await.unwrap();
        updater.partial_update(PartialUpdate::replace("p://1", "other", value)).await.unwrap();
    }
    for value in 0..3 {
        updater.partial_update(PartialUpdate::array_append("p://1", "list", [value])).await.unwrap();
        updater
            .partial_update(PartialUpdate::dictionary_put("p://1", "map", [(value.to_string(), value)]))
            .await
            .unwrap();
    }
    updater.partial_update(PartialUpdate::replace("p://1", "list", 1)).await.unwrap();
    updater.partial_update(PartialUpdate::clear("p://1", "PRICE")).await.unwrap();
    let report = updater.finish().await.into_result().unwrap();
    // The item, the replacements with the first of each, the second of each, and the last ones: the list is replaced, and
    // its third value is not appended before.
    assert_eq!((report.totals.batches_accepted, report.totals.replaced), (4, 5));
    let item = fake.source(CATALOG).item("p://1").unwrap();
    assert_eq!(item.json(), &json!({"other": 2, "list": 1, "map": {"0": 0, "1": 1, "2": 2}}));
}

#[tokio::test(start_paused = true)]
async fn merges_of_one_item_are_all_kept() {
    let fake = fake();
    let client = fake.client();
    for (catalog, source) in targets(&fake, &client) {
        let merger: CatalogMerger = catalog.merger().linger(Duration::MAX).start();
        for key in ["a", "b", "c"] {
            merger.add_or_merge("p://1", &DocumentBody::new().metadata(key, 1)).await.unwrap();
        }
        merger.add_or_merge_json(r#"{"documentId":"p://2","a":2}"#).await.unwrap();
        let report = merger.finish().await.into_result().unwrap();
        assert_eq!(report.totals.batches_accepted, 3);
        assert_eq!(source.item("p://1").unwrap().json(), &json!({"a": 1, "b": 1, "c": 1}));
        assert_eq!(source.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_of_more_than_3_mb_follows_the_preflight_switch() {
    let large = DocumentBody::new().metadata("x", "y".repeat(3_000_000));
    for (switch, count) in [(Preflight::Refuse, 0), (Preflight::Warn, 1), (Preflight::Off, 1)] {
        let fake = fake();
        let client = fake.client_builder().preflight(switch).build().unwrap();
        let updater = client.catalog(CATALOG).updater().start();
        let pushed = updater.add_or_update("p://1", &large).await.unwrap();
        assert_eq!(u64::from(pushed.is_queued()), count);
        if let Pushed::Refused(refused) = pushed {
            assert_eq!(refused.findings()[0].rule(), Rule::ItemTooLarge);
        }
        let pushed = updater.partial_update(PartialUpdate::replace("p://1", "ec_price", f64::NAN)).await.unwrap();
        assert_eq!(pushed.refused().unwrap().findings()[0].rule(), Rule::NumberNotFinite);
        let report = updater.finish().await.into_result().unwrap();
        assert_eq!((report.totals.accepted, report.totals.refused), (count, 2 - count));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_of_a_catalog_is_handed_back_and_pushed_again_without_what_came_later() {
    let fake = fake();
    let client = fake.client();
    let failed = Arc::new(Mutex::new(Vec::new()));
    let handed = Arc::clone(&failed);
    let updater = client.catalog(CATALOG).updater().on_failed_batch(move |batch| handed.lock().unwrap().push(batch));
    let updater = updater.start();
    updater.add_or_update("p://1", &json!({})).await.unwrap();
    updater.flush().await.unwrap();
    fake.inject(Fault::on(Operation::UpdateCatalog).status(400));
    for field in ["a", "b"] {
        updater.partial_update(PartialUpdate::replace("p://1", field, 1)).await.unwrap();
    }
    updater.flush().await.unwrap();
    updater.partial_update(PartialUpdate::replace("p://1", "a", 2)).await.unwrap();
    let report = updater.finish().await;
    assert_eq!((report.totals.failed, report.totals.accepted), (2, 2));
    let failed = failed.lock().unwrap().pop().unwrap();
    let again = failed.push_again().await.unwrap().unwrap();
    assert!(again.ordering_id() > report.lowest_ordering_id);
    assert_eq!(fake.source(CATALOG).item("p://1").unwrap().json(), &json!({"a": 2, "b": 1}));
    let unknown = BTreeMap::from([("lists", failed.to_body())]);
    assert_eq!(unknown["lists"], br#"{"addOrUpdate":[],"partialUpdate":[{"documentId":"p://1","operator":"fieldValueReplace","field":"b","value":1}]}"#);
}

#[tokio::test(start_paused = true)]
async fn a_reply_without_an_ordering_id_leaves_the_lowest_one_unknown() {
    let fake = fake();
    let client = fake.client();
    fake.inject(Fault::on(Operation::UpdateCatalog).skip(1).body("{}"));
    let updater = client.catalog(CATALOG).updater().start();
    for n in 0..3 {
        updater.add_or_update(id(n), &json!({})).await.unwrap();
        updater.flush().await.unwrap();
    }
    let report = updater.finish().await.into_result().unwrap();
    assert_eq!(report.lowest_ordering_id, None);
    let known: Vec<bool> = report.batch_samples.iter().map(|batch| batch.ordering_id.is_some()).collect();
    assert_eq!(known, [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn all_runs_of_a_client_into_catalogs_make_250_calls_in_five_minutes_or_as_many_as_it_says() {
    for (of_client, of_run, waits) in [(None, None, 300), (Some(150), None, 600), (Some(150), Some(1_000), 0)] {
        let fake = fake();
        let builder = fake.client_builder();
        let interval = Duration::from_secs(300);
        let builder = if let Some(calls) = of_client { builder.stream_api_calls(calls, interval) } else { builder };
        let client = builder.build().unwrap();
        let begin = tokio::time::Instant::now();
        // Two runs of 100 batches, of two calls each.
        let runs = targets(&fake, &client).map(|(catalog, _)| async move {
            let updater = catalog.updater().batch_bytes(1_024);
            let updater = if let Some(calls) = of_run { updater.max_api_calls(calls, interval) } else { updater };
            let updater = updater.start();
            let item = DocumentBody::new().metadata("filler", "x".repeat(600));
            for n in 0..100 {
                updater.add_or_update(id(n), &item).await.unwrap();
            }
            let _ = updater.finish().await.into_result().unwrap();
        });
        futures_util::future::join_all(runs).await;
        assert_eq!(begin.elapsed().as_secs() / 60 * 60, waits, "{of_client:?} {of_run:?}");
    }
}

#[test]
fn the_report_of_a_run_that_comes_near_the_calls_of_a_day_says_so() {
    for (calls, says) in [(11_999, false), (12_000, true)] {
        let mut report = PushReport::default();
        report.totals.api_calls = calls;
        assert_eq!(report.to_string().contains("15,000 calls a day"), says, "{report}");
    }
}
