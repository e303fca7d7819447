//! The numbers of pushes, up to which one everything is settled, and the results of a flush.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use coveo_push::fake::Fault;
use coveo_push::report::AfterFailure;
use coveo_push::{Operation, PushError, RetryPolicy};
use proptest::prelude::*;

use super::cases::cases;
use super::support::{Faults, Handed, block_on, fake, faults, full, ms, number, prove, pusher, secs};

const COMMIT: Operation = Operation::PushItemContainer;

fn settled(run: &coveo_push::ItemPusher) -> u64 {
    run.progress().borrow().settled_to
}

#[tokio::test(start_paused = true)]
async fn a_push_returns_its_number_whether_it_is_queued_or_refused() {
    let fake = fake();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tells = Arc::clone(&told);
    let run = pusher(&fake).on_refused(move |refused| tells.lock().unwrap().push(refused.number())).start();
    let mut numbers = Vec::new();
    for id in ["a://1", "no uri", "a://2", "a://2"] {
        numbers.push(run.add_or_update(id, &full(1)).await.unwrap().number());
    }
    numbers.push(run.delete("a://3").await.unwrap().number());
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(*told.lock().unwrap(), [2]);
    let report = run.finish().await;
    assert_eq!((report.totals.pushed, report.totals.settled_to, report.refused_samples[0].number()), (5, 5, 2));
}

#[tokio::test(start_paused = true)]
async fn everything_is_settled_up_to_the_earliest_operation_that_is_under_way() {
    let fake = fake();
    let run = pusher(&fake).start();
    prove(&run).await;
    assert_eq!(settled(&run), 1);
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(20)));
    for n in 2..=4 {
        run.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let refused = run.add_or_update("no uri", &full(5)).await.unwrap();
    assert_eq!(refused.number(), 5);
    tokio::time::sleep(secs(10)).await;
    // The third one is accepted, the second one is not, and the fourth one is not sent.
    assert_eq!((number(&fake, "a://3"), settled(&run)), (Some(3), 1));
    tokio::time::sleep(secs(15)).await;
    assert_eq!((number(&fake, "a://2"), settled(&run)), (Some(2), 3));
    run.flush().await.unwrap();
    assert_eq!(settled(&run), 5);
}

#[tokio::test(start_paused = true)]
async fn a_replaced_operation_is_settled_before_the_one_that_replaced_it() {
    let fake = fake();
    let run = pusher(&fake).batch_bytes(1 << 20).start();
    for (n, id) in ["a://1", "a://2", "a://1", "a://2"].into_iter().enumerate() {
        run.add_or_update(id, &full(n as u64)).await.unwrap();
    }
    assert_eq!(settled(&run), 2);
    assert_eq!(run.finish().await.totals.settled_to, 4);
}

#[tokio::test(start_paused = true)]
async fn a_failed_operation_is_settled_when_it_is_pushed_again_with_success_or_settled_otherwise() {
    for again in [true, false] {
        let fake = fake();
        let handed = Handed::default();
        let run = pusher(&fake).on_failed_batch(handed.handler()).start();
        prove(&run).await;
        fake.inject(Fault::on(COMMIT).status(413));
        for n in 2..=3 {
            run.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
            run.flush().await.unwrap();
        }
        assert_eq!(settled(&run), 1);
        let failed = handed.take().remove(0);
        if again {
            run.push_again(failed).await.unwrap();
            assert_eq!(settled(&run), 1);
            run.flush().await.unwrap();
        } else {
            run.settle(&failed);
        }
        assert_eq!(settled(&run), 3);
        assert_eq!(run.finish().await.totals.failed, u64::from(!again));
    }
}

#[tokio::test(start_paused = true)]
async fn the_operations_of_a_failed_batch_that_was_dropped_are_never_settled() {
    let fake = fake();
    fake.inject(Fault::on(COMMIT).status(413).skip(1));
    let run = pusher(&fake).on_failed_batch(drop).start();
    for n in 1..=600 {
        run.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    assert_eq!(run.finish().await.totals.settled_to, 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_an_earlier_run_takes_the_next_numbers_of_the_run_that_it_is_pushed_again_in() {
    let fake = fake();
    fake.inject(Fault::on(COMMIT).status(413));
    let earlier = pusher(&fake).batch_bytes(4_096).start();
    for n in 1..=2 {
        earlier.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let mut report = earlier.finish().await;
    let run = pusher(&fake).start();
    run.push_again(report.failed_batches.remove(0)).await.unwrap();
    assert_eq!(run.add_or_update("a://3", &full(3)).await.unwrap().number(), 3);
    assert_eq!(settled(&run), 0);
    assert_eq!(run.finish().await.into_result().unwrap().totals.settled_to, 3);
}

#[tokio::test(start_paused = true)]
async fn a_flush_tells_what_became_of_the_operations_that_it_waited_for() {
    let fake = fake();
    let handed = Handed::default();
    let run = pusher(&fake).on_failed_batch(handed.handler()).start();
    prove(&run).await;
    fake.inject(Fault::on(COMMIT).status(413));
    for n in 2..=4 {
        run.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let flushed = run.flush().await.unwrap();
    assert_eq!((flushed.accepted, flushed.failed, flushed.unsent), (2, 1, 0));
    assert!(!flushed.is_complete() && flushed.settled_to < 4);
    // It was waited for before.
    let flushed = run.flush().await.unwrap();
    assert_eq!((flushed.accepted, flushed.failed, flushed.is_complete()), (0, 0, true));
    run.push_again(handed.take().remove(0)).await.unwrap();
    let flushed = run.flush().await.unwrap();
    assert_eq!((flushed.accepted, flushed.settled_to, flushed.is_complete()), (1, 4, true));
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_batches_that_the_run_pushes_again_however_often_they_fail() {
    let fake = fake();
    let run = pusher(&fake).on_failed_batch(|failed| AfterFailure::Again(failed, secs(60))).start();
    prove(&run).await;
    fake.inject(Fault::on(COMMIT).status(413).times(3));
    run.add_or_update("a://2", &full(2)).await.unwrap();
    let flushing = run.flush();
    let pushing = async {
        // Others push meanwhile, and their batches have later numbers.
        tokio::time::sleep(secs(10)).await;
        run.add_or_update("a://3", &full(3)).await.unwrap();
        run.flush().await.unwrap()
    };
    let (first, second) = tokio::join!(flushing, pushing);
    let first = first.unwrap();
    assert_eq!((first.accepted, first.failed, number(&fake, "a://2")), (1, 0, Some(2)));
    // The second one waited for the batch that waits, too.
    assert_eq!((second.accepted, second.failed, second.settled_to), (2, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_flush_of_a_run_that_stops_is_an_error() {
    let fake = fake();
    fake.inject(Fault::on(COMMIT).status(413));
    let run = pusher(&fake).start();
    run.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(matches!(run.flush().await, Err(PushError::Stopped(_))));
    assert_eq!(run.finish().await.totals.settled_to, 0);
}

/// A reader of a queue that crashes: whatever it has committed by then is in the source.
fn check_reader(faults: &Faults, pushes: u64, crash_after: u64) {
    block_on(async {
        let fake = fake();
        fake.inject_random(faults.rates());
        let run = pusher(&fake).linger(ms(50)).retry(RetryPolicy::default().max_attempts(2));
        let run = run.on_failed_batch(|failed| AfterFailure::Again(failed, secs(5))).start();
        let mut progress = run.progress();
        let committed = async {
            let mut committed = 0;
            let mut values = BTreeSet::new();
            while progress.changed().await.is_ok() {
                let now = *progress.borrow_and_update();
                assert!(now.settled_to >= committed && now.settled_to <= now.pushed, "{now:?} after {committed}");
                committed = now.settled_to;
                values.insert(committed);
            }
            committed
        };
        let pushing = async {
            for n in 1..=pushes {
                let (id, doc) = (format!("a://{}", n % 23), full(n));
                match tokio::time::timeout(secs(crash_after), run.add_or_update(id, &doc)).await {
                    Ok(Ok(pushed)) => assert_eq!(pushed.number(), n),
                    _ => break,
                }
            }
            let _ = tokio::time::timeout(secs(crash_after), run.flush()).await;
            let totals = *run.progress().borrow();
            // The last version of an id is there if it counts as settled.
            for n in (1..=totals.settled_to).filter(|n| n + 23 > totals.pushed) {
                assert_eq!(number(&fake, &format!("a://{}", n % 23)), Some(n), "{totals:?}");
            }
            let _ = run.abort().await;
        };
        tokio::join!(committed, pushing);
    });
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn whatever_goes_wrong_what_counts_as_settled_is_in_the_source(
        faults in faults(), pushes in 1..60_u64, crash_after in 1..200_u64,
    ) {
        check_reader(&faults, pushes, crash_after);
    }
}
