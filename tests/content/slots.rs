//! Contents and batches take turns, and none of them waits for a future that nobody polls.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{CompressionType, Content, DocumentBody, ItemPusher, Operation, PushError, Pushed};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use super::support::{Folder, ID, LARGEST_INLINE, SOURCE, fake, noise, pushed, pusher, requests_of};

const HOUR: Duration = Duration::from_secs(3600);

/// A fake whose uploads take a while.
fn slow() -> FakePushApi {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).latency(Duration::from_secs(1)).always());
    fake
}

/// Does not fit into a batch of a kilobyte.
fn uploaded() -> Content {
    Content::bytes(noise(2_000)).compression(CompressionType::Uncompressed)
}

/// Pushes contents from one task, several at a time, and does something else between them, during which
/// their futures are not polled.
async fn between(concurrency: usize, content: fn() -> Content, mut other: impl AsyncFnMut(&ItemPusher, usize)) -> u64 {
    let fake = slow();
    let run = pusher(&fake).concurrency(concurrency).batch_bytes(1_024).start();
    let doc = DocumentBody::new();
    let all = async {
        let push = async |n| run.add_or_update(format!("a://{n}"), &doc).content(content()).await.unwrap();
        let mut pushes = stream::iter(0..30).map(push).buffer_unordered(8);
        let mut pushed = 0;
        while let Some(taken) = pushes.next().await {
            assert!(taken.is_queued());
            pushed += 1;
            other(&run, pushed).await;
        }
    };
    timeout(HOUR, all).await.expect("it goes on");
    let report = run.finish().await.into_result().unwrap();
    assert!(fake.source(SOURCE).dropped().is_empty());
    report.totals.accepted
}

#[tokio::test(start_paused = true)]
async fn a_flush_between_contents_that_nobody_polls_meanwhile_ends() {
    for content in [uploaded, || Content::bytes("words")] {
        for concurrency in 1..=4 {
            let flush = async |run: &ItemPusher, pushed: usize| {
                if pushed.is_multiple_of(4) {
                    run.flush().await.unwrap();
                }
            };
            assert_eq!(between(concurrency, content, flush).await, 30);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_between_contents_that_nobody_polls_meanwhile_ends() {
    for concurrency in 1..=4 {
        let push = async |run: &ItemPusher, pushed: usize| {
            let doc = DocumentBody::new().metadata("words", "x".repeat(700));
            run.add_or_update(format!("b://{pushed}"), &doc).await.unwrap();
        };
        assert_eq!(between(concurrency, uploaded, push).await, 60);
    }
}

#[tokio::test(start_paused = true)]
async fn a_content_between_contents_that_nobody_polls_meanwhile_ends() {
    for concurrency in 1..=4 {
        let push = async |run: &ItemPusher, pushed: usize| {
            let (id, doc) = (format!("b://{pushed}"), DocumentBody::new());
            run.add_or_update(&id, &doc).content(uploaded()).await.unwrap();
        };
        assert_eq!(between(concurrency, uploaded, push).await, 60);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_a_push_that_is_dropped_ends_its_upload() {
    let fake = slow();
    let run = pusher(&fake).start();
    let doc = DocumentBody::new();
    let push = run.add_or_update(ID, &doc).content(Content::bytes(noise(LARGEST_INLINE + 1))).into_future();
    timeout(Duration::from_millis(500), push).await.unwrap_err();
    assert_eq!(requests_of(&fake, Operation::UploadToContainer).len(), 1);
    sleep(HOUR).await;
    let [upload] = requests_of(&fake, Operation::UploadToContainer).try_into().unwrap();
    assert_eq!(upload.status(), None);
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.cancelled, report.totals.bytes_uploaded), (0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn contents_that_wait_for_their_turn_are_not_begun_when_the_run_has_stopped() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(403).latency(Duration::from_secs(1)).always());
    let run = pusher(&fake).batch_bytes(1_024).start();
    let doc = DocumentBody::new();
    let push = async |n| run.add_or_update(format!("a://{n}"), &doc).content(uploaded()).await;
    let all: Vec<_> = stream::iter(0..4).map(push).buffer_unordered(4).collect().await;
    let stopped = all.iter().filter(|pushed| matches!(pushed, Err(PushError::Stopped(_)))).count() as u64;
    let report = run.finish().await;
    assert_eq!((report.totals.pushed, report.totals.failed, report.totals.cancelled), (4 - stopped, 4 - stopped, 0));
    // One has its turn before the push of the first one ends, and the run stops with that.
    assert!(stopped >= 2 && fake.requests().len() <= 2, "{stopped}: {:?}", fake.requests());
}

/// A reader with a fault.
struct Panics;

impl AsyncRead for Panics {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        std::panic::panic_any("a reader's panic")
    }
}

#[tokio::test]
async fn a_panic_of_a_reader_is_one_of_its_push_and_the_run_goes_on() {
    let fake = fake();
    let run = pusher(&fake).start();
    let doc = DocumentBody::new();
    let push = run.add_or_update(ID, &doc).content(Content::reader(Panics)).into_future();
    let panic = AssertUnwindSafe(push).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a reader's panic"));
    run.add_or_update("a://b", &doc).content(Content::bytes("b")).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.cancelled), (1, 1, 1));
}

fn runtime(threads_for_blocking: usize) -> Runtime {
    Builder::new_current_thread().enable_all().max_blocking_threads(threads_for_blocking).build().unwrap()
}

#[test]
fn guarantee_5_a_push_whose_runtime_is_gone_accounts_for_its_item() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).hang());
    let run = pusher(&fake).start();
    let doc = DocumentBody::new();
    let mut push = run.add_or_update(ID, &doc).content(Content::bytes(noise(LARGEST_INLINE + 1))).into_future();
    let first = runtime(1);
    first.block_on(async { timeout(Duration::from_millis(500), &mut push).await.unwrap_err() });
    drop(first);
    runtime(1).block_on(async {
        let Pushed::Refused(refused) = push.await.unwrap() else { panic!() };
        assert_eq!((refused.id(), refused.findings()[0].rule().code()), (ID, "content-unreadable"));
    });
    let report = runtime(1).block_on(run.finish()).into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.refused, report.totals.cancelled), (1, 1, 0));
}

#[test]
fn readers_that_need_a_thread_for_blocking_work_themselves_get_it_while_they_are_compressed() {
    let (folder, fake) = (Folder::new(), fake());
    let path = Arc::new(folder.file("content", &noise(1_000_000)));
    let one = runtime(1);
    let result = one.block_on(async {
        let content = async || Content::reader(tokio::fs::File::open(&*path).await.unwrap());
        let run = pusher(&fake).concurrency(2).start();
        let doc = DocumentBody::new();
        let items = fake.client().items(SOURCE);
        let in_a_run = async |id| run.add_or_update(id, &doc).content(content().await).await.map(drop).unwrap();
        let alone = async |id| items.add_or_update(id, &doc).content(content().await).await.map(drop).unwrap();
        let all = async { tokio::join!(in_a_run("a://1"), in_a_run("a://2"), alone("a://3"), alone("a://4")) };
        timeout(Duration::from_secs(30), all).await?;
        run.finish().await.into_result().unwrap();
        Ok::<_, tokio::time::error::Elapsed>(())
    });
    // What hangs would hang here as well.
    one.shutdown_background();
    result.unwrap();
    for id in ["a://1", "a://2", "a://3", "a://4"] {
        assert!(pushed(&fake, id).content().unwrap() == noise(1_000_000));
    }
}
