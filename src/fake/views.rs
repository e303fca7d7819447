//! Views of the fake's sources and providers.

use super::dropped::{Dropped, DroppedIdentity};
use super::exchange::SharedState;
use super::item::FakeItem;
use super::provider::{FakeIdentity, ProviderState};
use super::source::SourceState;
use crate::model::{SecurityIdentityType, SourceStatus};

/// The current content of a source of the fake ([`FakePushApi::source`](super::FakePushApi::source)), or of a data
/// collection ([`FakePushApi::data_collection`](super::FakePushApi::data_collection)).
#[derive(Debug, Clone)]
pub struct FakeSource {
    shared: SharedState,
    id: String,
    is_collection: bool,
}

impl FakeSource {
    #[track_caller]
    pub(super) fn new(shared: SharedState, id: String) -> Self {
        check_known("source", &id, &shared.look(|state| state.sources.keys().cloned().collect::<Vec<_>>()));
        Self { shared, id, is_collection: false }
    }

    #[track_caller]
    pub(super) fn of_collection(shared: SharedState, id: String) -> Self {
        let known = shared.look(|state| state.collections.keys().cloned().collect::<Vec<_>>());
        check_known("data collection", &id, &known);
        Self { shared, id, is_collection: true }
    }

    /// The last status that was set. `None` before the first one.
    #[must_use]
    pub fn status(&self) -> Option<SourceStatus> {
        self.look(|source| source.status)
    }

    /// The item with this document id.
    #[must_use]
    pub fn item(&self, document_id: &str) -> Option<FakeItem> {
        self.look(|source| source.items.get(document_id).cloned())
    }

    /// All items, sorted by their document ids.
    #[must_use]
    pub fn items(&self) -> Vec<FakeItem> {
        self.look(|source| source.items.values().cloned().collect())
    }

    /// The document ids of all items, sorted.
    #[must_use]
    pub fn document_ids(&self) -> Vec<String> {
        self.look(|source| source.items.keys().cloned().collect())
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.look(|source| source.items.len())
    }

    /// Whether the source is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The operations that were accepted with 202 and then dropped, in order, with their reasons.
    #[must_use]
    pub fn dropped(&self) -> Vec<Dropped> {
        self.look(|source| source.dropped.clone())
    }

    /// The source existed, as `new` checked. One that was deleted since then is empty.
    fn look<T: Default>(&self, at: impl FnOnce(&SourceState) -> T) -> T {
        self.shared
            .look(|state| {
                let all = if self.is_collection { &state.collections } else { &state.sources };
                all.get(&self.id).map(at)
            })
            .unwrap_or_default()
    }
}

/// The current content of a security identity provider of the fake:
/// [`FakePushApi::provider`](super::FakePushApi::provider).
#[derive(Debug, Clone)]
pub struct FakeProvider {
    shared: SharedState,
    id: String,
}

impl FakeProvider {
    #[track_caller]
    pub(super) fn new(shared: SharedState, id: String) -> Self {
        check_known("provider", &id, &shared.look(|state| state.providers.keys().cloned().collect::<Vec<_>>()));
        Self { shared, id }
    }

    /// The identity with this name and type, also if it is disabled.
    #[must_use]
    pub fn identity(&self, name: &str, identity_type: SecurityIdentityType) -> Option<FakeIdentity> {
        self.look(|provider| provider.identities.get(&(name.to_owned(), identity_type)).cloned())
    }

    /// All identities, including disabled ones, sorted by name and type.
    #[must_use]
    pub fn identities(&self) -> Vec<FakeIdentity> {
        self.look(|provider| provider.identities.values().cloned().collect())
    }

    /// The operations that were accepted with 202 and then dropped, in order, with their reasons.
    #[must_use]
    pub fn dropped(&self) -> Vec<DroppedIdentity> {
        self.look(|provider| provider.dropped.clone())
    }

    /// The provider existed, as `new` checked. One that was deleted since then is empty.
    fn look<T: Default>(&self, at: impl FnOnce(&ProviderState) -> T) -> T {
        self.shared.look(|state| state.providers.get(&self.id).map(at)).unwrap_or_default()
    }
}

/// Panics for a source or provider that does not exist. A test that mistypes an id would find nothing there
/// and might pass.
#[track_caller]
#[expect(clippy::panic, reason = "a test that mistypes an id must fail at that line")]
fn check_known(what: &str, id: &str, known: &[String]) {
    if known.iter().any(|known| known == id) {
        return;
    }
    match known {
        [] => panic!("the fake has no {what} `{id}`; it was built without any"),
        known => panic!("the fake has no {what} `{id}`; it was built with `{}`", known.join("`, `")),
    }
}
