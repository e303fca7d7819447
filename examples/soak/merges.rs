//! Merges into the items of a catalog: only the keys of an operation change.

use std::collections::BTreeMap;

use coveo_push::fake::FakePushApi;
use coveo_push::{CatalogMerges, PushClient, PushError, PushQueue, Pushed, PusherBuilder};
use fastrand::Rng;
use serde_json::{Map, Value};

use crate::kind::Kind;
use crate::plan::Way;
use crate::running::Running;

pub(crate) const MERGED: &str = "soak-merged-catalog";

pub(crate) struct Merges;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    n: u64,
    id: String,
    /// The key that it changes.
    changes: &'static str,
    bytes: usize,
}

/// Not among the keys of an item that are compared.
const FILLER: &str = "filler";

impl Kind for Merges {
    // No merge is replaced.
    const REPLACED_LEAVE_NO_TRACE: bool = true;
    const WAYS: [Way; 8] = [Way::Bulk; 8];

    type Operation = Operation;
    /// The keys of the item, with the numbers of the operations that they are from.
    type State = Option<BTreeMap<String, u64>>;
    type Handle = CatalogMerges;

    fn draw(rng: &mut Rng, keys: &[String], n: u64) -> Operation {
        let id = rng.choice(keys).cloned().unwrap_or_default();
        let changes = rng.choice(["a", "b", "c"]).unwrap_or_default();
        Operation { n, id, changes, bytes: rng.usize(..600) }
    }

    fn draw_refused(_: &mut Rng, n: u64) -> Operation {
        Operation { n, id: "no uri".to_owned(), changes: "a", bytes: 0 }
    }

    fn key(operation: &Operation) -> &str {
        &operation.id
    }

    fn list(_: &Operation) -> &'static str {
        "addOrMerge"
    }

    fn covers(operation: &Operation, key: &str) -> bool {
        operation.id == key
    }

    fn leaves_a_rest(_: &Operation) -> bool {
        true
    }

    fn supersedes(later: &Operation, earlier: &Operation) -> bool {
        later.id == earlier.id
    }

    fn after(operation: &Operation, before: &Self::State) -> Self::State {
        let mut keys = before.clone().unwrap_or_default();
        keys.insert(operation.changes.to_owned(), operation.n);
        Some(keys)
    }

    fn without_old(state: &Self::State, last: u64) -> Self::State {
        state.clone().filter(|keys| keys.values().any(|number| *number > last))
    }

    fn found(fake: &FakePushApi, key: &str) -> Self::State {
        let item = fake.source(MERGED).item(key)?;
        let keys = item.json().as_object()?.iter().filter(|(key, _)| *key != FILLER);
        Some(keys.filter_map(|(key, value)| Some((key.clone(), value.as_u64()?))).collect())
    }

    fn with_ordering_id(builder: PusherBuilder<CatalogMerges>, _: u64) -> PusherBuilder<CatalogMerges> {
        builder
    }

    async fn push(merger: &PushQueue<CatalogMerges>, operation: &Operation) -> Result<Pushed, PushError> {
        let Operation { n, id, changes, bytes } = operation;
        let item = Map::from_iter([
            ((*changes).to_owned(), Value::from(*n)),
            (FILLER.to_owned(), Value::from("x".repeat(*bytes))),
        ]);
        merger.add_or_merge(id, &item).await
    }

    async fn start(
        client: &PushClient,
        _: Way,
        set: impl FnOnce(PusherBuilder<CatalogMerges>) -> PusherBuilder<CatalogMerges>,
    ) -> Option<Box<dyn Running<CatalogMerges>>> {
        Some(Box::new(set(client.catalog(MERGED).merger()).start()))
    }

    fn name_of(entry: &Value) -> Option<String> {
        entry.get("documentId")?.as_str().map(str::to_owned)
    }
}
