//! The start of a refresh: the status, and the boundary by the service's clock.

use std::time::Duration;

use coveo_push::fake::{ClockOffset, FakePushApi, Fault};
use coveo_push::report::{BoundarySource, DeletionOutcome, DeletionSkipped, IdleOutcome};
use coveo_push::{LocalClock, Operation, RefreshError, RefreshKind, RetryPolicy, StartError};

use super::support::{
    SOURCE, all, fake, fake_with_clock, is_idle, left, ms, new, now, push_all, rebuild, requests_of, secs, statuses,
};

#[tokio::test(start_paused = true)]
async fn a_rebuild_sets_the_status_pushes_deletes_what_is_old_and_ends_idle() {
    let fake = fake().await;
    let run = rebuild(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert!(matches!(report.deletion, DeletionOutcome::Accepted));
    assert!(matches!(report.idle, IdleOutcome::Set));
    assert_eq!((report.push.totals.pushed, report.push.totals.accepted), (3, 3));
    assert_eq!(statuses(&fake), ["REBUILD", "IDLE"]);
    assert_eq!(left(&fake), new());
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn each_kind_has_its_status_and_an_incremental_run_deletes_nothing() {
    for (kind, status, left_over) in [
        (RefreshKind::Rebuild, "REBUILD", new()),
        (RefreshKind::Refresh, "REFRESH", new()),
        (RefreshKind::Incremental, "INCREMENTAL", all()),
    ] {
        let fake = fake().await;
        let run = fake.client().items(SOURCE).refresh(kind).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let report = run.finish().await.into_result().unwrap();
        assert_eq!(statuses(&fake), [status, "IDLE"]);
        assert_eq!(left(&fake), left_over, "{kind}");
        assert_eq!(report.kind, Some(kind));
        if kind == RefreshKind::Incremental {
            assert!(matches!(report.deletion, DeletionOutcome::Skipped(DeletionSkipped::Incremental)));
            assert_eq!(report.boundary, None);
            assert!(requests_of(&fake, Operation::DeleteOldItems).is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_by_ten_minutes_in_either_direction_changes_nothing() {
    for offset in [ClockOffset::Ahead(secs(600)), ClockOffset::Behind(secs(600)), ClockOffset::default()] {
        let fake = fake_with_clock(offset).await;
        let start = now(&fake);
        let run = rebuild(&fake).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let report = run.finish().await.into_result().unwrap();
        let boundary = report.boundary.unwrap();
        assert_eq!(boundary.source, BoundarySource::ServiceClock);
        assert_eq!(boundary.ordering_id.get(), start / 1_000 * 1_000 - 5_000);
        match (offset, report.local_clock.unwrap()) {
            (ClockOffset::Ahead(by), LocalClock::Behind(off)) | (ClockOffset::Behind(by), LocalClock::Ahead(off)) => {
                assert!(off.abs_diff(by) <= secs(2), "{off:?}");
            }
            // A `Date` is rounded down.
            (offset, off) => assert!(offset == ClockOffset::default() && !format!("{off}").starts_with('6')),
        }
        assert_eq!(left(&fake), new(), "{offset:?}");
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_readable_date_it_fails_before_it_pushes_and_the_source_is_idle() {
    let on_rebuild = || Fault::on(Operation::SetSourceStatus).parameter("statusType", "REBUILD");
    for fault in [on_rebuild().without_date(), on_rebuild().date("yesterday"), on_rebuild().date("1700000000")] {
        let fake = fake().await;
        fake.inject(fault);
        let error = rebuild(&fake).start().await.unwrap_err();
        let RefreshError::NotStarted { reason: StartError::NoServerTime, idle: IdleOutcome::Set } = error else {
            panic!("{error:?}")
        };
        assert_eq!(statuses(&fake), ["REBUILD", "IDLE"]);
        assert_eq!(fake.requests().len(), 2);
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_date_a_given_boundary_is_used() {
    let fake = fake().await;
    let start = now(&fake);
    fake.inject(Fault::on_any().without_date().always());
    let run = rebuild(&fake).older_than(start).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert_eq!(report.boundary.unwrap().source, BoundarySource::Given);
    assert_eq!(report.local_clock, None);
    assert_eq!(left(&fake), new());
}

#[tokio::test(start_paused = true)]
async fn without_a_date_an_incremental_run_starts_unless_it_has_an_ordering_id() {
    let fake = fake().await;
    fake.inject(Fault::on_any().without_date().always());
    let items = fake.client().items(SOURCE);
    let run = items.refresh(RefreshKind::Incremental).start().await.unwrap();
    run.finish().await.into_result().unwrap();
    let error = items.refresh(RefreshKind::Incremental).ordering_id(7).start().await.unwrap_err();
    assert!(matches!(error, RefreshError::NotStarted { reason: StartError::NoServerTime, .. }), "{error:?}");
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_boundary_later_than_the_start_of_the_run_is_rejected() {
    let fake = fake().await;
    let error = rebuild(&fake).older_than(now(&fake) + 1_000).start().await.unwrap_err();
    assert!(matches!(error, RefreshError::NotStarted { reason: StartError::BoundaryTooLate { .. }, .. }), "{error:?}");
    assert!(is_idle(&fake));
    assert_eq!(fake.requests().len(), 2);
    rebuild(&fake).older_than(now(&fake) - 1_000).start().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_boundary_is_that_of_the_answer_that_succeeded_when_the_status_was_set_again() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::SetSourceStatus).reset_after().times(2));
    let retry = RetryPolicy::default().base_delay(secs(20));
    let before = now(&fake);
    let run = rebuild(&fake).pusher(|pusher| pusher.retry(retry)).margin(ms(0)).start().await.unwrap();
    assert_eq!(statuses(&fake), ["REBUILD"; 3]);
    let boundary = run.boundary().unwrap().ordering_id.get();
    assert!(before <= boundary + 1_000 && boundary <= now(&fake));
    push_all(run.pusher()).await.unwrap();
    run.finish().await.into_result().unwrap();
    assert_eq!(left(&fake), new());
}

#[tokio::test(start_paused = true)]
async fn one_ordering_id_for_the_run_is_carried_by_every_batch_and_separates_it_from_what_is_old() {
    let fake = fake().await;
    let id = now(&fake) - 10;
    let run = rebuild(&fake).ordering_id(id).start().await.unwrap();
    tokio::time::sleep(secs(30)).await;
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    let boundary = report.boundary.unwrap();
    assert_eq!(boundary.source, BoundarySource::OrderingId);
    assert!(boundary.ordering_id.get() <= id);
    let commits = requests_of(&fake, Operation::PushItemContainer);
    assert!(commits.iter().all(|commit| commit.parameter("orderingId") == Some(id.to_string().as_str())));
    assert_eq!((commits.len(), left(&fake)), (3, new()));
}

#[tokio::test(start_paused = true)]
async fn an_ordering_id_ahead_of_the_services_clock_is_refused_however_it_is_given() {
    for offset in [ClockOffset::Ahead(secs(600)), ClockOffset::Behind(secs(600))] {
        let fake = fake_with_clock(offset).await;
        let id = now(&fake) + 3_000;
        for builder in [rebuild(&fake).ordering_id(id), rebuild(&fake).pusher(|pusher| pusher.ordering_id(id))] {
            let error = builder.start().await.unwrap_err();
            let RefreshError::NotStarted { reason: StartError::OrderingIdAhead { given, latest }, .. } = error else {
                panic!("{error:?}")
            };
            assert!(given.get() == id && latest < given);
        }
        assert!(is_idle(&fake));
        assert!(requests_of(&fake, Operation::CreateFileContainer).is_empty());
        // A clock that is a little ahead is good enough.
        let run = rebuild(&fake).ordering_id(now(&fake) + 900).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        run.finish().await.into_result().unwrap();
        assert_eq!(left(&fake), new());
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_delay_that_the_service_does_not_take_is_refused_at_the_start_and_not_at_the_last_step() {
    const PROVIDER: &str = "p";
    let fake = FakePushApi::builder().source(SOURCE).provider(PROVIDER).catalog_source("c").build();
    let client = fake.client();
    let too_long = Duration::from_secs(60 * (i32::MAX as u64 + 1));
    let refused = |error: RefreshError| match error {
        RefreshError::NotStarted { reason: StartError::Invalid(error), idle: IdleOutcome::NotNeeded } => {
            error.to_string()
        }
        error => panic!("{error:?}"),
    };
    let errors = [
        refused(rebuild(&fake).queue_delay(too_long).start().await.unwrap_err()),
        refused(client.identities(PROVIDER).refresh().queue_delay(too_long).start().await.unwrap_err()),
        refused(client.catalog("c").refresh().queue_delay(too_long).start().await.unwrap_err()),
    ];
    for error in errors {
        assert!(error.contains("at most 2147483647 minutes") && error.contains("[queue-delay]"), "{error}");
    }
    assert!(fake.requests().is_empty());
    let longest = Duration::from_secs(60 * i32::MAX as u64);
    assert!(rebuild(&fake).queue_delay(longest).start().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_settings_of_another_pusher_do_not_lead_the_run_elsewhere() {
    let fake = fake().await;
    let elsewhere = fake.client().items("elsewhere").pusher().batch_bytes(1_024);
    let run = rebuild(&fake).pusher(|_| elsewhere).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    run.finish().await.into_result().unwrap();
    assert_eq!(requests_of(&fake, Operation::PushItemContainer).len(), 3);
    assert_eq!(left(&fake), new());
}

#[tokio::test(start_paused = true)]
async fn a_boundary_that_no_clock_was_there_for_is_held_against_the_answers_that_came_later() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::SetSourceStatus).without_date());
    let run = rebuild(&fake).older_than(now(&fake) + 600_000).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await;
    assert!(matches!(report.deletion, DeletionOutcome::Skipped(DeletionSkipped::ClockWentBack { .. })), "{report}");
    assert_eq!(left(&fake), all());
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_refresh_are_as_patient_as_those_of_its_pusher() {
    let fake = fake().await;
    let wait = |parameter| Fault::on(Operation::SetSourceStatus).parameter("statusType", parameter).status(429);
    fake.inject(wait("REBUILD").retry_after(secs(300)));
    fake.inject(wait("IDLE").retry_after(secs(300)));
    fake.inject(Fault::on(Operation::DeleteOldItems).status(429).retry_after(secs(300)));
    let run = fake.client().items(SOURCE).refresh(RefreshKind::Rebuild).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    run.finish().await.into_result().unwrap();
    assert_eq!(left(&fake), new());
    assert!(is_idle(&fake));
}
