//! What only a whole run can see: refused or let through, as the client's switch says.

use coveo_push::fake::FakePushApi;
use coveo_push::{
    DocumentBody, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PermissionIdentity, PermissionSet,
    Permissions, Preflight, PushClient, Pushed, RefreshKind,
};
use coveo_push::{KnownIdentities, Rule};

use super::support::{PROVIDER, SOURCE, secs};

fn fake() -> FakePushApi {
    FakePushApi::builder().secured_source(SOURCE).provider(PROVIDER).build()
}

fn client(fake: &FakePushApi, switch: Preflight) -> PushClient {
    fake.client_builder().preflight(switch).build().unwrap()
}

/// The rules that a refused push breaks; none for one that was taken.
fn refused(pushed: &Pushed) -> Vec<Rule> {
    match pushed {
        Pushed::Refused(refused) => refused.findings().iter().map(|finding| finding.rule()).collect(),
        _ => Vec::new(),
    }
}

fn staff() -> IdentityBody {
    IdentityBody::group("Staff").member(Identity::user("asmith@example.com"))
}

fn doc_for(identity: PermissionIdentity) -> DocumentBody {
    DocumentBody::text("words").permissions(PermissionSet::new().allow(identity))
}

#[tokio::test(start_paused = true)]
async fn an_item_without_permissions_or_with_an_unknown_identity_is_refused_in_every_form() {
    let fake = fake();
    let client = client(&fake, Preflight::Refuse);
    let known = KnownIdentities::new();
    let groups = client.identities(PROVIDER).refresh().pusher(|pusher| pusher.known_identities(&known));
    let groups = groups.start().await.unwrap();
    groups.pusher().add_or_update(&staff()).await.unwrap();
    assert!(!groups.pusher().add_or_update(&IdentityBody::group("")).await.unwrap().is_queued());
    assert!(!groups.finish().await.is_complete());
    assert_eq!(known.len(), 2);

    let items = client.items(SOURCE).refresh(RefreshKind::Rebuild);
    let run = items.pusher(|pusher| pusher.known_identities(&known).secured(true)).start().await.unwrap();
    let [staff, user, public] = [
        doc_for(PermissionIdentity::group("Staff")),
        doc_for(PermissionIdentity::user("asmith@example.com").security_provider(PROVIDER)),
        DocumentBody::text("words").permissions(Permissions::public()),
    ];
    let [unknown, nobody] = [doc_for(PermissionIdentity::user("Staff")), DocumentBody::text("words")];
    for (id, doc, expected) in [
        ("a://1", &staff, vec![]),
        ("a://2", &user, vec![]),
        ("a://3", &public, vec![]),
        ("a://4", &unknown, vec![Rule::PermissionIdentityUnknown]),
        ("a://5", &nobody, vec![Rule::PermissionsMissing]),
    ] {
        let json = serde_json::to_string(doc).unwrap();
        assert_eq!(refused(&run.pusher().add_or_update(id, doc).await.unwrap()), expected, "{id}");
        assert_eq!(refused(&run.pusher().add_or_update_json(&json).document_id(id).await.unwrap()), expected, "{id}");
    }
    let report = run.finish().await;
    let totals = report.push.totals;
    assert_eq!((totals.refused, totals.accepted + totals.replaced), (4, 6));
    // Refused items are not sent, and nothing is deleted.
    assert!(fake.source(SOURCE).dropped().is_empty());
    assert!(!report.is_complete());
}

#[tokio::test(start_paused = true)]
async fn with_the_switch_at_warn_it_is_sent_and_counted_and_with_off_it_is_not_looked_for() {
    for (switch, warned) in [(Preflight::Warn, 2), (Preflight::Off, 0)] {
        let fake = fake();
        let known = KnownIdentities::new();
        let items = client(&fake, switch).items(SOURCE).refresh(RefreshKind::Rebuild);
        let run = items.pusher(|pusher| pusher.known_identities(&known).secured(true)).start().await.unwrap();
        run.pusher().add_or_update("a://1", &doc_for(PermissionIdentity::user("bob"))).await.unwrap();
        run.pusher().add_or_update("a://2", &DocumentBody::text("words")).await.unwrap();
        let report = run.finish().await;
        assert_eq!(
            (report.push.totals.accepted, report.push.totals.refused, report.push.totals.warned),
            (2, 0, warned)
        );
        assert_eq!(fake.source(SOURCE).dropped().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_it_is_looked_for_unless_it_is_asked_for() {
    let fake = fake();
    let client = client(&fake, Preflight::Refuse);
    let items = client.items(SOURCE).pusher().start();
    assert!(items.add_or_update("a://1", &DocumentBody::text("words")).await.unwrap().is_queued());
    let groups = client.identities(PROVIDER).pusher().start();
    assert!(groups.add_or_update(&staff()).await.unwrap().is_queued());
    assert!(groups.add_or_update(&IdentityBody::group("Staff")).await.unwrap().is_queued());
    assert!(items.finish().await.is_complete());
    assert!(groups.finish().await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_comes_in_pages_is_refused_from_the_second_on() {
    let fake = fake();
    let groups = client(&fake, Preflight::Refuse).identities(PROVIDER).refresh();
    let run = groups.pusher(|pusher| pusher.compare_identities(true)).start().await.unwrap();
    let second_page = IdentityBody::group("Staff").member(Identity::user("bjones@example.com"));
    assert!(run.pusher().add_or_update(&staff()).await.unwrap().is_queued());
    assert!(run.pusher().add_or_update(&staff()).await.unwrap().is_queued());
    let found = refused(&run.pusher().add_or_update(&second_page).await.unwrap());
    assert_eq!(found, [Rule::IdentityMembersDiffer]);
    let granted = MappedIdentityBody::group("Staff")
        .alias(MappedIdentity::group("All").provider("Another"))
        .well_known(Identity::group("Everybody"));
    let found = refused(&run.pusher().add_or_update_alias(&granted).await.unwrap());
    assert_eq!(found, [Rule::WellKnownsDiffer]);
    run.pusher().delete(&Identity::group("Staff")).await.unwrap();
    assert!(run.pusher().add_or_update(&second_page).await.unwrap().is_queued());
    assert!(!run.finish().await.is_complete());
    let held = fake.provider(PROVIDER).identity("Staff", coveo_push::SecurityIdentityType::Group).unwrap();
    assert_eq!(held.members(), [Identity::user("bjones@example.com")]);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_was_refused_for_another_reason_is_not_what_later_ones_are_held_against() {
    let fake = fake();
    let groups = client(&fake, Preflight::Refuse).identities(PROVIDER).pusher();
    let pusher = groups.batch_bytes(1_024).compare_identities(true).start();
    let too_many = IdentityBody::group("Staff").members((0..100).map(|n| Identity::user(format!("u{n}@example.com"))));
    assert_eq!(refused(&pusher.add_or_update(&too_many).await.unwrap()), [Rule::ContainerTooLarge]);
    assert!(pusher.add_or_update(&staff()).await.unwrap().is_queued());
    tokio::time::sleep(secs(1)).await;
    pusher.finish().await.into_result().unwrap();
}
