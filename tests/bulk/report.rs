//! What a run tells while it goes on, and at its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use coveo_push::fake::Fault;
use coveo_push::{Identity, IdentityBody, IdentityOperation, ItemOperation, MappedIdentityBody, Operation};
use futures_core::Stream;
use serde_json::Value;

use super::support::{Item, PROVIDER, SOURCE, fake, full, pusher, secs};

struct Iter<I>(I);

impl<I: Iterator + Unpin> Stream for Iter<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[tokio::test(start_paused = true)]
async fn the_watch_channel_follows_the_run_and_closes_with_it() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemBatch).status(503));
    let pusher = pusher(&fake).batch_bytes(100_000).start();
    let mut progress = pusher.progress();
    for n in 0..1_000 {
        pusher.add_or_update(&format!("a://{n}"), &Item::new(n, 0)).await.unwrap();
    }
    assert!(progress.has_changed().unwrap());
    assert!(progress.borrow_and_update().pushed >= 744);
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_taken());
    pusher.flush().await.unwrap();
    let now = *progress.borrow_and_update();
    assert_eq!((now.pushed, now.accepted, now.refused, now.batches_accepted), (1_001, 1_000, 1, 1));
    assert_eq!((now.api_calls, now.retries), (3, 1));
    let report = pusher.finish().await;
    assert_eq!((report.bytes_uploaded, report.bytes_taken), (now.bytes_uploaded, now.bytes_taken));
    while progress.changed().await.is_ok() {}
}

#[tokio::test(start_paused = true)]
async fn a_report_says_when_the_service_accepted_its_batches() {
    let fake = fake();
    let begin = fake.now();
    let pusher = pusher(&fake).start();
    for n in 0..3 {
        pusher.add_or_update(&format!("a://{n}"), &full(n)).await.unwrap();
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
    fake.inject(Fault::on(Operation::PushItemBatch).status(412));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_taken());
    let report = pusher.finish().await;
    let json: Value = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["pushed"], &json["failed"], &json["refused"]), (&2.into(), &1.into(), &1.into()));
    assert_eq!(json["first_accepted"], Value::Null);
    let failed = &json["failed_batches"][0];
    assert_eq!(*failed, serde_json::to_value(&report.failed_batches[0]).unwrap());
    assert_eq!((&failed["number"], &failed["ids"][0]), (&1.into(), &"a://1".into()));
    assert_eq!(failed["step"], "pushing the file container");
    assert_eq!(failed["bytes"], report.failed_batches[0].body().len());
    assert!(failed["reason"].as_str().unwrap().contains("412"), "{failed}");
    assert_eq!(json["refused_samples"][0]["rules"][0], "document-id-not-a-uri");
    assert!(!format!("{report:?} {report} {json}").contains("fake-key"));
    assert!(!format!("{report:?} {report} {json}").contains("X-Amz"));
    assert!(report.to_string().starts_with("2 pushed: 0 accepted, 1 failed, 1 refused, 0 unsent"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_run_says_what_failed_and_what_was_refused_first() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemBatch).status(412));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    assert!(!pusher.add_or_update("no uri", &full(1)).await.unwrap().is_taken());
    let report = pusher.finish().await;
    let [line, failed, refused] =
        [report.to_string(), report.failed_batches[0].to_string(), report.refused_samples[0].to_string()];
    let error = report.into_result().unwrap_err().to_string();
    assert_eq!(error, format!("the run is incomplete: {line}; first failed: {failed}; first refused: {refused}"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_items_is_pushed_in_order() {
    let fake = fake();
    let pusher = pusher(&fake).start();
    let operations = (0..50_u64).map(|n| match n % 5 {
        4 if n % 2 == 0 => ItemOperation::delete_with_children(format!("a://{}", n - 1)),
        4 => ItemOperation::delete(format!("a://{}", n - 1)),
        _ => ItemOperation::add_or_update(format!("a://{n}"), Item::new(n, 300)),
    });
    assert_eq!(pusher.push_stream(Iter(operations)).await.unwrap(), 50);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.accepted, 50);
    let expected = (0..50_u64).filter(|n| n % 5 < 3).count();
    // `a://3` with its children is `a://33` and the like, too, but those were deleted as well.
    assert!(fake.source(SOURCE).len() <= expected);
    assert!(fake.source(SOURCE).item("a://47").is_some() && fake.source(SOURCE).item("a://48").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_identities_is_pushed_in_order() {
    let fake = fake();
    let pusher = fake.client().identities(PROVIDER).pusher().batch_bytes(1_024).start();
    let operations = (0..30_u64).map(|n| match n % 3 {
        0 => IdentityOperation::add_or_update(IdentityBody::group(format!("g{n}")).member(Identity::user("a"))),
        1 => IdentityOperation::add_or_update_alias(MappedIdentityBody::group(format!("g{}", n - 1))),
        _ => IdentityOperation::delete(Identity::group(format!("g{}", n - 2))),
    });
    assert_eq!(pusher.push_stream(Iter(operations)).await.unwrap(), 30);
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.accepted, fake.provider(PROVIDER).identities().len()), (30, 10));
    assert!(fake.provider(PROVIDER).identities().iter().all(|identity| identity.is_disabled()));
}
