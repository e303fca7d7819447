//! The Push API in memory, to test a connector against (feature `test-util`).
//!
//! It is not a mock that says yes to whatever it was told to expect. It keeps the service's
//! contract: it refuses what the service refuses, with the same status and code; it drops what the
//! service accepts and then drops, and says which and why; and it holds what was pushed, so that a
//! test asks for the outcome and not for the calls.
//!
//! ```
//! use std::time::Duration;
//!
//! use coveo_push::fake::{DropReason, FakePushApi};
//! use coveo_push::{DocumentBody, Permissions, PushClient, RefreshError, RefreshKind};
//!
//! /// The connector under test: pushes what there is, and deletes what there is no longer.
//! async fn crawl(client: &PushClient, pages: &[(&str, &str)]) -> Result<(), RefreshError> {
//!     let run = client.items("my-source").refresh(RefreshKind::Refresh).start().await?;
//!     for (url, text) in pages {
//!         let page = DocumentBody::text(*text).permissions(Permissions::public());
//!         run.pusher().add_or_update(url, &page).await?;
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
//! tokio::time::sleep(Duration::from_secs(86_400)).await; // a day, which takes no time
//! crawl(&client, &[("https://example.com/a", "three")]).await?;
//! fake.run_delayed(); // the service deletes what is old 15 minutes later
//!
//! let source = fake.source("my-source");
//! assert_eq!(source.document_ids(), ["https://example.com/a"]);
//! assert_eq!(source.item("https://example.com/a").and_then(|item| item.content()).unwrap(), "three");
//!
//! // Accepted is not indexed: a secured source drops an item that does not say who may see it.
//! client.items("my-source").add_or_update("https://example.com/c", &DocumentBody::text("four")).await?;
//! assert_eq!(source.dropped()[0].reason(), DropReason::MissingPermissions);
//! # Ok(()) }
//! ```
//!
//! # Time between two runs
//!
//! **Let some time pass between the runs of a test**, a few seconds at least. A refresh keeps what was
//! pushed up to [five seconds](crate::RefreshBuilder::margin) before it began, so of two that follow each
//! other at once the second deletes nothing of the first, and a test that nothing is deleted passes
//! whatever the connector does. With paused time a `tokio::time::sleep` of a day takes no time; without,
//! [`set_clock_offset`](FakePushApi::set_clock_offset) moves the clock of the service ahead. What is old is
//! gone 15 minutes after the run, or at [`run_delayed`](FakePushApi::run_delayed).
//!
//! # Faults
//!
//! | To hit | inject a fault on |
//! |---|---|
//! | the begin or the end of a refresh of items | [`SetSourceStatus`](crate::Operation::SetSourceStatus) |
//! | the begin of a refresh of identities | [`CreateFileContainer`](crate::Operation::CreateFileContainer) |
//! | a batch, in its three steps | `CreateFileContainer`, [`UploadToContainer`](crate::Operation::UploadToContainer), and [`PushItemContainer`](crate::Operation::PushItemContainer) or [`PushIdentityContainer`](crate::Operation::PushIdentityContainer) |
//! | content that is too large for its item | `CreateFileContainer`, `UploadToContainer` |
//! | the deletion of what is old | [`DeleteOldItems`](crate::Operation::DeleteOldItems), [`DeleteOldIdentities`](crate::Operation::DeleteOldIdentities) |
//!
//! A call is tried five times, so a fault that is to make it fail needs [`times(5)`](Fault::times) or
//! [`always`](Fault::always), unless its status is final, such as 412.
//!
//! A [`Fault`] happens to the calls that it is for: a status with or without `Retry-After`, a
//! connection that breaks before or after the work was done, latency, an expired container.
//! [`FaultRates`] draws them by chance from a seed, for property tests. A
//! [clock](FakePushApiBuilder::clock_offset) may be off, and time may be paused.
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
//! # Two doors
//!
//! [`FakePushApi::client`] and [`client_builder`](FakePushApi::client_builder) go through the first
//! door, a [`Transport`](crate::Transport) without any socket: fast, and at home with paused time
//! (`#[tokio::test(start_paused = true)]`). [`FakePushApi::serve`] opens the second, HTTP on a port
//! of this machine, for any client in any language. Behind both is the same service.
//!
//! # What is documented, and what is not
//!
//! The rules are those that the service's documentation states. Where it is silent, the fake had to
//! choose; a test that rests on one of these tests the fake, and the service may do otherwise:
//!
//! * a provider that does not exist is answered with 404 and no code;
//! * a container that does not exist, was never filled, or has expired is answered with 412
//!   `INVALID_PARAMETER` when it is pushed, and the item is dropped that refers to it;
//! * a container may be pushed a second time, which then counts as a later operation
//!   ([`refuse_second_commit`](FakePushApiBuilder::refuse_second_commit) turns that off);
//! * a batch is read as a whole before anything of it is done: one item without `documentId`, with
//!   a key that comes twice, or with permissions that are none refuses all of it with 400
//!   `INVALID_JSON`. What is wrong with the values of an item drops that item alone;
//! * an item is dropped whose binary data is no base64, or is not compressed as its compression type
//!   says. `DEFLATE` is taken for a stream without a header, `LZMA` for what `.lzma` files hold; without
//!   the feature `lzma` that is taken as it is;
//! * what a batch deletes is deleted after what it adds;
//! * a `documentId` in the body of a single item that is not that of the query is answered with 400,
//!   a method that a path does not take with 405, and a `PUT` or `POST` that has neither a body nor
//!   a `Content-Length` with 411;
//! * children are the items whose ids begin with the id of their parent, as the reference has it;
//!   its how-to article asks for a `/` between them;
//! * what is gone is remembered by the ordering id of its delete, and what comes late with a lower
//!   one is ignored; equal ids are applied in the order of their arrival;
//! * an identity counts as known to a provider that was pushed, or is a member of one or granted to
//!   one, and was not disabled, at the time when the item is pushed. Only secured sources look at
//!   that, and only when the fake has a provider. A permission without `securityProvider` may be
//!   known to any of them, and every organization has the `Email Security Provider`, which knows
//!   everybody;
//! * after a delete-older-than in the future, deletes with a lower ordering id are ignored as pushes
//!   are, and both are taken again when that time has come;
//! * disabling an identity that was never pushed disables it all the same: it may be a member of
//!   groups. It is then held, with nothing but its name and type;
//! * who [sees](FakeItem::visible_to) an item is what [`access`](crate::access) says, with the readings
//!   that it lists. Permissions count in a source that is not secured, too, and an item there that
//!   has none is seen by everybody;
//! * the work is done at once. The service queues it, and does it in its own time.

mod answer;
mod builder;
mod clock;
mod containers;
mod decompress;
mod dropped;
mod exchange;
mod fault;
mod item;
mod json;
mod judge;
mod provider;
mod query;
mod random;
mod record;
mod router;
mod server;
mod service;
mod source;
mod state;
mod transport;
mod views;

use std::time::SystemTime;

pub use builder::FakePushApiBuilder;
pub use clock::ClockOffset;
pub use containers::ContainerCounts;
pub use dropped::{DropReason, Dropped, DroppedIdentity};
pub use fault::Fault;
pub use item::FakeItem;
pub use provider::FakeIdentity;
pub use random::FaultRates;
pub use record::RecordedRequest;
pub use server::FakeServer;
pub use views::{FakeProvider, FakeSource};

use crate::access::IdentityGraph;
use crate::client::{PushClient, PushClientBuilder};
use crate::credentials::ApiKey;
use exchange::Shared;

/// The Push API in memory.
///
/// It is a cheap handle: clones are the same service. It is also a [`Transport`](crate::Transport),
/// to be given to a client's builder or to be wrapped.
#[derive(Debug, Clone)]
pub struct FakePushApi {
    shared: Shared,
}

impl FakePushApi {
    /// Builds one: with sources and providers, as there is none by default.
    pub fn builder() -> FakePushApiBuilder {
        FakePushApiBuilder::new()
    }

    /// A client of this service with all settings at their defaults.
    ///
    /// # Panics
    ///
    /// When no client can be built: the organization is empty, or the first key is empty or cannot
    /// stand in a header. To test such a client use [`client_builder`](Self::client_builder).
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that gives ids of its own making wants no error to handle")]
    pub fn client(&self) -> PushClient {
        self.client_builder().build().expect("the fake's organization and first key make a client")
    }

    /// The builder of a client of this service: organization, key, base URL and transport are set. Settings of
    /// reqwest beside that transport, such as [`http_client`](PushClientBuilder::http_client), are refused by
    /// [`build`](PushClientBuilder::build).
    #[must_use]
    pub fn client_builder(&self) -> PushClientBuilder {
        let (organization, key) = {
            let state = self.shared.lock();
            (state.organization.clone(), state.client_key.clone())
        };
        PushClient::builder(organization, ApiKey::new(key)).base_url(self.base_url()).transport(self.clone())
    }

    /// The base URL by which requests come through the first door, where no socket is opened.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", transport::ORIGIN, router::BASE_PATH)
    }

    /// What a source holds.
    ///
    /// # Panics
    ///
    /// When the fake was built without this source: a test that mistypes its id would find nothing in it,
    /// and might take that for a success.
    #[must_use]
    #[track_caller]
    pub fn source(&self, id: impl Into<String>) -> FakeSource {
        FakeSource::new(self.shared.clone(), id.into())
    }

    /// What a security identity provider holds.
    ///
    /// # Panics
    ///
    /// When the fake was built without this provider.
    #[must_use]
    #[track_caller]
    pub fn provider(&self, id: impl Into<String>) -> FakeProvider {
        FakeProvider::new(self.shared.clone(), id.into())
    }

    /// Who is who and in which group, by all that was pushed to the providers: to ask who
    /// [sees](FakeItem::visible_to) an item. It is a copy, and stays as it is when more is pushed.
    ///
    /// Identities that are named without a provider are those of the first one that the fake was built
    /// with, or of the `Email Security Provider` when it was built with none.
    #[must_use]
    pub fn identity_graph(&self) -> IdentityGraph {
        self.shared.look(|state| {
            let mut graph = IdentityGraph::new(&state.default_provider);
            for (id, provider) in &state.providers {
                provider.add_to(&mut graph.identities(id));
            }
            graph
        })
    }

    /// How many file containers there were.
    #[must_use]
    pub fn containers(&self) -> ContainerCounts {
        self.shared.look(|state| state.containers.counts())
    }

    /// Every request that came, in order, whatever became of it.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.look(|state| state.record.all())
    }

    /// Forgets the requests that came so far.
    pub fn clear_requests(&self) {
        self.shared.look(|state| state.record.clear());
    }

    /// Does now what is waiting for its time: the delete-older-than runs whose delay has not passed,
    /// and the requests that a fault [holds back](Fault::applied_later).
    pub fn run_delayed(&self) {
        self.shared.look(|state| state.run_delayed(|_| true));
    }

    /// The time by the service's clock: the local time when the fake was built, moved on by tokio's
    /// clock, which a test can pause, and off by the offset.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.shared.look(|state| state.clock.now())
    }

    /// Sets how far the service's clock is off the local one from now on.
    pub fn set_clock_offset(&self, offset: ClockOffset) {
        self.shared.look(|state| state.clock.offset = offset);
    }

    /// Takes one more key from now on.
    pub fn allow_key(&self, key: impl Into<String>) {
        let key = key.into().trim().to_owned();
        self.shared.look(|state| state.keys.push(key));
    }

    /// No longer takes a key, as when a token has expired. Clients that have it go on using it.
    pub fn revoke_key(&self, key: &str) {
        self.shared.look(|state| state.keys.retain(|known| known != key.trim()));
    }

    /// Lets something go wrong.
    pub fn inject(&self, fault: Fault) {
        self.shared.look(|state| state.faults.inject(fault));
    }

    /// Lets things go wrong by chance, in place of an earlier call of this. Faults that are
    /// injected one by one come first.
    pub fn inject_random(&self, rates: FaultRates) {
        self.shared.look(|state| state.faults.inject_random(rates.into()));
    }

    /// How many of the faults that were injected one by one are still to happen, each counted once.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.shared.look(|state| state.faults.left())
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.shared.look(|state| state.faults.clear());
    }
}
