//! How a run ends, and what it says then.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{FailedBatch, FailureReason};
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{ItemPusher, Operation, PushError};
use tokio::time::timeout;

use super::support::{Handed, SOURCE, fake, full, ms, number, pusher, secs, uploads};

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_run_that_stopped_takes_nothing_more_and_its_report_has_everything() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let pusher = pusher(&fake).concurrency(1).start();
    let mut taken = 0;
    let stopped = loop {
        match pusher.add_or_update(format!("a://{taken}"), &full(taken)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(&stopped, PushError::Stopped(why) if why.to_string().contains("batch 1")), "{stopped}");
    assert!(matches!(pusher.flush().await, Err(PushError::Stopped(_))));
    let error = pusher.finish().await.into_result().unwrap_err();
    let PushError::Incomplete(report) = error else { panic!("{error}") };
    assert_eq!((report.totals.pushed, report.totals.failed), (taken, 1));
    assert_eq!(report.totals.pushed, report.totals.accepted + report.totals.failed + report.totals.unsent);
    assert_eq!(
        report.failed_batches.iter().map(|batch| batch.operations() as u64).sum::<u64>(),
        taken - report.totals.accepted
    );
    assert!(matches!(report.failed_batches.last().unwrap().reason(), FailureReason::Stopped));
    for batch in &report.failed_batches {
        batch.push_again().await.unwrap();
    }
    assert_eq!(fake.source(SOURCE).len() as u64, taken);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stopped_tells_whether_a_new_one_may_get_further() {
    for (status, may) in [(503, true), (413, false)] {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(status).always());
        let run = pusher(&fake).outage_patience(secs(1)).start();
        run.add_or_update("a://0", &full(0)).await.unwrap();
        let _ = run.flush().await;
        let error = run.add_or_update("a://1", &full(1)).await.unwrap_err();
        let PushError::Stopped(stopped) = &error else { panic!("{error}") };
        assert_eq!((stopped.is_retryable(), error.is_retryable()), (may, may), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_with_a_handler_a_run_goes_on_and_the_handler_gets_each_failed_batch_once() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).skip(1).status(412).times(2));
    let handed = Handed::default();
    let pusher = pusher(&fake).on_failed_batch(handed.handler()).start();
    for n in 0..6 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        pusher.flush().await.unwrap();
    }
    let report = pusher.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed, report.failed_batches.len()), (4, 2, 0));
    assert!(!report.is_complete());
    assert_eq!(handed.take().iter().map(|batch| batch.number()).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_sends_what_there_is_and_waits_until_it_is_done() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(7)));
    let pusher = pusher(&fake).start();
    pusher.flush().await.unwrap();
    assert!(fake.requests().is_empty());
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    pusher.flush().await.unwrap();
    assert_eq!(number(&fake, "a://1"), Some(1));
    pusher.add_or_update("a://2", &full(2)).await.unwrap();
    let report = pusher.finish().await;
    assert_eq!(report.batch_samples.iter().map(|batch| batch.number).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_returns_while_another_task_keeps_pushing() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(1)).always());
    let pusher = pusher(&fake).start();
    let keeps_pushing = async {
        for n in 0.. {
            pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        }
    };
    let flush = async {
        tokio::time::sleep(secs(10)).await;
        let pushed = pusher.progress().borrow().pushed;
        timeout(secs(60), pusher.flush()).await.expect("it waits for what others push").unwrap();
        assert!((0..pushed).all(|n| number(&fake, &format!("a://{n}")) == Some(n)));
    };
    tokio::select! {
        () = keeps_pushing => unreachable!("it has no end"),
        () = flush => {}
    }
}

type Flush = BoxFuture<'static, Result<coveo_push::report::Flushed, PushError>>;

/// A flush that is looked at from within the handler of failed batches.
#[derive(Clone, Default)]
struct Looked {
    flush: Arc<Mutex<Option<Flush>>>,
    was_done: Arc<Mutex<Vec<bool>>>,
}

impl Looked {
    fn look(&self) {
        let mut flush = self.flush.lock().unwrap();
        let poll = flush.as_mut().unwrap().as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.was_done.lock().unwrap().push(poll.is_ready());
    }

    /// Begins to flush.
    fn begin(&self, pusher: &Arc<ItemPusher>) {
        let pusher = Arc::clone(pusher);
        *self.flush.lock().unwrap() = Some(Box::pin(async move { pusher.flush().await }));
        self.look();
    }

    fn handler(&self) -> impl Fn(FailedBatch) + Send + Sync + 'static {
        let looked = self.clone();
        move |_| looked.look()
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_until_the_handler_has_got_a_batch() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let looked = Looked::default();
    let pusher = Arc::new(pusher(&fake).on_failed_batch(looked.handler()).start());
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    looked.begin(&pusher);
    pusher.flush().await.unwrap();
    looked.look();
    assert_eq!(*looked.was_done.lock().unwrap(), [false, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_the_handler_to_get_a_later_batch() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).skip(1).status(412));
    let looked = Looked::default();
    let pusher = Arc::new(pusher(&fake).concurrency(1).on_failed_batch(looked.handler()).start());
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    looked.begin(&pusher);
    pusher.add_or_update("a://2", &full(2)).await.unwrap();
    pusher.flush().await.unwrap();
    assert_eq!(*looked.was_done.lock().unwrap(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_8_a_run_with_nothing_sends_nothing() {
    let fake = fake();
    let pusher = pusher(&fake).linger(ms(1)).start();
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_queued());
    tokio::time::sleep(secs(1)).await;
    pusher.flush().await.unwrap();
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_queued());
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.refused, report.totals.api_calls), (2, 2, 0));
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_producers_batch_goes_out_after_a_while() {
    let fake = fake();
    let pusher = pusher(&fake).batch_bytes(1 << 20).linger(secs(5)).start();
    // Five seconds from the first item of each batch.
    for n in 0..6 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        tokio::time::sleep(secs(2)).await;
        assert_eq!(fake.source(SOURCE).len() as u64, (n + 1) / 3 * 3);
    }
    assert_eq!(uploads(&fake).len(), 2);
    pusher.add_or_update("a://6", &full(6)).await.unwrap();
    pusher.finish().await.into_result().unwrap();
    assert_eq!(uploads(&fake).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_could_not_be_sent_yet_is_filled_for_longer() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(20)));
    let pusher = pusher(&fake).batch_bytes(1 << 20).concurrency(1).linger(secs(1)).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    tokio::time::sleep(secs(2)).await;
    // The first batch is on its way, and no other one could be for now.
    pusher.add_or_update("a://2", &full(2)).await.unwrap();
    tokio::time::sleep(secs(10)).await;
    pusher.add_or_update("a://3", &full(3)).await.unwrap();
    tokio::time::sleep(secs(20)).await;
    assert_eq!(fake.source(SOURCE).len(), 3);
    let report = pusher.finish().await;
    assert_eq!(report.batch_samples.iter().map(|batch| batch.operations).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_an_abort_cuts_off_what_is_under_way_and_says_what_may_have_been_applied() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).late_answer(secs(20)));
    fake.inject(Fault::on(Operation::UploadToContainer).skip(1).hang());
    let pusher = pusher(&fake).concurrency(2).start();
    for n in 0..3 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    tokio::time::sleep(secs(1)).await;
    let report = pusher.abort().await;
    assert_eq!(
        (report.totals.pushed, report.totals.accepted, report.totals.failed, report.totals.unsent),
        (3, 0, 1, 2)
    );
    let maybe: Vec<_> = report.failed_batches.iter().map(|batch| batch.may_have_been_applied()).collect();
    assert_eq!(maybe, [true, false, false]);
    assert_eq!(number(&fake, "a://0"), Some(0));
}

#[test]
fn guarantee_5_threads_and_real_time_lose_nothing_either() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    for round in 0..30 {
        runtime.block_on(async {
            let fake = fake();
            fake.inject_random(
                coveo_push::fake::FaultRates::seeded(round).status(412, 0.1).latency(ms(0)..=ms(2)).reset_after(0.05),
            );
            let handed = Handed::default();
            let retry = coveo_push::RetryPolicy::default().base_delay(ms(1));
            let pusher = pusher(&fake)
                // Real seconds would pass.
                .commit_spacing(std::time::Duration::ZERO)
                .linger(ms(round % 3))
                .retry(retry)
                .concurrency(3)
                .on_failed_batch(handed.handler())
                .start();
            for n in 0..60_u64 {
                pusher.add_or_update(format!("a://{}", n % 7), &full(n)).await.unwrap();
            }
            let report = if round % 3 == 0 { pusher.abort().await } else { pusher.finish().await };
            let handed: u64 = handed.take().iter().map(|batch| batch.operations() as u64).sum();
            assert_eq!((report.totals.pushed, report.totals.accepted + handed), (60, 60));
            assert_eq!(handed, report.totals.failed + report.totals.unsent);
        });
    }
}

/// Panics instead of pushing a container.
struct Panicking(FakePushApi);

impl Transport for Panicking {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        let is_commit = request.uri().query().is_some_and(|query| query.contains("fileId"));
        assert!(!is_commit, "this transport panics");
        self.0.send(request)
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_transport_that_panics_stops_the_run_and_loses_nothing() {
    let fake = fake();
    let client = fake.client_builder().transport(Panicking(fake.clone())).build().unwrap();
    let pusher = client.items(SOURCE).pusher().start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = timeout(secs(60), pusher.finish()).await.unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.failed), (1, 0, 1));
    assert!(report.failed_batches[0].may_have_been_applied());
}
