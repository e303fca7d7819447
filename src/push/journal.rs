//! The seam for a journal: it decides whether an operation is needed, and is told before a batch is committed and
//! after it was accepted. The pipeline does not know the purpose of the journal.

#![cfg_attr(not(feature = "ledger"), expect(dead_code, reason = "only a ledger is one"))]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::content::{Content, ReadBytes};
use crate::error::{BoxError, Error};
use crate::kernel::BoxFuture;

/// Follows the operations of a run.
pub(crate) trait Journal: Send + Sync {
    /// Whether an operation would change anything. Asked once, before the operation goes into a batch.
    fn look(&self, subject: &Subject<'_>) -> Result<Look, BoxError>;

    /// The same for an item whose content is not in its JSON.
    fn look_with_content<'a>(
        self: Arc<Self>,
        id: &'a str,
        json: &'a [u8],
        content: &'a Content,
    ) -> BoxFuture<'a, Result<ContentLook, BoxError>>;

    /// An operation goes into a batch, behind all that went into one before. The run is locked meanwhile.
    fn queued(&self, subject: &Subject<'_>, note: &Note);

    /// An operation is refused. Its id is empty where it could not be read.
    fn refused(&self, id: &str);

    /// Called before each commit, after the marks of its batch.
    fn begin(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// Called on a blocking thread before a batch is committed. After an error it is not committed.
    fn before_commit(&self, entries: &mut dyn Iterator<Item = JournalEntry<'_>>) -> Result<(), BoxError>;

    /// Called on a blocking thread after a batch was accepted, and before a later batch with a common id is marked.
    /// After an error the run stops.
    fn after_acceptance(&self, entries: &mut dyn Iterator<Item = JournalEntry<'_>>) -> Result<(), BoxError>;
}

/// An operation that might not be needed.
pub(crate) struct Subject<'a> {
    /// A document id, or the type and name of a security identity.
    pub(crate) id: &'a str,
    pub(crate) change: Change,
    /// Its JSON, with or without the id.
    pub(crate) json: &'a [u8],
}

/// The effect of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It replaces an item, or the members of an identity.
    Whole,
    /// It replaces the aliases of an identity.
    Aliases,
    /// It changes a part of an item.
    Part,
    Delete,
    /// It deletes an item and all items whose id begins with its id.
    DeleteTree,
    /// It deletes an identity with its members and aliases.
    DeleteIdentity,
}

impl Change {
    pub(crate) fn deletes(self) -> bool {
        match self {
            Self::Delete | Self::DeleteTree | Self::DeleteIdentity => true,
            Self::Whole | Self::Aliases | Self::Part => false,
        }
    }
}

/// Whether an operation would change anything.
pub(crate) enum Look {
    /// It is left out.
    Unchanged,
    /// It is pushed, and the journal gets this back.
    Changed(Note),
}

/// The same for an item with content.
pub(crate) enum ContentLook {
    Unchanged,
    /// This is given all bytes of the content as they are read, and knows the result then.
    Read(Arc<dyn ContentJournal>),
}

/// An observer of the bytes of a content, for a journal.
pub(crate) trait ContentJournal: ReadBytes {
    /// Whether the item is unchanged. Asked once all bytes were read.
    fn is_unchanged(&self) -> Result<bool, BoxError>;

    /// The token for the journal. Asked when the content is in place.
    fn note(&self) -> Note;
}

/// The token that a journal gets back for an operation when its batch is committed.
#[derive(Debug)]
pub(crate) struct Note {
    /// Set by each look, and again when the operation goes into a batch. Later ones are greater.
    pub(crate) order: AtomicU64,
    /// The state of the service after the operation. `None`: unknown.
    pub(crate) fingerprint: Option<[u8; 32]>,
    /// The same by the times of a file.
    pub(crate) file_times: Option<[u8; 32]>,
    /// Whether the journal had the id before.
    pub(crate) is_known: bool,
}

/// An operation of a batch.
pub(crate) struct JournalEntry<'a> {
    pub(crate) id: &'a str,
    pub(crate) change: Change,
    /// `None` for an operation whose content was uploaded by a later try.
    pub(crate) note: Option<&'a Note>,
}
