//! Builds a fake.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::FakePushApi;
use super::clock::{Clock, ClockOffset};
use super::containers::Containers;
use super::exchange::Shared;
use super::fault::Faults;
use super::provider::{EMAIL_PROVIDER, Provider};
use super::record::Record;
use super::source::Source;
use super::state::State;

/// Builds a [`FakePushApi`].
#[derive(Clone)]
#[must_use = "a fake is made by `build`"]
pub struct FakePushApiBuilder {
    organization: String,
    keys: Vec<String>,
    /// Each with whether it is secured.
    sources: Vec<(String, bool)>,
    providers: Vec<String>,
    refuses_second_commit: bool,
    clock_offset: ClockOffset,
    container_lifetime: Duration,
    keeps_bodies: bool,
}

impl FakePushApiBuilder {
    pub(super) fn new() -> Self {
        Self {
            organization: "my-org".to_owned(),
            keys: Vec::new(),
            sources: Vec::new(),
            providers: Vec::new(),
            refuses_second_commit: false,
            clock_offset: ClockOffset::default(),
            container_lifetime: Duration::from_secs(60 * 60),
            keeps_bodies: true,
        }
    }

    /// The organization. Default: `my-org`.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = id.into();
        self
    }

    /// A key that the service takes; called again, one more. Default: `fake-key` alone.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into().trim().to_owned());
        self
    }

    /// A source whose items need no permissions.
    pub fn source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), false));
        self
    }

    /// A secured source: items that do not say who may see them are dropped. Once the fake has a
    /// [`provider`](Self::provider), those are dropped too whose permissions name an identity that
    /// no provider knows.
    pub fn secured_source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), true));
        self
    }

    /// A security identity provider. Its id may hold spaces. The first one is that of the identities
    /// that the [graph](FakePushApi::identity_graph) finds named without one.
    pub fn provider(mut self, id: impl Into<String>) -> Self {
        self.providers.push(id.into());
        self
    }

    /// Whether a file container is used up when it is pushed as a batch: pushing it again is refused
    /// with 412, and what it held is let go. Default: no; it is not known that the service would
    /// refuse it.
    pub fn refuse_second_commit(mut self, refuse: bool) -> Self {
        self.refuses_second_commit = refuse;
        self
    }

    /// How far the service's clock is off the local one. Default: not at all.
    pub fn clock_offset(mut self, offset: ClockOffset) -> Self {
        self.clock_offset = offset;
        self
    }

    /// How long a file container can be filled and pushed, by tokio's clock. Default: 60 minutes.
    pub fn container_lifetime(mut self, lifetime: Duration) -> Self {
        self.container_lifetime = lifetime;
        self
    }

    /// Whether [`requests`](FakePushApi::requests) have their bodies. Default: yes. Without them a
    /// long run takes less memory.
    pub fn keep_request_bodies(mut self, keep: bool) -> Self {
        self.keeps_bodies = keep;
        self
    }

    /// Makes the fake.
    #[must_use]
    pub fn build(self) -> FakePushApi {
        let mut keys = self.keys;
        if keys.is_empty() {
            keys.push("fake-key".to_owned());
        }
        let sources = self.sources.into_iter().map(|(id, is_secured)| (id, Source::new(is_secured)));
        let default_provider = self.providers.first().map_or(EMAIL_PROVIDER, String::as_str).to_owned();
        let providers = self.providers.into_iter().map(|id| (id, Provider::default()));
        let state = State {
            organization: self.organization,
            client_key: keys.first().cloned().unwrap_or_default(),
            keys,
            refuses_second_commit: self.refuses_second_commit,
            clock: Clock::start(self.clock_offset),
            sources: sources.collect(),
            providers: providers.collect::<BTreeMap<_, _>>(),
            default_provider,
            containers: Containers::new(self.container_lifetime),
            delayed: Vec::new(),
            faults: Faults::default(),
            record: Record::new(self.keeps_bodies),
        };
        FakePushApi { shared: Shared(Arc::new(Mutex::new(state))) }
    }
}

impl fmt::Debug for FakePushApiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePushApiBuilder")
            .field("organization", &self.organization)
            .field("sources", &self.sources)
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}
