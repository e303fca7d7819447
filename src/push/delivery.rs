//! One batch on its way to the service: a container, the upload, its turn, the commit.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::account::Account;
use super::batch::Batch;
use super::failed::{FailureReason, PushStep};
use super::prefetched::PrefetchedContainer;
use super::renewal;
use super::report::Delivered;
use crate::api::Accepted;
use crate::api::file_containers::{self, DatedContainer};
use crate::error::{Error, ErrorCode};
use crate::kernel::body::Body;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::run_context::BatchCalls;
use crate::kernel::trace;

/// A batch on its way. When it is dropped on the way the batch is accounted for all the same.
pub(super) struct Delivery {
    account: Arc<Account>,
    number: u64,
    /// With these its requests are sent.
    calls: CallSettings,
    /// Their containers, with their age.
    batch_calls: Arc<BatchCalls>,
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
            if is_open {
                self.account.may_be_applied_twice();
            }
            self.account.not_accepted(self.number, self.step, FailureReason::Aborted, is_open);
        }
    }
}

impl Delivery {
    /// `sealed` tells that the batch is sealed.
    pub(super) fn new(account: Arc<Account>, number: u64, sealed: oneshot::Receiver<()>) -> Self {
        let batch_calls = Arc::default();
        let calls = account.calls.of_batch(number, &batch_calls);
        let step = PushStep::Wait;
        Self { account, number, calls, batch_calls, step, may_have_been_applied: false, sealed, is_done: false }
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
        let result = self.deliver(batch, container).await;
        self.is_done = true;
        match result {
            Ok(delivered) => account.accepted(self.number, delivered),
            Err(reason) => account.not_accepted(self.number, self.step, reason, self.may_have_been_applied),
        }
    }

    async fn deliver(&mut self, batch: Batch, container: PrefetchedContainer) -> Result<Delivered, FailureReason> {
        let account = Arc::clone(&self.account);
        account.may_start(self.number).await?;
        let _slot = account.slot().await;
        self.step = PushStep::Create;
        let container = container.get(&account, &self.calls).await.map_err(FailureReason::Error)?;
        let container = self.upload(&batch, container).await.map_err(FailureReason::Error)?;
        self.step = PushStep::Order;
        account.may_commit(self.number, &batch).await?;
        let later = account.later(self.number, &batch);
        account.files.mark(later.clone()).await.map_err(FailureReason::SavedFile)?;
        self.step = PushStep::Mark;
        self.before_commit(&batch).await?;
        // Content that is uploaded again changes no operation.
        let marked = batch.clone();
        let delivered = self.commit(batch, container).await?;
        // Before the batch is done: later batches with the same ids are marked after this.
        marked.learn(&account.destination, account.settings.validation.known.as_ref());
        if let Err(error) = account.files.accepted(later).await {
            trace::not_taken_out(&account.label, &error);
        }
        self.after_acceptance(marked).await;
        Ok(delivered)
    }

    async fn before_commit(&self, batch: &Batch) -> Result<(), FailureReason> {
        let Some(journal) = &self.account.destination.journal else { return Ok(()) };
        self.account.destination.mark(batch).await.map_err(FailureReason::Ledger)?;
        journal.begin().await.map_err(FailureReason::Error)
    }

    /// Tells the journal of an accepted batch. When it cannot note it, the run stops.
    async fn after_acceptance(&self, batch: Batch) {
        let Some(journal) = self.account.destination.journal.clone() else { return };
        let noted = spawn_blocking(move || journal.after_acceptance(&mut batch.entries())).await;
        if let Err(error) = noted.unwrap_or_else(|gone| Err(gone.into())) {
            self.account.stop_by_journal(&error);
        }
    }

    async fn upload(&mut self, batch: &Batch, container: DatedContainer) -> Result<DatedContainer, Error> {
        self.step = PushStep::Upload;
        let body = Body::chunks(batch.chunks());
        let Account { kernel, destination, .. } = &*self.account;
        let fresh = destination.acquire(kernel, &self.calls);
        let filled = file_containers::fill(kernel, container, body, &self.calls, fresh).await?;
        self.account.batch_uploaded(self.number);
        Ok(filled)
    }

    /// Pushes the container. Where it is too old for that, or an earlier push may have used it up, the batch goes into
    /// a fresh one; content that may have expired meanwhile is uploaded again before.
    async fn commit(&mut self, mut batch: Batch, mut container: DatedContainer) -> Result<Delivered, FailureReason> {
        let mut refills = 0;
        loop {
            let error = match self.push(&container, batch.latest_push()).await {
                Ok(accepted) => return Ok(self.delivered(&container, &accepted)),
                Err(error) => error,
            };
            let is_worth_it = error.has_expired() && refills < DatedContainer::MOST_REFILLS;
            if !is_worth_it && (refills > 0 || !may_be_used_up(&error)) {
                return Err(error.into());
            }
            refills += 1;
            if batch.contents().any(|(_, content)| content.has_expired()) {
                batch = self.renew(&batch).await?;
            }
            let fresh = self.account.destination.acquire(&self.account.kernel, &self.calls).await?;
            container = self.upload(&batch, fresh).await?;
        }
    }

    /// Uploads the content of the batch again, all of it or none.
    async fn renew(&mut self, batch: &Batch) -> Result<Batch, FailureReason> {
        self.step = PushStep::Renew;
        let account = &*self.account;
        let mut expired = renewal::expired(batch);
        if expired.is_empty() {
            let _place = account.content_place().await;
            let (pool, none) = (&account.buffers, BTreeSet::new());
            let renewed = renewal::renew(batch, &none, pool, &account.kernel, &account.calls).await?;
            account.content_uploaded(renewed.bytes);
            if renewed.expired.is_empty() {
                account.replace_batch(self.number, &renewed.batch);
                return Ok(renewed.batch);
            }
            expired = renewed.expired;
        }
        account.replace_batch(self.number, &batch.without_files(&expired));
        let keys = expired.into_iter().filter_map(|number| batch.keys().get(number));
        Err(FailureReason::ContentExpired(keys.map(|key| key.text.to_owned()).collect()))
    }

    async fn push(&mut self, container: &DatedContainer, latest: Option<Instant>) -> Result<Accepted, Error> {
        self.step = PushStep::Commit;
        let Account { kernel, destination, settings, .. } = &*self.account;
        let pushed = destination.commit(kernel, container, settings.ordering_id, latest, &self.calls).await;
        let is_doubtful = match &pushed {
            Ok(accepted) => accepted.may_be_applied_twice(),
            Err(error) => error.may_have_been_applied(),
        };
        if is_doubtful {
            self.account.may_be_applied_twice();
        }
        self.may_have_been_applied |= pushed.is_err() && is_doubtful;
        pushed
    }

    fn delivered(&self, container: &DatedContainer, accepted: &Accepted) -> Delivered {
        Delivered {
            file_id: container.container.file_id().to_owned(),
            attempts: self.batch_calls.attempts(),
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
