//! Items: add and update them one by one or as a batch, delete them, and tell errors apart.
//!
//! ```sh
//! cargo run --example items
//! ```

mod shared;

use coveo_push::{
    BatchDocumentBody, CompressionType, DocumentBody, Error, ErrorCode, PermissionIdentity, PermissionSet, Permissions,
    PushClient,
};
use serde::Serialize;

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::new()?;
    let source_id = setup.source_id()?;
    push_items(&setup.client, source_id).await?;
    println!("{}", push_and_explain(&setup.client, source_id).await);
    Ok(())
}

/// The ways to write and to push an item.
async fn push_items(client: &PushClient, source_id: &str) -> Result<(), Error> {
    let items = client.items(source_id);

    // Text, metadata, and who may see it: one user but not the other, both known by e-mail address.
    let user = |address: &str| PermissionIdentity::user(address).security_provider("Email Security Provider");
    let minutes = DocumentBody::text("The board met on Monday and agreed on the budget.")
        .title("Minutes of the board")
        .author("Alice Smith")
        .date("2026-11-02T09:00:00Z")
        .metadata("participants", ["Alice Smith", "Bob Jones"])
        .metadata("pages", 3)
        .permissions(PermissionSet::new().allow(user("asmith@example.com")).deny(user("guest@example.com")));
    items.add_or_update("https://example.com/minutes", &minutes).await?;

    let everybody = Permissions::public();

    // Bytes in the item itself, as base64. Larger ones go through a file container.
    let page = DocumentBody::inline("PGgxPkhlbGxvPC9oMT4=", CompressionType::Uncompressed)
        .title("Hello")
        .file_extension(".html")
        .permissions(everybody.clone());
    items.add_or_update("https://example.com/hello", &page).await?;

    // Any serialisable type: its fields are the item's properties and metadata.
    let article = Article { title: "Mine", data: "What people search for.", in_stock: true, permissions: &everybody };
    items.add_or_update("https://example.com/article", &article).await?;

    // Several at once: one upload, one request, and one unit of the service's daily quota of calls.
    let batch = BatchDocumentBody::new()
        .add_or_update("https://example.com/shop/1", DocumentBody::text("One").permissions(everybody.clone()))
        .add_or_update("https://example.com/shop/2", DocumentBody::text("Two").permissions(everybody))
        .delete("https://example.com/article");
    let accepted = items.push_batch(&batch).await?;
    let container = accepted.file_id().unwrap_or_default();
    println!("{} operations, {} bytes, in container {container}", batch.len(), accepted.bytes().unwrap_or_default());

    // One item, and one with all below it.
    items.delete("https://example.com/hello").await?;
    items.delete("https://example.com/shop/").delete_children(true).await?;
    Ok(())
}

#[derive(Serialize)]
struct Article<'a> {
    title: &'a str,
    data: &'a str,
    in_stock: bool,
    permissions: &'a Permissions,
}

/// How a service reacts to the error of a call.
async fn push_and_explain(client: &PushClient, source_id: &str) -> String {
    let id = "no uri";
    match client.items(source_id).add_or_update(id, &DocumentBody::text("…")).await {
        Ok(accepted) => format!("accepted after {} attempt(s)", accepted.attempts()),
        // Found before anything was sent: correct the item.
        Err(Error::Invalid(error)) => {
            let rules: Vec<_> = error.findings().iter().map(|finding| finding.rule().code()).collect();
            format!("{id:?} was not sent, because of {}", rules.join(", "))
        }
        // The client has retried already: try again later.
        Err(error) if error.is_retryable() => {
            format!("later, in {:?}: {error}", error.retry_after().unwrap_or_default())
        }
        Err(error) if error.code() == Some(&ErrorCode::SourceDoesNotExist) => format!("no such source: {error}"),
        Err(error) => format!("somebody has to look at this: {error}"),
    }
}
