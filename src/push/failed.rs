use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::PushTarget;
use super::content::UnsentContent;
use super::frame::Sealed;
use crate::api::{Accepted, file_containers, push_batch};
use crate::error::Error;
use crate::kernel::body::Body;
use crate::kernel::send::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;

/// The steps of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PushStep {
    /// Uploading the content of an item, before it goes into a batch.
    Content,
    /// Waiting to be sent.
    Wait,
    /// Creating a file container.
    Create,
    /// Uploading the batch into it.
    Upload,
    /// Waiting for earlier batches with the same ids.
    Order,
    /// Pushing the container: [`Operation::PushItemContainer`](crate::Operation::PushItemContainer) or
    /// [`PushIdentityContainer`](crate::Operation::PushIdentityContainer).
    Commit,
}

impl fmt::Display for PushStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content => "uploading the content of an item",
            Self::Wait => "waiting to be sent",
            Self::Create => "creating a file container",
            Self::Upload => "uploading the batch",
            Self::Order => "waiting for earlier batches with the same ids",
            Self::Commit => "pushing the file container",
        })
    }
}

/// Why a batch was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum FailureReason {
    /// A step failed.
    Error(Error),
    /// An earlier batch with the same ids failed, and may still be carried out: this one could
    /// then be undone by it.
    EarlierBatchUnknown,
    /// The run had stopped before the batch was sent.
    Stopped,
    /// The run was aborted or dropped.
    Aborted,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::EarlierBatchUnknown => {
                f.write_str("an earlier batch with the same ids failed, and may still be carried out")
            }
            Self::Stopped => f.write_str("the run had stopped"),
            Self::Aborted => f.write_str("the run was aborted"),
        }
    }
}

/// Which operations of a failed batch were pushed again later, as far as that is known by now.
#[derive(Debug, Default)]
pub(super) struct Marks(Mutex<BTreeSet<usize>>);

impl Marks {
    pub(super) fn supersede(&self, operation: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(operation);
    }

    pub(super) fn get(&self) -> BTreeSet<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A batch that was not accepted: what it is about, why, and its bytes.
///
/// It can be pushed again ([`push_again`](Self::push_again)) or saved ([`save`](Self::save)); both
/// leave out what was pushed again later in the run. Push failed batches again in the order of their
/// [`number`](Self::number), and not after a later run, whose items they would overwrite. After a
/// [refresh](crate::Items::refresh) push them again at once or not at all: its next run pushes everything,
/// and counts what was pushed within its [margin](crate::RefreshBuilder::margin) before it as its own.
///
/// # Content in file containers
///
/// [Content](crate::Content) that was too large for its item lies in a file container, and the batch
/// refers to that. The service says that containers are temporary and not how long they last
/// ([article 43](https://docs.coveo.com/en/43/)), and it drops an item whose container has gone after it
/// accepted the batch. So push such a batch again soon; when hours have passed, push its items from
/// where they came, for which [`ids`](Self::ids) has the names.
pub struct FailedBatch {
    pub(super) number: u64,
    pub(super) step: PushStep,
    pub(super) reason: FailureReason,
    pub(super) may_have_been_applied: bool,
    pub(super) batch: Sealed,
    /// The content without which its one item is not to be pushed.
    pub(super) content: Option<UnsentContent>,
    pub(super) marks: Arc<Marks>,
    pub(super) kernel: Kernel,
    pub(super) target: PushTarget,
    pub(super) ordering_id: Option<OrderingId>,
}

impl FailedBatch {
    /// Its place in the run, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where it failed.
    #[must_use]
    pub fn step(&self) -> PushStep {
        self.step
    }

    /// Why it failed.
    #[must_use]
    pub fn reason(&self) -> &FailureReason {
        &self.reason
    }

    /// The error of the step that failed, where there was one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match &self.reason {
            FailureReason::Error(error) => Some(error),
            FailureReason::EarlierBatchUnknown | FailureReason::Stopped | FailureReason::Aborted => None,
        }
    }

    /// Whether it counts as unsent, and not as failed: the run stopped or was aborted before it was
    /// pushed.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(self.reason, FailureReason::Stopped | FailureReason::Aborted) && !self.may_have_been_applied
    }

    /// Whether the service may have accepted it all the same. Its operations may then be carried
    /// out twice, which changes nothing, or late.
    #[must_use]
    pub fn may_have_been_applied(&self) -> bool {
        self.may_have_been_applied
    }

    /// Whether batches with the same ids have to be handed back: it may still be carried out, and no
    /// later attempt of it was answered.
    pub(super) fn leaves_order_open(&self) -> bool {
        let is_answer = |status: StatusCode| {
            status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT && status != StatusCode::TOO_MANY_REQUESTS
        };
        let is_answered = self.error().and_then(Error::status).is_some_and(is_answer);
        self.may_have_been_applied && !is_answered
    }

    /// How many operations it holds, superseded ones included.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.batch.keys.len()
    }

    /// The document ids of its operations, or the types and names of the identities
    /// (`USER:asmith@example.com`), in the order in which they were pushed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.batch.keys.iter().map(|key| key.text)
    }

    /// The ids that were pushed again later in the run: pushing this batch again leaves them out.
    /// It is complete when the run has ended.
    ///
    /// What would undo something later is left out as a whole. So an id that was to be deleted with its
    /// children is among them, too, when something below it was pushed later: see to what else is below it.
    /// And so is an identity that was to be deleted when only its aliases, or only its members, were pushed
    /// later: see to the others.
    #[must_use]
    pub fn superseded_ids(&self) -> Vec<&str> {
        let marked = self.marks.get();
        marked.into_iter().filter_map(|number| self.batch.keys.get(number)).map(|key| key.text).collect()
    }

    /// The bytes of the file container, without what was superseded: JSON that can be uploaded as
    /// it is. An item whose [content](PushStep::Content) was not uploaded is left out as well.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let superseded = self.marks.get();
        self.batch.without(|number| superseded.contains(&number) || self.content.is_some())
    }

    /// Pushes it again, in a fresh file container, without what was superseded; `None` when nothing
    /// is left. [Content](PushStep::Content) that was not uploaded is uploaded first: the batch holds it,
    /// or the open file, until it is dropped.
    ///
    /// What is pushed again while this uploads is left out, too. But the run does not wait for it: while
    /// the run goes on, what is pushed of the same ids as it is being committed may arrive before it, and
    /// be overwritten. Call it when the run has ended, or when nothing of the batch is pushed again.
    ///
    /// # Errors
    ///
    /// The error of the step that fails, as
    /// [`Items::push_batch`](crate::Items::push_batch) has it.
    pub async fn push_again(&self) -> Result<Option<Accepted>, Error> {
        let settings = CallSettings::default();
        loop {
            let superseded = self.marks.get();
            if superseded.len() == self.operations() {
                return Ok(None);
            }
            let body = match &self.content {
                Some(content) => {
                    let id = self.ids().next().unwrap_or_default();
                    Body::from(content.upload(id, &self.kernel, &settings).await?)
                }
                None if superseded.is_empty() => Body::chunks(self.batch.chunks.iter().cloned()),
                None => Body::from(self.batch.without(|number| superseded.contains(&number))),
            };
            let bytes = body.len();
            let container = file_containers::store(&self.kernel, body, &settings).await?;
            if self.marks.get() != superseded {
                continue;
            }
            let (operation, params) = (self.target.commit(), self.target.path_params());
            let file_id = container.file_id();
            let accepted =
                push_batch::commit(&self.kernel, operation, params, file_id, self.ordering_id, &settings).await?;
            return Ok(Some(accepted.with_bytes(bytes)));
        }
    }

    /// Writes [`body`](Self::body) into a file of the folder, named by the batch's number:
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
    /// [content](PushStep::Content) was not uploaded, which such a file cannot hold: keep the batch, and
    /// [push it again](Self::push_again) before the program ends.
    pub fn save(&self, folder: impl AsRef<Path>) -> io::Result<SavedBatch> {
        if self.content.is_some() {
            let why = "the content of the item was not uploaded, and a file of the batch cannot hold it; keep the \
                       batch for `push_again`, or push the item again from where it came";
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        let folder = folder.as_ref();
        let path = folder.join(format!("{FILE_BEGIN}{:06}{FILE_END}", self.number));
        let left_out = self.marks.get();
        let bytes = self.batch.without(|number| left_out.contains(&number));
        if left_out.len() < self.operations() {
            fs::create_dir_all(folder).and_then(|()| write_new(&path, &bytes)).map_err(|error| at(&path, &error))?;
        }
        let lists = self.batch.lists().collect();
        Ok(SavedBatch { path, lists, left_out, marks: Arc::clone(&self.marks) })
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
    /// The key of the list that each operation stands in.
    lists: Vec<&'static str>,
    /// The operations that the file does not hold.
    left_out: BTreeSet<usize>,
    marks: Arc<Marks>,
}

impl SavedBatch {
    /// The files that [`FailedBatch::save`] has written into a folder, in the order of their batches;
    /// none when there is no such folder. Whatever else is in it is passed over.
    ///
    /// ```
    /// # async fn example(items: coveo_push::Items) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::SavedBatch;
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
    /// What the file system says, with the path.
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
        let superseded = self.marks.get();
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
        for (number, list) in self.lists.iter().enumerate().filter(|(number, _)| !self.left_out.contains(number)) {
            let operation = held.get_mut(list).and_then(VecDeque::pop_front);
            let operation = operation.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
            if !superseded.contains(&number) {
                kept.entry(list).or_default().push(operation);
            }
        }
        // Whole or not at all: what the file holds may be nowhere else.
        let beside = self.path.with_extension("json.new");
        fs::write(&beside, serde_json::to_vec(&kept)?)?;
        fs::rename(&beside, &self.path)?;
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

/// Writes a file, but never over one that is there, which may be all that is left of a batch. What could not
/// be written whole is removed again.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        // What the caller is told is why it could not be written.
        let _ = fs::remove_file(path);
    })
}

/// An error of the file system with the path, which the system leaves out.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

impl fmt::Debug for FailedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailedBatch")
            .field("number", &self.number)
            .field("step", &self.step)
            .field("reason", &self.reason)
            .field("may_have_been_applied", &self.may_have_been_applied)
            .field("operations", &self.operations())
            .field("bytes", &self.batch.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for FailedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, step, reason, .. } = self;
        write!(f, "batch {number} ({} operations), {step}: {reason}", self.operations())
    }
}

/// What it is about and why, without the bytes.
impl Serialize for FailedBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            number: u64,
            step: String,
            reason: String,
            may_have_been_applied: bool,
            bytes: u64,
            ids: Vec<&'a str>,
            superseded_ids: Vec<&'a str>,
        }

        Line {
            number: self.number,
            step: self.step.to_string(),
            reason: self.reason.to_string(),
            may_have_been_applied: self.may_have_been_applied,
            bytes: self.batch.len(),
            ids: self.ids().collect(),
            superseded_ids: self.superseded_ids(),
        }
        .serialize(serializer)
    }
}
