//! The files of the failed batches of a run, as the run knows them: an operation is marked before a later version of it
//! is committed, and taken out when that was accepted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

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
    /// The number of its batch, and the one that its operations had first.
    number: u64,
    origin: u64,
    superseded: Arc<SupersededOperations>,
    /// Locked while the file is written; `None` before.
    contents: Mutex<Option<Contents>>,
}

/// The operations of a file by their numbers in the batch.
#[derive(Debug, Default)]
struct Contents {
    /// Those that it holds, each with the key of its list, in their order.
    held: Vec<(usize, &'static str)>,
    /// Those that it does not hold, because a later version was about to be committed.
    marked: BTreeSet<usize>,
}

/// Later versions of operations: the batch that is committed, and the number that its operations had first.
#[derive(Clone)]
pub(super) struct Later {
    pub(super) number: u64,
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

    /// Writes a failed batch into a file, without its superseded operations. Those whose later version was not accepted
    /// by now are marked.
    pub(super) fn write(
        &self,
        path: PathBuf,
        origin: u64,
        batch: &Batch,
        superseded: Arc<SupersededOperations>,
    ) -> io::Result<()> {
        let number = superseded.number();
        let file = Arc::new(SavedFile { path, number, origin, superseded, contents: Mutex::default() });
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

    fn before(&self, later: &Later) -> Vec<Arc<SavedFile>> {
        lock(&self.files).iter().filter(|file| file.number < later.number).map(Arc::clone).collect()
    }

    /// Marks the operations of which a later version is about to be committed.
    pub(super) async fn mark(&self, later: Later) -> io::Result<()> {
        let mut files = self.before(&later);
        // The same version does not count as a later one.
        files.retain(|file| file.origin != later.origin);
        if files.is_empty() {
            return Ok(());
        }
        let marked = spawn_blocking(move || files.iter().try_for_each(|file| file.mark(&later.keys)));
        marked.await.map_err(io::Error::other)?
    }

    /// Takes out the operations of which a later version, or the same, was accepted.
    pub(super) async fn accepted(&self, later: Later) -> io::Result<()> {
        let failed: Vec<_> = lock(&self.failed).iter().filter_map(Weak::upgrade).collect();
        failed.iter().for_each(|failed| failed.accepted(later.number, &later.keys));
        let files = self.before(&later);
        if files.is_empty() {
            return Ok(());
        }
        let taken_out = spawn_blocking(move || files.iter().try_for_each(|file| file.accepted(&later.keys)));
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
        let left_out = self.superseded.get();
        let marked = self.superseded.get_open();
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

    /// Whether an operation of a batch has a later version among these.
    fn is_superseded(&self, operation: usize, later: &Keys) -> bool {
        self.superseded.keys().get(operation).is_some_and(|key| later.supersedes(key))
    }

    fn mark(&self, later: &Keys) -> io::Result<()> {
        let mut contents = lock(&self.contents);
        let Some(Contents { held, marked }) = &mut *contents else { return Ok(()) };
        let now: BTreeSet<usize> = held.iter().map(|(operation, _)| *operation).collect();
        let now: BTreeSet<usize> = now.into_iter().filter(|operation| self.is_superseded(*operation, later)).collect();
        if now.is_empty() {
            return Ok(());
        }
        let all = &*marked | &now;
        self.write_marks(&all)?;
        *marked = all;
        self.take_out(held, &now)
    }

    fn accepted(&self, later: &Keys) -> io::Result<()> {
        let mut contents = lock(&self.contents);
        let Some(Contents { held, marked }) = &mut *contents else { return Ok(()) };
        let now: BTreeSet<usize> = held.iter().map(|(operation, _)| *operation).chain(marked.iter().copied()).collect();
        let now: BTreeSet<usize> = now.into_iter().filter(|operation| self.is_superseded(*operation, later)).collect();
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
