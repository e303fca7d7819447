//! Shared parts of the tests of a refresh.

use std::time::Duration;

use coveo_push::fake::{ClockOffset, FakePushApi, RecordedRequest};
use coveo_push::{
    DocumentBody, ItemQueue, Items, Operation, Permissions, PushError, RefreshBuilder, RefreshKind, RetryPolicy,
    SourceStatus,
};

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const PROVIDER: &str = "My Provider";
/// The items of the source before each run.
pub(crate) const OLD: [&str; 3] = ["a://old/1", "a://old/2", "a://shared"];
/// The items of a run: new ones, and an old one.
pub(crate) const NEW: [&str; 3] = ["a://new/1", "a://new/2", "a://shared"];

/// A fake whose source holds the old items, from a minute ago.
pub(crate) async fn fake() -> FakePushApi {
    fake_with_clock(ClockOffset::default()).await
}

pub(crate) async fn fake_with_clock(offset: ClockOffset) -> FakePushApi {
    let fake = FakePushApi::builder().source(SOURCE).provider(PROVIDER).clock_offset(offset).build();
    let items = fake.client().items(SOURCE);
    for id in OLD {
        items.add_or_update(id, &document(0)).await.unwrap();
    }
    fake.clear_requests();
    tokio::time::sleep(secs(60)).await;
    fake
}

/// A rebuild whose batches hold one item each, and whose calls are tried once.
pub(crate) fn rebuild(fake: &FakePushApi) -> RefreshBuilder<Items> {
    let once = RetryPolicy::none();
    let items = fake.client().items(SOURCE);
    items.refresh(RefreshKind::Rebuild).pusher(|pusher| pusher.batch_bytes(1_024).concurrency(2).retry(once))
}

/// An item of which two do not fit into a batch of 1,024 bytes.
pub(crate) fn document(n: u64) -> DocumentBody {
    DocumentBody::text("x".repeat(600)).metadata("n", n).permissions(Permissions::public())
}

/// Pushes the new items.
pub(crate) async fn push_all(pusher: &ItemQueue) -> Result<(), PushError> {
    for id in NEW {
        pusher.add_or_update(id, &document(1)).await?;
    }
    Ok(())
}

/// The ids that the source holds after all delayed work.
pub(crate) fn left(fake: &FakePushApi) -> Vec<String> {
    fake.pass_time(secs(10_000));
    fake.source(SOURCE).document_ids()
}

/// The old and the new items: everything was pushed and nothing deleted.
pub(crate) fn all() -> Vec<String> {
    let mut all: Vec<String> = OLD.iter().chain(&NEW).map(|id| (*id).to_owned()).collect();
    all.sort();
    all.dedup();
    all
}

/// The new items: the old ones were deleted.
pub(crate) fn new() -> Vec<String> {
    NEW.map(str::to_owned).to_vec()
}

pub(crate) fn is_idle(fake: &FakePushApi) -> bool {
    fake.source(SOURCE).status() == Some(SourceStatus::Idle)
}

pub(crate) fn requests_of(fake: &FakePushApi, operation: Operation) -> Vec<RecordedRequest> {
    fake.requests().into_iter().filter(|request| request.operation() == Some(operation)).collect()
}

/// The statuses that were set, in order.
pub(crate) fn statuses(fake: &FakePushApi) -> Vec<String> {
    let calls = requests_of(fake, Operation::SetSourceStatus).into_iter();
    calls.map(|call| call.parameter("statusType").unwrap().to_owned()).collect()
}

/// The time by the service's clock in milliseconds, as an ordering id.
pub(crate) fn now(fake: &FakePushApi) -> u64 {
    fake.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Runs a future on a runtime of its own, in which time is paused.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
