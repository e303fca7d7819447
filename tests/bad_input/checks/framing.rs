//! Any operations, pushed in bulk.

use std::collections::BTreeMap;

use coveo_push::fake::FakePushApi;
use coveo_push::{ItemPusher, Operation, Preflight, Pushed};
use serde_json::Value;

use super::{block_on, split};

const SOURCE: &str = "s";
const BATCH_BYTES: usize = 1_024;

/// An operation as it has to stand in a batch.
#[derive(Debug, PartialEq)]
enum Entry {
    Add(Value),
    Delete { id: String, children: bool },
}

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
        let report = pusher.finish().await.into_result().unwrap();
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
            let meant: Vec<_> = taken.by_ref().take(batch.operations as usize).collect();
            assert!(!meant.is_empty(), "an empty batch");
            // The additions stand before the deletions, each in their order.
            let (adds, deletes): (Vec<_>, Vec<_>) = meant.into_iter().partition(|entry| matches!(entry, Entry::Add(_)));
            assert_eq!(held(&uploads[&batch.file_id]), (adds, deletes));
        }
        assert_eq!(taken.count(), 0);
    });
}

/// Pushes what a line says, and returns how it has to stand in a batch when it was taken.
async fn push(pusher: &ItemPusher, line: &[u8]) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    let (id, json) = split(line.as_bytes(), b"\t");
    let (what, id) = std::str::from_utf8(id).ok()?.split_at_checked(1)?;
    let json = std::str::from_utf8(json).ok()?;
    let delete = |children| Entry::Delete { id: id.to_owned(), children };
    let (pushed, entry) = match what {
        "-" => (pusher.delete(id).await, Some(delete(false))),
        "/" => (pusher.delete(id).delete_children(true).await, Some(delete(true))),
        "=" => (pusher.add_or_update_json(json).await, item(json, None).map(Entry::Add)),
        _ => (pusher.add_or_update_json(json).document_id(id).await, item(json, Some(id)).map(Entry::Add)),
    };
    match pushed.unwrap() {
        Pushed::Queued(_) => Some(entry.unwrap_or_else(|| panic!("taken, and no item: {line:?}"))),
        _ => None,
    }
}

/// What a text is as an item, if it is one.
fn item(json: &str, id: Option<&str>) -> Option<Value> {
    let mut item: Value = serde_json::from_str(json).ok()?;
    let keys = item.as_object_mut()?;
    // One that is null counts as absent.
    keys.retain(|key, value| !(key.eq_ignore_ascii_case("documentId") && value.is_null()));
    if let (Some(id), false) = (id, keys.keys().any(|key| key.eq_ignore_ascii_case("documentId"))) {
        keys.insert("documentId".to_owned(), id.into());
    }
    Some(item)
}

/// The additions and the deletions of a batch.
fn held(batch: &[u8]) -> (Vec<Entry>, Vec<Entry>) {
    let batch: Value = serde_json::from_slice(batch).unwrap();
    let list = |name: &str| batch.get(name).map_or(&[][..], |list| list.as_array().unwrap()).iter();
    let delete = |entry: &Value| Entry::Delete {
        id: entry["documentId"].as_str().unwrap().to_owned(),
        children: entry["deleteChildren"].as_bool().unwrap(),
    };
    (list("addOrUpdate").cloned().map(Entry::Add).collect(), list("delete").map(delete).collect())
}
