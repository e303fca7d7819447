//! Items: added in each way that there is, deleted alone and with their children.

use coveo_push::fake::FakePushApi;
use coveo_push::{
    BatchDocumentBody, DocumentBody, Error, ItemOperation, PushClient, PushError, PushQueue, Pushed, PusherBuilder,
    RefreshKind,
};
use fastrand::Rng;
use futures_util::stream;
use serde_json::{Value, json};

use crate::corpus::one_of;
use crate::kind::{Kind, SOURCE, SingleCalls};
use crate::plan::Way as RunWay;
use crate::running::Running;

pub(crate) struct Items;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    n: u64,
    id: String,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Add {
        bytes: usize,
        way: Way,
    },
    Delete,
    DeleteChildren,
    /// An item with a key twice.
    KeyTwice,
}

/// How an item is given.
#[derive(Debug, Clone, Copy)]
enum Way {
    Typed,
    Json,
    JsonWithId,
    Stream,
}

const WAYS: [Way; 4] = [Way::Typed, Way::Json, Way::JsonWithId, Way::Stream];

impl Operation {
    fn text(&self, bytes: usize) -> String {
        format!("{} \"é\\ {}", self.n, "x".repeat(bytes))
    }

    pub(crate) fn number(&self) -> u64 {
        self.n
    }

    fn body(&self, bytes: usize) -> DocumentBody {
        DocumentBody::text(self.text(bytes)).metadata("n", self.n as i64)
    }
}

impl Kind for Items {
    const REPLACED_LEAVE_NO_TRACE: bool = true;
    const WAYS: [RunWay; 8] = {
        use RunWay::{Bulk, Incremental, Refresh};
        [Refresh, Refresh, Refresh, Incremental, Bulk, Bulk, Bulk, Bulk]
    };

    type Operation = Operation;
    /// The number of the item.
    type State = Option<u64>;
    type Handle = coveo_push::Items;

    fn draw(rng: &mut Rng, keys: &[String], n: u64) -> Operation {
        let id = rng.choice(keys).cloned().unwrap_or_default();
        let most = one_of(rng, [20, 300, 700]);
        let what = match rng.u8(..20) {
            0..=2 => What::Delete,
            3 => What::DeleteChildren,
            _ => What::Add { bytes: rng.usize(..most), way: one_of(rng, WAYS) },
        };
        Operation { n, id, what }
    }

    fn draw_refused(rng: &mut Rng, n: u64) -> Operation {
        if rng.bool() {
            Operation { n, id: "soak://refused".to_owned(), what: What::KeyTwice }
        } else {
            Operation { n, id: "no uri".to_owned(), what: What::Delete }
        }
    }

    fn key(operation: &Operation) -> &str {
        &operation.id
    }

    fn list(operation: &Operation) -> &'static str {
        match operation.what {
            What::Add { .. } | What::KeyTwice => "addOrUpdate",
            What::Delete | What::DeleteChildren => "delete",
        }
    }

    fn covers(operation: &Operation, key: &str) -> bool {
        match operation.what {
            What::DeleteChildren => key.starts_with(&operation.id),
            What::Add { .. } | What::KeyTwice | What::Delete => key == operation.id,
        }
    }

    fn leaves_a_rest(operation: &Operation) -> bool {
        // It would delete later pushes, and so leaves the other items below it.
        matches!(operation.what, What::DeleteChildren)
    }

    fn supersedes(later: &Operation, earlier: &Operation) -> bool {
        Self::covers(later, &earlier.id) || Self::covers(earlier, &later.id)
    }

    fn after(operation: &Operation, _: &Option<u64>) -> Option<u64> {
        matches!(operation.what, What::Add { .. }).then_some(operation.n)
    }

    fn without_old(state: &Option<u64>, last: u64) -> Option<u64> {
        state.filter(|number| *number > last)
    }

    fn found(fake: &FakePushApi, key: &str) -> Option<u64> {
        fake.source(SOURCE).item(key)?.metadata("n")?.as_u64()
    }

    fn with_ordering_id(builder: PusherBuilder<Self::Handle>, id: u64) -> PusherBuilder<Self::Handle> {
        builder.ordering_id(id)
    }

    fn tracked(builder: PusherBuilder<Self::Handle>) -> PusherBuilder<Self::Handle> {
        builder.track_outcomes()
    }

    async fn push(pusher: &PushQueue<Self::Handle>, operation: &Operation) -> Result<Pushed, PushError> {
        let Operation { n, id, what } = operation;
        match *what {
            What::Add { bytes, way } => match way {
                Way::Typed => pusher.add_or_update(id, &operation.body(bytes)).await,
                Way::Stream => {
                    let operation = ItemOperation::add_or_update(id, &operation.body(bytes));
                    pusher.push_stream(stream::iter([operation])).await.map(Pushed::Queued)
                }
                Way::Json => {
                    let text = json!({ "n": n, "data": operation.text(bytes) });
                    pusher.add_or_update_json(format!("{text:#}")).document_id(id).await
                }
                Way::JsonWithId => {
                    let text = json!({ "n": n, "data": operation.text(bytes), "documentId": id });
                    pusher.add_or_update_json(text.to_string()).await
                }
            },
            What::KeyTwice => pusher.add_or_update_json(r#"{"n":1,"N":2}"#).document_id(id).await,
            What::Delete => pusher.delete(id).await,
            What::DeleteChildren => pusher.delete(id).delete_children(true).await,
        }
    }

    async fn start(
        client: &PushClient,
        way: RunWay,
        set: impl FnOnce(PusherBuilder<Self::Handle>) -> PusherBuilder<Self::Handle>,
    ) -> Option<Box<dyn Running<Self::Handle>>> {
        let items = client.items(SOURCE);
        let kind = match way {
            RunWay::Bulk | RunWay::Load => return Some(Box::new(set(items.pusher()).start())),
            RunWay::Refresh => RefreshKind::Rebuild,
            RunWay::Incremental => RefreshKind::Incremental,
        };
        let refresh = items.refresh(kind).allow_missing_permissions().pusher(set);
        Some(Box::new(refresh.start().await.ok()?))
    }

    fn name_of(entry: &Value) -> Option<String> {
        entry.get("documentId")?.as_str().map(str::to_owned)
    }
}

impl SingleCalls for Items {
    async fn call(client: &PushClient, operation: &Operation) -> Result<(), Error> {
        let items = client.items(SOURCE);
        let Operation { id, what, .. } = operation;
        match *what {
            What::Add { bytes, way: Way::Typed | Way::Json } => {
                items.add_or_update(id, &operation.body(bytes)).await.map(drop)
            }
            What::Add { bytes, way: Way::JsonWithId | Way::Stream } => {
                let batch = BatchDocumentBody::new().add_or_update(id, operation.body(bytes));
                items.push_batch(&batch).await.map(drop)
            }
            What::KeyTwice => items.add_or_update(id, &json!({ "n": 1, "N": 2 })).await.map(drop),
            What::Delete => items.delete(id).await.map(drop),
            What::DeleteChildren => items.delete(id).delete_children(true).await.map(drop),
        }
    }
}
