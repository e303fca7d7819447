//! One file per resource of the Push API. Each operation is a request builder: created by a method of its
//! handle, configured by setters, sent by `.await`.

mod accepted;
pub(crate) mod call;
mod catalog;
pub(crate) mod file_containers;
mod identities;
pub(crate) mod items;
pub(crate) mod push_batch;
mod sources;

pub use accepted::Accepted;
pub use catalog::{
    Catalog, CloseStream, CreateStreamChunk, DeleteOldCatalogItems, MergeCatalog, OpenStream, UpdateCatalog,
};
pub use file_containers::{CreateFileContainer, FileContainers, StoreBytes, UploadToContainer};
pub use identities::{
    AddOrUpdateAlias, AddOrUpdateIdentity, DeleteIdentity, DeleteOldIdentities, Identities, PushIdentityContainer,
};
pub use items::{AddOrUpdateItem, DeleteItem, DeleteOldItems, Items, PushItemContainer};
pub use push_batch::{PushBatch, PushCatalogBatch};
pub use sources::{SetSourceStatus, Sources};
