//! The indexing pipeline, and its log.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::dropped::DropReason;
use super::item::{FakeItem, PushedItem};
use super::json::Object;
use super::source::SourceKey;
use crate::model::{DateTime, LogEntry, LogOperation, LogResult, LogTask, OrderingId, fingerprint};
use crate::operation::Operation;

/// How long entries are kept.
const RETENTION: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The stages that are passed in silence are not in the log of an operation that completes them.
const STAGES: [(LogTask, bool); 8] = [
    (LogTask::StreamingExtension, false),
    (LogTask::Consuming, false),
    (LogTask::Validation, true),
    (LogTask::Extension, true),
    (LogTask::Mapping, false),
    (LogTask::Processing, false),
    (LogTask::Preindexing, false),
    (LogTask::Indexing, false),
];

/// How an operation came into the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// As a call of its own.
    Call,
    /// In a batch of the Push API.
    Batch,
    /// By the Stream API.
    Stream,
}

/// An operation in the pipeline, from which its log entries are made.
#[derive(Debug)]
pub(super) struct Operated {
    pub(super) source: Arc<str>,
    /// The document id, or the id of a file.
    pub(super) id: String,
    pub(super) operation: LogOperation,
    pub(super) entrance: Entrance,
    pub(super) ordering_id: OrderingId,
    pub(super) time: SystemTime,
    pub(super) phase: Phase,
}

/// How far an operation is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The service has received it.
    Received,
    /// It was carried out, and ended so.
    Done(End),
}

/// How an operation ended.
#[derive(Debug)]
pub(super) enum End {
    Completed,
    Dropped { task: LogTask, result: LogResult, reason: Cow<'static, str> },
}

impl End {
    /// Where the pipeline drops an operation for this reason, and what its log says then.
    pub(super) fn dropped(reason: DropReason, text: Option<String>) -> Self {
        use LogResult::{Error, Rejected, Skipped, Warning};

        let (task, result) = match reason {
            DropReason::StaleOrderingId => (LogTask::Consuming, Skipped),
            DropReason::BeforeFutureDelete => (LogTask::Consuming, Rejected),
            DropReason::DocumentIdNotAUri
            | DropReason::TooManyPermissions
            | DropReason::MissingPermissions
            | DropReason::UnknownIdentity
            | DropReason::DataTooLarge => (LogTask::Validation, Rejected),
            DropReason::RejectedInPipeline => (LogTask::Extension, Rejected),
            DropReason::UnknownContainer | DropReason::UnknownCompressionType | DropReason::UnreadableData => {
                (LogTask::Processing, Error)
            }
            DropReason::ItemTooLarge => (LogTask::StreamingExtension, Rejected),
            DropReason::UnknownItem | DropReason::InvalidPartialUpdate => (LogTask::StreamingExtension, Warning),
            DropReason::MergeWithoutCatalog => (LogTask::StreamingExtension, Skipped),
        };
        let reason = text.map_or_else(|| Cow::Borrowed(reason.text()), Cow::Owned);
        Self::Dropped { task, result, reason }
    }
}

/// One stage of an operation.
pub(super) struct Stage<'a> {
    operated: &'a Operated,
    number: u64,
    pub(super) task: LogTask,
    pub(super) result: LogResult,
    pub(super) time: SystemTime,
    reason: Option<&'a str>,
}

/// An entry of the log: a stage, or an entry that a test wrote.
pub(super) enum Logged<'a> {
    Stage(Stage<'a>),
    Written(&'a LogEntry, SystemTime),
}

/// The log of the indexing pipeline.
#[derive(Debug, Default)]
pub(super) struct PipelineLog {
    operations: VecDeque<Operated>,
    /// How many were forgotten.
    forgotten: u64,
    /// An entry that a test wrote.
    written: Vec<(LogEntry, SystemTime)>,
}

impl PipelineLog {
    /// Notes an operation, and forgets those that are too old.
    pub(super) fn note(&mut self, mut operated: Operated) {
        // As exact as its entries are written.
        operated.time = DateTime::from(operated.time).to_system_time().unwrap_or(operated.time);
        let oldest = operated.time.checked_sub(RETENTION);
        while self.operations.front().is_some_and(|first| oldest.is_some_and(|oldest| first.time < oldest)) {
            self.operations.pop_front();
            self.forgotten += 1;
        }
        self.operations.push_back(operated);
    }

    pub(super) fn write(&mut self, entry: LogEntry, now: SystemTime) {
        let time = entry.time().unwrap_or(now);
        self.written.push((entry, time));
    }

    /// All entries that the service still has, those of one operation after the other.
    pub(super) fn entries(&self, now: SystemTime) -> impl Iterator<Item = Logged<'_>> {
        let stages =
            self.operations.iter().zip(self.forgotten..).flat_map(|(operated, number)| operated.stages(number));
        let written = self.written.iter().map(|(entry, time)| Logged::Written(entry, *time));
        let oldest = now.checked_sub(RETENTION);
        stages.map(Logged::Stage).chain(written).filter(move |entry| {
            let time = entry.time();
            time <= now && oldest.is_none_or(|oldest| time >= oldest)
        })
    }
}

impl Operated {
    fn stages(&self, number: u64) -> Vec<Stage<'_>> {
        let is_file = self.operation == LogOperation::BatchFile;
        let stage = |task, result, reason| Stage { operated: self, number, task, result, time: self.time, reason };
        let completed = |task| stage(task, LogResult::Completed, None);
        let end = match (&self.phase, is_file) {
            (Phase::Received, true) => return vec![completed(LogTask::StreamingBatch)],
            (Phase::Received, false) => return vec![completed(LogTask::Streaming)],
            (Phase::Done(_), true) => return vec![completed(LogTask::ConsumingBatch)],
            (Phase::Done(end), false) => end,
        };
        let last = match end {
            End::Completed => completed(LogTask::Indexing),
            End::Dropped { task, result, reason } => stage(task.clone(), result.clone(), Some(&**reason)),
        };
        let passed = STAGES.iter().take_while(|(task, _)| *task != last.task).filter(|(task, is_silent)| {
            let is_conversion = matches!(task, LogTask::Mapping | LogTask::Processing | LogTask::Preindexing);
            let is_of_streams = *task == LogTask::StreamingExtension;
            !is_silent
                && (!is_of_streams || self.entrance == Entrance::Stream)
                && (!is_conversion || !self.operation.is_deletion())
        });
        let mut stages: Vec<_> = passed.map(|(task, _)| completed(task.clone())).collect();
        stages.push(last);
        stages
    }
}

impl Logged<'_> {
    pub(super) fn time(&self) -> SystemTime {
        match self {
            Self::Stage(stage) => stage.time,
            Self::Written(_, time) => *time,
        }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Stage(stage) => &stage.operated.id,
            Self::Written(entry, _) => &entry.id,
        }
    }

    pub(super) fn source(&self) -> &str {
        match self {
            Self::Stage(stage) => &stage.operated.source,
            Self::Written(entry, _) => &entry.source_id,
        }
    }

    pub(super) fn task(&self) -> &LogTask {
        match self {
            Self::Stage(stage) => &stage.task,
            Self::Written(entry, _) => &entry.task,
        }
    }

    pub(super) fn operation(&self) -> &LogOperation {
        match self {
            Self::Stage(stage) => &stage.operated.operation,
            Self::Written(entry, _) => &entry.operation,
        }
    }

    pub(super) fn result(&self) -> &LogResult {
        match self {
            Self::Stage(stage) => &stage.result,
            Self::Written(entry, _) => &entry.result,
        }
    }

    /// The indexing pipeline extension.
    pub(super) fn resource(&self) -> &str {
        match self {
            Self::Stage(stage) if stage.task == LogTask::Extension => "fake-extension",
            Self::Stage(_) => "",
            Self::Written(entry, _) => &entry.resource_id,
        }
    }

    pub(super) fn entry(&self) -> LogEntry {
        let stage = match self {
            Self::Stage(stage) => stage,
            Self::Written(entry, _) => return (*entry).clone(),
        };
        let Stage { operated, number, task, result, time, reason } = stage;
        let guid = format!("{:032x}", fingerprint(&format!("{number} {task} {}", operated.id)));
        let mut entry = LogEntry::new(operated.id.as_str(), task.clone(), operated.operation.clone(), result.clone())
            .guid(guid)
            .source_id(&*operated.source)
            .datetime(*time);
        entry.resource_id = self.resource().to_owned();
        match reason {
            Some(reason) => entry = entry.meta("error", *reason),
            None => entry = entry.meta("duration", "0.012"),
        }
        if operated.entrance == Entrance::Stream {
            entry = entry.meta("orderingid", operated.ordering_id.get());
        }
        entry
    }
}

/// Why an extension rejects an item, if it does.
pub(super) type Reject = Arc<dyn Fn(&FakeItem) -> Option<String> + Send + Sync>;

/// The settings of the pipeline, and its log.
#[derive(Default)]
pub(super) struct Pipeline {
    /// How long an accepted operation waits before it is carried out.
    pub(super) delay: Duration,
    pub(super) reject: Option<Reject>,
    pub(super) log: PipelineLog,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("delay", &self.delay).finish_non_exhaustive()
    }
}

/// The operations of one request.
pub(super) struct Accepted {
    pub(super) target: SourceKey,
    /// The operation of the request.
    pub(super) operation: Operation,
    /// The file container that held the operations.
    pub(super) file_id: Option<String>,
    pub(super) ordering_id: OrderingId,
    /// The service's clock when the request was accepted.
    pub(super) now: OrderingId,
    pub(super) at: SystemTime,
    /// The time since the fake was built, by which containers expire.
    pub(super) elapsed: Duration,
    pub(super) tasks: Vec<Task>,
}

/// One operation on an item.
pub(super) enum Task {
    Put { item: PushedItem, bytes: usize },
    Merge { item: PushedItem, bytes: usize },
    Patch { document_id: String, update: Object<Value> },
    Delete { document_id: String, with_children: bool },
}

impl Task {
    pub(super) fn document_id(&self) -> &str {
        match self {
            Self::Put { item, .. } | Self::Merge { item, .. } => &item.document_id,
            Self::Patch { document_id, .. } | Self::Delete { document_id, .. } => document_id,
        }
    }

    pub(super) fn kind(&self) -> LogOperation {
        match self {
            Self::Put { item, .. } if item.file_id().is_some() => LogOperation::AddByReference,
            Self::Put { .. } => LogOperation::Add,
            Self::Merge { .. } | Self::Patch { .. } => LogOperation::Update,
            Self::Delete { with_children: true, .. } => LogOperation::DeleteAndChildren,
            Self::Delete { .. } => LogOperation::Delete,
        }
    }
}

impl Accepted {
    pub(super) fn operated(&self, id: &str, operation: LogOperation, time: SystemTime, phase: Phase) -> Operated {
        let entrance = match (&self.file_id, self.operation.is_of_streams()) {
            (_, true) => Entrance::Stream,
            (Some(_), false) => Entrance::Batch,
            (None, false) => Entrance::Call,
        };
        let (source, id) = (Arc::clone(self.target.id()), id.to_owned());
        Operated { source, id, operation, entrance, ordering_id: self.ordering_id, time, phase }
    }
}
