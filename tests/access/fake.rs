//! The fake says who sees what was pushed to it.

use coveo_push::fake::FakePushApi;
use coveo_push::{
    DocumentBody, Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity,
    PermissionSet, Permissions, PushClient, SecurityIdentityType, Viewer,
};
use proptest::prelude::*;

use super::any::pushes;
use super::cases::cases;
use super::model::{Push, Pushes};
use super::{EMAIL, PROVIDER, allow, email};

const ID: &str = "https://example.com/a";

fn fake() -> FakePushApi {
    FakePushApi::builder().secured_source("secured").source("open").provider(PROVIDER).provider("Another").build()
}

async fn push_item(client: &PushClient, permissions: impl Into<Permissions>) {
    let doc = DocumentBody::text("Words.").permissions(permissions);
    let _ = client.items("secured").add_or_update(ID, &doc).await.unwrap();
}

#[tokio::test]
async fn an_item_is_visible_to_those_whom_its_permissions_allow() {
    let fake = fake();
    let client = fake.client();
    let staff = IdentityBody::group("Staff").member(Identity::user("asmith")).member(Identity::user("bjones"));
    let identities = client.identities(PROVIDER);
    let _ = identities.add_or_update(&staff).await.unwrap();
    let alias = MappedIdentityBody::user("asmith").alias(MappedIdentity::user("asmith@example.com").provider(EMAIL));
    let _ = identities.add_or_update_alias(&alias).await.unwrap();
    push_item(&client, allow(PermissionIdentity::group("Staff")).deny(PermissionIdentity::user("bjones"))).await;

    let graph = fake.identity_graph();
    let item = fake.source("secured").item(ID).unwrap();
    let access = item.visible_to(&graph.viewer(email("asmith@example.com")));
    let text = "allowed in level 1: by set 1 (asmith@example.com [Email Security Provider] = asmith -> Staff)";
    assert_eq!(access.to_string(), text);
    assert!(item.visible_to(&graph.viewer(Identity::user("bjones"))).is_denied());
    assert!(item.visible_to(&graph.viewer(Identity::user("cbrown"))).is_unknown());
    assert!(!item.visible_to(&Viewer::unauthenticated()).is_allowed());
}

#[tokio::test]
async fn an_item_without_permissions_is_visible_to_everybody_where_it_needs_none() {
    let fake = fake();
    let _ = fake.client().items("open").add_or_update(ID, &DocumentBody::text("Words.")).await.unwrap();
    let item = fake.source("open").item(ID).unwrap();
    assert!(item.visible_to(&Viewer::unauthenticated()).is_allowed());
    assert!(item.visible_to(&fake.identity_graph().viewer(Identity::user("a"))).is_allowed());
}

#[tokio::test]
async fn permissions_count_in_a_source_that_needs_none() {
    let fake = fake();
    let doc = DocumentBody::text("Words.").permissions(PermissionSet::new());
    let _ = fake.client().items("open").add_or_update(ID, &doc).await.unwrap();
    assert!(!fake.source("open").item(ID).unwrap().visible_to(&Viewer::unauthenticated()).is_allowed());
}

#[tokio::test]
async fn the_first_provider_of_the_fake_is_the_default_one() {
    let fake = FakePushApi::builder().secured_source("secured").provider("Zulu").provider("Alpha").build();
    let viewer = fake.identity_graph().viewer(Identity::user("a"));
    let zulu = allow(PermissionIdentity::user("a").security_provider("Zulu"));
    assert!(Permissions::from(zulu).evaluate(&viewer).is_allowed());
}

#[tokio::test]
async fn without_a_provider_everybody_is_known_by_their_address() {
    let fake = FakePushApi::builder().secured_source("secured").build();
    push_item(&fake.client(), allow(email("a@example.com"))).await;
    let viewer = fake.identity_graph().viewer(Identity::user("a@example.com"));
    assert!(fake.source("secured").item(ID).unwrap().visible_to(&viewer).is_allowed());
}

#[tokio::test]
async fn what_was_disabled_sees_nothing_any_more_pushed_or_only_named() {
    let fake = fake();
    let client = fake.client();
    let identities = client.identities(PROVIDER);
    let _ = identities.add_or_update(&IdentityBody::group("Staff").member(Identity::user("a"))).await.unwrap();
    push_item(&client, allow(PermissionIdentity::group("Staff"))).await;
    let item = fake.source("secured").item(ID).unwrap();
    assert!(item.visible_to(&fake.identity_graph().viewer(Identity::user("a"))).is_allowed());

    let _ = identities.delete(&Identity::user("a")).await.unwrap();
    assert!(item.visible_to(&fake.identity_graph().viewer(Identity::user("a"))).is_unknown());
    assert!(fake.provider(PROVIDER).identity("a", SecurityIdentityType::User).unwrap().is_disabled());
}

#[tokio::test]
async fn what_was_disabled_for_its_age_sees_nothing_any_more() {
    let fake = fake();
    let client = fake.client();
    let identities = client.identities(PROVIDER);
    let staff = IdentityBody::group("Staff").member(Identity::user("a"));
    let _ = identities.add_or_update(&staff).ordering_id(1).await.unwrap();
    push_item(&client, allow(PermissionIdentity::group("Staff"))).await;
    let _ = identities.delete_older_than(2).await.unwrap();
    fake.pass_time(std::time::Duration::from_secs(15 * 60));
    let viewer = fake.identity_graph().viewer(Identity::user("a"));
    assert!(fake.source("secured").item(ID).unwrap().visible_to(&viewer).is_unknown());
}

#[tokio::test]
async fn a_graph_stays_as_it_is_when_more_is_pushed() {
    let fake = fake();
    let before = fake.identity_graph();
    let staff = IdentityBody::group("Staff").member(Identity::user("a"));
    let _ = fake.client().identities(PROVIDER).add_or_update(&staff).await.unwrap();
    let count = |graph: &IdentityGraph| graph.viewer(Identity::user("a")).identities().count();
    assert_eq!((count(&before), count(&fake.identity_graph())), (1, 2));
}

/// Pushes to a fake what is pushed to a graph.
fn pushed(pushes: &Pushes) -> FakePushApi {
    let fake = FakePushApi::builder().provider(PROVIDER).provider(EMAIL).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let client = fake.client();
        for push in &pushes.0 {
            let _ = match push {
                Push::Members(provider, body) => client.identities(*provider).add_or_update(body).await,
                Push::Aliases(provider, body) => client.identities(*provider).add_or_update_alias(body).await,
                Push::Deleted(provider, identity) => client.identities(*provider).delete(identity).await,
            }
            .unwrap();
        }
    });
    fake
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn the_graph_of_the_fake_is_that_of_what_was_pushed(pushes in pushes()) {
        let (fakes, own) = (pushed(&pushes).identity_graph(), pushes.graph());
        for name in ["a", "b", "c", "d", "A"] {
            for provider in [PROVIDER, EMAIL] {
                for identity in [PermissionIdentity::user(name), PermissionIdentity::group(name)] {
                    let identity = identity.security_provider(provider);
                    let all = |graph: &IdentityGraph| {
                        let mut all: Vec<_> = graph.viewer(identity.clone()).identities().cloned().collect();
                        all.sort();
                        all
                    };
                    prop_assert_eq!(all(&fakes), all(&own));
                }
            }
        }
    }
}
