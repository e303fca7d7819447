//! Pushes files of JSON lines: one item a line, with its `documentId` (or `uri`).
//!
//! ```sh
//! cargo run --release --example push_jsonl -- [OPTIONS] FILE…
//! ```
//!
//! Without a file it reads standard input; without credentials it pushes into a fake service. A line
//! that is no item is reported with its place, and the rest is pushed. Ctrl-C ends reading: what is
//! in flight is finished, and the report says what was not sent.

mod shared;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use coveo_push::{FailedBatch, ItemPusher, Items, Progress, PushError, PushReport, Pushed, SavedBatch};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use shared::lines::{Block, Blocks};

/// Pushes files of JSON lines, one item a line, with its `documentId` or `uri`.
#[derive(Debug, Parser)]
struct Arguments {
    /// The largest a batch may be, in bytes.
    #[arg(long, default_value_t = 16 << 20)]
    batch_bytes: usize,
    /// How many batches are under way at the same time.
    #[arg(long, default_value_t = 4)]
    concurrency: usize,
    /// Goes on after a failed batch, and writes it into this folder.
    #[arg(long, value_name = "DIR")]
    failed_dir: Option<PathBuf>,
    /// Pushes again what is in this folder, written by `--failed-dir`.
    #[arg(long, value_name = "DIR")]
    retry: Option<PathBuf>,
    /// Shows no progress.
    #[arg(long)]
    quiet: bool,
    /// Files of JSON lines; standard input without any.
    files: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, shared::Failure> {
    let arguments = Arguments::parse();
    let setup = shared::Setup::quiet()?;
    let items = setup.client.items(setup.source_id()?);
    if let Some(folder) = &arguments.retry {
        push_saved(&items, folder).await?;
        if arguments.files.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let (report, unread) = push_files(&items, &arguments).await?;
    println!("{report}");
    for refused in &report.refused_samples {
        println!("refused {refused}");
    }
    for failed in &report.failed_batches {
        println!("failed {failed}");
    }
    if let Some(fake) = &setup.fake {
        let source = fake.source(items.source_id());
        println!("the fake service holds {} items and dropped {}", source.len(), source.dropped().len());
    }
    let is_clean = report.is_complete() && report.refused == 0 && unread == 0;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Pushes the lines of all files, and returns the report and how many lines and files could not be read.
async fn push_files(items: &Items, arguments: &Arguments) -> Result<(PushReport, u64), shared::Failure> {
    let mut builder = items.pusher().batch_bytes(arguments.batch_bytes).concurrency(arguments.concurrency);
    let saved = Saved::default();
    if let Some(folder) = arguments.failed_dir.clone() {
        fs::create_dir_all(&folder)?;
        if !saved_batches(&folder)?.is_empty() {
            let why = format!("{} holds batches of an earlier run: push them with --retry first", folder.display());
            return Err(io::Error::other(why).into());
        }
        let saved = saved.clone();
        builder = builder.on_failed_batch(move |failed| saved.save(&folder, &failed));
    }
    let pusher = builder.start();
    let bar = progress_bar(&pusher, arguments.quiet);
    let stop = Arc::new(AtomicBool::new(false));
    tokio::spawn(stop_on_ctrl_c(Arc::clone(&stop)));

    let mut place = Place::default();
    let mut blocks = Blocks::read(arguments.files.clone());
    while let Some(block) = blocks.next().await
        && !stop.load(Ordering::Relaxed)
    {
        match block {
            Ok(block) => {
                if let Err(stopped) = push_block(&pusher, &block, &stop, &mut place).await {
                    eprintln!("{stopped}");
                    break;
                }
                blocks.done(block);
            }
            // What was read is pushed all the same.
            Err(error) => {
                eprintln!("{error}");
                place.unread += 1;
            }
        }
    }
    let report = pusher.finish().await;
    bar.finish_and_clear();
    saved.update()?;
    Ok((report, place.unread))
}

/// Where reading is.
#[derive(Default)]
struct Place {
    name: Arc<str>,
    /// The number of the line before.
    line: u64,
    /// Lines that are not text, and files that cannot be read.
    unread: u64,
}

/// Pushes the lines of a block.
async fn push_block(pusher: &ItemPusher, block: &Block, stop: &AtomicBool, place: &mut Place) -> Result<(), PushError> {
    let name = &block.name;
    if place.name != *name {
        (place.name, place.line) = (Arc::clone(name), 0);
    }
    for line in block.lines() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        place.line += 1;
        match line {
            Ok(text) if text.trim_ascii().is_empty() => {}
            Ok(text) => {
                if let Pushed::Refused(refused) = push_line(pusher, text).await? {
                    eprintln!("{name}:{}: {refused}", place.line);
                }
            }
            Err(error) => {
                eprintln!("{name}:{}: {error}", place.line);
                place.unread += 1;
            }
        }
    }
    Ok(())
}

/// Pushes one line: by its `documentId`, or else by its `uri`.
async fn push_line(pusher: &ItemPusher, text: &str) -> Result<Pushed, PushError> {
    #[derive(Deserialize)]
    struct Uri {
        uri: String,
    }

    if text.contains("\"documentId\"") {
        return pusher.add_or_update_json_with_id(text).await;
    }
    match serde_json::from_str::<Uri>(text) {
        Ok(Uri { uri }) => pusher.add_or_update_json(&uri, text).await,
        Err(_) => pusher.add_or_update_json_with_id(text).await,
    }
}

async fn stop_on_ctrl_c(stop: Arc<AtomicBool>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        eprintln!("ending: what is in flight is finished first (Ctrl-C again to end at once)");
        stop.store(true, Ordering::Relaxed);
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}

fn progress_bar(pusher: &ItemPusher, quiet: bool) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let (shown, mut progress) = (bar.clone(), pusher.progress());
    tokio::spawn(async move {
        while progress.changed().await.is_ok() && !shown.is_finished() {
            let Progress { pushed, accepted, bytes_uploaded, retries, .. } = *progress.borrow_and_update();
            let megabytes = bytes_uploaded as f64 / 1e6;
            let speed = megabytes / shown.elapsed().as_secs_f64().max(0.001);
            shown.set_message(format!("{pushed} items, {accepted} accepted, {speed:.1} MB/s, {retries} retries"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    bar
}

/// The failed batches that were written. When the run has ended, what was pushed again later is taken
/// out of their files.
#[derive(Clone, Default)]
struct Saved(Arc<Mutex<Vec<SavedBatch>>>);

impl Saved {
    fn save(&self, folder: &Path, failed: &FailedBatch) {
        match failed.save(folder) {
            Ok(saved) => {
                eprintln!("{failed}; written to {}", saved.path().display());
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(saved);
            }
            Err(error) => eprintln!("{failed}; and it cannot be written: {error}"),
        }
    }

    fn update(&self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter_mut().try_for_each(SavedBatch::update)
    }
}

/// Pushes the batches of a folder again, in their order, and removes each that the service accepts.
async fn push_saved(items: &Items, folder: &Path) -> Result<(), shared::Failure> {
    for path in saved_batches(folder)? {
        let accepted = items.push_batch_json(fs::read(&path)?).await?;
        println!("{}: {} bytes accepted", path.display(), accepted.bytes());
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// The files of the batches in a folder, in the order of their run.
fn saved_batches(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}
