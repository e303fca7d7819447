//! The status of a source, around the work that it tells of.
//!
//! A source keeps its status until it is set to another, so the work that begins by setting one ends
//! by setting `Idle`, whether it went well or not.
//!
//! ```sh
//! cargo run --example sources
//! ```

mod shared;

use coveo_push::{DocumentBody, Error, Permissions, PushClient, SourceStatus};

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::new()?;
    shared::hold_signals()?;
    push_changes(&setup.client, setup.source_id()?).await?;
    Ok(())
}

/// Pushes what changed, with the source's status set to say so.
async fn push_changes(client: &PushClient, source_id: &str) -> Result<(), shared::Failure> {
    let sources = client.sources();
    sources.set_status(source_id, SourceStatus::Incremental).await?;
    // Ctrl-C and SIGTERM end the work, and not the program.
    let pushed = shared::unless_stopped(push(client, source_id)).await;
    let idle = sources.set_status(source_id, SourceStatus::Idle).await;
    // The error of the work comes first: it is the cause.
    pushed?;
    idle?;
    Ok(())
}

async fn push(client: &PushClient, source_id: &str) -> Result<(), Error> {
    let doc = DocumentBody::text("What changed.").title("News").permissions(Permissions::public());
    client.items(source_id).add_or_update("https://example.com/news", &doc).await?;
    Ok(())
}
