//! Failed batches: pushed again, or written into files.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use coveo_push::report::{AfterFailure, FailedBatch, SavedBatch};
use coveo_push::{ItemQueue, Items};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::shared::{Failure, say};

/// Keeps the failed batches of a run, and pushes them again.
pub(crate) struct FailedBatches {
    folder: PathBuf,
    again_after: Duration,
    to_file: UnboundedSender<Option<FailedBatch>>,
    files: UnboundedReceiver<Option<FailedBatch>>,
}

/// The batches in files at the end.
#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) batches: u64,
    pub(crate) problems: Vec<String>,
}

/// Writes batches into files while the run goes on.
pub(crate) struct Keeper {
    folder: PathBuf,
    to_file: UnboundedSender<Option<FailedBatch>>,
    task: JoinHandle<Saved>,
}

impl FailedBatches {
    pub(crate) fn new(folder: PathBuf, again_after: Duration) -> Self {
        let (to_file, files) = unbounded_channel();
        Self { folder, again_after, to_file, files }
    }

    /// An outage, a wrong key, a used-up quota: all of them pass, with or without a person who does something. A batch
    /// that was rejected for its data would be rejected again.
    pub(crate) fn handler(&self) -> impl Fn(FailedBatch) -> AfterFailure + Send + Sync + 'static {
        let (to_file, again_after) = (self.to_file.clone(), self.again_after);
        move |failed| {
            eprintln!("failed {failed}");
            if failed.is_retryable() {
                return AfterFailure::Again(failed, again_after);
            }
            // Written in a task: the handler must not keep the run waiting for the disk.
            let _ = to_file.send(Some(failed));
            AfterFailure::Keep
        }
    }

    /// Starts to write batches into files.
    pub(crate) fn keep(self, queue: ItemQueue) -> Keeper {
        let Self { folder, to_file, mut files, .. } = self;
        let into = folder.clone();
        let task = tokio::spawn(async move {
            let mut saved = Saved::default();
            while let Some(Some(failed)) = files.recv().await {
                if saved.add(&failed, &into).await {
                    // It is in a file now, so `settled_to` need not wait for it.
                    queue.settle(&failed);
                }
            }
            saved
        });
        Keeper { folder, to_file, task }
    }
}

impl Keeper {
    /// Writes the rest, and returns the number of batches in files.
    pub(crate) async fn end(self, rest: Vec<FailedBatch>) -> Saved {
        let _ = self.to_file.send(None);
        let mut saved = self.task.await.unwrap_or_default();
        for failed in rest {
            saved.add(&failed, &self.folder).await;
        }
        saved
    }
}

impl Saved {
    async fn add(&mut self, failed: &FailedBatch, folder: &Path) -> bool {
        match failed.save(folder).await {
            Ok(file) => {
                eprintln!("{failed}; written to {}", file.path().display());
                self.batches += 1;
                true
            }
            Err(error) => {
                let ids: Vec<&str> = failed.ids().collect();
                self.problems.push(format!("{failed} is in no file ({error}): {}", ids.join(", ")));
                false
            }
        }
    }
}

/// Pushes the files of an earlier run, in their order, and removes them.
///
/// # Errors
///
/// The first failure: a later file may hold the same items.
pub(crate) async fn push_saved(items: &Items, folder: &Path) -> Result<(), Failure> {
    for path in SavedBatch::files(folder)? {
        if !SavedBatch::is_whole(&path)? {
            eprintln!("{} is cut off and holds no batch: passed over", path.display());
            continue;
        }
        let saved = SavedBatch::open(path)?;
        for id in saved.superseded_ids()? {
            say!("{}: {id} is left out: push it again from where it came", saved.path().display());
        }
        if let Some(body) = saved.body()? {
            match items.push_batch_json(body).await {
                Ok(_) => {}
                // It was rejected before, too. A person has to look at it.
                Err(error) if !error.is_retryable() && !error.holds_for_all() => {
                    eprintln!("{}: {error}", saved.path().display());
                    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
                    std::fs::rename(saved.path(), saved.path().with_extension(format!("{now}.rejected")))?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
        }
        say!("{}: pushed", saved.path().display());
        saved.remove()?;
    }
    Ok(())
}
