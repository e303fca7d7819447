use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::content_times::{ContentTimes, times_of};
use super::failed::FailedBatch;
use super::saved_files::{self, at, marks_of};

impl FailedBatch {
    /// Writes [`to_body`](Self::to_body) into a file of the folder, named by the batch's number:
    /// `batch-000007.json`; no file when nothing is left of it. A folder is for one run, of items or of
    /// identities, and is created when it is not there. [`SavedBatch::files`] finds its files again.
    ///
    /// It works on a thread for blocking tasks, writes beside the file and renames it, and returns when both the file
    /// and its name are on the disk. A file that was [cut off](SavedBatch::is_whole) is replaced.
    ///
    /// **The run keeps the file up to date** for as long as the run lasts, also when this batch and the [`SavedBatch`] are
    /// dropped. Before it commits a later operation that replaces one of the file, or would be undone by it, it takes that
    /// one out of the file and writes its id into a file beside, durably. When a later operation that says everything that
    /// it says is accepted, the id is removed, too. So a program that ends at any time never leaves a file that would undo
    /// a later operation, and the ids beside are those that need to be pushed again from where they came:
    /// [`SavedBatch::superseded_ids`]. The run remembers the ids of the operations in its files for this.
    ///
    /// The file does not hold the run's [ordering id](crate::PusherBuilder::ordering_id): where the run had
    /// one, say it again as the file is pushed, `push_batch_json(..).ordering_id(..)`. Otherwise the
    /// operations are as new as that push. [`push_again`](Self::push_again) says it by itself.
    ///
    /// ```
    /// # fn example(items: coveo_push::Items) {
    /// use coveo_push::report::FailedBatch;
    ///
    /// let save = |failed: FailedBatch| {
    ///     // The handler must not wait for the disk.
    ///     tokio::spawn(async move {
    ///         if let Err(error) = failed.save("failed").await {
    ///             eprintln!("{failed} is in no file: {error}");
    ///         }
    ///     });
    /// };
    /// let pusher = items.pusher().on_failed_batch(save).start();
    /// # let _ = pusher;
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the file system says, with the path; [`io::ErrorKind::AlreadyExists`] when there is such a
    /// file, of this batch or of another run; [`io::ErrorKind::Unsupported`] for an item whose
    /// [content](crate::report::PushStep::Content) was not uploaded, which such a file cannot hold: keep the batch, and
    /// [push it again](Self::push_again) before the program ends.
    pub async fn save(&self, folder: impl AsRef<Path>) -> io::Result<SavedBatch> {
        let write = self.writes(folder.as_ref())?;
        spawn_blocking(write).await.map_err(io::Error::other)?
    }

    /// The same on this thread, for programs and handlers without a runtime.
    ///
    /// # Errors
    ///
    /// Those of [`save`](Self::save).
    pub fn save_blocking(&self, folder: impl AsRef<Path>) -> io::Result<SavedBatch> {
        self.writes(folder.as_ref())?()
    }

    /// Writes the file.
    fn writes(&self, folder: &Path) -> io::Result<impl FnOnce() -> io::Result<SavedBatch> + Send + use<>> {
        if self.content.is_some() {
            let why = "the content of the item was not uploaded, and a file of the batch cannot hold it; keep the \
                       batch for `push_again`, or push the item again from where it came";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let destination = self.destination.clone();
        let folder = folder.to_owned();
        let path = folder.join(format!("{FILE_BEGIN}{:06}{FILE_END}", self.number));
        let (files, superseded, batch) = (Arc::clone(&self.files), Arc::clone(&self.superseded), self.batch.clone());
        Ok(move || {
            destination.mark_here(&batch).map_err(io::Error::other)?;
            fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
            files.write(path.clone(), &batch, superseded)?;
            Ok(SavedBatch { path })
        })
    }
}

/// A failed batch in a file: [`FailedBatch::save`].
///
/// Push files in the order of [`files`](Self::files):
///
/// ```
/// # async fn example(items: coveo_push::Items) -> Result<(), Box<dyn std::error::Error>> {
/// use coveo_push::report::SavedBatch;
///
/// for path in SavedBatch::files("failed")? {
///     let saved = SavedBatch::open(path)?;
///     for id in saved.superseded_ids()? {
///         // It is not known to have arrived: push it again from where it came, after the files.
///         eprintln!("{}: {id} is left out", saved.path().display());
///     }
///     for id in saved.expired_ids()? {
///         // Its content may have expired: push it again with its content.
///         eprintln!("{}: {id} is left out", saved.path().display());
///     }
///     if let Some(body) = saved.body()? {
///         items.push_batch_json(body).await?;
///     }
///     saved.remove()?;
/// }
/// # Ok(()) }
/// ```
///
/// Push it within 45 minutes if there is [content in file containers](FailedBatch#content-in-file-containers): later, the
/// items that refer to it are left out. Push it with the ordering id of its run, where that had
/// [one](crate::PusherBuilder::ordering_id).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedBatch {
    path: PathBuf,
}

impl SavedBatch {
    /// The files that [`FailedBatch::save`] has written into a folder, in the order of their batches;
    /// none when there is no such folder. Whatever else is in it is passed over.
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
        saved_files::is_whole(path.as_ref())
    }

    /// A file that an earlier run has left.
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path; [`io::ErrorKind::InvalidData`] for a file that was
    /// [cut off](Self::is_whole).
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        if Self::is_whole(&path)? {
            return Ok(Self { path });
        }
        let why = "it is cut off and holds no batch; remove it";
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display())))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes to push again, for [`Items::push_batch_json`](crate::Items::push_batch_json) or
    /// [`Identities::push_batch_json`](crate::Identities::push_batch_json). `None` when nothing is left of the batch.
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path.
    pub fn body(&self) -> io::Result<Option<Vec<u8>>> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| at(&self.path, &error))?,
        };
        Ok(self.times()?.fresh(text)?.body)
    }

    /// The ids of items that are left out, because the content to which they refer was uploaded more than 45 minutes
    /// ago: its file container may have expired, and the service would drop the item. Push them again with their content.
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path.
    pub fn expired_ids(&self) -> io::Result<Vec<String>> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => Ok(self.times()?.fresh(text.map_err(|error| at(&self.path, &error))?)?.expired),
        }
    }

    fn times(&self) -> io::Result<ContentTimes> {
        let path = times_of(&self.path);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ContentTimes::default()),
            text => Ok(serde_json::from_slice(&text.map_err(|error| at(&path, &error))?)?),
        }
    }

    /// The ids of operations that are left out, because a later operation on the same item was about to be committed.
    /// They are document ids, or types and names of identities. Either the later one says as much, and the file does not
    /// tell whether it arrived, or it would be [undone](FailedBatch::to_conflicting_ids). Push these items again from where
    /// they came, after all files. If a later file has the whole item, that is enough.
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path.
    pub fn superseded_ids(&self) -> io::Result<Vec<String>> {
        let path = marks_of(&self.path);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => Ok(serde_json::from_slice(&text.map_err(|error| at(&path, &error))?)?),
        }
    }

    /// Removes the file, after its batch was pushed again.
    ///
    /// # Errors
    ///
    /// The error of the file system, with the path.
    pub fn remove(&self) -> io::Result<()> {
        saved_files::remove(&self.path)?;
        saved_files::remove(&times_of(&self.path))?;
        saved_files::remove(&marks_of(&self.path))
    }
}

/// What the files of saved batches are called: this, the number, and that.
const FILE_BEGIN: &str = "batch-";
const FILE_END: &str = ".json";

/// The number of the batch that a file is for, by its name.
fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix(FILE_BEGIN)?.strip_suffix(FILE_END)?.parse().ok()
}
