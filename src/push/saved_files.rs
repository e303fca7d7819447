//! The files of the failed batches of a run, as the run knows them: an operation is marked before a later version of it
//! is committed, and taken out when that was accepted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::affects::Overlap;
use super::batch::Batch;
use super::content_times::{ContentTimes, times_of};
use super::keys::Keys;
use super::superseded::SupersededOperations;

/// The files of the failed batches of a run.
#[derive(Debug, Default)]
pub(super) struct SavedFiles {
    /// The failed batches that the caller holds.
    failed: Mutex<Vec<Weak<SupersededOperations>>>,
    files: Mutex<Vec<Arc<SavedFile>>>,
}

/// One file.
#[derive(Debug)]
pub(super) struct SavedFile {
    pub(super) path: PathBuf,
    superseded: Arc<SupersededOperations>,
    /// Locked while the file is written; `None` before.
    contents: Mutex<Option<Contents>>,
}

/// The operations of a file by their numbers in the batch.
#[derive(Debug, Default)]
struct Contents {
    /// Those that it holds, each with the key of its list, in their order.
    held: Vec<(usize, &'static str)>,
    /// Those that it does not hold, because a later operation on the same data was about to be committed: conflicting
    /// ones, and those of which no later one that says as much was accepted.
    marked: BTreeSet<usize>,
}

/// Operations of a batch that is committed, with the number of the batch in which they were first.
#[derive(Clone)]
pub(super) struct Later {
    pub(super) origin: u64,
    pub(super) keys: Arc<Keys>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SavedFiles {
    /// A batch failed.
    pub(super) fn failed(&self, superseded: &Arc<SupersededOperations>) {
        let mut failed = lock(&self.failed);
        failed.retain(|failed| failed.strong_count() > 0);
        failed.push(Arc::downgrade(superseded));
    }

    /// Writes a failed batch into a file, without the operations that are not pushed again.
    pub(super) fn write(&self, path: PathBuf, batch: &Batch, superseded: Arc<SupersededOperations>) -> io::Result<()> {
        let file = Arc::new(SavedFile { path, superseded, contents: Mutex::default() });
        let mut contents = lock(&file.contents);
        // Known before it is written: later commits wait for it.
        self.add(&file);
        let written = file.create(batch).inspect_err(|_| lock(&self.files).retain(|other| !Arc::ptr_eq(other, &file)));
        *contents = Some(written?);
        Ok(())
    }

    fn add(&self, file: &Arc<SavedFile>) {
        let mut files = lock(&self.files);
        // Files that were removed are forgotten; one that is locked is there, or about to be.
        files.retain(|file| file.contents.try_lock().map_or(true, |contents| contents.is_none() || file.path.exists()));
        files.push(Arc::clone(file));
    }

    /// The failed batches that the caller holds, with operations that are earlier than these.
    fn failed_before(&self, later: &Later) -> Vec<Arc<SupersededOperations>> {
        let failed = lock(&self.failed);
        failed.iter().filter_map(Weak::upgrade).filter(|failed| failed.origin() < later.origin).collect()
    }

    /// The files of operations that are earlier than these, or the same.
    fn files_to(&self, later: &Later) -> Vec<Arc<SavedFile>> {
        lock(&self.files).iter().filter(|file| file.superseded.origin() <= later.origin).map(Arc::clone).collect()
    }

    /// Marks the operations with which later ones overlap that are about to be committed.
    pub(super) async fn mark(&self, later: Later) -> io::Result<()> {
        self.failed_before(&later).iter().for_each(|failed| failed.sent(&later.keys));
        let mut files = self.files_to(&later);
        files.retain(|file| file.superseded.origin() < later.origin);
        if files.is_empty() {
            return Ok(());
        }
        let marked = spawn_blocking(move || files.iter().try_for_each(|file| file.mark(&later.keys)));
        marked.await.map_err(io::Error::other)?
    }

    /// Forgets the operations that later ones say that were accepted, and those that were accepted themselves.
    pub(super) async fn accepted(&self, later: Later) -> io::Result<()> {
        self.failed_before(&later).iter().for_each(|failed| failed.accepted(&later.keys));
        let files = self.files_to(&later);
        if files.is_empty() {
            return Ok(());
        }
        let taken_out = spawn_blocking(move || files.iter().try_for_each(|file| file.accepted(&later)));
        taken_out.await.map_err(io::Error::other)?
    }
}

impl SavedFile {
    fn create(&self, batch: &Batch) -> io::Result<Contents> {
        let exists = self.path.try_exists().map_err(|error| at(&self.path, &error))?;
        if exists && is_whole(&self.path)? {
            // It may be all that is left of a batch.
            return Err(at(&self.path, &io::ErrorKind::AlreadyExists.into()));
        }
        let left_out = self.superseded.left_out().all();
        let marked = self.superseded.open();
        let held: Vec<_> = batch.lists().filter(|(operation, _)| !left_out.contains(operation)).collect();
        self.write_marks(&marked)?;
        match ContentTimes::of(batch).to_json() {
            Some(times) => replace(&times_of(&self.path), &times)?,
            // One of an earlier file of this name.
            None => remove(&times_of(&self.path))?,
        }
        if !held.is_empty() || !marked.is_empty() {
            replace(&self.path, &batch.chunks_of(|operation| !left_out.contains(&operation)).concat())?;
        }
        Ok(Contents { held, marked })
    }

    /// How later operations overlap with one of the batch.
    fn overlap(&self, operation: usize, later: &Keys) -> Option<Overlap> {
        self.superseded.keys().get(operation).and_then(|key| later.overlap(key))
    }

    /// Whether accepted operations say everything that one of the batch says, or are the same.
    fn is_done(&self, operation: usize, accepted: &Later) -> bool {
        if self.superseded.origin() == accepted.origin {
            return self.superseded.keys().get(operation).is_some_and(|key| accepted.keys.holds(key));
        }
        self.overlap(operation, &accepted.keys) == Some(Overlap::Covers)
    }

    fn mark(&self, later: &Keys) -> io::Result<()> {
        let mut contents = lock(&self.contents);
        let Some(Contents { held, marked }) = &mut *contents else { return Ok(()) };
        let held_now = held.iter().map(|(operation, _)| *operation);
        let now: BTreeSet<usize> = held_now.filter(|operation| self.overlap(*operation, later).is_some()).collect();
        if now.is_empty() {
            return Ok(());
        }
        let all = &*marked | &now;
        self.write_marks(&all)?;
        *marked = all;
        self.take_out(held, &now)
    }

    fn accepted(&self, accepted: &Later) -> io::Result<()> {
        let mut contents = lock(&self.contents);
        let Some(Contents { held, marked }) = &mut *contents else { return Ok(()) };
        let all = held.iter().map(|(operation, _)| *operation).chain(marked.iter().copied());
        let now: BTreeSet<usize> = all.filter(|operation| self.is_done(*operation, accepted)).collect();
        if now.is_empty() {
            return Ok(());
        }
        self.take_out(held, &now)?;
        let left = &*marked - &now;
        self.write_marks(&left)?;
        *marked = left;
        if !held.is_empty() || !marked.is_empty() {
            return Ok(());
        }
        remove(&self.path)?;
        remove(&times_of(&self.path))
    }

    /// Writes the file without some of its operations. One that was removed is let be.
    fn take_out(&self, held: &mut Vec<(usize, &'static str)>, out: &BTreeSet<usize>) -> io::Result<()> {
        if !held.iter().any(|(operation, _)| out.contains(operation)) {
            return Ok(());
        }
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                held.clear();
                remove(&times_of(&self.path))?;
                return remove(&marks_of(&self.path));
            }
            text => text.map_err(|error| at(&self.path, &error))?,
        };
        let changed = || io::Error::new(io::ErrorKind::InvalidData, format!("{}: it was changed", self.path.display()));
        let mut lists: BTreeMap<&str, VecDeque<&RawValue>> = serde_json::from_str(&text).map_err(|_| changed())?;
        let mut kept: BTreeMap<&str, Vec<&RawValue>> = lists.keys().map(|list| (*list, Vec::new())).collect();
        for (operation, list) in &*held {
            let json = lists.get_mut(list).and_then(VecDeque::pop_front).ok_or_else(changed)?;
            if !out.contains(operation) {
                kept.entry(list).or_default().push(json);
            }
        }
        replace(&self.path, &serde_json::to_vec(&kept)?)?;
        held.retain(|(operation, _)| !out.contains(operation));
        Ok(())
    }

    /// Writes the ids of marked operations beside the file.
    fn write_marks(&self, marked: &BTreeSet<usize>) -> io::Result<()> {
        let ids: Vec<&str> =
            marked.iter().filter_map(|operation| self.superseded.keys().get(*operation)).map(|key| key.text).collect();
        let path = marks_of(&self.path);
        if ids.is_empty() { remove(&path) } else { replace(&path, &serde_json::to_vec(&ids)?) }
    }
}

/// The file of the marks of another one.
pub(super) fn marks_of(path: &Path) -> PathBuf {
    path.with_extension("superseded")
}

/// Whether a file holds a whole batch.
pub(super) fn is_whole(path: &Path) -> io::Result<bool> {
    let text = fs::read(path).map_err(|error| at(path, &error))?;
    Ok(serde_json::from_slice::<BTreeMap<String, Vec<&RawValue>>>(&text).is_ok())
}

/// Removes a file, durably, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_folder(path)).map_err(|error| at(path, &error)),
    }
}

/// Writes a file whole or not at all, and durably: it might hold the only copy.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = fs::File::create(&beside).map_err(|error| at(path, &error))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    written.and_then(|()| sync_folder(path)).map_err(|error| {
        // The caller is told why it could not be written.
        let _ = fs::remove_file(&beside);
        at(path, &error)
    })
}

/// The name of a file is on the disk when its folder is. Not every system opens folders.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            fs::File::open(folder)?.sync_all()
        }
        _ => Ok(()),
    }
}

/// An error of the file system with the path, which the system leaves out.
pub(super) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
