//! Prints who sees which item, before anything is pushed.
//!
//! ```sh
//! cargo run --example who_can_see
//! cargo run --example who_can_see -- IDENTITIES.json ITEMS.json --why bjones@example.com https://example.com/a
//! ```
//!
//! The items are a batch as it is pushed; the identities are a list of such batches, each with its
//! `provider`. The first provider is that of whatever is named without one, and its users are those of
//! the table. Without files there is a sample: `examples/data/`.

mod shared;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Parser;
use coveo_push::{
    Access, BatchDocument, BatchDocumentBody, BatchIdentityBody, Identity, IdentityGraph, MetadataValue,
    SecurityIdentityType, Viewer,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Prints who sees which item, before anything is pushed.
#[derive(Debug, Parser)]
struct Arguments {
    /// Batches of identities, as a JSON list; each has a `provider`.
    #[arg(requires = "items")]
    identities: Option<PathBuf>,
    /// A batch of items as JSON.
    items: Option<PathBuf>,
    /// Explains why a user sees an item, or does not.
    #[arg(long, num_args = 2, value_names = ["USER", "ITEM"])]
    why: Option<Vec<String>>,
}

/// The identities of a provider.
#[derive(Deserialize)]
struct Provider {
    provider: String,
    #[serde(flatten)]
    batch: BatchIdentityBody,
}

fn main() -> Result<(), shared::Failure> {
    let arguments = Arguments::parse();
    let providers: Vec<Provider> = read(arguments.identities.as_deref(), include_str!("data/identities.json"))?;
    let items: BatchDocumentBody = read(arguments.items.as_deref(), include_str!("data/items.json"))?;

    if items.add_or_update.is_empty() {
        return Err(
            io::Error::other("the batch of items has nothing in `addOrUpdate`: there is nobody to tell about").into()
        );
    }
    let first = providers.first().ok_or_else(|| io::Error::other("there is no provider"))?;
    let mut graph = IdentityGraph::new(&first.provider);
    for Provider { provider, batch } in &providers {
        graph.identities(provider).push_batch(batch);
    }
    let users = users(&first.batch).into_iter().map(|name| graph.viewer(Identity::user(name)));
    let viewers: Vec<Viewer> = users.chain([Viewer::unauthenticated()]).collect();

    print_table(&viewers, &items.add_or_update);
    let why = match arguments.why.as_deref() {
        Some([user, item]) => {
            let is_item = |known: &&BatchDocument| known.document_id == *item || title(known) == item;
            let known = items.add_or_update.iter().find(is_item);
            let known = known.ok_or_else(|| io::Error::other(format!("there is no item {item}")))?;
            // Of a user whom no one named there is something to tell, too.
            Some((graph.viewer(Identity::user(user)), known))
        }
        _ => first_denied(&viewers, &items.add_or_update),
    };
    if let Some((viewer, item)) = why {
        println!("\nwhy: {viewer}, {}", item.document_id);
        match access(item, &viewer) {
            Some(access) => println!("     {access}"),
            None => println!("     the item has no permissions: a secured source drops it"),
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(file: Option<&Path>, sample: &str) -> Result<T, shared::Failure> {
    let Some(file) = file else { return Ok(serde_json::from_str(sample)?) };
    let named = |error: &dyn std::error::Error| io::Error::other(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| named(&error))?;
    Ok(serde_json::from_str(&text).map_err(|error| named(&error))?)
}

/// The names of all users in a batch.
fn users(batch: &BatchIdentityBody) -> BTreeSet<&str> {
    let members = batch.members.iter().flat_map(|body| body.members.iter().flatten().chain([&body.identity]));
    let others = batch.mappings.iter().map(|body| &body.identity).chain(&batch.deleted);
    let users = members.chain(others).filter(|identity| identity.identity_type == SecurityIdentityType::User);
    users.map(|identity| identity.name.as_str()).collect()
}

/// The verdict of the permissions of an item; `None` without permissions.
fn access(item: &BatchDocument, viewer: &Viewer) -> Option<Access> {
    item.body.permissions.as_ref().map(|permissions| permissions.evaluate(viewer))
}

fn title(item: &BatchDocument) -> &str {
    match item.body.metadata.get("title") {
        Some(MetadataValue::String(title)) => title,
        _ => &item.document_id,
    }
}

/// A line for each person, a column for each item.
fn print_table(viewers: &[Viewer], items: &[BatchDocument]) {
    let verdict = |item: &BatchDocument, viewer: &Viewer| match access(item, viewer) {
        Some(Access::Allowed(_)) => "allowed",
        Some(Access::Denied(_)) => "denied",
        Some(Access::Unknown(_)) => ".",
        None => "none",
    };
    let first = viewers.iter().map(|viewer| viewer.to_string().chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = items.iter().map(|item| title(item).chars().count().max("allowed".len())).collect();
    let line = |head: &str, cells: Vec<&str>| {
        let cells: String = cells.iter().zip(&widths).map(|(cell, width)| format!("   {cell:<width$}")).collect();
        println!("{}", format!("{head:<first$}{cells}").trim_end());
    };
    line("", items.iter().map(title).collect());
    for viewer in viewers {
        line(&viewer.to_string(), items.iter().map(|item| verdict(item, viewer)).collect());
    }
    println!("\n\".\" is unknown: neither allowed nor denied, and not shown. \"none\" is an item without permissions.");
}

fn first_denied<'a>(viewers: &[Viewer], items: &'a [BatchDocument]) -> Option<(Viewer, &'a BatchDocument)> {
    let mut pairs = viewers.iter().flat_map(|viewer| items.iter().map(move |item| (viewer, item)));
    let is_denied = |(viewer, item): &(&Viewer, &BatchDocument)| access(item, viewer).is_some_and(|it| it.is_denied());
    let (viewer, item) = pairs.clone().find(is_denied).or_else(|| pairs.next())?;
    Some((viewer.clone(), item))
}
