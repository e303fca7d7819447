use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;

use super::batch::{Batch, BufferPool};
use super::destination::Destination;
use super::keys::Keys;
use super::renewal::{self, Renewed};
use super::saved_files::SavedFiles;
use super::superseded::SupersededOperations;
use super::unsent::UnsentContent;
use crate::api::Accepted;
use crate::api::file_containers::{self, DatedContainer};
use crate::error::{BoxError, ConfigError, Error, InvalidError};
use crate::finding::Finding;
use crate::kernel::body::Body;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;
use crate::preflight::KnownIdentities;

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
    /// Waiting for earlier batches with the same ids, and marking them in the files of failed batches.
    Order,
    /// Uploading the content of items again that was uploaded more than 45 minutes before.
    Renew,
    /// Marking its ids as in doubt in the ledger of a sync, before the commit.
    Mark,
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
            Self::Renew => "uploading content again that may have expired",
            Self::Mark => "marking its ids in the ledger",
            Self::Commit => "pushing the file container",
        })
    }
}

/// Why a batch was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// A step failed.
    #[error(transparent)]
    Error(#[from] Error),
    /// An earlier batch with the same ids failed, and may still be applied: it could then undo this one.
    #[error("an earlier batch with the same ids failed and may still be applied")]
    EarlierBatchUnknown,
    /// The content of these items was uploaded more than 45 minutes before the batch could be pushed, and cannot be
    /// uploaded again: it was not from a file, or its file has changed. Push these items again with their content.
    #[error("the content of {} items may have expired, and cannot be uploaded again: {}", .0.len(), listed(.0))]
    ContentExpired(Vec<String>),
    /// The ledger of a sync could not be written, so the batch was not committed. The run stops.
    #[error("the ledger could not be written: {0}")]
    Ledger(BoxError),
    /// A [saved](FailedBatch::save) batch holds an earlier version of an operation, and could not be marked.
    #[error("the file of an earlier failed batch could not be updated: {0}")]
    SavedFile(io::Error),
    /// The run had stopped before the batch was sent.
    #[error("the run had stopped")]
    Stopped,
    /// The run was aborted or dropped.
    #[error("the run was aborted")]
    Aborted,
}

/// The first of some ids.
fn listed(ids: &[String]) -> String {
    const MOST: usize = 5;
    let mut list = ids.iter().take(MOST).map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    if ids.len() > MOST {
        list.push_str(", …");
    }
    list
}

/// The answer of the handler of [`PusherBuilder::on_failed_batch`](crate::PusherBuilder::on_failed_batch): how the run
/// continues after a failed batch. A handler that returns nothing
/// answers [`Keep`](Self::Keep).
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "there is one for a moment, and no list of them")]
pub enum AfterFailure {
    /// The run stops: batches under way are finished, and the rest is not sent.
    Stop,
    /// The run goes on, and the handler has the batch. After an error that
    /// [holds for all](crate::report::FailedBatch::holds_for_all) batches, the run stops.
    Keep,
    /// The run goes on, and pushes the batch again after this time. After an error that holds for all batches, no
    /// batch is started until then.
    Again(FailedBatch, Duration),
}

impl From<()> for AfterFailure {
    fn from((): ()) -> Self {
        Self::Keep
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
/// accepted the batch. Content that was uploaded more than 45 minutes ago is therefore uploaded again, where it is from a
/// file that has not changed; other items are left out, and [`to_expired_ids`](Self::to_expired_ids) names them: push
/// those from where they came.
pub struct FailedBatch {
    pub(super) number: u64,
    /// The number that its operations had first, before they were pushed again.
    pub(super) origin: u64,
    /// The files of its run, which tell which run it is of.
    pub(super) files: Arc<SavedFiles>,
    /// Whether it was accepted later, or is under way again.
    pub(super) is_settled: Arc<AtomicBool>,
    pub(super) calls: CallSettings,
    pub(super) step: PushStep,
    pub(super) reason: Arc<FailureReason>,
    pub(super) may_have_been_applied: bool,
    pub(super) batch: Batch,
    /// The content that has to be uploaded before its one item is pushed.
    pub(super) content: Option<UnsentContent>,
    pub(super) superseded: Arc<SupersededOperations>,
    pub(super) known: Option<KnownIdentities>,
    pub(super) kernel: Kernel,
    pub(super) destination: Destination,
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
        match &*self.reason {
            FailureReason::Error(error) => Some(error),
            FailureReason::EarlierBatchUnknown
            | FailureReason::ContentExpired(_)
            | FailureReason::Ledger(_)
            | FailureReason::SavedFile(_)
            | FailureReason::Stopped
            | FailureReason::Aborted => None,
        }
    }

    /// Whether it counts as unsent, and not as failed: the run stopped or was aborted before it was
    /// pushed.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        matches!(*self.reason, FailureReason::Stopped | FailureReason::Aborted) && !self.may_have_been_applied
    }

    /// Whether its error would be that of any other batch: a wrong key, an organization or source that does not
    /// exist, a used-up quota. See [`Error::holds_for_all`].
    #[must_use]
    pub fn holds_for_all(&self) -> bool {
        matches!(*self.reason, FailureReason::Ledger(_)) || self.error().is_some_and(Error::holds_for_all)
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
        self.batch.keys().len()
    }

    /// The document ids of its operations, or the types and names of the identities
    /// (`USER:asmith@example.com`), in the order in which they were pushed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.batch.keys().iter().map(|(_, key)| key.text)
    }

    /// The ids that were pushed again later in the run: pushing this batch again leaves them out.
    /// The list is complete when the run has ended.
    ///
    /// An operation is left out entirely if any part of it would undo a later push. So the list also has an id
    /// that was to be deleted with its children when an item below it was pushed later, and an identity that was
    /// to be deleted when only its aliases, or only its members, were pushed later. Delete the rest of these
    /// yourself.
    #[must_use]
    pub fn to_superseded_ids(&self) -> Vec<&str> {
        let superseded = self.superseded.get();
        superseded.into_iter().filter_map(|number| self.batch.keys().get(number)).map(|key| key.text).collect()
    }

    /// The bytes of the file container without superseded operations: JSON that can be uploaded as it is. An item
    /// whose [content](PushStep::Content) was not uploaded is left out as well.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let superseded = self.superseded.get();
        self.batch.chunks_of(|number| !superseded.contains(&number) && self.content.is_none()).concat()
    }

    /// The ids of items whose [content](Self#content-in-file-containers) may have expired by now, and cannot be uploaded
    /// again: pushing this batch again leaves them out.
    #[must_use]
    pub fn to_expired_ids(&self) -> Vec<&str> {
        let superseded = self.superseded.get();
        let expired = renewal::expired(&self.batch).into_iter().filter(|number| !superseded.contains(number));
        expired.filter_map(|number| self.batch.keys().get(number)).map(|key| key.text).collect()
    }

    /// Whether pushing it again would leave out all of it.
    pub(super) fn has_all_expired(&self) -> bool {
        renewal::expired(&self.batch).len() == self.operations()
    }

    /// Pushes it again, in a fresh file container, without what was superseded; `None` when nothing
    /// is left. [Content](PushStep::Content) that was not uploaded is uploaded first: the batch holds it,
    /// or the open file, until it is dropped. Content that [may have expired](Self#content-in-file-containers) is
    /// uploaded again; the items of which it cannot be are left out, and are the
    /// [warnings](Accepted::warnings) of the result.
    ///
    /// What is pushed again while this uploads is left out, too. But the run does not wait for it: while
    /// the run goes on, what is pushed of the same ids as it is being committed may arrive before it, and
    /// be overwritten. Call it when the run has ended. While it goes on, push the batch with
    /// [`ItemPusher::push_again`](crate::PushQueue::push_again), which keeps the order and the counts. The run's
    /// settings for calls apply to both.
    ///
    /// # Errors
    ///
    /// The error of the step that fails, as
    /// [`Items::push_batch`](crate::Items::push_batch) has it; [`Error::Invalid`] when the content of all items that
    /// are left may have expired.
    pub async fn push_again(&self) -> Result<Option<Accepted>, Error> {
        let settings = self.calls.uncounted();
        let mut refills = 0;
        loop {
            let superseded = self.superseded.get();
            if superseded.len() == self.operations() {
                return Ok(None);
            }
            let (batch, left_out) = self.to_push(&superseded, &settings).await?;
            if batch.keys().len() == 0 {
                return Err(InvalidError::new(Some(self.destination.commit), left_out).into());
            }
            let body = Body::chunks(batch.chunks());
            let bytes = body.len();
            let container = file_containers::store(&self.kernel, body, &settings).await?;
            if self.superseded.get() != superseded {
                continue;
            }
            let marked = self.destination.mark(&self.batch).await;
            marked.map_err(|error| ConfigError::new(format!("the ledger could not be written: {error}")))?;
            let (ordering_id, latest) = (self.ordering_id, batch.latest_push());
            let pushed = self.destination.commit_alone(&self.kernel, &container, ordering_id, latest, &settings).await;
            let accepted = match pushed {
                Err(error) if error.has_expired() && refills < DatedContainer::MOST_REFILLS => {
                    refills += 1;
                    continue;
                }
                pushed => pushed?,
            };
            self.batch.learn(&self.destination, self.known.as_ref(), &superseded);
            if left_out.is_empty() {
                self.is_settled.store(true, Ordering::Relaxed);
            }
            return Ok(Some(accepted.with_bytes(bytes).warned(left_out)));
        }
    }

    /// The batch that is pushed again, with its content in containers that last, and the findings about operations
    /// that are left out because theirs does not.
    async fn to_push(
        &self,
        superseded: &BTreeSet<usize>,
        settings: &CallSettings,
    ) -> Result<(Batch, Vec<Finding>), Error> {
        if let Some(content) = &self.content {
            let id = self.ids().next().unwrap_or_default();
            let (item, uploaded) = content.upload(id, &self.kernel, settings).await?;
            return Ok((self.batch.with_single(&item, uploaded), Vec::new()));
        }
        if self.batch.contents().all(|(_, content)| !content.is_old()) {
            return Ok((self.batch.only(|number| !superseded.contains(&number)), Vec::new()));
        }
        let pool = BufferPool::new(usize::try_from(self.batch.len()).unwrap_or_default(), 0);
        let Renewed { batch, expired, .. } =
            renewal::renew(&self.batch, superseded, &pool, &self.kernel, settings).await?;
        let keys = expired.into_iter().filter_map(|number| self.batch.keys().get(number));
        Ok((batch, keys.map(|key| renewal::finding(key.text)).collect()))
    }
}

/// A batch that failed and may still be applied.
pub(super) struct Unknown {
    pub(super) number: u64,
    pub(super) keys: Arc<Keys>,
    since: Instant,
    is_settled: Arc<AtomicBool>,
}

impl Unknown {
    pub(super) fn new(failed: &FailedBatch) -> Self {
        let (keys, is_settled) = (Arc::clone(failed.batch.keys()), Arc::clone(&failed.is_settled));
        Self { number: failed.number, keys, since: Instant::now(), is_settled }
    }

    /// Whether batches with the same ids have to be handed back. After an hour, an operation that the
    /// service has not carried out never arrived.
    pub(super) fn blocks(&self) -> bool {
        const LONGEST: Duration = Duration::from_secs(3600);
        self.since.elapsed() < LONGEST && !self.is_settled.load(Ordering::Relaxed)
    }
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

/// A [`FailedBatch`] with its step and reason, without its bytes: as the JSON of a report has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailedBatchSummary {
    /// Its place in the run, from 1.
    pub number: u64,
    /// Where it failed.
    pub step: String,
    /// Why it failed.
    pub reason: String,
    /// Whether the service may have accepted it all the same.
    pub may_have_been_applied: bool,
    /// How many bytes it has.
    pub bytes: u64,
    /// The ids of its operations.
    pub ids: Vec<String>,
    /// The ids that were pushed again later in the run.
    pub superseded_ids: Vec<String>,
}

impl From<&FailedBatch> for FailedBatchSummary {
    fn from(failed: &FailedBatch) -> Self {
        Self {
            number: failed.number,
            step: failed.step.to_string(),
            reason: failed.reason.to_string(),
            may_have_been_applied: failed.may_have_been_applied,
            bytes: failed.batch.len(),
            ids: failed.ids().map(str::to_owned).collect(),
            superseded_ids: failed.to_superseded_ids().into_iter().map(str::to_owned).collect(),
        }
    }
}

/// A line for people.
impl fmt::Display for FailedBatchSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch {} ({} operations), {}: {}", self.number, self.ids.len(), self.step, self.reason)
    }
}

/// Its step and reason, without the bytes: a [`FailedBatchSummary`].
impl Serialize for FailedBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FailedBatchSummary::from(self).serialize(serializer)
    }
}
