//! The outcome that one log entry tells.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::words::one_line;
use crate::model::{LogEntry, LogOperation, LogResult, LogTask};

/// The outcome of an accepted item.
///
/// Only an entry of the log makes an item [`Indexed`](Self::Indexed): an item without one is
/// [`Unknown`](Self::Unknown).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The item is in the index. It can be found after the next commit of the index, in about a minute.
    Indexed,
    /// The item was deleted from the index.
    Removed,
    /// The item was dropped, or rejected.
    Failed {
        /// Where in the pipeline.
        stage: LogTask,
        /// Why, in the words of the log.
        reason: String,
    },
    /// The operation was not carried out, for example because a later one came first.
    Skipped {
        /// Why, in the words of the log.
        reason: String,
    },
    /// A stage was done with a remark. Whether the item is in the index is not said. In a catalog a warning means that
    /// the operation was not applied, and is told as [`Failed`](Self::Failed).
    Warned {
        /// Where in the pipeline.
        stage: LogTask,
        /// The remark, in the words of the log.
        reason: String,
    },
    /// The item is under way: the log has earlier stages of it.
    Pending,
    /// The log has no entry that tells. The item is still queued, or was lost before the first stage; or its id is
    /// another one in the log; or its entries are older than the service keeps them.
    Unknown,
}

impl Outcome {
    /// The outcome in an entry. `None` when it says nothing of an item, like the stages of a batch that are done.
    pub(super) fn of(entry: &LogEntry, is_catalog: bool) -> Option<Self> {
        let stage = entry.task.clone();
        let is_batch = entry.operation == LogOperation::BatchFile;
        Some(match &entry.result {
            LogResult::Error | LogResult::Rejected => Self::Failed { stage, reason: entry.reason() },
            LogResult::Warning if is_catalog => Self::Failed { stage, reason: entry.reason() },
            LogResult::Warning => Self::Warned { stage, reason: entry.reason() },
            LogResult::Skipped => Self::Skipped { reason: entry.reason() },
            LogResult::Completed if is_batch => return None,
            LogResult::Completed if entry.task == LogTask::Indexing => match &entry.operation {
                LogOperation::Add | LogOperation::AddByReference | LogOperation::Update => Self::Indexed,
                LogOperation::Delete | LogOperation::DeleteAndChildren => Self::Removed,
                _ => return None,
            },
            LogResult::Completed => Self::Pending,
            _ => return None,
        })
    }

    /// Outcomes of a higher weight count before those of a lower one.
    pub(super) fn weight(&self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Pending => 1,
            Self::Indexed => 2,
            Self::Removed => 3,
            Self::Warned { .. } => 4,
            Self::Skipped { .. } => 5,
            Self::Failed { .. } => 6,
        }
    }

    /// Whether the log says that something went wrong.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Skipped { .. } | Self::Warned { .. })
    }

    /// Whether the service dropped the operation: it failed, or was skipped.
    #[must_use]
    pub fn is_dropped(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Skipped { .. })
    }

    /// Whether no later entry is to be expected.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Pending | Self::Unknown)
    }

    /// The outcome in one word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Removed => "removed",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Warned { .. } => "warned",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        }
    }

    /// The words of the log, where there are any.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason, .. } | Self::Skipped { reason } | Self::Warned { reason, .. } => Some(reason),
            _ => None,
        }
    }

    /// Where in the pipeline something went wrong.
    #[must_use]
    pub fn stage(&self) -> Option<&LogTask> {
        match self {
            Self::Failed { stage, .. } | Self::Warned { stage, .. } => Some(stage),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Some(stage) = self.stage() {
            write!(f, " at {}", one_line(stage.as_str()))?;
        }
        match self.reason().filter(|reason| !reason.is_empty()) {
            Some(reason) => write!(f, ": {}", one_line(reason)),
            None => Ok(()),
        }
    }
}
