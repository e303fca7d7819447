//! Creates resources that must not exist twice.

use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;

/// How often something is created, if each attempt is of unknown fate and nothing is found after it.
const ATTEMPTS: u32 = 3;

/// Something that is created once.
pub(super) trait Creation: Sync {
    /// Its description by the service.
    type Created: Send;

    /// Sends the request that creates it.
    fn create(&self) -> impl Future<Output = Result<Self::Created, Error>> + Send;

    /// Looks whether it is there.
    fn find(&self) -> impl Future<Output = Result<Option<Self::Created>, Error>> + Send;

    /// The client, and the settings of each request.
    fn settings(&self) -> (&Kernel, &CallSettings);
}

/// Creates something. The request is not repeated by itself after an attempt of unknown fate: it is looked for first.
pub(super) async fn create_once<C: Creation>(creation: &C) -> Result<C::Created, Error> {
    let (kernel, settings) = creation.settings();
    let may_repeat = !settings.retry.unwrap_or(kernel.shared.retry).is_none();
    let mut attempt = 1;
    loop {
        let error = match creation.create().await {
            Err(error) if error.may_have_been_applied() => error,
            done => return done,
        };
        match creation.find().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) if may_repeat && error.is_retryable() && attempt < ATTEMPTS => attempt += 1,
            // The first error says more than a second one.
            Ok(None) | Err(_) => return Err(error),
        }
    }
}
