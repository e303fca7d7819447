//! Asking the fake what it holds.

use super::dropped::{Dropped, DroppedIdentity};
use super::exchange::Shared;
use super::item::FakeItem;
use super::provider::{FakeIdentity, Provider};
use super::source::Source;
use crate::model::{SecurityIdentityType, SourceStatus};

/// What a source of the fake holds now: [`FakePushApi::source`](super::FakePushApi::source).
#[derive(Debug, Clone)]
pub struct FakeSource {
    shared: Shared,
    id: String,
}

impl FakeSource {
    #[track_caller]
    pub(super) fn new(shared: Shared, id: String) -> Self {
        check_known("source", &id, &shared.look(|state| state.sources.keys().cloned().collect::<Vec<_>>()));
        Self { shared, id }
    }

    /// The status that was set last; `None` before any was.
    #[must_use]
    pub fn status(&self) -> Option<SourceStatus> {
        self.look(|source| source.status)
    }

    /// An item by its document id.
    #[must_use]
    pub fn item(&self, document_id: &str) -> Option<FakeItem> {
        self.look(|source| source.items.get(document_id).cloned())
    }

    /// All items, sorted by their ids.
    #[must_use]
    pub fn items(&self) -> Vec<FakeItem> {
        self.look(|source| source.items.values().cloned().collect())
    }

    /// The ids of all items, sorted.
    #[must_use]
    pub fn document_ids(&self) -> Vec<String> {
        self.look(|source| source.items.keys().cloned().collect())
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.look(|source| source.items.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was accepted with 202 and then dropped, in order, and why.
    #[must_use]
    pub fn dropped(&self) -> Vec<Dropped> {
        self.look(|source| source.dropped.clone())
    }

    /// There is the source: it was there when this was made, and none goes away.
    fn look<T: Default>(&self, at: impl FnOnce(&Source) -> T) -> T {
        self.shared.look(|state| state.sources.get(&self.id).map(at)).unwrap_or_default()
    }
}

/// What a security identity provider of the fake holds now:
/// [`FakePushApi::provider`](super::FakePushApi::provider).
#[derive(Debug, Clone)]
pub struct FakeProvider {
    shared: Shared,
    id: String,
}

impl FakeProvider {
    #[track_caller]
    pub(super) fn new(shared: Shared, id: String) -> Self {
        check_known("provider", &id, &shared.look(|state| state.providers.keys().cloned().collect::<Vec<_>>()));
        Self { shared, id }
    }

    /// An identity by its name and type, disabled ones too.
    #[must_use]
    pub fn identity(&self, name: &str, identity_type: SecurityIdentityType) -> Option<FakeIdentity> {
        self.look(|provider| provider.identities.get(&(name.to_owned(), identity_type)).cloned())
    }

    /// All identities, sorted by name and type, disabled ones too.
    #[must_use]
    pub fn identities(&self) -> Vec<FakeIdentity> {
        self.look(|provider| provider.identities.values().cloned().collect())
    }

    /// What was accepted with 202 and then dropped, in order, and why.
    #[must_use]
    pub fn dropped(&self) -> Vec<DroppedIdentity> {
        self.look(|provider| provider.dropped.clone())
    }

    /// There is the provider: it was there when this was made, and none goes away.
    fn look<T: Default>(&self, at: impl FnOnce(&Provider) -> T) -> T {
        self.shared.look(|state| state.providers.get(&self.id).map(at)).unwrap_or_default()
    }
}

/// Ends a test that asks for what the fake was not built with. It would find nothing there, and be content.
#[track_caller]
#[expect(clippy::panic, reason = "a test that mistypes an id has to fail, and at the line that does")]
fn check_known(what: &str, id: &str, known: &[String]) {
    if known.iter().any(|known| known == id) {
        return;
    }
    match known {
        [] => panic!("the fake has no {what} `{id}`; it was built without any"),
        known => panic!("the fake has no {what} `{id}`; it was built with `{}`", known.join("`, `")),
    }
}
