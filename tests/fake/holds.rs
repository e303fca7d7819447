//! What the fake holds after what was pushed.

use coveo_push::fake::FakePushApi;
use coveo_push::{
    BatchDocumentBody, BatchIdentityBody, CompressionType, DocumentBody, Identity, IdentityBody, MappedIdentity,
    MappedIdentityBody, SecurityIdentityType, SourceStatus,
};
use serde_json::json;

use super::support::{PROVIDER, SOURCE, fake};

#[tokio::test]
async fn a_status_that_was_set_is_held() {
    let fake = fake();
    assert_eq!(fake.source(SOURCE).status(), None);
    let _ = fake.client().sources().set_status(SOURCE, SourceStatus::Rebuild).await.unwrap();
    assert_eq!(fake.source(SOURCE).status(), Some(SourceStatus::Rebuild));
}

#[tokio::test]
async fn an_item_is_held_as_it_was_pushed() {
    let fake = fake();
    let doc = DocumentBody::text("words").title("Title").metadata("Pages", 12).file_extension(".txt");
    let _ = fake.client().items(SOURCE).add_or_update("https://example.com/a", &doc).ordering_id(7).await.unwrap();
    let item = fake.source(SOURCE).item("https://example.com/a").unwrap();
    assert_eq!(item.document_id(), "https://example.com/a");
    assert_eq!(item.ordering_id().get(), 7);
    assert_eq!(item.title(), Some("Title"));
    assert_eq!(item.metadata("pages"), Some(&json!(12)));
    assert_eq!(item.data(), Some("words"));
    assert_eq!(item.content().unwrap(), "words");
    assert_eq!(item.file_extension(), Some(".txt"));
    assert_eq!(item.compression_type(), None);
    assert_eq!(item.json(), &json!({"data": "words", "title": "Title", "Pages": 12, "fileExtension": ".txt"}));
}

#[tokio::test]
async fn an_item_of_a_batch_is_held_as_one_that_came_alone() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let doc = DocumentBody::inline("H4sIAAAAAAACAyvPL0opBgCMHn1xBQAAAA==", CompressionType::GZip).title("Title");
    let _ = items.add_or_update("https://example.com/a", &doc).await.unwrap();
    let batch = BatchDocumentBody::new().add_or_update("https://example.com/b", doc);
    let _ = items.push_batch(&batch).await.unwrap();
    let [a, b] = fake.source(SOURCE).items().try_into().unwrap();
    assert_eq!(a.json(), b.json());
    assert_eq!(a.compression_type(), Some(CompressionType::GZip));
    assert_eq!(b.compression_type(), Some(CompressionType::GZip));
    assert_eq!(b.content().unwrap(), "words");
}

#[tokio::test]
async fn the_bytes_of_a_container_are_the_content_of_its_item() {
    let fake = fake();
    let client = fake.client();
    let container = client.file_containers().store(vec![1, 2, 3]).await.unwrap();
    let doc = DocumentBody::container(container.file_id(), CompressionType::Uncompressed);
    let _ = client.items(SOURCE).add_or_update("https://example.com/a", &doc).await.unwrap();
    let item = fake.source(SOURCE).item("https://example.com/a").unwrap();
    assert_eq!(item.content().unwrap(), vec![1, 2, 3]);
    assert_eq!(item.file_id(), Some(container.file_id()));
    assert_eq!(item.compression_type(), Some(CompressionType::Uncompressed));
}

#[tokio::test]
async fn an_item_pushed_again_is_replaced_whole() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let _ = items.add_or_update("https://example.com/a", &DocumentBody::text("1").author("x")).await.unwrap();
    let _ = items.add_or_update("https://example.com/a", &DocumentBody::text("2")).await.unwrap();
    assert_eq!(fake.source(SOURCE).item("https://example.com/a").unwrap().json(), &json!({"data": "2"}));
    assert_eq!(fake.source(SOURCE).len(), 1);
}

#[tokio::test]
async fn a_delete_with_children_takes_all_below_the_id() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    for id in ["https://example.com/a", "https://example.com/a/1", "https://example.com/b"] {
        let _ = items.add_or_update(id, &DocumentBody::new()).await.unwrap();
    }
    let _ = items.delete("https://example.com/a").await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://example.com/a/1", "https://example.com/b"]);
    let _ = items.delete("https://example.com/a").delete_children(true).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://example.com/b"]);
}

#[tokio::test]
async fn a_batch_adds_and_deletes() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let _ = items.add_or_update("https://example.com/old", &DocumentBody::new()).await.unwrap();
    let batch = BatchDocumentBody::new()
        .add_or_update("https://example.com/new", DocumentBody::new())
        .delete("https://example.com/old");
    let _ = items.push_batch(&batch).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://example.com/new"]);
    let containers = fake.containers();
    assert_eq!((containers.created, containers.filled, containers.committed), (1, 1, 1));
}

#[tokio::test]
async fn a_group_pushed_again_loses_the_members_left_out() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let group = IdentityBody::group("g").member(Identity::user("a")).member(Identity::user("b"));
    let _ = identities.add_or_update(&group).await.unwrap();
    let _ = identities.add_or_update(&IdentityBody::group("g").member(Identity::user("b"))).await.unwrap();
    let held = fake.provider(PROVIDER).identity("g", SecurityIdentityType::Group).unwrap();
    assert_eq!(held.members(), [Identity::user("b")]);
}

#[tokio::test]
async fn aliases_are_held_beside_members() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let alias = MappedIdentity::user("a@example.com").provider("Email Security Provider");
    let _ = identities.add_or_update(&IdentityBody::user("a").well_known(Identity::group("all"))).await.unwrap();
    let _ = identities
        .add_or_update_alias(&MappedIdentityBody::user("a").alias(alias.clone()).well_known(Identity::group("all")))
        .await
        .unwrap();
    let held = fake.provider(PROVIDER).identity("a", SecurityIdentityType::User).unwrap();
    assert_eq!(held.aliases(), [alias]);
    assert_eq!(held.well_knowns(), [Identity::group("all")]);
}

#[tokio::test]
async fn a_deleted_identity_is_disabled_until_it_is_pushed_again() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let held = || fake.provider(PROVIDER).identity("a", SecurityIdentityType::User).unwrap();
    let _ = identities.add_or_update(&IdentityBody::user("a")).await.unwrap();
    assert!(!held().is_disabled());
    let _ = identities.delete(&Identity::user("a")).await.unwrap();
    assert!(held().is_disabled());
    let _ = identities.add_or_update(&IdentityBody::user("a")).await.unwrap();
    assert!(!held().is_disabled());
}

#[tokio::test]
async fn a_batch_of_identities_pushes_members_and_aliases_and_disables() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let _ = identities.add_or_update(&IdentityBody::user("gone")).await.unwrap();
    let batch = BatchIdentityBody::new()
        .add_or_update(IdentityBody::group("g").member(Identity::user("a")))
        .add_or_update_alias(MappedIdentityBody::user("a").alias(MappedIdentity::user("a@example.com")))
        .delete(Identity::user("gone"));
    let _ = identities.push_batch(&batch).await.unwrap();
    let held: Vec<_> = fake
        .provider(PROVIDER)
        .identities()
        .iter()
        .map(|it| (it.identity().name.clone(), it.members().len(), it.aliases().len(), it.is_disabled()))
        .collect();
    let expected = [("a", 0, 1, false), ("g", 1, 0, false), ("gone", 0, 0, true)];
    assert_eq!(held, expected.map(|(name, members, aliases, off)| (name.to_owned(), members, aliases, off)));
}

#[test]
#[should_panic(expected = "no source `my-sorce`; it was built with `a`, `my-source`")]
fn a_source_that_is_mistyped_is_no_empty_source() {
    let fake = FakePushApi::builder().source("my-source").source("a").build();
    let _ = fake.source("my-sorce");
}

#[test]
#[should_panic(expected = "no provider `My provider`; it was built with `My Provider`")]
fn a_provider_that_is_mistyped_is_no_empty_provider() {
    let _ = FakePushApi::builder().provider("My Provider").build().provider("My provider");
}

#[test]
#[should_panic(expected = "no provider `My Provider`; it was built without any")]
fn a_provider_that_was_forgotten_is_no_empty_provider() {
    let _ = FakePushApi::builder().source("my-source").build().provider("My Provider");
}

#[test]
fn a_fake_that_was_asked_for_the_wrong_source_goes_on() {
    let fake = fake();
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fake.source("other")));
    assert!(asked.is_err() && fake.source(SOURCE).is_empty());
}
