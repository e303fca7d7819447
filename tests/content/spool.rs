//! Large content goes through a temporary file, which is gone in the end, whatever the end is.

use std::time::Duration;

use coveo_push::fake::Fault;
use coveo_push::{CompressionType, Content, DocumentBody, Operation, RetryPolicy};
use tokio::time::timeout;

use super::support::{End, Folder, ID, Pieces, SOURCE, fake, noise, push, pushed, pusher, requests_of};

const LARGE: usize = 6_000_000;

fn large(folder: &Folder) -> Content {
    Content::bytes(noise(LARGE)).compression(CompressionType::ZLib).level(1).temp_dir(folder.path())
}

#[tokio::test]
async fn a_temporary_file_has_no_name_and_is_gone_after_a_success() {
    let (folder, fake) = (Folder::new(), fake());
    fake.inject(Fault::on(Operation::UploadToContainer).latency(Duration::from_millis(50)));
    let call = push(&fake, large(&folder)).into_future();
    let looking = async {
        while requests_of(&fake, Operation::UploadToContainer).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        #[cfg(unix)]
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        #[cfg(target_os = "linux")]
        assert_eq!(folder.files(), 1);
    };
    let (result, ()) = tokio::join!(call, looking);
    result.unwrap();
    folder.is_emptied().await;
    assert!(pushed(&fake, ID).content().unwrap() == noise(LARGE));
}

#[tokio::test]
async fn a_temporary_file_is_gone_after_a_failure() {
    let (folder, fake) = (Folder::new(), fake());
    fake.inject(Fault::on(Operation::UploadToContainer).status(500).always());
    push(&fake, large(&folder)).retry(RetryPolicy::none()).await.unwrap_err();
    folder.is_emptied().await;
}

#[tokio::test]
async fn guarantee_9_a_temporary_file_is_gone_when_the_call_is_dropped_during_its_upload() {
    let (folder, fake) = (Folder::new(), fake());
    fake.inject(Fault::on(Operation::UploadToContainer).hang().always());
    let call = push(&fake, large(&folder)).into_future();
    let waiting = async {
        while requests_of(&fake, Operation::UploadToContainer).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = call => panic!("the upload hangs"),
        () = waiting => {}
    }
    folder.is_emptied().await;
}

#[tokio::test]
async fn guarantee_9_a_temporary_file_is_gone_when_the_call_is_dropped_while_it_is_written() {
    let (folder, fake) = (Folder::new(), fake());
    let hangs = Content::reader(Pieces::new(noise(LARGE), 100_000, End::Hangs));
    let call = push(&fake, hangs.level(1).temp_dir(folder.path()));
    timeout(Duration::from_millis(500), call.into_future()).await.unwrap_err();
    folder.is_emptied().await;
    assert!(fake.requests().is_empty());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn guarantee_9_compression_ends_when_the_call_is_dropped() {
    let (folder, fake) = (Folder::new(), fake());
    // It would take minutes.
    let path = folder.file("words", b"");
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(3_900_000_000).unwrap();
    let call = push(&fake, Content::file(&path).compression(CompressionType::Lzma).level(9));
    timeout(Duration::from_millis(100), call.into_future()).await.unwrap_err();
    drop(file);
    std::fs::remove_file(path).unwrap();
    // The file is open as long as it is read.
    folder.is_emptied().await;
}

#[tokio::test]
async fn guarantee_9_a_push_of_a_run_that_is_dropped_has_taken_nothing_and_leaves_no_file() {
    let (folder, fake) = (Folder::new(), fake());
    fake.inject(Fault::on(Operation::UploadToContainer).hang());
    let run = pusher(&fake).start();
    let doc = DocumentBody::new();
    let push = run.add_or_update(ID, &doc).content(large(&folder)).into_future();
    timeout(Duration::from_millis(500), push).await.unwrap_err();
    folder.is_emptied().await;
    // What it held of the run is free again.
    run.add_or_update("a://b", &doc).content(Content::bytes("b")).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.cancelled), (1, 1, 1));
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://b"]);
}

#[tokio::test]
async fn compression_does_not_keep_the_runtime_from_other_work() {
    let fake = fake();
    // On the one thread of this runtime: while it is compressed elsewhere, other work goes on.
    let mut call = std::pin::pin!(push(&fake, Content::bytes(noise(3_000_000)).level(9)).into_future());
    let mut ticks = 0;
    loop {
        tokio::select! {
            biased;
            result = &mut call => break drop(result.unwrap()),
            () = tokio::task::yield_now() => ticks += 1,
        }
    }
    assert!(ticks > 100, "{ticks}");
}
