//! Content in a run of many items.

use std::sync::Arc;
use std::time::Duration;

use coveo_push::fake::Fault;
use coveo_push::report::{AfterFailure, PushStep};
use coveo_push::{CompressionType, Content, DocumentBody, Operation, PushError, RetryPolicy};

use super::support::{Folder, ID, LARGEST_INLINE, SOURCE, fake, noise, pushed, pusher, requests_of};

fn large() -> Content {
    Content::bytes(noise(LARGEST_INLINE + 1)).compression(CompressionType::Uncompressed)
}

fn doc() -> DocumentBody {
    DocumentBody::new().title("A")
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_an_item_goes_into_a_batch_only_after_its_content_is_up() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).latency(Duration::from_secs(60)));
    let run = pusher(&fake).concurrency(2).linger(Duration::from_secs(1)).start();
    let item = doc();
    let slow = run.add_or_update(ID, &item).content(large()).into_future();
    let others = async {
        for n in 0..5 {
            run.add_or_update(format!("a://{n}"), &doc()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        // The others were pushed meanwhile, and this one was not.
        assert_eq!(fake.source(SOURCE).len(), 5);
    };
    let (slow, ()) = tokio::join!(slow, others);
    assert!(slow.unwrap().is_queued());
    run.finish().await.into_result().unwrap();
    assert!(fake.source(SOURCE).dropped().is_empty());
    assert!(pushed(&fake, ID).content().unwrap() == noise(LARGEST_INLINE + 1));
}

#[tokio::test(start_paused = true)]
async fn guarantee_7_contents_have_as_many_places_as_batches_beside_theirs() {
    for concurrency in 1..=3 {
        let fake = fake();
        let run =
            Arc::new(pusher(&fake).concurrency(concurrency).batch_bytes(1_024).linger(Duration::from_secs(1)).start());
        // Until a batch is accepted, the others wait for it.
        run.add_or_update("a://first", &doc()).await.unwrap();
        run.flush().await.unwrap();
        fake.clear_requests();
        fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..10 {
            let run = Arc::clone(&run);
            tasks.spawn(async move {
                let (id, doc) = (format!("a://{n}"), doc());
                if n % 2 == 0 {
                    run.add_or_update(&id, &doc).content(large()).await
                } else {
                    run.add_or_update(&id, &doc.metadata("words", "x".repeat(700))).await
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(requests_of(&fake, Operation::UploadToContainer).len(), 2 * concurrency);
    }
}

#[tokio::test(start_paused = true)]
async fn several_contents_and_batches_finish_whatever_the_concurrency() {
    for concurrency in 1..=3 {
        let fake = fake();
        fake.inject(Fault::on(Operation::UploadToContainer).latency(Duration::from_millis(100)).always());
        let run = Arc::new(pusher(&fake).concurrency(concurrency).batch_bytes(1_024).start());
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..12 {
            let run = Arc::clone(&run);
            tasks.spawn(async move {
                // Ids come again, so that batches wait for each other as well.
                let (id, doc) = (format!("a://{}", n / 2), doc());
                run.add_or_update(&id, &doc).content(Content::bytes(noise(2_000 + n))).await.unwrap();
                run.add_or_update(&id, &doc.metadata("words", "x".repeat(700))).await.unwrap();
            });
        }
        tasks.join_all().await;
        let report = Arc::into_inner(run).unwrap().finish().await.into_result().unwrap();
        assert_eq!(report.totals.accepted + report.totals.replaced, 24);
    }
}

#[tokio::test]
async fn guarantee_5_content_that_cannot_be_uploaded_fails_its_item_and_hands_it_back_with_the_content() {
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).status(500).always());
    let run = pusher(&fake).retry(RetryPolicy::none()).start();
    assert!(run.add_or_update(ID, &doc()).content(large()).await.unwrap().is_queued());
    assert!(matches!(run.add_or_update("a://b", &doc()).await, Err(PushError::Stopped(_))));
    let report = run.finish().await;
    assert_eq!((report.totals.pushed, report.totals.failed, report.totals.accepted), (1, 1, 0));
    let [failed] = report.failed_batches.try_into().unwrap();
    assert_eq!(failed.step(), PushStep::Content);
    assert!(!failed.may_have_been_applied() && !failed.is_unsent());
    assert_eq!(failed.error().unwrap().status().unwrap(), 500);
    assert_eq!(failed.ids().collect::<Vec<_>>(), [ID]);
    // Bytes that can be uploaded as they are do not have it: it would lose its content.
    assert_eq!(failed.to_body(), br#"{"addOrUpdate":[]}"#);
    let folder = Folder::new();
    assert_eq!(failed.save(folder.path()).await.unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(folder.files(), 0);

    fake.clear_faults();
    assert!(failed.push_again().await.unwrap().is_some());
    let item = pushed(&fake, ID);
    assert_eq!(item.title(), Some("A"));
    assert!(item.content().unwrap() == noise(LARGEST_INLINE + 1));
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_run_does_not_end_before_content_that_its_handler_pushes_again_for_the_second_time() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(413).times(2));
    let again = |failed| AfterFailure::Again(failed, Duration::from_secs(10));
    let run = pusher(&fake).on_failed_batch(again).start();
    assert!(run.add_or_update(ID, &doc()).content(large()).await.unwrap().is_queued());
    let report = run.finish().await;
    assert_eq!((report.totals.accepted, report.totals.failed, report.failed_batches.len()), (1, 0, 0), "{report}");
}

#[tokio::test]
async fn guarantee_5_a_run_with_a_handler_goes_on_after_content_that_cannot_be_uploaded() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).status(413));
    let handed = Arc::new(std::sync::Mutex::new(Vec::new()));
    let handler = Arc::clone(&handed);
    let run = pusher(&fake).on_failed_batch(move |failed| handler.lock().unwrap().push(failed)).start();
    assert!(run.add_or_update(ID, &doc()).content(large()).await.unwrap().is_queued());
    assert!(run.add_or_update("a://b", &doc()).content(large()).await.unwrap().is_queued());
    // Pushed again, it replaces what failed.
    assert!(run.add_or_update(ID, &doc().title("B")).await.unwrap().is_queued());
    let report = run.finish().await;
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.failed), (3, 2, 1));
    let failed = handed.lock().unwrap().pop().unwrap();
    assert_eq!((failed.step(), failed.operations()), (PushStep::Content, 1));
    assert_eq!(failed.to_superseded_ids(), [ID]);
    assert!(failed.push_again().await.unwrap().is_none());
    assert_eq!(pushed(&fake, ID).title(), Some("B"));
}

#[tokio::test(start_paused = true)]
async fn the_containers_of_contents_count_as_calls_of_the_run() {
    let fake = fake();
    let minute = Duration::from_secs(60);
    let run = pusher(&fake).max_api_calls(1, minute).linger(minute * 60).start();
    for n in 0..3 {
        run.add_or_update(format!("a://{n}"), &doc()).content(large()).await.unwrap();
    }
    let report = run.finish().await.into_result().unwrap();
    // A container for each content, and one with its push for the batch.
    assert_eq!(report.totals.api_calls, 5);
    assert!(report.elapsed >= minute * 4);
    assert_eq!(report.totals.bytes_uploaded, report.batch_samples[0].bytes + 3 * (LARGEST_INLINE as u64 + 1));
}

#[tokio::test]
async fn guarantee_6_pushes_of_content_about_one_id_keep_the_order_of_their_ends() {
    let fake = fake();
    let run = pusher(&fake).concurrency(3).start();
    for n in 0..5 {
        let content = if n % 2 == 0 { large() } else { Content::bytes("words") };
        run.add_or_update(ID, &doc().metadata("n", n)).content(content).await.unwrap();
    }
    run.finish().await.into_result().unwrap();
    assert_eq!(pushed(&fake, ID).metadata("n").unwrap(), 4);
    assert!(pushed(&fake, ID).file_id().is_some());
}
