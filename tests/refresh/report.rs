//! What a refresh says of itself.

use std::error::Error as _;

use coveo_push::fake::{ClockOffset, FakePushApi, Fault};
use coveo_push::{Error, Operation, RefreshError};
use serde_json::json;

use super::support::{SOURCE, fake, fake_with_clock, push_all, rebuild, secs};

#[tokio::test(start_paused = true)]
async fn a_report_is_one_line_that_says_what_was_pushed_what_is_deleted_and_by_which_clock() {
    let fake = fake_with_clock(ClockOffset::Behind(secs(600))).await;
    let run = rebuild(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await;
    let line = report.to_string();
    let boundary = report.boundary.unwrap().ordering_id;
    for part in [
        "REBUILD of my-source: 3 pushed: 3 accepted, 0 failed, 0 refused, 0 unsent".to_owned(),
        "; the deletion of the rest was accepted;".to_owned(),
        format!("; the rest is older than {boundary} ("),
        " GMT, from the service's clock)".to_owned(),
        "; the local clock is 60".to_owned(),
        " s ahead; the source is idle".to_owned(),
    ] {
        assert!(line.contains(&part), "{part}\n{line}");
    }
    assert!(!line.contains('\n'));
}

#[tokio::test(start_paused = true)]
async fn a_local_clock_that_is_right_to_a_second_is_not_worth_a_word() {
    let fake = FakePushApi::builder().source(SOURCE).build();
    let run = rebuild(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    let report = run.finish().await;
    assert!(report.local_clock.is_some());
    assert!(!report.to_string().contains("local clock"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_report_is_json_that_a_program_can_read() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::SetSourceStatus).skip(1).status(403));
    let run = rebuild(&fake).start().await.unwrap();
    push_all(run.pusher()).await.unwrap();
    assert!(!run.pusher().delete("no uri").await.unwrap().is_queued());
    let report = run.finish().await;
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["target"], &json["kind"]), (&json!("my-source"), &json!("REBUILD")));
    assert_eq!(json["boundary"]["source"], "service-clock");
    assert_eq!(json["boundary"]["ordering_id"].as_u64(), Some(report.boundary.unwrap().ordering_id.get()));
    assert!(json["local_clock"].is_f64());
    assert_eq!((&json["deletion"]["outcome"], &json["deletion"]["reason"]), (&json!("skipped"), &json!("refused")));
    assert_eq!(json["idle"]["outcome"], "failed");
    assert_eq!(json["push"]["accepted"], 3);
}

#[tokio::test(start_paused = true)]
async fn an_error_says_whether_the_run_began_and_its_cause_is_in_the_chain() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::SetSourceStatus).status(412).error_code("SOURCE_DOES_NOT_EXIST"));
    let error = rebuild(&fake).start().await.unwrap_err();
    assert_eq!(error.to_string(), "the refresh did not start (no status was set)");
    let reason = error.source().unwrap();
    assert_eq!(reason.to_string(), "the first call failed");
    let cause = reason.source().unwrap();
    assert!(cause.is::<Error>(), "{cause:?}");
    assert!(cause.to_string().contains("sources.set_status: 412 SOURCE_DOES_NOT_EXIST"), "{cause}");
}

#[tokio::test]
async fn the_error_of_another_call_becomes_that_of_the_refresh_and_stays_its_cause() {
    async fn produce(fake: &FakePushApi) -> Result<(), RefreshError> {
        let _ = fake.client().items("").delete("a://gone").await?;
        Ok(())
    }

    let error = produce(&FakePushApi::builder().build()).await.unwrap_err();
    assert!(matches!(error, RefreshError::Call(_)), "{error:?}");
    assert!(error.source().unwrap().is::<Error>());
}
