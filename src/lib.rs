//! A typed, asynchronous client of the [Coveo Push API](https://docs.coveo.com/en/68/), with a fake
//! Push API to test connectors against.
//!
//! A program that keeps a Coveo source in step with content from elsewhere pushes items, the
//! security identities that may see them, and the status of the source. The service takes all of it
//! into a queue: it answers before it has looked closely, slows clients down, and drops some
//! mistakes without telling anybody. This crate turns every answer that is no success into an error
//! to match on, tries again where that helps, and refuses beforehand what is known to be dropped.
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
//! A [`PushClient`] is for one organization. Its handles are for one resource each: [`Sources`],
//! [`Items`], [`Identities`], [`FileContainers`]. All of them are cheap to clone and share the
//! connections, the throttle and the retry budget.
//!
//! Every operation is a request that is sent by `.await`. What it needs are arguments; what it may
//! have are setters on the same call. A request holds its body from the moment it is made, and
//! borrows nothing:
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
//! The success of a call is an [`Accepted`]: the service has queued it. What becomes of it is seen in
//! the log browser of the administration console, and not by this API. Some of what goes wrong there
//! is known beforehand (an id that is no URI, more than 5,000 permissions) and refused as
//! [`Error::Invalid`] before it is sent; [`preflight`] has the rules, and the switch for who wants
//! warnings instead.
//!
//! # Who may see an item
//!
//! An item's [`Permissions`] name identities; a security identity provider, which was made with the
//! source, knows who they are. Push the identities first, since the service drops an item that names
//! one it does not know:
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
//! An item without permissions has none: nothing becomes public because nothing was said.
//!
//! Who will see it in the end is evaluated here, before anything is sent: [`IdentityGraph`] takes the
//! same identities, and [`Permissions::evaluate`] gives a verdict with its reason. [`access`] has the
//! rules.
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
//! The service counts calls, so several items go better as a batch: [`Items::push_batch`] and
//! [`Identities::push_batch`] upload one into a file container and push that. Data of 5 MB and more
//! goes into a container as well ([`FileContainers::store`]), and the item refers to it.
//!
//! ```
//! # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
//! use coveo_push::{BatchDocumentBody, DeletedDocument, DocumentBody};
//!
//! let batch = BatchDocumentBody::new()
//!     .add_or_update("https://example.com/a", DocumentBody::text("One."))
//!     .add_or_update("https://example.com/b", DocumentBody::text("Two."))
//!     .delete(DeletedDocument::new("https://example.com/old").delete_children(true));
//! client.items("my-source").push_batch(&batch).await?;
//! # Ok(()) }
//! ```
//!
//! # Any number of items
//!
//! A pusher ([`Items::pusher`], [`Identities::pusher`]) takes operations one by one, or from a stream,
//! and does the rest: batches of exact size, several uploads at the same time, the order of what is
//! about the same id, and a report that accounts for every one.
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
//!     pusher.add_or_update(&format!("https://example.com/{number}"), &doc).await?;
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
//! [`Content`] is text, bytes, a file or a reader. Given to a call it is compressed, and goes into the
//! item or through a file container as its size asks for ([`AddOrUpdateItem::content`],
//! [`PushItem::content`]). [`file_uri`] makes a file's path an item's id.
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
//! Who pushes everything again wants to be rid of what was not in it. Every push has an ordering id,
//! the service's clock in milliseconds unless it is given, and a delete-older-than deletes what has a
//! lower one: with a wrong one, what was just pushed. [`Items::refresh`] and [`Identities::refresh`]
//! take it from the service's clock, and send it only when everything was accepted:
//!
//! ```
//! # #[cfg(feature = "test-util")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::RefreshError> {
//! # let fake = coveo_push::fake::FakePushApi::builder().source("my-source").build();
//! # let client = fake.client();
//! use coveo_push::{DocumentBody, RefreshKind};
//!
//! let run = client.items("my-source").refresh(RefreshKind::Rebuild).start().await?;
//! run.pusher().add_or_update("https://example.com/a", &DocumentBody::text("Words.")).await?;
//! // … all the others …
//! run.finish().await.into_result()?;
//! # fake.run_delayed();
//! # assert!(fake.source("my-source").item("https://example.com/a").is_some());
//! # Ok(()) }
//! # #[cfg(not(feature = "test-util"))]
//! # fn main() {}
//! ```
//!
//! # When it goes wrong
//!
//! [`Error`] has a variant for each answer of the service, and for what is no answer. It tells what to
//! do next:
//!
//! ```
//! # async fn example(items: coveo_push::Items, doc: coveo_push::DocumentBody) -> Result<(), coveo_push::Error> {
//! use coveo_push::{Error, ErrorCode};
//!
//! match items.add_or_update("https://example.com/a", &doc).await {
//!     Ok(accepted) => println!("accepted, after {} attempt(s)", accepted.attempts()),
//!     Err(Error::Invalid(error)) => println!("mend the item: {:?}", error.findings()),
//!     Err(error) if error.is_retryable() => println!("later, in {:?}", error.retry_after()),
//!     Err(error) if error.code() == Some(&ErrorCode::SourceDoesNotExist) => println!("no such source"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(()) }
//! ```
//!
//! It was tried again before that, where trying again can help: [`RetryPolicy`] says how often and for
//! how long. Every operation of this API is safe to repeat; [`Operation`] says of each why. When the
//! service tells one call to wait, all clones of the client wait. No call waits for ever: an attempt
//! has 30 s, an upload more by its size, and [`PushClientBuilder`] has the settings.
//!
//! # Testing a connector
//!
//! With the feature `test-util`, which belongs into the dev-dependencies, `fake::FakePushApi` is the
//! Push API in memory. It answers as the service does, also with what it drops in silence:
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
//! // Hand `fake.client()` to the code under test. This one forgets the permissions.
//! let items = fake.client().items("my-source");
//! items.add_or_update("https://example.com/a", &DocumentBody::text("Words.")).await?;
//!
//! assert!(fake.source("my-source").item("https://example.com/a").is_none());
//! assert_eq!(fake.source("my-source").dropped().len(), 1);
//!
//! // What goes wrong is injected. A call that fails twice succeeds at the third attempt.
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
//! Proxies, certificates and pools are set on a `reqwest` builder
//! ([`PushClientBuilder::http_client`]). [`Transport`] is for a client that is there already, or for
//! watching what goes out ([`ReqwestTransport`] is public to be wrapped).
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
//! The [examples](https://docs.rs/crate/coveo-push/latest/source/examples/) are one program for each
//! resource, and a quickstart that makes every request once. They run without credentials.

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
    Accepted, AddOrUpdateAlias, AddOrUpdateIdentity, AddOrUpdateItem, CreateFileContainer, DeleteIdentity, DeleteItem,
    DeleteOldIdentities, DeleteOldItems, FileContainers, Identities, Items, PushBatch, PushIdentityContainer,
    PushItemContainer, SetSourceStatus, Sources, StoreBytes, UploadToContainer,
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
    BatchDocument, BatchDocumentBody, BatchIdentityBody, CompressionType, DeletedDocument, DocumentBody, DocumentData,
    FileContainer, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, Metadata, MetadataIntoIter,
    MetadataIter, MetadataIterMut, MetadataValue, OrderingId, ParseEnumError, PermanentId, PermissionIdentity,
    PermissionLevel, PermissionSet, Permissions, SecurityIdentityType, SourceStatus,
};
pub use operation::Operation;
pub use preflight::run::KnownIdentities;
pub use push::{
    BatchReceipt, FailedBatch, FailureReason, IdentityOperation, IdentityPusher, ItemOperation, ItemPusher, Progress,
    PushError, PushFuture, PushIdentity, PushItem, PushItemDeletion, PushReport, PushStep, Pushed, PusherBuilder,
    Refused, RunStopped, SavedBatch,
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
