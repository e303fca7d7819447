//! A bulk run: what is being filled, what is under way, and what became of everything.
//!
//! The caller's task fills a batch. When it is full, or has waited long enough, it is sealed, and a
//! task of its own ([`deliver`](super::deliver)) carries it to the service. The caller waits while
//! as many batches are sealed and not done as may be under way.

mod content;
mod ended;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::RandomState;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::PushTarget;
use super::deliver::Delivery;
use super::failed::{FailedBatch, FailureReason, PushStep};
use super::frame::{self, Frame, Sealed, Tables};
use super::keys::{Key, Keys};
use super::report::{AcceptedBatch, Progress, PushError, PushReport, Pushed, RefusedItem};
use super::segments::{Alone, Parts, Segments};
use super::settings::Settings;
use super::spare::Spare;
use super::superseded::Superseded;
use crate::finding::{Finding, Rule};
use crate::kernel::run_context::{CallCounters, RateLimit, RunContext};
use crate::kernel::send::CallSettings;
use crate::kernel::shared::Kernel;
use crate::preflight::limit;

/// How many pushes there may be between two messages of the watch channel.
const PUSHES_A_MESSAGE: u64 = 256;

pub(super) struct Run {
    pub(super) kernel: Kernel,
    pub(super) target: PushTarget,
    pub(super) settings: Settings,
    pub(super) calls: CallSettings,
    counters: Arc<CallCounters>,
    pub(super) hasher: RandomState,
    pub(super) segments: Segments,
    begin: Instant,
    /// One for each batch, and each content of an item, that may be under way.
    slots: Semaphore,
    state: Alone<Mutex<State>>,
    /// Whether there was room for an operation when the state was last unlocked: to ask the state itself
    /// for each operation, each thread would wait for the others.
    may_write: AtomicBool,
    /// Something is done, or the run has stopped: who waits looks again.
    changed: Notify,
    progress: watch::Sender<Progress>,
}

#[derive(Default)]
struct State {
    filling: Option<Filling>,
    /// The batches that are sealed and not done, by their numbers.
    under_way: BTreeMap<u64, UnderWay>,
    last_number: u64,
    /// Why nothing more is taken.
    stopped: Option<String>,
    /// The failed batches that a handler is being given.
    handing_over: BTreeSet<u64>,
    account: Progress,
    unsent: u64,
    /// Accepted operations that delete.
    deletions: u64,
    /// Pushes that were dropped before they were taken.
    cancelled: u64,
    first_accepted: Option<SystemTime>,
    last_accepted: Option<SystemTime>,
    accepted: Vec<AcceptedBatch>,
    failed: Vec<FailedBatch>,
    refused: Vec<RefusedItem>,
    warnings: Vec<Finding>,
    superseded: Superseded,
    /// Batches that failed and may still be carried out.
    unknown: Vec<Arc<Keys>>,
    spare: Spare,
}

/// The batch that is being filled. It is opened for its first operation, and never empty.
struct Filling {
    number: u64,
    frame: Frame,
    task: Task,
}

struct Task {
    seal: oneshot::Sender<()>,
    abort: Abort,
}

struct UnderWay {
    batch: Sealed,
    is_uploaded: bool,
    abort: Abort,
}

/// Ends a task; empty until it is spawned.
type Abort = Arc<OnceLock<AbortHandle>>;

fn abort(task: &Abort) {
    if let Some(task) = task.get() {
        task.abort();
    }
}

/// An operation that was written, and is to be taken.
pub(super) struct Taking<'a> {
    pub(super) list: usize,
    pub(super) key: Key<'a>,
    /// Its bytes, which are taken out when there is room for them.
    pub(super) parts: &'a mut Parts,
    pub(super) warnings: &'a [Finding],
}

/// The state, locked. Whether operations may be written is noted when it is unlocked.
struct Locked<'a> {
    state: MutexGuard<'a, State>,
    run: &'a Run,
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let may_write = self.stopped.is_none() && self.run.has_room(&self.state);
        if self.run.may_write.load(Ordering::Relaxed) != may_write {
            self.run.may_write.store(may_write, Ordering::Relaxed);
        }
    }
}

/// What is to be done once the state is unlocked.
#[derive(Default)]
struct Todo {
    spawn: Option<(Delivery, Abort)>,
    /// A batch whose task is gone.
    orphan: Option<u64>,
}

impl Todo {
    fn is_empty(&self) -> bool {
        self.spawn.is_none() && self.orphan.is_none()
    }
}

impl State {
    /// Whether the sealed batches up to a number are accepted or handed over.
    fn is_done_to(&self, last: u64) -> bool {
        let is_later = |first: Option<&u64>| first.is_none_or(|first| *first > last);
        is_later(self.under_way.keys().next()) && is_later(self.handing_over.first())
    }

    fn warned(&mut self, warnings: &[Finding]) {
        self.account.warned += u64::from(!warnings.is_empty());
        let room = PushReport::SAMPLES.saturating_sub(self.warnings.len());
        self.warnings.extend(warnings.iter().take(room).cloned());
    }
}

impl Run {
    pub(super) fn new(kernel: Kernel, target: PushTarget, settings: Settings) -> Arc<Self> {
        let counters = Arc::new(CallCounters::default());
        let limit = settings.api_calls.map(|(calls, interval)| Arc::new(RateLimit::new(calls, interval)));
        let context = RunContext {
            patience: settings.throttle_patience,
            limit,
            counters: Arc::clone(&counters),
            attempts: Arc::default(),
        };
        Arc::new(Self {
            kernel,
            target,
            calls: CallSettings { timeout: None, retry: settings.retry, run: Some(context) },
            counters,
            hasher: RandomState::new(),
            segments: Segments::new((settings.concurrency + 1).saturating_mul(settings.batch_bytes)),
            begin: Instant::now(),
            slots: Semaphore::new(settings.concurrency),
            settings,
            state: Alone::default(),
            may_write: AtomicBool::new(true),
            changed: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
        })
    }

    fn lock(&self) -> Locked<'_> {
        Locked { state: self.state.0.lock().unwrap_or_else(PoisonError::into_inner), run: self }
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Waits until `look` finds what it looks for.
    async fn wait_for<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            changed.await;
        }
    }

    /// Accounts for an operation that is refused.
    pub(super) fn refuse(&self, id: &str, findings: Vec<Finding>) -> Result<Pushed, PushError> {
        let refused = RefusedItem::new(id, findings);
        let mut state = self.lock();
        if let Some(reason) = &state.stopped {
            return Err(PushError::Stopped(reason.clone()));
        }
        state.account.refused += 1;
        self.count(&mut state);
        if state.refused.len() < PushReport::SAMPLES {
            state.refused.push(refused.clone());
        }
        drop(state);
        if let Some(handler) = &self.settings.on_refused {
            handler(&refused);
        }
        Ok(Pushed::Refused(refused))
    }

    pub(super) fn cancelled(&self) {
        self.lock().cancelled += 1;
    }

    fn count(&self, state: &mut State) {
        state.account.pushed += 1;
        if state.account.pushed.is_multiple_of(PUSHES_A_MESSAGE) {
            self.publish(state);
        }
    }

    /// Takes an operation if there is room for it now.
    pub(super) fn take(self: &Arc<Self>, operation: Taking<'_>) -> Option<Result<(), PushError>> {
        match self.take_all([operation]) {
            Ok(0) => None,
            taken => Some(taken.map(drop)),
        }
    }

    /// Takes operations in their order, as far as there is room for them now, and says how many it took.
    /// Nothing is awaited: an operation is taken whole or not at all.
    pub(super) fn take_all<'o>(
        self: &Arc<Self>,
        operations: impl IntoIterator<Item = Taking<'o>>,
    ) -> Result<usize, PushError> {
        let mut taken = 0;
        let mut state = self.lock();
        for operation in operations {
            match &state.stopped {
                None => {}
                Some(reason) if taken == 0 => return Err(PushError::Stopped(reason.clone())),
                // Who asks for the others learns why.
                Some(_) => break,
            }
            let mut todo = Todo::default();
            let is_taken = self.take_into(&mut state, &mut todo, operation);
            if !todo.is_empty() {
                drop(state);
                self.carry_out(todo);
                state = self.lock();
            }
            if !is_taken {
                break;
            }
            taken += 1;
        }
        Ok(taken)
    }

    /// Takes an operation if there is room for it. A batch that it does not fit into, or may not be in, is cut
    /// before it.
    fn take_into(self: &Arc<Self>, state: &mut State, todo: &mut Todo, operation: Taking<'_>) -> bool {
        let Taking { list, key, parts, warnings } = operation;
        let is_full = |frame: &Frame| frame.sealed_len_with(list, parts.len()) > self.settings.batch_bytes;
        if let Some(full) = state.filling.take_if(|next| is_full(&next.frame) || next.frame.keys().conflicts(key)) {
            todo.orphan = self.seal(state, full);
        }
        let has_room = self.has_room(state);
        if has_room {
            let State { filling, last_number, spare, account, .. } = &mut *state;
            let filling = filling.get_or_insert_with(|| self.open(last_number, spare.take(), todo));
            account.bytes_taken += frame::operation_len(parts) as u64;
            filling.frame.add(list, std::mem::take(parts), key);
            state.superseded.pushed_again(key);
            state.warned(warnings);
            self.count(state);
        }
        has_room
    }

    /// Whether an operation of so many bytes fits into a batch of its own, and if not why and what to do.
    pub(super) fn fits(&self, list: usize, id: &str, bytes: usize, remedy: &str) -> Result<(), Finding> {
        let (alone, most) = (frame::sealed_len_alone(self.target.lists(), list, bytes), self.settings.batch_bytes);
        if alone <= most {
            return Ok(());
        }
        Err(Finding::new(id, Rule::ContainerTooLarge, too_large(alone, most, remedy)))
    }

    /// Whether an operation may be written; `None` while there is no room for it.
    pub(super) fn may_write(&self) -> Option<Result<(), PushError>> {
        if self.may_write.load(Ordering::Relaxed) {
            return Some(Ok(()));
        }
        let state = self.lock();
        match &state.stopped {
            Some(reason) => Some(Err(PushError::Stopped(reason.clone()))),
            None => self.has_room(&state).then_some(Ok(())),
        }
    }

    /// Waits until there may be room for an operation, or the run has stopped.
    pub(super) async fn room(&self) {
        self.wait_for(|state| (state.stopped.is_some() || self.has_room(state)).then_some(())).await;
    }

    /// Opens the next batch, with its task.
    fn open(self: &Arc<Self>, last_number: &mut u64, tables: Tables, todo: &mut Todo) -> Filling {
        *last_number += 1;
        Filling {
            number: *last_number,
            frame: Frame::new(self.target.lists(), tables),
            task: self.task(*last_number, todo),
        }
    }

    /// Whether a batch may be filled beside those that are under way, or failed and not handed over: a
    /// handler that takes its time holds their memory.
    fn has_room(&self, state: &State) -> bool {
        state.under_way.len() + state.handing_over.len() <= self.settings.concurrency
    }

    /// The task of a batch, which begins while the batch is being filled. It is spawned when the
    /// state is unlocked: a runtime that shuts down drops a task as it is spawned, and that looks
    /// at the state.
    fn task(self: &Arc<Self>, number: u64, todo: &mut Todo) -> Task {
        let (seal, sealed) = oneshot::channel();
        let abort = Abort::default();
        todo.spawn = Some((Delivery::new(Arc::clone(self), number, sealed), Arc::clone(&abort)));
        Task { seal, abort }
    }

    fn carry_out(&self, todo: Todo) {
        if let Some((delivery, abort)) = todo.spawn {
            let task = tokio::spawn(delivery.go());
            // It is set here alone.
            let _ = abort.set(task.abort_handle());
        }
        if let Some(number) = todo.orphan {
            self.not_accepted(number, PushStep::Wait, FailureReason::Aborted, false);
        }
    }

    /// Seals a batch; its number comes back when its task is gone, as it went with its runtime.
    fn seal(&self, state: &mut State, filling: Filling) -> Option<u64> {
        let Filling { number, frame, task: Task { seal, abort } } = filling;
        state.spare.expect(frame.keys().size());
        state.under_way.insert(number, UnderWay { batch: frame.seal(), is_uploaded: false, abort });
        self.changed.notify_waiters();
        seal.send(()).is_err().then_some(number)
    }

    /// Seals the batch that is being filled, if it is this one still and could be sent. `false` when
    /// it has to wait in any case.
    pub(super) fn seal_if_filling(&self, number: u64) -> bool {
        let mut state = self.lock();
        let has_start = self.has_start(&state);
        let is_this = state.filling.as_ref().is_some_and(|filling| filling.number == number);
        if is_this && !has_start {
            return false;
        }
        if let Some(filling) = state.filling.take_if(|_| is_this) {
            // The task is there: it asks for this.
            self.seal(&mut state, filling);
        }
        true
    }

    /// Waits until the batch that is being filled could be sent at once, or is sealed.
    pub(super) async fn could_start(&self, number: u64) {
        self.wait_for(|state| {
            let is_filling = state.filling.as_ref().is_some_and(|filling| filling.number == number);
            (!is_filling || self.has_start(state)).then_some(())
        })
        .await;
    }

    fn has_start(&self, state: &State) -> bool {
        state.stopped.is_some() || state.under_way.len() < self.settings.concurrency
    }

    /// Waits until a batch may be sent: at most so many are at a time, the earlier ones first.
    /// `Err` when the run has stopped.
    pub(super) async fn may_start(&self, number: u64) -> Result<(), FailureReason> {
        let most = self.settings.concurrency;
        self.wait_for(|state| {
            if state.stopped.is_some() {
                return Some(Err(FailureReason::Stopped));
            }
            (state.under_way.range(..number).count() < most).then_some(Ok(()))
        })
        .await
    }

    /// Waits until no earlier batch that shares an id is under way. `Err` when one failed that may
    /// still be carried out: it could undo this one.
    pub(super) async fn may_commit(&self, number: u64, keys: &Keys) -> Result<(), FailureReason> {
        let mut before = self.conflicting_before(number, keys);
        let mut compared = 0;
        self.wait_for(|state| {
            if state.unknown.iter().skip(compared).any(|earlier| earlier.conflict(keys)) {
                return Some(Err(FailureReason::EarlierBatchUnknown));
            }
            compared = state.unknown.len();
            before.retain(|number| state.under_way.contains_key(number));
            before.is_empty().then_some(Ok(()))
        })
        .await
    }

    /// The earlier batches under way that share an id with these keys: they are known, and only get fewer.
    fn conflicting_before(&self, number: u64, keys: &Keys) -> Vec<u64> {
        let earlier: Vec<(u64, Arc<Keys>)> = {
            let state = self.lock();
            let earlier = state.under_way.range(..number);
            earlier.map(|(number, under_way)| (*number, Arc::clone(&under_way.batch.keys))).collect()
        };
        // The state is not locked meanwhile: pushes go on.
        earlier.into_iter().filter(|(_, earlier)| earlier.conflict(keys)).map(|(number, _)| number).collect()
    }

    /// The batch of that number, once it is sealed and until it is done.
    pub(super) fn batch_under_way(&self, number: u64) -> Option<Sealed> {
        self.lock().under_way.get(&number).map(|under_way| under_way.batch.clone())
    }

    /// Seals what is being filled and waits until it is done, and all before it: what others push
    /// meanwhile is not waited for.
    pub(super) async fn flush(&self) -> Result<(), PushError> {
        let last = self.seal_filling();
        self.wait_for(|state| state.is_done_to(last).then_some(())).await;
        match &self.lock().stopped {
            None => Ok(()),
            Some(reason) => Err(PushError::Stopped(reason.clone())),
        }
    }

    /// Seals what is being filled, and gives the number of the last batch that there is.
    pub(super) fn seal_filling(&self) -> u64 {
        let mut state = self.lock();
        let last = state.last_number;
        let orphan = state.filling.take().and_then(|filling| self.seal(&mut state, filling));
        drop(state);
        self.carry_out(Todo { spawn: None, orphan });
        last
    }

    /// Takes nothing more and ends what is under way. What was not pushed is unsent.
    pub(super) fn abort(&self) {
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| FailureReason::Aborted.to_string());
        for batch in state.under_way.values() {
            abort(&batch.abort);
        }
        if let Some(Filling { number, frame, task }) = state.filling.take() {
            abort(&task.abort);
            let failed = self.failed_batch(number, frame.seal(), PushStep::Wait, FailureReason::Aborted, false);
            self.hand_over(state, failed);
        } else {
            self.publish(&state);
        }
        self.changed.notify_waiters();
    }
}

/// What to do about an operation that makes a batch of `alone` bytes where a batch may have `most`.
fn too_large(alone: usize, most: usize, remedy: &str) -> String {
    let is_for_larger_batches = alone as u64 <= limit::CONTAINER_BYTES;
    let first = if is_for_larger_batches { "set a larger `batch_bytes`, or" } else { "no batch takes it:" };
    format!("it makes a batch of {alone} bytes and a batch may have {most}; {first} {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::PushClient;
    use crate::push::deliver::Delivered;
    use crate::push::frame::BEHIND;
    use crate::push::keys::Scope;

    fn run() -> Arc<Run> {
        let client = PushClient::builder("my-org", "xx-key".into()).build().unwrap();
        let (kernel, target, settings) = client.items("my-source").pusher().into_parts();
        Run::new(kernel, target, settings)
    }

    fn push(run: &Arc<Run>, id: &str) {
        let key = Key::new(id, Scope::Main, &run.hasher);
        let mut parts = Parts::from(&[b"{}", BEHIND][..]);
        assert!(run.take(Taking { list: 0, key, parts: &mut parts, warnings: &[] }).unwrap().is_ok());
    }

    #[tokio::test]
    async fn guarantee_7_a_batch_is_filled_into_the_tables_of_one_that_is_done() {
        let run = run();
        let spare = || run.lock().spare.len();
        for _ in 1..=3 {
            for id in ["a", "b"] {
                push(&run, id);
                assert_eq!(spare(), 0);
            }
            // Nothing is awaited: its task has not begun.
            run.accepted(run.seal_filling(), Delivered { file_id: String::new(), attempts: 1, server_time: None });
            assert_eq!(spare(), 1);
        }
        assert_eq!(run.lock().account.accepted, 6);
    }

    #[tokio::test]
    async fn a_batch_has_room_for_as_many_operations_as_the_one_before() {
        let run = run();
        (0..100).for_each(|id| push(&run, &format!("{id}")));
        run.seal_filling();
        push(&run, "next");
        assert!(run.lock().filling.as_ref().unwrap().frame.keys().room() >= 100);
    }

    #[test]
    fn what_is_too_large_for_a_batch_is_told_what_helps() {
        let service = 256_000_000;
        for (alone, most, expected) in [
            (1_025, 1_024, "set a larger `batch_bytes`, or cut it"),
            (service, service - 1, "set a larger `batch_bytes`, or cut it"),
            (service + 1, service, "no batch takes it: cut it"),
        ] {
            let message = format!("it makes a batch of {alone} bytes and a batch may have {most}; {expected}");
            assert_eq!(too_large(alone, most, "cut it"), message);
        }
    }
}
