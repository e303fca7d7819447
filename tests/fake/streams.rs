//! The Stream API of the fake: catalog sources and data collections.

use std::time::Duration;

use coveo_push::fake::{DropReason, FakePushApi, FakeSource};
use coveo_push::{BatchDocumentBody, Catalog, DocumentBody, ErrorCode, PushClient, SourceStatus};
use serde_json::{Value, json};

use super::support::once;

const DAY: Duration = Duration::from_secs(86_400);

fn fake() -> FakePushApi {
    let fake = FakePushApi::builder().catalog_source("catalog").unconfigured_catalog_source("loose");
    fake.stream_enabled_source("enabled").source("push").data_collection("data").build()
}

/// Each target that takes streams, with a view of it.
fn targets(fake: &FakePushApi, client: &PushClient) -> Vec<(Catalog, FakeSource)> {
    let sources = ["catalog", "loose", "enabled"].into_iter();
    let mut all: Vec<_> = sources.map(|id| (client.catalog(id), fake.source(id))).collect();
    all.push((client.data_collection("data"), fake.data_collection("data")));
    all
}

async fn store(client: &PushClient, batch: &Value) -> String {
    client.file_containers().store(batch.to_string()).await.unwrap().file_id().to_owned()
}

async fn update(client: &PushClient, catalog: &Catalog, batch: Value) -> u64 {
    let file_id = store(client, &batch).await;
    catalog.update_container(file_id).await.unwrap().ordering_id().unwrap().get()
}

async fn load(client: &PushClient, catalog: &Catalog, chunks: &[Value]) {
    let stream = catalog.open_stream().await.unwrap();
    for chunk in chunks {
        let container = catalog.create_chunk(stream.stream_id()).await.unwrap();
        client.file_containers().upload(&container, chunk.to_string()).await.unwrap();
    }
    let _ = catalog.close_stream(stream.stream_id()).await.unwrap();
}

fn items(ids: &[&str]) -> Value {
    json!({"addOrUpdate": ids.iter().map(|id| json!({"documentId": id, "ec_price": 1})).collect::<Vec<_>>()})
}

#[tokio::test(start_paused = true)]
async fn an_update_replaces_items_whole_and_leaves_the_others() {
    let fake = fake();
    let client = once(&fake);
    for (catalog, source) in targets(&fake, &client) {
        let first = update(&client, &catalog, items(&["p://1", "p://2"])).await;
        let batch =
            json!({"addOrUpdate": [{"documentId": "p://1", "ec_name": "n"}], "delete": [{"documentId": "p://3"}]});
        let second = update(&client, &catalog, batch).await;
        assert!(first < second, "each call has an ordering id of its own");
        assert_eq!(source.document_ids(), ["p://1", "p://2"]);
        assert_eq!(source.item("p://1").unwrap().json(), &json!({"ec_name": "n"}));
        assert_eq!(source.item("p://1").unwrap().ordering_id().get(), second);
        let _ = catalog.delete_older_than(second).await.unwrap();
        tokio::time::sleep(Duration::from_secs(14 * 60)).await;
        assert_eq!(source.len(), 2);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(source.document_ids(), ["p://1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_update_changes_items_that_exist_and_does_not_renew_their_stamps() {
    let fake = fake();
    let client = once(&fake);
    let (catalog, source) = (client.catalog("catalog"), fake.source("catalog"));
    let stamp = update(&client, &catalog, items(&["p://1"])).await;
    let replace =
        |id: &str, operator: &str| json!({"documentId": id, "operator": operator, "field": "ec_price", "value": 2});
    let batch = json!({"partialUpdate": [
        replace("p://1", "fieldValueReplace"), replace("p://2", "fieldValueReplace"), replace("p://1", "arrayAppend"),
    ]});
    update(&client, &catalog, batch).await;
    let item = source.item("p://1").unwrap();
    assert_eq!((item.json(), item.ordering_id().get()), (&json!({"ec_price": 2}), stamp));
    let dropped: Vec<_> = source.dropped().iter().map(|it| (it.document_id().to_owned(), it.reason())).collect();
    assert_eq!(
        dropped,
        [("p://2".to_owned(), DropReason::UnknownItem), ("p://1".to_owned(), DropReason::InvalidPartialUpdate)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_merge_changes_some_keys_and_is_dropped_without_a_catalog_configuration() {
    let fake = fake();
    let client = once(&fake);
    for (catalog, source) in targets(&fake, &client) {
        let stamp =
            update(&client, &catalog, json!({"addOrUpdate": [{"documentId": "p://1", "a": 1, "b": {"c": 1}}]})).await;
        let batch = json!({"addOrMerge": [{"documentId": "p://1", "B": {"d": 2}}, {"documentId": "p://2", "a": 3}]});
        let _ = catalog.merge_container(store(&client, &batch).await).await.unwrap();
        if matches!(catalog.id(), "catalog" | "data") {
            let item = source.item("p://1").unwrap();
            assert_eq!((item.json(), item.ordering_id().get()), (&json!({"a": 1, "B": {"d": 2}}), stamp));
            assert_eq!(source.item("p://2").unwrap().json(), &json!({"a": 3}));
        } else {
            assert_eq!(source.document_ids(), ["p://1"]);
            assert!(source.dropped().iter().all(|it| it.reason() == DropReason::MergeWithoutCatalog));
            assert_eq!(source.dropped().len(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_replaces_everything_when_it_is_closed_and_nothing_before() {
    let fake = fake();
    let client = once(&fake);
    for (catalog, source) in targets(&fake, &client) {
        update(&client, &catalog, items(&["p://1", "p://2"])).await;
        let stream = catalog.open_stream().await.unwrap();
        client.file_containers().upload(stream.container(), items(&["p://9"]).to_string()).await.unwrap();
        tokio::time::sleep(DAY).await;
        assert_eq!(source.document_ids(), ["p://1", "p://2"], "a stream that is not closed has no effect");
        load(&client, &catalog, &[items(&["p://2"]), items(&["p://3"])]).await;
        assert_eq!(source.document_ids(), ["p://1", "p://2", "p://3"]);
        update(&client, &catalog, items(&["p://4"])).await;
        tokio::time::sleep(DAY).await;
        assert_eq!(source.document_ids(), ["p://2", "p://3", "p://4"], "later updates stay");
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_without_any_item_of_before_removes_nothing_where_a_catalog_configuration_uses_the_source() {
    let fake = fake();
    let client = once(&fake);
    for (catalog, source) in targets(&fake, &client) {
        for (chunks, left) in [(vec![], vec!["p://1"]), (vec![items(&["p://2"])], vec!["p://1", "p://2"])] {
            update(&client, &catalog, items(&["p://1"])).await;
            load(&client, &catalog, &chunks).await;
            tokio::time::sleep(DAY).await;
            let guarded = if catalog.id() == "catalog" { left } else { left[1..].to_vec() };
            assert_eq!(source.document_ids(), guarded, "{}", catalog.id());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_stream_api_does_not_take_is_refused() {
    let fake = fake();
    let client = once(&fake);
    let catalog = client.catalog("catalog");
    let stream = catalog.open_stream().await.unwrap();
    let closed = catalog.open_stream().await.unwrap();
    let _ = catalog.close_stream(closed.stream_id()).await.unwrap();
    let enabled = Some(&ErrorCode::SourceIsStreamEnabled);
    let batch = BatchDocumentBody::new().add_or_update("p://1", DocumentBody::new());
    for (error, status, code) in [
        (client.sources().set_status("catalog", SourceStatus::Idle).await.map(drop), 412, enabled),
        (client.items("enabled").push_batch(&batch).await.map(drop), 412, enabled),
        (client.catalog("push").open_stream().await.map(drop), 412, Some(&ErrorCode::InvalidParameter)),
        (client.catalog("nowhere").open_stream().await.map(drop), 412, Some(&ErrorCode::SourceDoesNotExist)),
        (client.data_collection("nowhere").open_stream().await.map(drop), 404, None),
        (client.catalog("loose").close_stream(stream.stream_id()).await.map(drop), 404, None),
        (catalog.create_chunk("other").await.map(drop), 404, None),
        (catalog.close_stream(closed.stream_id()).await.map(drop), 404, None),
        (
            catalog.update_container(stream.container().file_id()).await.map(drop),
            412,
            Some(&ErrorCode::InvalidParameter),
        ),
    ] {
        let error = error.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.code()), (status, code), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_of_more_than_3_mb_is_dropped() {
    let fake = fake();
    let client = once(&fake);
    let text = |bytes: usize| json!({"documentId": "p://1", "x": "y".repeat(bytes - 29)});
    assert_eq!(text(100).to_string().len(), 100);
    for (bytes, count) in [(3_000_001, 0), (3_000_000, 1)] {
        update(&client, &client.catalog("catalog"), json!({"addOrUpdate": [text(bytes)]})).await;
        assert_eq!(fake.source("catalog").len(), count);
    }
    assert_eq!(fake.source("catalog").dropped()[0].reason(), DropReason::ItemTooLarge);
}
