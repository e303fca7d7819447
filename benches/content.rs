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
use std::time::Duration;

use coveo_push::bytes::Bytes;
use coveo_push::{ApiKey, CompressionType, Content, DocumentBody, PushClient};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use lzma_rust2::{LzmaOptions, LzmaWriter};
use tokio::runtime::Runtime;

use self::process::peak_memory;
use self::shared::corpus;
use self::shared::measure::{Options, Table, in_turn, seconds};
use self::shared::nowhere::Nowhere;
use self::sink::Sink;

const LEVEL: u32 = 6;
/// The argument with which this program is a client whose memory is measured. The sink's port and
/// the file to push come after it.
const CLIENT: &str = "client";
/// What it is compared to: a file whose compressed bytes stay in memory.
const SMALL: u64 = 1 << 20;
const LARGE: u64 = 1 << 30;
const TYPES: [CompressionType; 4] =
    [CompressionType::ZLib, CompressionType::GZip, CompressionType::Deflate, CompressionType::Lzma];
/// LZMA takes minutes for a gigabyte.
const MEMORY_TYPES: [CompressionType; 2] = [CompressionType::ZLib, CompressionType::GZip];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(sink::ARGUMENT) => sink::serve(Duration::from_millis(arguments[1].parse().unwrap())),
        Some(CLIENT) => be_client(arguments[1].parse().unwrap(), Path::new(&arguments[2]), &arguments[3]),
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
        memory();
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
    }
}

fn memory() {
    let folder = std::env::temp_dir();
    let mut table = Table::new(&["file", "type", "MB uploaded", "s", "peak memory MB"]);
    for bytes in [SMALL, LARGE] {
        let path = folder.join(format!("coveo-push-{}-{bytes}", std::process::id()));
        generate(&path, bytes);
        for compression in MEMORY_TYPES {
            let sink = Sink::start(Duration::ZERO);
            let client = Command::new(std::env::current_exe().unwrap())
                .args([CLIENT, &sink.port.to_string(), path.to_str().unwrap(), compression.as_str()])
                .output()
                .unwrap();
            assert!(client.status.success(), "{}", String::from_utf8_lossy(&client.stderr));
            let text = String::from_utf8(client.stdout).unwrap();
            let uploaded = format!("{:.1}", sink.count().bytes as f64 / 1e6);
            let mut cells = vec![format!("{} MiB", bytes >> 20), compression.to_string(), uploaded];
            cells.extend(text.split_whitespace().map(str::to_owned));
            table.row(cells);
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

fn be_client(port: u16, path: &Path, compression: &str) {
    let client = PushClient::builder("organization", ApiKey::new("key"))
        .base_url(format!("http://127.0.0.1:{port}/push/v1"))
        .build()
        .unwrap();
    let content = Content::file(path).compression(compression.parse().unwrap());
    let items = client.items("source");
    let call = items.add_or_update("https://example.com/a", &DocumentBody::new()).content(content);
    let seconds = seconds(|| {
        runtime().block_on(call.into_future()).unwrap();
    });
    let peak = peak_memory().map_or("not measured here".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6));
    println!("{seconds:.1} {peak}");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
