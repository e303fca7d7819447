//! How fast the pusher writes items into batches, without a network: beside bare serde_json writing
//! the same items into buffers of the same size that are used again.
//!
//! `cargo bench --bench framing`, or with `-- --items 20000 --rounds 15 --row typed`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shared;

use std::hint::black_box;

use coveo_push::{ApiKey, ItemPusher, PushClient, Pushed};
use serde::Serialize;
use tokio::runtime::Runtime;

use self::shared::corpus;
use self::shared::measure::{Options, Table, in_turn, seconds};
use self::shared::nowhere::Nowhere;

const BATCH_BYTES: usize = 5 << 20;
/// As many as the pusher has with one batch under way: one in the upload, and one being filled.
const BUFFERS: usize = 2;

fn main() {
    let options = Options::read(20_000, 15);
    let ids: Vec<String> = (0..options.items).map(corpus::id).collect();
    let mut table = Table::new(&["item", "items/s", "MB/s", "serde_json MB/s", "x serde_json", "x memcpy"]);

    if options.wants("typed") {
        let pages: Vec<_> = (0..options.items).map(corpus::page).collect();
        table.row(serialised("typed", &options, &ids, &pages));
    }
    if options.wants("DocumentBody") {
        let documents: Vec<_> = (0..options.items).map(corpus::document).collect();
        table.row(serialised("DocumentBody", &options, &ids, &documents));
    }
    if options.wants("JSON text") {
        let texts: Vec<_> = (0..options.items).map(corpus::json).collect();
        table.row(text("JSON text", &options, &texts));
    }

    println!(
        "{} items, batches of {} MiB, {} rounds in turn, medians\n",
        options.items,
        BATCH_BYTES >> 20,
        options.rounds
    );
    table.print();
    println!(
        "\nx serde_json: the pusher's time over that of bare serde_json, which writes the item, or for JSON text \
         reads it as IgnoredAny and copies it.\nx memcpy: over that of copying the text, and nothing else."
    );
}

/// An item that is serialised, beside serde_json doing the same.
fn serialised(name: &str, options: &Options, ids: &[String], items: &[impl Serialize + Sync]) -> Vec<String> {
    let mut pushing = Pushing::new();
    let mut pusher = || {
        pushing.round(async |pusher| {
            for (id, item) in ids.iter().zip(items) {
                taken(&pusher.add_or_update(id, item).await.unwrap());
            }
        })
    };
    let mut buffers = Buffers::new();
    let mut serde_json = || {
        seconds(|| {
            for (id, item) in ids.iter().zip(items) {
                corpus::write(buffers.next(), id, item);
            }
        })
    };
    let times = in_turn(options.rounds, [&mut pusher, &mut serde_json]);
    row(name, options, pushing.end(), times[0], times[1], None)
}

/// JSON text in hand, beside a check of it with serde_json, and beside a copy without a look.
fn text(name: &str, options: &Options, items: &[String]) -> Vec<String> {
    let mut pushing = Pushing::new();
    let mut pusher = || {
        pushing.round(async |pusher| {
            for text in items {
                taken(&pusher.add_or_update_json(text).await.unwrap());
            }
        })
    };
    let mut buffers = Buffers::new();
    let mut serde_json = || {
        seconds(|| {
            for text in items {
                corpus::write_text(buffers.next(), text);
            }
        })
    };
    let mut others = Buffers::new();
    let mut memcpy = || {
        seconds(|| {
            for text in items {
                others.next().extend_from_slice(text.as_bytes());
            }
        })
    };
    let times = in_turn(options.rounds, [&mut pusher, &mut serde_json, &mut memcpy]);
    row(name, options, pushing.end(), times[0], times[1], Some(times[2]))
}

#[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
fn row(name: &str, options: &Options, bytes: u64, pusher: f64, serde_json: f64, memcpy: Option<f64>) -> Vec<String> {
    let (items, megabytes) = (options.items as f64, bytes as f64 / 1e6);
    vec![
        name.to_owned(),
        format!("{:.0}", items / pusher),
        format!("{:.0}", megabytes / pusher),
        format!("{:.0}", megabytes / serde_json),
        format!("{:.2}", pusher / serde_json),
        memcpy.map_or("-".to_owned(), |memcpy| format!("{:.2}", pusher / memcpy)),
    ]
}

fn taken(pushed: &Pushed) {
    assert!(pushed.is_queued(), "{pushed:?}");
}

/// One run of a pusher, so that its buffers are used again in every round.
struct Pushing {
    runtime: Runtime,
    pusher: ItemPusher,
    rounds: u64,
}

impl Pushing {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let client = PushClient::builder("organization", ApiKey::new("key"))
            .base_url("http://127.0.0.1:1/push/v1")
            .transport(Nowhere)
            .build()
            .unwrap();
        let pusher =
            runtime.block_on(async { client.items("source").pusher().batch_bytes(BATCH_BYTES).concurrency(1).start() });
        Self { runtime, pusher, rounds: 0 }
    }

    fn round(&mut self, push: impl AsyncFnOnce(&ItemPusher)) -> f64 {
        self.rounds += 1;
        let Self { runtime, pusher, .. } = self;
        seconds(|| {
            runtime.block_on(async {
                push(pusher).await;
                pusher.flush().await.unwrap();
            });
        })
    }

    /// The bytes of a round.
    fn end(self) -> u64 {
        let report = self.runtime.block_on(self.pusher.finish()).into_result().unwrap();
        assert_eq!(report.totals.pushed, report.totals.accepted);
        report.totals.bytes_queued / self.rounds
    }
}

/// Where the yardsticks write to.
struct Buffers {
    buffers: Vec<Vec<u8>>,
    current: usize,
}

impl Buffers {
    fn new() -> Self {
        let buffers = (0..BUFFERS).map(|_| Vec::with_capacity(BATCH_BYTES + (64 << 10))).collect();
        Self { buffers, current: 0 }
    }

    /// Where to write the next item: the next buffer, emptied, once this one is full.
    fn next(&mut self) -> &mut Vec<u8> {
        if self.buffers[self.current].len() > BATCH_BYTES {
            black_box(&self.buffers[self.current]);
            self.current = (self.current + 1) % self.buffers.len();
            self.buffers[self.current].clear();
        }
        &mut self.buffers[self.current]
    }
}
