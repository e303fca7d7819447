//! A typed, asynchronous client of the [Coveo Push API](https://docs.coveo.com/en/68/), with a fake
//! Push API to test connectors against.
//!
//! A connector keeps a Coveo source in sync with content from another system. It pushes items, the
//! security identities that may see them, and the status of the source. The service queues what it is
//! sent: it responds before it has validated the data, limits the rate of calls, and drops some invalid
//! data silently. With this crate, every non-success response becomes a typed error, calls are retried
//! when a retry can help, and data that the service is known to drop is rejected before it is sent.
//!
//! # A first item
//!
//! ```
//! use coveo_push::{ApiKey, DocumentBody, Permissions, PushClient, Region};
//!
//! # #[cfg(any(feature = "rustls", feature = "native-tls"))] {
//! // No I/O yet. `PushClient::from_env()` takes all of this from the environment.
//! let client = PushClient::builder("my-org", ApiKey::new("key")).region(Region::Europe).build()?;
//! # }
//! # #[cfg(feature = "test-util")] {
//! # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
//! # let client = fake.client();
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//!
//! let items = client.items("my-source");
//! let doc = DocumentBody::text("Words that people will search for.")
//!     .title("My document")
//!     .metadata("pages", 12)
//!     .permissions(Permissions::public());
//! items.add_or_update("https://example.com/a", &doc).await?;
//! # assert!(fake.source("my-source").item("https://example.com/a").is_some());
//! # Ok::<(), coveo_push::Error>(()) })?; }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`PushClient`] is for one organization. Each of its handles is for one resource: [`Sources`],
//! [`Items`], [`Identities`], [`FileContainers`]. All of them are cheap to clone, and share the
//! connections, the throttle and the retry budget.
//!
//! Every operation is a request builder, which `.await` sends. Required values are arguments; options are
//! chained setters. A request owns its body and borrows nothing:
//!
//! ```
//! # async fn example(items: coveo_push::Items, doc: coveo_push::DocumentBody) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use coveo_push::RetryPolicy;
//!
//! let request = items
//!     .add_or_update("https://example.com/a", &doc)
//!     .timeout(Duration::from_secs(5))
//!     .retry(RetryPolicy::none());
//! tokio::spawn(request.into_future()).await??;
//! # Ok(()) }
//! ```
//!
//! A success returns [`Accepted`]: the service has queued the operation, which is not indexed yet. Errors that are
//! known beforehand, such as an id that is not a URI, are returned as [`Error::Invalid`] before anything is sent:
//! [`preflight`] has the rules.
//!
//! # Where to go
//!
//! The [`guide`] has a page for each task, with a program to copy. The most used types:
//!
//! | | |
//! |---|---|
//! | any number of items, with a report | [`Items::pusher`], [`ItemPusher`], [`PushReport`](report::PushReport) |
//! | everything again, and the rest deleted | [`Items::refresh`], [`RefreshReport`](report::RefreshReport) |
//! | several items as one batch | [`Items::push_batch`], [`BatchDocumentBody`] |
//! | files, streams and large data | [`Content`], [`file_uri`] |
//! | the outcome of accepted items | [`report::PushReport::outcomes`], [`Outcome`], [`Logs`] |
//! | users, groups and aliases | [`Identities`], [`IdentityBody`], [`MappedIdentityBody`] |
//! | who may see an item, and who will | [`Permissions`], [`IdentityGraph`], [`access`] |
//! | errors and retries | [`Error`], [`RetryPolicy`] |
//! | an HTTP client of your own | [`PushClientBuilder::http_client`], [`Transport`](transport::Transport) |
//! | a service in memory for tests | `fake::FakePushApi`, with the feature `test-util` |
//!
//! # Features
//!
//! | Feature | Default | |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls, with the platform's certificates |
//! | `rustls-no-provider` | | the same with the rustls crypto provider that your program installs, such as ring, in place of the C code of aws-lc-rs, which is half of a cold build |
//! | `native-tls` | | TLS by the platform's own library |
//! | `tracing` | | spans and events for each call, without keys, bodies or queries |
//! | `ledger` | | `Ledger`: pushes only what changed, see [`guide::incremental`] |
//! | `lzma` | | compresses [`Content`] as [`Lzma`](CompressionType::Lzma) |
//! | `test-util` | | `fake`, a Push API in memory |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod access;
mod api;
mod client;
mod content;
mod credentials;
mod error;
#[cfg(feature = "test-util")]
pub mod fake;
mod finding;
pub mod guide;
mod kernel;
mod model;
mod operation;
mod outcome;
pub mod preflight;
mod privilege;
mod push;
mod refresh;
mod region;
#[cfg(feature = "ledger")]
mod sync;

pub use access::graph::{GraphIdentities, IdentityGraph};
pub use access::path::MembershipPath;
pub use access::relation::MembershipRelation;
pub use access::verdict::{Access, AccessReason};
pub use access::viewer::Viewer;
pub use api::{Accepted, Catalog, DocumentIdMatching, FileContainers, Identities, Items, Logs, Platform, Sources};
pub use bytes;
pub use client::{PushClient, PushClientBuilder};
pub use content::{Content, file_uri};
pub use credentials::{ApiKey, Credentials, CredentialsProvider};
pub use error::{
    ApiError, BoxError, CallRecord, ConfigError, CredentialsError, DecodeError, Error, ErrorCode, InvalidError,
    TransportError, UploadError,
};
pub use finding::{Finding, Preflight, Rule};
pub use http;
pub use kernel::reqwest_transport::reqwest;
pub use kernel::retry::RetryPolicy;
pub use model::{
    BatchDocument, BatchDocumentBody, BatchIdentityBody, BatchMergeBody, BatchUpdateBody, CompressionType, DateTime,
    DeletedDocument, DocumentBody, DocumentData, FileContainer, Identity, IdentityBody, LogCounts, LogEntry,
    LogOperation, LogResult, LogTask, MappedIdentity, MappedIdentityBody, Metadata, MetadataIntoIter, MetadataIter,
    MetadataIterMut, MetadataValue, OpenedStream, OrderingId, ParseEnumError, PartialUpdate, PartialUpdateOperator,
    PermanentId, PermissionIdentity, PermissionLevel, PermissionSet, Permissions, SecurityIdentityType, SourceStatus,
};
pub use operation::{Host, Operation};
pub use outcome::{AsksOutcomes, Outcome, Outcomes};
pub use preflight::run::KnownIdentities;
pub use push::{
    CatalogItem, CatalogItems, CatalogMerger, CatalogMerges, CatalogOperation, CatalogUpdater, CatalogUpdates,
    IdentityOperation, IdentityPusher, IdentityQueue, ItemOperation, ItemPusher, ItemQueue, PushError, PushQueue,
    PushTarget, Pushed, Pusher, PusherBuilder, WholeItems,
};
pub use refresh::{
    CatalogRefresh, CatalogRefreshBuilder, JoinBuilder, Load, LoadBuilder, LoadError, LocalClock, Refresh,
    RefreshBuilder, RefreshError, RefreshKind, RefreshTarget, RefreshTicket, RefreshWorker, StartError,
};
pub use region::{PushApiUrl, Region};
#[cfg(all(feature = "ledger", feature = "test-util"))]
pub use sync::LedgerStep;
#[cfg(feature = "ledger")]
pub use sync::{Ledger, LedgerError, LedgerStats, LedgerTarget, SyncBuilder, SyncError, SyncInto, SyncRun};

/// The requests: one builder for each operation, which `.await` sends.
///
/// The handles make them: [`Items`], [`Identities`], [`Sources`], [`FileContainers`], [`Catalog`], [`Logs`] and the pushers. Name
/// these types only to store a request, or to pass it on.
pub mod request {
    pub use crate::api::{
        AddOrUpdateAlias, AddOrUpdateIdentity, AddOrUpdateItem, CloseStream, CountLogs, CreateFields,
        CreateFileContainer, CreateSecurityProvider, CreateSource, CreateStreamChunk, DeleteIdentity, DeleteItem,
        DeleteOldCatalogItems, DeleteOldIdentities, DeleteOldItems, DeleteSecurityProvider, DeleteSource,
        EvaluatePrivilege, GetIdentityState, GetLimits, GetOrganizationStatus, GetSecurityProvider, GetSource,
        ListFields, ListIdentitiesInError, ListMissingFields, ListSources, LogEntries, MergeCatalog, OpenStream,
        PushBatch, PushCatalogBatch, PushIdentityContainer, PushItemContainer, ResumeOrganization, SearchLogs,
        SetSourceStatus, StoreBytes, UpdateCatalog, UpdateSource, UploadToContainer,
    };
    pub use crate::content::AddOrUpdateItemWithContent;
    pub use crate::outcome::{FindIdentityOutcomes, FindOutcome, FindOutcomes, OutcomesOf};
    pub use crate::push::{PushFuture, PushIdentity, PushItem, PushItemDeletion};
}

/// The models of the platform API: what [`Platform`] creates and reads.
pub mod platform {
    pub use crate::model::platform::{
        FieldModel, FieldOutcome, FieldResult, FieldType, IdentityCacheState, IdentityState, IdentityUpdateResult,
        LicenceLimit, LicenceLimits, NewSecurityProvider, NewSource, OrganizationStatus, SecurityProviderModel,
        SourceModel, SourceState, SourceVisibility,
    };
    pub use crate::privilege::Privilege;
}

/// The reports of bulk runs, refreshes, loads and syncs, their failed batches, the parts of their [outcomes](Outcomes), and
/// the counts of a client.
pub mod report {
    pub use crate::kernel::stats::{ClientStats, HostStats};
    pub use crate::outcome::{Counts, IdentityOutcomes, ItemOutcome, OutcomeProgress};
    pub use crate::push::{
        AfterFailure, BatchReceipt, FailedBatch, FailedBatchSummary, FailureReason, Flushed, Progress, PushReport,
        PushStep, Refused, RunStopped, RunTarget, SavedBatch,
    };
    pub use crate::refresh::{
        Boundary, BoundarySource, DeletionOutcome, DeletionSkipped, IdleOutcome, LoadOutcome, LoadReport,
        RefreshReport, WorkerReport,
    };
    #[cfg(feature = "ledger")]
    pub use crate::sync::{MissingKept, MissingOutcome, MostlyChanged, SyncReport};
}

/// The HTTP layer, to replace it or to watch it.
///
/// [`PushClientBuilder::transport`] takes any [`Transport`](transport::Transport). The default is
/// [`ReqwestTransport`](transport::ReqwestTransport).
pub mod transport {
    pub use crate::error::{SendError, SendErrorKind};
    pub use crate::kernel::BoxFuture;
    pub use crate::kernel::body::{Body, ByteStream, HttpBody};
    pub use crate::kernel::reqwest_transport::ReqwestTransport;
    pub use crate::kernel::transport::{AttemptLimits, Transport};
}

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
