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
use super::saved_files::{Later, SavedFiles};
use super::superseded::{LeftOut, SupersededOperations};
use super::unsent::UnsentContent;
use crate::api::Accepted;
use crate::api::file_containers::{self, DatedContainer};
use crate::error::{BoxError, ConfigError, Error, InvalidError};
use crate::finding::{Finding, Rule};
use crate::kernel::body::Body;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;
use crate::model::words::{counted, one_line};
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
    #[error("the content of {} may have expired, and cannot be uploaded again: {}", counted(.0.len() as u64, "item", "items"), listed(.0))]
    ContentExpired(Vec<String>),
    /// The batch was pushed again, and these operations would undo later ones that were sent meanwhile, which do not say
    /// everything that they say: the replacement of a field to which a later operation appends, for example. Push these
    /// items again from where they came.
    #[error("{} would undo later ones on the same items: {}", counted(.0.len() as u64, "operation", "operations"), listed(.0))]
    Conflict(Vec<String>),
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
    let mut list = ids.iter().take(MOST).map(|id| format!("`{}`", one_line(id))).collect::<Vec<_>>().join(", ");
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
    /// batch is started until then. Wait some seconds at least: the batch may fail again at once.
    Again(FailedBatch, Duration),
}

impl From<()> for AfterFailure {
    fn from((): ()) -> Self {
        Self::Keep
    }
}

/// A batch that was not accepted: what it is about, why, and its bytes.
///
/// It can be pushed again ([`push_again`](Self::push_again)) or saved ([`save`](Self::save)). Both leave out operations
/// that later ones of the run [replaced](Self::to_superseded_ids), and those that would
/// [undo later ones](Self::to_conflicting_ids). Push failed batches again in the order of their
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
            | FailureReason::Conflict(_)
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

    /// Whether pushing it again later, as it is, may succeed: after an outage, a wrong key or a used-up quota, for example.
    /// A batch that the service rejected would be rejected again, and operations that
    /// [conflict](FailureReason::Conflict) or whose content [may have expired](FailureReason::ContentExpired) cannot be
    /// pushed again. It is `false` after the run stopped or was aborted, too.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &*self.reason {
            FailureReason::Error(error) => error.is_retryable() || error.holds_for_all(),
            FailureReason::EarlierBatchUnknown | FailureReason::Ledger(_) | FailureReason::SavedFile(_) => true,
            FailureReason::ContentExpired(_)
            | FailureReason::Conflict(_)
            | FailureReason::Stopped
            | FailureReason::Aborted => false,
        }
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
        // Later operations were sent already where there is a conflict.
        self.may_have_been_applied && !is_answered && !matches!(*self.reason, FailureReason::Conflict(_))
    }

    /// How many operations it holds, those included that are not pushed again.
    #[must_use]
    pub fn operations(&self) -> usize {
        self.batch.keys().len()
    }

    /// The document ids of its operations, or the types and names of the identities
    /// (`USER:asmith@example.com`), in the order in which they were pushed.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.batch.keys().iter().map(|(_, key)| key.text)
    }

    /// The ids of operations that later ones replaced: a later operation of the run that was sent says everything that
    /// they say. Pushing this batch again leaves them out, and nothing is lost by it.
    ///
    /// A later full item or deletion says everything about its id, a deletion with children about all ids below it, and a
    /// replacement of a field about the field. A merge, and a change of a dictionary, replaces an earlier one with the same
    /// keys. The list is complete when the run has ended.
    #[must_use]
    pub fn to_superseded_ids(&self) -> Vec<&str> {
        self.ids_of(&self.superseded.left_out().covered)
    }

    /// The ids of operations that cannot be pushed again, because they would undo a later operation of the run that was
    /// sent and does not say everything that they say. **They are lost unless you push these items again from where they
    /// came.** The list is complete when the run has ended.
    ///
    /// | This failed | and this was sent later |
    /// |---|---|
    /// | a full item, or its deletion | a change of one of its fields |
    /// | a deletion with children | an operation on an item below, or on the item itself |
    /// | the deletion of an identity | its members, or its aliases |
    /// | a merge | a merge of the same item with other keys |
    /// | the replacement of a field | another change of the field |
    /// | values appended to a list | values removed from it, and the other way around |
    /// | keys put into a dictionary, or removed | other keys put into it |
    ///
    /// Two appends to one list are both pushed, in whatever order, and so are two removals.
    #[must_use]
    pub fn to_conflicting_ids(&self) -> Vec<&str> {
        self.ids_of(&self.superseded.left_out().conflicting)
    }

    fn ids_of(&self, operations: &BTreeSet<usize>) -> Vec<&str> {
        operations.iter().filter_map(|number| self.batch.keys().get(*number)).map(|key| key.text).collect()
    }

    /// The bytes of the file container without the operations that are not pushed again: JSON that can be uploaded as it
    /// is. An item whose [content](PushStep::Content) was not uploaded is left out as well.
    #[must_use]
    pub fn to_body(&self) -> Vec<u8> {
        let left_out = self.superseded.left_out();
        self.batch.chunks_of(|number| !left_out.contains(number) && self.content.is_none()).concat()
    }

    /// The ids of items whose [content](Self#content-in-file-containers) may have expired by now, and cannot be uploaded
    /// again: pushing this batch again leaves them out.
    #[must_use]
    pub fn to_expired_ids(&self) -> Vec<&str> {
        let left_out = self.superseded.left_out();
        let expired = renewal::expired(&self.batch).into_iter().filter(|number| !left_out.contains(*number));
        self.ids_of(&expired.collect())
    }

    /// Whether none of it can be pushed again, and none of it was replaced.
    pub(super) fn is_stuck(&self) -> bool {
        let LeftOut { covered, conflicting } = self.superseded.left_out();
        covered.is_empty() && (&conflicting | &renewal::expired(&self.batch)).len() == self.operations()
    }

    /// The operations that are not pushed again with the others, because they conflict or their content may have expired.
    pub(super) fn without_what_goes_on(
        &self,
        batch: Batch,
        content: Option<UnsentContent>,
        conflicting: BTreeSet<usize>,
    ) -> Self {
        let is_of = |operation: usize| conflicting.is_empty() || conflicting.contains(&operation);
        let ids = batch.keys().iter().filter(|(operation, _)| is_of(*operation)).map(|(_, key)| key.text.to_owned());
        let (step, reason) = match conflicting.is_empty() {
            true => (PushStep::Renew, FailureReason::ContentExpired(ids.collect())),
            false => (PushStep::Order, FailureReason::Conflict(ids.collect())),
        };
        let superseded = SupersededOperations::with_conflicting(self.origin, batch.keys(), conflicting);
        Self {
            number: self.number,
            origin: self.origin,
            files: Arc::clone(&self.files),
            is_settled: Arc::default(),
            calls: self.calls.clone(),
            step,
            reason: Arc::new(reason),
            may_have_been_applied: self.may_have_been_applied,
            batch,
            content,
            superseded: Arc::new(superseded),
            known: self.known.clone(),
            kernel: self.kernel.clone(),
            destination: self.destination.clone(),
            ordering_id: self.ordering_id,
        }
    }

    /// Pushes it again, in a fresh file container, without [replaced](Self::to_superseded_ids) operations; `None` when
    /// nothing else is left. [Content](PushStep::Content) that was not uploaded is uploaded first: the batch holds it,
    /// or the open file, until it is dropped. Content that [may have expired](Self#content-in-file-containers) is
    /// uploaded again. Operations that would [undo later ones](Self::to_conflicting_ids), and items whose content cannot be
    /// uploaded again, are left out, and are the [warnings](Accepted::warnings) of the result.
    ///
    /// The run does not wait for it: while the run goes on, operations on the same ids that are committed at the same time
    /// may arrive before it, and be overwritten. Call it when the run has ended. While it goes on, push the batch with
    /// [`ItemPusher::push_again`](crate::PushQueue::push_again), which keeps the order and the counts. The run's
    /// settings for calls apply to both.
    ///
    /// # Errors
    ///
    /// The error of the step that fails, as
    /// [`Items::push_batch`](crate::Items::push_batch) has it; [`Error::Invalid`] when all that is left would undo later
    /// operations, or has content that may have expired.
    pub async fn push_again(&self) -> Result<Option<Accepted>, Error> {
        let settings = self.calls.uncounted();
        let mut refills = 0;
        loop {
            let left_out = self.superseded.left_out();
            if left_out.covered.len() == self.operations() {
                return Ok(None);
            }
            let (batch, findings) = self.to_push(&left_out, &settings).await?;
            if batch.keys().len() == 0 {
                return Err(InvalidError::new(Some(self.destination.commit), findings).into());
            }
            let body = Body::chunks(batch.chunks());
            let bytes = body.len();
            let container = file_containers::store(&self.kernel, body, &settings).await?;
            if self.superseded.left_out() != left_out {
                continue;
            }
            let marked = self.destination.mark(&self.batch).await;
            marked.map_err(|error| ConfigError::new(format!("the ledger could not be written: {error}")))?;
            let sent = Later { origin: self.origin, keys: Arc::clone(batch.keys()) };
            let not_marked = |error| ConfigError::new(format!("the file of an earlier failed batch: {error}"));
            self.files.mark(sent.clone()).await.map_err(not_marked)?;
            let (ordering_id, latest) = (self.ordering_id, batch.latest_push());
            let pushed = self.destination.commit_alone(&self.kernel, &container, ordering_id, latest, &settings).await;
            let accepted = match pushed {
                Err(error) if error.has_expired() && refills < DatedContainer::MOST_REFILLS => {
                    refills += 1;
                    continue;
                }
                pushed => pushed?,
            };
            batch.learn(&self.destination, self.known.as_ref());
            // A file that cannot be updated still names the ids.
            let _ = self.files.accepted(sent).await;
            if findings.is_empty() {
                self.is_settled.store(true, Ordering::Relaxed);
            }
            return Ok(Some(accepted.with_bytes(bytes).warned(findings)));
        }
    }

    /// The batch that is pushed again, with its content in containers that last, and the findings about operations
    /// that cannot be.
    async fn to_push(&self, left_out: &LeftOut, settings: &CallSettings) -> Result<(Batch, Vec<Finding>), Error> {
        if let Some(content) = self.content.as_ref().filter(|_| left_out.len() == 0) {
            let id = self.ids().next().unwrap_or_default();
            let (item, uploaded) = content.upload(id, &self.kernel, settings).await?;
            return Ok((self.batch.with_single(&item, uploaded), Vec::new()));
        }
        let pool = BufferPool::new(usize::try_from(self.batch.len()).unwrap_or_default(), 0);
        let Renewed { batch, expired, .. } =
            renewal::renew(&self.batch, &left_out.all(), &pool, &self.kernel, settings).await?;
        let key = |number: &usize| self.batch.keys().get(*number);
        let conflicting = left_out.conflicting.iter().filter_map(key).map(|key| conflict(key.text));
        let expired = expired.iter().filter(|number| !left_out.contains(**number)).filter_map(key);
        Ok((batch, conflicting.chain(expired.map(|key| renewal::finding(key.text))).collect()))
    }
}

/// The finding about an operation that would undo a later one.
fn conflict(id: &str) -> Finding {
    let message =
        "it would undo a later operation that was sent, and is left out; push the item again from where it came";
    Finding::new(id, Rule::OperationConflict, message)
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
        let operations = counted(self.operations() as u64, "operation", "operations");
        write!(f, "batch {number} ({operations}), {step}: {reason}")
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
    /// The ids of operations that later ones [replaced](FailedBatch::to_superseded_ids).
    pub superseded_ids: Vec<String>,
    /// The ids of operations that would [undo later ones](FailedBatch::to_conflicting_ids).
    #[serde(default)]
    pub conflicting_ids: Vec<String>,
}

impl From<&FailedBatch> for FailedBatchSummary {
    fn from(failed: &FailedBatch) -> Self {
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        Self {
            number: failed.number,
            step: failed.step.to_string(),
            reason: failed.reason.to_string(),
            may_have_been_applied: failed.may_have_been_applied,
            bytes: failed.batch.len(),
            ids: failed.ids().map(str::to_owned).collect(),
            superseded_ids: owned(failed.to_superseded_ids()),
            conflicting_ids: owned(failed.to_conflicting_ids()),
        }
    }
}

/// A line for people.
impl fmt::Display for FailedBatchSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, step, reason, ids, .. } = self;
        let operations = counted(ids.len() as u64, "operation", "operations");
        write!(f, "batch {number} ({operations}), {step}: {reason}")
    }
}

/// Its step and reason, without the bytes: a [`FailedBatchSummary`].
impl Serialize for FailedBatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FailedBatchSummary::from(self).serialize(serializer)
    }
}
