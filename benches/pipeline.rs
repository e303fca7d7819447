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
use std::sync::Arc;
use std::time::Duration;

use coveo_push::request::PushItem;
use coveo_push::{ApiKey, ItemPusher, PushClient};
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
    let work =
        Work { items: options.items.next_multiple_of(pool), pool, tasks: 1, uploads: UPLOADS, rounds: options.rounds };
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
    // Spawned tasks borrow the items.
    let ids: &'static [String] = all(work.pool, corpus::id);
    let mut table = Table::new(&["work", "s", "MB/s", "client cpu s", "by hand s", "x by hand", "limit s", "x limit"]);

    if options.wants("JSON text") {
        let texts: &'static [String] = all(work.pool, corpus::json);
        table.row(work.measure(
            "JSON text",
            &sink,
            move |pusher, number| pusher.add_or_update_json(texts[work.at(number)].as_str()),
            |buffer, at| corpus::write_text(buffer, &texts[at]),
        ));
    }
    if options.wants("typed") {
        let pages = all(work.pool, corpus::page);
        table.row(work.measure_items("typed", &sink, ids, pages));
        table.row(Work { tasks: 2, ..work }.measure_items("typed, 2 tasks", &sink, ids, pages));
    }
    if options.wants("DocumentBody") {
        let documents = all(work.pool, corpus::document);
        table.row(work.measure_items("DocumentBody", &sink, ids, documents));
    }
    if options.wants("latency") {
        let slow_sink = Sink::start(LATENCY);
        let work = Work { uploads: LATENCY_UPLOADS, rounds: work.rounds.min(LATENCY_ROUNDS), ..work };
        let pages = all(work.pool, corpus::page);
        table.row(work.measure_items("typed, 50 ms of latency, 8 uploads", &slow_sink, ids, pages));
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

/// Pushes items by their numbers, from several tasks of which each has every so-manieth item.
async fn push_items<P>(pusher: &Arc<ItemPusher>, tasks: usize, items: u64, push: P)
where
    P: for<'p> Fn(&'p ItemPusher, u64) -> PushItem<'p> + Copy + Send + 'static,
{
    let pushing = |first: u64| {
        let pusher = Arc::clone(pusher);
        async move {
            for number in (first..items).step_by(tasks) {
                assert!(push(&pusher, number).await.unwrap().is_queued());
            }
        }
    };
    (0..tasks as u64).map(pushing).collect::<JoinSet<()>>().join_all().await;
}

/// How much is pushed.
#[derive(Clone, Copy)]
struct Work {
    items: u64,
    /// How many of them are different.
    pool: u64,
    /// How many tasks push.
    tasks: usize,
    uploads: usize,
    rounds: usize,
}

impl Work {
    /// Which item of the pool has that number.
    fn at(self, number: u64) -> usize {
        usize::try_from(number % self.pool).unwrap()
    }

    /// The row of typed items.
    fn measure_items<T: Serialize + Sync>(
        self,
        name: &str,
        sink: &Sink,
        ids: &'static [String],
        items: &'static [T],
    ) -> Vec<String> {
        self.measure(
            name,
            sink,
            move |pusher, number| pusher.add_or_update(ids[self.at(number)].as_str(), &items[self.at(number)]),
            |buffer, at| corpus::write(buffer, &ids[at], &items[at]),
        )
    }

    /// One row of the table. `push` pushes the item with a number; `write` writes the item at a place of the pool by
    /// hand.
    #[expect(clippy::cast_precision_loss, reason = "numbers to be read")]
    fn measure<P>(self, name: &str, sink: &Sink, push: P, write: impl Fn(&mut Vec<u8>, usize) + Sync) -> Vec<String>
    where
        P: for<'p> Fn(&'p ItemPusher, u64) -> PushItem<'p> + Copy + Send + 'static,
    {
        let Self { items, pool, tasks, uploads, rounds } = self;
        let write = |buffer: &mut Vec<u8>, number: u64| write(buffer, self.at(number));
        let batches = yardstick::batches(BATCH_BYTES, pool, write);
        let repeat = usize::try_from(items / pool).unwrap();
        let (client, runtime) = (client(sink.port), Runtime::new().unwrap());
        let (cpu, bytes) = (RefCell::new(Vec::new()), Cell::new(0));

        let mut ours = || {
            let before = cpu_seconds();
            let push = async |pusher: &Arc<ItemPusher>| push_items(pusher, tasks, items, push).await;
            let time = seconds(|| bytes.set(runtime.block_on(push_all(&client, uploads, items, push))));
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
