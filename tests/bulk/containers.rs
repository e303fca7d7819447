//! A batch is pushed while its container is young, whatever it waits for.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{BatchDocumentBody, DocumentBody, Operation, RetryPolicy};

use super::support::{SOURCE, commits, fake, full, pusher, requests_of, secs, uploads};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How old the container of each commit was.
fn ages(fake: &FakePushApi) -> Vec<Duration> {
    let uploads = requests_of(fake, Operation::UploadToContainer);
    let commits = requests_of(fake, Operation::PushItemContainer).into_iter();
    let age = commits.map(|commit| {
        let id = commit.parameter("fileId").unwrap().to_owned();
        let upload = uploads.iter().find(|upload| upload.path().ends_with(&id)).unwrap();
        commit.received_after() - upload.received_after()
    });
    age.collect()
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_batch_whose_commit_waits_for_an_hour_is_uploaded_anew() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(HOUR));
    let pusher = pusher(&fake).throttle_patience(2 * HOUR).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.totals.accepted, 1);
    let (commits, uploads) = (commits(&fake), uploads(&fake));
    assert_eq!((commits.len(), uploads.len()), (2, 2));
    assert!(commits[0] == uploads[0].file_id && commits[1] == uploads[1].file_id && commits[0] != commits[1]);
    assert_eq!(uploads[0].body, uploads[1].body);
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://1"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_not_sent_because_its_container_is_too_old_uses_no_call_of_the_limit() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(HOUR));
    // Two containers and two commits.
    let pusher = pusher(&fake).throttle_patience(2 * HOUR).max_api_calls(4, DAY).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    pusher.finish().await.into_result().unwrap();
    let last = requests_of(&fake, Operation::PushItemContainer).pop().unwrap();
    assert!(last.received_after() < 2 * HOUR, "{:?}", last.received_after());
}

#[tokio::test(start_paused = true)]
async fn a_single_batch_whose_commit_waits_for_an_hour_is_uploaded_anew() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(HOUR));
    let batch = BatchDocumentBody::new().add_or_update("a://1", DocumentBody::text("words"));
    let policy = RetryPolicy::default().deadline(2 * HOUR);
    let _ = fake.client().items(SOURCE).push_batch(&batch).retry(policy).await.unwrap();
    assert_eq!((commits(&fake).len(), uploads(&fake).len()), (2, 2));
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://1"]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_failed_batch_that_is_pushed_again_is_uploaded_anew_when_its_commit_waits_for_an_hour() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(400));
    let policy = RetryPolicy::default().deadline(2 * HOUR);
    let pusher = pusher(&fake).throttle_patience(2 * HOUR).retry(policy).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await;
    fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(HOUR));
    assert!(report.failed_batches[0].push_again().await.unwrap().is_some());
    assert_eq!((commits(&fake).len(), uploads(&fake).len()), (3, 3));
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://1"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_never_comes_to_its_commit_in_time_fails_in_the_end() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(HOUR).always());
    let pusher = pusher(&fake).throttle_patience(100 * HOUR).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await;
    let [failed] = &report.failed_batches[..] else { panic!("{report}") };
    assert!(failed.to_string().contains("uploaded so long ago that it may have expired"), "{failed}");
    assert_eq!(uploads(&fake).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_ends_between_a_container_and_its_commit_fails_no_batch_and_wastes_no_container() {
    let fake = fake();
    let pusher = pusher(&fake).max_api_calls(1_501, DAY).start();
    for n in 0..760 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.api_calls), (760, 1_520));
    assert!(report.elapsed >= DAY);
    assert!(ages(&fake).iter().all(|age| *age < HOUR));
}

#[tokio::test(start_paused = true)]
async fn batches_beside_each_other_take_no_call_that_the_commit_of_another_one_needs() {
    for limit in 2..=12 {
        let fake = fake();
        fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(1)).always());
        let pusher = pusher(&fake).max_api_calls(limit, DAY).start();
        for n in 0..20 {
            pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        }
        pusher.finish().await.into_result().unwrap();
        assert!(ages(&fake).iter().all(|age| *age < HOUR), "{limit}: {:?}", ages(&fake));
        assert_eq!(fake.containers().created, 20, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fills_slowly_gets_its_container_when_it_is_sealed() {
    let fake = fake();
    let pusher = pusher(&fake).linger(DAY).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    tokio::time::sleep(2 * HOUR).await;
    assert!(fake.requests().is_empty());
    pusher.finish().await.into_result().unwrap();
    assert_eq!(fake.containers().created, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_aborted_give_their_turns_back_and_the_end_comes_at_once() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let settings = |run: coveo_push::PusherBuilder<coveo_push::Items>| {
        run.batch_bytes(1_024).linger(secs(0)).concurrency(64).max_api_calls(1, secs(60))
    };
    let refresh = items.refresh(coveo_push::RefreshKind::Rebuild).pusher(settings).start().await.unwrap();
    let pushes = async {
        for n in 0..100 {
            if refresh.pusher().add_or_update(format!("a://{n}"), &full(n)).await.is_err() {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(secs(600), pushes).await;
    let begin = tokio::time::Instant::now();
    let report = refresh.abort().await;
    assert!(begin.elapsed() < secs(1), "{:?}", begin.elapsed());
    assert!(matches!(report.idle, coveo_push::report::IdleOutcome::Set), "{report}");
}
