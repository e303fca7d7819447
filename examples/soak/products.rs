//! Whole items of a catalog, by refreshes and loads.

use coveo_push::fake::FakePushApi;
use coveo_push::{CatalogItems, PushClient, PushError, PushQueue, Pushed, PusherBuilder};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::kind::Kind;
use crate::plan::Way;
use crate::running::Running;

pub(crate) const LOADED: &str = "soak-loaded-catalog";

pub(crate) struct Products;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    n: u64,
    id: String,
    bytes: usize,
}

impl Kind for Products {
    const REPLACED_LEAVE_NO_TRACE: bool = true;
    const WAYS: [Way; 8] = {
        use Way::{Load, Refresh};
        [Refresh, Refresh, Refresh, Refresh, Load, Load, Load, Load]
    };

    type Operation = Operation;
    /// The number of the item.
    type State = Option<u64>;
    type Handle = CatalogItems;

    fn draw(rng: &mut Rng, keys: &[String], n: u64) -> Operation {
        Operation { n, id: rng.choice(keys).cloned().unwrap_or_default(), bytes: rng.usize(..700) }
    }

    fn draw_refused(_: &mut Rng, n: u64) -> Operation {
        Operation { n, id: "no uri".to_owned(), bytes: 0 }
    }

    fn key(operation: &Operation) -> &str {
        &operation.id
    }

    fn list(_: &Operation) -> &'static str {
        "addOrUpdate"
    }

    fn covers(operation: &Operation, key: &str) -> bool {
        operation.id == key
    }

    fn leaves_a_rest(_: &Operation) -> bool {
        false
    }

    fn supersedes(later: &Operation, earlier: &Operation) -> bool {
        later.id == earlier.id
    }

    fn after(operation: &Operation, _: &Option<u64>) -> Option<u64> {
        Some(operation.n)
    }

    fn without_old(state: &Option<u64>, last: u64) -> Option<u64> {
        state.filter(|number| *number > last)
    }

    fn found(fake: &FakePushApi, key: &str) -> Option<u64> {
        fake.source(LOADED).item(key)?.json().get("n")?.as_u64()
    }

    fn with_ordering_id(builder: PusherBuilder<CatalogItems>, _: u64) -> PusherBuilder<CatalogItems> {
        builder
    }

    async fn push(pusher: &PushQueue<CatalogItems>, operation: &Operation) -> Result<Pushed, PushError> {
        let Operation { n, id, bytes } = operation;
        pusher.add_or_update(id, &json!({ "n": n, "filler": "x".repeat(*bytes) })).await
    }

    async fn start(
        client: &PushClient,
        way: Way,
        set: impl FnOnce(PusherBuilder<CatalogItems>) -> PusherBuilder<CatalogItems>,
    ) -> Option<Box<dyn Running<CatalogItems>>> {
        let catalog = client.catalog(LOADED);
        if way == Way::Load {
            return Some(Box::new(catalog.load().pusher(set).start().await.ok()?));
        }
        Some(Box::new(catalog.refresh().pusher(set).start().await.ok()?))
    }

    fn name_of(entry: &Value) -> Option<String> {
        entry.get("documentId")?.as_str().map(str::to_owned)
    }
}
