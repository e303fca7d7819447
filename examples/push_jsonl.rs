//! Pushes files of JSON lines: one item a line, with its `documentId` (or `uri`).
//!
//! ```sh
//! cargo run --release --example push_jsonl -- [OPTIONS] FILE…
//! ```
//!
//! Without a file it reads standard input; with `--fake` it pushes into a fake service in memory. Invalid
//! lines and unreadable files are reported with their location; everything else is still pushed.
//! Ctrl-C, SIGTERM, or a failed batch without `--failed-dir`, ends reading: batches under way are finished, and
//! the report says after which line nothing was pushed.

mod shared;

#[path = "push_jsonl/pushing.rs"]
mod pushing;
#[path = "push_jsonl/saved.rs"]
mod saved;
#[path = "push_jsonl/stop.rs"]
mod stop;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use coveo_push::report::{Progress, PushReport};
use coveo_push::{ItemPusher, Items};
use indicatif::{ProgressBar, ProgressStyle};
use saved::Saved;
use serde_json::Value;
use shared::say;
use stop::Stop;

/// Pushes files of JSON lines, one item a line, with its `documentId` or `uri`.
#[derive(Debug, Parser)]
struct Arguments {
    /// The largest a batch may be, in bytes, from 1024 to 256000000.
    #[arg(long, default_value_t = 16 << 20, value_parser = clap::value_parser!(u64).range(1024..=256_000_000))]
    batch_bytes: u64,
    /// How many batches are under way at the same time, from 1 to 64.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Goes on after a failed batch, and writes it into this folder.
    #[arg(long, value_name = "DIR")]
    failed_dir: Option<PathBuf>,
    /// Pushes again what is in this folder, written by `--failed-dir`; then the files, if all of it
    /// was accepted.
    #[arg(long, value_name = "DIR")]
    retry: Option<PathBuf>,
    /// Pushes into a fake service in memory, and lists the dropped items.
    #[arg(long)]
    fake: bool,
    /// Shows no progress.
    #[arg(long)]
    quiet: bool,
    /// Files of JSON lines; standard input without any, unless there is `--retry`.
    files: Vec<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, shared::Failure> {
    let arguments = Arguments::parse();
    let setup = shared::Setup::of_program(arguments.fake)?;
    let items = setup.client.items(setup.source_id()?);
    let stop = Stop::on_signal();
    let is_clean = push(&items, &arguments, &stop).await?;
    let is_held = setup.print_held()?;
    Ok(if is_clean && is_held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many ids of a failed batch are printed.
const MOST_IDS: usize = 20;

/// Does the work and prints its result. Returns whether everything was pushed.
async fn push(items: &Items, arguments: &Arguments, stop: &Arc<Stop>) -> Result<bool, shared::Failure> {
    if let Some(folder) = &arguments.retry {
        let is_clean = saved::push_saved(items, folder, stop).await?;
        if arguments.files.is_empty() {
            return Ok(is_clean);
        }
        if !is_clean {
            say!("the files were not pushed: the batches in {} would undo them later", folder.display());
            return Ok(false);
        }
    }
    let ended = push_files(items, arguments, stop).await?;
    say!("{}", ended.report);
    let ids = ended.report.failed_batches.iter().flat_map(|failed| failed.ids().take(MOST_IDS)).map(str::to_owned);
    let places = pushing::places(arguments.files.clone(), ids.collect()).await;
    for failed in &ended.report.failed_batches {
        say!("failed {failed}");
        for id in failed.ids().take(MOST_IDS) {
            // As JSON text, so that it does not break its line.
            say!("    {}{}", places.get(id).map(|place| format!("{place}: ")).unwrap_or_default(), Value::from(id));
        }
        if failed.operations() > MOST_IDS {
            say!("    and {} more: `--failed-dir` writes all of them into files", failed.operations() - MOST_IDS);
        }
    }
    ended.problems.iter().for_each(|problem| say!("{problem}"));
    Ok(ended.report.is_complete() && ended.report.totals.refused == 0 && ended.problems.is_empty())
}

/// A run that has ended.
struct Ended {
    report: PushReport,
    /// Problems that are not in the report.
    problems: Vec<String>,
}

/// Pushes the lines of all files.
async fn push_files(items: &Items, arguments: &Arguments, stop: &Arc<Stop>) -> Result<Ended, shared::Failure> {
    let mut builder =
        items.pusher().batch_bytes(arguments.batch_bytes as usize).concurrency(arguments.concurrency.into());
    let saved = Saved::default();
    if let Some(folder) = arguments.failed_dir.clone() {
        saved::try_writing(&folder)?;
        if !saved::whole_files(&folder)?.0.is_empty() {
            let why = format!("{} holds batches of an earlier run: push them with --retry first", folder.display());
            return Err(io::Error::other(why).into());
        }
        let saved = saved.clone();
        builder = builder.on_failed_batch(move |failed| saved.save_soon(folder.clone(), failed));
    }
    let pusher = builder.start();
    if arguments.failed_dir.is_none() {
        stop.when_a_batch_fails(pusher.progress());
    }
    let bar = progress_bar(&pusher, arguments.quiet);

    let place = pushing::push_lines(&pusher, arguments.files.clone(), stop).await;
    let report = pusher.finish().await;
    bar.finish_and_clear();
    let problems = place.problems().chain(saved.end().await).collect();
    Ok(Ended { report, problems })
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
