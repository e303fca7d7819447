//! Every request that the crate can make, with every setter.

use std::collections::BTreeMap;
use std::time::Duration;

use coveo_push::{
    BatchDocumentBody, BatchIdentityBody, Catalog, CompressionType, Content, DeletedDocument, DocumentBody, Identity,
    IdentityBody, MappedIdentity, MappedIdentityBody, MetadataValue, Operation, PermissionIdentity, PermissionLevel,
    PermissionSet, Permissions, Preflight, PushClient, RefreshKind, RetryPolicy, SecurityIdentityType, SourceStatus,
};

use crate::exchanges::{CATALOG, COLLECTION, Exchange, PROVIDER, SOURCE, Watched};
use crate::facts::is_of_the_contract;

const TYPES: [SecurityIdentityType; 4] = [
    SecurityIdentityType::User,
    SecurityIdentityType::Group,
    SecurityIdentityType::VirtualGroup,
    SecurityIdentityType::Unknown,
];
const COMPRESSIONS: [CompressionType; 5] = [
    CompressionType::Uncompressed,
    CompressionType::ZLib,
    CompressionType::GZip,
    CompressionType::Lzma,
    CompressionType::Deflate,
];
const STATUSES: [SourceStatus; 4] =
    [SourceStatus::Rebuild, SourceStatus::Refresh, SourceStatus::Incremental, SourceStatus::Idle];

/// Makes every call, and gives back what passed. Each was accepted.
pub(crate) async fn every_call() -> Vec<Exchange> {
    let watched = Watched::new();
    let client = watched
        .fake
        .client_builder()
        .transport(watched.clone())
        .retry(RetryPolicy::none())
        // What the service would refuse or drop is sent, too: the contract knows nothing of that.
        .preflight(Preflight::Off)
        .build()
        .unwrap();
    for status in STATUSES {
        let _ = client.sources().set_status(SOURCE, status).await.unwrap();
    }
    let file_id = containers(&client).await;
    items(&client, &file_id).await;
    identities(&client).await;
    bulk(&client).await;
    content(&client).await;
    refreshes(&client).await;
    for catalog in [client.catalog(CATALOG), client.data_collection(COLLECTION)] {
        streams(&client, &catalog).await;
    }
    let exchanges = watched.take();
    for operation in Operation::ALL.iter().copied().filter(is_of_the_contract) {
        let is_made = exchanges.iter().any(|exchange| exchange.request.operation() == Some(operation));
        assert!(is_made, "there is no call for {operation}");
    }
    for Exchange { request, answer } in &exchanges {
        assert!(answer.status().is_success(), "{request:?}\n{answer:?}");
    }
    exchanges
}

async fn containers(client: &PushClient) -> String {
    let containers = client.file_containers();
    let container = containers.create().use_virtual_hosted_style_url(false).await.unwrap();
    containers.upload(&container, "bytes").await.unwrap();
    containers.store("bytes").await.unwrap().file_id().to_owned()
}

async fn items(client: &PushClient, file_id: &str) {
    let items = client.items(SOURCE);
    for doc in documents(file_id) {
        let _ = items.add_or_update("https://example.com/a?b=c&d=ü#e", &doc).ordering_id(7).await.unwrap();
    }
    let plain = DocumentBody::new();
    let _ = items.add_or_update("https://example.com/b", &plain).ordering_id(u64::MAX).await.unwrap();
    for compression in COMPRESSIONS {
        let _ = items.add_or_update("https://example.com/c", &plain).compression_type(compression).await.unwrap();
    }
    let _ = items.delete("https://example.com/a").await.unwrap();
    for children in [false, true] {
        let _ = items.delete("https://example.com/a").delete_children(children).ordering_id(7).await.unwrap();
    }
    let mut batch = BatchDocumentBody::new()
        .delete("https://example.com/x")
        .delete(DeletedDocument::new("https://example.com/y").delete_children(true));
    for (number, doc) in documents(file_id).into_iter().enumerate() {
        batch = batch.add_or_update(format!("https://example.com/batch/{number}"), doc);
    }
    let pushed = items.push_batch(&batch).ordering_id(7).await.unwrap();
    let _ = items.push_container(pushed.file_id().unwrap()).ordering_id(7).await.unwrap();
    let json = serde_json::to_vec(&batch).unwrap();
    let _ = items.push_batch_json(json).await.unwrap();
    let _ = items.delete_older_than(1).await.unwrap();
    let _ = items.delete_older_than(1).queue_delay(Duration::ZERO).await.unwrap();
    let _ = items.delete_older_than(1).queue_delay(Duration::from_secs(61)).await.unwrap();
}

async fn identities(client: &PushClient) {
    let identities = client.identities(PROVIDER);
    let mut batch = BatchIdentityBody::new();
    for kind in TYPES {
        let (body, aliases, identity) = identity_bodies(kind);
        let _ = identities.add_or_update(&body).ordering_id(7).await.unwrap();
        let _ = identities.add_or_update_alias(&aliases).ordering_id(7).await.unwrap();
        let _ = identities.delete(&identity).ordering_id(7).await.unwrap();
        batch = batch.add_or_update(body).add_or_update_alias(aliases).delete(identity);
    }
    let pushed = identities.push_batch(&batch).ordering_id(7).await.unwrap();
    let _ = identities.push_container(pushed.file_id().unwrap()).ordering_id(7).await.unwrap();
    let _ = identities.push_batch_json(serde_json::to_vec(&batch).unwrap()).await.unwrap();
    let _ = identities.delete_older_than(1).await.unwrap();
    let _ = identities.delete_older_than(1).queue_delay(Duration::from_secs(300)).await.unwrap();
}

async fn streams(client: &PushClient, catalog: &Catalog) {
    let containers = client.file_containers();
    let stream = catalog.open_stream().await.unwrap();
    let batch = r#"{"addOrUpdate":[{"documentId":"product://1","ec_price":1.5}]}"#;
    containers.upload(stream.container(), batch).await.unwrap();
    containers.upload(&catalog.create_chunk(stream.stream_id()).await.unwrap(), batch).await.unwrap();
    let _ = catalog.close_stream(stream.stream_id()).await.unwrap();
    let file_id = containers.store(batch).await.unwrap().file_id().to_owned();
    let _ = catalog.update_container(&file_id).await.unwrap();
    let _ = catalog.merge_container(&file_id).await.unwrap();
    let _ = catalog.delete_older_than(1).await.unwrap();
    let _ = catalog.delete_older_than(1).queue_delay(Duration::ZERO).await.unwrap();
}

async fn bulk(client: &PushClient) {
    let pusher = client.items(SOURCE).pusher().ordering_id(7).start();
    for (number, doc) in documents("file").into_iter().enumerate() {
        let _ = pusher.add_or_update(format!("https://example.com/bulk/{number}"), &doc).await.unwrap();
    }
    let _ = pusher.delete("https://example.com/x").await.unwrap();
    let _ = pusher.delete("https://example.com/y/").delete_children(true).await.unwrap();
    let _ = pusher.finish().await.into_result().unwrap();

    let pusher = client.identities(PROVIDER).pusher().start();
    for kind in TYPES {
        let (body, aliases, identity) = identity_bodies(kind);
        let _ = pusher.add_or_update(&body).await.unwrap();
        let _ = pusher.add_or_update_alias(&aliases).await.unwrap();
        let _ = pusher.delete(&identity).await.unwrap();
    }
    let _ = pusher.finish().await.into_result().unwrap();
}

/// Content that goes as text, as base64, and through a container; alone and in a batch.
async fn content(client: &PushClient) {
    let contents = || {
        let large = Content::bytes(vec![7; 4_000_000]).compression(CompressionType::Uncompressed);
        [Content::text("words"), Content::bytes("words").compression(CompressionType::GZip), large]
    };
    let items = client.items(SOURCE);
    let pusher = items.pusher().start();
    let doc = DocumentBody::new();
    for content in contents() {
        let _ = items.add_or_update("https://example.com/c", &doc).content(content).ordering_id(7).await.unwrap();
    }
    for content in contents() {
        let _ = pusher.add_or_update("https://example.com/c", &doc).content(content).await.unwrap();
    }
    let _ = pusher.finish().await.into_result().unwrap();
}

async fn refreshes(client: &PushClient) {
    for kind in [RefreshKind::Rebuild, RefreshKind::Refresh, RefreshKind::Incremental] {
        let refresh = client.items(SOURCE).refresh(kind).queue_delay(Duration::from_secs(300));
        let run = refresh.allow_missing_permissions().start().await.unwrap();
        let _ = run.pusher().add_or_update("https://example.com/a", &DocumentBody::text("words")).await.unwrap();
        let _ = run.finish().await.into_result().unwrap();
    }
    let run = client.identities(PROVIDER).refresh().start().await.unwrap();
    let _ = run.pusher().add_or_update(&IdentityBody::user("name")).await.unwrap();
    let _ = run.finish().await.into_result().unwrap();
}

/// Items with each kind of data, permissions of both models, and metadata of every kind.
fn documents(file_id: &str) -> Vec<DocumentBody> {
    let mut set = PermissionSet::new().allow_anonymous(true);
    for kind in TYPES {
        let identity = || PermissionIdentity::new("name", kind);
        set = set.allow(identity()).deny(identity().security_provider(PROVIDER));
    }
    let level = PermissionLevel::new("level").permission_set(set.clone()).permission_set(PermissionSet::new());
    let text = DocumentBody::text("words")
        .title("a title")
        .author("an author")
        .date("2026-11-08T12:18:41.666Z")
        .clickable_uri("https://example.com/a")
        .language(["en", "fr"])
        .metadata("whole", -12)
        .metadata("large", MetadataValue::Unsigned(u64::MAX))
        .metadata("broken", 1.5)
        .metadata("yes", true)
        .metadata("dictionary", BTreeMap::from([("ca".to_owned(), MetadataValue::from(14.99))]))
        .file_extension(".txt")
        .parent_id("https://example.com/parent")
        .permissions(set);
    let complete = DocumentBody::inline("AAAA", CompressionType::GZip).permissions(Permissions::complete([level]));
    let mut documents = vec![text, complete, DocumentBody::new()];
    documents.extend(COMPRESSIONS.map(|compression| DocumentBody::container(file_id, compression)));
    documents
}

/// A body of each kind for one identity, with everything in it.
fn identity_bodies(kind: SecurityIdentityType) -> (IdentityBody, MappedIdentityBody, Identity) {
    let identity = Identity::new(format!("{kind:?}"), kind).additional_info("key", "value");
    let alias = MappedIdentity::new("alias", kind).provider("Email Security Provider").additional_info("key", "value");
    let body = IdentityBody::new(identity.clone()).member(identity.clone()).well_known(identity.clone());
    let aliases = MappedIdentityBody::new(identity.clone()).alias(alias).well_known(identity.clone());
    (body, aliases, identity)
}
