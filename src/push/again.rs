//! Failed batches: given to the handler, or pushed again by the run as new ones.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use super::account::{Account, HandedOver};
use super::batch::{Batch, BatchBuilder, BufferPool};
use super::delivery::Delivery;
use super::failed::{AfterFailure, FailedBatch, FailureReason, PushStep};
use super::keys::Key;
use super::renewal;
use super::report::{PushError, RunStopped};
use super::state::{State, UnderWay};
use super::superseded::SupersededOperations;
use crate::error::{ConfigError, Error};
use crate::kernel::{trace, wait};

impl Account {
    /// Gives a batch that is accounted for to the handler, and follows its answer.
    pub(super) fn give_to_handler(&self, mut state: MutexGuard<'_, State>, failed: FailedBatch) {
        let (origin, holds_for_all) = (failed.origin, failed.holds_for_all());
        let (number, operations, step, reason) =
            (failed.number, failed.operations(), failed.step, Arc::clone(&failed.reason));
        // The state is not locked then.
        let tell = || trace::batch_failed(&self.label, number, operations, &step, &reason);
        let Some(handler) = &self.settings.on_failed_batch else {
            state.stopped.get_or_insert_with(|| RunStopped::by(&failed));
            state.failed.push(failed);
            drop(state);
            tell();
            return self.changed.notify_waiters();
        };
        let stopped = RunStopped::by(&failed);
        state.handing_over.insert(origin);
        drop(state);
        tell();
        let _handed_over = HandedOver { account: self, origin };
        match self.guarded("failed batches", || handler(failed)) {
            // Pushing it again would leave all of it out.
            Some(AfterFailure::Again(failed, _)) if failed.has_all_expired() => self.lock().failed.push(failed),
            Some(AfterFailure::Again(failed, after)) => {
                if let Some(account) = self.me.upgrade() {
                    account.again_after(failed, after);
                }
            }
            Some(AfterFailure::Keep) if !holds_for_all => {}
            Some(AfterFailure::Keep | AfterFailure::Stop) => drop(self.lock().stopped.get_or_insert(stopped)),
            None => {}
        }
    }

    /// Pushes a batch again after a while, which holds the whole run where no other batch could succeed either.
    pub(super) fn again_after(self: &Arc<Self>, failed: FailedBatch, after: Duration) {
        let until = Instant::now() + wait::bounded(after);
        let mut state = self.lock();
        let runtime = Handle::try_current().ok().filter(|_| state.stopped.is_none());
        let Some(runtime) = runtime else { return state.failed.push(failed) };
        if failed.holds_for_all() {
            state.held_until = state.held_until.max(Some(until));
        }
        let origin = failed.origin;
        state.waiting.insert(origin, (failed.number, failed.operations() as u64));
        drop(state);
        let kept = KeptBatch { account: Arc::clone(self), failed: Some(failed), waits: Some(origin) };
        runtime.spawn(kept.push_after(until));
    }

    /// Pushes a batch again as the next one, without its superseded operations.
    pub(super) async fn push_again(self: &Arc<Self>, failed: FailedBatch) -> Result<(), PushError> {
        let kept = KeptBatch { account: Arc::clone(self), failed: Some(failed), waits: None };
        kept.push().await
    }

    /// Uploads content that was not uploaded, and returns the batch that has it.
    async fn with_content(&self, failed: &FailedBatch) -> Result<Batch, Error> {
        let Some(content) = &failed.content else { return Ok(failed.batch.clone()) };
        let _place = self.content_place().await;
        let id = failed.ids().next().unwrap_or_default();
        let (item, uploaded) = content.upload(id, &self.kernel, &self.calls).await?;
        Ok(failed.batch.with_single(&item, uploaded))
    }

    /// Counts a failed batch as settled.
    pub(super) fn settle_failed(&self, failed: &FailedBatch) {
        if Arc::ptr_eq(&self.files, &failed.files) {
            let mut state = self.lock();
            state.failed_numbers.remove(failed.batch.open_from(), failed.number);
            self.publish(&state);
        }
    }

    fn append(self: &Arc<Self>, failed: FailedBatch, batch: Batch) -> Result<(), PushError> {
        let expired = renewal::expired(&batch);
        let left_out_of = |superseded: &BTreeSet<usize>| superseded.union(&expired).copied().collect();
        let mut superseded = failed.superseded.get();
        let is_own = Arc::ptr_eq(&self.files, &failed.files);
        let mut builder = self.without(&batch, &left_out_of(&superseded), is_own);
        let mut state = loop {
            let state = self.lock();
            let now = failed.superseded.get();
            if now == superseded {
                break state;
            }
            drop(state);
            builder = self.without(&batch, &left_out_of(&now), is_own);
            superseded = now;
        };
        if let Err(stopped) = state.goes_on() {
            state.failed.push(failed);
            return Err(stopped);
        }
        // Later pushes go into a later batch.
        let cut_off = state.filling.take().and_then(|filling| self.seal(&mut state, filling));
        if !is_own {
            builder.renumber(state.totals.pushed + 1);
        }
        let expired: BTreeSet<usize> = expired.difference(&superseded).copied().collect();
        state.moves_on(&failed, is_own, superseded.len() as u64, expired.is_empty());
        let started = (builder.keys().len() > 0).then(|| {
            state.last_number += 1;
            let number = state.last_number;
            let (delivery, abort) = Delivery::sealed(Arc::clone(self), number, failed.leaves_order_open());
            let batch = builder.seal();
            for (_, key) in batch.keys().iter() {
                state.superseded.pushed_again(key);
            }
            let origin = if is_own { failed.origin } else { number };
            state.under_way.insert(number, UnderWay::new(batch, origin, Arc::clone(&abort)));
            (delivery, abort)
        });
        self.publish(&state);
        drop(state);
        failed.is_settled.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
        if let Some((delivery, abort)) = started {
            let task = tokio::spawn(delivery.go());
            let _ = abort.set(task.abort_handle());
        }
        self.cut_off(cut_off);
        if !expired.is_empty() {
            self.left_out(failed, &batch, &expired, is_own);
        }
        Ok(())
    }

    /// Hands back the operations of a batch whose content may have expired.
    fn left_out(&self, failed: FailedBatch, batch: &Batch, expired: &BTreeSet<usize>, is_own: bool) {
        let others = batch.kept().map(|(number, ..)| number).filter(|number| !expired.contains(number)).collect();
        let before = failed.batch.open_from();
        let mut builder = self.without(batch, &others, is_own);
        let mut state = self.lock();
        if !is_own {
            builder.renumber(state.totals.pushed + 1 - expired.len() as u64);
        }
        let batch = builder.seal();
        let ids = batch.keys().iter().map(|(_, key)| key.text.to_owned()).collect();
        let (step, reason) = (PushStep::Renew, Arc::new(FailureReason::ContentExpired(ids)));
        let superseded = Arc::new(SupersededOperations::new(failed.number, batch.keys()));
        state.failed_numbers.remove(before, failed.number);
        let failed = FailedBatch { step, reason, batch, superseded, is_settled: Arc::default(), ..failed };
        self.hand_over(state, failed);
    }

    /// The batch without some of its operations, in a buffer of its own. They keep their numbers in their own run.
    fn without(&self, batch: &Batch, left_out: &BTreeSet<usize>, is_own: bool) -> BatchBuilder {
        let bytes = usize::try_from(batch.len()).unwrap_or_default();
        let mut builder = BatchBuilder::new(self.destination.kind.lists, &BufferPool::new(bytes, 0));
        let mut count = 0;
        for (number, list, json) in batch.kept() {
            if let Some(Key { text, affects, .. }) = batch.keys().get(number).filter(|_| !left_out.contains(&number)) {
                let pushed = if is_own { batch.number_of(number) } else { count };
                builder.push(list, [json, &[]], Key::new(text, affects, &self.hasher), pushed);
                builder.with_content(batch.content(number).cloned());
                builder.with_note(batch.note(number));
                count += 1;
            }
        }
        builder
    }
}

/// A failed batch on its way back into the run. When it is dropped before, the report has it.
struct KeptBatch {
    account: Arc<Account>,
    failed: Option<FailedBatch>,
    /// The number that its operations had first, where the run does not end before it.
    waits: Option<u64>,
}

impl KeptBatch {
    /// Pushes it again after a while. A run that has stopped meanwhile has it in its report.
    async fn push_after(self, until: Instant) {
        let account = Arc::clone(&self.account);
        let stopped = account.wait_for(|state| state.stopped.is_some().then_some(()));
        if timeout_at(until, stopped).await.is_err() {
            let _ = self.push().await;
        }
    }

    async fn push(mut self) -> Result<(), PushError> {
        let account = Arc::clone(&self.account);
        let Some(failed) = &self.failed else { return Ok(()) };
        Account::has_runtime()?;
        if !account.destination.is_same(&failed.destination) {
            return Err(PushError::Call(ConfigError::new("the batch is not one of this source or provider").into()));
        }
        account.room_while(State::goes_on).await?;
        let uploaded = account.with_content(failed).await;
        match (uploaded, self.failed.take()) {
            (Ok(batch), Some(failed)) => account.append(failed, batch),
            // Its handler has it, or the report.
            (Err(error), Some(failed)) => {
                let failed = FailedBatch { reason: Arc::new(FailureReason::Error(error)), ..failed };
                let mut state = account.lock();
                // It may wait anew, by the answer of the handler.
                state.no_longer_waits(self.waits.take());
                account.give_to_handler(state, failed);
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }
}

impl Drop for KeptBatch {
    fn drop(&mut self) {
        let mut state = self.account.lock();
        state.failed.extend(self.failed.take());
        state.no_longer_waits(self.waits.take());
        self.account.settle(state);
    }
}
