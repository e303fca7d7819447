//! Each step is tried again on its own.

use std::collections::BTreeSet;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{PushReport, PushStep};
use coveo_push::{Error, Operation};

use super::support::{SOURCE, commits, fake, full, number, pusher, requests_of, secs, uploads};

async fn push_one(fake: &FakePushApi) -> PushReport {
    let pusher = pusher(fake).start();
    pusher.add_or_update("a://x", &full(1)).await.unwrap();
    pusher.finish().await
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_uses_the_container_that_was_uploaded() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(503).times(2));
    fake.inject(Fault::on(Operation::PushItemContainer).reset_before());
    let report = push_one(&fake).await.into_result().unwrap();
    assert_eq!((commits(&fake).len(), report.totals.retries), (4, 3));
    assert_eq!((uploads(&fake).len(), fake.containers().created), (1, 1));
    assert_eq!(commits(&fake).into_iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_attempts_of_a_batch_are_those_of_all_its_steps_and_of_no_other_batch() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(503));
    fake.inject(Fault::on(Operation::UploadToContainer).status(503));
    fake.inject(Fault::on(Operation::UploadToContainer).expired());
    fake.inject(Fault::on(Operation::PushItemContainer).status(503).times(2));
    let pusher = pusher(&fake).start();
    for n in 1..=2 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        pusher.flush().await.unwrap();
    }
    let report = pusher.finish().await.into_result().unwrap();
    // Three containers, three uploads and three pushes; then one of each.
    assert_eq!(report.batch_samples.iter().map(|batch| batch.attempts).collect::<Vec<_>>(), [9, 3]);
    assert_eq!(fake.requests().len(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_failed_upload_uses_its_container_again_and_an_expired_one_is_replaced() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).status(503));
    fake.inject(Fault::on(Operation::UploadToContainer).expired());
    push_one(&fake).await.into_result().unwrap();
    let uploads = uploads(&fake);
    assert_eq!(uploads.len(), 3);
    assert_eq!(uploads[0].file_id, uploads[1].file_id);
    assert_ne!(uploads[1].file_id, uploads[2].file_id);
    assert_eq!(uploads[0].body, uploads[2].body);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_an_attempt_of_unknown_fate_used_up_is_replaced_by_one_with_the_same_bytes() {
    for fault in [
        Fault::on(Operation::PushItemContainer).reset_after(),
        Fault::on(Operation::PushItemContainer).status(504).applied(),
        Fault::on(Operation::PushItemContainer).late_answer(secs(100)),
    ] {
        let fake = FakePushApi::builder().source(SOURCE).refuse_second_commit(true).build();
        fake.inject(fault);
        let report = push_one(&fake).await.into_result().unwrap();
        let uploads = uploads(&fake);
        assert_eq!(uploads.len(), 2);
        assert_eq!(uploads[0].body, uploads[1].body);
        assert_ne!(uploads[0].file_id, uploads[1].file_id);
        assert_eq!(report.batch_samples[0].file_id, uploads[1].file_id);
        assert_eq!((report.totals.uploaded, report.totals.bytes_uploaded), (1, 2 * report.batch_samples[0].bytes));
        assert_eq!(number(&fake, "a://x"), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_replaced_once_and_no_more() {
    let fake = fake();
    for _ in 0..3 {
        fake.inject(Fault::on(Operation::PushItemContainer).status(503));
        fake.inject(Fault::on(Operation::PushItemContainer).status(404).times(1));
    }
    let report = push_one(&fake).await;
    assert_eq!((report.totals.failed, uploads(&fake).len(), commits(&fake).len()), (1, 2, 4));
    assert!(matches!(report.failed_batches[0].error(), Some(Error::NotFound(_))));
    assert_eq!(report.failed_batches[0].step(), PushStep::Commit);
    assert!(report.failed_batches[0].may_have_been_applied());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_about_something_else_uploads_nothing_again() {
    let codes =
        ["SOURCE_DOES_NOT_EXIST", "DOCUMENT_LIMIT_EXCEEDED", "ORGANIZATION_NOT_FOUND", "ORGANIZATION_IS_PAUSED"];
    for code in codes {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(503));
        fake.inject(Fault::on(Operation::PushItemContainer).status(412).error_code(code));
        let report = push_one(&fake).await;
        assert_eq!((report.totals.failed, uploads(&fake).len(), commits(&fake).len()), (1, 1, 2), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_an_attempt_of_unknown_fate_uploads_nothing_again() {
    for status in [400, 404, 412] {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(429));
        fake.inject(Fault::on(Operation::PushItemContainer).status(status));
        let report = push_one(&fake).await;
        assert_eq!((report.totals.failed, uploads(&fake).len(), commits(&fake).len()), (1, 1, 2));
        assert!(!report.failed_batches[0].may_have_been_applied());
    }
}

#[tokio::test(start_paused = true)]
async fn containers_are_asked_for_while_batches_are_being_filled() {
    let fake = fake();
    let pusher = pusher(&fake).linger(secs(30)).start();
    pusher.add_or_update("a://x", &full(1)).await.unwrap();
    tokio::time::sleep(secs(1)).await;
    assert_eq!((fake.containers().created, uploads(&fake).len()), (1, 0));
    pusher.finish().await.into_result().unwrap();
    assert_eq!(fake.containers().created, 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_old_when_the_batch_is_full_is_not_uploaded_into() {
    let fake = fake();
    // The second batch is filled for as long as the first one is on its way.
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(1)).status(429).retry_after(secs(3_600)));
    let pusher = pusher(&fake).linger(secs(30)).concurrency(1).throttle_patience(secs(7_200)).start();
    pusher.add_or_update("a://x", &full(1)).await.unwrap();
    pusher.add_or_update("a://y", &full(1)).await.unwrap();
    pusher.finish().await.into_result().unwrap();
    // Two for each of them; that of the second batch was never filled.
    assert_eq!((fake.containers().created, uploads(&fake).len()), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn what_kept_a_container_from_being_created_long_ago_fails_no_batch() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(503).times(5));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://x", &full(1)).await.unwrap();
    tokio::time::sleep(secs(600)).await;
    pusher.finish().await.into_result().unwrap();
    assert_eq!(requests_of(&fake, Operation::CreateFileContainer).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn each_step_that_fails_is_named_and_hands_back_the_bytes() {
    let steps = [
        (Operation::CreateFileContainer, 401, PushStep::Create),
        (Operation::UploadToContainer, 400, PushStep::Upload),
        (Operation::PushItemContainer, 412, PushStep::Commit),
    ];
    for (operation, status, step) in steps {
        let fake = fake();
        let fault = Fault::on(operation).status(status).error_code("SomeCode").times(1);
        fake.inject(fault);
        let report = push_one(&fake).await;
        let failed = &report.failed_batches[0];
        assert_eq!((failed.step(), failed.error().unwrap().status().unwrap().as_u16()), (step, status));
        assert!(!failed.may_have_been_applied() && !failed.is_unsent());
        failed.push_again().await.unwrap().unwrap();
        assert!(uploads(&fake).last().unwrap().body == failed.to_body());
        assert_eq!(number(&fake, "a://x"), Some(1));
    }
}
