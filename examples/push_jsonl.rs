//! Pushes files of JSON lines: one item a line, with its `documentId` (or `uri`).
//!
//! ```sh
//! cargo run --release --example push_jsonl -- [OPTIONS] FILE…
//! ```
//!
//! With `--catalog` the source is a catalog, and `--mode` selects the effect on it:
//!
//! | Mode | |
//! |---|---|
//! | `update` | they are added, or replace items with their ids; other items stay. A line such as `{"documentId":"product://1","operator":"fieldValueReplace","field":"ec_price","value":28}` changes one field |
//! | `merge` | only the keys of a line change; an item that does not exist is added |
//! | `load` | they replace everything, if every line was pushed; otherwise nothing changes |
//!
//! With `--confirm` it then waits for the logs of the indexing pipeline, and lists the outcomes, with the reason of each
//! drop. The exit code is 3 if something was dropped.
//!
//! Without a file it reads standard input; with `--fake` it pushes into a fake service in memory. Invalid
//! lines and unreadable files are reported with their location; everything else is still pushed.
//! Ctrl-C, SIGTERM, or a failed batch without `--failed-dir`, ends reading: batches under way are finished, and
//! the report says after which line nothing was pushed.

mod shared;

#[path = "shared/confirm.rs"]
mod confirm;
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

use clap::{Parser, ValueEnum};
use coveo_push::report::{Progress, PushReport};
use coveo_push::{
    Catalog, Items, Ledger, LedgerError, Outcomes, PushQueue, PushTarget, PusherBuilder, SyncBuilder, SyncInto,
};
use indicatif::{ProgressBar, ProgressStyle};
use pushing::{Line, Place};
use saved::Saved;
use serde_json::Value;
use shared::say;
use stop::Stop;

/// Pushes files of JSON lines, one item a line, with its `documentId` or `uri`.
#[derive(Debug, Parser)]
struct Arguments {
    /// Pushes into a catalog, by the Stream API.
    #[arg(long)]
    catalog: bool,
    /// The effect of the items on a catalog.
    #[arg(long, value_enum, default_value_t = Mode::Update, requires = "catalog")]
    mode: Mode,
    /// Pushes only the lines that changed since the last run with this file, and deletes the items whose lines are
    /// gone, unless a line could not be read.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["failed_dir", "retry"])]
    ledger: Option<PathBuf>,
    /// With `--ledger`: the lines are a feed of changes, and nothing is deleted.
    #[arg(long, requires = "ledger")]
    changes_only: bool,
    /// With `--ledger`: the most items that are deleted, in place of half of them.
    #[arg(long, value_name = "ITEMS", requires = "ledger")]
    allow_deleting: Option<u64>,
    /// With `--mode load` or `--ledger`: with fewer items than this nothing is deleted.
    #[arg(long, value_name = "ITEMS", default_value_t = 1)]
    expect_at_least: u64,
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
    /// Waits so many minutes for the outcome of the items, and lists the dropped ones. The exit code is 3 if there are any.
    /// With `--ledger`, the next run pushes them again.
    #[arg(long, value_name = "MINUTES")]
    confirm: Option<u32>,
    /// Pushes into a fake service in memory, and lists the dropped items.
    #[arg(long)]
    fake: bool,
    /// Shows no progress.
    #[arg(long)]
    quiet: bool,
    /// Files of JSON lines; standard input without any, unless there is `--retry`.
    files: Vec<PathBuf>,
}

/// The effect of the items on a catalog.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    /// They are added, or replace items with their ids; a line can also be a partial update
    Update,
    /// They replace everything, if every line was pushed
    Load,
    /// Only the keys of a line change
    Merge,
}

/// Where the lines go.
enum Target {
    Items(Items),
    Updates(Catalog),
    Load(Catalog),
    Merges(Catalog),
}

impl Target {
    fn new(arguments: &Arguments, setup: &shared::Setup) -> Result<Self, shared::Failure> {
        let source_id = setup.source_id()?;
        if !arguments.catalog {
            return Ok(Self::Items(setup.client.items(source_id)));
        }
        let catalog = setup.client.catalog(source_id);
        Ok(match arguments.mode {
            Mode::Update => Self::Updates(catalog),
            Mode::Load if arguments.failed_dir.is_some() || arguments.retry.is_some() => {
                let why = "a load changes nothing when a batch fails: run it again, without --failed-dir and --retry";
                return Err(io::Error::other(why).into());
            }
            Mode::Load => Self::Load(catalog),
            Mode::Merge => Self::Merges(catalog),
        })
    }

    /// Makes the next run with the ledger push dropped items again.
    async fn verify(&self, ledger: &Ledger, outcomes: &Outcomes) -> Result<u64, LedgerError> {
        match self {
            Self::Items(items) => ledger.verify_with(items, outcomes).await,
            Self::Updates(catalog) | Self::Load(catalog) | Self::Merges(catalog) => {
                ledger.verify_with(catalog, outcomes).await
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, shared::Failure> {
    let arguments = Arguments::parse();
    let setup = match arguments.catalog {
        true => shared::Setup::of_catalog_program(arguments.fake)?,
        false => shared::Setup::of_program(arguments.fake)?,
    };
    let target = Target::new(&arguments, &setup)?;
    let stop = Stop::on_signal()?;
    let ledger = arguments.ledger.as_ref().map(Ledger::open).transpose()?;
    let (is_clean, report) = push(&target, ledger.as_ref(), &arguments, &stop).await?;
    let is_held = setup.print_held()?;
    if let (Some(minutes), Some(report)) = (arguments.confirm, report) {
        let outcomes = confirm::outcomes(&report, &setup.client, minutes).await?;
        if let Some(ledger) = &ledger {
            target.verify(ledger, &outcomes).await?;
        }
        if confirm::tells_of_drops(&outcomes) {
            return Ok(confirm::DROPPED.into());
        }
    }
    Ok(if is_clean && is_held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many ids of a failed batch are printed.
const MOST_IDS: usize = 20;

/// Does the work and prints its result. Returns whether everything was pushed.
async fn push(
    target: &Target,
    ledger: Option<&Ledger>,
    arguments: &Arguments,
    stop: &Arc<Stop>,
) -> Result<(bool, Option<PushReport>), shared::Failure> {
    if let Some(folder) = &arguments.retry {
        let is_clean = saved::push_saved(target, folder, stop).await?;
        if arguments.files.is_empty() {
            return Ok((is_clean, None));
        }
        if !is_clean {
            say!("the files were not pushed: the batches in {} would undo them later", folder.display());
            return Ok((false, None));
        }
    }
    let ended = push_files(target, ledger, arguments, stop).await?;
    say!("{}", ended.summary);
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
    let report = &ended.report;
    let is_clean = ended.is_whole && report.is_complete() && report.totals.refused == 0 && ended.problems.is_empty();
    let is_done = ended.is_whole;
    Ok((is_clean, Some(ended.report).filter(|_| is_done)))
}

/// A run that has ended.
struct Ended {
    report: PushReport,
    /// The report in one line.
    summary: String,
    /// Whether the run did all that it was to do.
    is_whole: bool,
    /// Problems that are not in the report.
    problems: Vec<String>,
}

/// A run under way.
struct Run<'a> {
    arguments: &'a Arguments,
    stop: &'a Arc<Stop>,
    saved: Saved,
    bar: ProgressBar,
}

/// Keeps the ids of the run, where its outcomes are asked for.
macro_rules! tracked {
    ($builder:expr, $arguments:expr) => {
        if $arguments.confirm.is_some() { $builder.track_outcomes() } else { $builder }
    };
}

/// Pushes the lines of all files.
async fn push_files(
    target: &Target,
    ledger: Option<&Ledger>,
    arguments: &Arguments,
    stop: &Arc<Stop>,
) -> Result<Ended, shared::Failure> {
    let bar = if arguments.quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
    let run = Run { arguments, stop, saved: Saved::default(), bar };
    if let Some(ledger) = ledger {
        return match target {
            Target::Items(items) => {
                let sync = items.sync(ledger).pusher(|pusher| tracked!(pusher, arguments));
                run.sync(sync, pushing::to_item).await
            }
            Target::Updates(catalog) => {
                let sync = catalog.sync(ledger).pusher(|pusher| tracked!(pusher, arguments));
                run.sync(sync, pushing::to_update).await
            }
            Target::Load(_) | Target::Merges(_) => {
                Err(io::Error::other("a ledger is for updates: leave out --mode or --ledger").into())
            }
        };
    }
    match target {
        Target::Items(items) => {
            let pusher = tracked!(run.set(items.pusher())?, arguments).start();
            let place = run.push_lines(&pusher, pushing::to_item).await;
            run.end(&place, pusher.finish().await).await
        }
        Target::Updates(catalog) => {
            let pusher = tracked!(run.set(catalog.updater())?, arguments).start();
            let place = run.push_lines(&pusher, pushing::to_update).await;
            run.end(&place, pusher.finish().await).await
        }
        Target::Merges(catalog) => {
            let pusher = tracked!(run.set(catalog.merger())?, arguments).start();
            let place = run.push_lines(&pusher, pushing::to_item).await;
            run.end(&place, pusher.finish().await).await
        }
        Target::Load(catalog) => {
            let load = catalog.load().expect_at_least(arguments.expect_at_least);
            let load = load.pusher(|pusher| tracked!(run.sizes(pusher), arguments)).start().await?;
            let place = run.push_lines(load.pusher(), pushing::to_item).await;
            // A line that was not read is an item that the load would delete.
            let report = if place.is_whole() { load.finish().await } else { load.abort().await };
            let (summary, is_whole) = (report.to_string(), report.is_closed());
            Ok(Ended { summary, is_whole, ..run.end(&place, report.push).await? })
        }
    }
}

impl Run<'_> {
    fn sizes<T>(&self, builder: PusherBuilder<T>) -> PusherBuilder<T> {
        let Arguments { batch_bytes, concurrency, .. } = self.arguments;
        builder.batch_bytes(*batch_bytes as usize).concurrency((*concurrency).into())
    }

    fn set<T>(&self, builder: PusherBuilder<T>) -> io::Result<PusherBuilder<T>> {
        let builder = self.sizes(builder);
        let Some(folder) = self.arguments.failed_dir.clone() else { return Ok(builder) };
        shared::try_writing(&folder)?;
        if !saved::whole_files(&folder)?.0.is_empty() {
            let why = format!("{} holds batches of an earlier run: push them with --retry first", folder.display());
            return Err(io::Error::other(why));
        }
        let saved = self.saved.clone();
        Ok(builder.on_failed_batch(move |failed| saved.save_soon(folder.clone(), failed)))
    }

    /// Pushes the lines that changed.
    async fn sync<T: SyncInto + PushTarget, O: Into<T::Operation>>(
        self,
        builder: SyncBuilder<T>,
        make: fn(&str) -> Line<O>,
    ) -> Result<Ended, shared::Failure> {
        let Arguments { changes_only, allow_deleting, expect_at_least, .. } = self.arguments;
        let builder = builder.pusher(|pusher| self.sizes(pusher)).expect_at_least(*expect_at_least);
        let builder = if *changes_only { builder.changes_only() } else { builder };
        let sync = allow_deleting.iter().fold(builder, |builder, most| builder.allow_deleting(*most)).start().await?;
        let place = self.push_lines(sync.pusher(), make).await;
        let report = if place.is_whole() {
            sync.finish().await
        } else {
            // An unread line is an item that must stay. The items pushed so far are sent.
            let _ = sync.flush().await;
            sync.abort().await
        };
        let (summary, is_whole) = (report.to_string(), report.is_complete());
        Ok(Ended { summary, is_whole, ..self.end(&place, report.push).await? })
    }

    async fn push_lines<T: PushTarget, O: Into<T::Operation>>(
        &self,
        queue: &PushQueue<T>,
        make: fn(&str) -> Line<O>,
    ) -> Place {
        if self.arguments.failed_dir.is_none() {
            self.stop.when_a_batch_fails(queue.progress());
        }
        show_progress(&self.bar, queue);
        pushing::push_lines(queue, self.arguments.files.clone(), make, self.stop).await
    }

    async fn end(self, place: &Place, report: PushReport) -> Result<Ended, shared::Failure> {
        self.bar.finish_and_clear();
        let problems = place.problems().chain(self.saved.end().await).collect();
        Ok(Ended { summary: report.to_string(), report, is_whole: true, problems })
    }
}

fn show_progress<T>(bar: &ProgressBar, queue: &PushQueue<T>) {
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
        bar.set_style(style);
    }
    let (shown, mut progress) = (bar.clone(), queue.progress());
    tokio::spawn(async move {
        while progress.changed().await.is_ok() && !shown.is_finished() {
            let Progress { pushed, accepted, bytes_uploaded, retries, .. } = *progress.borrow_and_update();
            let megabytes = bytes_uploaded as f64 / 1e6;
            let speed = megabytes / shown.elapsed().as_secs_f64().max(0.001);
            shown.set_message(format!("{pushed} items, {accepted} accepted, {speed:.1} MB/s, {retries} retries"));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}
