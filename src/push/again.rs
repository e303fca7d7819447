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
use super::failed::{AfterFailure, FailedBatch, FailureReason};
use super::keys::Key;
use super::renewal;
use super::report::{PushError, RunStopped};
use super::state::{State, UnderWay};
use super::superseded::LeftOut;
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
        state.handing_over.push(origin);
        drop(state);
        tell();
        let _handed_over = HandedOver { account: self, origin };
        match self.guarded("failed batches", || handler(failed)) {
            // None of it can be pushed again.
            Some(AfterFailure::Again(failed, _)) if failed.is_stuck() => self.lock().failed.push(failed),
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

    /// Pushes a batch again as the next one, without operations that were replaced or would undo later ones.
    pub(super) async fn push_again(self: &Arc<Self>, failed: FailedBatch) -> Result<(), PushError> {
        let kept = KeptBatch { account: Arc::clone(self), failed: Some(failed), waits: None };
        kept.push().await
    }

    /// Uploads content that was not uploaded, and returns the batch with it; `None` without such content, or when its item
    /// is not pushed again.
    async fn with_content(&self, failed: &FailedBatch) -> Result<Option<Batch>, Error> {
        let is_left_out = failed.superseded.left_out().len() > 0;
        let Some(content) = failed.content.as_ref().filter(|_| !is_left_out) else { return Ok(None) };
        let _place = self.content_place().await;
        let id = failed.ids().next().unwrap_or_default();
        let (item, uploaded) = content.upload(id, &self.kernel, &self.calls).await?;
        Ok(Some(failed.batch.with_single(&item, uploaded)))
    }

    /// Counts a failed batch as settled.
    pub(super) fn settle_failed(&self, failed: &FailedBatch) {
        if self.is_own(failed) {
            let mut state = self.lock();
            state.failed_numbers.remove(failed.batch.open_from(), failed.number);
            self.publish(&state);
        }
    }

    /// Pushes a failed batch again as the next one: in its own form, or as the `uploaded` batch. It `waits` no longer then.
    /// `Err` gives it back while later operations that overlap with its own are on their way.
    fn append(
        self: &Arc<Self>,
        mut failed: FailedBatch,
        uploaded: Option<&Batch>,
        waits: &mut Option<u64>,
    ) -> Result<Result<(), PushError>, Box<FailedBatch>> {
        let is_own = self.is_own(&failed);
        let batch = uploaded.unwrap_or(&failed.batch).clone();
        let mut left_out = failed.superseded.left_out();
        let mut parts = self.parts(&batch, &left_out, is_own);
        let mut state = loop {
            let state = self.lock();
            let now = failed.superseded.left_out();
            if now == left_out {
                break state;
            }
            drop(state);
            parts = self.parts(&batch, &now, is_own);
            left_out = now;
        };
        if let Err(stopped) = state.goes_on() {
            state.failed.push(failed);
            return Ok(Err(stopped));
        }
        if is_own && !state.overlapping(&failed).is_empty() {
            return Err(Box::new(failed));
        }
        // Later pushes go into a later batch.
        let cut_off = state.filling.take().and_then(|filling| self.seal(&mut state, filling));
        let Parts { mut again, mut rest, conflicting } = parts;
        if !is_own {
            let next = state.totals.pushed + 1;
            again.renumber(next);
            rest.renumber(next + again.keys().len() as u64);
        }
        state.moves_on(&failed, is_own, left_out.covered.len() as u64);
        let started = (again.keys().len() > 0).then(|| {
            state.last_number += 1;
            let number = state.last_number;
            let (delivery, abort) = Delivery::sealed(Arc::clone(self), number, failed.leaves_order_open());
            let origin = if is_own { failed.origin } else { number };
            state.under_way.insert(number, UnderWay::new(again.seal(), origin, Arc::clone(&abort)));
            (delivery, abort)
        });
        failed.is_settled.store(true, Ordering::Relaxed);
        let content = failed.content.take().filter(|_| uploaded.is_none());
        let rest = (rest.keys().len() > 0).then(|| failed.without_what_goes_on(rest.seal(), content, conflicting));
        if let Some(rest) = &rest {
            // Before the state is unlocked: later operations that are sent mark them.
            self.account_failed(&mut state, rest);
            state.handing_over.push(rest.origin);
        }
        state.no_longer_waits(waits.take());
        self.publish(&state);
        drop(state);
        self.changed.notify_waiters();
        if let Some((delivery, abort)) = started {
            let task = tokio::spawn(delivery.go());
            let _ = abort.set(task.abort_handle());
        }
        self.cut_off(cut_off);
        if let Some(rest) = rest {
            let _handed_over = HandedOver { account: self, origin: rest.origin };
            self.give_to_handler(self.lock(), rest);
        }
        Ok(Ok(()))
    }

    /// Whether a failed batch is one of this run.
    fn is_own(&self, failed: &FailedBatch) -> bool {
        Arc::ptr_eq(&self.files, &failed.files)
    }

    /// Waits until no later operations that overlap with those of a failed batch are on their way: whether they are
    /// applied is known then.
    async fn later_are_done(&self, failed: &FailedBatch) {
        if !self.is_own(failed) {
            return;
        }
        let mut later = self.lock().overlapping(failed);
        if later.is_empty() {
            return;
        }
        self.seal_filling(|_| ());
        self.wait_for(|state| {
            later.retain(|number| state.under_way.contains_key(number));
            (later.is_empty() || state.stopped.is_some()).then_some(())
        })
        .await;
    }

    fn parts(&self, batch: &Batch, left_out: &LeftOut, is_own: bool) -> Parts {
        let expired = renewal::expired(batch);
        let is_rest = |operation| {
            left_out.conflicting.contains(&operation)
                || (expired.contains(&operation) && !left_out.covered.contains(&operation))
        };
        let rest = batch.keys().iter().map(|(operation, _)| operation).filter(|operation| is_rest(*operation));
        Parts {
            again: self.part(batch, |operation| !is_rest(operation) && !left_out.contains(operation), is_own),
            rest: self.part(batch, is_rest, is_own),
            conflicting: (0..)
                .zip(rest)
                .filter(|(_, old)| left_out.conflicting.contains(old))
                .map(|(new, _)| new)
                .collect(),
        }
    }

    /// Some operations of a batch, in a buffer of their own. They keep their numbers in their own run.
    fn part(&self, batch: &Batch, is_in: impl Fn(usize) -> bool, is_own: bool) -> BatchBuilder {
        let kept = || batch.kept().filter(|(number, ..)| is_in(*number));
        let bytes = kept().map(|(.., json)| json.len() + 1).sum();
        let mut builder = BatchBuilder::new(self.destination.kind.lists, &BufferPool::new(bytes, 0));
        for (count, (number, list, json)) in (0..).zip(kept()) {
            let Some(Key { text, affects, .. }) = batch.keys().get(number) else { continue };
            let pushed = if is_own { batch.number_of(number) } else { count };
            builder.push(list, [json, &[]], Key::new(text, affects, &self.hasher), pushed);
            builder.with_content(batch.content(number).cloned());
            builder.with_note(batch.note(number));
        }
        builder
    }
}

/// The operations of a batch that is pushed again, without those that were replaced.
struct Parts {
    again: BatchBuilder,
    /// They are handed back: they would undo later operations, or their content may have expired.
    rest: BatchBuilder,
    /// Those of the rest that would undo later operations.
    conflicting: BTreeSet<usize>,
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
        account.room_again(self.waits.is_some()).await?;
        account.later_are_done(failed).await;
        let uploaded = match account.with_content(failed).await {
            Ok(uploaded) => uploaded,
            Err(error) => {
                let Some(failed) = self.failed.take() else { return Ok(()) };
                let failed = FailedBatch { reason: Arc::new(FailureReason::Error(error)), ..failed };
                let mut state = account.lock();
                // Its handler has it, or the report. It may wait anew, by the answer of the handler.
                state.no_longer_waits(self.waits.take());
                account.give_to_handler(state, failed);
                return Ok(());
            }
        };
        while let Some(failed) = &self.failed {
            account.later_are_done(failed).await;
            let Some(failed) = self.failed.take() else { break };
            match account.append(failed, uploaded.as_ref(), &mut self.waits) {
                Ok(pushed) => return pushed,
                Err(failed) => self.failed = Some(*failed),
            }
        }
        Ok(())
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
