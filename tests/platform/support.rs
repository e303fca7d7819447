//! What the tests of the platform API have in common.

use coveo_push::fake::FakePushApi;
use coveo_push::{Operation, PushClient};

/// An organization without sources and providers, and a client whose waits are as long as they can be.
pub(crate) fn empty() -> (FakePushApi, PushClient) {
    let fake = FakePushApi::builder().build();
    let client = fake.client_builder().random(|| 1.0).build().unwrap();
    (fake, client)
}

/// The operations of all requests so far, in order.
pub(crate) fn sent(fake: &FakePushApi) -> Vec<Operation> {
    fake.requests().iter().filter_map(|request| request.operation()).collect()
}

/// How many requests of an operation there were.
pub(crate) fn count(fake: &FakePushApi, operation: Operation) -> usize {
    sent(fake).into_iter().filter(|sent| *sent == operation).count()
}
