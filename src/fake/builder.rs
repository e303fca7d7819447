//! Builds a fake.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::clock::{Clock, ClockOffset};
use super::containers::Containers;
use super::exchange::SharedState;
use super::faults::Faults;
use super::handle::FakePushApi;
use super::organization::OrganizationState;
use super::pipeline::Pipeline;
use super::provider::{EMAIL_PROVIDER, ProviderState};
use super::record::Record;
use super::source::{SourceKind, SourceState};
use super::state::ServiceState;
use crate::model::OrderingId;

/// Builds a [`FakePushApi`].
#[derive(Clone)]
#[must_use = "`build` makes the fake"]
pub struct FakePushApiBuilder {
    organization: String,
    keys: Vec<String>,
    push_keys: BTreeSet<String>,
    limits: BTreeMap<String, u64>,
    sources: Vec<(String, SourceKind, bool)>,
    collections: Vec<String>,
    providers: Vec<String>,
    refuses_second_commit: bool,
    clock_offset: ClockOffset,
    container_lifetime: Duration,
    keeps_bodies: bool,
}

impl FakePushApi {
    /// A builder. Add the sources and providers that you need: by default there are none, and
    /// [`Platform`](crate::Platform) can create them.
    pub fn builder() -> FakePushApiBuilder {
        FakePushApiBuilder {
            organization: "my-org".to_owned(),
            keys: Vec::new(),
            push_keys: BTreeSet::new(),
            limits: BTreeMap::new(),
            sources: Vec::new(),
            collections: Vec::new(),
            providers: Vec::new(),
            refuses_second_commit: false,
            clock_offset: ClockOffset::default(),
            container_lifetime: Duration::from_secs(60 * 60),
            keeps_bodies: true,
        }
    }
}

impl FakePushApiBuilder {
    /// The organization. Default: `my-org`.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = id.into();
        self
    }

    /// Adds a key that the service accepts. Default: only `fake-key`.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into().trim().to_owned());
        self
    }

    /// Adds a key that the service accepts, and that has no privilege of the platform API and the logs, like one that
    /// the administration console creates together with a source.
    pub fn push_key(mut self, key: impl Into<String>) -> Self {
        let key = key.into().trim().to_owned();
        self.push_keys.insert(key.clone());
        self.keys.push(key);
        self
    }

    /// Sets a limit of the licence in the section `content`, such as `numberOfSourcesLimit` or
    /// `numberOfSecurityProvidersLimit`. The organization cannot grow beyond these two by the platform API.
    pub fn content_limit(mut self, key: impl Into<String>, limit: u64) -> Self {
        self.limits.insert(key.into(), limit);
        self
    }

    /// Adds a source whose items need no permissions.
    pub fn source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), SourceKind::Push, false));
        self
    }

    /// Adds a secured source, which drops items without permissions. If the fake has a
    /// [`provider`](Self::provider), it also drops items whose permissions name an unknown identity.
    pub fn secured_source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), SourceKind::Push, true));
        self
    }

    /// Adds a catalog source that a catalog configuration uses. Like each of the next three it is fed by the
    /// Stream API, and its items need no permissions.
    pub fn catalog_source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), SourceKind::Catalog { is_configured: true }, false));
        self
    }

    /// Adds a catalog source that no catalog configuration uses: merges are dropped, and a load that shares no
    /// item with the source is not kept from emptying it.
    pub fn unconfigured_catalog_source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), SourceKind::Catalog { is_configured: false }, false));
        self
    }

    /// Adds a source that is stream-enabled without being a catalog.
    pub fn stream_enabled_source(mut self, id: impl Into<String>) -> Self {
        self.sources.push((id.into(), SourceKind::StreamEnabled, false));
        self
    }

    /// Adds a data collection.
    pub fn data_collection(mut self, id: impl Into<String>) -> Self {
        self.collections.push(id.into());
        self
    }

    /// Adds a security identity provider. Its id may contain spaces. The first provider is the default in
    /// the [graph](FakePushApi::identity_graph), for identities without a provider.
    pub fn provider(mut self, id: impl Into<String>) -> Self {
        self.providers.push(id.into());
        self
    }

    /// Whether a file container is used up when it is pushed as a batch. If so, its content is freed, and a
    /// second push is refused with 412. Default: no, because the documentation does not say so.
    pub fn refuse_second_commit(mut self, refuse: bool) -> Self {
        self.refuses_second_commit = refuse;
        self
    }

    /// The difference between the service's clock and the local one. Default: none.
    pub fn clock_offset(mut self, offset: ClockOffset) -> Self {
        self.clock_offset = offset;
        self
    }

    /// The time until a file container expires, by tokio's clock. Default: 60 minutes.
    pub fn container_lifetime(mut self, lifetime: Duration) -> Self {
        self.container_lifetime = lifetime;
        self
    }

    /// Whether [`requests`](FakePushApi::requests) include bodies. Without them, a long test needs less
    /// memory. Default: yes.
    pub fn keep_request_bodies(mut self, keep: bool) -> Self {
        self.keeps_bodies = keep;
        self
    }

    /// Builds the fake.
    #[must_use]
    pub fn build(self) -> FakePushApi {
        let mut keys = self.keys;
        if keys.is_empty() {
            keys.push("fake-key".to_owned());
        }
        let sources = self.sources.into_iter().map(|(id, kind, is_secured)| (id, SourceState::new(kind, is_secured)));
        let collections = self.collections.into_iter();
        let collections = collections.map(|id| (id, SourceState::new(SourceKind::Collection, false)));
        let default_provider = self.providers.first().map_or(EMAIL_PROVIDER, String::as_str).to_owned();
        let providers = self.providers.into_iter().map(|id| (id, ProviderState::default()));
        let state = ServiceState {
            organization: self.organization,
            organization_state: OrganizationState::new(self.push_keys, self.limits),
            client_key: keys.first().cloned().unwrap_or_default(),
            keys,
            refuses_second_commit: self.refuses_second_commit,
            clock: Clock::start(self.clock_offset),
            sources: sources.collect(),
            collections: collections.collect(),
            streams: BTreeMap::new(),
            last_stamp: OrderingId::new(0),
            providers: providers.collect::<BTreeMap<_, _>>(),
            default_provider,
            containers: Containers::new(self.container_lifetime),
            delayed: Vec::new(),
            pipeline: Pipeline::default(),
            faults: Faults::default(),
            record: Record::new(self.keeps_bodies),
        };
        FakePushApi { shared: SharedState(Arc::new(Mutex::new(state))) }
    }
}

impl fmt::Debug for FakePushApiBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePushApiBuilder")
            .field("organization", &self.organization)
            .field("sources", &self.sources)
            .field("collections", &self.collections)
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}
