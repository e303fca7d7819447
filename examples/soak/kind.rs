//! The kinds of runs: items, identities, and three of catalogs.

use std::collections::BTreeSet;
use std::fmt::Debug;

use coveo_push::fake::FakePushApi;
use coveo_push::{Error, PushClient, PushError, PushQueue, Pushed, PusherBuilder};
use fastrand::Rng;
use serde_json::Value;

use crate::plan::Way;
use crate::running::Running;

pub(crate) const SOURCE: &str = "soak-source";
pub(crate) const PROVIDER: &str = "Soak Provider";

/// Everything that differs between the kinds, so that the same code pushes and compares all of them.
pub(crate) trait Kind: Sized + Send + 'static {
    type Operation: Clone + Debug + Send + Sync + 'static;
    /// The state of a key in the service.
    type State: Clone + Ord + Debug;
    /// The handle that is pushed into.
    type Handle: 'static;

    /// The operation with the number `n`, on one of the keys.
    fn draw(rng: &mut Rng, keys: &[String], n: u64) -> Self::Operation;
    /// One that breaks a rule.
    fn draw_refused(rng: &mut Rng, n: u64) -> Self::Operation;

    /// The key of an operation, as a failed batch names it.
    fn key(operation: &Self::Operation) -> &str;
    /// Tells an operation from the others of its list in a batch.
    fn name(operation: &Self::Operation) -> String {
        Self::key(operation).to_owned()
    }
    /// In which list of a batch it stands.
    fn list(operation: &Self::Operation) -> &'static str;
    /// Whether it changes the state of that key, which starts with its own.
    fn covers(operation: &Self::Operation, key: &str) -> bool;
    /// Whether one that comes later takes the place of `earlier`, or would be undone by it.
    fn supersedes(later: &Self::Operation, earlier: &Self::Operation) -> bool;
    /// Whether something of it may be missing when it is not pushed again since a later one took its place.
    fn leaves_a_rest(operation: &Self::Operation) -> bool;
    fn after(operation: &Self::Operation, before: &Self::State) -> Self::State;
    /// The state after everything up to the operation `last` is deleted as old.
    fn without_old(state: &Self::State, last: u64) -> Self::State;
    fn found(fake: &FakePushApi, key: &str) -> Self::State;

    /// The settings, with one ordering id for everything in the run, where there is such a setting.
    fn with_ordering_id(builder: PusherBuilder<Self::Handle>, id: u64) -> PusherBuilder<Self::Handle>;
    /// The settings, tracked where the logs can be asked for outcomes.
    fn tracked(builder: PusherBuilder<Self::Handle>) -> PusherBuilder<Self::Handle> {
        builder
    }
    fn push(
        pusher: &PushQueue<Self::Handle>,
        operation: &Self::Operation,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send;

    /// Whether the state is the same when an operation is replaced by a later one, and never sent.
    const REPLACED_LEAVE_NO_TRACE: bool;
    /// The ways of its runs, each as often as it is drawn.
    const WAYS: [Way; 8];
    /// Starts a run. None when the service did not let it begin.
    fn start(
        client: &PushClient,
        way: Way,
        set: impl FnOnce(PusherBuilder<Self::Handle>) -> PusherBuilder<Self::Handle>,
    ) -> impl Future<Output = Option<Box<dyn Running<Self::Handle>>>>;

    /// The [name](Self::name) of an entry of a batch.
    fn name_of(entry: &Value) -> Option<String>;
}

/// A kind whose operations are also calls of their own.
pub(crate) trait SingleCalls: Kind {
    /// The same operation as a call of its own.
    fn call(client: &PushClient, operation: &Self::Operation) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The list and the name of each operation of a batch.
pub(crate) fn held<K: Kind>(body: &[u8]) -> Result<BTreeSet<(String, String)>, String> {
    let batch: Value = serde_json::from_slice(body).map_err(|error| format!("a batch is no JSON: {error}"))?;
    let lists = batch.as_object().ok_or("a batch is no object")?;
    let mut held = BTreeSet::new();
    for (list, entries) in lists {
        for entry in entries.as_array().ok_or("a list is none")? {
            let name = K::name_of(entry).ok_or_else(|| format!("an entry without a key: {entry}"))?;
            if !held.insert((list.clone(), name)) {
                return Err(format!("an operation comes twice in a batch: {entry}"));
            }
        }
    }
    Ok(held)
}
