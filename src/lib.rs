//! A typed async client of the [Coveo Push API](https://docs.coveo.com/en/68/).

mod api;
mod client;
mod credentials;
mod error;
#[cfg(feature = "test-util")]
pub mod fake;
mod http;
mod model;
mod operation;
pub mod preflight;
mod push;
mod region;

pub use api::{
    Accepted, AddOrUpdateAlias, AddOrUpdateIdentity, AddOrUpdateItem, BatchAccepted, CreateFileContainer,
    DeleteIdentity, DeleteItem, DeleteOldIdentities, DeleteOldItems, FileContainers, Identities, Items, PushBatch,
    PushIdentityFile, PushItemFile, SetSourceStatus, Sources, StoreBytes, UploadToContainer,
};
pub use bytes;
pub use client::{PushClient, PushClientBuilder};
pub use credentials::{ApiKey, CredentialsProvider};
pub use error::{
    ApiError, BoxError, ConfigError, CredentialsError, DecodeError, Error, ErrorCode, InvalidError, TransportError,
    TransportErrorKind, TransportFailure, UploadError,
};
pub use http::BoxFuture;
pub use http::body::{Body, ByteStream, HttpBody};
pub use http::reqwest_transport::{ReqwestTransport, reqwest};
pub use http::retry::RetryPolicy;
pub use http::transport::{Limits, Transport};
pub use model::{
    BatchDocument, BatchDocumentBody, BatchIdentityBody, CompressionType, DeletedDocument, DocumentBody, DocumentData,
    FileContainer, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, Metadata, MetadataValue, OrderingId,
    PermanentId, PermissionIdentity, PermissionLevel, PermissionSet, Permissions, SecurityIdentityType, SourceStatus,
    UnknownWord,
};
pub use operation::Operation;
pub use preflight::Preflight;
pub use push::{
    AcceptedBatch, FailedBatch, FailureReason, IdentityOperation, IdentityPusher, ItemOperation, ItemPusher, Progress,
    PushError, PushReport, PushStep, Pushed, PusherBuilder, RefusedItem,
};
pub use region::{PushApiUrl, Region};
