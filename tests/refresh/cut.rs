//! Cancellation at each await: a whole run is polled so many times and then dropped.

use std::sync::{Arc, Mutex};

use coveo_push::Operation;
use coveo_push::fake::{FakePushApi, FaultRates};
use tokio::sync::watch;
use tokio::time::timeout;

use super::cut_off::CutOff;
use super::support::{
    NEW, OLD, SOURCE, all, block_on, fake, is_idle, left, ms, new, push_all, rebuild, requests_of, secs,
};

/// Runs a refresh whose calls each take a while, both on their way there and on their way back.
async fn whole_run(fake: FakePushApi, sent: Arc<Mutex<Option<watch::Receiver<bool>>>>) {
    let run = rebuild(&fake).start().await.unwrap();
    *sent.lock().unwrap() = Some(run.deletion_sent());
    push_all(run.pusher()).await.unwrap();
    run.finish().await.into_result().unwrap();
}

/// What holds after a run that was cut off somewhere.
async fn check(fake: &FakePushApi, sent: &Mutex<Option<watch::Receiver<bool>>>, at: &str) {
    tokio::time::sleep(secs(100)).await;
    let pushed: Vec<_> = NEW.into_iter().filter(|id| number(fake, id) == Some(1)).collect();
    let is_sent = sent.lock().unwrap().as_ref().is_some_and(|sent| *sent.borrow());
    let is_deleted = !requests_of(fake, Operation::DeleteOldItems).is_empty();
    assert!(is_sent || !is_deleted, "{at}: the deletion was sent, and nobody was told");
    let left = left(fake);
    assert!(pushed.iter().all(|id| left.iter().any(|it| it == id)), "{at}: {pushed:?} {left:?}");
    if is_sent {
        assert_eq!(pushed, NEW, "{at}: what is old was deleted before everything was pushed");
        assert!(left == new() || left == all(), "{at}: {left:?}");
    } else {
        assert!(OLD.iter().all(|id| left.iter().any(|it| it == id)), "{at}: {left:?}");
    }
    if !fake.requests().is_empty() {
        assert!(is_idle(fake), "{at}: {:?}", fake.source(SOURCE).status());
    }
}

fn number(fake: &FakePushApi, id: &str) -> Option<u64> {
    fake.source(SOURCE).item(id).and_then(|item| item.metadata("n")?.as_u64())
}

async fn slow_fake() -> FakePushApi {
    let fake = fake().await;
    fake.inject_random(FaultRates::seeded(1).latency(ms(10)..=ms(10)).late_answer(ms(10)..=ms(10)));
    fake
}

#[test]
fn guarantee_9_a_run_that_is_cut_off_at_any_await_keeps_its_promises() {
    let mut polls = 0;
    loop {
        let is_done = block_on(async {
            let (fake, sent) = (slow_fake().await, Arc::default());
            let whole = Box::pin(whole_run(fake.clone(), Arc::clone(&sent)));
            let is_done = CutOff { future: whole, polls }.await.is_some();
            check(&fake, &sent, &format!("{polls} polls")).await;
            is_done
        });
        if is_done {
            break;
        }
        polls += 1;
    }
    assert!(polls > 7, "there were {polls} awaits");
}

#[test]
fn guarantee_9_a_run_that_is_cut_off_at_any_time_keeps_its_promises() {
    for time in (0..).step_by(3) {
        let is_done = block_on(async {
            let (fake, sent) = (slow_fake().await, Arc::default());
            let is_done = timeout(ms(time), whole_run(fake.clone(), Arc::clone(&sent))).await.is_ok();
            check(&fake, &sent, &format!("{time} ms")).await;
            is_done
        });
        if is_done {
            break;
        }
        assert!(time < 1_000, "it does not end");
    }
}
