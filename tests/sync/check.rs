//! What the source holds, before a sync.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{ApiKey, DocumentBody, Ledger, Operation, PushClient, SyncError};

use super::support::{Corpus, SOURCE, World, counts, push_all};

const HOUR: Duration = Duration::from_secs(3_600);
const PUSH_KEY: &str = "push-key";

fn many(count: u32) -> Corpus {
    (0..count).map(|number| (format!("a://{number}"), 1)).collect()
}

/// A source and a ledger with ten items, of which others then deleted some.
async fn with_deleted(count: u32) -> (World, Ledger) {
    let fake = FakePushApi::builder()
        .source(SOURCE)
        .catalog_source("my-catalog")
        .api_key("full-key")
        .push_key(PUSH_KEY)
        .build();
    let world = World { fake, folder: tempfile::tempdir().unwrap() };
    world.run(&many(10)).await.into_result().unwrap();
    for number in 0..count {
        let _ = world.items().delete(format!("a://{number}")).await.unwrap();
    }
    let ledger = world.ledger();
    (world, ledger)
}

fn asked(world: &World) -> usize {
    world.calls(Operation::GetSource)
}

#[tokio::test(start_paused = true)]
async fn a_sync_does_not_start_into_a_source_that_lost_more_than_a_tenth() {
    for (deleted, is_less) in [(0, false), (1, false), (2, true), (10, true)] {
        let (world, ledger) = with_deleted(deleted).await;
        tokio::time::sleep(HOUR).await;
        let started = world.sync(&ledger).start().await;
        assert_eq!(asked(&world), 1);
        match started {
            Ok(_) => assert!(!is_less, "{deleted} were deleted"),
            Err(error) => {
                let held = u64::from(10 - deleted);
                let is_it = matches!(error, SyncError::SourceHoldsLess { known: 10, held: it, .. } if it == held);
                assert!(is_less && is_it, "{error}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_error_says_pushes_everything_again() {
    for forgets in [true, false] {
        let (world, ledger) = with_deleted(10).await;
        tokio::time::sleep(HOUR).await;
        let error = world.sync(&ledger).start().await.unwrap_err();
        let expected = "the source `my-source` holds 0 items, but the ledger says 10: to push everything, sync once with \
                        `push_all(true)`, or call `Ledger::forget` if the source was emptied";
        assert!(error.to_string().starts_with(expected), "{error}");
        if forgets {
            ledger.forget(&world.items()).unwrap();
        }
        let run = world.sync(&ledger).push_all(!forgets).start().await.unwrap();
        push_all(&run, &many(10)).await;
        run.finish().await.into_result().unwrap();
        assert_eq!((world.held(), asked(&world)), (many(10), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_source_is_not_asked_while_all_is_new_in_doubt_or_unchecked() {
    // The service may still be indexing the items.
    let (world, ledger) = with_deleted(10).await;
    drop(world.sync(&ledger).start().await.unwrap());
    tokio::time::sleep(HOUR).await;
    drop(world.sync(&ledger).check_source(false).start().await.unwrap());
    // All ids get in doubt: nothing is sure to be there.
    world.fake.inject(Fault::on(Operation::PushItemContainer).status(400));
    let run = world.sync(&ledger).push_all(true).start().await.unwrap();
    push_all(&run, &many(10)).await;
    assert_eq!(run.finish().await.in_doubt, 10);
    drop(world.sync(&ledger).start().await.unwrap());
    assert_eq!(asked(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sync_starts_where_the_source_cannot_be_read() {
    let (world, ledger) = with_deleted(10).await;
    tokio::time::sleep(HOUR).await;
    let start = async |client: PushClient| {
        let run = client.items(SOURCE).sync(&ledger).start().await?;
        push_all(&run, &many(10)).await;
        Ok::<_, SyncError>(counts(&run.finish().await.into_result()?))
    };
    let push_key = world.fake.client().with_credentials(ApiKey::new(PUSH_KEY));
    assert_eq!(start(push_key).await.unwrap(), [0, 0, 10, 0]);
    for status in [401, 403, 404] {
        world.fake.inject(Fault::on(Operation::GetSource).status(status));
        assert_eq!(start(world.fake.client()).await.unwrap(), [0, 0, 10, 0], "{status}");
    }
    // Another failure says nothing of the source, and is told.
    world.fake.inject(Fault::on(Operation::GetSource).status(400));
    assert!(matches!(start(world.fake.client()).await, Err(SyncError::Call(_))));
}

#[tokio::test(start_paused = true)]
async fn the_source_of_a_catalog_is_checked_too() {
    let (world, ledger) = with_deleted(0).await;
    let catalog = world.fake.client().catalog("my-catalog");
    let run = catalog.sync(&ledger).start().await.unwrap();
    run.add_or_update("product://1", &DocumentBody::text("words")).await.unwrap();
    run.finish().await.into_result().unwrap();
    tokio::time::sleep(HOUR).await;
    drop(catalog.sync(&ledger).start().await.unwrap());
    let batch = coveo_push::BatchUpdateBody::new().delete("product://1");
    let _ = catalog.update_batch(&batch).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let error = catalog.sync(&ledger).start().await.unwrap_err();
    assert!(matches!(error, SyncError::SourceHoldsLess { held: 0, known: 1, .. }), "{error}");
}
