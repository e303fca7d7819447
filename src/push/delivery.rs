//! One batch on its way to the service: a container, the upload, its turn, the commit.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::abort_on_drop::AbortOnDrop;
use super::account::Account;
use super::batch::Batch;
use super::failed::{FailureReason, PushStep};
use super::report::Delivered;
use crate::api::{Accepted, file_containers};
use crate::error::{Error, ErrorCode};
use crate::kernel::body::Body;
use crate::kernel::send::CallSettings;
use crate::model::FileContainer;

/// A batch on its way. When it is dropped on the way the batch is accounted for all the same.
pub(super) struct Delivery {
    account: Arc<Account>,
    number: u64,
    /// With these its requests are sent.
    calls: CallSettings,
    /// How many of them were sent.
    attempts: Arc<AtomicU32>,
    step: PushStep,
    may_have_been_applied: bool,
    sealed: oneshot::Receiver<()>,
    is_done: bool,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_done {
            // From here on who seals the batch is told that nobody carries it.
            self.sealed.close();
            // A push of the container that was cut off may have arrived.
            let is_open = self.may_have_been_applied || self.step == PushStep::Commit;
            self.account.not_accepted(self.number, self.step, FailureReason::Aborted, is_open);
        }
    }
}

impl Delivery {
    /// `sealed` tells that the batch is sealed.
    pub(super) fn new(account: Arc<Account>, number: u64, sealed: oneshot::Receiver<()>) -> Self {
        let attempts = Arc::default();
        let calls = account.calls.counted_by(&attempts);
        let step = PushStep::Wait;
        Self { account, number, calls, attempts, step, may_have_been_applied: false, sealed, is_done: false }
    }

    /// For a batch that is sealed already and is pushed again. Whether an earlier attempt may still be applied is
    /// told by `is_open`.
    pub(super) fn sealed(account: Arc<Account>, number: u64, is_open: bool) -> (Self, Arc<OnceLock<AbortHandle>>) {
        let (seal, sealed) = oneshot::channel();
        let _ = seal.send(());
        let mut delivery = Self::new(account, number, sealed);
        delivery.may_have_been_applied = is_open;
        (delivery, Arc::default())
    }

    /// Carries the batch to the service once it is sealed, which happens here if it takes too long
    /// to fill.
    pub(super) async fn go(mut self) {
        let account = Arc::clone(&self.account);
        // Asked for while the batch is being filled.
        let container = PrefetchedContainer::create(&account, &self.calls);
        // A batch that could not be sent yet is filled for longer: its time begins again when it could.
        while timeout(account.settings.linger, &mut self.sealed).await.is_err() {
            if account.seal_if_filling(self.number) {
                break;
            }
            account.could_start(self.number).await;
        }
        let Some(batch) = account.batch_under_way(self.number) else { return };
        let result = self.deliver(&batch, container).await;
        drop(batch);
        self.is_done = true;
        match result {
            Ok(delivered) => account.accepted(self.number, delivered),
            Err(reason) => account.not_accepted(self.number, self.step, reason, self.may_have_been_applied),
        }
    }

    async fn deliver(&mut self, batch: &Batch, container: PrefetchedContainer) -> Result<Delivered, FailureReason> {
        let account = Arc::clone(&self.account);
        account.may_start(self.number).await?;
        let _slot = account.slot().await;
        self.step = PushStep::Create;
        let container = container.get(&account, &self.calls).await.map_err(FailureReason::Error)?;
        let container = self.upload(batch, container).await.map_err(FailureReason::Error)?;
        self.step = PushStep::Order;
        self.account.may_commit(self.number, batch).await?;
        self.commit(batch, container).await.map_err(FailureReason::Error)
    }

    async fn upload(&mut self, batch: &Batch, container: FileContainer) -> Result<FileContainer, Error> {
        self.step = PushStep::Upload;
        let body = Body::chunks(batch.chunks());
        let Account { kernel, destination, .. } = &*self.account;
        let fresh = destination.acquire(kernel, &self.calls);
        let filled = file_containers::fill(kernel, container, body, &self.calls, fresh).await?;
        self.account.batch_uploaded(self.number);
        Ok(filled)
    }

    /// Pushes the container. When an attempt of unknown fate was made before, and the service then
    /// does not take the container, it may have used it up: the same bytes go up once more.
    async fn commit(&mut self, batch: &Batch, container: FileContainer) -> Result<Delivered, Error> {
        match self.push(&container).await {
            Ok(accepted) => Ok(self.delivered(&container, &accepted)),
            Err(error) if may_be_used_up(&error) => {
                let container = self.account.destination.acquire(&self.account.kernel, &self.calls).await?;
                let container = self.upload(batch, container).await?;
                let accepted = self.push(&container).await?;
                Ok(self.delivered(&container, &accepted))
            }
            Err(error) => Err(error),
        }
    }

    async fn push(&mut self, container: &FileContainer) -> Result<Accepted, Error> {
        self.step = PushStep::Commit;
        let Account { kernel, destination, settings, .. } = &*self.account;
        let pushed = destination.commit(kernel, container, settings.ordering_id, &self.calls).await;
        if let Err(error) = &pushed {
            self.may_have_been_applied |= error.may_have_been_applied();
        }
        pushed
    }

    fn delivered(&self, container: &FileContainer, accepted: &Accepted) -> Delivered {
        Delivered {
            file_id: container.file_id().to_owned(),
            attempts: self.attempts.load(Ordering::Relaxed),
            server_time: accepted.server_time(),
            ordering_id: accepted.ordering_id(),
            request_id: accepted.request_id().map(str::to_owned),
        }
    }
}

/// Whether a container may be gone because an earlier push of it did arrive. The codes that are
/// about something else do not say so.
fn may_be_used_up(error: &Error) -> bool {
    let is_about_another_thing = matches!(
        error.code(),
        Some(
            ErrorCode::OrganizationIsPaused
                | ErrorCode::OrganizationNotFound
                | ErrorCode::SourceDoesNotExist
                | ErrorCode::DocumentLimitExceeded
        )
    );
    let is_refused = matches!(error, Error::BadRequest(_) | Error::NotFound(_) | Error::PreconditionFailed(_));
    error.may_have_been_applied() && is_refused && !is_about_another_thing
}

/// A container that was asked for before it is needed.
struct PrefetchedContainer {
    /// None where it cannot be asked for before.
    task: Option<AbortOnDrop<Result<FileContainer, Error>>>,
    begin: Instant,
}

impl PrefetchedContainer {
    /// A container can be filled for about an hour; one that was asked for longer ago than this is
    /// not worth an upload.
    const LONGEST: Duration = Duration::from_secs(30 * 60);
    /// What kept the service from creating one so long ago may have passed.
    const STALE_ERROR: Duration = Duration::from_secs(60);

    fn create(account: &Arc<Account>, calls: &CallSettings) -> Self {
        let task = account.destination.is_asked_ahead().then(|| {
            let (account, calls) = (Arc::clone(account), calls.clone());
            AbortOnDrop::spawn(async move {
                account.not_held().await;
                account.destination.acquire(&account.kernel, &calls).await
            })
        });
        Self { task, begin: Instant::now() }
    }

    async fn get(self, account: &Account, calls: &CallSettings) -> Result<FileContainer, Error> {
        let Some(mut task) = self.task else { return account.destination.acquire(&account.kernel, calls).await };
        // The reason of the hold might have passed.
        let was_held = account.lock().held_until.is_some_and(|until| until > self.begin);
        let is_stale = was_held || self.begin.elapsed() >= Self::STALE_ERROR;
        let was_there = task.is_finished();
        match (&mut task).await {
            Ok(Ok(container)) if self.begin.elapsed() < Self::LONGEST => Ok(container),
            Ok(Err(error)) if !was_there || !is_stale => Err(error),
            // It is too old, or the task is gone, and this one is not.
            Ok(_) | Err(_) => account.destination.acquire(&account.kernel, calls).await,
        }
    }
}
