//! Operations that come as a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coveo_push::fake::Fault;
use coveo_push::{Identity, IdentityBody, IdentityOperation, ItemOperation, MappedIdentityBody, Operation, PushError};
use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::support::{Item, PROVIDER, SOURCE, fake, full, number, pusher, secs};

#[tokio::test(start_paused = true)]
async fn a_stream_of_items_is_pushed_in_order() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let operations = (0..50_u64).map(|n| match n % 5 {
        4 if n % 2 == 0 => ItemOperation::delete(format!("a://{}", n - 1)).delete_children(true),
        4 => ItemOperation::delete(format!("a://{}", n - 1)),
        _ => ItemOperation::add_or_update(format!("a://{n}"), &Item::new(n, 300)),
    });
    assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 50);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.totals.accepted + report.totals.replaced, 50);
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
    assert_eq!(report.totals.accepted + report.totals.replaced, 30);
    assert_eq!(fake.provider(PROVIDER).identities().len(), 10);
    assert!(fake.provider(PROVIDER).identities().iter().all(|identity| identity.is_disabled()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_item_of_a_stream_is_counted_and_the_others_are_pushed() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let id = |n: u64| if n % 3 == 1 { format!("no uri {n}") } else { format!("a://{n}") };
    let operations = (0..9).map(|n| ItemOperation::add_or_update(id(n), &Item::new(n, 1)));
    assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 9);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.refused), (9, 6, 3));
    let refused: Vec<_> = report.refused_samples.iter().map(|item| item.id().to_owned()).collect();
    assert_eq!(refused, [1, 4, 7].map(id));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_pushed_into_a_run_that_has_stopped_is_an_error() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(403).always());
    let pusher = pusher(&fake).start();
    let operations = (0..10_000).map(|n| ItemOperation::add_or_update(format!("a://{n}"), &full(n)));
    let pushed = pusher.push_stream(stream::iter(operations)).await;
    assert!(matches!(pushed, Err(PushError::Stopped(_))), "{pushed:?}");
    let report = pusher.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed + report.totals.unsent), (0, report.totals.pushed));
    assert_eq!(report.totals.cancelled, 1, "the stream");
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_a_stream_is_read_one_operation_ahead_of_the_room_for_it() {
    for (bytes, batch_bytes) in [(100, 2_048), (200_000, 256 * 1_024)] {
        let fake = fake();
        fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
        let pusher = fake.client().items(SOURCE).pusher().batch_bytes(batch_bytes).concurrency(2).start();
        let read = Arc::new(AtomicU64::new(0));
        let operations = stream::iter(0..).map(|n| {
            read.fetch_add(1, Ordering::Relaxed);
            ItemOperation::add_or_update(format!("a://{n}"), &Item::new(n, bytes))
        });
        assert!(timeout(secs(1), pusher.push_stream(operations)).await.is_err());
        let report = pusher.abort().await;
        assert_eq!(read.load(Ordering::Relaxed), report.totals.pushed + 1);
        // The stream, and its operation.
        assert_eq!((report.totals.unsent, report.totals.cancelled), (report.totals.pushed, 2));
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
                .map(|(n, value)| ItemOperation::add_or_update(format!("a://{task}/{n}"), &Item::new(value, size(n))));
            assert_eq!(pusher.push_stream(stream::iter(operations)).await.unwrap(), 2 * ITEMS);
        });
    }
    tasks.join_all().await;
    let report = Arc::into_inner(pusher).unwrap().finish().await.into_result().unwrap();
    assert_eq!(report.totals.pushed, 2 * TASKS * ITEMS);
    assert_eq!(report.totals.accepted + report.totals.replaced, report.totals.pushed);
    assert_eq!(fake.source(SOURCE).len() as u64, TASKS * ITEMS);
    for task in 0..TASKS {
        for n in 0..ITEMS {
            assert_eq!(number(&fake, &format!("a://{task}/{n}")), Some(ITEMS + n), "{task}/{n}");
        }
    }
}
