//! The peak memory of clients, each of which is a process of its own.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use coveo_push::ItemPusher;
use tokio::runtime::Runtime;

use super::process::peak_memory;
use super::shared::corpus;
use super::shared::measure::Table;
use super::sink::Sink;
use super::{BATCH_BYTES, NOT_MEASURED, UPLOADS, client, push_all};

/// The argument with which this program is a client. The sink's port, what it pushes, and how many come after it.
pub(crate) const ARGUMENT: &str = "client";

/// What a client pushes.
#[derive(Clone, Copy)]
enum Load {
    /// JSON text of 2.2 KB.
    Items,
    /// JSON text that is little more than an id.
    SmallItems,
}

impl Load {
    const ALL: [Self; 2] = [Self::Items, Self::SmallItems];

    fn name(self) -> &'static str {
        match self {
            Self::Items => "items",
            Self::SmallItems => "small items",
        }
    }

    fn text(self, number: u64) -> String {
        match self {
            Self::Items => serde_json::to_string(&corpus::page(number)).unwrap(),
            Self::SmallItems => format!(r#"{{"number":{number}}}"#),
        }
    }

    /// How long the sink takes for a call, so that as many batches are under way as may be.
    fn latency(self) -> Duration {
        match self {
            Self::Items => Duration::from_millis(20),
            // Their batches take longer to fill.
            Self::SmallItems => Duration::from_millis(200),
        }
    }

    /// How many of them are pushed, at first and at last: enough to fill all batches.
    fn numbers(self, items: u64) -> [u64; 2] {
        match self {
            Self::Items => [items / 4, items * 4],
            Self::SmallItems => [items * 2, items * 8],
        }
    }

    /// The most that guarantee 7 lets a client take, whose items take so many bytes in a batch.
    #[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
    fn bound(self, item_bytes: f64) -> f64 {
        const PROGRAM: usize = 12_000_000;
        let batches = ((UPLOADS + 1) * BATCH_BYTES) as f64;
        let for_each_item = match self {
            // So few that what the program leaves free of its 12 MB is enough.
            Self::Items => 0.0,
            Self::SmallItems => corpus::id(u64::MAX).len() as f64 + 128.0,
        };
        batches + PROGRAM as f64 + batches / item_bytes * for_each_item
    }
}

/// The peak memory of clients that push few items, and many. Each has a few in memory, which it pushes again and
/// again, each time with another id. Fails when a client takes more than guarantee 7 lets it.
#[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
pub(crate) fn measure(items: u64) {
    let mut table = Table::new(&["peak memory, JSON text, 4 uploads", "bytes each", "MB", "x the first", "bound MB"]);
    let mut is_within = true;
    for (place, load) in Load::ALL.into_iter().enumerate() {
        let sink = Sink::start(load.latency());
        let mut first = None;
        for number in load.numbers(items) {
            let output = Command::new(std::env::current_exe().unwrap())
                .args([ARGUMENT.to_owned(), sink.port.to_string(), place.to_string(), number.to_string()])
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            sink.count().assert_is(0..number);
            let output = String::from_utf8_lossy(&output.stdout);
            let mut printed = output.split_whitespace().map(|printed| printed.parse::<f64>().unwrap());
            let item_bytes = printed.next().unwrap() / number as f64;
            let (peak, bound) = (printed.next(), load.bound(item_bytes));
            is_within &= peak.is_none_or(|peak| peak <= bound);
            let megabytes = |bytes: f64| format!("{:.1}", bytes / 1e6);
            table.row([
                format!("{number} {}", load.name()),
                format!("{item_bytes:.0}"),
                peak.map_or(NOT_MEASURED.to_owned(), megabytes),
                peak.map_or_else(String::new, |peak| format!("{:.2}", peak / *first.get_or_insert(peak))),
                megabytes(bound),
            ]);
        }
    }
    table.print();
    println!(
        "\nbound: 5 batches of {} MiB and 12 MB; for small items also the id and 128 bytes of each item in them.",
        BATCH_BYTES >> 20
    );
    assert!(is_within, "a client takes more memory than it may");
}

/// Pushes, and prints how many bytes that were and the peak memory.
pub(crate) fn be_client(port: u16, load: usize, items: u64) {
    const FEW: usize = 100;
    let load = Load::ALL[load];
    let texts: Vec<String> = (0..FEW as u64).map(|number| load.text(number)).collect();
    let push = async |pusher: &Arc<ItemPusher>| {
        for number in 0..items {
            let text = &texts[usize::try_from(number).unwrap() % FEW];
            assert!(pusher.add_or_update_json(text).document_id(corpus::id(number)).await.unwrap().is_queued());
        }
    };
    let bytes = Runtime::new().unwrap().block_on(push_all(&client(port), UPLOADS, items, push));
    println!("{bytes} {}", peak_memory().map_or_else(String::new, |bytes| bytes.to_string()));
}
