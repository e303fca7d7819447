//! What the tests of the fake have in common.

use coveo_push::fake::FakePushApi;

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const SECURED: &str = "secured-source";
pub(crate) const PROVIDER: &str = "My Provider";

/// A fake with one of each.
pub(crate) fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).secured_source(SECURED).provider(PROVIDER).build()
}
