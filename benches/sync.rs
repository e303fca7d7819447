//! How fast a sync skips unchanged items, without a network, and how much memory it takes: beside a run that pushes
//! everything.
//!
//! `cargo bench --bench sync`, or with `-- --items 1000000`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "shared/process.rs"]
mod process;
mod shared;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use coveo_push::report::SyncReport;
use coveo_push::{ApiKey, Items, Ledger, PushClient};
use serde::Serialize;

use self::process::{cpu_seconds, peak_memory};
use self::shared::measure::{Options, Table};
use self::shared::nowhere::Nowhere;

/// An item of 2.2 KB.
#[derive(Serialize)]
struct Page<'a> {
    title: String,
    version: u64,
    author: &'static str,
    tags: [&'static str; 4],
    data: &'a str,
    permissions: [Permissions; 1],
}

#[derive(Serialize)]
struct Permissions {
    #[serde(rename = "allowAnonymous")]
    allow_anonymous: bool,
}

/// The argument of the process that fills the ledger.
const FILL: &str = "--fill";

fn main() {
    let options = Options::read(100_000, 1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let client = PushClient::builder("my-org", ApiKey::new("key"))
        .base_url("http://127.0.0.1:1")
        .transport(Nowhere)
        .build()
        .unwrap();
    let items = client.items("my-source");
    if let Some(folder) = std::env::args().skip_while(|argument| argument != FILL).nth(1) {
        runtime.block_on(sync(&items, folder.as_ref(), options.items, u64::MAX));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // In a process of its own, so that its memory does not count.
    let mut command = Command::new(std::env::current_exe().unwrap());
    assert!(command.args(std::env::args().skip(1)).arg(FILL).arg(folder.path()).status().unwrap().success());
    let mut table = Table::new(&["sync", "s", "CPU s", "items/s", "peak MB so far", "added", "updated", "unchanged"]);
    for (name, changed_every) in [("nothing changed", u64::MAX), ("1 % changed", 100)] {
        let (begin, cpu) = (Instant::now(), cpu_seconds().unwrap_or_default());
        let report = runtime.block_on(sync(&items, folder.path(), options.items, changed_every));
        let seconds = begin.elapsed().as_secs_f64();
        table.row([
            name.to_owned(),
            format!("{seconds:.2}"),
            format!("{:.2}", cpu_seconds().unwrap_or_default() - cpu),
            format!("{:.0}", options.items as f64 / seconds),
            peak_memory().map_or_else(|| "?".to_owned(), |bytes| (bytes / 1_000_000).to_string()),
            report.added.to_string(),
            report.updated.to_string(),
            report.unchanged.to_string(),
        ]);
    }
    println!("{} items of 2.2 KB, one task that pushes\n", options.items);
    table.print();
}

async fn sync(items: &Items, folder: &Path, count: u64, changed_every: u64) -> SyncReport {
    let ledger = Ledger::open(folder.join("ledger")).unwrap();
    let run = items.sync(&ledger).start().await.unwrap();
    let data = "Words that people search for. ".repeat(66);
    for number in 0..count {
        let page = Page {
            title: format!("Page {number}"),
            version: u64::from(number.is_multiple_of(changed_every)),
            author: "Jane Doe",
            tags: ["one", "two", "three", "four"],
            data: &data,
            permissions: [Permissions { allow_anonymous: true }],
        };
        run.add_or_update(format!("https://example.com/pages/{number:08}"), &page).await.unwrap();
    }
    run.finish().await.into_result().unwrap()
}
