//! How fast content is compressed and pushed, without a network: beside the bare library that
//! compresses the same bytes into memory. And how much memory a file of a gigabyte takes on its way to
//! a port of this machine.
//!
//! `cargo bench --bench content`, or with `-- --items 8000 --rounds 7 --row ZLIB`; the memory alone is
//! `-- --row memory`. It needs 1 GB in the folder for temporary files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[allow(dead_code, reason = "the pipeline's bench uses all of it")]
#[path = "shared/process.rs"]
mod process;
mod shared;
#[allow(dead_code, reason = "the pipeline's bench uses all of it")]
#[path = "pipeline/sink.rs"]
mod sink;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::{ApiKey, CompressionType, Content, DocumentBody, PushClient};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use lzma_rust2::{LzmaOptions, LzmaWriter};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use self::process::peak_memory;
use self::shared::corpus;
use self::shared::measure::{Options, Table, in_turn, seconds};
use self::shared::nowhere::Nowhere;
use self::sink::Sink;

const LEVEL: u32 = 6;
/// The argument with which this program is a client whose memory is measured. The sink's port, the file
/// to push, its compression and how many times come after it.
const CLIENT: &str = "client";
/// Compressed, this one stays in memory.
const SMALL: u64 = 1 << 20;
const LARGE: u64 = 1 << 30;
/// What is large enough for a trial.
const LARGE_IN_A_TRIAL: u64 = 1 << 24;
const TYPES: [CompressionType; 4] =
    [CompressionType::ZLib, CompressionType::GZip, CompressionType::Deflate, CompressionType::Lzma];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(sink::ARGUMENT) => sink::serve(Duration::from_millis(arguments[1].parse().unwrap())),
        Some(CLIENT) => be_client(
            arguments[1].parse().unwrap(),
            Path::new(&arguments[2]),
            arguments[3].parse().unwrap(),
            arguments[4].parse().unwrap(),
        ),
        _ => bench(&Options::read(16_000, 7)),
    }
}

fn bench(options: &Options) {
    let content = Bytes::from((0..options.items).map(corpus::json).collect::<String>());
    println!("{:.1} MB of JSON, up to {} rounds in turn, medians\n", content.len() as f64 / 1e6, options.rounds);
    if TYPES.iter().any(|compression| options.wants(compression.as_str())) {
        speed(options, &content);
    }
    if options.wants("memory") {
        println!();
        memory(if options.is_trial { LARGE_IN_A_TRIAL } else { LARGE });
    }
}

fn speed(options: &Options, content: &Bytes) {
    let mut table = Table::new(&["type", "MB/s", "bare MB/s", "x bare"]);
    for compression in TYPES.into_iter().filter(|compression| options.wants(compression.as_str())) {
        // The slow one gets a part of it.
        let part = if compression == CompressionType::Lzma { content.len() / 8 } else { content.len() };
        table.row(row(options, compression, &content.slice(..part)));
    }
    table.print();
    println!("\nx bare: the throughput over that of the compressor alone, which writes into memory.");
}

fn row(options: &Options, compression: CompressionType, content: &Bytes) -> Vec<String> {
    let runtime = runtime();
    let client = PushClient::builder("organization", ApiKey::new("key"))
        .base_url("http://127.0.0.1:1/push/v1")
        .transport(Nowhere)
        .build()
        .unwrap();
    let items = client.items("source");
    let mut push = || {
        let content = Content::bytes(content.clone()).compression(compression).level(LEVEL);
        let call = items.add_or_update("https://example.com/a", &DocumentBody::new()).content(content);
        seconds(|| {
            runtime.block_on(call.into_future()).unwrap();
        })
    };
    let mut bare = || seconds(|| drop(black_box(compress(compression, content))));
    let [push, bare] = in_turn(options.rounds, [&mut push, &mut bare]);
    let speed = |seconds: f64| content.len() as f64 / 1e6 / seconds;
    vec![
        compression.to_string(),
        format!("{:.1}", speed(push)),
        format!("{:.1}", speed(bare)),
        format!("{:.2}", bare / push),
    ]
}

fn compress(compression: CompressionType, content: &[u8]) -> Vec<u8> {
    macro_rules! with {
        ($encoder:expr) => {{
            let mut encoder = $encoder;
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        }};
    }

    match compression {
        CompressionType::ZLib => with!(ZlibEncoder::new(Vec::new(), Compression::new(LEVEL))),
        CompressionType::GZip => with!(GzEncoder::new(Vec::new(), Compression::new(LEVEL))),
        CompressionType::Deflate => with!(DeflateEncoder::new(Vec::new(), Compression::new(LEVEL))),
        CompressionType::Lzma => {
            with!(LzmaWriter::new_use_header(Vec::new(), &LzmaOptions::with_preset(LEVEL), None).unwrap())
        }
        CompressionType::Uncompressed => content.to_vec(),
        other => panic!("{other} is not compressed here"),
    }
}

fn memory(large: u64) {
    let folder = std::env::temp_dir();
    let mut table = Table::new(&["work", "MB uploaded", "s", "peak memory MB"]);
    for bytes in [SMALL, large] {
        let path = folder.join(format!("coveo-push-{}-{bytes}", std::process::id()));
        generate(&path, bytes);
        for (at_once, compression) in
            [(1, CompressionType::ZLib), (1, CompressionType::GZip), (4, CompressionType::ZLib)]
        {
            let sink = Sink::start(Duration::ZERO);
            let client = Command::new(std::env::current_exe().unwrap())
                .args([
                    CLIENT,
                    &sink.port.to_string(),
                    path.to_str().unwrap(),
                    compression.as_str(),
                    &at_once.to_string(),
                ])
                .output()
                .unwrap();
            assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
            let text = String::from_utf8(client.stdout).unwrap();
            let work = format!("{at_once} x {} MiB, {compression}", bytes >> 20);
            table.row(std::iter::once(work).chain(text.split_whitespace().map(str::to_owned)));
        }
        fs::remove_file(&path).unwrap();
    }
    table.print();
}

/// Writes a file of lines of JSON, of which a gigabyte fits into a container once it is compressed.
fn generate(path: &Path, bytes: u64) {
    let lines: Vec<String> = (0..1_000).map(corpus::json).collect();
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut written = 0;
    for number in 0.. {
        // Each with a number: alike, and never the same.
        let line = format!("{{\"line\":{number},\"of\":{}}}\n", lines[number % lines.len()]);
        file.write_all(line.as_bytes()).unwrap();
        written += line.len() as u64;
        if written >= bytes {
            break;
        }
    }
    file.flush().unwrap();
}

/// Pushes the file so many times at the same time, in a run.
fn be_client(port: u16, path: &Path, compression: CompressionType, at_once: usize) {
    let client = PushClient::builder("organization", ApiKey::new("key"))
        .base_url(format!("http://127.0.0.1:{port}/push/v1"))
        .build()
        .unwrap();
    let mut uploaded = 0;
    let seconds = seconds(|| {
        uploaded = runtime().block_on(async {
            let pusher = Arc::new(client.items("source").pusher().concurrency(at_once).start());
            let mut tasks = JoinSet::new();
            for number in 0..at_once {
                let (pusher, content) = (Arc::clone(&pusher), Content::file(path).compression(compression));
                tasks.spawn(async move {
                    let id = format!("https://example.com/{number}");
                    assert!(
                        pusher.add_or_update(&id, &DocumentBody::new()).content(content).await.unwrap().is_queued()
                    );
                });
            }
            tasks.join_all().await;
            Arc::into_inner(pusher).unwrap().finish().await.into_result().unwrap().totals.bytes_uploaded
        });
    });
    let peak = peak_memory().map_or("-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6));
    println!("{:.1} {seconds:.1} {peak}", uploaded as f64 / 1e6);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
