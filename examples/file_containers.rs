//! File containers: data that is too large for an item, and batches made elsewhere.
//!
//! ```sh
//! cargo run --example file_containers
//! ```

mod shared;

use coveo_push::bytes::Bytes;
use coveo_push::{CompressionType, DocumentBody, Error, Permissions, PushClient};

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::new()?;
    let source_id = setup.source_id()?;
    push_large_file(&setup.client, source_id, vec![b'x'; 8_000_000].into()).await?;
    push_ready_batch(&setup.client, source_id).await?;
    Ok(())
}

/// Data of 5 MB and more does not fit into an item: it is uploaded first, and the item refers to it.
/// The bytes go up as they are, without base64.
async fn push_large_file(client: &PushClient, source_id: &str, bytes: Bytes) -> Result<(), Error> {
    // One call that creates a container and fills it, and takes a fresh one if it has expired.
    let container = client.file_containers().store(bytes).await?;
    let doc = DocumentBody::container(container.file_id(), CompressionType::Uncompressed)
        .title("The whole archive")
        .file_extension(".txt")
        .permissions(Permissions::public());
    client.items(source_id).add_or_update("https://example.com/archive", &doc).await?;
    Ok(())
}

/// A batch whose JSON was written elsewhere, step by step.
async fn push_ready_batch(client: &PushClient, source_id: &str) -> Result<(), Error> {
    let json = r#"{"addOrUpdate":[{"documentId":"https://example.com/a","data":"words",
        "permissions":[{"allowAnonymous":true}]}]}"#;
    let containers = client.file_containers();
    let container = containers.create().await?;
    containers.upload(&container, json).await?;
    client.items(source_id).push_container(container.file_id()).await?;
    Ok(())
}
