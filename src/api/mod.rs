//! One file per resource of the service. Each operation is a request builder: created by a method of its
//! handle, configured by setters, sent by `.await`.

mod accepted;
pub(crate) mod call;
mod catalog;
pub(crate) mod file_containers;
mod identities;
mod identity_states;
pub(crate) mod items;
mod log_filter;
pub(crate) mod logs;
mod platform;
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
pub use identity_states::{GetIdentityState, ListIdentitiesInError};
pub use items::{AddOrUpdateItem, DeleteItem, DeleteOldItems, Items, PushItemContainer};
pub use log_filter::DocumentIdMatching;
pub use logs::{CountLogs, LogEntries, Logs, SearchLogs};
pub use platform::{
    CreateFields, CreateSecurityProvider, CreateSource, DeleteSecurityProvider, DeleteSource, EvaluatePrivilege,
    GetLimits, GetOrganizationStatus, GetSecurityProvider, GetSource, ListFields, ListMissingFields, ListSources,
    Platform, ResumeOrganization, UpdateSource,
};
pub use push_batch::{PushBatch, PushCatalogBatch};
pub use sources::{SetSourceStatus, Sources};
