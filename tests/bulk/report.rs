//! What a run tells while it goes on, and at its end.

use coveo_push::fake::Fault;
use coveo_push::report::PushReport;
use coveo_push::{Error, Operation};
use serde_json::Value;
use tokio::time::timeout;

use super::support::{Item, fake, full, pusher, secs};

#[tokio::test(start_paused = true)]
async fn the_watch_channel_follows_the_run_and_closes_with_it() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(503));
    let pusher = pusher(&fake).batch_bytes(100_000).start();
    let mut progress = pusher.progress();
    for n in 0..1_000 {
        pusher.add_or_update(format!("a://{n}"), &Item::new(n, 0)).await.unwrap();
    }
    assert!(progress.has_changed().unwrap());
    assert!(progress.borrow_and_update().pushed >= 744);
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_queued());
    pusher.flush().await.unwrap();
    let now = *progress.borrow_and_update();
    assert_eq!((now.pushed, now.accepted, now.refused, now.batches_accepted), (1_001, 1_000, 1, 1));
    assert_eq!((now.api_calls, now.retries, now.uploaded), (3, 1, 1_000));
    let report = pusher.finish().await;
    assert_eq!((report.totals.bytes_uploaded, report.totals.bytes_queued), (now.bytes_uploaded, now.bytes_queued));
    // Beside its items, the batch has a list for them, and commas.
    assert_eq!(now.bytes_uploaded - now.bytes_queued, r#"{"addOrUpdate":[]}"#.len() as u64 + 999);
    while progress.changed().await.is_ok() {}
}

#[tokio::test(start_paused = true)]
async fn a_report_says_when_the_service_accepted_its_batches() {
    let fake = fake();
    let begin = fake.now();
    let pusher = pusher(&fake).start();
    for n in 0..3 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        pusher.flush().await.unwrap();
        tokio::time::sleep(secs(10)).await;
    }
    let report = pusher.finish().await;
    let since =
        |time: Option<std::time::SystemTime>| (time.unwrap() + secs(1)).duration_since(begin).unwrap().as_secs();
    assert!(since(report.first_accepted) <= 1);
    assert!((20..=21).contains(&since(report.last_accepted)));
    assert_eq!(report.elapsed, secs(30));
}

#[tokio::test(start_paused = true)]
async fn reports_and_failed_batches_serialise() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_queued());
    let report = pusher.finish().await;
    let json: Value = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["pushed"], &json["failed"], &json["refused"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!(json["first_accepted"], Value::Null);
    let failed = &json["failed_batches"][0];
    assert_eq!(*failed, serde_json::to_value(&report.failed_batches[0]).unwrap());
    assert_eq!((&failed["number"], &failed["ids"][0]), (&1.into(), &"a://1".into()));
    assert_eq!(failed["step"], "pushing the file container");
    assert_eq!(failed["bytes"], report.failed_batches[0].to_body().len());
    assert!(failed["reason"].as_str().unwrap().contains("412"), "{failed}");
    assert_eq!(json["refused_samples"][0]["findings"][0]["rule"], "document-id-not-a-uri");
    let again: PushReport = serde_json::from_value(json.clone()).unwrap();
    assert_eq!((again.totals, again.elapsed.as_millis()), (report.totals, report.elapsed.as_millis()));
    assert_eq!(again.refused_samples, report.refused_samples);
    assert_eq!(serde_json::from_str::<PushReport>("{}").unwrap().totals, PushReport::default().totals);
    assert!(!format!("{report:?} {report} {json}").contains("fake-key"));
    assert!(!format!("{report:?} {report} {json}").contains("X-Amz"));
    assert_eq!((&json["batches_accepted"], &json["batches_failed"]), (&0.into(), &1.into()));
    assert!(
        report.to_string().starts_with("2 pushed: 0 accepted, 1 failed, 1 refused, 0 unsent; 0 batches"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_run_says_what_failed_and_what_was_refused_first() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_queued());
    let report = pusher.finish().await;
    let [line, failed, refused] =
        [report.to_string(), report.failed_batches[0].to_string(), report.refused_samples[0].to_string()];
    let error = report.into_result().unwrap_err().to_string();
    assert_eq!(error, format!("the run is incomplete: {line}; first failed: {failed}; first refused: {refused}"));
}

#[tokio::test(start_paused = true)]
async fn a_report_counts_the_batches_that_failed_also_when_a_handler_has_got_them() {
    for has_handler in [true, false] {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).skip(1).status(412));
        let mut builder = pusher(&fake);
        if has_handler {
            builder = builder.on_failed_batch(|_| {});
        }
        let pusher = builder.start();
        pusher.add_or_update("a://1", &full(1)).await.unwrap();
        pusher.flush().await.unwrap();
        pusher.add_or_update("a://2", &full(2)).await.unwrap();
        let report = pusher.finish().await;
        assert_eq!((report.totals.batches_accepted, report.totals.batches_failed), (1, 1));
        assert_eq!((report.totals.uploaded, report.totals.accepted), (2, 1));
        assert_eq!(report.failed_batches.len(), usize::from(!has_handler));
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_of_a_report_says_how_many_pushes_were_cancelled_where_there_were_some() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(60)));
    let pusher = pusher(&fake).concurrency(1).start();
    for n in 1..=2 {
        pusher.add_or_update("a://1", &full(n)).await.unwrap();
    }
    assert!(timeout(secs(1), pusher.add_or_update("a://1", &full(3))).await.is_err());
    let report = pusher.finish().await;
    assert_eq!(report.totals.cancelled, 1);
    let begin = "2 pushed: 2 accepted, 0 failed, 0 refused, 0 unsent, 1 cancelled; 2 batches, ";
    assert!(report.to_string().starts_with(begin), "{report}");
}

#[tokio::test(start_paused = true)]
async fn the_first_error_of_a_report_is_that_of_its_first_batch_that_has_one() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).skip(1).status(403).always());
    fake.inject(Fault::on(Operation::PushItemContainer).latency(secs(5)).status(412));
    let stopped = pusher(&fake).concurrency(2).start();
    for n in 1..=3 {
        stopped.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    let report = stopped.finish().await;
    assert_eq!(report.first_error().and_then(Error::status).map(|status| status.as_u16()), Some(412));
    let aborted = pusher(&fake).start();
    aborted.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(aborted.abort().await.first_error().is_none());
}
