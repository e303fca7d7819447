//! Guarantee 6: operations on one document take effect in the order in which they were pushed.

use coveo_push::fake::Fault;
use coveo_push::report::FailureReason;
use coveo_push::{Operation, OrderingId, RetryPolicy};

use super::support::{Handed, SOURCE, commits, fake, full, ms, number, prove, push_again, pusher, requests_of, secs};

#[tokio::test(start_paused = true)]
async fn guarantee_6_a_commit_waits_for_earlier_batches_that_share_an_id() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    prove(&pusher).await;
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(10)));
    for (n, id) in (1..).zip(["a://x", "a://x", "a://y"]) {
        pusher.add_or_update(id, &full(n)).await.unwrap();
    }
    let report = pusher.finish().await.into_result().unwrap();
    // The third did not wait for anybody, and the second, which was uploaded long ago, for the first.
    assert_eq!(report.batch_samples.iter().map(|batch| batch.number).collect::<Vec<_>>(), [1, 4, 2, 3]);
    assert_eq!((number(&fake, "a://x"), number(&fake, "a://y")), (Some(2), Some(3)));
    let uploaded = requests_of(&fake, Operation::UploadToContainer);
    assert!(uploaded.iter().all(|request| request.received_after() < secs(1)));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_a_deletion_with_children_waits_for_them_and_they_for_it() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(10)).times(3));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://p/1", &full(1)).await.unwrap();
    pusher.delete("a://p").delete_children(true).await.unwrap();
    pusher.add_or_update("a://p/2", &full(2)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.batch_samples.iter().map(|batch| batch.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://p/2"]);
    assert!(report.elapsed >= secs(30));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_an_attempt_of_unknown_fate_is_waited_for_until_a_later_one_is_answered() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).reset_after());
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(10)));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://x", &full(1)).await.unwrap();
    tokio::time::sleep(secs(1)).await;
    pusher.add_or_update("a://x", &full(2)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(
        report.batch_samples.iter().map(|batch| (batch.number, batch.attempts)).collect::<Vec<_>>(),
        [(1, 4), (2, 3)]
    );
    assert_eq!(number(&fake, "a://x"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_after_an_unknown_fate_batches_with_that_id_are_handed_back_and_others_go_on() {
    let fake = fake();
    // It gets through a minute later, when nobody expects it any more.
    fake.inject(Fault::on(Operation::PushItemContainer).reset_before().applied_later(secs(60)));
    let handed = Handed::default();
    let pusher = pusher(&fake).retry(RetryPolicy::none()).on_failed_batch(handed.handler()).start();
    for (n, id) in (1..).zip(["a://x", "a://x", "a://y", "a://x"]) {
        pusher.add_or_update(id, &full(n)).await.unwrap();
        tokio::time::sleep(secs(1)).await;
    }
    let report = pusher.finish().await;
    assert_eq!(
        (report.totals.pushed, report.totals.accepted, report.totals.failed, report.totals.unsent),
        (4, 1, 3, 0)
    );
    tokio::time::sleep(secs(60)).await;
    assert_eq!((number(&fake, "a://x"), number(&fake, "a://y")), (Some(1), Some(3)));

    let failed = handed.take();
    assert_eq!(failed.iter().map(|batch| batch.number()).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(failed[0].may_have_been_applied());
    assert!(matches!(failed[1].reason(), FailureReason::EarlierBatchUnknown));
    assert!(matches!(failed[2].reason(), FailureReason::EarlierBatchUnknown));
    assert!(!failed[2].may_have_been_applied() && !failed[2].is_unsent());
    for batch in &failed {
        batch.push_again().await.unwrap();
    }
    assert_eq!(number(&fake, "a://x"), Some(4));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_after_a_refusal_batches_with_that_id_go_on() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(503));
    fake.inject(Fault::on(Operation::PushItemContainer).status(413));
    let handed = Handed::default();
    let pusher = pusher(&fake).on_failed_batch(handed.handler()).start();
    pusher.add_or_update("a://x", &full(1)).await.unwrap();
    tokio::time::sleep(secs(1)).await;
    pusher.add_or_update("a://x", &full(2)).await.unwrap();
    let report = pusher.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed), (1, 1));
    let failed = handed.take();
    // The first attempt may have been carried out, and before the second one was answered.
    assert!(failed[0].may_have_been_applied());
    assert_eq!(failed[0].to_superseded_ids(), ["a://x"]);
    assert!(failed[0].push_again().await.unwrap().is_none());
    assert_eq!(number(&fake, "a://x"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_what_was_pushed_again_later_is_left_out_of_a_retry() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let handed = Handed::default();
    let pusher = pusher(&fake).batch_bytes(4_096).on_failed_batch(handed.handler()).start();
    for (n, id) in (1..).zip(["a://x", "a://y", "a://z"]) {
        pusher.add_or_update(id, &full(n)).await.unwrap();
    }
    pusher.delete("a://w").await.unwrap();
    pusher.flush().await.unwrap();
    pusher.add_or_update("a://y", &full(20)).await.unwrap();
    pusher.delete("a://z").delete_children(true).await.unwrap();
    assert!(!pusher.finish().await.is_complete());
    let failed = handed.take();
    assert_eq!(failed[0].ids().collect::<Vec<_>>(), ["a://x", "a://y", "a://z", "a://w"]);
    assert_eq!(failed[0].to_superseded_ids(), ["a://y", "a://z"]);
    let again = failed[0].push_again().await.unwrap().unwrap();
    assert_eq!(again.bytes(), Some(failed[0].to_body().len() as u64));
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://x", "a://y"]);
    assert_eq!(number(&fake, "a://y"), Some(20));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_a_deletion_with_children_is_not_tried_again_once_something_below_it_was_pushed() {
    for (id, conflicts) in [("a://é/ü/1", true), ("a://é/ü", true), ("a://é/", false), ("a://é/ö", false)] {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(412));
        let handed = Handed::default();
        let pusher = pusher(&fake).on_failed_batch(handed.handler()).start();
        pusher.delete("a://é/ü").delete_children(true).await.unwrap();
        pusher.flush().await.unwrap();
        pusher.add_or_update(id, &full(1)).await.unwrap();
        assert!(!pusher.finish().await.is_complete());
        let failed = handed.take();
        assert_eq!(failed[0].to_conflicting_ids(), if conflicts { vec!["a://é/ü"] } else { vec![] }, "{id}");
        assert!(failed[0].to_superseded_ids().is_empty());
        assert_eq!(push_again(&failed[0]).await, !conflicts);
        assert_eq!(number(&fake, id), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_one_ordering_id_goes_with_every_commit_and_with_those_that_are_pushed_again() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let handed = Handed::default();
    let pusher = pusher(&fake).ordering_id(7_u64).on_failed_batch(handed.handler()).start();
    for n in 0..3 {
        pusher.add_or_update("a://x", &full(n)).await.unwrap();
    }
    assert!(!pusher.finish().await.is_complete());
    handed.take()[0].push_again().await.unwrap();
    let commits_sent = requests_of(&fake, Operation::PushItemContainer);
    assert_eq!(commits_sent.len(), 3);
    assert!(commits_sent.iter().all(|request| request.parameter("orderingId") == Some("7")));
    assert_eq!(commits(&fake).len(), 3);
    assert_eq!(number(&fake, "a://x"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_commits_that_share_an_id_are_a_second_apart_unless_the_run_stamps_them_itself() {
    for (spacing, ordering_id, apart) in [(None, None, 1_000), (Some(3_000), None, 3_000), (None, Some(7), 0)] {
        let fake = fake();
        let mut builder = pusher(&fake);
        if let Some(spacing) = spacing {
            builder = builder.commit_spacing(ms(spacing));
        }
        if let Some(id) = ordering_id {
            builder = builder.ordering_id(OrderingId::new(id));
        }
        let run = builder.start();
        prove(&run).await;
        fake.clear_requests();
        run.add_or_update("a://x", &full(1)).await.unwrap();
        run.add_or_update("a://y", &full(2)).await.unwrap();
        run.flush().await.unwrap();
        run.delete("a://x").await.unwrap();
        run.finish().await.into_result().unwrap();
        let commits = requests_of(&fake, Operation::PushItemContainer);
        let at: Vec<u64> = commits.iter().map(|it| it.received_after().as_millis() as u64).collect();
        assert_eq!((at.len(), at[1] - at[0], at[2] - at[1]), (3, 0, apart));
    }
}
