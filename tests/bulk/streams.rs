//! Operations that come as a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use coveo_push::fake::Fault;
use coveo_push::{Identity, IdentityBody, IdentityOperation, ItemOperation, MappedIdentityBody, Operation, PushError};
use futures_util::{StreamExt, future, stream};
use serde::{Serialize, Serializer};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::support::{Item, PROVIDER, SOURCE, fake, full, ms, number, pusher, requests_of, secs};

#[tokio::test(start_paused = true)]
async fn a_stream_of_items_is_pushed_in_order() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let operations = (0..50_u64).map(|n| match n % 5 {
        4 if n % 2 == 0 => ItemOperation::delete_with_children(format!("a://{}", n - 1)),
        4 => ItemOperation::delete(format!("a://{}", n - 1)),
        _ => ItemOperation::add_or_update(format!("a://{n}"), Item::new(n, 300)),
    });
    assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 50);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.accepted, 50);
    let expected = (0..50_u64).filter(|n| n % 5 < 3).count();
    // `a://3` with its children is `a://33` and the like, too, but those were deleted as well.
    assert!(fake.source(SOURCE).len() <= expected);
    assert!(fake.source(SOURCE).item("a://47").is_some() && fake.source(SOURCE).item("a://48").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_identities_is_pushed_in_order() {
    let fake = fake();
    let pusher = fake.client().identities(PROVIDER).pusher().batch_bytes(1_024).start();
    let operations = (0..30_u64).map(|n| match n % 3 {
        0 => IdentityOperation::add_or_update(IdentityBody::group(format!("g{n}")).member(Identity::user("a"))),
        1 => IdentityOperation::add_or_update_alias(MappedIdentityBody::group(format!("g{}", n - 1))),
        _ => IdentityOperation::delete(Identity::group(format!("g{}", n - 2))),
    });
    assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 30);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.accepted, fake.provider(PROVIDER).identities().len()), (30, 10));
    assert!(fake.provider(PROVIDER).identities().iter().all(|identity| identity.is_disabled()));
}

#[tokio::test(start_paused = true)]
async fn what_was_at_hand_is_pushed_while_a_stream_has_nothing() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let operations = stream::iter((0..7).map(|n| ItemOperation::add_or_update(format!("a://{n}"), Item::new(n, 1))));
    let operations = operations.chain(stream::once(future::pending()));
    assert!(timeout(secs(1), pusher.push_stream(operations)).await.is_err());
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.accepted, report.cancelled), (7, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_item_of_a_stream_is_counted_and_the_others_are_pushed() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let id = |n: u64| if n % 3 == 1 { format!("no uri {n}") } else { format!("a://{n}") };
    let operations = (0..9).map(|n| ItemOperation::add_or_update(id(n), Item::new(n, 1)));
    assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 9);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.pushed, report.accepted, report.refused), (9, 6, 3));
    let refused: Vec<_> = report.refused_samples.iter().map(|item| item.id().to_owned()).collect();
    assert_eq!(refused, [1, 4, 7].map(id));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_pushed_into_a_run_that_has_stopped_is_an_error() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(403).always());
    let pusher = pusher(&fake).start();
    let operations = (0..10_000).map(|n| ItemOperation::add_or_update(format!("a://{n}"), full(n)));
    let pushed = pusher.push_stream(stream::iter(operations)).await;
    assert!(matches!(pushed, Err(PushError::Stopped(_))), "{pushed:?}");
    let report = pusher.finish().await;
    assert_eq!((report.accepted, report.failed + report.unsent), (0, report.pushed));
    // The stream, and what of it was read and not taken.
    assert!((1..=1 + 32).contains(&report.cancelled), "{}", report.cancelled);
}

/// Polls a future so often at most, and drops it.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn what_was_read_of_a_stream_is_taken_when_it_is_left_while_there_is_room() {
    let fake = fake();
    let pusher = fake.client().items(SOURCE).pusher().start();
    let read = AtomicU64::new(0);
    // One is refused, so that groups do not end where the budget of the task does.
    let id = |n: u64| if n == 5 { "no uri".to_owned() } else { format!("a://{n}") };
    let operations = stream::iter(0..1_000).map(|n| {
        read.fetch_add(1, Ordering::Relaxed);
        ItemOperation::add_or_update(id(n), Item::new(n, 1))
    });
    assert_eq!(polled(pusher.push_stream(operations), 1).await.map(drop), None);
    let report = pusher.finish().await.into_result().unwrap();
    // The one that was about to be written is not.
    assert_eq!((report.pushed, report.cancelled), (read.into_inner() - 1, 2));
    assert!(report.pushed > 100);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_of_a_stream_and_not_taken_counts_as_cancelled_when_an_item_panics() {
    struct Panics(bool);

    impl Serialize for Panics {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(!self.0, "as it should");
            serializer.collect_map([("n", 1)])
        }
    }

    let fake = fake();
    let pusher = Arc::new(pusher(&fake).start());
    let task = Arc::clone(&pusher);
    let operations = (0..20).map(|n| ItemOperation::add_or_update(format!("a://{n}"), Panics(n == 10)));
    let pushed = tokio::spawn(async move { task.push_stream(stream::iter(operations)).await }).await;
    assert!(pushed.unwrap_err().is_panic());
    let report = Arc::into_inner(pusher).unwrap().finish().await.into_result().unwrap();
    // The stream, and the eleven that were read.
    assert_eq!((report.pushed + report.cancelled, report.accepted), (12, report.pushed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stream_had_is_pushed_while_it_is_slow_and_never_pending() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let operations = stream::iter(0..4).map(|n| {
        std::thread::sleep(ms(11));
        let begin = std::time::Instant::now();
        // A batch asks for its container once it has an operation.
        while n == 3 && requests_of(&fake, Operation::CreateFileContainer).is_empty() {
            assert!(begin.elapsed() < secs(10), "nothing of it was taken");
            std::thread::sleep(ms(1));
        }
        ItemOperation::add_or_update(format!("a://{n}"), Item::new(n, 1))
    });
    assert_eq!(pusher.push_stream(operations).await.unwrap(), 4);
    assert_eq!(pusher.finish().await.into_result().unwrap().accepted, 4);
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_a_stream_is_not_read_far_ahead_of_what_there_is_room_for() {
    // Many small items, and few large ones.
    for (bytes, batch_bytes, ahead) in [(100, 2_048, 40), (200_000, 256 * 1_024, 1)] {
        let fake = fake();
        fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
        let pusher = fake.client().items(SOURCE).pusher().batch_bytes(batch_bytes).concurrency(2).start();
        let read = Arc::new(AtomicU64::new(0));
        let operations = stream::iter(0..).map(|n| {
            read.fetch_add(1, Ordering::Relaxed);
            ItemOperation::add_or_update(format!("a://{n}"), Item::new(n, bytes))
        });
        assert!(timeout(secs(1), pusher.push_stream(operations)).await.is_err());
        let report = pusher.abort().await;
        let read = read.load(Ordering::Relaxed);
        assert!((report.pushed..=report.pushed + ahead).contains(&read), "{read} of {}", report.pushed);
        assert_eq!((report.unsent, report.cancelled), (report.pushed, 1 + read - report.pushed));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guarantee_5_what_streams_of_several_tasks_have_is_each_accounted_for_once() {
    const TASKS: u64 = 8;
    const ITEMS: u64 = 500;
    let size = |n: u64| usize::try_from(if n.is_multiple_of(97) { 150_000 } else { n * 7 % 3_000 }).unwrap();
    let fake = fake();
    let pusher = Arc::new(pusher(&fake).batch_bytes(300_000).concurrency(2).start());
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let pusher = Arc::clone(&pusher);
        tasks.spawn(async move {
            // Each is updated once, and the first value must not come last.
            let numbers = (0..ITEMS).chain(0..ITEMS).zip(0..);
            let operations = numbers
                .map(|(n, value)| ItemOperation::add_or_update(format!("a://{task}/{n}"), Item::new(value, size(n))));
            assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 2 * ITEMS);
        });
    }
    tasks.join_all().await;
    let report = Arc::into_inner(pusher).unwrap().finish().await.into_result().unwrap();
    assert_eq!((report.pushed, report.accepted), (2 * TASKS * ITEMS, 2 * TASKS * ITEMS));
    assert_eq!(fake.source(SOURCE).len() as u64, TASKS * ITEMS);
    for task in 0..TASKS {
        for n in 0..ITEMS {
            assert_eq!(number(&fake, &format!("a://{task}/{n}")), Some(ITEMS + n), "{task}/{n}");
        }
    }
}
