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
    pub(super) shared: Shared,
    pub(super) id: String,
}

impl FakeSource {
    /// Whether the fake was built with this source.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.look(|_| true)
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

    fn look<T: Default>(&self, at: impl FnOnce(&Source) -> T) -> T {
        self.shared.look(|state| state.sources.get(&self.id).map(at)).unwrap_or_default()
    }
}

/// What a security identity provider of the fake holds now:
/// [`FakePushApi::provider`](super::FakePushApi::provider).
#[derive(Debug, Clone)]
pub struct FakeProvider {
    pub(super) shared: Shared,
    pub(super) id: String,
}

impl FakeProvider {
    /// Whether the fake was built with this provider.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.look(|_| true)
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

    fn look<T: Default>(&self, at: impl FnOnce(&Provider) -> T) -> T {
        self.shared.look(|state| state.providers.get(&self.id).map(at)).unwrap_or_default()
    }
}
