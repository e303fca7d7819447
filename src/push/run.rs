//! A bulk run: what is being filled, what is under way, and what became of everything.
//!
//! The caller's task fills a batch. When it is full, or has waited long enough, it is sealed, and a
//! task of its own ([`deliver`](super::deliver)) carries it to the service. The caller waits while
//! as many batches are sealed and not done as may be under way.

mod ended;

use std::collections::BTreeMap;
use std::hash::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::PushTarget;
use super::deliver::Delivery;
use super::failed::{FailedBatch, FailureReason, PushStep};
use super::frame::{Frame, Sealed, Written};
use super::keys::{Key, Keys};
use super::report::{AcceptedBatch, Progress, PushError, PushReport, Pushed, RefusedItem};
use super::settings::Settings;
use super::superseded::Superseded;
use crate::http::kernel::Kernel;
use crate::http::pace::{CallCounters, Pace, RateLimit};
use crate::http::send::CallSettings;
use crate::preflight::{Finding, Rule};

/// How many pushes there may be between two messages of the watch channel.
const PUSHES_A_MESSAGE: u64 = 256;

pub(super) struct Run {
    pub(super) kernel: Kernel,
    pub(super) target: PushTarget,
    pub(super) settings: Settings,
    pub(super) calls: CallSettings,
    counters: Arc<CallCounters>,
    hasher: RandomState,
    begin: Instant,
    state: Mutex<State>,
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
    /// How many failed batches a handler is being given.
    handing_over: usize,
    account: Progress,
    unsent: u64,
    first_accepted: Option<SystemTime>,
    last_accepted: Option<SystemTime>,
    accepted: Vec<AcceptedBatch>,
    failed: Vec<FailedBatch>,
    refused: Vec<RefusedItem>,
    superseded: Superseded,
    /// Batches that failed and may still be carried out.
    unknown: Vec<Arc<Keys>>,
    /// Buffers to be filled again: fresh memory costs more than the bytes that go into it.
    spare: Vec<Vec<u8>>,
}

/// The batch that is being filled. Its task begins with its first operation.
struct Filling {
    number: u64,
    frame: Frame,
    task: Option<Task>,
}

struct Task {
    seal: oneshot::Sender<()>,
    abort: Abort,
}

struct UnderWay {
    batch: Sealed,
    abort: Abort,
}

/// Ends a task; empty until it is spawned.
type Abort = Arc<OnceLock<AbortHandle>>;

fn abort(task: &Abort) {
    if let Some(task) = task.get() {
        task.abort();
    }
}

/// What is to be done once the state is unlocked.
#[derive(Default)]
struct Todo {
    spawn: Option<(Delivery, Abort)>,
    /// A batch whose task is gone.
    orphan: Option<u64>,
}

impl State {
    fn is_done(&self) -> bool {
        self.under_way.is_empty() && self.handing_over == 0
    }
}

impl Run {
    pub(super) fn new(kernel: Kernel, target: PushTarget, settings: Settings) -> Arc<Self> {
        let counters = Arc::new(CallCounters::default());
        let limit = settings.api_calls.map(|(calls, interval)| Arc::new(RateLimit::new(calls, interval)));
        let pace = Pace { patience: settings.throttle_patience, limit, counters: Arc::clone(&counters) };
        Arc::new(Self {
            kernel,
            target,
            calls: CallSettings { timeout: None, retry: settings.retry, pace: Some(pace) },
            settings,
            counters,
            hasher: RandomState::new(),
            begin: Instant::now(),
            state: Mutex::default(),
            changed: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Takes an operation once there is room. Nothing is written before that, and nothing is awaited
    /// after it: a push that is dropped has taken its operation whole or not at all.
    pub(super) async fn push(
        self: &Arc<Self>,
        list: usize,
        key: Key<'_>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Vec<Finding>>,
    ) -> Result<Pushed, PushError> {
        self.wait_for(|state| match &state.stopped {
            Some(reason) => Some(Err(PushError::Stopped(reason.clone()))),
            None => self.has_room(state, 0).then_some(Ok(())),
        })
        .await?;
        let mut state = self.lock();
        let taken = self.take(&mut state, list, key, write);
        state.account.pushed += 1;
        if taken.is_err() {
            state.account.refused += 1;
        }
        if state.account.pushed.is_multiple_of(PUSHES_A_MESSAGE) {
            self.publish(&state);
        }
        let findings = match taken {
            Ok(todo) => {
                drop(state);
                self.carry_out(todo);
                return Ok(Pushed::Taken);
            }
            Err(findings) => findings,
        };
        let refused = RefusedItem::new(key.text, findings);
        if state.refused.len() < PushReport::SAMPLES {
            state.refused.push(refused.clone());
        }
        drop(state);
        if let Some(handler) = &self.settings.on_refused {
            handler(&refused);
        }
        Ok(Pushed::Refused(refused))
    }

    /// Writes an operation into the batch that is being filled, and cuts the batch before it where
    /// it does not fit or may not be in one batch with an earlier one.
    fn take(
        self: &Arc<Self>,
        state: &mut State,
        list: usize,
        key: Key<'_>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Vec<Finding>>,
    ) -> Result<Todo, Vec<Finding>> {
        let mut filling = match state.filling.take() {
            Some(filling) => filling,
            None => self.open(state, 0),
        };
        if filling.frame.is_cramped() && self.has_room(state, 0) {
            filling.frame.move_into(self.buffer(state));
        }
        // It stays in its place while the operation is written: when that panics, nothing is lost.
        let filling = state.filling.insert(filling);
        // Written first, into whichever batch there is: a refused operation cuts none.
        let written = filling.frame.write(list, write)?;
        let most = self.settings.batch_bytes;
        let is_over = filling.frame.sealed_len(&written) > most;
        if is_over && filling.frame.sealed_len_alone(&written) > most {
            let alone = filling.frame.sealed_len_alone(&written);
            filling.frame.take_back(&written);
            let message = format!(
                "it makes a batch of {alone} bytes and a batch may have {most}; upload its data into a file container"
            );
            return Err(vec![Finding::new(key.text, Rule::ContainerTooLarge, message)]);
        }
        let must_follow = is_over || filling.frame.conflicts(key, &self.hasher);
        let mut todo = Todo::default();
        let written = if must_follow { self.cut(state, written, &mut todo) } else { written };
        state.account.bytes_taken += written.len() as u64;
        state.superseded.pushed_again(key);
        if let Some(filling) = &mut state.filling {
            filling.frame.keep(&written, key, &self.hasher);
            if filling.task.is_none() {
                filling.task = Some(self.task(filling.number, &mut todo));
            }
        }
        Ok(todo)
    }

    /// Seals the batch that is being filled, all but the operation that was written last: the next
    /// one begins with that.
    fn cut(&self, state: &mut State, written: Written, todo: &mut Todo) -> Written {
        let Some(mut full) = state.filling.take() else { return written };
        let mut next = self.open(state, 1);
        let moved = full.frame.move_to(&mut next.frame, &written);
        todo.orphan = self.seal(state, full);
        state.filling = Some(next);
        moved
    }

    /// Opens the next batch, when `more` than those that are under way are before it. One that will
    /// have to wait gets no buffer yet: it holds the operation that did not fit before it, and memory
    /// is that of one batch more than may be under way.
    fn open(&self, state: &mut State, more: usize) -> Filling {
        state.last_number += 1;
        let buffer = if self.has_room(state, more) { self.buffer(state) } else { Vec::new() };
        let frame = Frame::new(self.target.lists(), buffer, self.settings.batch_bytes);
        Filling { number: state.last_number, frame, task: None }
    }

    /// Whether one more batch may be filled when there are `more` than those that are under way.
    fn has_room(&self, state: &State, more: usize) -> bool {
        state.under_way.len() + more <= self.settings.concurrency
    }

    fn buffer(&self, state: &mut State) -> Vec<u8> {
        state.spare.pop().unwrap_or_else(|| Frame::buffer(self.settings.batch_bytes))
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
        let Filling { number, frame, task: Some(Task { seal, abort }) } = filling else { return None };
        state.under_way.insert(number, UnderWay { batch: frame.seal(), abort });
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
        let conflicts = |earlier: &Keys| earlier.conflict(keys, &self.hasher);
        // Batches are compared once: which are before this one is known, and they only get fewer.
        let (mut before, mut compared) = (None, 0);
        self.wait_for(|state| {
            if state.unknown.iter().skip(compared).any(|earlier| conflicts(earlier)) {
                return Some(Err(FailureReason::EarlierBatchUnknown));
            }
            compared = state.unknown.len();
            let before = before.get_or_insert_with(|| {
                let earlier = state.under_way.range(..number).filter(|(_, earlier)| conflicts(&earlier.batch.keys));
                earlier.map(|(number, _)| *number).collect::<Vec<_>>()
            });
            before.retain(|number| state.under_way.contains_key(number));
            before.is_empty().then_some(Ok(()))
        })
        .await
    }

    /// The batch of that number, once it is sealed and until it is done.
    pub(super) fn batch_under_way(&self, number: u64) -> Option<Sealed> {
        self.lock().under_way.get(&number).map(|under_way| under_way.batch.clone())
    }

    /// Seals what is being filled and waits until all is done.
    pub(super) async fn flush(&self) -> Result<(), PushError> {
        self.seal_filling();
        self.wait_for(|state| state.is_done().then_some(())).await;
        match &self.lock().stopped {
            None => Ok(()),
            Some(reason) => Err(PushError::Stopped(reason.clone())),
        }
    }

    pub(super) fn seal_filling(&self) {
        let mut state = self.lock();
        // One that holds nothing is kept for what comes.
        let Some(filling) = state.filling.take_if(|filling| filling.task.is_some()) else { return };
        let orphan = self.seal(&mut state, filling);
        drop(state);
        self.carry_out(Todo { spawn: None, orphan });
    }

    /// Takes nothing more and ends what is under way. What was not pushed is unsent.
    pub(super) fn abort(&self) {
        let mut state = self.lock();
        state.stopped.get_or_insert_with(|| FailureReason::Aborted.to_string());
        for batch in state.under_way.values() {
            abort(&batch.abort);
        }
        if let Some(Filling { number, frame, task: Some(task) }) = state.filling.take() {
            abort(&task.abort);
            let failed = self.failed_batch(number, frame.seal(), PushStep::Wait, FailureReason::Aborted, false);
            self.hand_over(state, failed);
        } else {
            self.publish(&state);
        }
        self.changed.notify_waiters();
    }
}
