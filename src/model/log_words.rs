//! The words of the log: the stage of an entry, its operation, and its result.

use super::words::open_words;

/// A stage of the indexing pipeline ([article 1893](https://docs.coveo.com/en/1893/)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogTask {
    /// The Push API received an item, or its deletion.
    Streaming,
    /// The Push API received a batch.
    StreamingBatch,
    /// The Stream API processed an item of a catalog.
    StreamingExtension,
    /// An item was handed on to the processing.
    Consuming,
    /// A batch was handed on to the processing.
    ConsumingBatch,
    /// A crawler found an item. Push sources have no such stage.
    Crawling,
    /// An indexing pipeline extension ran.
    Extension,
    /// The metadata were mapped to fields.
    Mapping,
    /// An item was prepared for the index.
    Preindexing,
    /// The data were converted to text.
    Processing,
    /// An item was checked.
    Validation,
    /// The index took an item, or deleted it.
    Indexing,
    /// A stage that is not documented.
    Other(String),
}

open_words!(LogTask {
    Streaming => "STREAMING",
    StreamingBatch => "STREAMING_BATCH",
    StreamingExtension => "STREAMING_EXTENSION",
    Consuming => "CONSUMING",
    ConsumingBatch => "CONSUMING_BATCH",
    Crawling => "CRAWLING",
    Extension => "EXTENSION",
    Mapping => "MAPPING",
    Preindexing => "PREINDEXING",
    Processing => "PROCESSING",
    Validation => "VALIDATION",
    Indexing => "INDEXING",
});

/// The operation that a log entry is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogOperation {
    /// An item was added, or replaced.
    Add,
    /// An item whose data are in a file container was added, or replaced.
    AddByReference,
    /// A batch.
    BatchFile,
    /// An item was deleted.
    Delete,
    /// An item was deleted with its children.
    DeleteAndChildren,
    /// Old items were deleted.
    DeleteOlderThan,
    /// An item was updated in parts.
    Update,
    /// An operation that is not documented.
    Other(String),
}

open_words!(LogOperation {
    Add => "ADD",
    AddByReference => "ADD_BY_REFERENCE",
    BatchFile => "BATCH_FILE",
    Delete => "DELETE",
    DeleteAndChildren => "DELETE_AND_CHILDREN",
    DeleteOlderThan => "DELETE_OLDER_THAN",
    Update => "UPDATE",
});

impl LogOperation {
    /// Whether it deletes.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        matches!(self, Self::Delete | Self::DeleteAndChildren | Self::DeleteOlderThan)
    }
}

/// How a stage of the indexing pipeline ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogResult {
    /// The stage is done. Only that of [`LogTask::Indexing`] says that an item is in the index.
    Completed,
    /// The stage is done, with a remark.
    Warning,
    /// The stage failed.
    Error,
    /// The item was rejected.
    Rejected,
    /// The operation was not carried out, for example because a later one came first.
    Skipped,
    /// A result that is not documented.
    Other(String),
}

open_words!(LogResult {
    Completed => "COMPLETED",
    Warning => "WARNING",
    Error => "ERROR",
    Rejected => "REJECTED",
    Skipped => "SKIPPED",
});
