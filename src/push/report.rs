use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::failed::{FailedBatch, FailureReason};
use super::keys::Keys;
use super::target::RunTarget;
use super::tracked::TrackedRun;
use crate::error::Error;
use crate::finding::{Finding, first_of};
use crate::model::OrderingId;
use crate::model::words::counted;

/// The result of one push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It is part of the run, with this number: the report accounts for it.
    Queued(u64),
    /// It breaks a rule of the service and was left out; the run goes on.
    Refused(Refused),
    /// The service is known to hold it as it is, so it was left out. Only in a sync, which counts it.
    Unchanged,
}

impl Pushed {
    /// Whether it is part of the run.
    #[must_use]
    pub fn is_queued(&self) -> bool {
        matches!(self, Self::Queued(_))
    }

    /// Its number in the run, from 1 on, in the order in which operations were queued or refused; 0 for an unchanged
    /// one. See [`Progress::settled_to`].
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Queued(number) => *number,
            Self::Refused(refused) => refused.number,
            Self::Unchanged => 0,
        }
    }

    /// The refused item and the reasons; `None` when it was queued.
    ///
    /// ```
    /// # async fn example(pusher: coveo_push::ItemPusher, doc: coveo_push::DocumentBody) -> Result<(), coveo_push::PushError> {
    /// let pushed = pusher.add_or_update("https://example.com/a", &doc).await?;
    /// if let Some(refused) = pushed.refused() {
    ///     eprintln!("{refused}");
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Queued(_) | Self::Unchanged => None,
            Self::Refused(refused) => Some(refused),
        }
    }
}

/// An item or identity that a run left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    #[serde(default)]
    number: u64,
    id: String,
    findings: Vec<Finding>,
}

impl Refused {
    pub(super) fn new(id: &str, findings: Vec<Finding>) -> Self {
        Self { number: 0, id: id.to_owned(), findings }
    }

    pub(super) fn numbered(self, number: u64) -> Self {
        Self { number, ..self }
    }

    /// Its [number](Pushed::number) in the run.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The document id, or the type and name of the identity.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The rules that it breaks.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        first_of(&self.findings, f)
    }
}

/// The counts of a run: while it goes on ([`ItemPusher::progress`](crate::PushQueue::progress)), and at its end
/// ([`PushReport::totals`]).
///
/// At the end `pushed` is `accepted + replaced + failed + refused + unsent`: each operation is in one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Progress {
    /// Operations that were pushed, including refused ones.
    pub pushed: u64,
    /// The highest [number](Pushed::number) up to which every operation was accepted, replaced or refused. An operation
    /// of a failed batch is settled when the batch was [pushed again](crate::PushQueue::push_again) and accepted, or was
    /// [settled otherwise](crate::PushQueue::settle).
    ///
    /// A program that reads from a queue commits its offset up to here. After a crash it reads the rest once more:
    ///
    /// ```
    /// # struct Record { key: String, words: String, offset: i64 }
    /// # trait Consumer { async fn next(&mut self) -> Option<Record>; async fn commit(&mut self, offset: i64); }
    /// # async fn example(items: coveo_push::Items, mut consumer: impl Consumer) -> Result<(), coveo_push::PushError> {
    /// use std::collections::VecDeque;
    /// use std::time::Duration;
    /// use coveo_push::DocumentBody;
    /// use coveo_push::report::AfterFailure;
    ///
    /// let builder = items.pusher().on_failed_batch(|failed| AfterFailure::Again(failed, Duration::from_secs(60)));
    /// let pusher = builder.start();
    /// let mut progress = pusher.progress();
    /// // Read and not committed yet: the number of the push, and the offset in the queue.
    /// let mut open = VecDeque::new();
    /// loop {
    ///     tokio::select! {
    ///         record = consumer.next() => {
    ///             let Some(record) = record else { break };
    ///             let doc = DocumentBody::text(record.words);
    ///             let pushed = pusher.add_or_update(record.key, &doc).await?;
    ///             open.push_back((pushed.number(), record.offset));
    ///         }
    ///         Ok(()) = progress.changed() => {}
    ///     }
    ///     let settled = progress.borrow_and_update().settled_to;
    ///     let done = open.partition_point(|(number, _)| *number <= settled);
    ///     if let Some((_, offset)) = open.drain(..done).last() {
    ///         consumer.commit(offset + 1).await;
    ///     }
    /// }
    /// pusher.flush().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// Numbers are given as pushes return. Where several tasks push the records of one reader, commit no further than before
    /// the earliest push that has not returned.
    pub settled_to: u64,
    /// Operations in batches that the storage accepted, whatever became of them after that.
    pub uploaded: u64,
    /// Operations that the service accepted. Accepted is not indexed.
    pub accepted: u64,
    /// Operations that were not sent because a later one says everything that they said: one of the same batch, or one
    /// that was sent before their failed batch was pushed again.
    pub replaced: u64,
    /// Operations in batches that failed.
    pub failed: u64,
    /// Operations that were refused before they were sent.
    pub refused: u64,
    /// Operations in batches that were not pushed, because the run stopped or was aborted.
    pub unsent: u64,
    /// How many of the accepted operations delete.
    pub deletions: u64,
    /// Pushes that were dropped before they were queued, and streams that were dropped before their end. They are
    /// in no other count.
    pub cancelled: u64,
    /// Operations that were queued although they break a rule, as [`Preflight::Warn`](crate::Preflight::Warn) allows.
    pub warned: u64,
    /// Queued items without permissions, which a secured source drops. They keep a
    /// [refresh](crate::Items::refresh) from deleting.
    pub without_permissions: u64,
    /// Bytes of the operations that were queued.
    pub bytes_queued: u64,
    /// Bytes that the storage accepted.
    pub bytes_uploaded: u64,
    /// Batches that the service accepted.
    pub batches_accepted: u64,
    /// Batches that failed, including those that a handler got; batches that count as unsent are not
    /// among them.
    pub batches_failed: u64,
    /// Calls of the Push API, including retries.
    pub api_calls: u64,
    /// Retries of calls and uploads.
    pub retries: u64,
    /// The time that calls waited because the service asked them to, added up over all of them. Serialised in
    /// seconds.
    #[serde(with = "seconds")]
    pub throttled: Duration,
}

impl Progress {
    /// The counts alone, without times.
    pub(crate) fn counts(self) -> Self {
        Self { throttled: Duration::ZERO, ..self }
    }
}

/// A batch that the service accepted: [`PusherBuilder::on_accepted`](crate::PusherBuilder::on_accepted).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchReceipt {
    /// Its place in the run, from 1.
    pub number: u64,
    /// The file container that carried it.
    pub file_id: String,
    /// How many operations it holds.
    pub operations: u64,
    /// How many bytes were uploaded.
    pub bytes: u64,
    /// How many requests were sent for it: three (to create a container, upload the batch and push the
    /// container), and their retries.
    pub attempts: u32,
    /// The service's clock when it accepted the batch, where its response told it. Serialised in milliseconds
    /// since 1970.
    #[serde(with = "milliseconds")]
    pub server_time: Option<SystemTime>,
    /// The ordering id of the run, where it has one, or else the one that the response told: that of the Stream API
    /// does.
    pub ordering_id: Option<OrderingId>,
    /// The service's own id of the request, where the response told it.
    pub request_id: Option<String>,
    #[serde(skip)]
    pub(super) keys: Option<Arc<Keys>>,
}

impl BatchReceipt {
    /// The document ids of its operations, or the types and names of the identities
    /// (`USER:asmith@example.com`), in the order in which they were pushed.
    ///
    /// Only the receipt that a [handler](crate::PusherBuilder::on_accepted) gets has them: those in a
    /// [report](PushReport::batch_samples) have none.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().flat_map(|keys| keys.iter().map(|(_, key)| key.text))
    }
}

/// A batch that the service accepted, as its delivery tells of it.
pub(super) struct Delivered {
    pub(super) file_id: String,
    pub(super) attempts: u32,
    pub(super) server_time: Option<SystemTime>,
    pub(super) ordering_id: Option<OrderingId>,
    pub(super) request_id: Option<String>,
}

impl Delivered {
    pub(super) fn into_receipt(
        self,
        number: u64,
        operations: u64,
        bytes: u64,
        ordering_id: Option<OrderingId>,
    ) -> BatchReceipt {
        let Self { file_id, attempts, server_time, ordering_id: _, request_id } = self;
        let keys = None;
        BatchReceipt { number, file_id, operations, bytes, attempts, server_time, ordering_id, request_id, keys }
    }
}

/// The result of every operation of a run. There is always a report: after
/// [`finish`](super::ItemPusher::finish), after [`abort`](super::ItemPusher::abort), and after a run
/// that stopped.
///
/// It can be read back from its JSON, except for the failed batches, whose bytes are not in it:
/// [`FailedBatch::save`] keeps them. In a test, start from the default and set the fields.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PushReport {
    /// The counts.
    #[serde(flatten)]
    pub totals: Progress,
    /// From the start of the run to its end. Serialised in seconds.
    #[serde(with = "seconds")]
    pub elapsed: Duration,
    /// The service's clock when it accepted a batch, the earliest time of all. Serialised in milliseconds since
    /// 1970.
    #[serde(with = "milliseconds")]
    pub first_accepted: Option<SystemTime>,
    /// The latest such time, likewise.
    #[serde(with = "milliseconds")]
    pub last_accepted: Option<SystemTime>,
    /// The lowest ordering id of all accepted batches; `None` where that of any batch is not known.
    pub lowest_ordering_id: Option<OrderingId>,
    /// The first hundred batches that the service accepted, in the order in which it did.
    pub batch_samples: Vec<BatchReceipt>,
    /// The batches that failed or were not sent and that no handler got, in the order of the
    /// run. Each hands back its bytes.
    #[serde(skip_deserializing)]
    pub failed_batches: Vec<FailedBatch>,
    /// The first hundred refused items.
    pub refused_samples: Vec<Refused>,
    /// The first hundred broken rules of operations that were queued all the same.
    pub warning_samples: Vec<Finding>,
    /// Where the run went.
    pub target: Option<RunTarget>,
    /// The ids of the accepted items, if the run [tracks](crate::PusherBuilder::track_outcomes) its outcomes. They are
    /// not serialised.
    #[serde(skip)]
    pub(crate) tracked: Option<Arc<Mutex<TrackedRun>>>,
}

impl PushReport {
    /// How many batches, refused items and warnings a report keeps.
    pub const SAMPLES: usize = 100;
    /// From so many calls on the text of a report names the service's daily limit.
    const MANY_CALLS: u64 = 12_000;

    /// Whether everything that was pushed and not refused was accepted. Look at
    /// [`refused`](Progress::refused) as well where an item that is left out matters.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.totals.failed == 0 && self.totals.unsent == 0
    }

    /// The report itself, or an error with it when operations failed or were not sent.
    ///
    /// Refused ones are not an error here: each was told by its push ([`Pushed::Refused`]) and to the handler
    /// ([`on_refused`](crate::PusherBuilder::on_refused)), and they are counted
    /// ([`refused`](Progress::refused)). They keep a [refresh](crate::report::RefreshReport) from deleting, and are an
    /// error there.
    ///
    /// # Errors
    ///
    /// [`PushError::Incomplete`].
    pub fn into_result(self) -> Result<Self, PushError> {
        if self.is_complete() { Ok(self) } else { Err(PushError::Incomplete(Box::new(self))) }
    }

    /// The error of the first of the [`failed_batches`](Self::failed_batches) that has one: those that no
    /// handler has got, in the order of the run. A run that [stopped](PushError::Stopped) did so because
    /// of this error, or of one behind it.
    #[must_use]
    pub fn first_error(&self) -> Option<&Error> {
        self.failed_batches.iter().find_map(FailedBatch::error)
    }

    /// A copy without the failed batches.
    pub(crate) fn without_failed_batches(&self) -> Self {
        Self {
            failed_batches: Vec::new(),
            batch_samples: self.batch_samples.clone(),
            refused_samples: self.refused_samples.clone(),
            warning_samples: self.warning_samples.clone(),
            target: self.target.clone(),
            tracked: self.tracked.clone(),
            ..*self
        }
    }

    /// The first batch that failed and the first item that was refused, as an error has them at its end.
    pub(crate) fn first_reasons(&self) -> String {
        let failed = self.failed_batches.first().map(|failed| format!("; first failed: {failed}"));
        let refused = self.refused_samples.first().map(|refused| format!("; first refused: {refused}"));
        failed.into_iter().chain(refused).collect()
    }
}

/// One line that a person can read.
impl fmt::Display for PushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Progress { pushed, accepted, replaced, failed, refused, unsent, cancelled, .. } = self.totals;
        let Progress { batches_accepted, bytes_uploaded, api_calls, retries, .. } = self.totals;
        let some = |count: u64, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
        let (replaced, cancelled) = (some(replaced, "replaced"), some(cancelled, "cancelled"));
        let batches = counted(batches_accepted, "batch", "batches");
        let megabytes = bytes_uploaded as f64 / 1e6;
        let seconds = self.elapsed.as_secs_f64();
        write!(
            f,
            "{pushed} pushed: {accepted} accepted{replaced}, {failed} failed, {refused} refused, {unsent} unsent\
             {cancelled}; {batches}, {megabytes:.1} MB uploaded, {api_calls} API calls, {retries} \
             retries, {seconds:.1} s"
        )?;
        if api_calls >= PushReport::MANY_CALLS {
            f.write_str("; the service allows 15,000 calls a day: larger batches take fewer")?;
        }
        Ok(())
    }
}

/// Why a run does not accept any more operations.
#[derive(Debug, Clone)]
pub struct RunStopped {
    message: Arc<str>,
    cause: Option<Arc<FailureReason>>,
}

impl RunStopped {
    pub(super) fn new(message: impl Into<Arc<str>>) -> Self {
        Self { message: message.into(), cause: None }
    }

    /// It stopped because of a batch that failed.
    pub(super) fn by(failed: &FailedBatch) -> Self {
        Self { message: failed.to_string().into(), cause: Some(Arc::clone(&failed.reason)) }
    }

    /// The error of the batch that stopped the run, where there was one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self.cause.as_deref()? {
            FailureReason::Error(error) => Some(error),
            _ => None,
        }
    }

    /// Whether a new run may get further, as the error that stopped this one may have passed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.error().is_some_and(Error::is_retryable)
    }
}

impl fmt::Display for RunStopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run has stopped: {}", self.message)
    }
}

impl std::error::Error for RunStopped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error().map(|error| error as _)
    }
}

/// Why a run did not do everything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The run has stopped, because a batch failed, and accepts no more operations. The report, from `finish`,
    /// accounts for every operation, and has the error of each of its
    /// [`failed_batches`](PushReport::failed_batches).
    #[error(transparent)]
    Stopped(RunStopped),
    /// Some operations failed or were not sent. The report has them.
    #[error("the run is incomplete: {}{}", .0, .0.first_reasons())]
    Incomplete(Box<PushReport>),
    /// The push cannot be made like this, such as outside of a tokio runtime, and nothing was taken. It is also for
    /// functions that push in a run and make single calls, so that `?` works for both.
    #[error(transparent)]
    Call(#[from] Error),
}

impl PushError {
    /// Whether a new run may get further, as the first error of this one may have passed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Stopped(stopped) => stopped.is_retryable(),
            Self::Incomplete(report) => report.first_error().is_some_and(Error::is_retryable),
            Self::Call(error) => error.is_retryable(),
        }
    }
}

/// Durations as seconds.
mod seconds {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Times as milliseconds since 1970.
mod milliseconds {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        since.map(|since| since.as_millis() as u64).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        let since = Option::<u64>::deserialize(from)?;
        Ok(since.and_then(|since| UNIX_EPOCH.checked_add(Duration::from_millis(since))))
    }
}
