//! Failed batches that are pushed again after later operations on the same items.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{AfterFailure, FailedBatch, FailureReason, PushReport, SavedBatch};
use coveo_push::{CatalogUpdater, CatalogUpdates, Error, Operation, PartialUpdate, PushError, PusherBuilder, Rule};
use serde_json::{Value, json};

use super::support::{CATALOG, block_on, fake, items};

const ID: &str = "p://1/";

/// The fate of an operation whose batch failed, and that is pushed again after a later operation was accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Pushed,
    Replaced,
    Lost,
}

/// An operation on the item.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put(u64),
    Delete,
    DeleteChildren,
    /// On an item below.
    PutBelow,
    Replace(u64),
    Append(u64),
    Remove(u64),
    DictionaryPut(&'static str, u64),
    DictionaryRemove(&'static str),
    /// On another field.
    ReplaceOther,
}

use Fate::{Lost, Pushed, Replaced};
use Step::{
    Append, Delete, DeleteChildren, DictionaryPut, DictionaryRemove, Put, PutBelow, Remove, Replace, ReplaceOther,
};

fn item(n: u64) -> Value {
    json!({"n": n, "list": [1, 2], "map": {"x": 0, "y": 0}})
}

async fn push(updater: &CatalogUpdater, step: Step) {
    let pushed = match step {
        Put(n) => updater.add_or_update(ID, &item(n)).await,
        Delete => updater.delete(ID).await,
        DeleteChildren => updater.delete(ID).delete_children(true).await,
        PutBelow => updater.add_or_update("p://1/below", &item(9)).await,
        // A list, so that values can be appended later.
        Replace(n) => updater.partial_update(PartialUpdate::replace(ID, "list", vec![n])).await,
        Append(n) => updater.partial_update(PartialUpdate::array_append(ID, "list", [n])).await,
        Remove(n) => updater.partial_update(PartialUpdate::array_remove(ID, "LIST", [n])).await,
        DictionaryPut(key, n) => updater.partial_update(PartialUpdate::dictionary_put(ID, "map", [(key, n)])).await,
        DictionaryRemove(key) => updater.partial_update(PartialUpdate::dictionary_remove(ID, "map", [key])).await,
        ReplaceOther => updater.partial_update(PartialUpdate::replace(ID, "n", 7)).await,
    };
    assert!(pushed.unwrap().is_queued());
}

/// A fake with the item and one below.
async fn filled() -> FakePushApi {
    let fake = fake();
    let updater = fake.client().catalog(CATALOG).updater().start();
    for id in [ID, "p://1/below"] {
        updater.add_or_update(id, &item(0)).await.unwrap();
    }
    updater.finish().await.into_result().unwrap();
    fake
}

fn updater(fake: &FakePushApi) -> PusherBuilder<CatalogUpdates> {
    fake.client().catalog(CATALOG).updater().linger(Duration::from_millis(10))
}

fn state(fake: &FakePushApi) -> Value {
    let mut state = json!(items(&fake.source(CATALOG)));
    // The order of appended values is not promised.
    for item in state.as_object_mut().unwrap().values_mut() {
        item["list"].as_array_mut().unwrap().sort_by_key(Value::as_u64);
    }
    state
}

/// The batch of the first step fails, and is pushed again when the second step has been accepted.
async fn one_after_the_other(fake: &FakePushApi, first: Step, second: Step) -> PushReport {
    let again = |failed| AfterFailure::Again(failed, Duration::from_secs(60));
    let run = updater(fake).on_failed_batch(again).start();
    fake.inject(Fault::on(Operation::UpdateCatalog).status(400));
    push(&run, first).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    push(&run, second).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    run.finish().await
}

#[test]
fn guarantee_5_an_operation_is_pushed_again_replaced_or_named_as_lost_by_what_a_later_one_says() {
    let table = [
        // The whole item.
        (Put(1), Put(2), Replaced),
        (Put(1), Delete, Replaced),
        (Delete, Put(2), Replaced),
        (Put(1), DeleteChildren, Replaced),
        (Append(3), Put(2), Replaced),
        (Append(3), Delete, Replaced),
        (Append(3), DeleteChildren, Replaced),
        (DictionaryPut("x", 1), Put(2), Replaced),
        (DeleteChildren, DeleteChildren, Replaced),
        (Put(1), ReplaceOther, Lost),
        (Put(1), Append(3), Lost),
        (Delete, Append(3), Lost),
        (DeleteChildren, Put(2), Lost),
        (DeleteChildren, PutBelow, Lost),
        (DeleteChildren, Append(3), Lost),
        (PutBelow, DeleteChildren, Replaced),
        (PutBelow, Delete, Pushed),
        // One field.
        (Replace(4), Replace(5), Replaced),
        (Replace(4), ReplaceOther, Pushed),
        (Append(3), Replace(5), Replaced),
        (Replace(4), Append(3), Lost),
        (Append(3), Append(4), Pushed),
        (Append(3), ReplaceOther, Pushed),
        (Remove(1), Remove(2), Pushed),
        (Append(3), Remove(1), Lost),
        (Remove(1), Append(3), Lost),
        // Keys of a dictionary.
        (DictionaryPut("x", 1), DictionaryPut("x", 2), Replaced),
        (DictionaryPut("x", 1), DictionaryRemove("x"), Replaced),
        (DictionaryRemove("x"), DictionaryPut("x", 2), Replaced),
        (DictionaryRemove("x"), DictionaryRemove("x"), Replaced),
        (DictionaryRemove("x"), DictionaryRemove("y"), Pushed),
        (DictionaryPut("x", 1), DictionaryPut("y", 2), Lost),
        (DictionaryPut("x", 1), Append(3), Pushed),
    ];
    for (first, second, fate) in table {
        block_on(async {
            let name = format!("{first:?}, then {second:?}");
            let fake = filled().await;
            let report = one_after_the_other(&fake, first, second).await;
            let (accepted, replaced, failed) = match fate {
                Pushed => (2, 0, 0),
                Replaced => (1, 1, 0),
                Lost => (1, 0, 1),
            };
            let totals = report.totals;
            assert_eq!((totals.pushed, totals.unsent, totals.refused), (2, 0, 0), "{name}");
            assert_eq!((totals.accepted, totals.replaced, totals.failed), (accepted, replaced, failed), "{name}");
            let lost: Vec<&str> = report.failed_batches.iter().flat_map(FailedBatch::to_conflicting_ids).collect();
            assert_eq!(lost.len() as u64, failed, "{name}");
            assert!(lost.iter().all(|id| *id == ID), "{name}");
            // As if nothing had failed, or only the second step was there.
            let expected = filled().await;
            let run = updater(&expected).start();
            if fate != Lost {
                push(&run, first).await;
            }
            push(&run, second).await;
            run.finish().await.into_result().unwrap();
            assert_eq!(state(&fake), state(&expected), "{name}");
            let is_lost = matches!(report.into_result(), Err(PushError::Incomplete(_)));
            assert_eq!(is_lost, fate == Lost, "{name}");
        });
    }
}

#[test]
fn guarantee_5_a_merge_is_replaced_by_one_of_the_same_keys_and_lost_with_one_of_others() {
    for (first, second, fate) in [
        (json!({"a": 1, "b": 1}), json!({"B": 2, "a": 2}), Replaced),
        (json!({"a": 1, "b": 1}), json!({"b": 2, "c": 2}), Lost),
        (json!({"a": 1, "b": 1}), json!({"a": 2}), Lost),
        (json!({"documentId": "p://1", "a": 1}), json!({"a": 2}), Replaced),
    ] {
        block_on(async {
            let fake = fake();
            let again = |failed| AfterFailure::Again(failed, Duration::from_secs(60));
            let merger = fake.client().catalog(CATALOG).merger().linger(Duration::from_millis(10));
            let merger = merger.on_failed_batch(again).start();
            fake.inject(Fault::on(Operation::MergeCatalog).status(400));
            for item in [&first, &second] {
                merger.add_or_merge("p://1", item).await.unwrap();
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            let report = merger.finish().await;
            let counts = (report.totals.accepted, report.totals.replaced, report.totals.failed);
            assert_eq!(counts, if fate == Replaced { (1, 1, 0) } else { (1, 0, 1) }, "{first}, then {second}");
            assert_eq!(json!(items(&fake.source(CATALOG))["p://1"]), second);
        });
    }
}

/// A batch of three operations fails. Later ones undo one of them, replace another, and leave the third alone.
async fn fail_and_change(fake: &FakePushApi, run: &CatalogUpdater) {
    fake.inject(Fault::on(Operation::UpdateCatalog).status(400));
    for step in [Replace(4), DictionaryPut("x", 1), ReplaceOther] {
        push(run, step).await;
    }
    run.flush().await.unwrap();
    for step in [Append(3), DictionaryPut("x", 2)] {
        push(run, step).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_would_undo_a_later_one_is_handed_back_and_the_rest_of_its_batch_is_pushed_again() {
    let fake = filled().await;
    let handed = Arc::new(Mutex::new(Vec::new()));
    let hands = Arc::clone(&handed);
    let run = updater(&fake).on_failed_batch(move |failed: FailedBatch| hands.lock().unwrap().push(failed)).start();
    fail_and_change(&fake, &run).await;
    // The later operations are not sent yet: nothing is superseded before, and the batch waits for them.
    let failed = handed.lock().unwrap().pop().unwrap();
    assert_eq!((failed.to_superseded_ids().len(), failed.to_conflicting_ids().len()), (0, 0));
    run.push_again(failed).await.unwrap();
    let conflict = handed.lock().unwrap().pop().unwrap();
    assert!(matches!(conflict.reason(), FailureReason::Conflict(ids) if ids[..] == [ID]), "{conflict}");
    assert_eq!((conflict.operations(), conflict.to_conflicting_ids()), (1, vec![ID]));
    assert!(!conflict.is_retryable() && !conflict.is_unsent());
    assert!(conflict.to_string().contains("`p://1/`"), "{conflict}");
    // By itself it is not pushed either.
    let Err(Error::Invalid(invalid)) = conflict.push_again().await else { panic!("it was pushed again") };
    assert_eq!((invalid.findings().len(), invalid.findings()[0].rule()), (1, Rule::OperationConflict));
    run.push_again(conflict).await.unwrap();
    let report = run.finish().await;
    let totals = report.totals;
    assert_eq!((totals.pushed, totals.accepted, totals.replaced, totals.failed), (5, 3, 1, 1), "{report}");
    assert_eq!(totals.settled_to, 0);
    let item = fake.source(CATALOG).item(ID).unwrap();
    assert_eq!(item.json(), &json!({"n": 7, "list": [1, 2, 3], "map": {"x": 2, "y": 0}}));
}

#[tokio::test(start_paused = true)]
async fn batches_of_which_none_was_sent_are_pushed_again_in_their_order_whatever_they_say() {
    let fake = filled().await;
    let run = updater(&fake).start();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(400).always());
    for step in [Put(1), Append(3), ReplaceOther] {
        push(&run, step).await;
    }
    let report = run.finish().await;
    assert_eq!((report.totals.accepted, report.failed_batches.len()), (0, 2), "{report}");
    fake.clear_faults();
    for failed in &report.failed_batches {
        assert!(failed.push_again().await.unwrap().is_some());
    }
    let item = fake.source(CATALOG).item(ID).unwrap();
    assert_eq!(item.json(), &json!({"n": 7, "list": [1, 2, 3], "map": {"x": 0, "y": 0}}));
    // In the wrong order it would undo the changes.
    let Err(Error::Invalid(_)) = report.failed_batches[0].push_again().await else { panic!("it was pushed again") };
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_an_earlier_run_knows_the_fields_of_a_later_one() {
    let fake = filled().await;
    let run = updater(&fake).start();
    fake.inject(Fault::on(Operation::UpdateCatalog).status(400).times(2));
    push(&run, Replace(4)).await;
    let failed = run.finish().await.failed_batches.remove(0);
    let again = |failed| AfterFailure::Again(failed, Duration::from_secs(60));
    let run = updater(&fake).on_failed_batch(again).start();
    run.push_again(failed).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    push(&run, Append(3)).await;
    let report = run.finish().await;
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.failed), (2, 1, 1), "{report}");
    assert_eq!(fake.source(CATALOG).item(ID).unwrap().json()["list"], json!([1, 2, 3]));
}

#[tokio::test(start_paused = true)]
async fn a_file_names_an_operation_that_would_undo_a_later_one_for_good() {
    let fake = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let save = move |failed: FailedBatch| drop(failed.save_blocking(&path).unwrap());
    let run = updater(&fake).on_failed_batch(save).start();
    fail_and_change(&fake, &run).await;
    let _ = run.finish().await;
    let files = SavedBatch::files(folder.path()).unwrap();
    let saved = SavedBatch::open(&files[0]).unwrap();
    assert_eq!((files.len(), saved.superseded_ids().unwrap()), (1, vec![ID.to_owned()]));
    let body: Value = serde_json::from_slice(&saved.body().unwrap().unwrap()).unwrap();
    assert_eq!(body["partialUpdate"][0]["field"], "n");
    assert_eq!(body["partialUpdate"].as_array().unwrap().len(), 1);
}
