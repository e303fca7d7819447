//! The outcome of accepted items: the fake drops some in silence, and its log tells which, and why.
//!
//! ```sh
//! cargo run --example outcomes
//! ```

mod shared;

use std::time::{Duration, SystemTime};

use coveo_push::fake::FakePushApi;
use coveo_push::{DocumentBody, Permissions};

const SOURCE: &str = "my-source";

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let fake = FakePushApi::builder().secured_source(SOURCE).build();
    fake.reject_in_pipeline(|item| item.title().is_none().then(|| "an item needs a title".to_owned()));
    // With credentials this is `PushClient::builder_from_env()?.build()?`, which asks the logs once in 30 s.
    let client = fake.client_builder().logs_calls(1_000, Duration::from_secs(1)).build()?;
    let items = client.items(SOURCE);

    println!("Every item is accepted.");
    let pusher = items.pusher().track_outcomes().start();
    for number in 0..100 {
        let doc = DocumentBody::text("words").permissions(Permissions::public());
        let doc = if number % 40 == 0 { doc } else { doc.title(format!("Document {number}")) };
        pusher.add_or_update(format!("https://example.com/{number}"), &doc).await?;
    }
    let report = pusher.finish().await.into_result()?;
    println!("{report}");

    println!("What became of them:");
    let outcomes = report.outcomes(&client).wait(Duration::from_secs(900)).await?;
    println!("{outcomes}");
    for dropped in outcomes.dropped_items() {
        println!("    {} {}", dropped.id, dropped.outcome);
    }

    println!("One item:");
    println!("    https://example.com/1 {}", items.outcome("https://example.com/1").await?);

    println!("The log itself:");
    let now = SystemTime::now();
    let hour = Duration::from_secs(3_600);
    let search = client.logs().search(now - hour, now + hour).document_id("https://example.com/0");
    for entry in search.await? {
        println!("    {} {} {} {}", entry.datetime, entry.task, entry.result, entry.reason());
    }
    Ok(())
}
