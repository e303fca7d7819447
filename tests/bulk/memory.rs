//! Guarantee 7: memory is bounded, whatever is pushed.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use coveo_push::fake::Fault;
use coveo_push::report::FailedBatch;
use coveo_push::{ItemPusher, Operation};
use serde::{Serialize, Serializer};
use tokio::time::timeout;

use super::support::{fake, full, ms, prove, pusher, requests_of, secs, uploads};

#[tokio::test(start_paused = true)]
async fn guarantee_7_a_push_waits_while_one_batch_more_than_may_be_under_way_is_full() {
    for concurrency in 1..=5 {
        let fake = fake();
        let pusher = pusher(&fake).linger(secs(30)).concurrency(concurrency).start();
        prove(&pusher).await;
        fake.clear_requests();
        fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
        let mut taken = 0;
        while timeout(secs(1), pusher.add_or_update(format!("a://{taken}"), &full(taken))).await.is_ok() {
            taken += 1;
        }
        // Each full batch has one item.
        assert_eq!(taken as usize, concurrency + 1);
        assert_eq!(uploads(&fake).len(), concurrency);
        let containers = requests_of(&fake, Operation::CreateFileContainer).len();
        assert_eq!(containers, concurrency + 1);
        assert_eq!(pusher.abort().await.totals.unsent, taken);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_a_push_goes_on_when_a_batch_is_done() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(1)).times(1));
    fake.inject(Fault::on(Operation::PushItemContainer).hang());
    let pusher = pusher(&fake).concurrency(1).start();
    for n in 0..2 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let waits = async |pusher: &coveo_push::ItemPusher, n: u64| {
        timeout(secs(10), pusher.add_or_update(format!("a://{n}"), &full(n))).await.is_err()
    };
    assert!(!waits(&pusher, 2).await);
    assert!(waits(&pusher, 3).await);
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_a_batch_that_waited_too_long_to_be_filled_counts_as_well() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
    let pusher = pusher(&fake).concurrency(2).linger(ms(10)).start();
    let mut taken = 0;
    while timeout(secs(1), pusher.add_or_update(format!("a://{taken}"), &full(taken))).await.is_ok() {
        taken += 1;
        tokio::time::sleep(ms(20)).await;
    }
    // Two under way and one that is full: as without a linger.
    assert_eq!(taken, 3);
    assert_eq!(pusher.abort().await.totals.unsent, 3);
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_a_failed_batch_counts_until_the_handler_has_got_it() {
    for concurrency in 1..=5 {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(412));
        let pusher = Arc::new(OnceLock::<ItemPusher>::new());
        let (taken_meanwhile, held) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        // It pushes as long as there is room, and only then is done with its batch.
        let handler = {
            let (pusher, taken, held) = (Arc::clone(&pusher), Arc::clone(&taken_meanwhile), Arc::clone(&held));
            move |failed: FailedBatch| {
                let mut bytes = failed.to_body().len();
                for n in 1.. {
                    let (id, item) = (format!("a://{n}"), full(n));
                    let push = pin!(pusher.get().unwrap().add_or_update(&id, &item).into_future());
                    if push.poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                        break;
                    }
                    taken.fetch_add(1, Ordering::Relaxed);
                    // They differ by the length of their ids alone.
                    bytes += failed.to_body().len();
                }
                held.store(bytes, Ordering::Relaxed);
            }
        };
        let run = super::support::pusher(&fake).concurrency(concurrency).on_failed_batch(handler).start();
        let pusher = pusher.get_or_init(|| run);
        pusher.add_or_update("a://0", &full(0)).await.unwrap();
        pusher.flush().await.unwrap();
        assert_eq!(taken_meanwhile.load(Ordering::Relaxed), concurrency as u64);
        assert!(held.load(Ordering::Relaxed) <= (concurrency + 1) * 1_024);
        // And now it has.
        let item = full(9);
        timeout(secs(60), pusher.add_or_update("a://next", &item)).await.expect("there is room").unwrap();
    }
}

struct Counted<'a>(&'a AtomicU32);

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        full(9).serialize(serializer)
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_an_item_is_serialised_once_and_only_when_there_is_room() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(10)));
    let pusher = pusher(&fake).concurrency(1).start();
    for n in 0..2 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let count = AtomicU32::new(0);
    let item = Counted(&count);
    {
        // There is room, and the item does not fit into it.
        let mut push = std::pin::pin!(pusher.add_or_update("a://9", &item).into_future());
        assert!(timeout(secs(9), &mut push).await.is_err());
        assert_eq!(count.load(Ordering::Relaxed), 1);
        // There is none.
        assert!(timeout(ms(1), pusher.add_or_update("a://10", &item)).await.is_err());
        assert_eq!(count.load(Ordering::Relaxed), 1);
        push.await.unwrap();
    }
    let report = pusher.finish().await;
    assert_eq!((report.totals.accepted, count.load(Ordering::Relaxed)), (3, 1));
    assert!(report.elapsed >= Duration::from_secs(10));
}
