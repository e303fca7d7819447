//! Updates of a catalog: whole items, deletions, and changes of single fields.

use std::collections::{BTreeMap, BTreeSet};

use coveo_push::fake::FakePushApi;
use coveo_push::{CatalogUpdates, PartialUpdate, PushClient, PushError, PushQueue, Pushed, PusherBuilder};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::corpus::one_of;
use crate::kind::Kind;
use crate::plan::Way;
use crate::running::Running;

pub(crate) const UPDATED: &str = "soak-updated-catalog";

pub(crate) struct Updates;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    n: u64,
    id: String,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Put { bytes: usize },
    Delete,
    Change { field: Field },
}

/// A field, and how it changes. No change has another effect when it is made twice.
#[derive(Debug, Clone, Copy)]
enum Field {
    Replaced(u8),
    Cleared(u8),
    MapPut(u8),
    MapRemove(u8),
    ListRemove(u64),
}

impl Field {
    fn draw(rng: &mut Rng) -> Self {
        let (key, value) = (rng.u8(..3), rng.u64(..4));
        one_of(
            rng,
            [
                Self::Replaced(key),
                Self::Replaced(key),
                Self::Cleared(key),
                Self::MapPut(key),
                Self::MapRemove(key),
                Self::ListRemove(value),
            ],
        )
    }

    /// Whether two changes have the same effect in either order.
    fn is_apart_from(self, other: Self) -> bool {
        match (self, other) {
            (Self::MapRemove(one), Self::MapRemove(other)) => one != other,
            (Self::ListRemove(_), Self::ListRemove(_)) => true,
            _ => self.name() != other.name(),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Replaced(key) | Self::Cleared(key) => field(key),
            Self::MapPut(_) | Self::MapRemove(_) => "map".to_owned(),
            Self::ListRemove(_) => "list".to_owned(),
        }
    }
}

fn field(key: u8) -> String {
    format!("field{key}")
}

/// The state of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Product {
    n: u64,
    fields: BTreeMap<String, u64>,
    map: BTreeMap<String, u64>,
    list: BTreeSet<u64>,
}

impl Operation {
    fn json(&self, bytes: usize) -> Value {
        json!({ "n": self.n, "map": { "0": self.n }, "list": [0, 1, 2], "filler": "x".repeat(bytes) })
    }

    fn update(&self, change: Field) -> PartialUpdate {
        let Self { n, id, .. } = self;
        let name = change.name();
        match change {
            Field::Replaced(_) => PartialUpdate::replace(id, name, *n),
            Field::Cleared(_) => PartialUpdate::clear(id, name),
            Field::MapPut(key) => PartialUpdate::dictionary_put(id, name, [(key.to_string(), *n)]),
            Field::MapRemove(key) => PartialUpdate::dictionary_remove(id, name, [key.to_string()]),
            Field::ListRemove(value) => PartialUpdate::array_remove(id, name, [value]),
        }
    }
}

impl Kind for Updates {
    const REPLACED_LEAVE_NO_TRACE: bool = true;
    const WAYS: [Way; 8] = [Way::Bulk; 8];

    type Operation = Operation;
    type State = Option<Product>;
    type Handle = CatalogUpdates;

    fn draw(rng: &mut Rng, keys: &[String], n: u64) -> Operation {
        let id = rng.choice(keys).cloned().unwrap_or_default();
        let what = match rng.u8(..10) {
            0 => What::Delete,
            1..=4 => What::Put { bytes: rng.usize(..600) },
            _ => What::Change { field: Field::draw(rng) },
        };
        Operation { n, id, what }
    }

    fn draw_refused(_: &mut Rng, n: u64) -> Operation {
        Operation { n, id: "no uri".to_owned(), what: What::Delete }
    }

    fn key(operation: &Operation) -> &str {
        &operation.id
    }

    fn name(operation: &Operation) -> String {
        match operation.what {
            What::Change { field } => format!("{} {}", field.name(), operation.id),
            What::Put { .. } | What::Delete => operation.id.clone(),
        }
    }

    fn list(operation: &Operation) -> &'static str {
        match operation.what {
            What::Put { .. } => "addOrUpdate",
            What::Delete => "delete",
            What::Change { .. } => "partialUpdate",
        }
    }

    fn covers(operation: &Operation, key: &str) -> bool {
        operation.id == key
    }

    fn leaves_a_rest(_: &Operation) -> bool {
        // A change of one field takes the place of a whole item, and of another change of that field.
        true
    }

    fn supersedes(later: &Operation, earlier: &Operation) -> bool {
        let are_apart = match (later.what, earlier.what) {
            (What::Change { field: one }, What::Change { field: other }) => one.is_apart_from(other),
            _ => false,
        };
        later.id == earlier.id && !are_apart
    }

    fn after(operation: &Operation, before: &Option<Product>) -> Option<Product> {
        let n = operation.n;
        let change = match operation.what {
            What::Delete => return None,
            What::Put { .. } => {
                let map = BTreeMap::from([("0".to_owned(), n)]);
                return Some(Product { n, map, list: BTreeSet::from([0, 1, 2]), ..Product::default() });
            }
            What::Change { field } => field,
        };
        // A partial update creates no item.
        let mut product = before.clone()?;
        match change {
            Field::Replaced(key) => drop(product.fields.insert(field(key), n)),
            Field::Cleared(key) => drop(product.fields.remove(&field(key))),
            Field::MapPut(key) => drop(product.map.insert(key.to_string(), n)),
            Field::MapRemove(key) => drop(product.map.remove(&key.to_string())),
            Field::ListRemove(value) => drop(product.list.remove(&value)),
        }
        Some(product)
    }

    fn without_old(state: &Option<Product>, last: u64) -> Option<Product> {
        state.clone().filter(|product| product.n > last)
    }

    fn found(fake: &FakePushApi, key: &str) -> Option<Product> {
        let item = fake.source(UPDATED).item(key)?;
        let mut product = Product::default();
        for (name, value) in item.json().as_object()? {
            match name.as_str() {
                "n" => product.n = value.as_u64()?,
                "map" => {
                    let entries = value.as_object()?.iter();
                    product.map = entries.filter_map(|(key, value)| Some((key.clone(), value.as_u64()?))).collect();
                }
                "list" => product.list = value.as_array()?.iter().filter_map(Value::as_u64).collect(),
                "filler" => {}
                _ => drop(product.fields.insert(name.clone(), value.as_u64()?)),
            }
        }
        Some(product)
    }

    fn with_ordering_id(builder: PusherBuilder<CatalogUpdates>, _: u64) -> PusherBuilder<CatalogUpdates> {
        builder
    }

    async fn push(updater: &PushQueue<CatalogUpdates>, operation: &Operation) -> Result<Pushed, PushError> {
        match operation.what {
            What::Put { bytes } => updater.add_or_update(&operation.id, &operation.json(bytes)).await,
            What::Delete => updater.delete(&operation.id).await,
            What::Change { field } => updater.partial_update(operation.update(field)).await,
        }
    }

    async fn start(
        client: &PushClient,
        _: Way,
        set: impl FnOnce(PusherBuilder<CatalogUpdates>) -> PusherBuilder<CatalogUpdates>,
    ) -> Option<Box<dyn Running<CatalogUpdates>>> {
        Some(Box::new(set(client.catalog(UPDATED).updater()).start()))
    }

    fn name_of(entry: &Value) -> Option<String> {
        let id = entry.get("documentId")?.as_str()?;
        match entry.get("operator") {
            Some(_) => Some(format!("{} {id}", entry.get("field")?.as_str()?)),
            None => Some(id.to_owned()),
        }
    }
}
