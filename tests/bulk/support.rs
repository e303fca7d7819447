//! What the tests of bulk have in common.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakePushApi, FaultRates, RecordedRequest};
use coveo_push::report::FailedBatch;
use coveo_push::{Error, ItemPusher, Items, Operation, PusherBuilder, Rule};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const PROVIDER: &str = "My Provider";
/// A fake with one source and one provider.
pub(crate) fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).provider(PROVIDER).build()
}

/// A run whose batches hold one [`full`] item each.
pub(crate) fn pusher(fake: &FakePushApi) -> PusherBuilder<Items> {
    fake.client().items(SOURCE).pusher().batch_bytes(1_024).linger(secs(86_400))
}

/// Pushes a first batch: until one is accepted, the others wait for it.
pub(crate) async fn prove(pusher: &ItemPusher) {
    pusher.add_or_update("a://first", &full(0)).await.unwrap();
    pusher.flush().await.unwrap();
}

/// An item of which two do not fit into a batch of 1,024 bytes.
pub(crate) fn full(n: u64) -> Item {
    Item::new(n, 700)
}

/// The number of the item that a source holds under an id.
pub(crate) fn number(fake: &FakePushApi, id: &str) -> Option<u64> {
    fake.source(SOURCE).item(id).map(|item| item.metadata("n").unwrap().as_u64().unwrap())
}

/// Runs a future on a runtime of its own, in which time is paused.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An item that a test can tell from every other one.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    pub(crate) n: u64,
    pub(crate) data: String,
}

impl Item {
    /// One with so many bytes of data.
    pub(crate) fn new(n: u64, bytes: usize) -> Self {
        Self { n, data: "x".repeat(bytes) }
    }
}

/// What a handler was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handed(Arc<Mutex<Vec<FailedBatch>>>);

impl Handed {
    pub(crate) fn handler(&self) -> impl Fn(FailedBatch) + Send + Sync + 'static {
        let handed = Arc::clone(&self.0);
        move |failed| handed.lock().unwrap().push(failed)
    }

    pub(crate) fn take(&self) -> Vec<FailedBatch> {
        let mut handed = std::mem::take(&mut *self.0.lock().unwrap());
        handed.sort_by_key(FailedBatch::number);
        handed
    }
}

/// A request to the storage.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) file_id: String,
    pub(crate) body: Bytes,
}

pub(crate) fn requests_of(fake: &FakePushApi, operation: Operation) -> Vec<RecordedRequest> {
    fake.requests().into_iter().filter(|request| request.operation() == Some(operation)).collect()
}

pub(crate) fn uploads(fake: &FakePushApi) -> Vec<Upload> {
    let uploads = requests_of(fake, Operation::UploadToContainer).into_iter();
    let file_id = |request: &RecordedRequest| request.path().rsplit('/').next().unwrap().to_owned();
    uploads.map(|request| Upload { file_id: file_id(&request), body: request.body().clone() }).collect()
}

/// The containers that were pushed, in the order of the requests.
pub(crate) fn commits(fake: &FakePushApi) -> Vec<String> {
    let commits = requests_of(fake, Operation::PushItemContainer).into_iter();
    commits.map(|request| request.parameter("fileId").unwrap().to_owned()).collect()
}

/// An operation as it stands in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    Add(String, u64),
    Delete(String),
    DeleteChildren(String),
}

impl Held {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Add(id, _) | Self::Delete(id) | Self::DeleteChildren(id) => id,
        }
    }

    /// Whether it undoes, or is undone by, what comes before it about that id.
    pub(crate) fn covers(&self, id: &str) -> bool {
        match self {
            Self::Add(own, _) | Self::Delete(own) => own == id,
            Self::DeleteChildren(own) => id.starts_with(own.as_str()),
        }
    }

    /// Whether it says everything that an earlier one says.
    pub(crate) fn says_all_of(&self, earlier: &Self) -> bool {
        let is_item = |own: &str| own == earlier.id() && !matches!(earlier, Self::DeleteChildren(_));
        match self {
            Self::Add(own, _) | Self::Delete(own) => is_item(own),
            Self::DeleteChildren(own) => earlier.id().starts_with(own.as_str()),
        }
    }
}

/// Pushes a failed batch again, and returns whether something of it was pushed. It names the operations that would undo
/// later ones.
pub(crate) async fn push_again(batch: &FailedBatch) -> bool {
    let (is_pushed, findings) = match batch.push_again().await {
        Ok(Some(accepted)) => (true, accepted.warnings().to_vec()),
        Ok(None) => (false, Vec::new()),
        Err(Error::Invalid(invalid)) => (false, invalid.findings().to_vec()),
        Err(error) => panic!("{error}"),
    };
    assert!(findings.iter().all(|finding| finding.rule() == Rule::OperationConflict), "{findings:?}");
    assert!(findings.iter().map(|finding| finding.item()).eq(batch.to_conflicting_ids()), "{findings:?}");
    is_pushed
}

/// What a container of items holds; a panic where it breaks a rule of the service.
pub(crate) fn held(body: &[u8]) -> Vec<Held> {
    let json: Value = serde_json::from_slice(body).unwrap();
    let lists = json.as_object().unwrap();
    assert!(lists.keys().all(|list| list == "addOrUpdate" || list == "delete"), "{json}");
    let list = |key: &str| lists.get(key).map(|list| list.as_array().unwrap().clone()).unwrap_or_default();
    let id = |item: &Value| item["documentId"].as_str().unwrap().to_owned();
    let added = list("addOrUpdate").into_iter().map(|item| Held::Add(id(&item), item["n"].as_u64().unwrap()));
    let deleted = list("delete").into_iter().map(|item| match item["deleteChildren"].as_bool() {
        Some(true) => Held::DeleteChildren(id(&item)),
        _ => Held::Delete(id(&item)),
    });
    let held: Vec<Held> = added.chain(deleted).collect();
    let ids: BTreeSet<&str> = held.iter().map(Held::id).collect();
    assert_eq!(ids.len(), held.len(), "an id comes twice: {held:?}");
    for (at, operation) in held.iter().enumerate() {
        let is_below = held.iter().enumerate().any(|(other, above)| other != at && above.covers(operation.id()));
        assert!(!is_below, "{operation:?} is below another one: {held:?}");
    }
    held
}

/// What goes wrong, and how much of it.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    seed: u64,
    /// The part of all calls that something happens to, in percent.
    level: u32,
    weights: [u8; 13],
    latency: u64,
    late_answer: u64,
}

impl Faults {
    pub(crate) fn rates(&self) -> FaultRates {
        let all: f64 = self.weights.iter().map(|weight| f64::from(*weight)).sum::<f64>().max(1.0);
        let rate = |kind: usize| f64::from(self.level) / 100.0 * f64::from(self.weights[kind]) / all;
        FaultRates::seeded(self.seed)
            .throttled(rate(0))
            .throttled_for(rate(1), secs(3))
            .throttled_for(rate(2), secs(200))
            .status(503, rate(3))
            .status(500, rate(4))
            .status(408, rate(5))
            .status(412, rate(6))
            .no_connection(rate(7))
            .reset_before(rate(8))
            .reset_after(rate(9))
            .hang(rate(10))
            .expired(rate(11))
            .expired_token(rate(12))
            .latency(Duration::ZERO..=ms(self.latency))
            .late_answer(Duration::ZERO..=ms(self.late_answer))
    }
}

pub(crate) fn faults() -> impl Strategy<Value = Faults> {
    let level = prop::sample::select(vec![0_u32, 5, 20, 40, 70]);
    let latency = prop::sample::select(vec![0_u64, 1, 50, 2_000]);
    (any::<u64>(), level, any::<[u8; 13]>(), latency.clone(), latency)
        .prop_map(|(seed, level, weights, latency, late_answer)| Faults { seed, level, weights, latency, late_answer })
}
