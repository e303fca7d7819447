//! The fake Push API on a port of this machine, for a connector in any language.
//!
//! ```sh
//! cargo run --example fake_server -- --port 8080 --secured-source my-source --provider "My Provider"
//! ```
//!
//! The first line that it prints is the base URL to give to the connector. The address of a page to look into it with a
//! browser is printed to the standard error. It runs until Ctrl-C or SIGTERM, or
//! with `--until-eof` until its input ends, and then prints the held and the dropped items as JSON. A
//! delete-older-than that still waits for its time is done before that.

mod shared;

use std::time::Duration;

use clap::Parser;
use coveo_push::fake::{FakeIdentity, FakeItem, FakePushApi, FakeSource, FaultRates};
use serde_json::{Map, Value, json};

/// A Push API in memory, on a port of this machine.
#[derive(Parser)]
struct Arguments {
    /// The port; one that is free when it is 0
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The organization
    #[arg(long, default_value = "my-org")]
    organization: String,
    /// A key that is taken; may be given several times
    #[arg(long = "api-key", default_value = "fake-key")]
    api_keys: Vec<String>,
    /// A source whose items need no permissions; may be given several times
    #[arg(long = "source")]
    sources: Vec<String>,
    /// A source that drops items without permissions; may be given several times
    #[arg(long = "secured-source")]
    secured_sources: Vec<String>,
    /// A catalog source, which the Stream API feeds; may be given several times
    #[arg(long = "catalog-source")]
    catalog_sources: Vec<String>,
    /// A data collection; may be given several times
    #[arg(long = "data-collection")]
    data_collections: Vec<String>,
    /// A security identity provider; may be given several times
    #[arg(long = "provider")]
    providers: Vec<String>,
    /// Which part of the calls fails, from 0 to 1: throttled, unavailable, cut off before or after the work
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    faults: f64,
    /// The seed of the faults: the same one gives the same faults
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Ends when the standard input does
    #[arg(long)]
    until_eof: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=1.0).contains(&rate) { Ok(rate) } else { Err("a rate is from 0 to 1".to_owned()) }
}

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let mut arguments = Arguments::parse();
    let has_others = !arguments.catalog_sources.is_empty() || !arguments.data_collections.is_empty();
    if arguments.sources.is_empty() && arguments.secured_sources.is_empty() && !has_others {
        arguments.sources.push("my-source".to_owned());
    }
    let fake = build(&arguments);
    let stop = shared::stop_signal_or_eof(arguments.until_eof)?;
    let server = fake.serve_on(arguments.port).await?;
    println!("{}", server.base_url());
    eprintln!("look into it with a browser: {}", server.page_url());
    stop.await?;
    drop(server);
    fake.pass_time(Duration::from_secs(15 * 60));
    println!("{:#}", held(&fake, &arguments));
    Ok(())
}

fn build(arguments: &Arguments) -> FakePushApi {
    // A server may run for long, and the items hold the content of the requests.
    let mut builder = FakePushApi::builder().organization(&arguments.organization).keep_request_bodies(false);
    for key in &arguments.api_keys {
        builder = builder.api_key(key);
    }
    for source in &arguments.sources {
        builder = builder.source(source);
    }
    for source in &arguments.secured_sources {
        builder = builder.secured_source(source);
    }
    for source in &arguments.catalog_sources {
        builder = builder.catalog_source(source);
    }
    for collection in &arguments.data_collections {
        builder = builder.data_collection(collection);
    }
    for provider in &arguments.providers {
        builder = builder.provider(provider);
    }
    let fake = builder.build();
    let part = arguments.faults / 4.0;
    let rates = FaultRates::seeded(arguments.seed);
    fake.inject_random(rates.throttled(part).status(503, part).reset_before(part).reset_after(part));
    fake
}

/// The items, identities and requests of the fake.
fn held(fake: &FakePushApi, arguments: &Arguments) -> Value {
    let sources = arguments.sources.iter().chain(&arguments.secured_sources).chain(&arguments.catalog_sources);
    let sources: Map<String, Value> = sources.map(|id| (id.clone(), source(&fake.source(id)))).collect();
    let collections = arguments.data_collections.iter();
    let collections: Map<String, Value> =
        collections.map(|id| (id.clone(), source(&fake.data_collection(id)))).collect();
    let providers: Map<String, Value> = arguments.providers.iter().map(|id| (id.clone(), provider(fake, id))).collect();
    let requests: Vec<Value> = fake
        .requests()
        .iter()
        .map(|request| {
            let status = request.status().map(|status| status.as_u16());
            json!({"method": request.method().as_str(), "path": request.path(), "status": status})
        })
        .collect();
    json!({"sources": sources, "dataCollections": collections, "providers": providers, "requests": requests})
}

fn source(source: &FakeSource) -> Value {
    let item = |item: &FakeItem| {
        json!({
            "documentId": item.document_id(),
            "orderingId": item.ordering_id().get(),
            "compressionType": item.compression_type(),
            "item": item.json(),
        })
    };
    let dropped: Vec<Value> = source
        .dropped()
        .iter()
        .map(|dropped| json!({"documentId": dropped.document_id(), "reason": dropped.reason().to_string()}))
        .collect();
    json!({
        "status": source.status().map(|status| status.as_str()),
        "items": source.items().iter().map(item).collect::<Vec<_>>(),
        "dropped": dropped,
    })
}

fn provider(fake: &FakePushApi, id: &str) -> Value {
    let provider = fake.provider(id);
    let identity = |identity: &FakeIdentity| {
        json!({
            "identity": identity.identity(),
            "members": identity.members(),
            "wellKnowns": identity.well_knowns(),
            "aliases": identity.aliases(),
            "isDisabled": identity.is_disabled(),
            "orderingId": identity.ordering_id().get(),
        })
    };
    let dropped: Vec<Value> = provider
        .dropped()
        .iter()
        .map(|dropped| json!({"identity": dropped.identity(), "reason": dropped.reason().to_string()}))
        .collect();
    json!({
        "identities": provider.identities().iter().map(identity).collect::<Vec<_>>(),
        "dropped": dropped,
    })
}
