//! The container of a batch, asked for while the batch is being filled.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::abort_on_drop::AbortOnDrop;
use super::account::Account;
use crate::api::file_containers::DatedContainer;
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;

/// A container that was asked for before it is needed.
pub(super) struct PrefetchedContainer {
    /// `None` where it is not asked for before.
    task: Option<AbortOnDrop<Result<DatedContainer, Error>>>,
    begin: Instant,
}

impl PrefetchedContainer {
    /// A container can be filled for about an hour; one that is older than this is not worth an upload.
    const LONGEST: Duration = Duration::from_secs(30 * 60);
    /// What kept the service from creating one so long ago may have passed.
    const STALE_ERROR: Duration = Duration::from_secs(60);
    /// A batch that may be filled for longer gets its container when it is sealed.
    const LONGEST_LINGER: Duration = Duration::from_secs(60);

    pub(super) fn create(account: &Arc<Account>, calls: &CallSettings) -> Self {
        let is_sealed_soon = account.settings.linger <= Self::LONGEST_LINGER;
        let task = (is_sealed_soon && account.destination.is_asked_ahead()).then(|| {
            let (account, calls) = (Arc::clone(account), calls.clone());
            AbortOnDrop::spawn(async move {
                account.not_held().await;
                account.destination.acquire(&account.kernel, &calls).await
            })
        });
        Self { task, begin: Instant::now() }
    }

    pub(super) async fn get(self, account: &Account, calls: &CallSettings) -> Result<DatedContainer, Error> {
        let Some(mut task) = self.task else { return account.destination.acquire(&account.kernel, calls).await };
        // The reason of the hold might have passed.
        let was_held = account.lock().held_until.is_some_and(|until| until > self.begin);
        let is_stale = was_held || self.begin.elapsed() >= Self::STALE_ERROR;
        let was_there = task.is_finished();
        match (&mut task).await {
            Ok(Ok(container)) if container.created.elapsed() < Self::LONGEST => Ok(container),
            Ok(Err(error)) if !was_there || !is_stale => Err(error),
            // It is too old, or the task is gone, and this one is not.
            Ok(_) | Err(_) => account.destination.acquire(&account.kernel, calls).await,
        }
    }
}
