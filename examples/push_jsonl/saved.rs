//! Failed batches in files: written by one run, and pushed again by the next.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use coveo_push::report::{FailedBatch, SavedBatch};

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::Target;
use crate::shared::{Failure, say};
use crate::stop::Stop;

/// The files of the failed batches of a run.
#[derive(Clone, Default)]
pub(crate) struct Saved(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    tasks: Vec<JoinHandle<()>>,
    /// Problems with the files.
    problems: Vec<String>,
}

impl Saved {
    fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch in a task of its own: a handler must not keep the run waiting for the disk.
    pub(crate) fn save_soon(&self, folder: PathBuf, failed: FailedBatch) {
        let saved = self.clone();
        let task = tokio::spawn(async move { saved.save(&folder, &failed).await });
        self.lock().tasks.push(task);
    }

    async fn save(&self, folder: &Path, failed: &FailedBatch) {
        match failed.save(folder).await {
            Ok(saved) => eprintln!("{failed}; written to {}", saved.path().display()),
            Err(error) => {
                let (first, last) = (failed.ids().next().unwrap_or_default(), failed.ids().last().unwrap_or_default());
                let problem = format!("{failed}; its items, from {first} to {last}, are in no file: {error}");
                eprintln!("{problem}");
                self.lock().problems.push(problem);
            }
        }
    }

    /// Waits until all are written, and returns the problems. The run itself takes out operations that were pushed again later.
    pub(crate) async fn end(&self) -> Vec<String> {
        let tasks = std::mem::take(&mut self.lock().tasks);
        for task in tasks {
            // A panic has been printed.
            let _ = task.await;
        }
        std::mem::take(&mut self.lock().problems)
    }
}

/// Pushes the batches of a folder again, in their order, and removes each that the service accepts.
/// It ends at the first that is not accepted, as a later one may hold the same items. Returns
/// whether none is left.
pub(crate) async fn push_saved(target: &Target, folder: &Path, stop: &Stop) -> io::Result<bool> {
    // A folder that is not there is a mistake, and no empty one.
    fs::read_dir(folder).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
    let (files, cut_off) = whole_files(folder)?;
    let mut left = files.iter();
    while let Some(path) = left.as_slice().first()
        && !stop.is_set()
    {
        if let Err(error) = push_file(target, path).await {
            eprintln!("{}: {error:?}", path.display());
            break;
        }
        left.next();
    }
    let accepted = files.len() - left.len();
    say!("{}: {accepted} batches accepted, {} left", folder.display(), left.len());
    left.clone().for_each(|path| say!("left {}", path.display()));
    cut_off.iter().for_each(|path| say!("{} is cut off and holds no batch: passed over", path.display()));
    Ok(left.len() == 0)
}

/// The files of a folder that hold a batch, and those that were cut off.
pub(crate) fn whole_files(folder: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut whole, mut cut_off) = (Vec::new(), Vec::new());
    for path in SavedBatch::files(folder)? {
        if SavedBatch::is_whole(&path)? { whole.push(path) } else { cut_off.push(path) }
    }
    Ok((whole, cut_off))
}

async fn push_file(target: &Target, path: &Path) -> Result<(), Failure> {
    let saved = SavedBatch::open(path)?;
    for id in saved.superseded_ids()? {
        say!("{}: {} is left out: push it again from where it came", path.display(), Value::from(id));
    }
    for id in saved.expired_ids()? {
        say!("{}: {} is left out: push it again with its content", path.display(), Value::from(id));
    }
    if let Some(batch) = saved.body()? {
        let accepted = match target {
            Target::Items(items) => items.push_batch_json(batch).await?,
            Target::Updates(catalog) | Target::Load(catalog) => catalog.update_batch_json(batch).await?,
            Target::Merges(catalog) => catalog.merge_batch_json(batch).await?,
        };
        say!("{}: {} bytes accepted", path.display(), accepted.bytes().unwrap_or_default());
    }
    saved.remove()?;
    Ok(())
}
