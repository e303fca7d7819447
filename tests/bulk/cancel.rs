//! Guarantee 9: what is dropped has done its work whole or not at all, and blocks nowhere.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::Duration;

use coveo_push::fake::{Fault, FaultRates};
use coveo_push::report::{FailedBatch, FailureReason, PushStep};
use coveo_push::{
    Identity, IdentityBody, IdentityOperation, ItemOperation, ItemPusher, MappedIdentityBody, Operation, RetryPolicy,
};
use tokio::time::{Instant, timeout};

use super::support::{Handed, PROVIDER, SOURCE, block_on, fake, full, ms, number, prove, pusher, secs};

#[test]
fn guarantee_9_a_push_that_is_dropped_has_taken_its_item_whole_or_not_at_all() {
    for patience in 0..120 {
        block_on(async {
            let fake = fake();
            fake.inject_random(FaultRates::seeded(1).latency(ms(10)..=ms(10)));
            let pusher = pusher(&fake).concurrency(1).start();
            let mut taken = Vec::new();
            for n in 0..8_u64 {
                let id = format!("a://{n}");
                if timeout(ms(patience % 40), pusher.add_or_update(&id, &full(n))).await.is_ok() {
                    taken.push(id);
                }
                tokio::time::sleep(ms(patience / 40)).await;
            }
            let report = pusher.finish().await;
            assert_eq!((report.totals.pushed, report.totals.accepted), (taken.len() as u64, taken.len() as u64));
            assert_eq!(fake.source(SOURCE).document_ids(), taken);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_dropping_a_pusher_hands_over_each_batch_that_is_left_once_and_waits_for_nothing() {
    let fake = fake();
    let handed = Handed::default();
    let pusher = pusher(&fake).concurrency(2).on_failed_batch(handed.handler()).start();
    prove(&pusher).await;
    fake.inject(Fault::on(Operation::PushItemContainer).hang());
    fake.inject(Fault::on(Operation::UploadToContainer).skip(1).hang());
    for n in 0..3 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    // It is not taken, and the batch that it does not fit into is full.
    assert!(timeout(secs(1), pusher.add_or_update("a://3", &full(3))).await.is_err());
    let mut progress = pusher.progress();
    let begin = Instant::now();
    drop(pusher);
    while progress.changed().await.is_ok() {}
    assert_eq!(begin.elapsed(), Duration::ZERO);
    let left = handed.take();
    let steps: Vec<_> =
        left.iter().map(|batch| (batch.number(), batch.step(), batch.may_have_been_applied())).collect();
    let expected = [(2, PushStep::Commit, true), (3, PushStep::Upload, false), (4, PushStep::Wait, false)];
    assert_eq!(steps, expected);
    assert!(left.iter().all(|batch| matches!(batch.reason(), FailureReason::Aborted)));
    assert_eq!(left.iter().filter(|batch| batch.is_unsent()).count(), 2);
    for batch in &left {
        batch.push_again().await.unwrap();
    }
    assert_eq!(fake.source(SOURCE).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_a_handler_that_panics_stops_the_run_and_blocks_nobody() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let handler = |_: FailedBatch| -> () { panic!("the handler panics") };
    let pusher = pusher(&fake).on_failed_batch(handler).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(pusher.flush().await.is_err());
    assert!(pusher.add_or_update("a://2", &full(2)).await.is_err());
    let report = pusher.finish().await;
    assert_eq!((report.totals.pushed, report.totals.failed), (1, 1));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn guarantee_5_a_run_whose_runtime_is_gone_hands_everything_back() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
    let first = runtime();
    let pusher = first.block_on(async {
        let pusher = pusher(&fake).start();
        for n in 0..3 {
            pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        }
        tokio::time::sleep(secs(1)).await;
        pusher
    });
    drop(first);
    let report = block_on(async {
        // Without a handler the run has stopped with the first batch that was cut off.
        assert!(pusher.add_or_update("a://9", &full(9)).await.is_err());
        pusher.finish().await
    });
    assert_eq!((report.totals.pushed, report.totals.unsent), (3, 3));
    assert_eq!(report.failed_batches.len(), 3);
}

#[test]
fn guarantee_5_with_a_handler_a_batch_whose_runtime_is_gone_is_handed_over_when_it_is_full() {
    let fake = fake();
    let handed = Handed::default();
    let first = runtime();
    let pusher = first.block_on(async {
        let pusher = pusher(&fake).on_failed_batch(handed.handler()).start();
        pusher.add_or_update("a://1", &full(1)).await.unwrap();
        pusher
    });
    drop(first);
    let report = block_on(async {
        pusher.add_or_update("a://2", &full(2)).await.unwrap();
        pusher.finish().await
    });
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.unsent), (2, 1, 1));
    assert_eq!(handed.take().len(), 1);
    assert_eq!(number(&fake, "a://2"), Some(2));
}

#[test]
fn a_batch_whose_runtime_is_gone_counts_once_when_it_is_pushed_again_in_another() {
    for hangs_at in [None, Some(Operation::UploadToContainer), Some(Operation::PushItemContainer)] {
        let fake = fake();
        if let Some(operation) = hangs_at {
            fake.inject(Fault::on(operation).hang());
        }
        let handed = Handed::default();
        let first = runtime();
        let pusher = first.block_on(async {
            let pusher = pusher(&fake).linger(secs(if hangs_at.is_some() { 1 } else { 60 }));
            let pusher = pusher.on_failed_batch(handed.handler()).start();
            pusher.add_or_update("a://1", &full(1)).await.unwrap();
            tokio::time::sleep(secs(5)).await;
            pusher
        });
        drop(first);
        let report = block_on(async {
            // The runtime took the batch with it, and the next push finds out.
            pusher.add_or_update("a://2", &full(2)).await.unwrap();
            let _ = pusher.flush().await.unwrap();
            let [cut_off] = <[_; 1]>::try_from(handed.take()).unwrap();
            assert_eq!(cut_off.is_unsent(), hangs_at != Some(Operation::PushItemContainer));
            pusher.push_again(cut_off).await.unwrap();
            pusher.finish().await
        });
        let totals = &report.totals;
        assert_eq!((totals.pushed, totals.accepted, totals.failed, totals.unsent), (2, 2, 0, 0), "{hangs_at:?}");
        assert_eq!(number(&fake, "a://1"), Some(1));
    }
}

#[test]
fn guarantee_5_a_batch_whose_runtime_is_gone_is_handed_back_when_there_is_no_room_for_another() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
    let (first, second) = (runtime(), runtime());
    let pusher = second.block_on(async {
        let pusher = pusher(&fake).concurrency(1).start();
        pusher.add_or_update("a://1", &full(1)).await.unwrap();
        pusher
    });
    // What seals the first batch opens the second one.
    first.block_on(pusher.add_or_update("a://2", &full(2)).into_future()).unwrap();
    drop(first);
    let report = second.block_on(async {
        let pushed = timeout(secs(1), pusher.add_or_update("a://3", &full(3))).await;
        assert!(matches!(pushed, Ok(Err(_))), "the run has stopped");
        pusher.finish().await
    });
    assert_eq!((report.totals.pushed, report.totals.accepted), (2, 0));
}

#[test]
fn guarantee_9_a_push_while_the_runtime_shuts_down_blocks_nowhere() {
    /// Pushes when it is dropped.
    struct Last(Option<ItemPusher>);

    impl Drop for Last {
        fn drop(&mut self) {
            let pusher = self.0.take().unwrap();
            for n in 0..3 {
                let (id, item) = (format!("a://{n}"), full(n));
                let push = pin!(pusher.add_or_update(&id, &item).into_future());
                let _ = push.poll(&mut Context::from_waker(Waker::noop()));
            }
        }
    }

    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = runtime();
        runtime.block_on(async {
            let fake = fake();
            let last = Last(Some(pusher(&fake).start()));
            tokio::spawn(async move {
                let last = last;
                std::future::pending::<()>().await;
                drop(last);
            });
            tokio::time::sleep(ms(1)).await;
        });
        drop(runtime);
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(10)).expect("it blocks");
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_an_aborted_run_sends_nothing_more() {
    let fake = fake();
    fake.inject_random(FaultRates::seeded(1).latency(secs(1)..=secs(1)));
    let pusher = pusher(&fake).concurrency(3).retry(RetryPolicy::none()).start();
    for n in 0..4 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let report = pusher.abort().await;
    assert_eq!((report.totals.pushed, report.totals.unsent), (4, 4));
    let sent = fake.requests().len();
    tokio::time::sleep(secs(100)).await;
    assert_eq!(fake.requests().len(), sent);
    assert!(fake.source(SOURCE).is_empty());
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_a_push_that_is_dropped_before_it_begins_counts_as_cancelled() {
    let fake = fake();
    let client = fake.client();
    let items = client.items(SOURCE).pusher().start();
    let item = full(1);
    drop(items.add_or_update("a://1", &item).into_future());
    drop(items.add_or_update_json("{}").document_id("a://1").into_future());
    drop(items.delete("a://1").into_future());
    drop(items.delete("a://1").delete_children(true).into_future());
    drop(items.push_stream(futures_util::stream::empty::<ItemOperation>()));
    assert_eq!(items.finish().await.totals.cancelled, 5);

    let identities = client.identities(PROVIDER).pusher().start();
    let user = Identity::user("anna");
    drop(identities.add_or_update(&IdentityBody::new(user.clone())).into_future());
    drop(identities.add_or_update_alias(&MappedIdentityBody::new(user.clone())).into_future());
    drop(identities.delete(&user).into_future());
    drop(identities.push_stream(futures_util::stream::empty::<IdentityOperation>()));
    assert_eq!(identities.finish().await.totals.cancelled, 4);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_is_polled_after_it_returned_pushes_nothing_more() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let item = full(1);
    let mut push = pusher.add_or_update("a://1", &item).into_future();
    (&mut push).await.unwrap();
    assert!(push.await.unwrap_err().to_string().contains("returned before"));
    assert_eq!(pusher.finish().await.totals.pushed, 1);
}
