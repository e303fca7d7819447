//! What comes with a success, and what is not sent at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coveo_push::Rule;
use coveo_push::fake::{DropReason, FakePushApi, Fault};
use coveo_push::{BatchDocumentBody, DocumentBody, Error, Operation, Preflight, SourceStatus};

use super::support::{PUSH, SOURCE, client, fake, push, seconds};

fn in_whole_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.duration_since(UNIX_EPOCH).unwrap().as_secs())
}

fn with_preflight(fake: &FakePushApi, preflight: Preflight) -> coveo_push::PushClient {
    fake.client_builder().preflight(preflight).build().unwrap()
}

fn rules(error: &Error) -> Vec<Rule> {
    match error {
        Error::Invalid(invalid) => invalid.findings().iter().map(coveo_push::Finding::rule).collect(),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_tells_its_attempts_and_the_service_s_time() {
    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).times(2));
    let accepted = push(&client(&fake, 1.0)).await.unwrap();
    assert_eq!(accepted.attempts(), 3);
    assert_eq!(accepted.server_time(), Some(in_whole_seconds(fake.now())));
    assert!(accepted.warnings().is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_call_that_is_accepted_tells_the_service_s_time() {
    let fake = fake();
    let client = client(&fake, 1.0);
    let status = client.sources().set_status(SOURCE, SourceStatus::Rebuild).await.unwrap();
    let batch = BatchDocumentBody::new().add_or_update("https://example.com/a", DocumentBody::text("words"));
    let batch = client.items(SOURCE).push_batch(&batch).await.unwrap();
    let now = Some(in_whole_seconds(fake.now()));
    assert_eq!((status.server_time(), batch.server_time()), (now, now));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_date_tells_no_time() {
    for fault in [Fault::on(PUSH).without_date(), Fault::on(PUSH).date("yesterday")] {
        let fake = fake();
        fake.inject(fault);
        assert_eq!(push(&client(&fake, 1.0)).await.unwrap().server_time(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_service_would_drop_is_refused_and_not_sent() {
    let fake = fake();
    let items = with_preflight(&fake, Preflight::Refuse).items(SOURCE);
    let error = items.add_or_update("no uri", &DocumentBody::text("words")).await.unwrap_err();
    assert_eq!(rules(&error), [Rule::DocumentIdNotAUri]);
    assert_eq!((error.operation(), error.attempts()), (Some(PUSH), 0));
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_service_will_drop_comes_as_a_warning_when_that_is_asked_for() {
    let fake = fake();
    let items = with_preflight(&fake, Preflight::Warn).items(SOURCE);
    let accepted = items.add_or_update("no uri", &DocumentBody::text("words")).await.unwrap();
    let [warning] = accepted.warnings() else { panic!("{accepted:?}") };
    assert_eq!((warning.item(), warning.rule()), ("no uri", Rule::DocumentIdNotAUri));
    assert_eq!(fake.source(SOURCE).dropped()[0].reason(), DropReason::DocumentIdNotAUri);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_will_drop_is_not_looked_for_when_that_is_turned_off() {
    let fake = fake();
    let items = with_preflight(&fake, Preflight::Off).items(SOURCE);
    let accepted = items.add_or_update("no uri", &DocumentBody::text("words")).await.unwrap();
    assert!(accepted.warnings().is_empty());
    assert_eq!(fake.source(SOURCE).dropped().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_is_refused_even_when_the_preflight_is_off() {
    let fake = fake();
    let items = with_preflight(&fake, Preflight::Off).items(SOURCE);
    let error = items.add_or_update("", &DocumentBody::text("words")).await.unwrap_err();
    assert_eq!(rules(&error), [Rule::DocumentIdEmpty]);
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_carries_the_warnings_of_its_items() {
    let fake = fake();
    let batch = BatchDocumentBody::new()
        .add_or_update("https://example.com/a", DocumentBody::text("words"))
        .add_or_update("no uri", DocumentBody::text("words"))
        .delete("none either");
    let items = with_preflight(&fake, Preflight::Warn).items(SOURCE);
    let accepted = items.push_batch(&batch).await.unwrap();
    let warned: Vec<_> = accepted.warnings().iter().map(coveo_push::Finding::item).collect();
    assert_eq!(warned, ["no uri", "none either"]);
    let items = with_preflight(&fake, Preflight::Refuse).items(SOURCE);
    fake.clear_requests();
    assert_eq!(rules(&items.push_batch(&batch).await.unwrap_err()), [Rule::DocumentIdNotAUri; 2]);
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_costs_nothing_and_holds_back_nothing() {
    let fake = fake();
    let client = client(&fake, 1.0);
    super::support::be_told_to_wait(&fake, &client, seconds(60)).await;
    let (result, took) =
        super::support::timed(client.items(SOURCE).add_or_update("no uri", &DocumentBody::text("words"))).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)) && error.operation() == Some(Operation::AddOrUpdateItem), "{error}");
    assert_eq!(took, 0);
}
