//! What the tests of behaviour have in common.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::request::AddOrUpdateItem;
use coveo_push::{DocumentBody, Operation, PushClient, RetryPolicy};
use tokio::time::Instant;

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const CATALOG: &str = "my-catalog";
pub(crate) const COLLECTION: &str = "my-collection";
pub(crate) const PROVIDER: &str = "My Provider";
pub(crate) const PUSH: Operation = Operation::AddOrUpdateItem;
pub(crate) const CREATE: Operation = Operation::CreateFileContainer;
pub(crate) const UPLOAD: Operation = Operation::UploadToContainer;
pub(crate) const COMMIT: Operation = Operation::PushItemContainer;

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn fake() -> FakePushApi {
    let fake = FakePushApi::builder().source(SOURCE).provider(PROVIDER);
    fake.catalog_source(CATALOG).data_collection(COLLECTION).build()
}

/// A client whose jitter is always the same: with 1 each wait is as long as it can be.
pub(crate) fn client(fake: &FakePushApi, random: f64) -> PushClient {
    fake.client_builder().random(move || random).build().unwrap()
}

/// A client that sends everything once.
pub(crate) fn once(fake: &FakePushApi) -> PushClient {
    fake.client_builder().random(|| 1.0).retry(RetryPolicy::none()).build().unwrap()
}

/// A call like any other.
pub(crate) fn push(client: &PushClient) -> AddOrUpdateItem {
    client.items(SOURCE).add_or_update("https://example.com/a", &DocumentBody::text("words"))
}

/// A call that is told to wait, so that others are held back.
pub(crate) async fn be_told_to_wait(fake: &FakePushApi, client: &PushClient, wait: Duration) {
    fake.inject(Fault::on(Operation::SetSourceStatus).status(429).retry_after(wait));
    let call = client.sources().set_status(SOURCE, coveo_push::SourceStatus::Idle);
    let error = call.retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!((error.attempts(), error.retry_after()), (1, Some(wait)));
    fake.clear_requests();
}

/// When the requests came, in milliseconds from when the fake was built.
pub(crate) fn starts(fake: &FakePushApi) -> Vec<u64> {
    fake.requests().iter().map(|request| in_millis(request.received_after())).collect()
}

/// When the requests of one operation came.
pub(crate) fn starts_of(fake: &FakePushApi, operation: Operation) -> Vec<u64> {
    let requests = fake.requests();
    let of_it = requests.iter().filter(|request| request.operation() == Some(operation));
    of_it.map(|request| in_millis(request.received_after())).collect()
}

/// What a call gives, and how long it takes in milliseconds.
pub(crate) async fn timed<C: IntoFuture>(call: C) -> (C::Output, u64) {
    let begin = Instant::now();
    let output = call.into_future().await;
    (output, in_millis(begin.elapsed()))
}

pub(crate) fn in_millis(time: Duration) -> u64 {
    assert_eq!(time.subsec_nanos() % 1_000_000, 0, "{time:?} is no whole number of milliseconds");
    u64::try_from(time.as_millis()).unwrap()
}
