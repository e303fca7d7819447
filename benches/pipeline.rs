//! The whole pipeline over loopback, into a sink that counts what arrives, beside yardsticks that
//! push the same items to the same sink.
//!
//! `cargo bench --bench pipeline`, or with `-- --items 200000 --rounds 7 --row typed`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "pipeline/memory.rs"]
mod memory;
#[path = "shared/process.rs"]
mod process;
mod shared;
#[path = "pipeline/sink.rs"]
mod sink;
#[path = "pipeline/yardstick.rs"]
mod yardstick;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use coveo_push::{ApiKey, ItemOperation, ItemPusher, PushClient, PushItem};
use futures_util::stream;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use self::process::cpu_seconds;
use self::shared::corpus;
use self::shared::measure::{Options, Table, in_turn, median, seconds};
use self::sink::{Count, Sink};

const BATCH_BYTES: usize = 5 << 20;
const UPLOADS: usize = 4;
const LATENCY: Duration = Duration::from_millis(50);
const LATENCY_UPLOADS: usize = 8;
const LATENCY_ROUNDS: usize = 3;
/// How many items are in memory. More are pushed by pushing these again: an id comes again long
/// after the batch that had it is done.
const IN_MEMORY: u64 = 40_000;
const NOT_MEASURED: &str = "not measured here";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments[at].parse::<u64>().unwrap();
    match arguments.first().map(String::as_str) {
        Some(sink::ARGUMENT) => sink::serve(Duration::from_millis(number(1))),
        Some(memory::ARGUMENT) => {
            memory::be_client(u16::try_from(number(1)).unwrap(), usize::try_from(number(2)).unwrap(), number(3));
        }
        _ => bench(&Options::read(200_000, 7)),
    }
}

fn bench(options: &Options) {
    let pool = options.items.min(IN_MEMORY);
    let work = Work { items: options.items.next_multiple_of(pool), pool, uploads: UPLOADS, rounds: options.rounds };
    println!(
        "{} items, batches of {} MiB, {UPLOADS} uploads, up to {} rounds in turn, medians\n",
        work.items,
        BATCH_BYTES >> 20,
        work.rounds
    );
    speed(options, work);
    if options.wants("memory") {
        println!();
        memory::measure(options.items);
    }
}

fn speed(options: &Options, work: Work) {
    let sink = Sink::start(Duration::ZERO);
    // What is pushed is borrowed by several tasks.
    let ids: &'static [String] = all(work.pool, corpus::id);
    let mut table = Table::new(&["work", "s", "MB/s", "client cpu s", "by hand s", "x by hand", "limit s", "x limit"]);

    if options.wants("JSON text") {
        let texts: &'static [String] = all(work.pool, corpus::json);
        let write = |buffer: &mut Vec<u8>, at: usize| corpus::write_text(buffer, &texts[at]);
        for how in [How::OneByOne, How::InBlocks] {
            let push_items = async |pusher: &Arc<ItemPusher>| {
                let text = move |number| texts[work.at(number)].as_str();
                how.push(pusher, work.items, move |pusher, number| pusher.add_or_update_json(text(number))).await;
            };
            table.row(work.measure(&format!("JSON text, {how}"), &sink, push_items, write));
        }
    }
    if options.wants("typed") {
        let pages = all(work.pool, corpus::page);
        for how in How::ALL {
            table.row(work.measure_items("typed", &sink, how, ids, pages));
        }
    }
    if options.wants("DocumentBody") {
        let documents = all(work.pool, corpus::document);
        for how in How::ALL {
            table.row(work.measure_items("DocumentBody", &sink, how, ids, documents));
        }
    }
    if options.wants("latency") {
        let slow_sink = Sink::start(LATENCY);
        let work = Work { uploads: LATENCY_UPLOADS, rounds: work.rounds.min(LATENCY_ROUNDS), ..work };
        let pages = all(work.pool, corpus::page);
        table.row(work.measure_items("8 uploads, 50 ms a call: typed", &slow_sink, How::OneByOne, ids, pages));
    }

    table.print();
    println!(
        "\nby hand: threads that write the items with bare serde_json, or check the text with it, and upload them.\n\
         limit: the same threads, with batches that were made beforehand."
    );
}

fn all<T>(pool: u64, make: impl Fn(u64) -> T) -> &'static [T] {
    (0..pool).map(make).collect::<Vec<_>>().leak()
}

/// Who pushes.
#[derive(Clone, Copy)]
enum How {
    /// One task, one item after the other.
    OneByOne,
    /// Two tasks, each of which prepares items before it awaits them.
    InBlocks,
    /// Two tasks, each of which pushes a stream.
    Streams,
}

impl How {
    const ALL: [Self; 3] = [Self::OneByOne, Self::InBlocks, Self::Streams];
    const TASKS: u64 = 2;
    const BLOCK: u64 = 128;

    /// Pushes items with their numbers.
    async fn push<P>(self, pusher: &Arc<ItemPusher>, items: u64, push: P)
    where
        P: for<'p> Fn(&'p ItemPusher, u64) -> PushItem<'p> + Copy + Send + 'static,
    {
        if let Self::OneByOne = self {
            for number in 0..items {
                assert!(push(pusher, number).await.unwrap().is_queued());
            }
            return;
        }
        let pushing = |task: u64| {
            let pusher = Arc::clone(pusher);
            async move {
                for block in Self::blocks(task, items) {
                    let prepared: Vec<_> = block.map(|number| push(&pusher, number).prepare()).collect();
                    for push in prepared {
                        assert!(push.await.unwrap().is_queued());
                    }
                }
            }
        };
        (0..Self::TASKS).map(pushing).collect::<JoinSet<()>>().join_all().await;
    }

    /// Pushes items with their numbers as streams.
    async fn push_streams<T: Serialize + Send + Sync + 'static>(
        pusher: &Arc<ItemPusher>,
        items: u64,
        operation: impl Fn(u64) -> ItemOperation<T> + Copy + Send + 'static,
    ) {
        let pushing = |task: u64| {
            let pusher = Arc::clone(pusher);
            let operations = stream::iter(Self::blocks(task, items).flatten().map(operation));
            async move { pusher.push_stream(operations).await.unwrap() }
        };
        let pushed = (0..Self::TASKS).map(pushing).collect::<JoinSet<u64>>().join_all().await;
        assert_eq!(pushed.iter().sum::<u64>(), items);
    }

    /// The numbers of the items that a task pushes.
    fn blocks(task: u64, items: u64) -> impl Iterator<Item = Range<u64>> {
        let firsts = (task * Self::BLOCK..items).step_by(usize::try_from(Self::TASKS * Self::BLOCK).unwrap());
        firsts.map(move |first| first..items.min(first + Self::BLOCK))
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneByOne => f.write_str("1 task"),
            Self::InBlocks => write!(f, "{} tasks, {} prepared", Self::TASKS, Self::BLOCK),
            Self::Streams => write!(f, "{} tasks, a stream each", Self::TASKS),
        }
    }
}

/// How much is pushed.
#[derive(Clone, Copy)]
struct Work {
    items: u64,
    /// How many of them are different.
    pool: u64,
    uploads: usize,
    rounds: usize,
}

impl Work {
    /// Which item of the pool has that number.
    fn at(self, number: u64) -> usize {
        usize::try_from(number % self.pool).unwrap()
    }

    /// The row of items that serialise.
    fn measure_items<T: Serialize + Sync>(
        self,
        name: &str,
        sink: &Sink,
        how: How,
        ids: &'static [String],
        items: &'static [T],
    ) -> Vec<String> {
        let write = |buffer: &mut Vec<u8>, at: usize| corpus::write(buffer, &ids[at], &items[at]);
        let push_items = async |pusher: &Arc<ItemPusher>| match how {
            How::OneByOne | How::InBlocks => {
                let item = move |number| (&ids[self.at(number)], &items[self.at(number)]);
                let push_items = how.push(pusher, self.items, move |pusher, number| {
                    let (id, item) = item(number);
                    pusher.add_or_update(id, item)
                });
                push_items.await;
            }
            How::Streams => {
                let operation =
                    move |number| ItemOperation::add_or_update(ids[self.at(number)].as_str(), &items[self.at(number)]);
                How::push_streams(pusher, self.items, operation).await;
            }
        };
        self.measure(&format!("{name}, {how}"), sink, push_items, write)
    }

    /// One row of the table. `push_items` pushes all items, and `write` writes one by hand: that with this number
    /// in the pool.
    #[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
    fn measure(
        self,
        name: &str,
        sink: &Sink,
        push_items: impl AsyncFn(&Arc<ItemPusher>),
        write: impl Fn(&mut Vec<u8>, usize) + Sync,
    ) -> Vec<String> {
        let Self { items, pool, uploads, rounds } = self;
        let write = |buffer: &mut Vec<u8>, number: u64| write(buffer, self.at(number));
        let batches = yardstick::batches(BATCH_BYTES, pool, write);
        let repeat = usize::try_from(items / pool).unwrap();
        let (client, runtime) = (client(sink.port), Runtime::new().unwrap());
        let (cpu, bytes) = (RefCell::new(Vec::new()), Cell::new(0));

        let mut ours = || {
            let before = cpu_seconds();
            let time = seconds(|| bytes.set(runtime.block_on(push_all(&client, uploads, items, &push_items))));
            cpu.borrow_mut().extend(cpu_seconds().zip(before).map(|(after, before)| after - before));
            assert_eq!(self.counted(sink).bytes, bytes.get());
            time
        };
        let mut by_hand = || {
            let time = seconds(|| yardstick::push_items(sink.port, uploads, BATCH_BYTES, items, write));
            self.counted(sink);
            time
        };
        let mut limit = || {
            let time = seconds(|| yardstick::push_batches(sink.port, uploads, &batches, repeat));
            self.counted(sink);
            time
        };
        let [ours, by_hand, limit] = in_turn(rounds, [&mut ours, &mut by_hand, &mut limit]);

        let cpu = Some(cpu.take()).filter(|cpu| !cpu.is_empty()).map(median);
        vec![
            name.to_owned(),
            format!("{ours:.3}"),
            format!("{:.0}", bytes.get() as f64 / 1e6 / ours),
            cpu.map_or(NOT_MEASURED.to_owned(), |cpu| format!("{cpu:.2}")),
            format!("{by_hand:.3}"),
            format!("{:.2}", ours / by_hand),
            format!("{limit:.3}"),
            format!("{:.2}", ours / limit),
        ]
    }

    /// What the sink has counted. Fails unless it is every item, as often as it was pushed.
    fn counted(self, sink: &Sink) -> Count {
        let count = sink.count();
        count.assert_is((0..self.items).map(|number| number % self.pool));
        count
    }
}

fn client(port: u16) -> PushClient {
    let base_url = format!("http://127.0.0.1:{port}/push/v1");
    PushClient::builder("organization", ApiKey::new("key")).base_url(base_url).build().unwrap()
}

/// Runs a push of so many items, and returns the bytes that went up.
async fn push_all(client: &PushClient, uploads: usize, items: u64, push: impl AsyncFn(&Arc<ItemPusher>)) -> u64 {
    let pusher = Arc::new(client.items("source").pusher().batch_bytes(BATCH_BYTES).concurrency(uploads).start());
    push(&pusher).await;
    let report = Arc::into_inner(pusher).unwrap().finish().await.into_result().unwrap();
    assert_eq!((report.totals.pushed, report.totals.accepted), (items, items));
    report.totals.bytes_uploaded
}
