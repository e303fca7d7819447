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

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::Utf8Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io, mem, thread};

use clap::Parser;
use coveo_push::{FailedBatch, ItemPusher, Items, Progress, PushItem, PushReport, Pushed, SavedBatch};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use shared::lines::{Block, Blocks};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

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
        if !SavedBatch::files(&folder)?.is_empty() {
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

    let pusher = Arc::new(pusher);
    let unread = push_blocks(&pusher, Blocks::read(arguments.files.clone()), &stop).await?;
    let pusher = Arc::into_inner(pusher).ok_or_else(|| io::Error::other("a block is still being pushed"))?;
    let report = pusher.finish().await;
    bar.finish_and_clear();
    saved.update()?;
    Ok((report, unread))
}

/// Pushes all blocks: the lines of several are prepared at the same time, and pushed in their order.
/// Returns how many lines and files could not be read.
async fn push_blocks(
    pusher: &Arc<ItemPusher>,
    mut blocks: Blocks,
    stop: &Arc<AtomicBool>,
) -> Result<u64, shared::Failure> {
    // One more than can be worked on: one waits for its turn.
    let at_once = 1 + thread::available_parallelism().map_or(1, NonZero::get);
    let mut tasks = JoinSet::new();
    let (first, mut turn) = oneshot::channel();
    let _ = first.send(Place::default());
    let mut unread = 0;
    while let Some(block) = blocks.next().await
        && !stop.load(Ordering::Relaxed)
    {
        match block {
            Ok(block) => {
                if tasks.len() >= at_once
                    && let Some(done) = tasks.join_next().await
                {
                    done?;
                }
                let (next, next_turn) = oneshot::channel();
                let turn = mem::replace(&mut turn, next_turn);
                tasks.spawn(push_block(Arc::clone(pusher), block, turn, next, Arc::clone(stop)));
            }
            // What was read is pushed all the same.
            Err(error) => {
                eprintln!("{error}");
                unread += 1;
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        done?;
    }
    // The last block has passed it on, unless the run has stopped.
    Ok(unread + turn.await.map_or(0, |place| place.unread))
}

/// Where pushing is.
#[derive(Default)]
struct Place {
    name: Arc<str>,
    /// The number of the line before.
    line: u64,
    /// Lines that are not text.
    unread: u64,
}

/// Prepares the lines of a block, pushes them when it is their turn, and passes that on. Nobody's
/// turn comes after a push that finds the run stopped.
async fn push_block(
    pusher: Arc<ItemPusher>,
    block: Block,
    turn: oneshot::Receiver<Place>,
    next: oneshot::Sender<Place>,
    stop: Arc<AtomicBool>,
) {
    let lines: Vec<Line> = block.lines().map(Line::read).collect();
    let prepared: Vec<_> = lines.iter().map(|line| line.prepare(&pusher)).collect();
    let Ok(mut place) = turn.await else { return };
    let name = block.name();
    if place.name != *name {
        (place.name, place.line) = (Arc::clone(name), 0);
    }
    for push in prepared {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        place.line += 1;
        match push {
            None => {}
            Some(Ok(push)) => match push.await {
                Ok(Pushed::Refused(refused)) => eprintln!("{name}:{}: {refused}", place.line),
                Ok(_) => {}
                Err(stopped) => return eprintln!("{stopped}"),
            },
            Some(Err(error)) => {
                eprintln!("{name}:{}: {error}", place.line);
                place.unread += 1;
            }
        }
    }
    // Nobody waits for it when reading has ended with an error.
    let _ = next.send(place);
}

/// One line of a file.
struct Line<'a> {
    text: Result<&'a str, Utf8Error>,
    /// The item's id, where it is not in a `documentId`.
    uri: Option<String>,
}

impl<'a> Line<'a> {
    fn read(text: Result<&'a str, Utf8Error>) -> Self {
        #[derive(Deserialize)]
        struct Uri {
            uri: String,
        }

        let by_uri = text.ok().filter(|text| !text.contains("\"documentId\""));
        let uri = by_uri.and_then(|text| serde_json::from_str::<Uri>(text).ok());
        Self { text, uri: uri.map(|Uri { uri }| uri) }
    }

    /// The push of this line; none when it is empty.
    fn prepare<'b>(&'b self, pusher: &'b ItemPusher) -> Option<Result<PushItem<'b>, Utf8Error>> {
        let text = match self.text {
            Ok(text) if text.trim_ascii().is_empty() => return None,
            Ok(text) => text,
            Err(error) => return Some(Err(error)),
        };
        let push = match &self.uri {
            Some(uri) => pusher.add_or_update_json(uri, text),
            None => pusher.add_or_update_json_with_id(text),
        };
        Some(Ok(push.prepare()))
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
    for path in SavedBatch::files(folder)? {
        let accepted = items.push_batch_json(fs::read(&path)?).await?;
        println!("{}: {} bytes accepted", path.display(), accepted.bytes());
        fs::remove_file(&path)?;
    }
    Ok(())
}
