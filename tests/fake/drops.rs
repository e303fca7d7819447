//! What the service accepts with 202 and then drops.

use std::time::{Duration, SystemTime};

use coveo_push::fake::{ClockOffset, DropReason, FakePushApi};
use coveo_push::{
    BatchDocumentBody, CompressionType, DocumentBody, Identity, IdentityBody, Operation, OrderingId,
    PermissionIdentity, PermissionSet, Permissions, Preflight, PushClient, SecurityIdentityType,
};

use super::support::{PROVIDER, SECURED, SOURCE, fake};

const A: &str = "https://example.com/a";

/// A client that sends what is going to be dropped.
fn heedless(fake: &FakePushApi) -> PushClient {
    fake.client_builder().preflight(Preflight::Off).build().unwrap()
}

/// Pushes one item, and tells why it was dropped.
async fn push(fake: &FakePushApi, source: &str, id: &str, doc: &DocumentBody) -> Option<DropReason> {
    let before = fake.source(source).dropped().len();
    let _ = heedless(fake).items(source).add_or_update(id, doc).await.unwrap();
    let dropped = fake.source(source).dropped();
    assert_eq!(fake.source(source).item(id).is_none(), dropped.len() > before);
    dropped.get(before).map(|dropped| dropped.reason())
}

fn allowing(identity: PermissionIdentity) -> DocumentBody {
    DocumentBody::new().permissions(PermissionSet::new().allow(identity))
}

#[tokio::test]
async fn an_item_whose_id_is_no_uri_is_dropped() {
    let fake = fake();
    for id in ["a", "mailto:a@example.com", "/a", "://a", "a://", "1a://b", "a b://c"] {
        assert_eq!(push(&fake, SOURCE, id, &DocumentBody::new()).await, Some(DropReason::DocumentIdNotAUri), "{id}");
    }
    for id in ["file://folder/a.txt", "s3+v2://b", "x:y://z"] {
        let expected = id.starts_with("x:").then_some(DropReason::DocumentIdNotAUri);
        assert_eq!(push(&fake, SOURCE, id, &DocumentBody::new()).await, expected, "{id}");
    }
}

#[tokio::test]
async fn what_comes_with_a_lower_ordering_id_than_the_item_has_is_dropped() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let _ = items.add_or_update(A, &DocumentBody::text("new")).ordering_id(10).await.unwrap();
    let _ = items.add_or_update(A, &DocumentBody::text("old")).ordering_id(9).await.unwrap();
    let _ = items.delete(A).ordering_id(9).await.unwrap();
    assert_eq!(fake.source(SOURCE).item(A).unwrap().data(), Some("new"));
    let dropped: Vec<_> =
        fake.source(SOURCE).dropped().iter().map(|it| (it.reason(), it.operation(), it.ordering_id().get())).collect();
    let expected = [
        (DropReason::StaleOrderingId, Operation::AddOrUpdateItem, 9),
        (DropReason::StaleOrderingId, Operation::DeleteItem, 9),
    ];
    assert_eq!(dropped, expected);
}

#[tokio::test]
async fn what_comes_with_the_same_ordering_id_replaces() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let _ = items.add_or_update(A, &DocumentBody::text("1")).ordering_id(10).await.unwrap();
    let _ = items.add_or_update(A, &DocumentBody::text("2")).ordering_id(10).await.unwrap();
    assert_eq!(fake.source(SOURCE).item(A).unwrap().data(), Some("2"));
}

#[tokio::test]
async fn an_item_does_not_come_back_with_a_lower_ordering_id_than_its_delete() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let _ = items.delete(A).ordering_id(10).await.unwrap();
    let _ = items.add_or_update(A, &DocumentBody::new()).ordering_id(9).await.unwrap();
    assert_eq!(fake.source(SOURCE).dropped()[0].reason(), DropReason::StaleOrderingId);
    let _ = items.add_or_update(A, &DocumentBody::new()).ordering_id(11).await.unwrap();
    assert_eq!(fake.source(SOURCE).len(), 1);
}

#[tokio::test]
async fn a_delete_with_children_leaves_a_child_that_is_newer() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    for (id, ordering) in [("https://a", 1), ("https://a/1", 1), ("https://a/2", 5)] {
        let _ = items.add_or_update(id, &DocumentBody::new()).ordering_id(ordering).await.unwrap();
    }
    let _ = items.delete("https://a").delete_children(true).ordering_id(3).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://a/2"]);
    assert_eq!(fake.source(SOURCE).dropped()[0].document_id(), "https://a/2");
}

#[tokio::test]
async fn an_item_with_more_than_5000_permissions_is_dropped() {
    let fake = fake();
    let doc = |count| {
        let users = (0..count).map(|number| PermissionIdentity::user(number.to_string()));
        let set = users.fold(PermissionSet::new(), PermissionSet::deny);
        DocumentBody::new().permissions(Permissions::simplified([PermissionSet::new(), set]))
    };
    assert_eq!(push(&fake, SOURCE, A, &doc(5_000)).await, None);
    assert_eq!(push(&fake, SOURCE, "https://b", &doc(5_001)).await, Some(DropReason::TooManyPermissions));
}

#[tokio::test]
async fn a_secured_source_drops_an_item_that_says_nothing_of_permissions() {
    let fake = fake();
    assert_eq!(push(&fake, SECURED, A, &DocumentBody::new()).await, Some(DropReason::MissingPermissions));
    let empty = DocumentBody::new().permissions(Permissions::simplified([]));
    assert_eq!(push(&fake, SECURED, A, &empty).await, Some(DropReason::MissingPermissions));
    let public = DocumentBody::new().permissions(Permissions::public());
    assert_eq!(push(&fake, SECURED, A, &public).await, None);
    assert_eq!(push(&fake, SOURCE, A, &DocumentBody::new()).await, None);
}

#[tokio::test]
async fn a_secured_source_drops_an_item_that_names_an_identity_nobody_knows() {
    let fake = fake();
    let group = IdentityBody::group("g").member(Identity::user("member"));
    let _ = fake.client().identities(PROVIDER).add_or_update(&group).await.unwrap();
    let known = [
        PermissionIdentity::group("g"),
        PermissionIdentity::user("member"),
        PermissionIdentity::group("g").security_provider(PROVIDER),
        PermissionIdentity::user("a@example.com").security_provider("Email Security Provider"),
    ];
    for identity in known {
        assert_eq!(push(&fake, SECURED, A, &allowing(identity.clone())).await, None, "{identity:?}");
    }
    let unknown = [
        PermissionIdentity::user("g"),
        PermissionIdentity::user("other"),
        PermissionIdentity::group("g").security_provider("Other Provider"),
    ];
    for identity in unknown {
        let reason = push(&fake, SECURED, "https://b", &allowing(identity.clone())).await;
        assert_eq!(reason, Some(DropReason::UnknownIdentity), "{identity:?}");
    }
    assert_eq!(push(&fake, SOURCE, A, &allowing(PermissionIdentity::user("other"))).await, None);
}

#[tokio::test]
async fn a_disabled_identity_is_no_longer_known() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let _ = identities.add_or_update(&IdentityBody::group("g").member(Identity::user("u"))).await.unwrap();
    let _ = identities.add_or_update(&IdentityBody::user("u")).await.unwrap();
    assert_eq!(push(&fake, SECURED, A, &allowing(PermissionIdentity::user("u"))).await, None);
    let _ = identities.delete(&Identity::user("u")).await.unwrap();
    let reason = push(&fake, SECURED, "https://b", &allowing(PermissionIdentity::user("u"))).await;
    assert_eq!(reason, Some(DropReason::UnknownIdentity));
}

#[tokio::test]
async fn without_a_provider_nobody_asks_who_an_identity_is_unless_it_has_no_name() {
    let fake = FakePushApi::builder().secured_source(SECURED).build();
    let nameless = allowing(PermissionIdentity::user(""));
    assert_eq!(push(&fake, SECURED, A, &nameless).await, Some(DropReason::UnknownIdentity));
    assert_eq!(push(&fake, SECURED, A, &allowing(PermissionIdentity::user("anyone"))).await, None);
}

#[tokio::test]
async fn an_item_whose_data_is_in_a_container_that_cannot_be_used_is_dropped() {
    let fake = fake();
    let empty = fake.client().file_containers().create().await.unwrap();
    for file_id in ["unknown", empty.file_id()] {
        let doc = DocumentBody::container(file_id, CompressionType::ZLib);
        assert_eq!(push(&fake, SOURCE, A, &doc).await, Some(DropReason::UnknownContainer));
    }
}

#[tokio::test]
async fn an_item_whose_binary_data_is_not_what_its_compression_type_says_is_dropped() {
    let fake = fake();
    let unreadable = Some(DropReason::UnreadableData);
    for compression in [CompressionType::ZLib, CompressionType::GZip, CompressionType::Deflate, CompressionType::Lzma] {
        // Words, nothing, and one stream that is cut off.
        for base64 in ["d29yZHM=", "", "eJwrzy9KKQ=="] {
            assert_eq!(push(&fake, SOURCE, A, &DocumentBody::inline(base64, compression)).await, unreadable);
        }
        let container = fake.client().file_containers().store("words").await.unwrap();
        let doc = DocumentBody::container(container.file_id(), compression);
        assert_eq!(push(&fake, SOURCE, A, &doc).await, unreadable);
    }
    // Without a compression type the service takes it for ZLib.
    assert_eq!(push(&fake, SOURCE, A, &DocumentBody::inline("d29yZHM=", None)).await, unreadable);
    assert_eq!(
        push(&fake, SOURCE, A, &DocumentBody::inline("eJwrzy9KKQYABqUCMA==", CompressionType::ZLib)).await,
        None
    );
}

#[tokio::test]
async fn in_a_batch_what_is_wrong_with_one_item_drops_that_item_alone() {
    let fake = fake();
    let large = "x".repeat(5_000_000);
    let batch = format!(
        r#"{{"addOrUpdate":[{{"documentId":"a"}},{{"documentId":"https://b","compressionType":"ZIP"}},
            {{"documentId":"https://c","data":"{large}"}},{{"documentId":"https://d"}}]}}"#
    );
    let client = fake.client();
    let container = client.file_containers().store(batch).await.unwrap();
    let _ = client.items(SOURCE).push_container(container.file_id()).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://d"]);
    let dropped: Vec<_> = fake.source(SOURCE).dropped().iter().map(|it| it.reason()).collect();
    let expected = [DropReason::DocumentIdNotAUri, DropReason::UnknownCompressionType, DropReason::DataTooLarge];
    assert_eq!(dropped, expected);
    assert!(fake.source(SOURCE).dropped().iter().all(|it| it.operation() == Operation::PushItemContainer));
}

#[tokio::test]
async fn an_operation_on_an_identity_with_a_lower_ordering_id_is_dropped() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let _ = identities.add_or_update(&IdentityBody::user("a")).ordering_id(10).await.unwrap();
    let _ = identities.delete(&Identity::user("a")).ordering_id(9).await.unwrap();
    assert!(!fake.provider(PROVIDER).identity("a", SecurityIdentityType::User).unwrap().is_disabled());
    let dropped = fake.provider(PROVIDER).dropped();
    assert_eq!((dropped[0].reason(), dropped[0].operation()), (DropReason::StaleOrderingId, Operation::DeleteIdentity));
}

#[tokio::test]
async fn what_is_pushed_by_a_clock_that_was_set_back_is_dropped() {
    let fake = fake();
    assert_eq!(push(&fake, SOURCE, A, &DocumentBody::new()).await, None);
    fake.set_clock_offset(ClockOffset::Behind(Duration::from_secs(60)));
    let _ = fake.client().items(SOURCE).add_or_update(A, &DocumentBody::new()).await.unwrap();
    assert_eq!(fake.source(SOURCE).dropped()[0].reason(), DropReason::StaleOrderingId);
}

#[tokio::test(start_paused = true)]
async fn after_a_delete_in_the_future_what_is_pushed_until_then_is_dropped() {
    let fake = fake();
    let items = heedless(&fake).items(SOURCE);
    let boundary = OrderingId::from_time(SystemTime::now() + Duration::from_secs(120));
    let _ = items.delete_older_than(boundary).await.unwrap();
    let _ = items.add_or_update(A, &DocumentBody::new()).await.unwrap();
    let _ = items.delete(A).await.unwrap();
    assert!(fake.source(SOURCE).is_empty());
    assert_eq!(fake.source(SOURCE).dropped().len(), 2);
    assert!(fake.source(SOURCE).dropped().iter().all(|it| it.reason() == DropReason::BeforeFutureDelete));
    let _ = items.add_or_update("https://b", &DocumentBody::new()).ordering_id(boundary).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://b"]);
    tokio::time::advance(Duration::from_secs(121)).await;
    let _ = items.add_or_update(A, &DocumentBody::new()).await.unwrap();
    assert_eq!(fake.source(SOURCE).len(), 2);
}

#[tokio::test]
async fn a_client_ahead_of_the_service_loses_what_it_pushes_after_a_delete() {
    let fake = FakePushApi::builder().source(SOURCE).clock_offset(ClockOffset::Behind(Duration::from_secs(60))).build();
    let items = fake.client().items(SOURCE);
    let _ = items.delete_older_than(OrderingId::from_time(SystemTime::now())).await.unwrap();
    let _ = items.push_batch(&BatchDocumentBody::new().add_or_update(A, DocumentBody::new())).await.unwrap();
    assert_eq!(fake.source(SOURCE).dropped()[0].reason(), DropReason::BeforeFutureDelete);
}
