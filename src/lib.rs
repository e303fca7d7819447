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
//! # Accepted is not indexed
//!
//! A successful call returns [`Accepted`]: the service has queued the operation. The log browser of the
//! administration console shows the outcome; this API does not. Some failures are known beforehand, such
//! as an id that is not a URI, or more than 5,000 permissions. They are rejected as [`Error::Invalid`]
//! before anything is sent. [`preflight`] has the rules, and [`Preflight`] turns them into warnings.
//!
//! # Who may see an item
//!
//! An item's [`Permissions`] name identities. The source's security identity provider resolves them. Push the
//! identities first: the service drops an item that names an unknown one.
//!
//! ```
//! # #[cfg(feature = "test-util")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::Error> {
//! # let fake = coveo_push::fake::FakePushApi::builder()
//! #     .secured_source("my-source").provider("My Provider").build();
//! # let client = fake.client();
//! use coveo_push::{DocumentBody, Identity, IdentityBody, PermissionIdentity, PermissionSet};
//!
//! let identities = client.identities("My Provider");
//! let group = IdentityBody::group("Staff").member(Identity::user("asmith@example.com"));
//! identities.add_or_update(&group).await?;
//!
//! let staff_only = PermissionSet::new().allow(PermissionIdentity::group("Staff"));
//! let doc = DocumentBody::text("Words.").permissions(staff_only);
//! client.items("my-source").add_or_update("https://example.com/a", &doc).await?;
//! # assert!(fake.source("my-source").item("https://example.com/a").is_some());
//! # Ok(()) }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! Items do not become public by default: an item without permissions is sent without them.
//!
//! You can evaluate locally who will see an item, before anything is sent. [`IdentityGraph`] takes the same
//! identities, and [`Permissions::evaluate`] returns a verdict with its reason. [`access`] has the rules.
//!
//! ```
//! use coveo_push::{Identity, IdentityBody, IdentityGraph, PermissionIdentity, PermissionSet, Permissions};
//!
//! let mut graph = IdentityGraph::new("My Provider");
//! let group = IdentityBody::group("Staff").member(Identity::user("asmith@example.com"));
//! graph.identities("My Provider").add_or_update(&group);
//!
//! let staff_only = Permissions::from(PermissionSet::new().allow(PermissionIdentity::group("Staff")));
//! let alice = graph.viewer(Identity::user("asmith@example.com"));
//! let access = staff_only.evaluate(&alice);
//! assert_eq!(access.to_string(), "allowed in level 1: by set 1 (asmith@example.com -> Staff)");
//! ```
//!
//! # Several items, and large ones
//!
//! The service limits the number of calls, so push several items as a batch: [`Items::push_batch`] and
//! [`Identities::push_batch`] upload it into a file container and push the container. Data of 5 MB and more
//! also needs a container ([`FileContainers::store`]), to which the item refers.
//!
//! ```
//! # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
//! use coveo_push::{BatchDocumentBody, DeletedDocument, DocumentBody};
//!
//! let batch = BatchDocumentBody::new()
//!     .add_or_update("https://example.com/a", DocumentBody::text("One."))
//!     .add_or_update("https://example.com/b", DocumentBody::text("Two."))
//!     .delete(DeletedDocument::new("https://example.com/old/").delete_children(true));
//! client.items("my-source").push_batch(&batch).await?;
//! # Ok(()) }
//! ```
//!
//! # Any number of items
//!
//! A pusher ([`Items::pusher`], [`Identities::pusher`]) takes operations one by one, or from a stream. It
//! fills batches of exact size, uploads several at the same time, keeps the order of operations on the same
//! id, and reports what became of every operation.
//!
//! ```
//! # #[cfg(feature = "test-util")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::PushError> {
//! # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
//! # let client = fake.client();
//! use coveo_push::DocumentBody;
//!
//! let pusher = client.items("my-source").pusher().concurrency(4).start();
//! for number in 0..1_000 {
//!     let doc = DocumentBody::text("Words.").metadata("number", number);
//!     pusher.add_or_update(format!("https://example.com/{number}"), &doc).await?;
//! }
//! let report = pusher.finish().await.into_result()?;
//! assert_eq!(report.totals.accepted, 1_000);
//! # assert_eq!(fake.source("my-source").len(), 1_000);
//! # Ok(()) }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! # Files and streams
//!
//! [`Content`] is text, bytes, a file or a reader. A call ([`AddOrUpdateItem::content`],
//! [`PushItem::content`]) compresses it and, depending on its size, sends it in the item or through a file
//! container. [`file_uri`] converts the path of a file into an item's id.
//!
//! ```
//! # #[cfg(feature = "test-util")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::Error> {
//! # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
//! # let items = fake.client().items("my-source");
//! # let path = std::path::absolute("Cargo.toml").unwrap();
//! use coveo_push::{Content, DocumentBody, file_uri};
//!
//! let doc = DocumentBody::new().title("Manual");
//! items.add_or_update(file_uri(&path)?, &doc).content(Content::file(&path)).await?;
//! # let item = fake.source("my-source").item(&file_uri(&path)?).unwrap();
//! # assert_eq!(item.content().unwrap(), std::fs::read(&path).unwrap());
//! # assert_eq!(item.file_extension(), Some(".toml"));
//! # Ok(()) }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! # A refresh
//!
//! After a full re-push you usually want to delete everything that was not pushed again. Every push has an
//! ordering id: by default the service's clock, in milliseconds. A delete-older-than deletes everything with
//! a lower one, so a wrong id deletes what was just pushed. [`Items::refresh`] and [`Identities::refresh`]
//! take the id from the service's clock, and delete only when everything was accepted:
//!
//! ```
//! # #[cfg(feature = "test-util")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::RefreshError> {
//! # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
//! # let client = fake.client();
//! use coveo_push::{DocumentBody, Permissions, RefreshKind};
//!
//! let run = client.items("my-source").refresh(RefreshKind::Rebuild).start().await?;
//! let doc = DocumentBody::text("Words.").permissions(Permissions::public());
//! run.pusher().add_or_update("https://example.com/a", &doc).await?;
//! // … push all other items …
//! run.finish().await.into_result()?;
//! # fake.pass_time(std::time::Duration::from_secs(15 * 60));
//! # assert!(fake.source("my-source").item("https://example.com/a").is_some());
//! # Ok(()) }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! # Errors
//!
//! [`Error`] has a variant for every kind of response, and for calls without one:
//!
//! ```
//! # async fn example(items: coveo_push::Items, doc: coveo_push::DocumentBody) -> Result<(), coveo_push::Error> {
//! use coveo_push::{Error, ErrorCode};
//!
//! match items.add_or_update("https://example.com/a", &doc).await {
//!     Ok(accepted) => println!("accepted, after {} attempt(s)", accepted.attempts()),
//!     Err(Error::Invalid(error)) => println!("correct the item: {:?}", error.findings()),
//!     Err(error) if error.is_retryable() => println!("try again later, after {:?}", error.retry_after()),
//!     Err(error) if error.code() == Some(&ErrorCode::SourceDoesNotExist) => println!("no such source"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(()) }
//! ```
//!
//! Before a call fails, it is retried if a retry can help; [`RetryPolicy`] sets how often and for how long.
//! Every operation of this API is safe to repeat, for the reason that [`Operation`] gives. When the service
//! asks one call to wait, all clones of the client wait. Every attempt has a timeout of 30 s, and more for a
//! large upload; [`PushClientBuilder`] has the settings.
//!
//! # Testing a connector
//!
//! With the feature `test-util`, for your dev-dependencies, `fake::FakePushApi` is the Push API in memory. It
//! behaves like the service, and also drops silently what the service drops:
//!
//! ```
//! # #[cfg(feature = "test-util")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::Error> {
//! use coveo_push::DocumentBody;
//! use coveo_push::fake::FakePushApi;
//!
//! let fake = FakePushApi::builder().secured_source("my-source").build();
//!
//! // Pass `fake.client()` to the code under test. This code forgets the permissions.
//! let items = fake.client().items("my-source");
//! items.add_or_update("https://example.com/a", &DocumentBody::text("Words.")).await?;
//!
//! assert!(fake.source("my-source").item("https://example.com/a").is_none());
//! assert_eq!(fake.source("my-source").dropped().len(), 1);
//!
//! // Inject faults. This call fails twice and succeeds at the third attempt.
//! # let items = fake.client_builder().retry(coveo_push::RetryPolicy::default().base_delay(std::time::Duration::ZERO)).build()?.items("my-source");
//! use coveo_push::{Operation, fake::Fault};
//!
//! fake.inject(Fault::on(Operation::DeleteItem).status(503).times(2));
//! assert_eq!(items.delete("https://example.com/a").await?.attempts(), 3);
//! # Ok(()) }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! # An HTTP client of your own
//!
//! Set proxies, certificates and pools on a `reqwest` builder ([`PushClientBuilder::http_client`]). Implement
//! [`Transport`] to use an existing HTTP client, or wrap [`ReqwestTransport`] to watch requests.
//!
//! # Features
//!
//! | Feature | Default | |
//! |---|---|---|
//! | `rustls` | yes | TLS by rustls, with the platform's certificates |
//! | `native-tls` | | TLS by the platform's own library |
//! | `tracing` | | spans and events for each call, without keys, bodies or queries |
//! | `lzma` | | compresses [`Content`] as [`Lzma`](CompressionType::Lzma) |
//! | `test-util` | | `fake`, a Push API in memory |
//!
//! # More
//!
//! The [examples](https://docs.rs/crate/coveo-push/latest/source/examples/) have one program for each
//! resource, and a quickstart that sends every request once. They run without credentials.

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
mod kernel;
mod model;
mod operation;
pub mod preflight;
mod push;
mod refresh;
mod region;

pub use access::graph::{GraphIdentities, IdentityGraph};
pub use access::path::MembershipPath;
pub use access::relation::MembershipRelation;
pub use access::verdict::{Access, AccessReason};
pub use access::viewer::Viewer;
pub use api::{
    Accepted, AddOrUpdateAlias, AddOrUpdateIdentity, AddOrUpdateItem, Catalog, CloseStream, CreateFileContainer,
    CreateStreamChunk, DeleteIdentity, DeleteItem, DeleteOldCatalogItems, DeleteOldIdentities, DeleteOldItems,
    FileContainers, Identities, Items, MergeCatalog, OpenStream, PushBatch, PushCatalogBatch, PushIdentityContainer,
    PushItemContainer, SetSourceStatus, Sources, StoreBytes, UpdateCatalog, UploadToContainer,
};
pub use bytes;
pub use client::{PushClient, PushClientBuilder};
pub use content::{AddOrUpdateItemWithContent, Content, file_uri};
pub use credentials::{ApiKey, Credentials, CredentialsProvider};
pub use error::{
    ApiError, BoxError, CallRecord, ConfigError, CredentialsError, DecodeError, Error, ErrorCode, InvalidError,
    SendError, SendErrorKind, TransportError, UploadError,
};
pub use finding::{Finding, Preflight, Rule};
pub use http;
pub use kernel::BoxFuture;
pub use kernel::body::{Body, ByteStream, HttpBody};
pub use kernel::reqwest_transport::{ReqwestTransport, reqwest};
pub use kernel::retry::RetryPolicy;
pub use kernel::transport::{AttemptLimits, Transport};
pub use model::{
    BatchDocument, BatchDocumentBody, BatchIdentityBody, BatchMergeBody, BatchUpdateBody, CompressionType, DateTime,
    DeletedDocument, DocumentBody, DocumentData, FileContainer, Identity, IdentityBody, MappedIdentity,
    MappedIdentityBody, Metadata, MetadataIntoIter, MetadataIter, MetadataIterMut, MetadataValue, OpenedStream,
    OrderingId, ParseEnumError, PartialUpdate, PartialUpdateOperator, PermanentId, PermissionIdentity, PermissionLevel,
    PermissionSet, Permissions, SecurityIdentityType, SourceStatus,
};
pub use operation::Operation;
pub use preflight::run::KnownIdentities;
pub use push::{
    AfterFailure, BatchReceipt, FailedBatch, FailureReason, IdentityOperation, IdentityPusher, ItemOperation,
    ItemPusher, Progress, PushError, PushFuture, PushIdentity, PushItem, PushItemDeletion, PushReport, PushStep,
    Pushed, Pusher, PusherBuilder, Refused, RunStopped, SavedBatch,
};
pub use refresh::{
    Boundary, BoundarySource, DeletionOutcome, DeletionSkipped, IdleOutcome, LocalClock, Refresh, RefreshBuilder,
    RefreshError, RefreshKind, RefreshReport, StartError,
};
pub use region::{PushApiUrl, Region};

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
