//! Any partial updates and merges, as models and pushed in bulk.

use coveo_push::fake::FakePushApi;
use coveo_push::{
    BatchMergeBody, BatchUpdateBody, CatalogMerger, CatalogUpdater, PartialUpdate, PartialUpdateOperator, Preflight,
};
use serde_json::{Value, json};

use super::framing::{BATCH_BYTES, Entry, deletion, hold, if_taken, item};
use super::models::is_kept;
use super::{block_on, property, split};

const CATALOG: &str = "c";

/// One operation a line, as in `framing`: `~` and the JSON of a partial update, `*` with an id and the item to merge,
/// and `+`, `=`, `-` and `/`.
///
/// The batches of an updater and of a merger hold exactly what was taken.
pub(crate) fn check(lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n') {
        models(line.get(1..).unwrap_or_default());
    }
    block_on(async {
        let (updates, merges) = (catalog(), catalog());
        let start =
            |fake: &FakePushApi| fake.client_builder().preflight(Preflight::Off).build().unwrap().catalog(CATALOG);
        let updater = start(&updates).updater().batch_bytes(BATCH_BYTES).replace_queued(false).start();
        let merger = start(&merges).merger().batch_bytes(BATCH_BYTES).replace_queued(false).start();
        let (mut updated, mut merged) = (Vec::new(), Vec::new());
        for line in lines.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()) {
            match line.strip_prefix('*') {
                Some(rest) => merged.extend(merge(&merger, rest).await),
                None => updated.extend(update(&updater, line).await),
            }
        }
        hold(&updates, updater.finish().await, updated);
        hold(&merges, merger.finish().await, merged);
    });
}

fn catalog() -> FakePushApi {
    FakePushApi::builder().catalog_source(CATALOG).build()
}

fn models(json: &[u8]) {
    is_kept::<PartialUpdate>(json);
    is_kept::<PartialUpdateOperator>(json);
    is_kept::<BatchUpdateBody>(json);
    is_kept::<BatchMergeBody>(json);
}

/// Pushes what a line says, and returns how it has to be in a batch when it was taken.
async fn update(updater: &CatalogUpdater, line: &str) -> Option<Entry> {
    let (what, rest) = line.split_at_checked(1)?;
    let (id, json) = rest.split_once('\t').unwrap_or((rest, ""));
    let add = |item| ("addOrUpdate", item);
    let (pushed, entry) = match what {
        "~" => {
            let update = serde_json::from_str::<PartialUpdate>(rest).ok()?;
            let entry = partial_update(&update, &serde_json::from_str(rest).unwrap());
            (updater.partial_update(update).await, Some(entry))
        }
        "-" => (updater.delete(id).await, Some(deletion(id, false))),
        "/" => (updater.delete(id).delete_children(true).await, Some(deletion(id, true))),
        "=" => (updater.add_or_update_json(json).await, item(json, None).map(add)),
        _ => (updater.add_or_update_json(json).document_id(id).await, item(json, Some(id)).map(add)),
    };
    if_taken(&pushed.unwrap(), entry, line)
}

/// A partial update in a batch: with the service's keys and the exact word of its operator, and with the value that was
/// told.
fn partial_update(update: &PartialUpdate, told: &Value) -> Entry {
    let operator = match update.operator {
        PartialUpdateOperator::ArrayAppend => "arrayAppend",
        PartialUpdateOperator::ArrayRemove => "arrayRemove",
        PartialUpdateOperator::FieldValueReplace => "fieldValueReplace",
        PartialUpdateOperator::DictionaryPut => "dictionaryPut",
        PartialUpdateOperator::DictionaryRemove => "dictionaryRemove",
        other => panic!("{other}"),
    };
    let value = property(told, "value").cloned().unwrap_or_default();
    let (id, field) = (property(told, "documentId").unwrap(), property(told, "field").unwrap());
    ("partialUpdate", json!({"documentId": id, "operator": operator, "field": field, "value": value}))
}

/// Pushes an id and an item to merge.
async fn merge(merger: &CatalogMerger, rest: &str) -> Option<Entry> {
    let (id, json) = split(rest.as_bytes(), b"\t");
    let (id, json) = (std::str::from_utf8(id).ok()?, std::str::from_utf8(json).ok()?);
    let pushed = merger.add_or_merge_json(json).document_id(id).await;
    if_taken(&pushed.unwrap(), item(json, Some(id)).map(|item| ("addOrMerge", item)), rest)
}
