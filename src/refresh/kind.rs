use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::SourceStatus;

/// What a run over the items of a source is: the status that the source has meanwhile, and whether
/// what was not pushed is deleted.
///
/// `Rebuild` and `Refresh` do the same here, and differ in what the administration console shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshKind {
    /// All items are pushed again, and what was not in the run is deleted.
    Rebuild,
    /// All items are compared and pushed; what was not pushed is deleted. The administration console
    /// says "Rescan".
    ///
    /// An item that was compared and not pushed counts as not in the run: push it all the same.
    Refresh,
    /// What changed is pushed, deletions among it. Nothing else is deleted, and the settings of that
    /// mean nothing.
    Incremental,
}

impl RefreshKind {
    pub(super) fn deletes(self) -> bool {
        match self {
            Self::Rebuild | Self::Refresh => true,
            Self::Incremental => false,
        }
    }
}

impl From<RefreshKind> for SourceStatus {
    fn from(kind: RefreshKind) -> Self {
        match kind {
            RefreshKind::Rebuild => Self::Rebuild,
            RefreshKind::Refresh => Self::Refresh,
            RefreshKind::Incremental => Self::Incremental,
        }
    }
}

impl fmt::Display for RefreshKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SourceStatus::from(*self).fmt(f)
    }
}

impl Serialize for RefreshKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SourceStatus::from(*self).serialize(serializer)
    }
}
