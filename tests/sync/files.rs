//! The file of a ledger: opened twice, damaged, of another kind.

use std::fs;

use coveo_push::{Ledger, LedgerError, SyncError};

use super::support::{World, corpus, push_all};

#[test]
fn a_ledger_that_is_open_cannot_be_opened_again() {
    let world = World::new();
    let ledger = world.ledger();
    let error = Ledger::open(world.path()).unwrap_err();
    assert!(matches!(error, LedgerError::InUse(_)), "{error}");
    assert!(error.to_string().contains("is open already"), "{error}");
    drop(ledger);
    world.ledger();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_damaged_or_something_else_is_an_error_that_says_what_to_do() {
    let world = World::new();
    let many = (0..5_000).map(|number| (format!("a://{number}"), 1)).collect();
    world.run(&many).await.into_result().unwrap();
    let whole = fs::read(world.path()).unwrap();
    let mut scrambled = whole.clone();
    scrambled.iter_mut().skip(4096).step_by(7).for_each(|byte| *byte ^= 0x5A);
    for damaged in [b"no ledger".to_vec(), vec![7; 100_000], whole[..whole.len() / 2].to_vec(), scrambled] {
        fs::write(world.path(), &damaged).unwrap();
        // Damage shows as the file is opened, or as it is read.
        let error = match Ledger::open(world.path()) {
            Err(error) => error,
            Ok(ledger) => ledger.stats().unwrap_err(),
        };
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        assert!(error.to_string().contains("delete it and sync again"), "{error}");
    }
    let folder = Ledger::open(world.folder.path()).unwrap_err();
    assert!(matches!(folder, LedgerError::Io { .. }), "{folder:?}");
}

#[tokio::test(start_paused = true)]
async fn only_one_sync_into_a_source_is_under_way() {
    let world = World::new();
    let ledger = world.ledger();
    let run = world.sync(&ledger).start().await.unwrap();
    let error = world.sync(&ledger).start().await.unwrap_err();
    assert!(matches!(error, SyncError::Ledger(LedgerError::UnderWay(_))), "{error}");
    assert!(matches!(ledger.forget(&world.items()), Err(LedgerError::UnderWay(_))));
    push_all(&run, &corpus([("a://1", 1)])).await;
    run.finish().await.into_result().unwrap();
    drop(world.sync(&ledger).start().await.unwrap());
    world.sync(&ledger).start().await.unwrap().abort().await;
}
