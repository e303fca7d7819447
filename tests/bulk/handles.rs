//! The handles of a run: one ends it, and the others see that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use coveo_push::fake::Fault;
use coveo_push::{Content, DocumentBody, ItemOperation, Operation, PushError, RefreshKind};
use futures_util::stream;

use super::support::{Handed, SOURCE, fake, full, ms, pusher, secs};

#[tokio::test(start_paused = true)]
async fn the_first_end_of_a_run_decides_and_all_get_the_same_counts() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(5)).status(413));
    let run = pusher(&fake).start();
    run.add_or_update("a://1", &full(1)).await.unwrap();
    let (one, two) = (run.clone(), run.clone());
    let (finished, aborted) = tokio::join!(one.finish(), async {
        tokio::time::sleep(secs(1)).await;
        two.abort().await
    });
    let later = run.finish().await;
    for other in [&aborted, &later] {
        assert_eq!((other.totals, other.elapsed), (finished.totals, finished.elapsed));
    }
    let failed = [finished, aborted, later].map(|report| report.failed_batches.len());
    assert_eq!(failed.iter().sum::<usize>(), 1);
    assert!(matches!(run.add_or_update("a://2", &full(2)).await, Err(PushError::Stopped(_))));
}

#[tokio::test(start_paused = true)]
async fn a_finish_that_is_dropped_leaves_the_run_closed_and_ending() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(5)));
    let run = pusher(&fake).start();
    run.add_or_update("a://1", &full(1)).await.unwrap();
    let mut progress = run.progress();
    assert!(tokio::time::timeout(secs(1), run.finish()).await.is_err());
    assert!(matches!(run.add_or_update("a://2", &full(2)).await, Err(PushError::Stopped(_))));
    // The progress ends with the run, and not with a report.
    while progress.changed().await.is_ok() {}
    assert_eq!(progress.borrow().accepted, 1);
    let report = run.abort().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, fake.source(SOURCE).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_a_run_is_aborted_when_its_last_handle_goes() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(5)).always());
    let handed = Handed::default();
    let run = pusher(&fake).on_failed_batch(handed.handler()).start();
    run.add_or_update("a://1", &full(1)).await.unwrap();
    let other = run.clone();
    drop(run);
    tokio::time::sleep(secs(1)).await;
    assert!(handed.take().is_empty());
    drop(other);
    assert_eq!(handed.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_lends_a_handle_to_many_tasks_and_ends_although_they_have_it() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let run = items.refresh(RefreshKind::Incremental).start().await.unwrap();
    let queue = run.pusher().clone();
    let task = tokio::spawn(async move {
        for n in 0..10 {
            queue.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        }
        queue
    });
    let queue = task.await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert_eq!(report.push.totals.accepted, 10);
    assert!(matches!(queue.delete("a://1").await, Err(PushError::Stopped(_))));
    let dropped = items.refresh(RefreshKind::Incremental).start().await.unwrap();
    let queue = dropped.pusher().clone();
    drop(dropped);
    assert!(matches!(queue.delete("a://1").await, Err(PushError::Stopped(_))));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_results_ends_at_its_first_error_and_the_run_goes_on() {
    #[derive(Debug)]
    enum Failure {
        Database,
        Push,
    }

    impl From<PushError> for Failure {
        fn from(_: PushError) -> Self {
            Self::Push
        }
    }

    let fake = fake();
    let run = pusher(&fake).start();
    let read = Arc::new(AtomicU64::new(0));
    let rows = (0..10_u64).map(|n| {
        read.fetch_add(1, Ordering::Relaxed);
        if n == 3 { Err(Failure::Database) } else { Ok(ItemOperation::add_or_update(format!("a://{n}"), &full(n))) }
    });
    assert!(matches!(run.try_push_stream(stream::iter(rows)).await, Err(Failure::Database)));
    assert_eq!(read.load(Ordering::Relaxed), 4);
    let more = [Ok::<_, Failure>(ItemOperation::delete("a://0"))];
    assert_eq!(run.try_push_stream(stream::iter(more)).await.unwrap(), 1);
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.cancelled), (4, 0));
    let after = [Ok::<_, Failure>(ItemOperation::delete("a://0"))];
    assert!(matches!(run.try_push_stream(stream::iter(after)).await, Err(Failure::Push)));
}

#[tokio::test]
async fn an_operation_carries_content_and_content_may_be_missing() {
    let fake = fake();
    let run = fake.client().items(SOURCE).pusher().linger(ms(1)).start();
    let doc = DocumentBody::new().title("t");
    run.push(ItemOperation::add_or_update("a://1", &doc).content(Content::text("words"))).await.unwrap();
    run.add_or_update("a://2", &doc).content_opt(Some(Content::text("more"))).await.unwrap();
    run.add_or_update("a://3", &doc).content_opt(None).await.unwrap();
    run.finish().await.into_result().unwrap();
    let held = ["a://1", "a://2", "a://3"].map(|id| fake.source(SOURCE).item(id).unwrap().data().map(str::to_owned));
    assert_eq!(held, [Some("words".to_owned()), Some("more".to_owned()), None]);
}
