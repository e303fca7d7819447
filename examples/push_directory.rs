//! Pushes the files of a folder and of all below it: one item a file, with its content.
//!
//! ```sh
//! cargo run --release --example push_directory -- [OPTIONS] FOLDER
//! ```
//!
//! Each item has the file's URI for its id, and its name, dates, size and type as metadata. A file that
//! cannot be read is reported, and the rest is pushed. With `--refresh` the items of files that are
//! there no more are deleted, unless something went wrong. With `--ledger` only what changed is pushed.
//! With `--fake` it pushes into a fake service in memory.

mod shared;

#[path = "shared/confirm.rs"]
mod confirm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use clap::Parser;
use coveo_push::report::PushReport;
use coveo_push::{
    Content, DateTime, DocumentBody, ItemPusher, ItemQueue, Items, Ledger, Permissions, Pushed, PusherBuilder, Refresh,
    RefreshKind, SyncRun, file_uri,
};
use globset::{Glob, GlobSet, GlobSetBuilder};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::{JoinError, JoinSet};
use walkdir::WalkDir;

/// Pushes the files of a folder and of all below it: one item a file, with its content.
#[derive(Debug, Parser)]
struct Arguments {
    /// Files to push, such as `*.pdf` or `manuals/**`, below the folder; all without any.
    #[arg(long, value_name = "GLOB")]
    include: Vec<Glob>,
    /// Files to leave out.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Glob>,
    /// How many files are compressed and uploaded at the same time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Everybody may see the items.
    #[arg(long, group = "readers")]
    public: bool,
    /// The items have no permissions: for a private or shared source. A secured source drops them.
    #[arg(long, group = "readers")]
    no_permissions: bool,
    /// Deletes the items of the source that were not pushed by this run. Wants --public or --no-permissions.
    #[arg(long, requires = "readers")]
    refresh: bool,
    /// Pushes only the files that changed since the last run with this file, and deletes the items of files that are
    /// gone.
    #[arg(long, value_name = "FILE", conflicts_with = "refresh")]
    ledger: Option<PathBuf>,
    /// With `--ledger`: a file is read only when its size or times changed.
    #[arg(long, requires = "ledger")]
    trust_file_times: bool,
    /// Lists the files and pushes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Pushes the targets of symbolic links. Without it, links are reported and skipped.
    #[arg(long)]
    follow_links: bool,
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
    /// The folder.
    folder: PathBuf,
}

use shared::say;

#[tokio::main]
async fn main() -> Result<ExitCode, shared::Failure> {
    let arguments = Arguments::parse();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", arguments.folder.display()));
    let (files, unread) = list(&fs::canonicalize(&arguments.folder).map_err(named)?, &arguments)?;
    if arguments.dry_run {
        files.iter().for_each(|file| say!("{} ({} bytes)", file.uri, file.bytes));
        say!("{} files, {} bytes", files.len(), files.iter().map(|file| file.bytes).sum::<u64>());
        return Ok(ExitCode::SUCCESS);
    }
    let setup = shared::Setup::of_program(arguments.fake)?;
    let items = setup.client.items(setup.source_id()?);
    let permissions = arguments.public.then(Permissions::public);
    let ledger = arguments.ledger.as_ref().map(Ledger::open).transpose()?;
    // Before the source has a status that must end.
    shared::hold_signals()?;
    let run = Run::start(&items, ledger.as_ref(), &arguments).await?;
    let is_stopped = push_files(run.pusher(), files, permissions, &arguments).await;
    let Ended { summary, is_complete, report } = run.end(unread == 0 && !is_stopped).await;
    say!("{summary}");
    report.refused_samples.iter().for_each(|refused| say!("refused {refused}"));
    report.failed_batches.iter().for_each(|failed| say!("failed {failed}"));
    let is_held = setup.print_held()?;
    if let Some(minutes) = arguments.confirm {
        let outcomes = confirm::outcomes(&report, &setup.client, minutes).await?;
        if let Some(ledger) = &ledger {
            ledger.verify_with(&items, &outcomes).await?;
        }
        if confirm::tells_of_drops(&outcomes) {
            return Ok(confirm::DROPPED.into());
        }
    }
    let is_clean = is_held && is_complete && report.totals.refused == 0 && unread == 0 && !is_stopped;
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A file to push.
struct File {
    path: PathBuf,
    uri: String,
    bytes: u64,
    doc: DocumentBody,
}

/// The files below a folder that are asked for, and how many entries could not be read.
fn list(folder: &Path, arguments: &Arguments) -> Result<(Vec<File>, u64), shared::Failure> {
    let (include, exclude) = (glob_set(&arguments.include)?, glob_set(&arguments.exclude)?);
    let (mut files, mut unread) = (Vec::new(), 0);
    for entry in WalkDir::new(folder).follow_links(arguments.follow_links).sort_by_file_name() {
        let file = match entry {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) => {
                let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                if exclude.is_match(below) || !(include.is_empty() || include.is_match(below)) {
                    continue;
                }
                if !entry.file_type().is_file() {
                    eprintln!("{}: {}", entry.path().display(), passed_over(entry.file_type()));
                    unread += 1;
                    continue;
                }
                entry.metadata().map_err(shared::Failure::from).and_then(|metadata| File::new(entry.path(), &metadata))
            }
            Err(error) => Err(error.into()),
        };
        match file {
            Ok(file) => files.push(file),
            Err(error) => {
                eprintln!("{error:?}");
                unread += 1;
            }
        }
    }
    Ok((files, unread))
}

/// Why an entry is not pushed. It counts as unread, so that a refresh does not delete its item.
fn passed_over(kind: fs::FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link was not pushed; push its target with `--follow-links`, or leave it out with `--exclude`"
    } else {
        "not a regular file, and not pushed; leave it out with `--exclude`"
    }
}

fn glob_set(globs: &[Glob]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(glob.clone());
    }
    set.build()
}

impl File {
    fn new(path: &Path, metadata: &fs::Metadata) -> Result<Self, shared::Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = metadata.len();
        // Not every file system knows when.
        let (created, modified) = (metadata.created().ok().and_then(date), metadata.modified().ok().and_then(date));
        let mut doc = DocumentBody::new()
            .title(&*name)
            .file_name(&*name)
            .metadata("size", bytes)
            .metadata_opt("createdDate", created);
        if let Some(modified) = modified {
            doc = doc.date(modified.clone()).modified_date(modified);
        }
        if let Some(extension) = path.extension() {
            doc = doc.document_type(extension.to_string_lossy().to_lowercase());
        }
        Ok(Self { path: path.to_owned(), uri: file_uri(path)?, bytes, doc })
    }
}

/// A time, if it is one that the service reads: a file may have any.
fn date(time: SystemTime) -> Option<DateTime> {
    let year_10_000 = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    (UNIX_EPOCH..year_10_000).contains(&time).then(|| time.into())
}

/// What files are pushed with.
enum Run {
    Push(ItemPusher),
    Refresh(Box<Refresh<Items>>),
    Sync(Box<SyncRun<Items>>),
}

/// The result of a run.
struct Ended {
    summary: String,
    is_complete: bool,
    report: PushReport,
}

impl Run {
    async fn start(items: &Items, ledger: Option<&Ledger>, arguments: &Arguments) -> Result<Self, shared::Failure> {
        let set = |pusher: PusherBuilder<Items>| {
            let pusher = pusher.concurrency(arguments.concurrency.into());
            if arguments.confirm.is_some() { pusher.track_outcomes() } else { pusher }
        };
        if let Some(ledger) = ledger {
            let sync = items.sync(ledger).trust_file_times(arguments.trust_file_times).pusher(set);
            return Ok(Self::Sync(Box::new(sync.start().await?)));
        }
        if !arguments.refresh {
            return Ok(Self::Push(set(items.pusher()).start()));
        }
        let refresh = items.refresh(RefreshKind::Refresh).pusher(set);
        let refresh = if arguments.no_permissions { refresh.allow_missing_permissions() } else { refresh };
        Ok(Self::Refresh(Box::new(refresh.start().await?)))
    }

    fn pusher(&self) -> &ItemQueue {
        match self {
            Self::Push(pusher) => pusher,
            Self::Refresh(refresh) => refresh.pusher(),
            Self::Sync(sync) => sync.pusher(),
        }
    }

    /// Ends the run. Unless everything was pushed, nothing is deleted.
    async fn end(self, is_everything: bool) -> Ended {
        let report = match self {
            Self::Push(pusher) => {
                let report = if is_everything { pusher.finish().await } else { pusher.abort().await };
                return Ended { summary: report.to_string(), is_complete: report.is_complete(), report };
            }
            Self::Sync(sync) => {
                let report = if is_everything { sync.finish().await } else { sync.abort().await };
                return Ended { summary: report.to_string(), is_complete: report.is_complete(), report: report.push };
            }
            Self::Refresh(refresh) if is_everything => refresh.finish().await,
            Self::Refresh(refresh) => refresh.abort().await,
        };
        Ended { summary: report.to_string(), is_complete: report.is_complete(), report: report.push }
    }
}

/// Pushes the files, or as many as are pushed before Ctrl-C or SIGTERM; tells whether one of them came.
async fn push_files(
    queue: &ItemQueue,
    files: Vec<File>,
    permissions: Option<Permissions>,
    arguments: &Arguments,
) -> bool {
    let progress = Progress::new(&files, arguments.quiet);
    let mut tasks = JoinSet::new();
    let pushing = push_all(queue, &mut tasks, files, permissions, arguments.concurrency.into(), &progress);
    let pushed = shared::unless_stopped(pushing).await;
    // Cancels the pushes under way.
    tasks.shutdown().await;
    progress.bar.finish_and_clear();
    if let Err(stopped) = &pushed {
        eprintln!("{stopped:?}");
    }
    pushed.is_err()
}

async fn push_all(
    queue: &ItemQueue,
    tasks: &mut JoinSet<bool>,
    files: Vec<File>,
    permissions: Option<Permissions>,
    concurrency: usize,
    progress: &Progress,
) -> Result<(), JoinError> {
    for mut file in files {
        file.doc.permissions.clone_from(&permissions);
        // One waits for its turn while another one is uploaded.
        if tasks.len() >= 2 * concurrency
            && let Some(pushed) = tasks.join_next().await
            && !pushed?
        {
            break;
        }
        tasks.spawn(push_file(queue.clone(), file, progress.clone()));
    }
    while let Some(pushed) = tasks.join_next().await {
        pushed?;
    }
    // A run that has stopped says so in its report.
    let _ = queue.flush().await;
    Ok(())
}

/// Pushes a file; `false` when the run has stopped.
async fn push_file(queue: ItemQueue, file: File, progress: Progress) -> bool {
    let File { path, uri, bytes, doc } = file;
    progress.begins(&path);
    match queue.add_or_update(&uri, &doc).content(Content::file(&path)).await {
        Ok(Pushed::Refused(refused)) => progress.bar.suspend(|| eprintln!("{refused}")),
        Ok(_) => {}
        Err(stopped) => {
            progress.bar.suspend(|| eprintln!("{stopped}"));
            return false;
        }
    }
    progress.ends(bytes);
    true
}

/// How far the run is: items and bytes, how fast, and the file that was begun last.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
    pushed: Arc<AtomicU64>,
    files: u64,
}

impl Progress {
    fn new(files: &[File], quiet: bool) -> Self {
        let bytes = files.iter().map(|file| file.bytes).sum();
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(bytes) };
        let template = "{bar:24} {prefix} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, pushed: Arc::default(), files: files.len() as u64 }
    }

    fn begins(&self, path: &Path) {
        self.bar.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }

    fn ends(&self, bytes: u64) {
        let pushed = self.pushed.fetch_add(1, Ordering::Relaxed) + 1;
        self.bar.set_prefix(format!("{pushed}/{} items", self.files));
        self.bar.inc(bytes);
    }
}
