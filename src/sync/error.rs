//! Why a ledger cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::BoxError;

/// Why a [`Ledger`](crate::Ledger) cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another program has the file open, or this one opened it twice.
    #[error("the ledger {} is open already; end the other program, or clone the `Ledger` instead of opening it twice", .0.display())]
    InUse(PathBuf),
    /// A sync into the same source with the same ledger is under way in this program.
    #[error("a sync into `{0}` is under way with this ledger; finish or abort it first")]
    UnderWay(String),
    /// The outcomes are those of another source or catalog.
    #[error(
        "the outcomes are those of `{outcomes}`, not of `{target}`; give the items or the catalog that they are of"
    )]
    OtherTarget {
        /// The source or catalog of the outcomes.
        outcomes: String,
        /// The id of the target that was given.
        target: String,
    },
    /// The file is damaged, or not a ledger. Nothing was lost at the service.
    #[error(
        "{} is damaged or not a ledger ({reason}); delete it and sync again, which pushes everything, or restore a copy \
         and call `forget` before the next sync", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault that the store found.
        reason: String,
    },
    /// A newer version of this crate wrote the file.
    #[error("the ledger {} has format {format}, which needs a newer version of this crate", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        format: u64,
    },
    /// The file system failed: a full disk, missing rights.
    #[error("the ledger {} cannot be used: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The message of the store.
        source: BoxError,
    },
}

impl LedgerError {
    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn io(path: &Path, source: impl Into<BoxError>) -> Self {
        Self::Io { path: path.to_owned(), source: source.into() }
    }
}

/// An error of the store, in a box because it is large.
pub(super) struct StoreError(Box<redb::Error>);

impl<E> From<E> for StoreError
where
    redb::Error: From<E>,
{
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

impl StoreError {
    pub(super) fn of_ledger(self, path: &Path) -> LedgerError {
        use redb::Error;

        let is_damage =
            |error: &io::Error| matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
        match *self.0 {
            Error::DatabaseAlreadyOpen => LedgerError::InUse(path.to_owned()),
            Error::Corrupted(reason) => LedgerError::damaged(path, reason),
            Error::UpgradeRequired(format) => {
                LedgerError::damaged(path, format!("the store has the old format {format}"))
            }
            Error::Io(error) if is_damage(&error) => LedgerError::damaged(path, error.to_string()),
            error @ (Error::TableTypeMismatch { .. } | Error::TypeDefinitionChanged { .. }) => {
                LedgerError::damaged(path, error.to_string())
            }
            error => LedgerError::io(path, error),
        }
    }
}
