//! What the service dropped after it was accepted.

use std::time::Duration;

use coveo_push::{Ledger, LedgerError, LogEntry, LogOperation, LogResult, LogTask, Outcomes};

use super::support::{Corpus, SOURCE, World, corpus, counts, doc, push_all};

/// Drops all items of version 7.
fn rejecting(world: &World) {
    world.fake.reject_in_pipeline(|item| (item.metadata("version")? == 7).then(|| "it says so".to_owned()));
}

/// Syncs a corpus, and asks for the outcomes.
async fn sync(world: &World, ledger: &Ledger, corpus: &Corpus, is_tracked: bool) -> ([u64; 4], Outcomes) {
    let run = world.sync(ledger).pusher(|it| if is_tracked { it.track_outcomes() } else { it }).start().await.unwrap();
    push_all(&run, corpus).await;
    let report = run.finish().await.into_result().unwrap();
    let outcomes = report.outcomes(&world.fake.client()).wait(Duration::from_secs(60)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    (counts(&report), outcomes)
}

#[tokio::test(start_paused = true)]
async fn a_dropped_item_is_pushed_again_and_an_indexed_or_unknown_one_is_not() {
    for is_tracked in [true, false] {
        let world = World::new();
        rejecting(&world);
        let (ledger, all) = (world.ledger(), corpus([("a://bad", 7), ("a://good", 1)]));
        let (first, outcomes) = sync(&world, &ledger, &all, is_tracked).await;
        assert_eq!((first, outcomes.dropped()), ([2, 0, 0, 0], 1));
        assert_eq!(sync(&world, &ledger, &all, is_tracked).await.0, [0, 0, 2, 0], "nobody told the ledger");
        assert_eq!(ledger.verify_with(&world.items(), &outcomes).await.unwrap(), 1);
        world.fake.reject_in_pipeline(|_| None);
        assert_eq!(sync(&world, &ledger, &all, is_tracked).await.0, [0, 1, 1, 0]);
        assert_eq!(world.held(), all);
        // An item of which the log is silent stays as it is.
        world.fake.indexing_delay(Duration::MAX);
        let more = corpus([("a://bad", 7), ("a://good", 1), ("a://silent", 1)]);
        let (third, outcomes) = sync(&world, &ledger, &more, is_tracked).await;
        assert_eq!((third, outcomes.counts.unknown), ([1, 0, 2, 0], u64::from(is_tracked)));
        assert_eq!(ledger.verify_with(&world.items(), &outcomes).await.unwrap(), 0);
        assert_eq!(sync(&world, &ledger, &more, is_tracked).await.0, [0, 0, 3, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_whose_new_version_was_dropped_is_deleted_when_it_is_gone() {
    let world = World::new();
    rejecting(&world);
    let ledger = world.ledger();
    sync(&world, &ledger, &corpus([("a://0", 1), ("a://1", 1)]), true).await;
    let (_, outcomes) = sync(&world, &ledger, &corpus([("a://0", 1), ("a://1", 7)]), true).await;
    assert_eq!(ledger.verify_with(&world.items(), &outcomes).await.unwrap(), 1);
    assert_eq!(sync(&world, &ledger, &corpus([("a://0", 1)]), true).await.0, [0, 0, 1, 1]);
    assert_eq!(world.held(), corpus([("a://0", 1)]));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_deletion_is_sent_again() {
    let world = World::new();
    let (ledger, rest) = (world.ledger(), corpus([("a://0", 1)]));
    sync(&world, &ledger, &corpus([("a://0", 1), ("a://1", 1)]), true).await;
    let run = world.sync(&ledger).pusher(|it| it.track_outcomes()).start().await.unwrap();
    push_all(&run, &rest).await;
    let report = run.finish().await.into_result().unwrap();
    let entry = LogEntry::new("a://1", LogTask::Indexing, LogOperation::Delete, LogResult::Error);
    world.fake.write_log(entry.source_id(SOURCE).datetime(world.fake.now()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let outcomes = report.outcomes(&world.fake.client()).await.unwrap();
    assert_eq!((counts(&report), outcomes.dropped()), ([0, 0, 1, 1], 1));
    assert_eq!(ledger.verify_with(&world.items(), &outcomes).await.unwrap(), 1);
    assert_eq!(sync(&world, &ledger, &rest, true).await.0, [0, 0, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_dropped_items_of_other_writers_are_not_deleted() {
    let world = World::new();
    rejecting(&world);
    let (ledger, own) = (world.ledger(), corpus([("a://0", 1)]));
    let run = world.sync(&ledger).start().await.unwrap();
    push_all(&run, &own).await;
    let report = run.finish().await.into_result().unwrap();
    let _ = world.items().add_or_update("a://of-others", &doc(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let _ = world.items().add_or_update("a://of-others", &doc(7)).await.unwrap();
    let outcomes = report.outcomes(&world.fake.client()).wait(Duration::from_secs(60)).await.unwrap();
    assert_eq!(outcomes.dropped(), 1);
    assert_eq!(ledger.verify_with(&world.items(), &outcomes).await.unwrap(), 0);
    assert_eq!(sync(&world, &ledger, &own, true).await.0, [0, 0, 1, 0]);
    assert_eq!(world.held(), corpus([("a://0", 1), ("a://of-others", 1)]));
    let error = ledger.verify_with(&world.fake.client().items("another"), &outcomes).await.unwrap_err();
    assert!(matches!(error, LedgerError::OtherTarget { .. }), "{error}");
}
