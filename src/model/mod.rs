//! The models of the Push API: pure data, read and written with serde.
//!
//! They have the names of the service's reference. Keys and enum values are read in any case, because
//! existing clients write several, and are written in the case that the contract gives. An unknown key is an
//! error where its value would be lost.

mod any_case;
mod batch_document;
mod batch_identity;
mod batch_stream;
mod compression;
pub(crate) mod date_time;
mod document;
pub(crate) mod document_keys;
mod exact_json;
mod file_container;
mod fingerprint;
mod identity;
mod log_counts;
mod log_entry;
mod log_words;
mod metadata;
mod metadata_value;
mod opened_stream;
mod ordering_id;
mod partial_update;
mod permanent_id;
mod permission;
pub(crate) mod platform;
mod source_status;
pub(crate) mod words;

pub use batch_document::{BatchDocument, BatchDocumentBody, DeletedDocument};
pub use batch_identity::BatchIdentityBody;
pub use batch_stream::{BatchMergeBody, BatchUpdateBody};
pub use compression::CompressionType;
pub use date_time::DateTime;
pub use document::{DocumentBody, DocumentData};
pub use file_container::FileContainer;
pub(crate) use fingerprint::fingerprint;
pub use identity::{Identity, IdentityBody, MappedIdentity, MappedIdentityBody, SecurityIdentityType};
pub use log_counts::LogCounts;
pub use log_entry::LogEntry;
pub use log_words::{LogOperation, LogResult, LogTask};
pub use metadata::{Metadata, MetadataIntoIter, MetadataIter, MetadataIterMut};
pub use metadata_value::MetadataValue;
pub use opened_stream::OpenedStream;
pub use ordering_id::OrderingId;
pub use partial_update::{PartialUpdate, PartialUpdateOperator};
pub use permanent_id::PermanentId;
pub use permission::{PermissionIdentity, PermissionLevel, PermissionSet, Permissions};
pub use source_status::SourceStatus;
pub use words::ParseEnumError;
