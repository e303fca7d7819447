//! Catalogs and identities.

use std::time::Duration;

use coveo_push::report::{MissingKept, MissingOutcome};
use coveo_push::{Identity, IdentityBody, KnownIdentities, MappedIdentity, MappedIdentityBody, PartialUpdate};

use super::support::{World, counts, doc};

#[tokio::test(start_paused = true)]
async fn a_catalog_is_synced_and_a_partial_update_makes_the_next_sync_push_the_item() {
    let world = World::new();
    let catalog = world.fake.client().catalog("my-catalog");
    let ledger = world.ledger();
    let sync = async |ids: &[&str]| {
        let run = catalog.sync(&ledger).start().await.unwrap();
        for id in ids {
            run.add_or_update(*id, &doc(1)).await.unwrap();
        }
        let report = run.finish().await.into_result().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        counts(&report)
    };
    assert_eq!(sync(&["product://1", "product://2", "product://3"]).await, [3, 0, 0, 0]);
    assert_eq!(sync(&["product://1", "product://2", "product://3"]).await, [0, 0, 3, 0]);
    let run = catalog.sync(&ledger).changes_only().start().await.unwrap();
    run.partial_update(PartialUpdate::replace("product://1", "version", 9)).await.unwrap();
    // Not one of the ledger's: it stays so.
    run.partial_update(PartialUpdate::replace("product://of-others", "version", 9)).await.unwrap();
    run.finish().await.into_result().unwrap();
    assert_eq!(sync(&["product://1", "product://2"]).await, [0, 1, 1, 1]);
    let held = world.fake.source("my-catalog");
    assert_eq!(held.document_ids(), ["product://1", "product://2"]);
    assert_eq!(held.item("product://1").unwrap().metadata("version").unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn identities_are_synced_with_their_aliases() {
    let world = World::new();
    let identities = world.fake.client().identities("My Provider");
    let ledger = world.ledger();
    let sync = async |users: &[&str], member: &str, alias: &str| {
        let run = identities.sync(&ledger).start().await.unwrap();
        for user in users {
            run.add_or_update(&IdentityBody::user(*user)).await.unwrap();
            let address = MappedIdentity::user(alias).provider("Email Security Provider");
            run.add_or_update_alias(&MappedIdentityBody::user(*user).alias(address)).await.unwrap();
        }
        run.add_or_update(&IdentityBody::group("Staff").member(Identity::user(member))).await.unwrap();
        let report = run.finish().await.into_result().unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        counts(&report)
    };
    assert_eq!(sync(&["ann", "bob"], "ann", "x@y.z").await, [5, 0, 0, 0]);
    assert_eq!(sync(&["ann", "bob"], "ann", "x@y.z").await, [0, 0, 5, 0]);
    assert_eq!(sync(&["ann", "bob"], "bob", "x@y.z").await, [0, 1, 4, 0]);
    assert_eq!(sync(&["ann", "bob"], "bob", "u@v.w").await, [0, 2, 3, 0]);
    assert_eq!(sync(&["ann"], "bob", "u@v.w").await, [0, 0, 3, 1]);
    assert_eq!(sync(&["ann"], "bob", "u@v.w").await, [0, 0, 3, 0]);
    // Its aliases came back with it.
    assert_eq!(sync(&["ann", "bob"], "bob", "u@v.w").await, [2, 0, 3, 0]);
    let run = identities.sync(&ledger).start().await.unwrap();
    run.keep(&Identity::user("ann"));
    run.keep(&Identity::user("bob"));
    assert_eq!(counts(&run.finish().await.into_result().unwrap()), [0, 0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn skipped_and_kept_identities_are_known_to_the_run_of_the_items() {
    let world = World::new();
    let (identities, ledger) = (world.fake.client().identities("My Provider"), world.ledger());
    for is_skipped in [false, true] {
        let known = KnownIdentities::new();
        let sync = identities.sync(&ledger).pusher(|pusher| pusher.known_identities(&known));
        let run = sync.start().await.unwrap();
        let staff = IdentityBody::group("Staff").member(Identity::user("ann"));
        assert_eq!(run.add_or_update(&staff).await.unwrap().is_queued(), !is_skipped);
        if is_skipped {
            run.keep(&Identity::user("bob"));
        } else {
            run.add_or_update(&IdentityBody::user("bob")).await.unwrap();
            run.add_or_update(&IdentityBody::user("gone")).await.unwrap();
        }
        let report = run.finish().await.into_result().unwrap();
        assert_eq!(report.deleted, u64::from(is_skipped));
        for (reader, is_known) in [
            (Identity::group("Staff"), true),
            (Identity::user("ann"), true),
            (Identity::user("bob"), true),
            (Identity::user("gone"), !is_skipped),
            (Identity::user("zoe"), false),
        ] {
            assert_eq!(known.knows(&reader.into()), is_known, "skipped: {is_skipped}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_skipped_and_then_pushed_with_other_members_is_refused() {
    let world = World::new();
    let (identities, ledger) = (world.fake.client().identities("My Provider"), world.ledger());
    let staff = |member: &str| IdentityBody::group("Staff").member(Identity::user(member));
    for _ in 0..2 {
        let sync = identities.sync(&ledger).pusher(|pusher| pusher.compare_identities(true));
        let run = sync.start().await.unwrap();
        assert!(run.add_or_update(&staff("ann")).await.unwrap().refused().is_none());
        assert!(run.add_or_update(&staff("bob")).await.unwrap().refused().is_some());
        run.finish().await.into_result().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_aliases_that_come_again_behind_the_deletion_of_their_identity_are_pushed() {
    let world = World::new();
    let (identities, ledger) = (world.fake.client().identities("My Provider"), world.ledger());
    let address = MappedIdentity::user("ann@y.z").provider("Email Security Provider");
    let (body, alias) = (IdentityBody::user("ann"), MappedIdentityBody::user("ann").alias(address));
    for (deletes, expected) in [(false, [2, 0, 0, 0]), (true, [0, 2, 0, 1]), (false, [0, 0, 2, 0])] {
        let run = identities.sync(&ledger).start().await.unwrap();
        if deletes {
            run.delete(&Identity::user("ann")).await.unwrap();
        }
        run.add_or_update(&body).await.unwrap();
        run.add_or_update_alias(&alias).await.unwrap();
        assert_eq!(counts(&run.finish().await.into_result().unwrap()), expected, "deletes: {deletes}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_14_of_identities_with_aliases_more_than_half_are_deleted_only_when_allowed() {
    let world = World::new();
    let (identities, ledger) = (world.fake.client().identities("My Provider"), world.ledger());
    for (users, missing) in [
        (0..150, MissingOutcome::Deleted(0)),
        (0..40, MissingOutcome::Kept(MissingKept::TooMany { missing: 110, known: 150 })),
        (40..300, MissingOutcome::Deleted(40)),
    ] {
        let run = identities.sync(&ledger).start().await.unwrap();
        for user in users {
            let (name, address) = (format!("user-{user}"), format!("{user}@y.z"));
            let alias = MappedIdentity::user(address).provider("Email Security Provider");
            run.add_or_update(&IdentityBody::user(&name)).await.unwrap();
            run.add_or_update_alias(&MappedIdentityBody::user(&name).alias(alias)).await.unwrap();
        }
        assert_eq!(run.finish().await.missing, missing);
    }
}
