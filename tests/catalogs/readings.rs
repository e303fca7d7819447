//! The behaviour of the crate where the service's documentation is silent: each row of the guide's table of readings.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{DocumentBody, Operation, PartialUpdate};
use serde_json::{Value, json};

use super::support::{CATALOG, fake, ids, push_ids, requests_of, targets};

const MINUTE: Duration = Duration::from_secs(60);

/// The batches that were uploaded.
fn uploads(fake: &FakePushApi) -> Vec<Value> {
    let uploads = requests_of(fake, Operation::UploadToContainer);
    uploads.iter().map(|request| serde_json::from_slice(request.body()).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn operators_are_written_in_lower_camel_case_and_null_clears_a_field() {
    let fake = fake();
    let updater = fake.client().catalog(CATALOG).updater().start();
    for update in [
        PartialUpdate::replace("p://1", "a", 1),
        PartialUpdate::clear("p://1", "b"),
        PartialUpdate::array_append("p://1", "c", [1]),
        PartialUpdate::array_remove("p://1", "d", [1]),
        PartialUpdate::dictionary_put("p://1", "e", [("k", 1)]),
        PartialUpdate::dictionary_remove("p://1", "f", ["k"]),
    ] {
        updater.partial_update(update).await.unwrap();
    }
    updater.finish().await.into_result().unwrap();
    let part = |field: &str, operator: &str, value: Value| json!({"documentId": "p://1", "operator": operator, "field": field, "value": value});
    let batch = json!({"addOrUpdate": [], "partialUpdate": [
        part("a", "fieldValueReplace", json!(1)),
        part("b", "fieldValueReplace", Value::Null),
        part("c", "arrayAppend", json!([1])),
        part("d", "arrayRemove", json!([1])),
        part("e", "dictionaryPut", json!({"k": 1})),
        part("f", "dictionaryRemove", json!(["k"])),
    ]});
    assert_eq!(uploads(&fake), [batch]);
}

#[tokio::test(start_paused = true)]
async fn a_container_of_merges_holds_the_list_of_merges_alone() {
    let fake = fake();
    let merger = fake.client().catalog(CATALOG).merger().start();
    merger.add_or_merge("p://1", &json!({"a": 1})).await.unwrap();
    merger.finish().await.into_result().unwrap();
    assert_eq!(uploads(&fake), [json!({"addOrMerge": [{"documentId": "p://1", "a": 1}]})]);
}

#[tokio::test(start_paused = true)]
async fn a_container_of_a_load_holds_the_list_of_items_alone() {
    let fake = fake();
    let load = fake.client().catalog(CATALOG).load().start().await.unwrap();
    load.pusher().add_or_update("p://1", &json!({"a": 1})).await.unwrap();
    load.finish().await.into_result().unwrap();
    assert_eq!(uploads(&fake), [json!({"addOrUpdate": [{"documentId": "p://1", "a": 1}]})]);
}

#[tokio::test(start_paused = true)]
async fn partial_updates_and_merges_beside_a_refresh_do_not_keep_an_item() {
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    let updater = catalog.updater().start();
    for id in ids(0..3) {
        updater.add_or_update(id, &json!({"a": 1})).await.unwrap();
    }
    updater.flush().await.unwrap();
    let refresh = catalog.refresh().queue_delay(Duration::ZERO).start().await.unwrap();
    refresh.pusher().add_or_update("product://00", &json!({"a": 2})).await.unwrap();
    refresh.pusher().flush().await.unwrap();
    updater.partial_update(PartialUpdate::replace("product://01", "a", 2)).await.unwrap();
    updater.finish().await.into_result().unwrap();
    let merger = catalog.merger().start();
    merger.add_or_merge("product://02", &DocumentBody::new().metadata("a", 2)).await.unwrap();
    merger.finish().await.into_result().unwrap();
    refresh.finish().await.into_result().unwrap();
    tokio::time::sleep(MINUTE).await;
    assert_eq!(fake.source(CATALOG).document_ids(), ids(0..1));
}

#[tokio::test(start_paused = true)]
async fn a_load_opens_one_stream_however_many_batches_are_under_way() {
    let fake = fake();
    fake.inject(Fault::on(Operation::OpenStream).latency(MINUTE / 3));
    let load = fake.client().catalog(CATALOG).load().pusher(|pusher| pusher.batch_bytes(1_024).concurrency(8));
    let load = load.start().await.unwrap();
    push_ids(load.pusher(), &ids(0..20)).await;
    load.finish().await.into_result().unwrap();
    assert_eq!(requests_of(&fake, Operation::OpenStream).len(), 1);
    assert_eq!(fake.source(CATALOG).len(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_a_load_replaces_is_there_for_15_minutes_and_its_close_has_no_delay_to_set() {
    let fake = fake();
    let catalog = fake.client().catalog(CATALOG);
    for numbers in [0..2, 1..3] {
        let load = catalog.load().start().await.unwrap();
        push_ids(load.pusher(), &ids(numbers)).await;
        load.finish().await.into_result().unwrap();
    }
    tokio::time::sleep(14 * MINUTE).await;
    assert_eq!(fake.source(CATALOG).document_ids(), ids(0..3));
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(fake.source(CATALOG).document_ids(), ids(1..3));
    assert!(requests_of(&fake, Operation::CloseStream).iter().all(|it| it.parameter("queueDelay").is_none()));
}

#[tokio::test(start_paused = true)]
async fn more_than_96_batches_a_day_are_pushed() {
    let fake = fake();
    let updater = fake.client().catalog(CATALOG).updater().batch_bytes(1_024).start();
    for id in ids(0..100) {
        updater.add_or_update(id, &json!({"filler": "x".repeat(700)})).await.unwrap();
    }
    let report = updater.finish().await.into_result().unwrap();
    assert_eq!((report.totals.batches_accepted, fake.source(CATALOG).len()), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn no_run_into_a_catalog_sets_a_status_pushes_a_batch_of_items_or_names_a_shard() {
    let fake = fake();
    let client = fake.client();
    for (catalog, _) in targets(&fake, &client) {
        let updater = catalog.updater().start();
        updater.add_or_update("product://00", &json!({})).await.unwrap();
        updater.partial_update(PartialUpdate::replace("product://00", "a", 1)).await.unwrap();
        updater.delete("product://00").await.unwrap();
        updater.finish().await.into_result().unwrap();
        let merger = catalog.merger().start();
        merger.add_or_merge("product://00", &json!({})).await.unwrap();
        merger.finish().await.into_result().unwrap();
        let refresh = catalog.refresh().start().await.unwrap();
        push_ids(refresh.pusher(), &ids(0..3)).await;
        refresh.finish().await.into_result().unwrap();
        let load = catalog.load().start().await.unwrap();
        push_ids(load.pusher(), &ids(0..3)).await;
        load.finish().await.into_result().unwrap();
    }
    for request in fake.requests() {
        let operation = request.operation().unwrap();
        assert!(!matches!(operation, Operation::SetSourceStatus | Operation::PushItemContainer), "{operation}");
        assert!(request.parameter("shard").is_none() && request.parameter("orderingId").is_none(), "{operation}");
    }
}
