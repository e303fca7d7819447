//! The hold of a host that is down: no new call starts there but one probe at a time, until one is
//! answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::outage::Outage;
use super::wait;

/// The outages of one host, and its hold after several of them.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Outages since the last answer.
    outages: u32,
    last: Option<Outage>,
    /// Whether the last attempt ended with a closed connection, its repetition included.
    last_was_closed: bool,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    queue: Arc<Queue>,
    next_probe: Instant,
    /// How many back-offs there were.
    back_offs: u32,
}

/// The calls that wait for the end of one hold, first come first served.
#[derive(Debug)]
struct Queue {
    /// One permit, for the call that probes next. Closed when the hold is over.
    turn: Arc<Semaphore>,
    /// Wakes the call that has the permit when the hold is over.
    over: Notify,
}

/// How waiting at a host ended.
#[derive(Debug)]
pub(crate) enum Admission {
    /// The host is not held.
    Free,
    /// The hold is over: the calls that waited start again spread over a while.
    AfterHold,
    /// This call goes ahead to find out whether the host is back.
    Probe(Probe),
    /// The patience ended before the hold.
    Refused,
}

/// The one call that may be sent to a held host. Dropping it lets the next one go.
#[derive(Debug)]
pub(crate) struct Probe {
    queue: Arc<Queue>,
    _turn: OwnedSemaphorePermit,
}

impl Hold {
    /// So many outages without an answer between hold a host.
    const OUTAGES: u32 = 5;
    const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
    const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
    /// The time over which the restart of waiting calls is spread.
    const SPREAD: Duration = Duration::from_secs(1);

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_held(&self) -> bool {
        self.lock().held.is_some()
    }

    /// The last outage, which the calls that are not sent because of the hold are told.
    pub(crate) fn last(&self) -> Option<Outage> {
        self.lock().last.clone()
    }

    /// Waits for the end of the hold, or for the turn to probe, no longer than `patience`.
    pub(crate) async fn pass(&self, patience: Duration) -> Admission {
        let Some(queue) = self.lock().held.as_ref().map(|held| Arc::clone(&held.queue)) else {
            return Admission::Free;
        };
        let until = Instant::now() + wait::bounded(patience);
        let turn = match timeout_at(until, Arc::clone(&queue.turn).acquire_owned()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Admission::AfterHold,
            Err(_) => return Admission::Refused,
        };
        let Some(next_probe) = self.next_probe(&queue) else { return Admission::AfterHold };
        if Instant::now() < next_probe && timeout_at(next_probe.min(until), queue.over.notified()).await.is_ok() {
            return Admission::AfterHold;
        }
        if until < next_probe {
            return Admission::Refused;
        }
        Admission::Probe(Probe { queue, _turn: turn })
    }

    /// When the next probe may start; `None` when the hold is over.
    fn next_probe(&self, queue: &Arc<Queue>) -> Option<Instant> {
        let state = self.lock();
        let held = state.held.as_ref().filter(|held| Arc::ptr_eq(&held.queue, queue))?;
        Some(held.next_probe)
    }

    /// What to wait after a hold, so that not everything starts at once; `random` is in `0.0..1.0`.
    pub(crate) fn spread(random: f64) -> Duration {
        wait::part(Self::SPREAD, random)
    }

    /// Takes note of an answer, which ends a hold.
    pub(crate) fn answered(&self) {
        let held = {
            let mut state = self.lock();
            (state.outages, state.last_was_closed) = (0, false);
            state.held.take()
        };
        if let Some(held) = held {
            held.queue.turn.close();
            held.queue.over.notify_one();
        }
    }

    /// Whether a request whose connection was closed may go out again at once: the host is not held,
    /// and the last attempt there did not end the same way.
    pub(crate) fn forgives_closed(&self) -> bool {
        let mut state = self.lock();
        let was_closed = std::mem::replace(&mut state.last_was_closed, true);
        state.held.is_none() && !was_closed
    }

    /// Takes note of an outage. A failed probe puts off the next one; several outages in a row begin
    /// a hold.
    pub(crate) fn failed(&self, outage: Outage, probe: Option<&Probe>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.last_was_closed = outage.is_closed();
        state.last = Some(outage);
        state.outages = state.outages.saturating_add(1);
        match (&mut state.held, probe) {
            (Some(held), Some(probe)) if Arc::ptr_eq(&held.queue, &probe.queue) => held.back_off(),
            (Some(_), _) => {}
            (None, _) if state.outages >= Self::OUTAGES => state.held = Some(Held::new()),
            (None, _) => {}
        }
    }

    /// Begins a hold before there were so many outages.
    pub(crate) fn begin(&self) {
        self.lock().held.get_or_insert_with(Held::new);
    }

    /// Begins a hold whose first probe starts after `wait`.
    pub(crate) fn begin_after(&self, outage: Outage, wait: Duration) {
        let mut state = self.lock();
        state.last = Some(outage);
        let held = state.held.get_or_insert_with(Held::new);
        held.next_probe = held.next_probe.max(Instant::now() + wait::bounded(wait));
    }
}

impl Held {
    fn new() -> Self {
        let queue = Queue { turn: Arc::new(Semaphore::new(1)), over: Notify::new() };
        let mut held = Self { queue: Arc::new(queue), next_probe: Instant::now(), back_offs: 0 };
        held.back_off();
        held
    }

    fn back_off(&mut self) {
        let back_off = wait::doubled(Hold::FIRST_BACK_OFF, self.back_offs, Hold::LONGEST_BACK_OFF);
        self.back_offs = self.back_offs.saturating_add(1);
        self.next_probe = Instant::now() + back_off;
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::time::advance;

    use super::*;
    use crate::error::SendErrorKind;

    const MINUTE: Duration = Duration::from_secs(60);

    fn outage() -> Outage {
        Outage::Status(StatusCode::BAD_GATEWAY)
    }

    fn closed() -> Outage {
        Outage::NoAnswer { kind: SendErrorKind::Closed, cause: String::new() }
    }

    fn held() -> Arc<Hold> {
        let hold = Hold::default();
        (0..Hold::OUTAGES).for_each(|_| hold.failed(outage(), None));
        assert!(hold.is_held());
        Arc::new(hold)
    }

    async fn probe(hold: &Hold) -> Probe {
        match hold.pass(MINUTE).await {
            Admission::Probe(probe) => probe,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn five_outages_without_an_answer_between_hold_a_host() {
        let hold = Hold::default();
        for _ in 0..3 {
            (1..Hold::OUTAGES).for_each(|_| hold.failed(outage(), None));
            assert!(matches!(hold.pass(MINUTE).await, Admission::Free));
            hold.answered();
        }
        (0..Hold::OUTAGES).for_each(|_| hold.failed(outage(), None));
        assert!(hold.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_may_go_after_each_back_off_which_doubles_up_to_30_seconds() {
        let hold = held();
        let mut waits = Vec::new();
        for _ in 0..9 {
            let begin = Instant::now();
            let probe = probe(&hold).await;
            waits.push(begin.elapsed().as_millis());
            hold.failed(outage(), Some(&probe));
        }
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_of_a_hold_that_is_over_does_not_put_off_the_first_one_of_the_next_hold() {
        let hold = held();
        let late = probe(&hold).await;
        hold.answered();
        (0..Hold::OUTAGES).for_each(|_| hold.failed(outage(), None));
        hold.failed(outage(), Some(&late));
        let begin = Instant::now();
        probe(&hold).await;
        assert_eq!(begin.elapsed().as_millis(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_probes_at_a_time_and_they_take_turns() {
        let hold = held();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls = tokio::task::JoinSet::new();
        for name in ["a", "b", "c"] {
            let (hold, order) = (Arc::clone(&hold), Arc::clone(&order));
            calls.spawn(async move {
                for _ in 0..2 {
                    let probe = probe(&hold).await;
                    order.lock().unwrap().push(name);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    hold.failed(outage(), Some(&probe));
                }
            });
            tokio::task::yield_now().await;
        }
        calls.join_all().await;
        assert_eq!(*order.lock().unwrap(), ["a", "b", "c", "a", "b", "c"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_is_no_probe_does_not_put_off_the_next_one() {
        let hold = held();
        (0..10).for_each(|_| hold.failed(outage(), None));
        let begin = Instant::now();
        probe(&hold).await;
        assert_eq!(begin.elapsed(), Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_a_hold_for_all_that_wait() {
        let hold = held();
        let begin = Instant::now();
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let hold = Arc::clone(&hold);
            calls.spawn(async move { matches!(hold.pass(MINUTE).await, Admission::AfterHold) });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        hold.answered();
        assert!(calls.join_all().await.into_iter().all(|is_over| is_over));
        assert_eq!(begin.elapsed(), Duration::from_millis(100));
        assert!(matches!(hold.pass(MINUTE).await, Admission::Free));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_to_a_probe_ends_the_hold_and_a_late_failure_of_it_begins_none() {
        let hold = held();
        let probe = probe(&hold).await;
        hold.answered();
        hold.failed(outage(), Some(&probe));
        assert!(!hold.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_lets_the_next_one_go_at_once() {
        let hold = held();
        drop(probe(&hold).await);
        let begin = Instant::now();
        probe(&hold).await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_waits_no_longer_than_its_patience() {
        let hold = held();
        let first = probe(&hold).await;
        // Behind another call, and then for its own turn.
        for _ in 0..2 {
            let begin = Instant::now();
            assert!(matches!(hold.pass(Duration::from_millis(400)).await, Admission::Refused));
            assert_eq!(begin.elapsed(), Duration::from_millis(400));
            hold.failed(outage(), Some(&first));
        }
        assert!(matches!(hold.last(), Some(Outage::Status(StatusCode::BAD_GATEWAY))));
    }

    #[tokio::test(start_paused = true)]
    async fn without_patience_a_call_may_probe_only_when_it_is_time() {
        let hold = held();
        assert!(matches!(hold.pass(Duration::ZERO).await, Admission::Refused));
        advance(Duration::from_millis(500)).await;
        assert!(matches!(hold.pass(Duration::ZERO).await, Admission::Probe(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_probe_can_be_put_off_and_is_not_drawn_nearer() {
        let hold = Hold::default();
        hold.begin_after(outage(), Duration::from_secs(20));
        hold.begin_after(outage(), Duration::from_secs(5));
        let begin = Instant::now();
        probe(&hold).await;
        assert_eq!(begin.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_is_forgiven_unless_the_last_one_was_closed_or_the_host_is_held() {
        let hold = Hold::default();
        assert!(hold.forgives_closed());
        assert!(!hold.forgives_closed());
        hold.answered();
        assert!(hold.forgives_closed());
        hold.failed(outage(), None);
        assert!(hold.forgives_closed());
        hold.failed(closed(), None);
        assert!(!hold.forgives_closed());
        assert!(!held().forgives_closed());
    }

    #[test]
    fn the_restart_is_spread_over_a_second() {
        assert_eq!(Hold::spread(0.0), Duration::ZERO);
        assert_eq!(Hold::spread(0.5), Duration::from_millis(500));
        assert_eq!(Hold::spread(1.0), Duration::from_secs(1));
    }
}
