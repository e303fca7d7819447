//! When a batch is sealed, sent and committed: the order among the batches of a run.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::timeout_at;

use super::account::Account;
use super::batch::Batch;
use super::failed::{FailureReason, Unknown};
use super::keys::Keys;
use super::report::PushError;
use super::saved_files::Later;
use super::settled::Flushed;
use super::state::State;

impl Account {
    /// Seals the batch that is being filled, if it is this one still and could be sent. `false` when
    /// it has to wait in any case.
    pub(super) fn seal_if_filling(&self, number: u64) -> bool {
        let mut state = self.lock();
        let can_start = self.can_start(&state);
        let is_this = state.filling.as_ref().is_some_and(|filling| filling.number == number);
        if is_this && !can_start {
            return false;
        }
        if let Some(filling) = state.filling.take_if(|_| is_this) {
            // Its task is there: it is the caller.
            self.seal(&mut state, filling);
        }
        true
    }

    /// Waits until the batch that is being filled could be sent at once, or is sealed.
    pub(super) async fn could_start(&self, number: u64) {
        self.wait_for(|state| {
            let is_filling = state.filling.as_ref().is_some_and(|filling| filling.number == number);
            (!is_filling || self.can_start(state)).then_some(())
        })
        .await;
    }

    fn can_start(&self, state: &State) -> bool {
        state.stopped.is_some() || (!state.is_held() && state.under_way.len() < self.most_under_way(state))
    }

    /// How many batches may be sent at the same time. Until one was accepted there may be no such source, which
    /// only the last step of a batch tells.
    fn most_under_way(&self, state: &State) -> usize {
        if state.is_proven { self.settings.concurrency } else { 1 }
    }

    /// Waits while no batch is to be started.
    pub(super) async fn not_held(&self) {
        let held = || self.lock().held();
        while let Some(until) = held() {
            let stopped = self.wait_for(|state| state.stopped.is_some().then_some(()));
            if timeout_at(until, stopped).await.is_ok() {
                return;
            }
        }
    }

    /// Waits until a batch may be sent: a limited number at a time, the earlier ones first.
    /// `Err` when the run has stopped.
    pub(super) async fn may_start(&self, number: u64) -> Result<(), FailureReason> {
        loop {
            self.not_held().await;
            let started = self.wait_for(|state| {
                if state.stopped.is_some() {
                    return Some(Some(Err(FailureReason::Stopped)));
                }
                if state.is_held() {
                    return Some(None);
                }
                let is_next = state.under_way.range(..number).count() < self.most_under_way(state);
                is_next.then_some(Some(Ok(())))
            });
            if let Some(started) = started.await {
                return started;
            }
        }
    }

    /// Waits until no earlier batch that shares an id is under way. `Err` when one failed that may
    /// still be applied: it could undo this one.
    pub(super) async fn may_commit(&self, number: u64, batch: &Batch) -> Result<(), FailureReason> {
        let mut before = self.conflicting_before(number, batch);
        let mut compared = 0;
        self.wait_for(|state| {
            state.unknown.retain(Unknown::blocks);
            let unknown = state.unknown.iter().filter(|unknown| unknown.number > compared);
            if unknown.clone().any(|earlier| earlier.keys.conflict(batch.keys())) {
                return Some(Err(FailureReason::EarlierBatchUnknown));
            }
            compared = unknown.map(|unknown| unknown.number).max().unwrap_or(compared);
            before.retain(|number| state.under_way.contains_key(number));
            before.is_empty().then_some(Ok(()))
        })
        .await?;
        // The state is not locked while they are compared: pushes go on.
        let recent = self.lock().recent.get(self.commit_spacing());
        if let Some((until, _)) = recent.iter().find(|(_, earlier)| earlier.conflict(batch.keys())) {
            tokio::time::sleep_until(*until).await;
        }
        Ok(())
    }

    /// The least time between the commits of batches that share an id.
    pub(super) fn commit_spacing(&self) -> Duration {
        if self.settings.ordering_id.is_some() { Duration::ZERO } else { self.settings.commit_spacing }
    }

    /// The earlier batches under way that share an id with this one: they are known, and only get fewer.
    fn conflicting_before(&self, number: u64, batch: &Batch) -> Vec<u64> {
        let earlier: Vec<(u64, Arc<Keys>)> = {
            let state = self.lock();
            let earlier = state.under_way.range(..number);
            earlier.map(|(number, under_way)| (*number, Arc::clone(under_way.batch.keys()))).collect()
        };
        // The state is not locked meanwhile: pushes go on.
        let conflicting = earlier.into_iter().filter(|(_, earlier)| earlier.conflict(batch.keys()));
        conflicting.map(|(number, _)| number).collect()
    }

    /// The role of a batch for the files of failed ones.
    pub(super) fn later(&self, number: u64, batch: &Batch) -> Later {
        let origin = self.lock().under_way.get(&number).map_or(number, |under_way| under_way.origin);
        Later { origin, keys: Arc::clone(batch.keys()) }
    }

    /// The batch of that number, once it is sealed and until it is done.
    pub(super) fn batch_under_way(&self, number: u64) -> Option<Batch> {
        self.lock().under_way.get(&number).map(|under_way| under_way.batch.clone())
    }

    /// Puts a batch under way in place of its earlier form.
    pub(super) fn replace_batch(&self, number: u64, batch: &Batch) {
        if let Some(under_way) = self.lock().under_way.get_mut(&number) {
            under_way.batch = batch.clone();
        }
    }

    /// One of the slots of batches, as many as the concurrency; it is never refused.
    pub(super) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// One of the places of contents, as many as the concurrency; it is never refused.
    ///
    /// A free place belongs to the next task in line, so only a task that goes on by itself may wait for one or hold
    /// one. A push that waits for room in a batch must hold none: other contents wait for places.
    pub(super) async fn content_place(&self) -> Option<SemaphorePermit<'_>> {
        self.content_places.acquire().await.ok()
    }

    /// Waits until there may be room for an operation. `Err` when the run accepts none.
    pub(super) async fn room(&self) -> Result<(), PushError> {
        self.room_while(State::accepts, State::has_room).await
    }

    /// Waits until there may be room for a failed batch that is pushed again, and that `waits` for it by the answer of
    /// the handler, or is given to the run. `Err` when the run has stopped.
    pub(super) async fn room_again(&self, waits: bool) -> Result<(), PushError> {
        let has_room = if waits { State::has_room_for_waiting } else { State::has_room };
        self.room_while(State::goes_on, has_room).await
    }

    async fn room_while(
        &self,
        goes_on: fn(&State) -> Result<(), PushError>,
        has_room: fn(&State, usize) -> bool,
    ) -> Result<(), PushError> {
        self.wait_for(|state| match goes_on(state) {
            Ok(()) => has_room(state, self.settings.concurrency).then_some(Ok(())),
            stopped => Some(stopped),
        })
        .await
    }

    /// Seals what is being filled and waits until it is done, and all before it. Operations that others push
    /// meanwhile are not waited for.
    pub(super) async fn flush(&self) -> Result<Flushed, PushError> {
        let flush = self.seal_filling(|state| {
            let State { flushes, waiting, last_number, .. } = state;
            flushes.start(*last_number, waiting.values().copied())
        });
        self.wait_for(|state| state.is_done_to(flush.last).then_some(())).await;
        let state = self.lock();
        state.goes_on().map(|()| flush.flushed(state.settled_to()))
    }

    /// Seals the batch that is being filled, after a look at the state.
    pub(super) fn seal_filling<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let found = look(&mut state);
        let cut_off = state.filling.take().and_then(|filling| self.seal(&mut state, filling));
        drop(state);
        self.cut_off(cut_off);
        found
    }
}
