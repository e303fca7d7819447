//! What is old is deleted only when everything was pushed.

use std::pin::Pin;
use std::task::{Context, Poll};

use coveo_push::fake::{ClockOffset, DropReason, FakePushApi, Fault};
use coveo_push::report::{DeletionOutcome, DeletionSkipped, RefreshReport};
use coveo_push::{
    DocumentBody, ItemOperation, Operation, PermissionLevel, Permissions, RefreshError, Rule, SourceStatus,
};

use super::support::{
    NEW, OLD, SOURCE, all, document, fake, fake_with_clock, is_idle, left, new, now, push_all, rebuild, requests_of,
    secs,
};

fn skipped(report: &RefreshReport) -> &'static str {
    match &report.deletion {
        DeletionOutcome::Skipped(reason) => reason.code(),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_refused_forbids_the_deletion_unless_the_caller_says_otherwise() {
    for despite in [false, true] {
        let fake = fake().await;
        let run = rebuild(&fake).delete_despite_refused(despite).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        assert!(!run.pusher().add_or_update("no uri", &document(1)).await.unwrap().is_queued());
        let report = run.finish().await;
        assert_eq!(report.is_complete(), despite);
        if despite {
            assert!(matches!(report.deletion, DeletionOutcome::Accepted));
            assert_eq!(left(&fake), new());
        } else {
            assert!(matches!(report.deletion, DeletionOutcome::Skipped(DeletionSkipped::Refused(1))));
            assert!(matches!(report.into_result(), Err(RefreshError::Incomplete(_))));
            assert_eq!(left(&fake), all());
        }
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_failed_forbids_the_deletion_even_if_a_handler_has_pushed_it_again() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let (sender, mut failed) = tokio::sync::mpsc::unbounded_channel();
    let handler = move |batch| sender.send(batch).unwrap();
    let builder = rebuild(&fake).pusher(|pusher| pusher.on_failed_batch(handler)).delete_despite_refused(true);
    let run = builder.start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    failed.recv().await.unwrap().push_again().await.unwrap();
    let report = run.finish().await;
    assert_eq!((skipped(&report), report.push.totals.failed), ("failed", 1));
    assert_eq!(left(&fake), all());
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn guarantee_11_items_without_permissions_prevent_the_deletion_unless_they_are_said_to_need_none() {
    let public = || DocumentBody::text("words").permissions(Permissions::public());
    let none = || DocumentBody::text("words");
    let empty = || none().permissions(Permissions::simplified([]));
    let level = || none().permissions(Permissions::complete([PermissionLevel::new("Owners")]));
    for (docs, are_allowed, missing) in [
        ([public(), public()], false, 0),
        ([public(), none()], false, 1),
        ([empty(), public()], false, 1),
        ([level(), none()], false, 2),
        ([level(), none()], true, 2),
    ] {
        let fake = fake().await;
        let builder = rebuild(&fake).delete_despite_refused(true);
        let builder = if are_allowed { builder.allow_missing_permissions() } else { builder };
        let run = builder.start().await.unwrap();
        for (id, doc) in NEW.iter().zip(&docs) {
            run.pusher().add_or_update(*id, doc).await.unwrap();
        }
        let report = run.finish().await;
        let deletes = are_allowed || missing == 0;
        assert_eq!((report.is_complete(), report.push.totals.without_permissions), (deletes, missing), "{report}");
        if !deletes {
            assert_eq!(skipped(&report), "permissions-missing");
            assert!(report.to_string().contains("allow_missing_permissions"), "{report}");
        }
        assert_eq!(left(&fake).iter().any(|id| id == OLD[0]), !deletes);
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_without_permissions_is_judged_by_the_rule_as_by_the_service() {
    let none = DocumentBody::text("words");
    for doc in [
        none.clone(),
        none.clone().permissions(Permissions::simplified([])),
        none.clone().permissions(Permissions::complete([PermissionLevel::new("Owners"), PermissionLevel::default()])),
    ] {
        let fake = FakePushApi::builder().secured_source(SOURCE).build();
        let items = fake.client().items(SOURCE);
        let _ = items.add_or_update("a://b", &doc).await.unwrap();
        assert_eq!(fake.source(SOURCE).dropped()[0].reason(), DropReason::MissingPermissions);
        let pusher = items.pusher().secured(true).start();
        let pushed = pusher.add_or_update("a://b", &doc).await.unwrap();
        assert_eq!(pushed.refused().unwrap().findings()[0].rule(), Rule::PermissionsMissing);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_11_a_clock_that_is_days_off_deletes_nothing_unless_it_is_trusted() {
    for (is_trusted, offset) in [
        (false, ClockOffset::Ahead(secs(90_000))),
        (false, ClockOffset::Behind(secs(90_000))),
        (true, ClockOffset::Ahead(secs(90_000))),
    ] {
        let fake = fake_with_clock(offset).await;
        let builder = if is_trusted { rebuild(&fake).trust_service_clock() } else { rebuild(&fake) };
        let run = builder.start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let report = run.finish().await;
        assert_eq!(report.is_complete(), is_trusted);
        if !is_trusted {
            assert_eq!(skipped(&report), "clock-off");
            assert!(report.to_string().contains("trust_service_clock"), "{report}");
        }
        assert_eq!(left(&fake), if is_trusted { new() } else { all() });
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_in_a_leap_second_tells_the_clock() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::SetSourceStatus).date("Sat, 31 Dec 2016 23:59:60 GMT"));
    let run = rebuild(&fake).start().await.unwrap();
    assert!(run.boundary().unwrap().to_string().contains("Sat, 31 Dec 2016 23:59:54 GMT"));
    let _ = run.abort().await;
}

#[tokio::test(start_paused = true)]
async fn an_id_ahead_of_the_clock_deletes_nothing_unless_the_ids_of_the_source_are_no_milliseconds() {
    let fake = fake().await;
    let items = fake.client().items(SOURCE);
    let ahead = |ms| now(&fake) + ms;
    // No response has told the service's clock.
    assert!(items.delete_older_than(ahead(400_000)).await.unwrap_err().to_string().contains("[ordering-id-in-future]"));
    let begun = fake.client();
    let _ = begun.sources().set_status(SOURCE, SourceStatus::Idle).await.unwrap();
    let items = begun.items(SOURCE);
    let error = items.delete_older_than(ahead(4_000)).await.unwrap_err().to_string();
    assert!(error.contains("[ordering-id-ahead]") && error.contains("own_ordering_scheme"), "{error}");
    let _ = items.delete_older_than(ahead(1_000)).await.unwrap();
    let nanoseconds = now(&fake) * 1_000_000;
    let _ = items.delete_older_than(nanoseconds).own_ordering_scheme(true).await.unwrap();
    let ran = rebuild(&fake).own_ordering_scheme(true).ordering_id(nanoseconds + 1).start().await.unwrap();
    assert_eq!(ran.boundary().unwrap().ordering_id.get(), nanoseconds + 1);
    let _ = ran.abort().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_pushed_fewer_items_than_expected_deletes_nothing_and_says_so() {
    for (expected, deletes) in [(2, true), (3, true), (4, false), (100, false)] {
        let fake = fake().await;
        let run = rebuild(&fake).expect_at_least(expected).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let report = run.finish().await;
        assert_eq!(report.is_complete(), deletes);
        if !deletes {
            assert_eq!(skipped(&report), "too-few");
            assert!(
                report.to_string().contains(&format!("3 items were accepted, but at least {expected} were expected")),
                "{report}"
            );
        }
        assert_eq!(left(&fake), if deletes { new() } else { all() });
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_source_system_does_not_empty_the_index_unless_that_is_expected() {
    let fake = fake().await;
    let report = rebuild(&fake).start().await.unwrap().finish().await;
    assert_eq!(skipped(&report), "nothing-pushed");
    assert_eq!(left(&fake).len(), 3);
    let report = rebuild(&fake).expect_at_least(0).start().await.unwrap().finish().await;
    report.into_result().unwrap();
    assert!(left(&fake).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_queue_delay_is_the_services_own_unless_it_is_set() {
    for (delay, minutes) in [(None, None), (Some(secs(90)), Some("2")), (Some(secs(0)), Some("0"))] {
        let fake = fake().await;
        let builder = rebuild(&fake);
        let builder = match delay {
            Some(delay) => builder.queue_delay(delay),
            None => builder,
        };
        let run = builder.start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        run.finish().await.into_result().unwrap();
        assert_eq!(requests_of(&fake, Operation::DeleteOldItems)[0].parameter("queueDelay"), minutes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_clock_goes_back_during_the_run_deletes_nothing() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    fake.set_clock_offset(ClockOffset::Behind(secs(30)));
    run.pusher().add_or_update(NEW[0], &document(1)).await.unwrap();
    run.pusher().flush().await.unwrap();
    fake.set_clock_offset(ClockOffset::default());
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await;
    assert_eq!(skipped(&report), "clock-went-back");
    assert_eq!(left(&fake), all());
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_goes_back_after_other_batches_is_seen_as_well() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    run.pusher().add_or_update(NEW[0], &document(1)).await.unwrap();
    run.pusher().flush().await.unwrap();
    fake.set_clock_offset(ClockOffset::Behind(secs(30)));
    run.pusher().add_or_update(NEW[1], &document(1)).await.unwrap();
    let report = run.finish().await;
    assert_eq!(skipped(&report), "clock-went-back");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_run_deletes_nothing_and_ends_idle() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    let report = run.abort().await;
    assert_eq!(skipped(&report), "aborted");
    assert!(matches!(report.into_result(), Err(RefreshError::Incomplete(_))));
    assert!(requests_of(&fake, Operation::DeleteOldItems).is_empty());
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn two_refreshes_one_after_another_leave_what_the_last_one_pushed() {
    let fake = fake().await;
    for page in [1, 2] {
        let run = rebuild(&fake).start().await.unwrap();
        let doc = DocumentBody::text("words").permissions(Permissions::public());
        run.pusher().add_or_update(format!("a://page/{page}"), &doc).await.unwrap();
        run.finish().await.into_result().unwrap();
        tokio::time::sleep(secs(60)).await;
    }
    assert_eq!(left(&fake), ["a://page/2"]);
    assert_eq!(fake.source(SOURCE).status(), Some(SourceStatus::Idle));
}

#[tokio::test(start_paused = true)]
async fn a_push_that_was_cancelled_forbids_the_deletion_for_its_item_is_not_in_the_run() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::UploadToContainer).times(2).latency(secs(10)));
    let run = rebuild(&fake).start().await.unwrap();
    let mut cancelled = 0;
    for n in 0..8 {
        let id = format!("a://new/{n}");
        let pushed = tokio::time::timeout(secs(1), run.pusher().add_or_update(&id, &document(1))).await;
        cancelled += u64::from(pushed.is_err());
    }
    let report = run.finish().await;
    assert!(cancelled > 0);
    assert_eq!((skipped(&report), report.push.totals.cancelled), ("cancelled", cancelled));
    assert_eq!(report.push.totals.pushed + cancelled, 8);
    assert!(left(&fake).iter().any(|id| id == "a://old/1"));
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn an_item_that_panics_as_it_is_written_forbids_the_deletion_too() {
    struct Panics;

    impl serde::Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("the item panics")
        }
    }

    let fake = fake().await;
    let run = std::sync::Arc::new(rebuild(&fake).start().await.unwrap());
    let task = tokio::spawn({
        let run = std::sync::Arc::clone(&run);
        async move { run.pusher().add_or_update("a://new/9", &Panics).await.unwrap() }
    });
    assert!(task.await.unwrap_err().is_panic());
    push_all(run.pusher()).await.unwrap();
    let report = std::sync::Arc::into_inner(run).unwrap().finish().await;
    assert_eq!(skipped(&report), "cancelled");
    assert_eq!(left(&fake), all());
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_left_before_its_end_forbids_the_deletion() {
    /// Has one item, and then nothing for ever.
    struct Stalls(bool);

    impl futures_core::Stream for Stalls {
        type Item = ItemOperation;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Pending;
            }
            Poll::Ready(Some(ItemOperation::add_or_update(NEW[0], &document(1))))
        }
    }

    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    assert!(tokio::time::timeout(secs(1), run.pusher().push_stream(Stalls(false))).await.is_err());
    let report = run.finish().await;
    assert_eq!((skipped(&report), report.push.totals.accepted, report.push.totals.cancelled), ("cancelled", 1, 1));
}

#[tokio::test(start_paused = true)]
async fn deletions_do_not_count_as_items_that_were_pushed() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    for n in 0..10 {
        run.pusher().delete(format!("a://gone/{n}")).await.unwrap();
    }
    let report = run.finish().await;
    assert_eq!(
        (skipped(&report), report.push.totals.accepted, report.push.totals.deletions),
        ("nothing-pushed", 10, 10)
    );
    assert_eq!(left(&fake).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_item_that_was_prepared_and_never_pushed_forbids_the_deletion() {
    for id in [NEW[0], "no uri"] {
        let fake = fake().await;
        let run = rebuild(&fake).delete_despite_refused(true).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let item = document(2);
        drop(run.pusher().add_or_update(id, &item).into_future());
        let report = run.finish().await;
        assert_eq!((skipped(&report), report.push.totals.pushed, report.push.totals.refused), ("cancelled", 3, 0));
    }
}
