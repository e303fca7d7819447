//! The Push API in memory, to test a connector against (feature `test-util`).
//!
//! It is not a mock with expected calls. It enforces the contract of the service: it refuses the same
//! requests with the same status and code, and it drops the same accepted items and tells why. It holds
//! the pushed items, so that a test checks the result instead of the calls.
//!
//! ```
//! use std::time::Duration;
//!
//! use coveo_push::fake::{DropReason, FakePushApi};
//! use coveo_push::{DocumentBody, Permissions, PushClient, RefreshError, RefreshKind};
//!
//! /// The connector under test: pushes all pages, and deletes the pages that are gone.
//! async fn crawl(client: &PushClient, pages: &[(&str, &str)]) -> Result<(), RefreshError> {
//!     let run = client.items("my-source").refresh(RefreshKind::Refresh).start().await?;
//!     for (url, text) in pages {
//!         let page = DocumentBody::text(*text).permissions(Permissions::public());
//!         run.pusher().add_or_update(*url, &page).await?;
//!     }
//!     run.finish().await.into_result()?;
//!     Ok(())
//! }
//!
//! // In a test this is `#[tokio::test(start_paused = true)]`.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::time::pause();
//! let fake = FakePushApi::builder().secured_source("my-source").build();
//! let client = fake.client();
//! crawl(&client, &[("https://example.com/a", "one"), ("https://example.com/b", "two")]).await?;
//! fake.pass_time(Duration::from_secs(3_600)); // no real time passes
//! crawl(&client, &[("https://example.com/a", "three")]).await?;
//! fake.pass_time(Duration::from_secs(15 * 60)); // the service deletes old items later
//!
//! let source = fake.source("my-source");
//! assert_eq!(source.document_ids(), ["https://example.com/a"]);
//! assert_eq!(source.item("https://example.com/a").and_then(|item| item.content()).unwrap(), "three");
//!
//! // Accepted is not indexed: a secured source drops an item without permissions.
//! client.items("my-source").add_or_update("https://example.com/c", &DocumentBody::text("four")).await?;
//! assert_eq!(source.dropped()[0].reason(), DropReason::MissingPermissions);
//! # Ok(()) }
//! ```
//!
//! # Time between two runs
//!
//! **Let a few seconds pass between the runs of a test.** A refresh keeps items that were pushed up to
//! [five seconds](crate::RefreshBuilder::margin) before it started. Of two refreshes in a row, the second
//! deletes nothing of the first. And old items are deleted 15 minutes after the run. A test that lets no time pass
//! before the second run, and after it, passes whatever the code does: call
//! [`pass_time`](FakePushApi::pass_time) at both places. It takes no real time.
//!
//! # Faults
//!
//! | To affect | inject a fault on |
//! |---|---|
//! | the start or the end of a refresh of items | [`SetSourceStatus`](crate::Operation::SetSourceStatus) |
//! | the start of a refresh of identities | [`CreateFileContainer`](crate::Operation::CreateFileContainer) |
//! | a batch, in its three steps | `CreateFileContainer`, [`UploadToContainer`](crate::Operation::UploadToContainer), and [`PushItemContainer`](crate::Operation::PushItemContainer) or [`PushIdentityContainer`](crate::Operation::PushIdentityContainer) |
//! | content that is too large for its item | `CreateFileContainer`, `UploadToContainer` |
//! | a batch of updates or merges of a catalog | `CreateFileContainer`, `UploadToContainer`, and [`UpdateCatalog`](crate::Operation::UpdateCatalog) or [`MergeCatalog`](crate::Operation::MergeCatalog) |
//! | a load | [`OpenStream`](crate::Operation::OpenStream), [`CreateStreamChunk`](crate::Operation::CreateStreamChunk), `UploadToContainer`, [`CloseStream`](crate::Operation::CloseStream) |
//! | the deletion of old items or identities | [`DeleteOldItems`](crate::Operation::DeleteOldItems), [`DeleteOldIdentities`](crate::Operation::DeleteOldIdentities) |
//!
//! A client retries a call, so a fault that should make the call fail needs enough
//! [`times`](Fault::times) or [`always`](Fault::always), unless its status is never retried, such as 412.
//!
//! A [`Fault`] affects matching calls: a status with or without `Retry-After`, a connection that breaks
//! before or after the work is done, latency, an expired container. [`inject_random`](FakePushApi::inject_random)
//! makes random faults from a seed, for property tests. The [clock](FakePushApiBuilder::clock_offset) may be wrong,
//! and time may be paused.
//!
//! ```
//! use std::time::Duration;
//! use coveo_push::fake::{FakePushApi, Fault};
//! use coveo_push::{DocumentBody, Operation};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), coveo_push::Error> {
//! # tokio::time::pause();
//! let fake = FakePushApi::builder().source("my-source").build();
//! fake.inject(Fault::on(Operation::AddOrUpdateItem).status(429).retry_after(Duration::from_secs(5)));
//!
//! let items = fake.client().items("my-source");
//! let accepted = items.add_or_update("https://example.com/a", &DocumentBody::text("words")).await?;
//! assert_eq!(accepted.attempts(), 2);
//!
//! let statuses: Vec<_> = fake.requests().iter().filter_map(|request| request.status()).collect();
//! assert_eq!(statuses, [429, 202]);
//! assert_eq!(fake.source("my-source").len(), 1);
//! # Ok(()) }
//! ```
//!
//! # The transport and the HTTP server
//!
//! [`FakePushApi::client`] and [`client_builder`](FakePushApi::client_builder) use the fake as a
//! [`Transport`](crate::transport::Transport), without a socket. That is fast and works with paused time
//! (`#[tokio::test(start_paused = true)]`). [`FakePushApi::serve`] starts an HTTP server on a local port,
//! for any client in any language. Both share the same state. In a browser, the server's
//! [page](FakeServer::page_url) shows the state.
//!
//! # Documented and inferred behaviour
//!
//! The fake follows the service's documentation. Where the documentation is silent, the fake makes one of
//! the choices below. A test that depends on one of them tests the fake; the service may behave
//! differently.
//!
//! * A provider that does not exist gives 404 without a code. So does a source, in calls of the platform API.
//! * The platform API refuses an invalid request with 400 without a code, among them a second source of one name and a
//!   second provider of one id; one beyond a limit of the licence with 412; and a key without the privilege with 403.
//! * A catalog source that is created by the platform API is used by no catalog configuration.
//! * An organization has a few system fields. Metadata without a field is kept, so that a test sees it.
//! * The security cache has every identity that was pushed, at once, and those that it names as not updated. Others give
//!   404.
//! * Pushing a container that does not exist, was never filled or has expired gives 412
//!   `INVALID_PARAMETER`. An item that refers to such a container is dropped.
//! * A container may be pushed twice. The second push counts as a later operation
//!   ([`refuse_second_commit`](FakePushApiBuilder::refuse_second_commit) turns that off).
//! * A batch is read completely before any of it is applied. One item without `documentId`, with a duplicate
//!   key or with invalid permissions refuses the whole batch with 400 `INVALID_JSON`. An invalid value in an
//!   item drops only that item.
//! * An item is dropped if its binary data is not base64, or is not compressed as its compression type
//!   says. `DEFLATE` is a stream without a header, `LZMA` the `.lzma` format. Without the feature `lzma`,
//!   `LZMA` data is not checked.
//! * The deletions of a batch follow its additions.
//! * A `documentId` in the body of a single item that differs from the query gives 400. A wrong method for a
//!   path gives 405. A `PUT` or `POST` without a body and without `Content-Length` gives 411.
//! * Children are the items whose ids start with the id of their parent, as in the reference. The how-to
//!   article requires a `/` between them.
//! * A deleted item is remembered by the ordering id of its deletion. Later operations with a lower ordering
//!   id are ignored. Operations with equal ordering ids apply in the order of their arrival.
//! * A provider knows the identities that were pushed, their members and their granted identities, unless
//!   they are disabled when the item is pushed. Only secured sources check that, and only if the fake has a
//!   provider. A permission without `securityProvider` matches any provider. Every organization has the
//!   `Email Security Provider`, which knows every address.
//! * Until the time of a delete-older-than in the future, pushes and deletions with a lower ordering id are
//!   ignored.
//! * Disabling an identity that was never pushed disables it, because it may be a member of groups. The
//!   provider then holds only its name and type.
//! * [`access`](crate::access) decides who [sees](FakeItem::visible_to) an item, with the readings listed
//!   there. Permissions also count in a source that is not secured. There, everybody sees an item without
//!   permissions.
//! * The Stream API gives every call an ordering id of its own: the clock's, or one more than the last. Partial
//!   updates, and merges of items that exist, do not change the ordering id of an item.
//! * A partial update of an item that does not exist, or that does not fit the field, is dropped. So is an item of a
//!   stream with more than 3 MB.
//! * Several streams may be open. A chunk or a close of a stream that is not open gives 404. Containers of a stream
//!   that were never filled, or have expired, are not part of its load.
//! * A load removes all other items after 15 minutes; where a catalog configuration uses the source, only if it
//!   has an item that was there before.
//! * A call of the Stream API on a source that is not stream-enabled gives 412 `INVALID_PARAMETER`, and a call of
//!   the Push API on one that is gives 412 `SOURCE_IS_STREAM_ENABLED`.
//! * The work is done at once, unless there is an [`indexing_delay`](FakePushApi::indexing_delay). The service queues it
//!   and does it later.
//! * The [log](FakePushApi::log) has an entry for each stage of each operation. The entries of a batch name its file
//!   container, those of the Stream API have an ordering id. Stale operations are skipped; invalid items are rejected at
//!   the validation, unreadable data are an error of the processing, and partial updates that do not fit are warnings.
//! * A request of the logs for more than a week, or without `from` or `to`, gives 412. A page has up to 10,000 entries.

mod api_call;
mod builder;
mod clock;
mod containers;
mod decompress;
mod dropped;
mod effect;
mod exchange;
mod fault;
mod faults;
mod fields;
mod handle;
mod html;
mod indexing;
mod item;
mod json;
mod judge;
mod logs;
mod organization;
mod page;
mod partial_update;
mod pipeline;
mod platform;
mod provider;
mod query;
mod random;
mod record;
mod response;
mod router;
mod security;
mod server;
mod service;
mod source;
mod state;
mod stream;
mod transport;
mod views;

pub use builder::FakePushApiBuilder;
pub use clock::ClockOffset;
pub use containers::ContainerCounts;
pub use dropped::{DropReason, Dropped, DroppedIdentity};
pub use fault::Fault;
pub use handle::FakePushApi;
pub use item::FakeItem;
pub use provider::FakeIdentity;
pub use random::FaultRates;
pub use record::RecordedRequest;
pub use server::FakeServer;
pub use views::{FakeProvider, FakeSource};
