//! The outcome of one item.

use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::{LogEntry, LogOperation, LogResult, LogTask, Outcome};

use super::support::{SOURCE, doc, log_requests, push, secs};

const ID: &str = "https://example.com/a";

fn reason(text: &str) -> String {
    text.to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_item_is_unknown_then_pending_then_indexed_then_removed() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    fake.indexing_delay(secs(60));
    let client = fake.client_builder().logs_calls(1_000, secs(1)).build().unwrap();
    let items = client.items(SOURCE);
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Unknown);
    push(&client, ID).await;
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Pending);
    fake.pass_time(secs(61));
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Indexed);
    let _ = items.delete(ID).await.unwrap();
    fake.pass_time(secs(70));
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Removed);
    push(&client, ID).await;
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Pending, "a new push is under way");
    fake.pass_time(secs(61));
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Indexed);
    assert_eq!(items.outcome(ID).since(fake.now()).await.unwrap(), Outcome::Unknown);
    let request = log_requests(&fake).pop().unwrap();
    assert_eq!((request.parameter("documentId"), request.parameter("documentIdMatching")), (Some(ID), None));
}

#[tokio::test(start_paused = true)]
async fn a_push_that_was_dropped_and_then_repaired_is_indexed() {
    let fake = FakePushApi::builder().secured_source(SOURCE).build();
    let client = fake.client_builder().logs_calls(1_000, secs(1)).build().unwrap();
    let bare = coveo_push::DocumentBody::text("words");
    let items = client.items(SOURCE);
    let _ = items.add_or_update(ID, &bare).await.unwrap();
    let dropped = items.outcome(ID).await.unwrap();
    let expected = Outcome::Failed { stage: LogTask::Validation, reason: reason("no permissions in a secured source") };
    assert_eq!(dropped, expected);
    assert_eq!(dropped.to_string(), "failed at VALIDATION: no permissions in a secured source");
    fake.pass_time(secs(10));
    let _ = items.add_or_update(ID, &doc()).await.unwrap();
    fake.pass_time(secs(1));
    assert_eq!(items.outcome(ID).await.unwrap(), Outcome::Indexed);
}

#[tokio::test(start_paused = true)]
async fn the_worst_entry_of_the_last_operation_counts() {
    use LogResult::{Completed, Error, Rejected, Skipped, Warning};
    use LogTask::{Consuming, Extension, Indexing, Mapping, Processing, Streaming};

    let failed = |stage, text: &str| Outcome::Failed { stage, reason: reason(text) };
    #[rustfmt::skip]
    let table = [
        (vec![(0, Streaming, Completed)], Outcome::Pending),
        (vec![(0, Streaming, Completed), (5, Indexing, Completed)], Outcome::Indexed),
        (vec![(5, Indexing, Completed), (0, Streaming, Completed)], Outcome::Indexed),
        (vec![(0, Indexing, Completed), (0, Indexing, Completed)], Outcome::Indexed),
        (vec![(0, Processing, Error), (5, Indexing, Completed)], failed(Processing, "r")),
        (vec![(0, Indexing, Completed), (9, Extension, Rejected)], failed(Extension, "r")),
        (vec![(0, Consuming, Skipped)], Outcome::Skipped { reason: reason("r") }),
        (vec![(0, Mapping, Warning), (5, Indexing, Completed)], Outcome::Warned { stage: Mapping, reason: reason("r") }),
        (vec![(0, Processing, Error), (60, Streaming, Completed), (65, Indexing, Completed)], Outcome::Indexed),
        (vec![(0, Indexing, Completed), (60, Consuming, Completed)], Outcome::Pending),
        (vec![(0, Indexing, Completed), (1, Consuming, Completed)], Outcome::Indexed),
        (vec![(0, Indexing, Completed), (60, Processing, Completed)], Outcome::Indexed),
        (vec![(0, Indexing, LogResult::Other("NEW".to_owned()))], Outcome::Unknown),
        (vec![(0, LogTask::Other("NEW".to_owned()), Completed)], Outcome::Pending),
    ];
    for (entries, expected) in table {
        let fake = FakePushApi::builder().source(SOURCE).build();
        let begin = fake.now();
        for (after, task, result) in entries.clone() {
            let entry = LogEntry::new(ID, task, LogOperation::Add, result).source_id(SOURCE);
            let entry = entry.datetime(begin + Duration::from_secs(after)).guid(format!("{after} {}", entries.len()));
            fake.write_log(entry.meta("error", "r"));
        }
        fake.pass_time(secs(100));
        let outcome = fake.client().items(SOURCE).outcome(ID).await.unwrap();
        assert_eq!(outcome, expected, "{entries:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_warning_of_a_catalog_is_a_failure() {
    let fake = FakePushApi::builder().catalog_source("my-catalog").build();
    let catalog = fake.client().catalog("my-catalog");
    let batch = coveo_push::BatchUpdateBody::new();
    let batch = batch.partial_update(coveo_push::PartialUpdate::replace("product://1", "ec_price", 1.0));
    let _ = catalog.update_batch(&batch).await.unwrap();
    let outcome = catalog.outcome("product://1").await.unwrap();
    assert_eq!(outcome.reason(), Some("the item of the partial update does not exist"));
    assert!(outcome.is_dropped());
}

#[test]
fn an_outcome_is_one_line_whatever_the_log_says() {
    let failed = Outcome::Failed { stage: "NEW\nSTAGE".into(), reason: "too\nlarge".to_owned() };
    assert_eq!(failed.to_string(), "failed at NEW STAGE: too large");
}
