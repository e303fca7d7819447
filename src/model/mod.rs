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
mod words;

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
pub use words::ParseEnumError;
pub(crate) use words::{parse_words, words};
