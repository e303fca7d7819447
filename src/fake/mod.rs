//! An in-memory Push API to test against (feature `test-util`).

mod answer;
mod builder;
mod clock;
mod containers;
mod door;
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

    /// The builder of a client of this service: organization, key, base URL and transport are set.
    #[must_use]
    pub fn client_builder(&self) -> PushClientBuilder {
        let (organization, key) = {
            let state = self.shared.lock();
            (state.organization.clone(), state.keys.first().cloned().unwrap_or_default())
        };
        PushClient::builder(organization, ApiKey::new(key)).base_url(self.base_url()).transport(self.clone())
    }

    /// The base URL by which requests come through the first door, where no socket is opened.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}{}", door::ORIGIN, router::BASE_PATH)
    }

    /// What a source holds.
    #[must_use]
    pub fn source(&self, id: impl Into<String>) -> FakeSource {
        FakeSource { shared: self.shared.clone(), id: id.into() }
    }

    /// What a security identity provider holds.
    #[must_use]
    pub fn provider(&self, id: impl Into<String>) -> FakeProvider {
        FakeProvider { shared: self.shared.clone(), id: id.into() }
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

    /// Carries out now the delete-older-than runs that wait for their delay to pass.
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

    /// No longer takes a key, as when a token has expired.
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
