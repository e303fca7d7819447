//! The models of the Push API: pure data, read and written with serde.
//!
//! They carry the reference's names. Keys and enumerated values are read in any case, because the
//! clients in the field write several, and are written in the one case that the contract gives.

mod any_case;
mod batch_document;
mod batch_identity;
mod compression;
mod document;
mod file_container;
mod identity;
mod metadata;
pub(crate) mod object;
mod ordering_id;
mod permanent_id;
mod permission;
mod source_status;

pub(crate) use any_case::words_any_case;
pub use batch_document::{BatchDocument, BatchDocumentBody, DeletedDocument};
pub use batch_identity::BatchIdentityBody;
pub use compression::CompressionType;
pub(crate) use document::key as document_keys;
pub use document::{DocumentBody, DocumentData};
pub use file_container::FileContainer;
pub use identity::{Identity, IdentityBody, MappedIdentity, MappedIdentityBody, SecurityIdentityType};
pub use metadata::{Metadata, MetadataIntoIter, MetadataIter, MetadataValue};
pub use ordering_id::OrderingId;
pub use permanent_id::PermanentId;
pub use permission::{PermissionIdentity, PermissionLevel, PermissionSet, Permissions};
pub use source_status::SourceStatus;

/// A word that is none of those that a type is read from, such as `brotli` for a
/// [`CompressionType`].
///
/// It is the error of every type that is read from one word. `?` makes an
/// [`Error::Config`](crate::Error::Config) of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no {what}; it is one of {}", known.join(", "))]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: &'static [&'static str],
}

impl UnknownWord {
    pub(crate) fn new(what: &'static str, word: &str, known: &'static [&'static str]) -> Self {
        Self { what, word: word.to_owned(), known }
    }
}
