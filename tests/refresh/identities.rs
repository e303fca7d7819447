//! Identities: refreshed the same way, by the clock of the first file container's answer.

use coveo_push::fake::{ClockOffset, FakePushApi, Fault};
use coveo_push::report::{BoundarySource, DeletionOutcome, IdleOutcome};
use coveo_push::{
    Identities, Identity, IdentityBody, IdentityQueue, Operation, PushError, RefreshBuilder, RefreshError, RetryPolicy,
    SecurityIdentityType, StartError,
};

use super::support::{PROVIDER, now, requests_of, secs};

async fn fake(offset: ClockOffset) -> FakePushApi {
    let fake = FakePushApi::builder().provider(PROVIDER).clock_offset(offset).build();
    let identities = fake.client().identities(PROVIDER);
    for name in ["Old", "Shared"] {
        identities.add_or_update(&IdentityBody::group(name)).await.unwrap();
    }
    fake.clear_requests();
    tokio::time::sleep(secs(60)).await;
    fake
}

fn refresh(fake: &FakePushApi) -> RefreshBuilder<Identities> {
    fake.client().identities(PROVIDER).refresh().pusher(|pusher| pusher.retry(RetryPolicy::none()))
}

async fn push_all(pusher: &IdentityQueue) -> Result<(), PushError> {
    for name in ["New", "Shared"] {
        pusher.add_or_update(&IdentityBody::group(name).member(Identity::user("asmith@example.com"))).await?;
    }
    Ok(())
}

/// The groups that are not disabled once everything that was delayed is done.
fn left(fake: &FakePushApi) -> Vec<String> {
    fake.pass_time(secs(10_000));
    let identities = fake.provider(PROVIDER).identities().into_iter();
    let enabled =
        identities.filter(|it| !it.is_disabled() && it.identity().identity_type == SecurityIdentityType::Group);
    enabled.map(|it| it.identity().name.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn identities_not_pushed_again_are_disabled_by_the_services_clock() {
    for offset in [ClockOffset::default(), ClockOffset::Ahead(secs(600)), ClockOffset::Behind(secs(600))] {
        let fake = fake(offset).await;
        let start = now(&fake);
        let run = refresh(&fake).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        let report = run.finish().await.into_result().unwrap();
        let boundary = report.boundary.unwrap();
        assert_eq!(boundary.source, BoundarySource::ServiceClock);
        assert_eq!(boundary.ordering_id.get(), start / 1_000 * 1_000 - 5_000);
        assert!(matches!(
            (report.deletion, report.idle, report.kind),
            (DeletionOutcome::Accepted, IdleOutcome::NotNeeded, None)
        ));
        assert_eq!(left(&fake), ["New", "Shared"]);
        assert!(requests_of(&fake, Operation::SetSourceStatus).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_first_container_or_its_date_it_does_not_start_and_nothing_is_pushed() {
    let on_create = || Fault::on(Operation::CreateFileContainer);
    for (fault, is_call) in [(on_create().without_date(), false), (on_create().status(403), true)] {
        let fake = fake(ClockOffset::default()).await;
        fake.inject(fault);
        let error = refresh(&fake).start().await.unwrap_err();
        let RefreshError::NotStarted { reason, idle: IdleOutcome::NotNeeded } = error else { panic!("{error:?}") };
        assert_eq!(matches!(reason, StartError::Call(_)), is_call, "{reason}");
        assert_eq!(matches!(reason, StartError::NoServerTime), !is_call, "{reason}");
        assert_eq!(fake.requests().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_was_refused_or_aborted_disables_nothing() {
    for way in ["failed", "refused", "aborted"] {
        let fake = fake(ClockOffset::default()).await;
        if way == "failed" {
            fake.inject(Fault::on(Operation::PushIdentityContainer).status(412));
        }
        let run = refresh(&fake).start().await.unwrap();
        push_all(run.pusher()).await.unwrap();
        if way == "refused" {
            assert!(!run.pusher().add_or_update(&IdentityBody::group("")).await.unwrap().is_queued());
        }
        let report = if way == "aborted" { run.abort().await } else { run.finish().await };
        assert!(
            matches!(&report.deletion, DeletionOutcome::Skipped(reason) if reason.code() == way),
            "{way}: {}",
            report.deletion
        );
        assert!(left(&fake).iter().any(|name| name == "Old"));
        assert!(requests_of(&fake, Operation::DeleteOldIdentities).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_with_an_ordering_id_of_its_own_and_a_delay_sends_both() {
    let fake = fake(ClockOffset::default()).await;
    let id = now(&fake);
    let run = refresh(&fake).ordering_id(id).queue_delay(secs(60)).expect_at_least(2).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    run.finish().await.into_result().unwrap();
    let deletion = &requests_of(&fake, Operation::DeleteOldIdentities)[0];
    assert_eq!(deletion.parameter("queueDelay"), Some("1"));
    assert_eq!(left(&fake), ["New", "Shared"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_dropped_disables_nothing() {
    let fake = fake(ClockOffset::default()).await;
    let run = refresh(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    drop(run);
    tokio::time::sleep(secs(100)).await;
    assert!(requests_of(&fake, Operation::DeleteOldIdentities).is_empty());
}
