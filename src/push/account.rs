//! The account of a run: it changes the state, and tells the handlers and the waiting tasks.

use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;

use super::batch::{Batch, BufferPool};
use super::destination::Destination;
use super::failed::{FailedBatch, FailureReason, PushStep, Unknown};
use super::report::{BatchReceipt, Delivered, Progress, PushError, PushReport, Pushed, Refused, RunStopped};
use super::saved_files::SavedFiles;
use super::settings::Settings;
use super::state::{BatchTask, Filling, State, UnderWay};
use super::superseded::SupersededOperations;
use super::tracked::TrackedRun;
use crate::error::BoxError;
use crate::error::ConfigError;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::rate_limit::RateLimit;
use crate::kernel::run_context::{CallCounters, RunContext};
use crate::kernel::shared::Kernel;
use crate::kernel::trace::{self, RunLabel};

/// How many pushes there can be between two values of the watch channel.
const PUSHES_A_MESSAGE: u64 = 256;

/// A run: its settings, and the account of its operations.
pub(super) struct Account {
    pub(super) me: Weak<Self>,
    /// The files of its failed batches.
    pub(super) files: Arc<SavedFiles>,
    pub(super) kernel: Kernel,
    pub(super) destination: Destination,
    pub(super) settings: Settings,
    pub(super) calls: CallSettings,
    pub(super) label: RunLabel,
    pub(super) hasher: RandomState,
    pub(super) buffers: Arc<BufferPool>,
    /// One for each batch that may be under way.
    pub(super) slots: Semaphore,
    /// One for each content of an item that may be under way, so that none keeps a batch waiting.
    pub(super) content_places: Semaphore,
    counters: Arc<CallCounters>,
    started: Instant,
    state: Mutex<State>,
    /// Present if the run tracks its outcomes.
    tracked: Option<Arc<Mutex<TrackedRun>>>,
    /// A batch is done, or the run has stopped: tasks that wait look again.
    pub(super) changed: Notify,
    /// Gone when the run has ended.
    progress: Mutex<Option<watch::Sender<Progress>>>,
}

/// Removes a batch from those that a handler is being given.
pub(super) struct HandedOver<'a> {
    pub(super) account: &'a Account,
    pub(super) origin: u64,
}

impl Drop for HandedOver<'_> {
    fn drop(&mut self) {
        let mut state = self.account.lock();
        state.handed_over(self.origin);
        self.account.settle(state);
    }
}

impl Account {
    pub(super) fn new(kernel: Kernel, destination: Destination, settings: Settings) -> Arc<Self> {
        let counters = Arc::new(CallCounters::default());
        let run = kernel.shared.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let label = RunLabel { run, source: destination.id(), batch: None };
        let own_limit = settings.max_api_calls.map(|(calls, interval)| Arc::new(RateLimit::new(calls, interval)));
        let limit = own_limit.or_else(|| destination.shared_limit(&kernel));
        let limit = match settings.share_of_calls {
            (part, of) if part == of => limit,
            (part, of) => limit.map(|limit| Arc::new(limit.share(part, of))),
        };
        let context = RunContext {
            throttle_patience: settings.throttle_patience,
            outage_patience: settings.outage_patience,
            limit,
            counters: Arc::clone(&counters),
            batch: None,
            label: label.clone(),
        };
        trace::run_started(&label);
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            files: Arc::default(),
            kernel,
            destination,
            calls: CallSettings { retry: settings.retry, run: Some(context), ..CallSettings::default() },
            label,
            hasher: RandomState::new(),
            buffers: BufferPool::new(settings.batch_bytes, settings.concurrency + 1),
            slots: Semaphore::new(settings.concurrency),
            content_places: Semaphore::new(settings.concurrency),
            counters,
            started: Instant::now(),
            tracked: settings.tracks_outcomes.then(Arc::default),
            settings,
            state: Mutex::default(),
            changed: Notify::new(),
            progress: Mutex::new(Some(watch::Sender::new(Progress::default()))),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        let state = self.lock();
        // A new receiver has the counts of now.
        self.publish(&state);
        let totals = self.totals(&state);
        drop(state);
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = || watch::channel(totals).1;
        progress.as_ref().map_or_else(ended, watch::Sender::subscribe)
    }

    /// Waits until `look` finds something.
    pub(super) async fn wait_for<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    /// Whether this is called on a runtime, where the tasks of batches can be spawned.
    pub(super) fn has_runtime() -> Result<(), PushError> {
        let why = "a push needs a tokio runtime with a timer: await it inside of one";
        Handle::try_current().map(drop).map_err(|_| PushError::Call(ConfigError::new(why).into()))
    }

    /// Counts a push, which is queued or refused, and returns its number.
    pub(super) fn count(&self, state: &mut State) -> u64 {
        state.totals.pushed += 1;
        if state.totals.pushed.is_multiple_of(PUSHES_A_MESSAGE) {
            self.publish(state);
        }
        state.totals.pushed
    }

    /// Accounts for an operation that is refused.
    pub(super) fn refuse(&self, refused: Refused) -> Result<Pushed, PushError> {
        let mut state = self.lock();
        state.accepts()?;
        if let Some(journal) = &self.destination.journal {
            journal.refused(refused.id());
        }
        state.totals.refused += 1;
        let refused = refused.numbered(self.count(&mut state));
        self.publish(&state);
        if state.refused.len() < PushReport::SAMPLES {
            state.refused.push(refused.clone());
        }
        drop(state);
        trace::refused(&self.label, refused.id(), refused.findings());
        if let Some(handler) = &self.settings.on_refused {
            let _ = self.guarded("refused items", || handler(&refused));
        }
        Ok(Pushed::Refused(refused))
    }

    pub(super) fn cancelled(&self) {
        self.lock().totals.cancelled += 1;
    }

    /// Moves the batch that was filled to those under way. Its number is returned when its task is gone, as it
    /// is with its runtime: the batch must then be [cut off](Self::cut_off) once the state is unlocked.
    pub(super) fn seal(&self, state: &mut State, filling: Filling) -> Option<u64> {
        let Filling { number, batch, task: BatchTask { seal, abort } } = filling;
        state.under_way.insert(number, UnderWay::new(batch.seal(), number, abort));
        self.changed.notify_waiters();
        seal.send(()).is_err().then_some(number)
    }

    /// Accounts for a batch whose task is gone.
    pub(super) fn cut_off(&self, number: Option<u64>) {
        if let Some(number) = number {
            self.not_accepted(number, PushStep::Wait, FailureReason::Aborted, false);
        }
    }

    /// The storage accepted a batch, which it can be given once more.
    pub(super) fn batch_uploaded(&self, number: u64) {
        let mut state = self.lock();
        let State { under_way, totals, .. } = &mut *state;
        let Some(UnderWay { batch, is_uploaded, .. }) = under_way.get_mut(&number) else { return };
        totals.bytes_uploaded += batch.len();
        if !std::mem::replace(is_uploaded, true) {
            totals.uploaded += batch.keys().len() as u64;
        }
        self.publish(&state);
    }

    pub(super) fn content_uploaded(&self, bytes: u64) {
        let mut state = self.lock();
        state.totals.bytes_uploaded += bytes;
        self.publish(&state);
    }

    pub(super) fn accepted(&self, number: u64, delivered: Delivered) {
        let mut state = self.lock();
        let Some(UnderWay { batch, origin, .. }) = state.under_way.remove(&number) else { return };
        state.is_proven = true;
        state.recent.accepted(batch.keys(), self.commit_spacing());
        let server_time = delivered.server_time;
        let (operations, bytes) = (batch.keys().len() as u64, batch.len());
        let ordering_id = self.settings.ordering_id.or(delivered.ordering_id);
        state.lowest_ordering_id = state.lowest_ordering_id.into_iter().chain(ordering_id).min();
        state.without_ordering_id += u64::from(ordering_id.is_none());
        let receipt = delivered.into_receipt(number, operations, bytes, ordering_id);
        state.totals.accepted += operations;
        state.flushes.accepted(origin, operations);
        state.totals.deletions += batch.deletions();
        state.totals.batches_accepted += 1;
        // By the service's clock, which can differ from the order in which its responses came.
        state.first_accepted = state.first_accepted.into_iter().chain(server_time).min();
        state.last_accepted = state.last_accepted.max(server_time);
        if state.accepted.len() < PushReport::SAMPLES {
            state.accepted.push(receipt.clone());
        }
        self.publish(&state);
        state.handing_over.push(origin);
        drop(state);
        trace::batch_accepted(&self.label, number, operations, bytes, receipt.attempts);
        let _handed_over = HandedOver { account: self, origin };
        if let Some(tracked) = &self.tracked {
            let mut tracked = tracked.lock().unwrap_or_else(PoisonError::into_inner);
            tracked.accepted(&batch, &receipt.file_id, ordering_id);
        }
        let keys = Arc::clone(batch.keys());
        // Its buffer is free for another batch before there is room for one.
        drop(batch);
        if let Some(handler) = &self.settings.on_accepted {
            let receipt = BatchReceipt { keys: Some(keys), ..receipt };
            let _ = self.guarded("accepted batches", || handler(&receipt));
        }
    }

    /// A batch may be applied more than once: by another attempt of its commit, or when it is pushed again.
    pub(super) fn may_be_applied_twice(&self) {
        if let Some(tracked) = &self.tracked {
            tracked.lock().unwrap_or_else(PoisonError::into_inner).may_be_applied_twice = true;
        }
    }

    /// Accounts for a batch that was not accepted, and hands it over. A batch that is done already is
    /// left alone.
    pub(super) fn not_accepted(&self, number: u64, step: PushStep, reason: FailureReason, may_have_been_applied: bool) {
        let mut state = self.lock();
        let Some(UnderWay { batch, origin, .. }) = state.under_way.remove(&number) else { return };
        let failed = self.failed_batch((number, origin), batch, step, reason, may_have_been_applied);
        self.hand_over(state, failed);
    }

    pub(super) fn hand_over(&self, mut state: MutexGuard<'_, State>, failed: FailedBatch) {
        self.account_failed(&mut state, &failed);
        self.publish(&state);
        self.give_to_handler(state, failed);
    }

    /// Calls a handler. A panic must not end the push or the task of the batch, nor the program when another panic drops the
    /// pusher: the run stops instead.
    pub(super) fn guarded<T>(&self, what: &str, handler: impl FnOnce() -> T) -> Option<T> {
        let answer = catch_unwind(AssertUnwindSafe(handler)).ok();
        if answer.is_none() {
            let stopped = RunStopped::new(format!("the handler of {what} panicked"));
            self.lock().stopped.get_or_insert(stopped);
        }
        answer
    }

    /// A batch that failed, with its own number and the one that its operations had first.
    pub(super) fn failed_batch(
        &self,
        (number, origin): (u64, u64),
        batch: Batch,
        step: PushStep,
        reason: FailureReason,
        may_have_been_applied: bool,
    ) -> FailedBatch {
        FailedBatch {
            number,
            origin,
            files: Arc::clone(&self.files),
            is_settled: Arc::default(),
            calls: self.calls.clone(),
            step,
            reason: Arc::new(reason),
            may_have_been_applied,
            superseded: Arc::new(SupersededOperations::new(origin, batch.keys())),
            batch,
            content: None,
            known: self.settings.validation.known.clone(),
            kernel: self.kernel.clone(),
            destination: self.destination.clone(),
            ordering_id: self.settings.ordering_id,
        }
    }

    pub(super) fn account_failed(&self, state: &mut State, failed: &FailedBatch) {
        let operations = failed.operations() as u64;
        if failed.is_unsent() {
            state.totals.unsent += operations;
        } else {
            state.totals.failed += operations;
            state.totals.batches_failed += 1;
        }
        if failed.leaves_order_open() {
            state.unknown.push(Unknown::new(failed));
        }
        self.files.failed(&failed.superseded);
        state.failed_numbers.insert(failed.batch.open_from(), failed.number, &failed.superseded);
        state.flushes.failed(failed.origin, failed.number, operations, failed.is_unsent());
    }

    /// Stops the run, because the journal failed.
    pub(super) fn stop_by_journal(&self, error: &BoxError) -> PushError {
        let stopped = RunStopped::new(format!("the ledger failed: {error}"));
        let stopped = self.lock().stopped.get_or_insert(stopped).clone();
        self.changed.notify_waiters();
        PushError::Stopped(stopped)
    }

    /// Accepts nothing more. Whether this is the first time.
    pub(super) fn close(&self) -> bool {
        let is_first = !std::mem::replace(&mut self.lock().is_closed, true);
        self.changed.notify_waiters();
        is_first
    }

    /// Accepts nothing more and ends the tasks under way. Operations that were not pushed are unsent.
    pub(super) fn abort(&self) {
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| RunStopped::new(FailureReason::Aborted.to_string()));
        for batch in state.under_way.values() {
            BatchTask::abort(&batch.abort);
        }
        if let Some(Filling { number, batch, task }) = state.filling.take() {
            BatchTask::abort(&task.abort);
            let failed =
                self.failed_batch((number, number), batch.seal(), PushStep::Wait, FailureReason::Aborted, false);
            self.hand_over(state, failed);
        } else {
            self.publish(&state);
        }
        self.changed.notify_waiters();
    }

    /// Waits until all batches are done, and ends the run.
    pub(super) async fn report(&self) -> PushReport {
        self.wait_for(|state| state.is_done_to(u64::MAX).then_some(())).await;
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| RunStopped::new("it has ended"));
        self.end_progress(&state);
        let mut failed_batches = std::mem::take(&mut state.failed);
        failed_batches.sort_by_key(FailedBatch::number);
        let is_first = state.took.is_none();
        let report = PushReport {
            totals: self.totals(&state),
            elapsed: *state.took.get_or_insert_with(|| self.started.elapsed()),
            first_accepted: state.first_accepted,
            last_accepted: state.last_accepted,
            lowest_ordering_id: state.lowest_ordering_id.filter(|_| state.without_ordering_id == 0),
            batch_samples: state.accepted.clone(),
            failed_batches,
            refused_samples: state.refused.clone(),
            warning_samples: state.warnings.clone(),
            target: Some(self.destination.target()),
            tracked: self.tracked.clone(),
        };
        drop(state);
        if is_first {
            trace::run_ended(&self.label, &report);
        }
        report
    }

    /// Wakes all that wait for a change, and ends the progress of a run that was told to end and has nothing left to do.
    pub(super) fn settle(&self, state: MutexGuard<'_, State>) {
        if state.is_closed && state.filling.is_none() && state.is_done_to(u64::MAX) {
            self.end_progress(&state);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn end_progress(&self, state: &State) {
        self.publish(state);
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn totals(&self, state: &State) -> Progress {
        Progress {
            api_calls: self.counters.api_calls(),
            retries: self.counters.retries(),
            throttled: self.counters.throttled(),
            settled_to: state.settled_to(),
            ..state.totals
        }
    }

    pub(super) fn publish(&self, state: &State) {
        if let Some(progress) = &*self.progress.lock().unwrap_or_else(PoisonError::into_inner) {
            progress.send_replace(self.totals(state));
        }
    }
}
