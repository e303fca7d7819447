//! What was accepted and then dropped.

use std::fmt;

use crate::model::{Identity, OrderingId};
use crate::operation::Operation;

/// Why the service dropped what it had accepted with 202.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The document id is no URI of the form `scheme://…`.
    DocumentIdNotAUri,
    /// The ordering id is lower than the one of the last operation on that item or identity.
    StaleOrderingId,
    /// A delete-older-than had an ordering id in the future, and until that time has come whatever
    /// has a lower one is ignored.
    BeforeFutureDelete,
    /// The item has more than 5,000 permissions.
    TooManyPermissions,
    /// The source is secured, and the item says nothing of who may see it.
    MissingPermissions,
    /// The source is secured, and a permission names an identity that no provider knows, or none.
    UnknownIdentity,
    /// The item's data is in a file container that does not exist, was not filled, or has expired.
    UnknownContainer,
    /// The compression type in an item of a batch is none that the service knows.
    UnknownCompressionType,
    /// An item of a batch has 5,000,000 bytes of data or more in itself.
    DataTooLarge,
    /// The item's binary data is no base64, or is not compressed as its compression type says.
    UnreadableData,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DocumentIdNotAUri => "the document id is no URI",
            Self::StaleOrderingId => "a later operation came first",
            Self::BeforeFutureDelete => "a delete-older-than is in the future",
            Self::TooManyPermissions => "too many permissions",
            Self::MissingPermissions => "no permissions in a secured source",
            Self::UnknownIdentity => "a permission names an unknown identity",
            Self::UnknownContainer => "the file container cannot be used",
            Self::UnknownCompressionType => "the compression type is unknown",
            Self::DataTooLarge => "the data is too large to stand in the item",
            Self::UnreadableData => "the data is not what its compression type says",
        })
    }
}

/// An operation on an item that was accepted with 202 and then dropped, which the service tells
/// nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    pub(super) document_id: String,
    pub(super) reason: DropReason,
    pub(super) operation: Operation,
    pub(super) ordering_id: OrderingId,
}

impl Dropped {
    /// The item.
    #[must_use]
    pub fn document_id(&self) -> &str {
        &self.document_id
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> DropReason {
        self.reason
    }

    /// The operation that it came with.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The ordering id that it came with.
    #[must_use]
    pub fn ordering_id(&self) -> OrderingId {
        self.ordering_id
    }
}

/// An operation on a security identity that was accepted with 202 and then dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedIdentity {
    pub(super) identity: Identity,
    pub(super) reason: DropReason,
    pub(super) operation: Operation,
    pub(super) ordering_id: OrderingId,
}

impl DroppedIdentity {
    /// The identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> DropReason {
        self.reason
    }

    /// The operation that it came with.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The ordering id that it came with.
    #[must_use]
    pub fn ordering_id(&self) -> OrderingId {
        self.ordering_id
    }
}
