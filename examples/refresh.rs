//! A refresh: everything is pushed again, and what has gone from the source system goes from the
//! index, unless something failed.
//!
//! ```sh
//! cargo run --example refresh
//! ```

mod shared;

use std::time::Duration;

use coveo_push::fake::ClockOffset;
use coveo_push::{DocumentBody, ItemQueue, Items, Permissions, PushError, RefreshKind};

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::new()?;
    shared::hold_signals()?;
    let items = setup.client.items(setup.source_id()?);
    refresh(&items, &["home", "news", "jobs"]).await?;
    if let Some(fake) = &setup.fake {
        println!("An hour passes.");
        fake.set_clock_offset(ClockOffset::Ahead(Duration::from_secs(3_600)));
    }
    refresh(&items, &["home", "jobs", "shop"]).await?;
    if let Some(fake) = &setup.fake {
        println!("The queue delay passes.");
        fake.pass_time(Duration::from_secs(15 * 60));
        println!("The source holds {}.", fake.source(items.source_id()).document_ids().join(", "));
    }
    Ok(())
}

/// One run of a connector, over the pages that there are now.
async fn refresh(items: &Items, pages: &[&str]) -> Result<(), shared::Failure> {
    let run = items
        .refresh(RefreshKind::Rebuild)
        // With only half of the pages, the source system has failed: delete nothing then.
        .expect_at_least(2)
        // Refuse items without permissions, which the service would drop.
        .pusher(|pusher| pusher.secured(true))
        .start()
        .await?;
    // Ctrl-C and SIGTERM abort the run, too: nothing is deleted, and the source is idle again.
    let report = match shared::unless_stopped(push(run.pusher(), pages)).await {
        Ok(()) => run.finish().await,
        Err(error) => {
            eprintln!("{error:?}");
            run.abort().await
        }
    };
    println!("{report}");
    // An error when an item was not pushed, or the old items were not deleted.
    report.into_result()?;
    Ok(())
}

async fn push(pusher: &ItemQueue, pages: &[&str]) -> Result<(), PushError> {
    for page in pages {
        let doc = DocumentBody::text("Words.").title(*page).permissions(Permissions::public());
        pusher.add_or_update(format!("https://example.com/{page}"), &doc).await?;
    }
    pusher.flush().await?;
    Ok(())
}
