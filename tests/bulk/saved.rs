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

const COMMIT: Operation = Operation::PushItemContainer;

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
    let save = move |failed: coveo_push::report::FailedBatch| {
        saving.lock().unwrap().push(failed.save_blocking(&path).unwrap())
    };
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
        let saved = SavedBatch::open(file).unwrap();
        assert!(saved.superseded_ids().unwrap().is_empty());
        let _ = items.push_batch_json(saved.body().unwrap().unwrap()).await.unwrap();
        saved.remove().unwrap();
    }
    assert!(folder.files().is_empty());
    assert_eq!(fake.source(SOURCE).document_ids(), ["a://1", "a://2", "b://1", "b://2"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_pushed_again_later_is_taken_out_of_the_files() {
    let (fake, folder) = (fake(), Folder::new());
    let saved = run(&fake, &folder, &["a://2", "b://1", "b://2", "b://1/gone"]).await;
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
    let saved = handed.take()[0].save(&folder.0).await.unwrap();
    assert_eq!(saved.body().unwrap(), None);
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
    let there = report.failed_batches[0].save(&folder.0).await.unwrap();
    assert_eq!(fs::read(there.path()).unwrap(), report.failed_batches[0].to_body());
    let error = report.failed_batches[0].save(&folder.0).await.unwrap_err();
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

/// A run whose first batch failed: it holds `a://1`.
async fn one_failed(fake: &FakePushApi) -> (coveo_push::ItemPusher, Handed) {
    fake.inject(Fault::on(COMMIT).status(412));
    let handed = Handed::default();
    let run = pusher(fake).on_failed_batch(handed.handler()).start();
    run.add_or_update("a://1", &full(1)).await.unwrap();
    run.flush().await.unwrap();
    (run, handed)
}

/// A run whose first batch failed and is saved: it holds `a://1` and `a://2`.
async fn one_saved(fake: &FakePushApi, folder: &Folder) -> (coveo_push::ItemPusher, SavedBatch) {
    fake.inject(Fault::on(COMMIT).status(412));
    let handed = Handed::default();
    let run = pusher(fake).batch_bytes(2_000).on_failed_batch(handed.handler()).start();
    for (n, id) in (1..).zip(["a://1", "a://2"]) {
        run.add_or_update(id, &full(n)).await.unwrap();
    }
    run.flush().await.unwrap();
    // Only the file is left of it.
    let saved = handed.take().remove(0).save(&folder.0).await.unwrap();
    (run, saved)
}

fn ids_in(saved: &SavedBatch) -> Vec<String> {
    let body = saved.body().unwrap().unwrap_or_else(|| b"{}".to_vec());
    held(&body).iter().map(|operation| operation.id().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_saved_operation_is_marked_before_a_later_version_is_committed_and_named_until_that_is_accepted() {
    let (fake, folder) = (fake(), Folder::new());
    let (run, saved) = one_saved(&fake, &folder).await;
    fake.inject(Fault::on(COMMIT).latency(secs(10)));
    run.add_or_update("a://1", &full(9)).await.unwrap();
    // It is queued, and not committed.
    assert_eq!(ids_in(&saved), ["a://1", "a://2"]);
    let looking = async {
        tokio::time::sleep(secs(5)).await;
        // A program that is killed now leaves this.
        let left = SavedBatch::open(saved.path()).unwrap();
        (ids_in(&left), left.superseded_ids().unwrap())
    };
    let (_, (ids, superseded)) = tokio::join!(run.flush(), looking);
    assert_eq!((ids, superseded), (vec!["a://2".to_owned()], vec!["a://1".to_owned()]));
    assert_eq!((ids_in(&saved), saved.superseded_ids().unwrap()), (vec!["a://2".to_owned()], vec![]));
    assert_eq!(folder.files(), [saved.path()]);
    run.delete("a://2").await.unwrap();
    let _ = run.finish().await;
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[tokio::test(start_paused = true)]
async fn an_operation_stays_named_when_its_later_version_fails() {
    let (fake, folder) = (fake(), Folder::new());
    let (run, saved) = one_saved(&fake, &folder).await;
    fake.inject(Fault::on(COMMIT).status(413));
    for id in ["a://1", "a://2"] {
        run.add_or_update(id, &full(9)).await.unwrap();
    }
    let _ = run.finish().await;
    assert_eq!(saved.body().unwrap(), None);
    assert_eq!(saved.superseded_ids().unwrap(), ["a://1", "a://2"]);
    assert!(SavedBatch::is_whole(saved.path()).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_saved_while_a_later_version_is_under_way_names_the_operation() {
    for accepted in [false, true] {
        let (fake, folder) = (fake(), Folder::new());
        let (run, handed) = one_failed(&fake).await;
        fake.inject(Fault::on(COMMIT).latency(secs(10)));
        run.add_or_update("a://1", &full(2)).await.unwrap();
        let saving = async {
            tokio::time::sleep(secs(if accepted { 20 } else { 5 })).await;
            let saved = handed.take().remove(0).save(&folder.0).await.unwrap();
            saved.superseded_ids().unwrap()
        };
        let (_, named) = tokio::join!(run.flush(), saving);
        assert_eq!(named, if accepted { vec![] } else { vec!["a://1".to_owned()] });
        let _ = run.finish().await;
        assert!(folder.files().is_empty(), "{:?}", folder.files());
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_version_that_is_accepted_later_takes_nothing_out_of_a_file() {
    let (fake, folder) = (fake(), Folder::new());
    let handed = Handed::default();
    let run = pusher(&fake).on_failed_batch(handed.handler()).start();
    super::support::prove(&run).await;
    fake.inject(Fault::on(COMMIT).latency(secs(30)));
    fake.inject(Fault::on(Operation::UploadToContainer).skip(2).status(403).always());
    // The item between them seals the batch of the first version.
    for (id, n) in [("a://1", 1), ("a://2", 1), ("a://1", 2)] {
        run.add_or_update(id, &full(n)).await.unwrap();
    }
    let saving = async {
        tokio::time::sleep(secs(10)).await;
        handed.take().remove(0).save(&folder.0).await.unwrap()
    };
    let (flushed, saved) = tokio::join!(run.flush(), saving);
    assert_eq!((flushed.unwrap().accepted, number(&fake, "a://1")), (2, Some(1)));
    assert_eq!((ids_in(&saved), saved.superseded_ids().unwrap()), (vec!["a://1".to_owned()], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_saved_batch_that_the_run_pushes_again_with_success_leaves_no_file() {
    let (fake, folder) = (fake(), Folder::new());
    let (run, handed) = one_failed(&fake).await;
    let failed = handed.take().remove(0);
    let saved = failed.save(&folder.0).await.unwrap();
    fake.inject(Fault::on(COMMIT).latency(secs(10)));
    run.push_again(failed).await.unwrap();
    let looking = async {
        tokio::time::sleep(secs(5)).await;
        // The same version does not count as a later one.
        (ids_in(&saved), saved.superseded_ids().unwrap())
    };
    let (_, (ids, superseded)) = tokio::join!(run.flush(), looking);
    assert_eq!((ids, superseded), (vec!["a://1".to_owned()], vec![]));
    assert!(folder.files().is_empty(), "{:?}", folder.files());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_changed_is_not_guessed_at_and_the_later_version_is_not_committed() {
    for changed in [b"{\"addOrUpdate\":[]}".as_slice(), b"no text: \xff"] {
        let (fake, folder) = (fake(), Folder::new());
        let (run, saved) = one_saved(&fake, &folder).await;
        fs::write(saved.path(), changed).unwrap();
        run.add_or_update("a://2", &full(9)).await.unwrap();
        let flushed = run.flush().await.unwrap();
        assert_eq!((flushed.failed, number(&fake, "a://2")), (1, None));
        assert_eq!(fs::read(saved.path()).unwrap(), changed);
        // A removed one is not an obstacle.
        saved.remove().unwrap();
        run.add_or_update("a://2", &full(10)).await.unwrap();
        assert_eq!((run.flush().await.unwrap().failed, number(&fake, "a://2")), (0, Some(10)));
        assert!(folder.files().is_empty());
    }
}

#[test]
fn a_file_that_was_cut_off_is_told_by_its_name() {
    let folder = Folder::new();
    for text in ["", "{\"addOrUpdate\":[{"] {
        let path = folder.0.join("batch-000001.json");
        fs::write(&path, text).unwrap();
        assert!(!SavedBatch::is_whole(&path).unwrap());
        let error = SavedBatch::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().contains("batch-000001.json"), "{error}");
    }
}
