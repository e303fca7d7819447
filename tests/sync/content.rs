//! Items with content: its bytes are part of the fingerprint.

use std::fs::{self, File};
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use coveo_push::{Content, DocumentBody, LedgerStep, Operation};

use super::support::{SOURCE, World};

const ID: &str = "a://1";

/// Pushes one item with content; whether it was skipped.
async fn is_skipped(world: &World, trust_file_times: bool, content: Content) -> bool {
    let ledger = world.ledger();
    let run = world.sync(&ledger).trust_file_times(trust_file_times).start().await.unwrap();
    run.add_or_update(ID, &DocumentBody::new().title("T")).content(content).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(report.added + report.updated + report.unchanged, 1);
    report.unchanged == 1
}

fn held(world: &World) -> Vec<u8> {
    world.fake.source(SOURCE).item(ID).unwrap().content().unwrap().to_vec()
}

/// Bytes that count as compressed, so that a large file of them is uploaded as it is.
fn zip(size: usize, last: u8) -> Vec<u8> {
    let mut bytes: Vec<u8> = b"PK\x03\x04".iter().copied().chain((0_u8..251).cycle()).take(size).collect();
    bytes.push(last);
    bytes
}

#[tokio::test(start_paused = true)]
async fn content_that_did_not_change_is_not_uploaded_wherever_it_comes_from() {
    let world = World::new();
    let path = world.folder.path().join("a.bin");
    // Small, compressed on the way, and read while it is uploaded.
    for bytes in [b"words".to_vec(), vec![b'x'; 200_000], zip(5_000_000, 1)] {
        fs::write(&path, &bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for content in [
            &|| Content::file(&path) as Content,
            &|| Content::bytes(bytes.clone()) as Content,
            &|| Content::text(&text) as Content,
            &|| Content::reader(Cursor::new(bytes.clone())) as Content,
        ] as [&dyn Fn() -> Content; 4]
        {
            is_skipped(&world, false, content()).await;
            world.fake.clear_requests();
            assert!(is_skipped(&world, false, content()).await, "{:?}", content());
            assert_eq!(world.fake.requests().len(), 0, "{:?}", content());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_changed_is_uploaded_with_its_new_bytes() {
    let world = World::new();
    let path = world.folder.path().join("a.bin");
    for size in [100, 200_000, 5_000_000] {
        for last in [1, 2, 1] {
            fs::write(&path, zip(size, last)).unwrap();
            assert!(!is_skipped(&world, false, Content::file(&path)).await, "{size} {last}");
            assert_eq!(held(&world), zip(size, last), "{size} {last}");
            assert!(is_skipped(&world, false, Content::file(&path)).await, "{size} {last}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_read_to_know_whether_it_changed() {
    let world = World::new();
    let reader = |text: &'static str| Content::reader(text.as_bytes());
    assert!(!is_skipped(&world, false, reader("one")).await);
    world.fake.clear_requests();
    assert!(is_skipped(&world, false, reader("one")).await);
    assert_eq!(world.calls(Operation::CreateFileContainer), 0);
    assert!(!is_skipped(&world, false, reader("two")).await);
}

/// Writes a file that was last changed so long ago.
fn write(path: &Path, text: &str, age: Duration) {
    fs::write(path, text).unwrap();
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_trusted_times_a_changed_file_is_found_and_a_touched_one_is_skipped() {
    const OLD: Duration = Duration::from_secs(60);
    let world = World::new();
    let path = world.folder.path().join("a.txt");
    write(&path, "one", OLD);
    assert!(!is_skipped(&world, true, Content::file(&path)).await);
    assert!(is_skipped(&world, true, Content::file(&path)).await);
    // Touched, with the same bytes: read, and skipped.
    write(&path, "one", 2 * OLD);
    assert!(is_skipped(&world, true, Content::file(&path)).await);
    write(&path, "two", 3 * OLD);
    assert!(!is_skipped(&world, true, Content::file(&path)).await);
    // A recent time is not recorded: a change within its granularity is found.
    write(&path, "old", Duration::ZERO);
    assert!(!is_skipped(&world, true, Content::file(&path)).await);
    write(&path, "new", Duration::ZERO);
    assert!(!is_skipped(&world, true, Content::file(&path)).await);
    assert_eq!(held(&world), b"new");
}

#[tokio::test(start_paused = true)]
async fn the_times_of_a_touched_file_are_recorded_once() {
    let world = World::new();
    let path = world.folder.path().join("a.txt");
    write(&path, "one", Duration::from_secs(60));
    assert!(!is_skipped(&world, true, Content::file(&path)).await);
    write(&path, "one", Duration::from_secs(120));
    // A change of the file is settled after a while.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut transactions = Vec::new();
    for _ in 0..3 {
        let ledger = world.ledger();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        ledger.on_transaction(move |step| {
            counted.fetch_add(usize::from(step == LedgerStep::After), Ordering::Relaxed);
            true
        });
        let run = world.sync(&ledger).trust_file_times(true).start().await.unwrap();
        run.add_or_update(ID, &DocumentBody::new().title("T")).content(Content::file(&path)).await.unwrap();
        assert_eq!(run.finish().await.into_result().unwrap().unchanged, 1);
        transactions.push(count.load(Ordering::Relaxed));
    }
    assert_eq!(transactions, [1, 0, 0]);
}
