//! Guarantee 7, measured by a counting allocator: the memory of a run is bounded, whatever is pushed and however
//! long the run lasts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{ApiKey, PushClient, PushQueue, WholeItems};
use http::{Method, Request, Response, StatusCode};
use peak_alloc::PeakAlloc;
use serde::Serialize;
use tokio::runtime;

/// Counts the memory of all threads. For this reason one test runs at a time.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;
static ALONE: Mutex<()> = Mutex::new(());

const MIB: usize = 1 << 20;
/// These fill the pipeline with items of 2 KB, and with small batches also with items of 91 bytes.
const FEW: usize = 50_000;
const MANY: usize = 200_000;
/// The most memory of one operation in a batch, in bytes, besides its JSON and its id.
const PER_OPERATION: usize = 128;
/// The accepted operations whose ids are remembered for a second; more only if they are of one batch.
const REMEMBERED: usize = 10_000;
/// The most memory of what a run has once: the client, its tasks.
const PER_RUN: usize = 64 << 10;
/// The most memory of one id in a load, and of the lists that hold them.
const PER_ID: usize = 18;
const ID_LISTS: usize = 128 << 10;

/// What is pushed into.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Source,
    /// A catalog, by a load, in which each id comes once.
    Load,
}

/// How a run makes batches.
#[derive(Debug)]
struct Batching {
    batch_bytes: usize,
    concurrency: usize,
}

/// The defaults of a run.
const DEFAULT: Batching = Batching { batch_bytes: 16 * MIB, concurrency: 4 };
const SMALL: Batching = Batching { batch_bytes: MIB, concurrency: 2 };

#[test]
fn guarantee_7_memory_is_bounded_whatever_is_pushed() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for item_bytes in [91, 2_048] {
        for (batching, target) in [(DEFAULT, Target::Source), (SMALL, Target::Source), (SMALL, Target::Load)] {
            let Batching { batch_bytes, concurrency } = batching;
            let batches = (concurrency + 1) * batch_bytes;
            let [few, many] = [FEW, MANY].map(|items| {
                let peak = peak(items, item_bytes, &batching, target);
                let ids = if target == Target::Load { items * PER_ID + ID_LISTS } else { 0 };
                let remembered = items.min(REMEMBERED.max(batch_bytes / item_bytes));
                let operations = items.min(batches / item_bytes) + remembered;
                let bound = batches + operations * (id(0).len() + PER_OPERATION) + PER_RUN + ids;
                let case = format!("{items} items of {item_bytes} bytes, {batching:?}, {target:?}");
                assert!(peak <= bound, "{case}: {peak} bytes, allowed {bound}");
                peak
            });
            if FEW * item_bytes > batches && target == Target::Source {
                assert!(many * 100 <= few * 105, "{item_bytes} bytes, {batching:?}: {few} bytes grow to {many}");
            }
        }
    }
}

#[test]
fn guarantee_7_nothing_grows_with_the_number_of_batches_whether_they_are_accepted_or_fail() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for rejects in [false, true] {
        let [few, many] = [10_000, 60_000].map(|batches| peak_of_batches(batches, rejects));
        let grown = many.saturating_sub(few);
        assert!(grown < 32 << 10, "half of them fail: {rejects}; 50,000 batches take {grown} bytes more than {few}");
    }
}

/// The peak memory of a run whose batches hold one item each, in bytes.
fn peak_of_batches(batches: usize, rejects: bool) -> usize {
    let title = "x".repeat(700);
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    runtime.block_on(async {
        let service = Rejecting { rejects, commits: AtomicUsize::new(0) };
        let client = PushClient::builder("my-org", ApiKey::new("my-key")).transport(service).build().unwrap();
        let pusher = client.items("my-source").pusher().batch_bytes(1_024).on_failed_batch(drop).start();
        push_all(&pusher, batches, &title).await;
        let totals = pusher.finish().await.totals;
        let failed = if rejects { batches as u64 / 2 } else { 0 };
        assert_eq!((totals.batches_accepted, totals.batches_failed), (batches as u64 - failed, failed));
    });
    ALLOCATOR.peak_usage() - before
}

/// The peak memory of a run, in bytes.
fn peak(items: usize, item_bytes: usize, batching: &Batching, target: Target) -> usize {
    let title_bytes = item_bytes - format!(r#"{{"documentId":"{}","title":""}},"#, id(0)).len();
    let title = "x".repeat(title_bytes);
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    runtime.block_on(async {
        let client = PushClient::builder("my-org", ApiKey::new("my-key")).transport(SlowService).build().unwrap();
        let Batching { batch_bytes, concurrency } = *batching;
        let report = match target {
            Target::Source => {
                let pusher = client.items("my-source").pusher();
                let pusher = pusher.batch_bytes(batch_bytes).concurrency(concurrency).start();
                push_all(&pusher, items, &title).await;
                pusher.finish().await.into_result().unwrap()
            }
            Target::Load => {
                let load = client.catalog("my-source").load();
                let load = load.pusher(|pusher| pusher.batch_bytes(batch_bytes).concurrency(concurrency));
                let load = load.start().await.unwrap();
                push_all(load.pusher(), items, &title).await;
                load.finish().await.into_result().unwrap().push
            }
        };
        assert_eq!(report.totals.accepted, items as u64);
        assert_eq!(report.totals.bytes_queued, (items * (item_bytes - ",".len())) as u64);
    });
    ALLOCATOR.peak_usage() - before
}

async fn push_all<T: WholeItems>(queue: &PushQueue<T>, items: usize, title: &str) {
    for number in 0..items {
        let id = id(number);
        assert!(queue.add_or_update(&id, &Item { title }).await.unwrap().is_queued());
    }
}

fn id(number: usize) -> String {
    format!("https://example.com/items/{number:06}")
}

#[derive(Serialize)]
struct Item<'a> {
    title: &'a str,
}

/// A service that drops the bytes that it is sent. The paused clock advances when the run has nothing else to do:
/// when the pipeline is full.
struct SlowService;

impl Transport for SlowService {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        const CONTAINER: &[u8] =
            br#"{"streamId":"stream","uploadUri":"https://localhost/file","fileId":"file","requiredHeaders":{}}"#;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let (status, answer) = match *request.method() {
                Method::POST if request.uri().path().ends_with("/close") => (200, b"{}".as_slice()),
                Method::POST => (201, CONTAINER),
                _ if request.uri().path() == "/file" => (200, b"".as_slice()),
                _ => (202, b"{}".as_slice()),
            };
            Ok(Response::builder().status(status).body(Bytes::from_static(answer)).unwrap())
        })
    }
}

/// The same service, which may reject every other batch.
struct Rejecting {
    rejects: bool,
    commits: AtomicUsize,
}

impl Transport for Rejecting {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        let is_commit = *request.method() == Method::PUT && request.uri().path() != "/file";
        let is_second = is_commit && self.commits.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        // It has no state of its own.
        static SLOW: SlowService = SlowService;
        let answer = SLOW.send(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            if self.rejects && is_second {
                *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            }
            Ok(answer)
        })
    }
}
