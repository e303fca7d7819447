//! Content that lies in its container for too long before the batch that refers to it can be pushed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{AfterFailure, FailedBatch, FailureReason, PushStep, SavedBatch};
use coveo_push::{CompressionType, Content, DocumentBody, Error, Items, Operation, PusherBuilder, RetryPolicy};

use super::support::{Folder, ID, SOURCE, fake, noise, pushed, requests_of};

const HOUR: Duration = Duration::from_secs(3600);

/// Does not fit into a batch of a kilobyte.
fn content() -> Bytes {
    noise(2_000)
}

fn bytes() -> Content {
    Content::bytes(content()).compression(CompressionType::Uncompressed)
}

fn file(folder: &Folder) -> Content {
    Content::file(folder.file("content.bin", &content())).compression(CompressionType::Uncompressed)
}

/// A run that waits for as long as it is told to.
fn patient(fake: &FakePushApi) -> PusherBuilder<Items> {
    let policy = RetryPolicy::default().deadline(3 * HOUR);
    fake.client().items(SOURCE).pusher().concurrency(1).batch_bytes(1_024).throttle_patience(3 * HOUR).retry(policy)
}

/// Makes the next commit wait for so long.
fn delay_commit(fake: &FakePushApi, wait: Duration) {
    fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(wait));
}

fn uploads(fake: &FakePushApi) -> usize {
    requests_of(fake, Operation::UploadToContainer).len()
}

/// The one failed batch of a run with these contents whose commit waited for an hour.
async fn failed(fake: &FakePushApi, contents: Vec<(&str, Content)>) -> FailedBatch {
    delay_commit(fake, HOUR);
    let run = patient(fake).start();
    let doc = DocumentBody::new();
    for (id, content) in contents {
        run.add_or_update(id, &doc).content(content).await.unwrap();
    }
    let report = run.finish().await;
    let [failed] = <[_; 1]>::try_from(report.failed_batches).unwrap();
    failed
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_content_of_a_file_is_uploaded_again_when_the_commit_waits_for_50_minutes() {
    for (minutes, expected) in [(40, 2), (50, 4)] {
        let (folder, fake) = (Folder::new(), fake());
        delay_commit(&fake, minutes * HOUR / 60);
        let run = patient(&fake).start();
        let doc = DocumentBody::new();
        run.add_or_update(ID, &doc).content(file(&folder)).await.unwrap();
        run.add_or_update("a://plain", &doc).await.unwrap();
        let report = run.finish().await.into_result().unwrap();
        assert_eq!((report.totals.accepted, uploads(&fake)), (2, expected), "{minutes} minutes");
        assert_eq!(pushed(&fake, ID).content(), Some(content()));
        // A second later the old container is gone.
        assert!(fake.source(SOURCE).dropped().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_content_is_uploaded_only_when_the_calls_of_its_batch_can_follow_soon() {
    for calls in 3..=12 {
        let fake = fake();
        let run = patient(&fake).max_api_calls(calls, 24 * HOUR).start();
        let doc = DocumentBody::new();
        for number in 0..8 {
            let pushed = run.add_or_update(format!("a://{number}"), &doc).content(bytes()).await;
            pushed.unwrap_or_else(|error| panic!("{calls} calls a day: {error}"));
        }
        let report = run.finish().await;
        assert!(report.is_complete(), "{calls} calls a day: {:?}", report.failed_batches);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_content_that_cannot_be_uploaded_again_fails_its_batch_with_the_ids() {
    let fake = fake();
    let doc = |id| (id, bytes());
    let failed = failed(&fake, vec![doc("a://1"), doc("a://2")]).await;
    assert_eq!(failed.step(), PushStep::Renew);
    let FailureReason::ContentExpired(ids) = failed.reason() else { panic!("{failed}") };
    assert_eq!(*ids, ["a://1", "a://2"]);
    assert_eq!(failed.to_expired_ids(), ["a://1", "a://2"]);
    assert!(failed.to_string().contains("cannot be uploaded again: `a://1`, `a://2`"), "{failed}");
    assert!(!failed.may_have_been_applied() && !failed.holds_for_all());
    assert!(fake.source(SOURCE).is_empty() && fake.source(SOURCE).dropped().is_empty());
}

#[tokio::test(start_paused = true)]
async fn content_of_a_file_that_has_changed_since_is_not_uploaded_again() {
    let (folder, fake) = (Folder::new(), fake());
    let content = file(&folder);
    delay_commit(&fake, HOUR);
    let run = patient(&fake).start();
    run.add_or_update(ID, &DocumentBody::new()).content(content).await.unwrap();
    let (report, _) = tokio::join!(run.finish(), async {
        tokio::time::sleep(HOUR / 2).await;
        folder.file("content.bin", b"another version")
    });
    let failed = &report.failed_batches[0];
    assert!(matches!(failed.reason(), FailureReason::ContentExpired(ids) if ids[..] == [ID]), "{failed}");
    assert_eq!(failed.to_expired_ids(), [ID]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_pushed_again_leaves_out_and_names_what_has_expired() {
    let fake = fake();
    let failed = failed(&fake, vec![("a://1", bytes()), ("a://2", Content::bytes("words"))]).await;
    let accepted = failed.push_again().await.unwrap().unwrap();
    let [left_out] = accepted.warnings() else { panic!("{accepted:?}") };
    assert_eq!((left_out.item(), left_out.rule().code()), ("a://1", "content-expired"));
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://2"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_nothing_is_left_but_what_has_expired_is_an_error_when_it_is_pushed_again() {
    let fake = fake();
    let failed = failed(&fake, vec![("a://1", bytes())]).await;
    let error = failed.push_again().await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.findings()[0].item() == "a://1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_run_that_pushes_a_batch_again_hands_back_what_has_expired() {
    let fake = fake();
    delay_commit(&fake, HOUR);
    let handed: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&handed);
    let run = patient(&fake).on_failed_batch(move |failed| {
        seen.lock().unwrap().push(failed.ids().collect::<Vec<_>>().join(" "));
        AfterFailure::Again(failed, Duration::from_secs(1))
    });
    let run = run.start();
    let doc = DocumentBody::new();
    run.add_or_update("a://1", &doc).content(bytes()).await.unwrap();
    run.add_or_update("a://2", &doc).await.unwrap();
    let report = run.finish().await;
    assert_eq!(*handed.lock().unwrap(), ["a://1 a://2", "a://1"]);
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.failed), (2, 1, 1), "{report}");
    assert_eq!(report.failed_batches[0].to_expired_ids(), ["a://1"]);
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://2"]);
}

#[tokio::test(start_paused = true)]
async fn the_content_of_a_single_call_is_uploaded_again_when_its_push_waits_for_50_minutes() {
    let fake = fake();
    fake.inject(Fault::on(Operation::AddOrUpdateItem).status(429).retry_after(5 * HOUR / 6));
    let large = Content::bytes(noise(super::support::LARGEST_INLINE + 1));
    let item = fake.client().items(SOURCE).add_or_update(ID, &DocumentBody::new()).content(large);
    item.retry(RetryPolicy::default().deadline(2 * HOUR)).await.unwrap();
    assert_eq!(uploads(&fake), 2);
    assert_eq!(pushed(&fake, ID).content(), Some(noise(super::support::LARGEST_INLINE + 1)));
}

#[tokio::test(start_paused = true)]
async fn a_saved_batch_knows_how_old_its_content_is_and_leaves_out_and_names_what_has_expired() {
    let (folder, fake) = (Folder::new(), fake());
    for (wait, expired) in [(HOUR / 2, &[][..]), (HOUR, &["a://1"])] {
        fake.inject(Fault::on(Operation::PushItemContainer).status(412).error_code("MISSING_PARAMETER"));
        let run = patient(&fake).start();
        let doc = DocumentBody::new();
        run.add_or_update("a://1", &doc).content(bytes()).await.unwrap();
        run.add_or_update("a://2", &doc).await.unwrap();
        let report = run.finish().await;
        tokio::time::sleep(wait).await;
        report.failed_batches[0].save(folder.path()).await.unwrap();
        // As another program finds it.
        let [path] = <[_; 1]>::try_from(SavedBatch::files(folder.path()).unwrap()).unwrap();
        let saved = SavedBatch::open(path).unwrap();
        assert_eq!(saved.expired_ids().unwrap(), expired);
        let body = String::from_utf8(saved.body().unwrap().unwrap()).unwrap();
        assert_eq!((body.contains("a://1"), body.contains("a://2")), (expired.is_empty(), true), "{body}");
        fake.client().items(SOURCE).push_batch_json(body).await.unwrap();
        saved.remove().unwrap();
        assert_eq!(folder.files(), 0);
    }
}
