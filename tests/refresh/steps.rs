//! Each step of a run fails in each way.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{DeletionOutcome, IdleOutcome, RefreshReport};
use coveo_push::{Operation, RefreshError, StartError};

use super::support::{NEW, OLD, SOURCE, all, fake, is_idle, left, new, push_all, rebuild, requests_of, secs};

type Way = (&'static str, fn(Fault) -> Fault, bool);

/// The ways in which one call fails for good, and whether it may have been carried out.
fn ways() -> Vec<Way> {
    vec![
        ("400", |fault| fault.status(400), false),
        ("403", |fault| fault.status(403), false),
        ("412", |fault| fault.status(412), false),
        ("429", |fault| fault.status(429), false),
        ("500", |fault| fault.status(500), true),
        ("503, carried out", |fault| fault.status(503).applied(), true),
        ("no connection", Fault::no_connection, false),
        ("broken before", Fault::reset_before, true),
        ("broken after", Fault::reset_after, true),
        ("no answer", Fault::hang, true),
        ("no response in time", |fault| fault.late_answer(secs(100_000)), true),
    ]
}

async fn run(fake: &FakePushApi) -> Result<RefreshReport, RefreshError> {
    let run = rebuild(fake).start().await?;
    // What a run says that has stopped is in its report.
    let _ = push_all(run.pusher()).await;
    let report = run.finish().await;
    // The service asked to wait, and the time limits of calls that were left unanswered.
    tokio::time::sleep(secs(1_000)).await;
    Ok(report)
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_set_means_that_nothing_is_pushed() {
    for (way, fault, may_have_started) in ways() {
        let fake = fake().await;
        fake.inject(fault(Fault::on(Operation::SetSourceStatus).parameter("statusType", "REBUILD")));
        let error = run(&fake).await.unwrap_err();
        let RefreshError::NotStarted { reason: StartError::Call(_), idle } = error else { panic!("{way}: {error:?}") };
        assert_eq!(matches!(idle, IdleOutcome::Set), may_have_started, "{way}");
        assert_eq!(is_idle(&fake), may_have_started, "{way}");
        assert!(requests_of(&fake, Operation::CreateFileContainer).is_empty(), "{way}");
        assert_eq!(left(&fake).len(), OLD.len(), "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_at_any_step_and_in_any_way_means_that_nothing_is_deleted() {
    let steps = [Operation::CreateFileContainer, Operation::UploadToContainer, Operation::PushItemContainer];
    for (step, batch) in steps.iter().flat_map(|step| (0..NEW.len()).map(move |batch| (*step, batch))) {
        for (way, fault, _) in ways() {
            let fake = fake().await;
            fake.inject(fault(Fault::on(step).skip(batch)));
            let report = run(&fake).await.unwrap();
            let at = format!("{step}, batch {batch}, {way}");
            assert!(matches!(report.deletion, DeletionOutcome::Skipped(_)), "{at}: {report}");
            assert!(!report.is_complete(), "{at}");
            assert!(requests_of(&fake, Operation::DeleteOldItems).is_empty(), "{at}");
            assert!(matches!(report.idle, IdleOutcome::Set) && is_idle(&fake), "{at}: {report}");
            let held = fake.source(SOURCE).document_ids();
            assert_eq!(left(&fake), held, "{at}");
            assert!(OLD.iter().all(|id| held.iter().any(|it| it == id)), "{at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_is_reported_as_failed_or_as_unknown_and_the_source_ends_idle() {
    for (way, fault, may_have_been_applied) in ways() {
        let fake = fake().await;
        fake.inject(fault(Fault::on(Operation::DeleteOldItems)));
        let report = run(&fake).await.unwrap();
        match &report.deletion {
            DeletionOutcome::Unknown(_) => assert!(may_have_been_applied, "{way}"),
            DeletionOutcome::Failed(_) => assert!(!may_have_been_applied, "{way}"),
            other => panic!("{way}: {other}"),
        }
        // From the moment it is sent the run counts as complete.
        assert_eq!(report.is_complete(), may_have_been_applied, "{way}");
        assert!(matches!(report.idle, IdleOutcome::Set) && is_idle(&fake), "{way}: {report}");
        let left = left(&fake);
        assert!(left == all() || (may_have_been_applied && left == new()), "{way}: {left:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_be_set_to_idle_is_an_error_of_a_run_that_is_done() {
    for (way, fault, _) in ways() {
        let fake = fake().await;
        fake.inject(fault(Fault::on(Operation::SetSourceStatus).parameter("statusType", "IDLE")));
        let report = run(&fake).await.unwrap();
        assert!(matches!(report.deletion, DeletionOutcome::Accepted), "{way}");
        assert!(matches!(report.idle, IdleOutcome::Failed(_)), "{way}");
        let error = report.into_result().unwrap_err();
        assert!(error.to_string().contains("could not be set to idle"), "{way}: {error}");
        assert_eq!(left(&fake), new(), "{way}");
    }
}
