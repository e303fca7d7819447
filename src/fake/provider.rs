//! The state of a security identity provider: its identities.

use std::collections::{BTreeMap, HashSet};

use super::dropped::{DropReason, DroppedIdentity};
use crate::access::graph::GraphIdentities;
use crate::model::{
    BatchIdentityBody, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, OrderingId, SecurityIdentityType,
};
use crate::operation::Operation;

/// A provider that every organization has. Every e-mail address is a user there.
pub(super) const EMAIL_PROVIDER: &str = "Email Security Provider";

/// A security identity in a provider of the fake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeIdentity {
    identity: Identity,
    members: Vec<Identity>,
    well_knowns: Vec<Identity>,
    aliases: Vec<MappedIdentity>,
    is_disabled: bool,
    ordering_id: OrderingId,
}

impl FakeIdentity {
    /// The identity itself: its name, its type and its additional information.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its members, by the last push of the identity.
    #[must_use]
    pub fn members(&self) -> &[Identity] {
        &self.members
    }

    /// The identities that it is granted, by the last push of the identity or its aliases.
    #[must_use]
    pub fn well_knowns(&self) -> &[Identity] {
        &self.well_knowns
    }

    /// Its aliases, each with its provider.
    #[must_use]
    pub fn aliases(&self) -> &[MappedIdentity] {
        &self.aliases
    }

    /// Whether it was deleted, on its own or by a delete-older-than.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// The ordering id of the last operation on it.
    #[must_use]
    pub fn ordering_id(&self) -> OrderingId {
        self.ordering_id
    }
}

/// A name is unique for its type.
type Key = (String, SecurityIdentityType);

#[derive(Debug, Default)]
pub(super) struct ProviderState {
    pub(super) identities: BTreeMap<Key, FakeIdentity>,
    /// The known identities: built when needed, and discarded after a change.
    known: Option<HashSet<Key>>,
    pub(super) dropped: Vec<DroppedIdentity>,
}

impl ProviderState {
    pub(super) fn add_or_update(&mut self, body: IdentityBody, id: OrderingId, operation: Operation) {
        let IdentityBody { identity, members, well_knowns } = body;
        if let Some(entry) = self.entry(&identity, id, operation) {
            entry.identity = identity;
            entry.is_disabled = false;
            entry.members = members.unwrap_or_default();
            entry.well_knowns = well_knowns.unwrap_or_default();
        }
    }

    pub(super) fn add_or_update_alias(&mut self, body: MappedIdentityBody, id: OrderingId, operation: Operation) {
        let MappedIdentityBody { identity, mappings, well_knowns } = body;
        if let Some(entry) = self.entry(&identity, id, operation) {
            entry.identity = identity;
            entry.is_disabled = false;
            entry.aliases = mappings;
            entry.well_knowns = well_knowns.unwrap_or_default();
        }
    }

    pub(super) fn disable(&mut self, identity: &Identity, id: OrderingId, operation: Operation) {
        if let Some(entry) = self.entry(identity, id, operation) {
            entry.is_disabled = true;
        }
    }

    pub(super) fn push_batch(&mut self, batch: BatchIdentityBody, id: OrderingId) {
        let operation = Operation::PushIdentityContainer;
        for body in batch.members {
            self.add_or_update(body, id, operation);
        }
        for body in batch.mappings {
            self.add_or_update_alias(body, id, operation);
        }
        for identity in &batch.deleted {
            self.disable(identity, id, operation);
        }
    }

    pub(super) fn disable_older(&mut self, than: OrderingId) {
        self.known = None;
        for entry in self.identities.values_mut().filter(|entry| entry.ordering_id < than) {
            entry.is_disabled = true;
        }
    }

    /// Whether an identity was pushed, is a member of a pushed identity or is granted to one, and is not
    /// disabled.
    pub(super) fn knows(&mut self, name: &str, identity_type: SecurityIdentityType) -> bool {
        let known = self.known.get_or_insert_with(|| {
            let enabled = self.identities.values().filter(|entry| !entry.is_disabled);
            let others = enabled.clone().flat_map(|entry| entry.members.iter().chain(&entry.well_knowns));
            let others = others.map(key).filter(|key| self.identities.get(key).is_none_or(|entry| !entry.is_disabled));
            enabled.map(|entry| key(&entry.identity)).chain(others).collect()
        });
        known.contains(&(name.to_owned(), identity_type))
    }

    /// Adds all identities to a graph.
    pub(super) fn add_to(&self, graph: &mut GraphIdentities<'_>) {
        for entry in self.identities.values() {
            let FakeIdentity { identity, members, well_knowns, aliases, is_disabled, ordering_id: _ } = entry;
            let granted = well_knowns.iter().cloned();
            let body = IdentityBody::new(identity.clone()).members(members.iter().cloned()).well_knowns(granted);
            let mappings = aliases.clone();
            let alias =
                MappedIdentityBody { identity: identity.clone(), mappings, well_knowns: body.well_knowns.clone() };
            graph.add_or_update(&body).add_or_update_alias(&alias);
            if *is_disabled {
                graph.delete(identity);
            }
        }
    }

    /// The entry of an identity. Drops an operation with an old ordering id.
    fn entry(&mut self, identity: &Identity, id: OrderingId, operation: Operation) -> Option<&mut FakeIdentity> {
        self.known = None;
        if self.identities.get(&key(identity)).is_some_and(|entry| id < entry.ordering_id) {
            self.note_dropped(identity.clone(), id, operation);
            return None;
        }
        let entry = self.identities.entry(key(identity)).or_insert_with(|| FakeIdentity {
            identity: identity.clone(),
            members: Vec::new(),
            well_knowns: Vec::new(),
            aliases: Vec::new(),
            is_disabled: false,
            ordering_id: id,
        });
        entry.ordering_id = id;
        Some(entry)
    }

    fn note_dropped(&mut self, identity: Identity, ordering_id: OrderingId, operation: Operation) {
        self.dropped.push(DroppedIdentity {
            subject: identity,
            reason: DropReason::StaleOrderingId,
            operation,
            ordering_id,
        });
    }
}

fn key(identity: &Identity) -> Key {
    (identity.name.clone(), identity.identity_type)
}
