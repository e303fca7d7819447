//! Content that cannot be pushed: nothing is sent, and the error says why.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{CompressionType, Content, DocumentBody, Error, Operation, Pushed};

use super::support::{
    End, Folder, ID, LARGEST_INLINE, Pieces, SOURCE, fake, noise, push, pushed, pusher, requests_of, rule,
};

/// Pushes it alone and in a run, and returns the error of the one after the refusal of the other was
/// held against it.
async fn refused(content: impl Fn() -> Content) -> Error {
    let fake = fake();
    let error = push(&fake, content()).await.unwrap_err();
    assert!(!error.is_retryable() && !error.may_have_been_applied());
    assert!(fake.requests().is_empty(), "{:?}", fake.requests());
    let run = pusher(&fake).start();
    let doc = DocumentBody::new();
    let Pushed::Refused(refused) = run.add_or_update(ID, &doc).content(content()).await.unwrap() else { panic!() };
    assert_eq!(refused.findings()[0].rule().code(), rule(&error));
    assert_eq!(refused.id(), ID);
    run.add_or_update("a://b", &doc).content(Content::bytes("b")).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted, report.totals.refused), (2, 1, 1));
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://b"]);
    error
}

#[tokio::test]
async fn a_file_that_is_not_there_is_refused_with_its_path() {
    let error = refused(|| Content::file("/no/such/file.pdf")).await;
    assert_eq!(rule(&error), "content-unreadable");
    assert!(error.to_string().contains("the file /no/such/file.pdf cannot be read"), "{error}");
}

#[tokio::test]
async fn a_folder_is_no_content() {
    let folder = Folder::new();
    assert_eq!(rule(&refused(|| Content::file(folder.path())).await), "content-unreadable");
}

#[tokio::test]
async fn a_reader_that_fails_half_way_is_refused_with_what_it_said() {
    for bytes in [0, 10, 5_000_000] {
        let content = noise(bytes);
        let error = refused(|| Content::reader(Pieces::new(content.clone(), 70_001, End::Fails))).await;
        assert_eq!(rule(&error), "content-unreadable");
        assert!(error.to_string().contains("the line went dead"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_for_temporary_files_that_is_none_refuses_what_needs_one() {
    let content = noise(LARGEST_INLINE + 1);
    let error = refused(|| Content::bytes(content.clone()).level(1).temp_dir("/no/such/folder")).await;
    assert!(error.to_string().contains("its temporary file cannot be written"), "{error}");
    push(&fake(), Content::bytes("words").temp_dir("/no/such/folder")).await.unwrap();
}

/// A file of that size that takes no room on the disk.
fn sparse(folder: &Folder, bytes: u64) -> PathBuf {
    let path = folder.file("sparse", b"");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes).unwrap();
    path
}

#[tokio::test]
async fn what_is_over_256_mb_as_it_is_sent_is_refused_with_its_size_and_the_limit() {
    let folder = Folder::new();
    let path = sparse(&folder, 256_000_001);
    let error = refused(|| Content::file(&path).compression(CompressionType::Uncompressed)).await;
    assert_eq!(rule(&error), "container-too-large");
    assert!(error.to_string().contains("256000001 bytes"), "{error}");
    assert!(error.to_string().contains("a file container takes 256000000"), "{error}");
}

#[tokio::test]
async fn what_is_over_256_mb_only_before_it_is_compressed_goes_through() {
    let folder = Folder::new();
    let fake = fake();
    push(&fake, Content::file(sparse(&folder, 256_000_001)).level(1)).await.unwrap();
    let item = pushed(&fake, ID);
    assert!(item.file_id().is_none() && item.compressed_content().unwrap().len() < 3_000_000);
}

#[tokio::test]
async fn a_reader_without_an_end_is_read_no_further_than_a_container_takes() {
    let fake = fake();
    let endless = Content::reader(tokio::io::repeat(7)).compression(CompressionType::Uncompressed);
    let error = push(&fake, endless).await.unwrap_err();
    assert_eq!(rule(&error), "container-too-large");
    assert!(error.to_string().contains("more than 256000000 bytes"), "{error}");
    assert!(fake.requests().is_empty());
}

/// Changes a file while its upload is tried again, and returns how the call ends.
async fn changed(change: impl Fn(&PathBuf) + Send + Sync) -> (FakePushApi, Result<(), Error>) {
    let folder = Folder::new();
    let path = folder.file("content", &noise(9_000_000));
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).status(503).retry_after(Duration::from_secs(1)));
    let call = push(&fake, Content::file(&path).compression(CompressionType::Uncompressed));
    let changing = async {
        while requests_of(&fake, Operation::UploadToContainer).iter().all(|upload| upload.status().is_none()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        change(&path);
    };
    let (result, ()) = tokio::join!(call.into_future(), changing);
    (fake.clone(), result.map(drop))
}

#[tokio::test]
async fn a_file_that_grows_shrinks_or_is_written_anew_during_its_upload_fails_the_call() {
    let append = |path: &PathBuf| OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
    let cut = |path: &PathBuf| OpenOptions::new().write(true).open(path).unwrap().set_len(5_000_000).unwrap();
    let rewrite = |path: &PathBuf| fs::write(path, vec![0; 9_000_000]).unwrap();
    let changes: [&(dyn Fn(&PathBuf) + Sync); 3] = [&append, &cut, &rewrite];
    for change in changes {
        let (fake, result) = changed(change).await;
        let error = result.unwrap_err();
        assert_eq!(rule(&error), "content-changed");
        assert!(!error.may_have_been_applied());
        // It was not tried a third time, and nothing refers to what was uploaded.
        assert_eq!(requests_of(&fake, Operation::UploadToContainer).len(), 2);
        assert!(requests_of(&fake, Operation::AddOrUpdateItem).is_empty());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_vanishes_after_it_was_opened_is_sent_all_the_same() {
    let (fake, result) = changed(|path| fs::remove_file(path).unwrap()).await;
    result.unwrap();
    assert!(pushed(&fake, ID).content().unwrap() == noise(9_000_000));
}

#[tokio::test]
async fn a_file_that_changes_during_its_upload_is_refused_in_a_run_which_goes_on() {
    let folder = Folder::new();
    let path = folder.file("content", &noise(9_000_000));
    let fake = fake();
    fake.inject(Fault::on(Operation::UploadToContainer).status(503).retry_after(Duration::from_secs(1)));
    let run = pusher(&fake).start();
    let content = Content::file(&path).compression(CompressionType::Uncompressed);
    let doc = DocumentBody::new();
    let changing = async {
        while requests_of(&fake, Operation::UploadToContainer).iter().all(|upload| upload.status().is_none()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fs::write(&path, b"another one").unwrap();
    };
    let (pushed, ()) = tokio::join!(run.add_or_update(ID, &doc).content(content).into_future(), changing);
    let Pushed::Refused(refused) = pushed.unwrap() else { panic!() };
    assert_eq!(refused.findings()[0].rule().code(), "content-changed");
    let report = run.finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.refused), (1, 1));
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_or_a_device_is_no_file_and_is_refused_at_once() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [pipe, PathBuf::from("/dev/zero")] {
        let error = refused(|| Content::file(&path)).await;
        assert_eq!(rule(&error), "content-unreadable");
        assert!(error.to_string().contains("is not a regular file: use `Content::reader`"), "{error}");
    }
}

#[tokio::test]
async fn what_is_over_4_gb_before_it_is_compressed_is_refused() {
    let folder = Folder::new();
    let path = sparse(&folder, 4_000_000_001);
    let error = refused(|| Content::file(&path)).await;
    assert_eq!(rule(&error), "container-too-large");
    assert!(error.to_string().contains("more than 4 GB before compression"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_written_to_while_it_is_compressed_is_refused() {
    let folder = Folder::new();
    let path = folder.file("log", &vec![b'x'; 30_000_000]);
    let is_done = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let (path, is_done) = (path.clone(), Arc::clone(&is_done));
        move || {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            while !is_done.load(Ordering::Relaxed) {
                file.write_all(b"one more line\n").unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let error = refused(|| Content::file(&path).level(1)).await;
    is_done.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(rule(&error), "content-changed");
    assert!(error.to_string().contains("changed while it was read"), "{error}");
}
