//! The pipeline of the fake.

use coveo_push::fake::FakePushApi;
use coveo_push::{DocumentBody, LogEntry, LogOperation, LogResult, LogTask, PartialUpdate};

use super::support::{SOURCE, doc, push, secs};

fn of<'a>(log: &'a [LogEntry], id: &str) -> Vec<(&'a str, &'a str)> {
    let entries = log.iter().filter(|entry| entry.id == id);
    entries.map(|entry| (entry.task.as_str(), entry.result.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn the_log_has_every_stage_of_a_single_item_and_of_a_batch() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    let client = fake.client();
    push(&client, "https://example.com/a").await;
    let pusher = client.items(SOURCE).pusher().start();
    pusher.add_or_update("https://example.com/b", &doc()).await.unwrap();
    pusher.delete("https://example.com/c").delete_children(true).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    let log = fake.log();
    let stages = ["CONSUMING", "MAPPING", "PROCESSING", "PREINDEXING", "INDEXING"].map(|task| (task, "COMPLETED"));
    assert_eq!(of(&log, "https://example.com/a")[0], ("STREAMING", "COMPLETED"));
    assert_eq!(of(&log, "https://example.com/a")[1..], stages);
    assert_eq!(of(&log, "https://example.com/b"), stages);
    assert_eq!(of(&log, "https://example.com/c"), [stages[0], stages[4]]);
    let file = of(&log, &report.batch_samples[0].file_id);
    assert_eq!(file, [("STREAMING_BATCH", "COMPLETED"), ("CONSUMING_BATCH", "COMPLETED")]);
    let deletion = log.iter().find(|entry| entry.id.ends_with("/c")).unwrap();
    assert_eq!(deletion.operation, LogOperation::DeleteAndChildren);
    assert!(log.iter().all(|entry| !entry.guid.is_empty() && entry.source_id == SOURCE));
}

#[tokio::test(start_paused = true)]
async fn entries_of_a_catalog_have_the_ordering_id_of_its_response() {
    let fake = FakePushApi::builder().catalog_source("my-catalog").build();
    let updater = fake.client().catalog("my-catalog").updater().start();
    updater.add_or_update("product://1", &DocumentBody::new()).await.unwrap();
    updater.partial_update(PartialUpdate::replace("product://2", "ec_price", 28.0)).await.unwrap();
    let report = updater.finish().await.into_result().unwrap();
    let log = fake.log();
    assert!(log.iter().all(|entry| entry.ordering_id() == report.lowest_ordering_id));
    assert_eq!(of(&log, "product://1")[0], ("STREAMING_EXTENSION", "COMPLETED"));
    assert_eq!(of(&log, "product://2"), [("STREAMING_EXTENSION", "WARNING")]);
}

#[tokio::test(start_paused = true)]
async fn an_item_is_indexed_after_the_delay_and_not_before() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    fake.indexing_delay(secs(120));
    let client = fake.client();
    push(&client, "https://example.com/a").await;
    let pusher = client.items(SOURCE).pusher().start();
    pusher.add_or_update("https://example.com/b", &doc()).await.unwrap();
    let _ = pusher.finish().await;
    fake.pass_time(secs(119));
    assert_eq!((fake.source(SOURCE).len(), of(&fake.log(), "https://example.com/a").len()), (0, 1));
    fake.pass_time(secs(1));
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://example.com/a", "https://example.com/b"]);
    let log = fake.log();
    let indexed = log.iter().filter(|entry| entry.task == LogTask::Indexing).count();
    assert_eq!((indexed, of(&log, "https://example.com/a").len()), (2, 6));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_an_extension_rejects_is_dropped_with_its_reason() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    fake.reject_in_pipeline(|item| item.title().is_none().then(|| "an item needs a title".to_owned()));
    push(&fake.client(), "https://example.com/a").await;
    let dropped = fake.source(SOURCE).dropped();
    assert_eq!(dropped[0].reason().to_string(), "an extension of the indexing pipeline rejected the item");
    let log = fake.log();
    let last = log.last().unwrap();
    assert_eq!((&last.task, &last.result), (&LogTask::Extension, &LogResult::Rejected));
    assert_eq!((last.reason().as_str(), last.resource_id.as_str()), ("an item needs a title", "fake-extension"));
    assert!(fake.source(SOURCE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn entries_are_kept_for_two_weeks() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    push(&fake.client(), "https://example.com/a").await;
    fake.pass_time(secs(14 * 86_400 - 1));
    assert_eq!(fake.log().len(), 6);
    fake.pass_time(secs(2));
    assert_eq!(fake.log().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_of_old_items_is_in_the_log_when_it_is_done() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    let _ = fake.client().items(SOURCE).delete_older_than(1).await.unwrap();
    assert_eq!(fake.log().len(), 0);
    fake.pass_time(secs(15 * 60));
    assert!(fake.log().iter().all(|entry| entry.operation == LogOperation::DeleteOlderThan));
    assert_eq!(fake.log().len(), 2);
}
