use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::failed::FailedBatch;
use super::superseded::SupersededOperations;

impl FailedBatch {
    /// Writes [`to_body`](Self::to_body) into a file of the folder, named by the batch's number:
    /// `batch-000007.json`; no file when nothing is left of it. A folder is for one run, of items or of
    /// identities, and is created when it is not there. [`SavedBatch::files`] finds its files again, and
    /// [`Items::push_batch_json`](crate::Items::push_batch_json) or
    /// [`Identities::push_batch_json`](crate::Identities::push_batch_json) pushes what one holds, soon if
    /// there is [content in file containers](Self#content-in-file-containers).
    ///
    /// The file does not hold the run's [ordering id](crate::PusherBuilder::ordering_id): where the run had
    /// one, say it again as the file is pushed, `push_batch_json(..).ordering_id(..)`. Otherwise the
    /// operations are as new as that push. [`push_again`](Self::push_again) says it by itself.
    ///
    /// # Errors
    ///
    /// What the file system says, with the path; [`io::ErrorKind::AlreadyExists`] when there is such a
    /// file, of this batch or of another run; [`io::ErrorKind::Unsupported`] for an item whose
    /// [content](crate::report::PushStep::Content) was not uploaded, which such a file cannot hold: keep the batch, and
    /// [push it again](Self::push_again) before the program ends.
    ///
    /// It writes beside the file and renames it, and returns when both the file and its name are on the disk. A file
    /// that was [cut off](SavedBatch::is_whole) is replaced. It blocks: on a runtime call it by `spawn_blocking`.
    pub fn save(&self, folder: impl AsRef<Path>) -> io::Result<SavedBatch> {
        if self.content.is_some() {
            let why = "the content of the item was not uploaded, and a file of the batch cannot hold it; keep the \
                       batch for `push_again`, or push the item again from where it came";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        self.destination.mark_here(&self.batch).map_err(io::Error::other)?;
        let folder = folder.as_ref();
        let path = folder.join(format!("{FILE_BEGIN}{:06}{FILE_END}", self.number));
        let left_out = self.superseded.get();
        let bytes = self.batch.chunks_of(|number| !left_out.contains(&number)).concat();
        if left_out.len() < self.operations() {
            fs::create_dir_all(folder).and_then(|()| write_new(&path, &bytes)).map_err(|error| at(&path, &error))?;
        }
        let lists = self.batch.lists().collect();
        Ok(SavedBatch { path, lists, left_out, superseded: Arc::clone(&self.superseded) })
    }
}

/// A failed batch that was written to a file: [`FailedBatch::save`].
///
/// What is pushed later in the run supersedes operations of it; when the run has ended,
/// [`update`](Self::update) takes those out of the file.
///
/// The file has the operations alone: when the run had an
/// [ordering id](crate::PusherBuilder::ordering_id), the push of the file wants it again.
#[derive(Debug)]
pub struct SavedBatch {
    path: PathBuf,
    /// The operations by their numbers, each with the key of its list.
    lists: Vec<(usize, &'static str)>,
    /// The operations that the file does not hold.
    left_out: BTreeSet<usize>,
    superseded: Arc<SupersededOperations>,
}

impl SavedBatch {
    /// The files that [`FailedBatch::save`] has written into a folder, in the order of their batches;
    /// none when there is no such folder. Whatever else is in it is passed over.
    ///
    /// ```
    /// # async fn example(items: coveo_push::Items) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::report::SavedBatch;
    ///
    /// for file in SavedBatch::files("failed")? {
    ///     items.push_batch_json(std::fs::read(&file)?).await?;
    ///     std::fs::remove_file(&file)?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path.
    pub fn files(folder: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| at(folder, &error))?,
        };
        let mut files = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(|error| at(folder, &error))?.path();
            if let Some(number) = number_of(&path) {
                files.insert((number, path));
            }
        }
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    /// Whether a file holds a whole batch. One that was cut off, by a full disk or a power cut, does not: there is
    /// nothing in it to push again.
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path.
    pub fn is_whole(path: impl AsRef<Path>) -> io::Result<bool> {
        let path = path.as_ref();
        let text = fs::read(path).map_err(|error| at(path, &error))?;
        Ok(serde_json::from_slice::<BTreeMap<String, Vec<IgnoredAny>>>(&text).is_ok())
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes out of the file what was superseded since it was written, and removes a file that holds
    /// nothing then.
    ///
    /// # Errors
    ///
    /// What the file system says; [`io::ErrorKind::InvalidData`] when the file was changed.
    pub fn update(&mut self) -> io::Result<()> {
        let superseded = self.superseded.get();
        if superseded.len() == self.lists.len() {
            self.left_out = superseded;
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
        }
        if superseded == self.left_out {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path)?;
        let mut held: BTreeMap<&str, VecDeque<&RawValue>> = serde_json::from_str(&text)?;
        let mut kept: BTreeMap<&str, Vec<&RawValue>> = held.keys().map(|list| (*list, Vec::new())).collect();
        for (number, list) in self.lists.iter().filter(|(number, _)| !self.left_out.contains(number)) {
            let operation = held.get_mut(list).and_then(VecDeque::pop_front);
            let operation = operation.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            if !superseded.contains(number) {
                kept.entry(list).or_default().push(operation);
            }
        }
        replace(&self.path, &serde_json::to_vec(&kept)?)?;
        self.left_out = superseded;
        Ok(())
    }
}

/// What the files of saved batches are called: this, the number, and that.
const FILE_BEGIN: &str = "batch-";
const FILE_END: &str = ".json";

/// The number of the batch that a file is for, by its name.
fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix(FILE_BEGIN)?.strip_suffix(FILE_END)?.parse().ok()
}

/// Writes a file, but never over a whole one, which may be all that is left of a batch.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.try_exists()? && SavedBatch::is_whole(path)? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    replace(path, bytes)
}

/// Writes a file whole or not at all, and durably: it might hold the only copy.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = fs::File::create(&beside)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    written.inspect_err(|_| {
        // What the caller is told is why it could not be written.
        let _ = fs::remove_file(&beside);
    })?;
    // Its name is on the disk when its folder is. Not every system opens folders.
    match path.parent() {
        Some(folder) if cfg!(unix) => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// An error of the file system with the path, which the system leaves out.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
