//! Any operations, pushed in bulk.

use std::collections::BTreeMap;

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::report::PushReport;
use coveo_push::{ItemPusher, Operation, Preflight, Pushed};
use serde_json::{Value, json};

use super::{block_on, split};

const SOURCE: &str = "s";
pub(crate) const BATCH_BYTES: usize = 1_024;

/// An operation as it has to be in a batch: the list, and the value in it.
pub(crate) type Entry = (&'static str, Value);

/// One operation a line: its first byte says which, and a tab stands between the id and the item's JSON.
///
/// Each batch is JSON, no larger than it may be, and the batches hold exactly what was taken, in order,
/// but for what was refused.
pub(crate) fn check(lines: &[u8]) {
    let fake = FakePushApi::builder().source(SOURCE).build();
    block_on(async {
        let client = fake.client_builder().preflight(Preflight::Off).build().unwrap();
        let pusher = client.items(SOURCE).pusher().batch_bytes(BATCH_BYTES).replace_queued(false).start();
        let mut taken = Vec::new();
        for line in lines.split(|byte| *byte == b'\n') {
            taken.extend(push(&pusher, line).await);
        }
        hold(&fake, pusher.finish().await, taken);
    });
}

/// The batches of a run hold exactly what was taken, in order, and nothing else.
pub(crate) fn hold(fake: &FakePushApi, report: PushReport, taken: Vec<Entry>) {
    let report = report.into_result().unwrap();
    assert_eq!(report.totals.accepted as usize, taken.len());
    let mut uploads: BTreeMap<_, _> = BTreeMap::new();
    for request in fake.requests() {
        if request.operation() == Some(Operation::UploadToContainer) {
            let file_id = request.path().rsplit('/').next().unwrap().to_owned();
            assert!(request.body().len() <= BATCH_BYTES);
            uploads.insert(file_id, request.body().clone());
        }
    }
    let mut batches = report.batch_samples;
    batches.sort_by_key(|batch| batch.number);
    let mut taken = taken.into_iter();
    for batch in batches {
        let mut meant: BTreeMap<_, Vec<_>> = BTreeMap::new();
        // Each list has its operations in their order.
        for (list, entry) in taken.by_ref().take(batch.operations as usize) {
            meant.entry(list.to_owned()).or_default().push(entry);
        }
        assert!(!meant.is_empty(), "an empty batch");
        assert_eq!(held(&uploads[&batch.file_id]), meant);
    }
    assert_eq!(taken.count(), 0);
}

/// Pushes what a line says, and returns how it has to stand in a batch when it was taken.
async fn push(pusher: &ItemPusher, line: &[u8]) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    let (id, json) = split(line.as_bytes(), b"\t");
    let (what, id) = std::str::from_utf8(id).ok()?.split_at_checked(1)?;
    let json = std::str::from_utf8(json).ok()?;
    let (pushed, entry) = match what {
        "-" => (pusher.delete(id).await, Some(deletion(id, false))),
        "/" => (pusher.delete(id).delete_children(true).await, Some(deletion(id, true))),
        "=" => (pusher.add_or_update_json(json).await, item(json, None).map(add)),
        _ => (pusher.add_or_update_json(json).document_id(id).await, item(json, Some(id)).map(add)),
    };
    if_taken(&pushed.unwrap(), entry, line)
}

/// The operation, if it was taken; it is one then.
pub(crate) fn if_taken(pushed: &Pushed, entry: Option<Entry>, line: &str) -> Option<Entry> {
    pushed.is_queued().then(|| entry.unwrap_or_else(|| panic!("taken, and no operation: {line:?}")))
}

fn add(item: Value) -> Entry {
    ("addOrUpdate", item)
}

pub(crate) fn deletion(id: &str, children: bool) -> Entry {
    ("delete", json!({"documentId": id, "deleteChildren": children}))
}

/// What a text is as an item, if it is one.
pub(crate) fn item(json: &str, id: Option<&str>) -> Option<Value> {
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    let mut item: Value = serde_json::from_str(json).ok()?;
    let keys = item.as_object_mut()?;
    // One that is null counts as absent.
    keys.retain(|key, value| !(key.eq_ignore_ascii_case("documentId") && value.is_null()));
    if let (Some(id), false) = (id, keys.keys().any(|key| key.eq_ignore_ascii_case("documentId"))) {
        keys.insert("documentId".to_owned(), id.into());
    }
    Some(item)
}

/// The lists of a batch, but for empty ones.
fn held(batch: &Bytes) -> BTreeMap<String, Vec<Value>> {
    let mut lists: BTreeMap<String, Vec<Value>> = serde_json::from_slice(batch).unwrap();
    lists.retain(|_, list| !list.is_empty());
    lists
}
