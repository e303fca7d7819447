//! Each operation of the API once.

use coveo_push::{
    DocumentBody, Error, FileContainer, Identity, IdentityBody, MappedIdentityBody, Operation, PushClient, SourceStatus,
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
        other => panic!("{other} has no call here"),
    }
}
