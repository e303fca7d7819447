//! Each operation of the API once.

use std::time::{Duration, UNIX_EPOCH};

use coveo_push::platform::{FieldModel, NewSecurityProvider, NewSource, Privilege, SourceModel};
use coveo_push::{
    DocumentBody, Error, FileContainer, Host, Identity, IdentityBody, MappedIdentityBody, Operation, PushClient,
    SourceStatus,
};

/// Calls an operation; an upload goes to `container`.
pub(crate) async fn call(client: &PushClient, operation: Operation, container: &FileContainer) -> Result<(), Error> {
    let (items, identities) = (client.items("s"), client.identities("p"));
    match operation {
        Operation::SetSourceStatus => client.sources().set_status("s", SourceStatus::Idle).await.map(drop),
        Operation::AddOrUpdateItem => items.add_or_update("a://1", &DocumentBody::text("words")).await.map(drop),
        Operation::DeleteItem => items.delete("a://1").await.map(drop),
        Operation::PushItemContainer => items.push_container("f").await.map(drop),
        Operation::DeleteOldItems => items.delete_older_than(1).await.map(drop),
        Operation::AddOrUpdateIdentity => identities.add_or_update(&IdentityBody::user("u")).await.map(drop),
        Operation::AddOrUpdateAlias => identities.add_or_update_alias(&MappedIdentityBody::user("u")).await.map(drop),
        Operation::DeleteIdentity => identities.delete(&Identity::user("u")).await.map(drop),
        Operation::PushIdentityContainer => identities.push_container("f").await.map(drop),
        Operation::DeleteOldIdentities => identities.delete_older_than(1).await.map(drop),
        Operation::CreateFileContainer => client.file_containers().create().await.map(drop),
        Operation::UploadToContainer => client.file_containers().upload(container, "bytes").await.map(drop),
        operation if operation.host() == Host::Platform => platform(client, operation).await,
        Operation::SearchLogs | Operation::CountLogs => logs(client, operation).await,
        operation => stream(client, operation).await,
    }
}

/// Calls an operation of the platform API. Some calls make requests of others first.
async fn platform(client: &PushClient, operation: Operation) -> Result<(), Error> {
    let (platform, identities) = (client.platform(), client.identities("p"));
    match operation {
        Operation::ListSources => platform.sources().await.map(drop),
        Operation::CreateSource => platform.create_source(NewSource::push("new source")).await.map(drop),
        Operation::GetSource => platform.source("s").await.map(drop),
        Operation::UpdateSource => platform.update_source(&source_model()).await.map(drop),
        Operation::DeleteSource => platform.delete_source("s").await,
        Operation::CreateSecurityProvider => {
            platform.create_provider(NewSecurityProvider::for_source("new provider", "s")).await.map(drop)
        }
        Operation::GetSecurityProvider => platform.provider("p").await.map(drop),
        Operation::UpdateSecurityProvider => {
            platform.create_provider(NewSecurityProvider::for_source("p", "s")).await.map(drop)
        }
        Operation::DeleteSecurityProvider => platform.delete_provider("new provider").await,
        Operation::SearchFields => platform.fields().await.map(drop),
        Operation::CreateFields => platform.create_fields([FieldModel::string("newfield")]).await.map(drop),
        Operation::GetLimits => platform.limits().await.map(drop),
        Operation::GetOrganizationStatus => platform.organization_status().await.map(drop),
        Operation::ResumeOrganization => platform.resume_organization().await,
        Operation::EvaluatePrivilege => platform.has_privilege(Privilege::new("SOURCE", "VIEW")).await.map(drop),
        Operation::GetIdentityState => identities.state(&Identity::user("u")).await.map(drop),
        Operation::ListIdentityStates => identities.in_error().await.map(drop),
        other => panic!("{other} has no call here"),
    }
}

/// A source as the service would write it.
fn source_model() -> SourceModel {
    serde_json::from_str(r#"{"id":"s","name":"s","sourceType":"PUSH","sourceVisibility":"SHARED"}"#).unwrap()
}

/// Calls an operation of the logs.
async fn logs(client: &PushClient, operation: Operation) -> Result<(), Error> {
    let (from, to) = (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(3_600));
    match operation {
        Operation::CountLogs => client.logs().counts(from, to).await.map(drop),
        _ => client.logs().search(from, to).source("s").await.map(drop),
    }
}

/// Calls an operation of the Stream API.
async fn stream(client: &PushClient, operation: Operation) -> Result<(), Error> {
    let (catalog, collection) = (client.catalog("s"), client.data_collection("d"));
    match operation {
        Operation::OpenStream => catalog.open_stream().await.map(drop),
        Operation::CreateStreamChunk => catalog.create_chunk("t").await.map(drop),
        Operation::CloseStream => catalog.close_stream("t").await.map(drop),
        Operation::UpdateCatalog => catalog.update_container("f").await.map(drop),
        Operation::MergeCatalog => catalog.merge_container("f").await.map(drop),
        Operation::DeleteOldCatalogItems => catalog.delete_older_than(1).await.map(drop),
        Operation::OpenCollectionStream => collection.open_stream().await.map(drop),
        Operation::CreateCollectionChunk => collection.create_chunk("t").await.map(drop),
        Operation::CloseCollectionStream => collection.close_stream("t").await.map(drop),
        Operation::UpdateCollection => collection.update_container("f").await.map(drop),
        Operation::MergeCollection => collection.merge_container("f").await.map(drop),
        Operation::DeleteOldCollectionItems => collection.delete_older_than(1).await.map(drop),
        other => panic!("{other} has no call here"),
    }
}
