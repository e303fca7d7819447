//! A limit on the number of calls in any interval of a given length.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Queue, Notify};
use tokio::time::{Instant, timeout_at};

use super::wait;

/// A limit on the number of calls in any interval of a given length.
#[derive(Debug)]
pub(crate) struct RateLimit {
    calls: usize,
    interval: Duration,
    state: Mutex<State>,
    /// The calls that wait for a turn, first come first served: one queue for each number of followers. Those with fewer
    /// followers need fewer free calls, and may overtake.
    queue: Queue<()>,
    queue_before_commit: Queue<()>,
    queue_before_batch: Queue<()>,
    given_back: Notify,
}

#[derive(Debug)]
struct State {
    /// How many calls may start now.
    free: usize,
    /// When the turns of the calls that have started are free again, in order.
    returns: VecDeque<Instant>,
    /// How many commits are to follow soon.
    promised: usize,
}

/// The calls that must be able to follow soon after another one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Followers {
    None,
    Commit,
    /// A container and its commit.
    Batch,
}

/// The turn of one call. Dropped before its start, it is given back.
#[derive(Debug)]
pub(super) struct Turn {
    limit: Arc<RateLimit>,
    has_started: bool,
}

/// Keeps a turn free for a commit: no other container is created with it.
#[derive(Debug)]
pub(super) struct Promise(Arc<RateLimit>);

impl RateLimit {
    /// In a shorter interval a call never waits long for those before it.
    const LONG: Duration = Duration::from_secs(10 * 60);

    pub(crate) fn new(calls: u32, interval: Duration) -> Self {
        let calls = calls.max(1) as usize;
        Self {
            calls,
            interval: wait::bounded(interval),
            state: Mutex::new(State { free: calls, returns: VecDeque::new(), promised: 0 }),
            queue: Queue::default(),
            queue_before_commit: Queue::default(),
            queue_before_batch: Queue::default(),
            given_back: Notify::new(),
        }
    }

    /// A limit on its own with a part of these calls. A part of less than one call is one call in a longer interval.
    pub(crate) fn share(&self, part: u32, of: u32) -> Self {
        let (part, of) = (u64::from(part.max(1)), u64::from(of.max(1)));
        let calls = (self.calls as u64).saturating_mul(part);
        match u32::try_from(calls / of) {
            Ok(0) => Self::new(1, self.interval.mul_f64(of as f64 / calls as f64)),
            shared => Self::new(shared.unwrap_or(u32::MAX), self.interval),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more call may start, and those that follow it soon after it.
    pub(super) async fn turn(self: &Arc<Self>, followers: Followers) -> Turn {
        self.wait(followers, 0).await
    }

    /// Waits for the turn of a call that a commit is to follow.
    pub(super) async fn turn_before_commit(self: &Arc<Self>) -> (Turn, Promise) {
        let turn = self.wait(Followers::Commit, 1).await;
        (turn, Promise(Arc::clone(self)))
    }

    async fn wait(self: &Arc<Self>, followers: Followers, promises: usize) -> Turn {
        let followers = if self.interval < Self::LONG { Followers::None } else { followers };
        let (followers, queue) = match followers {
            Followers::None => (0, &self.queue),
            Followers::Commit => (1, &self.queue_before_commit),
            Followers::Batch => (2, &self.queue_before_batch),
        };
        let _first = queue.lock().await;
        loop {
            let given_back = self.given_back.notified();
            let next = {
                let mut state = self.lock();
                state.take_back();
                let needed = if followers > 0 { self.calls.min(1 + followers + state.promised) } else { 1 };
                if state.free >= needed {
                    state.free -= 1;
                    state.promised += promises;
                    return Turn { limit: Arc::clone(self), has_started: false };
                }
                state.returns.get(needed - state.free - 1).copied()
            };
            match next {
                // Whichever comes first.
                Some(at) => drop(timeout_at(at, given_back).await),
                None => given_back.await,
            }
        }
    }
}

impl State {
    /// Frees the turns of the calls that started long enough ago.
    fn take_back(&mut self) {
        let now = Instant::now();
        while self.returns.front().is_some_and(|at| *at <= now) {
            self.returns.pop_front();
            self.free += 1;
        }
    }
}

impl Turn {
    /// Takes note that the call starts now.
    pub(super) fn start(mut self) {
        self.has_started = true;
        self.limit.lock().returns.push_back(Instant::now() + self.limit.interval);
        // Those that wait know now until when.
        self.limit.given_back.notify_waiters();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.has_started {
            self.limit.lock().free += 1;
            self.limit.given_back.notify_waiters();
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.promised = state.promised.saturating_sub(1);
        drop(state);
        self.0.given_back.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn limit(calls: u32, interval: Duration) -> Arc<RateLimit> {
        Arc::new(RateLimit::new(calls, interval))
    }

    #[tokio::test(start_paused = true)]
    async fn no_interval_holds_more_calls_than_the_limit() {
        let limit = limit(3, Duration::from_secs(10));
        let begin = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..7 {
            limit.turn(Followers::None).await.start();
            starts.push(begin.elapsed().as_secs());
        }
        assert_eq!(starts, [0, 0, 0, 10, 10, 10, 20]);
    }

    #[test]
    fn a_share_of_a_limit_is_never_more_than_its_part() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        for ((part, of), calls, interval) in [
            ((1, 1), 250, minutes(5)),
            ((1, 4), 62, minutes(5)),
            ((3, 4), 187, minutes(5)),
            ((1, 250), 1, minutes(5)),
            ((1, 1_000), 1, minutes(20)),
            ((2, 1_000), 1, minutes(10)),
        ] {
            let share = RateLimit::new(250, minutes(5)).share(part, of);
            assert_eq!((share.calls, share.interval), (calls, interval), "{part} of {of}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_given_up_is_the_next_ones() {
        let limit = limit(1, Duration::from_secs(60));
        limit.turn(Followers::None).await.start();
        let begin = Instant::now();
        assert!(tokio::time::timeout(Duration::from_secs(5), limit.turn(Followers::None)).await.is_err());
        drop(limit.turn(Followers::None).await);
        limit.turn(Followers::None).await.start();
        assert_eq!(begin.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_waits_for_its_start_counts_from_there() {
        let limit = limit(1, Duration::from_secs(60));
        let begin = Instant::now();
        let turn = limit.turn(Followers::None).await;
        let next = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.turn(Followers::None).await.start() }
        });
        tokio::time::sleep(Duration::from_secs(40)).await;
        turn.start();
        next.await.unwrap();
        assert_eq!(begin.elapsed(), Duration::from_secs(100));
    }

    #[tokio::test(start_paused = true)]
    async fn no_container_is_created_whose_commit_would_have_to_wait_for_a_day() {
        let limit = limit(4, DAY);
        let begin = Instant::now();
        let (first, promise) = limit.turn_before_commit().await;
        first.start();
        limit.turn(Followers::None).await.start();
        // Two are left: one is promised, and one is not enough.
        let second = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.turn_before_commit().await.0.start() }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        limit.turn(Followers::None).await.start();
        drop(promise);
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        second.await.unwrap();
        assert!(begin.elapsed() >= DAY);
    }

    #[tokio::test(start_paused = true)]
    async fn the_calls_of_a_batch_do_not_wait_behind_content_that_needs_more_of_them() {
        let limit = limit(3, DAY);
        let begin = Instant::now();
        limit.turn(Followers::Batch).await.start();
        let next = tokio::spawn({
            let limit = Arc::clone(&limit);
            async move { limit.turn(Followers::Batch).await.start() }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (container, _promise) = limit.turn_before_commit().await;
        container.start();
        limit.turn(Followers::None).await.start();
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        next.await.unwrap();
        assert!(begin.elapsed() >= DAY);
    }

    #[tokio::test(start_paused = true)]
    async fn the_smallest_limit_lets_everything_through() {
        let limit = limit(1, DAY);
        let begin = Instant::now();
        for day in 0..3 {
            let (turn, _promise) = limit.turn_before_commit().await;
            turn.start();
            assert_eq!(begin.elapsed(), DAY * (2 * day));
            limit.turn(Followers::None).await.start();
        }
        limit.turn(Followers::Batch).await.start();
    }
}
