use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use super::FailedBatch;
use crate::error::Error;
use crate::finding::Finding;

/// What became of one push.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It is part of the run, and will be accounted for.
    Taken,
    /// It breaks a rule of the service and was left out; the run goes on.
    Refused(RefusedItem),
}

impl Pushed {
    /// Whether it is part of the run.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        *self == Self::Taken
    }

    /// What was refused and why; `None` when it was taken.
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
    pub fn refused(&self) -> Option<&RefusedItem> {
        match self {
            Self::Taken => None,
            Self::Refused(refused) => Some(refused),
        }
    }
}

/// An item or identity that a run left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedItem {
    id: String,
    findings: Vec<Finding>,
}

impl RefusedItem {
    pub(super) fn new(id: &str, findings: Vec<Finding>) -> Self {
        Self { id: id.to_owned(), findings }
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

impl fmt::Display for RefusedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, finding) in self.findings.iter().enumerate() {
            write!(f, "{}{finding}", if number == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Serialize for RefusedItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            id: &'a str,
            rules: Vec<&'a str>,
            message: String,
        }

        let rules = self.findings.iter().map(|finding| finding.rule().code()).collect();
        Line { id: &self.id, rules, message: self.to_string() }.serialize(serializer)
    }
}

/// How far a run is, as its watch channel tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Progress {
    /// Operations that were pushed, refused ones included.
    pub pushed: u64,
    /// Operations in batches that the storage took, whatever became of them after that.
    pub uploaded: u64,
    /// Operations that the service accepted.
    pub accepted: u64,
    /// Operations in batches that failed.
    pub failed: u64,
    /// Operations that were refused before they were sent.
    pub refused: u64,
    /// Operations that were taken although they break a rule, as [`Preflight::Warn`](crate::Preflight)
    /// lets them.
    pub warned: u64,
    /// Bytes of the operations that were taken.
    pub bytes_taken: u64,
    /// Bytes that the storage took.
    pub bytes_uploaded: u64,
    /// Batches that the service accepted.
    pub batches_accepted: u64,
    /// Batches that failed; those that count as unsent are not among them.
    pub batches_failed: u64,
    /// Calls of the Push API, tries again included.
    pub api_calls: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// The time that calls waited because the service asked them to, added up over all of them, in
    /// seconds.
    #[serde(serialize_with = "seconds")]
    pub throttled: Duration,
}

/// A batch that the service accepted.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AcceptedBatch {
    /// Its place in the run, from 1.
    pub number: u64,
    /// The file container that carried it.
    pub file_id: String,
    /// How many operations it holds.
    pub operations: u64,
    /// How many bytes were uploaded.
    pub bytes: u64,
    /// How many requests were sent for it: three, to create a container, upload the batch and push the
    /// container, and those that were sent again.
    pub attempts: u32,
}

/// What became of every operation of a run. It is always there: after
/// [`finish`](super::ItemPusher::finish), after [`abort`](super::ItemPusher::abort), and after a run
/// that stopped.
///
/// `pushed` is `accepted + failed + refused + unsent`, each operation in one of them.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct PushReport {
    /// Operations that were pushed, refused ones included.
    pub pushed: u64,
    /// Operations in batches that the storage took, whatever became of them after that.
    pub uploaded: u64,
    /// Operations that the service accepted. Accepted is not indexed.
    pub accepted: u64,
    /// Operations in batches that failed.
    pub failed: u64,
    /// Operations that were refused before they were sent.
    pub refused: u64,
    /// Operations in batches that were not pushed, because the run stopped or was aborted.
    pub unsent: u64,
    /// How many of the accepted operations delete.
    pub deletions: u64,
    /// Pushes that were dropped before they were done, and streams that were left before their end, with what was
    /// read of them and not taken. They are in no other count: what counts here was not taken.
    pub cancelled: u64,
    /// Batches that the service accepted.
    pub batches_accepted: u64,
    /// Batches that failed, those that a handler has got included; those that count as unsent are not
    /// among them.
    pub batches_failed: u64,
    /// Bytes of the operations that were taken.
    pub bytes_taken: u64,
    /// Bytes that the storage took.
    pub bytes_uploaded: u64,
    /// Calls of the Push API, tries again included.
    pub api_calls: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// The time that calls waited because the service asked them to, added up over all of them; in
    /// seconds when it is serialised.
    #[serde(serialize_with = "seconds")]
    pub throttled: Duration,
    /// From the start of the run to its end; in seconds when it is serialised.
    #[serde(serialize_with = "seconds")]
    pub elapsed: Duration,
    /// The service's clock when it accepted a batch, the earliest time of all; in milliseconds since
    /// 1970 when it is serialised.
    #[serde(serialize_with = "milliseconds")]
    pub first_accepted: Option<SystemTime>,
    /// The latest such time, likewise.
    #[serde(serialize_with = "milliseconds")]
    pub last_accepted: Option<SystemTime>,
    /// The batches that the service accepted, in the order in which it did.
    pub batches: Vec<AcceptedBatch>,
    /// The batches that failed or were not sent and that no handler has got, in the order of the
    /// run. Each hands back its bytes.
    pub failed_batches: Vec<FailedBatch>,
    /// The first hundred refused items.
    pub refused_samples: Vec<RefusedItem>,
    /// Operations that were taken although they break a rule, as [`Preflight::Warn`](crate::Preflight)
    /// lets them; they are counted above by what became of them.
    pub warned: u64,
    /// The first hundred rules that they break.
    pub warning_samples: Vec<Finding>,
}

impl PushReport {
    /// How many refused items a report keeps, and how many warnings.
    pub const SAMPLES: usize = 100;

    /// Whether everything that was pushed and not refused was accepted. Look at
    /// [`refused`](Self::refused) as well where an item that is left out matters.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed == 0 && self.unsent == 0
    }

    /// The report itself, or an error with it when operations failed or were not sent.
    ///
    /// Refused ones are no error here: each was told by its push ([`Pushed::Refused`]) and to the handler
    /// ([`on_refused`](crate::PusherBuilder::on_refused)), and they are counted
    /// ([`refused`](Self::refused)). They keep a [refresh](crate::RefreshReport) from deleting, and are an
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
        let Self { pushed, accepted, failed, refused, unsent, bytes_uploaded, api_calls, retries, elapsed, .. } = self;
        let batches = self.batches_accepted;
        let cancelled = match self.cancelled {
            0 => String::new(),
            cancelled => format!(", {cancelled} cancelled"),
        };
        let megabytes = *bytes_uploaded as f64 / 1e6;
        let seconds = elapsed.as_secs_f64();
        write!(
            f,
            "{pushed} pushed: {accepted} accepted, {failed} failed, {refused} refused, {unsent} unsent\
             {cancelled}; {batches} batches, {megabytes:.1} MB uploaded, {api_calls} API calls, {retries} retries, {seconds:.1} s"
        )
    }
}

/// Why a run did not do all it was to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The run has stopped, because a batch failed, and takes nothing more. This says which and why in
    /// words. The report, from `finish`, has every operation, and the error itself:
    /// [`first_error`](PushReport::first_error), or that of each of its
    /// [`failed_batches`](PushReport::failed_batches).
    #[error("the run has stopped: {0}")]
    Stopped(String),
    /// Some operations failed or were not sent. The report has them.
    #[error("the run is incomplete: {}{}", .0, .0.first_reasons())]
    Incomplete(Box<PushReport>),
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn milliseconds<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map(|since| since.as_millis() as u64).serialize(serializer)
}
