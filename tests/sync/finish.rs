//! What `finish` deletes.

use coveo_push::report::{MissingKept, MissingOutcome};
use coveo_push::{Items, SyncBuilder};

use super::support::{Corpus, World, corpus, doc, push_all};

/// Syncs `all`, and then `rest` with other settings; returns what became of the missing ones.
async fn missing(
    world: &World,
    all: &Corpus,
    rest: &Corpus,
    change: impl FnOnce(SyncBuilder<Items>) -> SyncBuilder<Items>,
) -> MissingOutcome {
    world.run(all).await.into_result().unwrap();
    let ledger = world.ledger();
    let run = change(world.sync(&ledger)).start().await.unwrap();
    push_all(&run, rest).await;
    let report = run.finish().await;
    assert_eq!(report.is_complete(), matches!(report.missing, MissingOutcome::Deleted(_)), "{report}");
    report.missing
}

fn many(count: u32) -> Corpus {
    (0..count).map(|number| (format!("a://{number}"), 1)).collect()
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_missing_items_are_deleted_by_the_rules() {
    let two = corpus([("a://0", 1), ("a://1", 1)]);
    let kept = MissingOutcome::Kept;
    for (all, rest, allowed, at_least, expected) in [
        (many(3), two.clone(), None, 1, MissingOutcome::Deleted(1)),
        (many(3), two.clone(), Some(0), 1, kept(MissingKept::TooMany { missing: 1, known: 3 })),
        (many(3), two.clone(), None, 3, kept(MissingKept::TooFew { seen: 2, expected: 3 })),
        (many(3), Corpus::new(), None, 1, kept(MissingKept::TooFew { seen: 0, expected: 1 })),
        (many(3), Corpus::new(), None, 0, MissingOutcome::Deleted(3)),
        (many(103), two.clone(), None, 1, kept(MissingKept::TooMany { missing: 101, known: 103 })),
        (many(103), two.clone(), Some(101), 1, MissingOutcome::Deleted(101)),
    ] {
        let world = World::new();
        let set = |sync: SyncBuilder<Items>| {
            let sync = sync.expect_at_least(at_least);
            allowed.into_iter().fold(sync, SyncBuilder::allow_deleting)
        };
        let outcome = missing(&world, &all, &rest, set).await;
        let left = all.len() - if let MissingOutcome::Deleted(count) = outcome { count as usize } else { 0 };
        assert_eq!(outcome, expected);
        assert_eq!(world.held().len(), left, "{expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_new_ids_do_not_allow_the_deletion_of_all_old_ones() {
    let world = World::new();
    let renamed: Corpus = (0..150).map(|number| (format!("b://{number}"), 1)).collect();
    let outcome = missing(&world, &many(150), &renamed, |sync| sync).await;
    assert_eq!(outcome, MissingOutcome::Kept(MissingKept::TooMany { missing: 150, known: 150 }));
    assert_eq!(world.held().len(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_feed_of_changes_deletes_only_what_it_says() {
    let world = World::new();
    world.run(&many(4)).await.into_result().unwrap();
    let ledger = world.ledger();
    let run = world.sync(&ledger).changes_only().start().await.unwrap();
    run.delete("a://1").await.unwrap();
    run.add_or_update("a://2", &doc(2)).await.unwrap();
    let report = run.finish().await.into_result().unwrap();
    assert_eq!(report.missing, MissingOutcome::Kept(MissingKept::ChangesOnly));
    drop(ledger);
    assert_eq!(world.held(), corpus([("a://0", 1), ("a://2", 2), ("a://3", 1)]));
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_refused_and_kept_items_stay_and_unknown_ones_keep_everything() {
    let world = World::new();
    world.run(&many(4)).await.into_result().unwrap();
    for (unknown, left) in [(true, 4), (false, 3)] {
        let ledger = world.ledger();
        let run = world.sync(&ledger).start().await.unwrap();
        let refused = run.add_or_update_json(r#"{"documentId":"a://0","data":7}"#).await.unwrap();
        assert!(refused.refused().is_some());
        run.keep("a://1");
        run.add_or_update("a://2", &doc(1)).await.unwrap();
        if unknown {
            // Not JSON: its id is not known.
            assert!(run.add_or_update_json("{").await.unwrap().refused().is_some());
        }
        let report = run.finish().await;
        assert_eq!((report.kept, report.push.totals.refused), (1, 1 + u64::from(unknown)));
        assert_eq!(world.held().len(), left, "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_a_run_that_is_aborted_or_has_lost_a_push_deletes_nothing() {
    let world = World::new();
    world.run(&many(4)).await.into_result().unwrap();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    assert_eq!(run.abort().await.missing, MissingOutcome::Kept(MissingKept::Aborted));
    let run = world.sync(&ledger).start().await.unwrap();
    run.add_or_update("a://0", &doc(1)).await.unwrap();
    drop(run.add_or_update("a://1", &doc(1)).into_future());
    assert_eq!(run.finish().await.missing, MissingOutcome::Kept(MissingKept::Cancelled(1)));
    let run = world.sync(&ledger).start().await.unwrap();
    run.add_or_update("a://0", &doc(1)).await.unwrap();
    run.keep_missing();
    assert_eq!(run.finish().await.missing, MissingOutcome::Kept(MissingKept::UnknownIds(1)));
    assert_eq!(world.held().len(), 4);
}
