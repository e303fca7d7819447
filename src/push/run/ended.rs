//! What becomes of batches: accepted, or handed over with the reason why not.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Locked, Run, State, UnderWay};
use crate::push::deliver::Delivered;
use crate::push::failed::{FailedBatch, FailureReason, PushStep};
use crate::push::frame::Sealed;
use crate::push::keys::Keys;
use crate::push::report::{AcceptedBatch, Progress, PushReport};

/// Tells who waits, when it is dropped, that a handler has got its batch.
struct HandedOver<'a> {
    run: &'a Run,
    number: u64,
}

impl Drop for HandedOver<'_> {
    fn drop(&mut self) {
        self.run.lock().handing_over.remove(&self.number);
        self.run.changed.notify_waiters();
    }
}

impl Run {
    /// The storage took a batch, which it may be given once more.
    pub(in crate::push) fn batch_uploaded(&self, number: u64) {
        let mut state = self.lock();
        let State { under_way, account, .. } = &mut *state;
        let Some(UnderWay { batch, is_uploaded, .. }) = under_way.get_mut(&number) else { return };
        account.bytes_uploaded += batch.len();
        if !std::mem::replace(is_uploaded, true) {
            account.uploaded += batch.keys.len() as u64;
        }
        self.publish(&state);
    }

    pub(in crate::push) fn content_uploaded(&self, bytes: u64) {
        let mut state = self.lock();
        state.account.bytes_uploaded += bytes;
        self.publish(&state);
    }

    pub(in crate::push) fn accepted(&self, number: u64, delivered: Delivered) {
        let mut state = self.lock();
        let Some(UnderWay { batch, .. }) = state.under_way.remove(&number) else { return };
        let operations = batch.keys.len() as u64;
        state.account.accepted += operations;
        state.deletions += batch.deletions();
        state.account.batches_accepted += 1;
        // By the clock, which need not be the order in which the answers came.
        state.first_accepted = state.first_accepted.into_iter().chain(delivered.server_time).min();
        state.last_accepted = state.last_accepted.max(delivered.server_time);
        let Delivered { file_id, attempts, server_time: _ } = delivered;
        state.accepted.push(AcceptedBatch { number, file_id, operations, bytes: batch.len(), attempts });
        self.publish(&state);
        drop(state);
        // The state is not locked meanwhile: large tables take their time, and pushes go on.
        let (chunks, tables) = batch.into_memory();
        self.segments.reuse(chunks);
        let mut state = self.lock();
        let under_way = state.under_way.len();
        let too_many = state.spare.keep(tables, under_way);
        drop(state);
        drop(too_many);
        self.changed.notify_waiters();
    }

    /// Accounts for a batch that was not accepted, and hands it over. One that is done already is
    /// left alone.
    pub(in crate::push) fn not_accepted(
        &self,
        number: u64,
        step: PushStep,
        reason: FailureReason,
        may_have_been_applied: bool,
    ) {
        let mut state = self.lock();
        let Some(UnderWay { batch, .. }) = state.under_way.remove(&number) else { return };
        let failed = self.failed_batch(number, batch, step, reason, may_have_been_applied);
        self.hand_over(state, failed);
    }

    pub(super) fn hand_over(&self, mut state: Locked<'_>, failed: FailedBatch) {
        let number = failed.number();
        let failed = self.account_failed(&mut state, failed);
        self.publish(&state);
        state.handing_over.insert(number);
        drop(state);
        let _handed_over = HandedOver { run: self, number };
        if let (Some(failed), Some(handler)) = (failed, &self.settings.on_failed_batch) {
            // A panic must not end this task, nor the program where a pusher is dropped by another
            // panic. It was reported already; the batch is gone with it, and that is no time to go on.
            let handed = catch_unwind(AssertUnwindSafe(|| handler(failed)));
            if handed.is_err() {
                self.lock().stopped.get_or_insert_with(|| "the handler of failed batches panicked".to_owned());
            }
        }
    }

    pub(super) fn failed_batch(
        &self,
        number: u64,
        batch: Sealed,
        step: PushStep,
        reason: FailureReason,
        may_have_been_applied: bool,
    ) -> FailedBatch {
        FailedBatch {
            number,
            step,
            reason,
            may_have_been_applied,
            batch,
            content: None,
            marks: Arc::default(),
            kernel: self.kernel.clone(),
            target: self.target.clone(),
            ordering_id: self.settings.ordering_id,
        }
    }

    /// The batch comes back when there is a handler to have it.
    fn account_failed(&self, state: &mut State, failed: FailedBatch) -> Option<FailedBatch> {
        let operations = failed.operations() as u64;
        if failed.is_unsent() {
            state.unsent += operations;
        } else {
            state.account.failed += operations;
            state.account.batches_failed += 1;
        }
        if failed.leaves_order_open() {
            state.unknown.push(Arc::clone(&failed.batch.keys));
        }
        self.note_superseded(state, &failed);
        if self.settings.on_failed_batch.is_some() {
            return Some(failed);
        }
        if state.stopped.is_none() {
            state.stopped = Some(failed.to_string());
        }
        state.failed.push(failed);
        None
    }

    /// Marks what later batches hold already, and remembers the rest for later pushes.
    fn note_superseded(&self, state: &mut State, failed: &FailedBatch) {
        let later = state.under_way.range(failed.number..).map(|(_, under_way)| &*under_way.batch.keys);
        let filling = state.filling.iter().filter(|filling| filling.number > failed.number);
        let later: Vec<&Keys> = later.chain(filling.map(|filling| filling.frame.keys())).collect();
        for (operation, key) in failed.batch.keys.iter().enumerate() {
            if later.iter().any(|later| later.supersedes(key)) {
                failed.marks.supersede(operation);
            } else {
                state.superseded.watch(key, operation, &failed.marks);
            }
        }
    }

    pub(in crate::push) async fn report(&self) -> PushReport {
        self.wait_for(|state| state.is_done_to(u64::MAX).then_some(())).await;
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| "the run has ended".to_owned());
        self.publish(&state);
        let mut failed_batches = std::mem::take(&mut state.failed);
        failed_batches.sort_by_key(FailedBatch::number);
        let account = self.account(&state);
        PushReport {
            pushed: account.pushed,
            uploaded: account.uploaded,
            accepted: account.accepted,
            failed: account.failed,
            refused: account.refused,
            unsent: state.unsent,
            deletions: state.deletions,
            cancelled: state.cancelled,
            batches_accepted: account.batches_accepted,
            batches_failed: account.batches_failed,
            bytes_taken: account.bytes_taken,
            bytes_uploaded: account.bytes_uploaded,
            api_calls: account.api_calls,
            retries: account.retries,
            throttled: account.throttled,
            elapsed: self.begin.elapsed(),
            first_accepted: state.first_accepted,
            last_accepted: state.last_accepted,
            batches: std::mem::take(&mut state.accepted),
            failed_batches,
            refused_samples: std::mem::take(&mut state.refused),
            warned: account.warned,
            warning_samples: std::mem::take(&mut state.warnings),
        }
    }

    fn account(&self, state: &State) -> Progress {
        Progress {
            api_calls: self.counters.api_calls(),
            retries: self.counters.retries(),
            throttled: self.counters.throttled(),
            ..state.account
        }
    }

    pub(super) fn publish(&self, state: &State) {
        self.progress.send_replace(self.account(state));
    }
}
