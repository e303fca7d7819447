//! Failed batches that the run pushes again, and errors that hold for every batch.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{AfterFailure, FailedBatch, Progress, PushReport};
use coveo_push::{Operation, PushError, RetryPolicy};

use super::support::{Handed, SOURCE, commits, fake, full, number, prove, pusher, requests_of, secs, uploads};

const COMMIT: Operation = Operation::PushItemContainer;

/// Pushes items, each a batch, until the run has stopped or they are all pushed.
async fn push_many(pusher: &coveo_push::ItemPusher, items: u64) {
    for n in 0..items {
        if pusher.add_or_update(format!("a://{n}"), &full(n)).await.is_err() {
            return;
        }
    }
}

/// A run of 200 batches, with a handler that keeps what failed.
async fn kept(fake: &FakePushApi) -> (PushReport, Vec<FailedBatch>) {
    let handed = Handed::default();
    let run = pusher(fake).on_failed_batch(handed.handler()).start();
    push_many(&run, 200).await;
    (run.finish().await, handed.take())
}

#[tokio::test(start_paused = true)]
async fn an_error_that_holds_for_all_batches_stops_the_run_before_a_second_batch_is_uploaded() {
    for (operation, status, code, uploaded) in [
        (Operation::CreateFileContainer, 401, "INVALID_TOKEN", 0),
        (Operation::CreateFileContainer, 403, "ACCESS_DENIED", 0),
        (Operation::CreateFileContainer, 404, "ORGANIZATION_NOT_FOUND", 0),
        (Operation::CreateFileContainer, 400, "ORGANIZATION_IS_PAUSED", 0),
        (COMMIT, 412, "SOURCE_DOES_NOT_EXIST", 1),
        (COMMIT, 412, "DOCUMENT_LIMIT_EXCEEDED", 1),
        (COMMIT, 429, "TOO_MANY_DOCUMENTS_DAILY", 1),
    ] {
        let fake = fake();
        fake.inject(Fault::on(operation).status(status).error_code(code).always());
        let (report, handed) = kept(&fake).await;
        assert_eq!((report.totals.accepted, report.totals.batches_failed), (0, 1), "{code}: {report}");
        assert_eq!(uploads(&fake).len(), uploaded, "{code}");
        assert!(fake.requests().len() <= 8, "{code}: {}", fake.requests().len());
        assert_eq!(report.totals.pushed, report.totals.failed + report.totals.unsent);
        let first = &handed[0];
        assert!(first.holds_for_all() && first.is_retryable() && !first.is_unsent(), "{code}");
        assert!(handed[1..].iter().all(|batch| batch.is_unsent() && !batch.is_retryable()), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_storage_or_of_one_batch_does_not_stop_a_run_with_a_handler() {
    for fault in [
        Fault::on(Operation::UploadToContainer).status(403),
        Fault::on(COMMIT).status(413),
        Fault::on(COMMIT).status(403).header("x-coveo-waf-action", "block"),
    ] {
        let fake = fake();
        fake.inject(fault);
        let (report, handed) = kept(&fake).await;
        assert_eq!((report.totals.accepted, report.totals.failed), (199, 1), "{report}");
        assert!(!handed[0].holds_for_all() && !handed[0].is_retryable());
    }
}

#[tokio::test(start_paused = true)]
async fn no_batch_that_is_ready_starts_while_the_run_is_held() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(401).error_code("INVALID_TOKEN"));
    let run = pusher(&fake).concurrency(4).on_failed_batch(|failed| AfterFailure::Again(failed, secs(60))).start();
    push_many(&run, 20).await;
    run.finish().await.into_result().unwrap();
    let times: Vec<_> = fake.requests().iter().map(|request| request.received_after()).collect();
    assert!(times[1..].iter().all(|time| *time >= times[0] + secs(60)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_can_hold_the_run_until_a_key_is_rotated() {
    let fake = fake();
    let asked = Arc::new(AtomicU32::new(0));
    let asks = Arc::clone(&asked);
    let run = pusher(&fake).on_failed_batch(move |failed| {
        asks.fetch_add(1, Ordering::Relaxed);
        match failed.holds_for_all() {
            true => AfterFailure::Again(failed, secs(60)),
            false => AfterFailure::Stop,
        }
    });
    let run = run.start();
    prove(&run).await;
    fake.revoke_key("fake-key");
    fake.clear_requests();
    let pushing = push_many(&run, 50);
    let rotating = async {
        tokio::time::sleep(secs(30)).await;
        let calls = fake.requests().len();
        assert!(calls < 20, "{calls}");
        tokio::time::sleep(secs(29)).await;
        assert_eq!(fake.requests().len(), calls);
        fake.allow_key("fake-key");
    };
    tokio::join!(pushing, rotating);
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.failed, fake.source(SOURCE).len()), (51, 0, 51));
    assert!(asked.load(Ordering::Relaxed) <= 5);
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_a_batch_whose_pushing_again_is_dropped_is_in_the_report() {
    let fake = fake();
    let handed = Handed::default();
    let run = pusher(&fake).concurrency(1).on_failed_batch(handed.handler()).start();
    prove(&run).await;
    fake.inject(Fault::on(COMMIT).status(413));
    run.add_or_update("a://failed", &full(1)).await.unwrap();
    run.flush().await.unwrap();
    let failed = handed.take().remove(0);
    fake.inject(Fault::on(COMMIT).latency(secs(20)).always());
    let again = async {
        // By then another batch has no room.
        tokio::time::sleep(secs(1)).await;
        assert!(tokio::time::timeout(secs(1), run.push_again(failed)).await.is_err());
    };
    tokio::join!(push_many(&run, 3), again);
    let report = run.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed, report.failed_batches.len()), (4, 1, 1), "{report}");
    assert_eq!(report.failed_batches[0].ids().collect::<Vec<_>>(), ["a://failed"]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_9_a_batch_that_is_pushed_again_after_the_report_is_in_the_next_one() {
    let fake = fake();
    let handed = Handed::default();
    let run = pusher(&fake).on_failed_batch(handed.handler()).start();
    fake.inject(Fault::on(COMMIT).status(413));
    run.add_or_update("a://failed", &full(1)).await.unwrap();
    assert_eq!(run.finish().await.failed_batches.len(), 0);
    assert!(matches!(run.push_again(handed.take().remove(0)).await, Err(PushError::Stopped(_))));
    assert_eq!(run.finish().await.failed_batches[0].ids().collect::<Vec<_>>(), ["a://failed"]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_as_many_batches_as_a_run_holds_wait_to_be_pushed_again_and_all_are() {
    for concurrency in 1..4 {
        let fake = fake();
        let run = pusher(&fake).concurrency(concurrency).retry(RetryPolicy::none());
        let run = run.on_failed_batch(|failed| AfterFailure::Again(failed, secs(60))).start();
        prove(&run).await;
        fake.inject(Fault::on(Operation::CreateFileContainer).status(503).times(20));
        let whole_run = async {
            push_many(&run, 20).await;
            run.finish().await
        };
        let report = tokio::time::timeout(secs(86_400), whole_run).await.unwrap();
        assert_eq!(report.into_result().unwrap().totals.accepted, 21, "concurrency {concurrency}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_answers_stop_stops_the_run() {
    let fake = fake();
    fake.inject(Fault::on(COMMIT).status(413));
    let run = pusher(&fake).on_failed_batch(|_| AfterFailure::Stop).start();
    push_many(&run, 50).await;
    assert!(matches!(run.add_or_update("a://x", &full(1)).await, Err(PushError::Stopped(_))));
    let report = run.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed), (0, 1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_pushed_again_counts_as_what_becomes_of_it() {
    let fake = fake();
    let handed = Handed::default();
    let run = pusher(&fake).batch_bytes(4_096).on_failed_batch(handed.handler()).start();
    prove(&run).await;
    fake.inject(Fault::on(COMMIT).status(413).times(2));
    for n in 0..3 {
        run.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    run.flush().await.unwrap();
    let failed = handed.take().remove(0);
    // A later push supersedes one of its operations.
    run.add_or_update("a://1", &full(7)).await.unwrap();
    run.push_again(failed).await.unwrap();
    run.flush().await.unwrap();
    // It failed once more: a new batch, with a new number.
    let again = handed.take();
    let numbers: Vec<u64> = again.iter().map(FailedBatch::number).collect();
    assert!(numbers == [3] || numbers == [4], "{numbers:?}");
    let again = again.into_iter().next().unwrap();
    run.push_again(again).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    let totals = report.totals;
    assert_eq!(totals.pushed, totals.accepted + totals.replaced);
    assert_eq!((totals.failed, totals.unsent, totals.batches_failed), (0, 0, 0), "{report}");
    assert_eq!([0, 1, 2].map(|n| number(&fake, &format!("a://{n}"))), [Some(0), Some(7), Some(2)]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_a_batch_that_is_pushed_again_comes_before_what_is_pushed_after_it() {
    let fake = fake();
    let handed = Handed::default();
    let run = pusher(&fake).batch_bytes(4_096).on_failed_batch(handed.handler()).start();
    prove(&run).await;
    fake.inject(Fault::on(COMMIT).status(413));
    run.add_or_update("a://x", &full(1)).await.unwrap();
    run.flush().await.unwrap();
    let failed = handed.take().remove(0);
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(20)));
    run.add_or_update("a://y", &full(2)).await.unwrap();
    run.push_again(failed).await.unwrap();
    run.add_or_update("a://x", &full(3)).await.unwrap();
    run.finish().await.into_result().unwrap();
    assert_eq!(number(&fake, "a://x"), Some(3));
}

#[tokio::test(start_paused = true)]
async fn ids_of_a_batch_of_unknown_fate_are_released_by_a_later_success_or_after_an_hour() {
    for (again, wait) in [(true, 0), (false, 3_600)] {
        let fake = fake();
        let handed = Handed::default();
        let run = pusher(&fake).retry(RetryPolicy::none()).on_failed_batch(handed.handler()).start();
        prove(&run).await;
        fake.inject(Fault::on(COMMIT).reset_after());
        run.add_or_update("a://x", &full(1)).await.unwrap();
        run.flush().await.unwrap();
        let failed = handed.take().remove(0);
        if again {
            failed.push_again().await.unwrap();
        } else {
            run.add_or_update("a://x", &full(2)).await.unwrap();
            run.flush().await.unwrap();
            assert!(matches!(handed.take()[0].reason(), coveo_push::report::FailureReason::EarlierBatchUnknown));
            tokio::time::sleep(secs(wait)).await;
        }
        run.add_or_update("a://x", &full(3)).await.unwrap();
        let _ = run.finish().await;
        assert_eq!(number(&fake, "a://x"), Some(3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_waits_to_be_pushed_again_is_in_the_report_of_a_run_that_is_aborted() {
    let fake = fake();
    fake.inject(Fault::on(COMMIT).status(413));
    let run = pusher(&fake).on_failed_batch(|failed| AfterFailure::Again(failed, secs(600))).start();
    run.add_or_update("a://x", &full(1)).await.unwrap();
    tokio::time::sleep(secs(1)).await;
    let _ = tokio::time::timeout(secs(1), run.flush()).await;
    let report = run.abort().await;
    assert_eq!((report.totals.failed, report.failed_batches.len()), (1, 1), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_pushed_again_with_the_retries_and_the_limit_of_its_run() {
    let fake = fake();
    let handed = Arc::new(Mutex::new(Vec::new()));
    let hands = Arc::clone(&handed);
    let run = pusher(&fake).retry(RetryPolicy::none());
    let run = run.on_failed_batch(move |failed: FailedBatch| hands.lock().unwrap().push(failed)).start();
    fake.inject(Fault::on(COMMIT).status(503).times(2));
    run.add_or_update("a://x", &full(1)).await.unwrap();
    run.flush().await.unwrap();
    let failed = handed.lock().unwrap().remove(0);
    fake.clear_requests();
    failed.push_again().await.unwrap_err();
    assert_eq!(requests_of(&fake, COMMIT).len(), 1);
    run.push_again(failed).await.unwrap();
    let Progress { accepted, failed, batches_accepted, batches_failed, .. } =
        run.finish().await.into_result().unwrap().totals;
    assert_eq!((accepted, failed, batches_accepted, batches_failed), (1, 0, 1, 0));
    assert_eq!(commits(&fake).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_service_that_always_has_changes_gets_over_an_outage_of_any_length() {
    const CHANGES: u64 = 450;
    for (hours, status) in [(2, None), (24, None), (1, Some(401)), (1, Some(429)), (1, Some(503))] {
        let fake = fake();
        let run = pusher(&fake).linger(secs(2));
        let run = run.on_failed_batch(|failed| AfterFailure::Again(failed, secs(30))).start();
        let down = Fault::on_any().always();
        fake.inject(status.map_or(down.clone().no_connection(), |status| down.status(status)));
        let outage = async {
            tokio::time::sleep(secs(hours * 3_600)).await;
            fake.clear_faults();
        };
        let changes = async {
            for n in 0..CHANGES {
                run.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
                tokio::time::sleep(secs(10)).await;
            }
        };
        tokio::join!(outage, changes);
        let report = run.finish().await;
        assert!(report.is_complete(), "{hours} h of {status:?}: {report}");
        assert_eq!(fake.source(SOURCE).items().len() as u64, CHANGES, "{hours} h of {status:?}");
    }
}
