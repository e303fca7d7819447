//! A delete-older-than is held against the service's clock, and not against the local one.

use std::time::{Duration, SystemTime};

use coveo_push::Rule;
use coveo_push::fake::{ClockOffset, FakePushApi, Fault};
use coveo_push::{Accepted, Error, OrderingId, Preflight, PushClient, SourceStatus};
use tokio::time::advance;

use super::support::{PROVIDER, PUSH, SOURCE, UPLOAD, fake, push, seconds, starts};

const AHEAD: ClockOffset = ClockOffset::Ahead(Duration::from_secs(600));
const BEHIND: ClockOffset = ClockOffset::Behind(Duration::from_secs(600));

fn fake_at(offset: ClockOffset) -> FakePushApi {
    FakePushApi::builder().source(SOURCE).provider(PROVIDER).clock_offset(offset).build()
}

/// Deletes old items and old identities, which have the same rule.
async fn delete_older_than(client: &PushClient, boundary: SystemTime) -> Result<Accepted, Error> {
    let id = OrderingId::from_time(boundary);
    let items = client.items(SOURCE).delete_older_than(id).await;
    let identities = client.identities(PROVIDER).delete_older_than(id).await;
    assert_eq!(items.is_ok(), identities.is_ok());
    items
}

async fn time_of_the_service(client: &PushClient) -> SystemTime {
    client.sources().set_status(SOURCE, SourceStatus::Rebuild).await.unwrap().server_time().unwrap()
}

fn is_in_future(result: &Result<Accepted, Error>) -> bool {
    let is_rule = |rule| matches!(rule, Rule::OrderingIdAhead | Rule::OrderingIdInFuture);
    let is_that_rule =
        |error: &Error| matches!(error, Error::Invalid(invalid) if is_rule(invalid.findings()[0].rule()));
    result.as_ref().is_err_and(is_that_rule)
}

#[tokio::test(start_paused = true)]
async fn a_boundary_from_the_service_s_own_clock_is_taken_however_far_that_is_off() {
    for offset in [AHEAD, BEHIND, ClockOffset::default()] {
        let fake = fake_at(offset);
        let client = fake.client();
        let boundary = time_of_the_service(&client).await;
        assert!(delete_older_than(&client, boundary).await.is_ok(), "{offset:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_in_the_future_is_refused_and_not_sent() {
    for offset in [AHEAD, BEHIND, ClockOffset::default()] {
        let fake = fake_at(offset);
        let client = fake.client();
        time_of_the_service(&client).await;
        fake.clear_requests();
        let result = delete_older_than(&client, fake.now() + seconds(3)).await;
        assert!(is_in_future(&result), "{offset:?}: {result:?}");
        assert!(fake.requests().is_empty());
        assert!(delete_older_than(&client, fake.now() + seconds(1)).await.is_ok(), "{offset:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_from_a_local_clock_that_is_ahead_of_the_service_is_refused() {
    let fake = fake_at(BEHIND);
    let client = fake.client();
    time_of_the_service(&client).await;
    assert!(is_in_future(&delete_older_than(&client, SystemTime::now() + seconds(1)).await));
}

#[tokio::test(start_paused = true)]
async fn before_the_first_answer_the_local_clock_has_to_do() {
    let items = fake_at(BEHIND).client().items(SOURCE);
    assert!(items.delete_older_than(OrderingId::from_time(SystemTime::now())).await.is_ok());
    let client = fake_at(AHEAD).client();
    assert!(is_in_future(&delete_older_than(&client, SystemTime::now() + seconds(600)).await));
}

#[tokio::test(start_paused = true)]
async fn the_service_s_clock_goes_on_between_its_answers() {
    let fake = fake();
    let client = fake.client();
    time_of_the_service(&client).await;
    advance(seconds(3_600)).await;
    assert!(delete_older_than(&client, fake.now()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_counts_and_all_clones_know_it() {
    let fake = fake();
    let client = fake.client();
    time_of_the_service(&client).await;
    fake.set_clock_offset(AHEAD);
    let boundary = time_of_the_service(&client.with_credentials(coveo_push::ApiKey::new("fake-key"))).await;
    assert!(delete_older_than(&client, boundary).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_error_does_not_tell_the_service_s_time_as_it_may_come_from_another_machine() {
    let fake = fake();
    let client = fake.client();
    fake.inject(Fault::on(PUSH).status(400).date("Fri, 01 Jan 2100 00:00:00 GMT"));
    push(&client).await.unwrap_err();
    assert!(is_in_future(&delete_older_than(&client, SystemTime::now() + seconds(600)).await));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_date_leaves_the_clock_as_it_was() {
    let fake = fake_at(AHEAD);
    let client = fake.client();
    let boundary = time_of_the_service(&client).await;
    for fault in [Fault::on(PUSH).without_date(), Fault::on(PUSH).date("no date")] {
        fake.inject(fault);
        let _ = push(&client).await.unwrap();
        assert!(delete_older_than(&client, boundary).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_boundary_in_the_future_is_a_warning_when_that_is_asked_for_and_no_response_has_told_the_clock() {
    let fake = fake();
    for (switch, warnings) in [(Preflight::Warn, 1), (Preflight::Off, 0)] {
        let client = fake.client_builder().preflight(switch).build().unwrap();
        let id = OrderingId::from_time(fake.now() + seconds(3_600));
        let items = client.items(SOURCE);
        assert_eq!(items.delete_older_than(id).await.unwrap().warnings().len(), warnings);
        assert!(is_in_future(&items.delete_older_than(id).await));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_date_to_wait_for_is_read_by_the_service_s_clock_when_the_answer_itself_has_none() {
    for offset in [AHEAD, BEHIND] {
        let fake = fake_at(offset);
        let client = super::support::client(&fake, 0.0);
        time_of_the_service(&client).await;
        fake.clear_requests();
        fake.inject(Fault::on(PUSH).status(503).retry_after_date(seconds(60)).without_date());
        let _ = push(&client).await.unwrap();
        // The dates are both cut to whole seconds.
        let starts = starts(&fake);
        assert!(starts[1].abs_diff(60_000) <= 1_000, "{offset:?}: {starts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_storage_does_not_tell_the_service_s_time() {
    let fake = fake();
    let client = fake.client();
    fake.inject(Fault::on(UPLOAD).date("Fri, 01 Jan 2100 00:00:00 GMT"));
    client.file_containers().store("bytes").await.unwrap();
    assert!(is_in_future(&delete_older_than(&client, SystemTime::now() + seconds(600)).await));
}
