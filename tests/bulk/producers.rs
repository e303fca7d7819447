//! Several tasks push into one run at the same time.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use coveo_push::fake::{Fault, FaultRates};
use coveo_push::report::FailedBatch;
use coveo_push::{Operation, Preflight};
use tokio::task::JoinSet;

use super::support::{Handed, Item, SOURCE, fake, full, ms, number, pusher, secs, uploads};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guarantee_5_what_several_threads_push_at_the_same_time_is_each_accounted_for_once() {
    const TASKS: u64 = 8;
    const ITEMS: u64 = 500;
    let fake = fake();
    let pusher = Arc::new(pusher(&fake).concurrency(2).start());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let pusher = Arc::clone(&pusher);
        tasks.spawn(async move {
            for n in 0..ITEMS {
                let pushed = pusher.add_or_update(format!("a://{task}/{n}"), &Item::new(n, 100)).await;
                assert!(pushed.unwrap().is_queued());
            }
        });
    }
    tasks.join_all().await;
    let report = Arc::into_inner(pusher).unwrap().finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted), (TASKS * ITEMS, TASKS * ITEMS));
    assert_eq!(fake.source(SOURCE).len() as u64, TASKS * ITEMS);
    for task in 0..TASKS {
        assert_eq!(number(&fake, &format!("a://{task}/{}", ITEMS - 1)), Some(ITEMS - 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guarantee_5_what_fails_of_what_many_threads_push_hands_back_its_bytes() {
    const THREADS: u64 = 20;
    const ITEMS: u64 = 60;
    let size = |n: u64| usize::try_from(if n.is_multiple_of(41) { 150_000 } else { n * 7 % 4_000 }).unwrap();
    let fake = fake();
    fake.inject_random(FaultRates::seeded(11).status(412, 0.3).latency(ms(0)..=ms(3)));
    let handed = Handed::default();
    let pusher = pusher(&fake).batch_bytes(300_000).concurrency(3).on_failed_batch(handed.handler()).start();
    let pusher = Arc::new(pusher);
    let runtime = tokio::runtime::Handle::current();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (pusher, runtime) = (Arc::clone(&pusher), runtime.clone());
            let push = async move {
                for n in thread * ITEMS..(thread + 1) * ITEMS {
                    pusher.add_or_update(format!("a://{n}"), &Item::new(n, size(n))).await.unwrap();
                }
            };
            std::thread::spawn(move || runtime.block_on(push))
        })
        .collect();
    let join = || threads.into_iter().for_each(|thread| thread.join().unwrap());
    tokio::task::block_in_place(join);
    let report = Arc::into_inner(pusher).unwrap().finish().await;
    assert_eq!(report.totals.accepted + report.totals.failed, THREADS * ITEMS);

    let mut bodies: Vec<Vec<u8>> = handed.take().iter().map(FailedBatch::to_body).collect();
    assert!(!bodies.is_empty() && report.totals.accepted > 0);
    for upload in uploads(&fake) {
        if let Some(batch) = report.batch_samples.iter().find(|batch| batch.file_id == upload.file_id) {
            assert_eq!(upload.body.len() as u64, batch.bytes);
            bodies.push(upload.body.to_vec());
        }
    }
    let mut found = Vec::new();
    for body in bodies {
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        for item in body["addOrUpdate"].as_array().unwrap() {
            let n = item["n"].as_u64().unwrap();
            assert_eq!(item["documentId"], format!("a://{n}"));
            assert_eq!(item["data"].as_str().unwrap().len(), size(n));
            found.push(n);
        }
    }
    found.sort_unstable();
    assert!(found.into_iter().eq(0..THREADS * ITEMS), "each once");
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_what_each_of_several_pushes_about_one_id_does_in_turn_keeps_its_order() {
    let fake = fake();
    fake.inject_random(FaultRates::seeded(7).latency(ms(1)..=ms(50)));
    let pusher = pusher(&fake).concurrency(3).start();
    let push_all = async |from: u64| {
        for n in from..from + 20 {
            pusher.add_or_update(format!("a://{from}"), &full(n)).await.unwrap();
        }
    };
    tokio::join!(push_all(100), push_all(200), push_all(300));
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.totals.accepted, 60);
    for from in [100, 200, 300] {
        assert_eq!(number(&fake, &format!("a://{from}")), Some(from + 19));
    }
}

#[tokio::test]
async fn a_loop_of_pushes_lets_other_tasks_of_its_thread_run() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(1_000_000).start();
    let other = tokio::spawn(async {});
    for n in 0..1_000 {
        pusher.add_or_update(format!("a://{n}"), &Item::new(n, 1)).await.unwrap();
    }
    assert!(other.is_finished(), "nothing made the loop wait");
    pusher.finish().await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_pushes_of_one_task_that_wait_for_room_are_woken_when_there_is_some() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(1)).always());
    let pusher = pusher(&fake).concurrency(1).start();
    let items: Vec<_> = (0..300).map(|n| (format!("a://{n}"), full(n))).collect();
    let mut pushes: Vec<_> =
        items.iter().map(|(id, item)| Some(Box::pin(pusher.add_or_update(id, item).into_future()))).collect();
    let mut polls = 0;
    // All are polled whenever one is woken.
    let all = poll_fn(|context| {
        polls += 1;
        assert!(polls < 10_000, "they are woken without a reason");
        for push in &mut pushes {
            push.take_if(|push| push.as_mut().poll(context).is_ready());
        }
        if pushes.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    });
    all.await;
    drop(pushes);
    pusher.finish().await.into_result().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_preflight_lets_through_is_counted_in_the_report() {
    let fake = fake();
    let client = fake.client_builder().preflight(Preflight::Warn).build().unwrap();
    let pusher = client.items(SOURCE).pusher().start();
    pusher.add_or_update("no uri", &full(1)).await.unwrap();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    pusher.delete("no uri either").await.unwrap();
    let report = pusher.finish().await;
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.warned), (3, 3, 2));
    let codes: Vec<_> = report.warning_samples.iter().map(|warning| warning.rule().code()).collect();
    assert_eq!(codes, ["document-id-not-a-uri", "document-id-not-a-uri"]);
}
