//! Operations that were accepted and then dropped.

use std::fmt;

use crate::model::{Identity, OrderingId};
use crate::operation::Operation;

/// Why the service dropped an operation that it had accepted with 202.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The document id is not a URI of the form `scheme://…`.
    DocumentIdNotAUri,
    /// The ordering id is lower than that of the last operation on the same item or identity.
    StaleOrderingId,
    /// A delete-older-than had an ordering id in the future. Until that time, operations with a lower
    /// ordering id are ignored.
    BeforeFutureDelete,
    /// The item has more than 5,000 permissions.
    TooManyPermissions,
    /// The source is secured, and the item has no permissions.
    MissingPermissions,
    /// The source is secured, and a permission names an identity that no provider knows, or an empty name.
    UnknownIdentity,
    /// The item of a catalog has more than 3 MB. That the service drops it is an inference.
    ItemTooLarge,
    /// A partial update of an item that does not exist.
    UnknownItem,
    /// A partial update has an unknown operator or a value that does not fit it or the field.
    InvalidPartialUpdate,
    /// A merge into a source that no catalog configuration uses.
    MergeWithoutCatalog,
    /// The item's data is in a file container that does not exist, was not filled, or has expired.
    UnknownContainer,
    /// The compression type in an item of a batch is unknown.
    UnknownCompressionType,
    /// The data in an item of a batch has 5,000,000 bytes or more.
    DataTooLarge,
    /// The item's binary data is not base64, or is not compressed as its compression type says.
    UnreadableData,
    /// An extension of the indexing pipeline rejected the item:
    /// [`reject_in_pipeline`](super::FakePushApi::reject_in_pipeline).
    RejectedInPipeline,
}

impl DropReason {
    /// The reason in words.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::DocumentIdNotAUri => "the document id is not a URI",
            Self::StaleOrderingId => "an operation with a higher ordering id came first",
            Self::BeforeFutureDelete => "a delete-older-than is in the future",
            Self::TooManyPermissions => "too many permissions",
            Self::MissingPermissions => "no permissions in a secured source",
            Self::UnknownIdentity => "a permission names an unknown identity",
            Self::ItemTooLarge => "the item is too large for a catalog",
            Self::UnknownItem => "the item of the partial update does not exist",
            Self::InvalidPartialUpdate => "the partial update is invalid",
            Self::MergeWithoutCatalog => "no catalog configuration uses the source",
            Self::UnknownContainer => "the file container cannot be used",
            Self::UnknownCompressionType => "the compression type is unknown",
            Self::DataTooLarge => "the data in the item is too large",
            Self::UnreadableData => "the data is not compressed as its compression type says",
            Self::RejectedInPipeline => "an extension of the indexing pipeline rejected the item",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// An operation that the service accepted with 202 and then dropped, without telling the caller: on an item,
/// or on a security identity ([`DroppedIdentity`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped<S = String> {
    pub(super) subject: S,
    pub(super) reason: DropReason,
    pub(super) operation: Operation,
    pub(super) ordering_id: OrderingId,
}

/// An operation on a security identity that the service accepted with 202 and then dropped.
pub type DroppedIdentity = Dropped<Identity>;

impl Dropped {
    /// The document id of the item.
    #[must_use]
    pub fn document_id(&self) -> &str {
        &self.subject
    }
}

impl Dropped<Identity> {
    /// The identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.subject
    }
}

impl<S> Dropped<S> {
    /// Why it was dropped.
    #[must_use]
    pub fn reason(&self) -> DropReason {
        self.reason
    }

    /// The operation of the request.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The ordering id of the operation.
    #[must_use]
    pub fn ordering_id(&self) -> OrderingId {
        self.ordering_id
    }
}
