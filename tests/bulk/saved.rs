//! Failed batches on disk.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use coveo_push::Operation;
use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::SavedBatch;

use super::support::{Handed, SOURCE, fake, full, held, number, pusher, secs};

/// A folder that goes away with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("coveo-push-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Two batches that fail and are saved, and one that replaces some of them.
async fn run(fake: &FakePushApi, folder: &Folder, again: &[&str]) -> Vec<SavedBatch> {
    fake.inject(Fault::on(Operation::PushItemContainer).status(412).times(2));
    let saved = Arc::new(Mutex::new(Vec::new()));
    let (saving, path) = (Arc::clone(&saved), folder.0.clone());
    let save = move |failed: coveo_push::report::FailedBatch| saving.lock().unwrap().push(failed.save(&path).unwrap());
    let pusher = pusher(fake).batch_bytes(2_000).on_failed_batch(save).start();
    for ids in [["a://1", "a://2"], ["b://1", "b://2"]] {
        for (n, id) in (1..).zip(ids) {
            pusher.add_or_update(id, &full(n)).await.unwrap();
        }
        pusher.delete(format!("{}/gone", ids[0])).await.unwrap();
        pusher.flush().await.unwrap();
    }
    for id in again {
        pusher.add_or_update(*id, &full(9)).await.unwrap();
    }
    assert!(!pusher.finish().await.is_complete());
    std::mem::take(&mut *saved.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_is_saved_and_what_the_file_holds_is_pushed_again() {
    let (fake, folder) = (fake(), Folder::new());
    let saved = run(&fake, &folder, &[]).await;
    assert_eq!(folder.files(), saved.iter().map(|saved| saved.path().to_owned()).collect::<Vec<_>>());
    assert_eq!(saved[0].path().file_name().unwrap(), "batch-000001.json");
    let items = fake.client().items(SOURCE);
    for file in SavedBatch::files(&folder.0).unwrap() {
        let _ = items.push_batch_json(fs::read(file).unwrap()).await.unwrap();
    }
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://1", "a://2", "b://1", "b://2"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_pushed_again_later_is_taken_out_of_the_files() {
    let (fake, folder) = (fake(), Folder::new());
    let mut saved = run(&fake, &folder, &["a://2", "b://1", "b://2", "b://1/gone"]).await;
    for saved in &mut saved {
        saved.update().unwrap();
        saved.update().unwrap();
    }
    assert_eq!(folder.files(), [saved[0].path()]);
    let left = fs::read(saved[0].path()).unwrap();
    assert_eq!(held(&left).iter().map(|operation| operation.id()).collect::<Vec<_>>(), ["a://1", "a://1/gone"]);
    let _ = fake.client().items(SOURCE).push_batch_json(left).await.unwrap();
    assert_eq!((number(&fake, "a://1"), number(&fake, "a://2"), number(&fake, "b://2")), (Some(1), Some(9), Some(9)));
}

#[tokio::test(start_paused = true)]
async fn of_a_batch_that_was_pushed_again_as_a_whole_there_is_no_file() {
    let (fake, folder) = (fake(), Folder::new());
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let handed = Handed::default();
    let pusher = pusher(&fake).on_failed_batch(handed.handler()).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let _ = pusher.flush().await;
    pusher.add_or_update("a://1", &full(2)).await.unwrap();
    assert_eq!(pusher.finish().await.totals.accepted, 1);
    let mut saved = handed.take()[0].save(&folder.0).unwrap();
    saved.update().unwrap();
    assert!(folder.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn guarantee_6_what_is_pushed_again_while_a_failed_batch_uploads_is_left_out_of_it() {
    let fake = fake();
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let handed = Handed::default();
    let pusher = pusher(&fake).batch_bytes(2_000).on_failed_batch(handed.handler()).start();
    for (n, id) in (1..).zip(["a://1", "a://2"]) {
        pusher.add_or_update(id, &full(n)).await.unwrap();
    }
    let _ = pusher.flush().await;
    let failed = handed.take();
    fake.inject(Fault::on(Operation::UploadToContainer).latency(secs(10)));
    let newer = async {
        tokio::time::sleep(secs(5)).await;
        pusher.add_or_update("a://1", &full(9)).await.unwrap();
        pusher.flush().await.unwrap();
    };
    let (again, ()) = tokio::join!(failed[0].push_again(), newer);
    assert!(again.unwrap().is_some());
    assert_eq!((number(&fake, "a://1"), number(&fake, "a://2")), (Some(9), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn a_saved_batch_is_not_written_over_another_one() {
    let (fake, folder) = (fake(), Folder::new());
    fake.inject(Fault::on(Operation::PushItemContainer).status(412));
    let pusher = pusher(&fake).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await;
    let there = report.failed_batches[0].save(&folder.0).unwrap();
    assert_eq!(fs::read(there.path()).unwrap(), report.failed_batches[0].to_body());
    let error = report.failed_batches[0].save(&folder.0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().starts_with(&there.path().display().to_string()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_not_there_is_created() {
    let (fake, folder) = (fake(), Folder::new());
    let inner = Folder(folder.0.join("failed").join("items"));
    assert!(SavedBatch::files(&inner.0).unwrap().is_empty());
    let saved = run(&fake, &inner, &[]).await;
    assert_eq!(inner.files(), saved.iter().map(|saved| saved.path().to_owned()).collect::<Vec<_>>());
}

#[test]
fn the_files_of_a_folder_come_in_the_order_of_their_batches_and_nothing_else_of_it_does() {
    let folder = Folder::new();
    let names = ["batch-000002.json", "batch-000010.json", "batch-999999.json", "batch-1000000.json"];
    let others = ["batch-000002.json.new", "batch-.json", "notes.json", "batch-one.json"];
    for name in names.iter().chain(&others) {
        fs::write(folder.0.join(name), "{}").unwrap();
    }
    assert_eq!(SavedBatch::files(&folder.0).unwrap(), names.map(|name| folder.0.join(name)));
    let error = SavedBatch::files(folder.0.join(names[0])).unwrap_err();
    assert!(error.to_string().contains(names[0]), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_changed_is_not_guessed_at() {
    let (fake, folder) = (fake(), Folder::new());
    let mut saved = run(&fake, &folder, &["a://2"]).await;
    fs::write(saved[0].path(), "{\"addOrUpdate\":[]}").unwrap();
    assert_eq!(saved[0].update().unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(fs::read(saved[0].path()).unwrap(), b"{\"addOrUpdate\":[]}");
}
