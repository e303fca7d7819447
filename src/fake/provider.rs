//! The state of a security identity provider: its identities.

use std::collections::{BTreeMap, HashSet};

use http::StatusCode;
use serde_json::{Map, Value};

use super::dropped::{DropReason, DroppedIdentity};
use super::organization::RejectIdentity;
use super::response::Refusal;
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
    /// When it was pushed or disabled last, by the service's clock.
    updated: Option<OrderingId>,
    error: Option<String>,
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

    /// Why the service could not process its last push, by
    /// [`reject_identities`](super::FakePushApi::reject_identities).
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The ordering id of the last operation on it.
    #[must_use]
    pub fn ordering_id(&self) -> OrderingId {
        self.ordering_id
    }
}

/// A name is unique for its type.
type Key = (String, SecurityIdentityType);

/// An identity in the security cache.
pub(super) struct CachedIdentity<'a> {
    pub(super) identity: &'a Identity,
    is_disabled: bool,
    pub(super) error: Option<&'a str>,
    /// `None` when it is only named by others.
    pub(super) updated: Option<OrderingId>,
}

impl<'a> CachedIdentity<'a> {
    pub(super) fn pushed(known: &'a FakeIdentity) -> Self {
        let FakeIdentity { identity, is_disabled, updated, error, .. } = known;
        Self { identity, is_disabled: *is_disabled, error: error.as_deref(), updated: *updated }
    }

    pub(super) fn named(identity: &'a Identity) -> Self {
        Self { identity, is_disabled: false, error: None, updated: None }
    }

    pub(super) fn state(&self) -> &'static str {
        match (self.updated, self.error) {
            _ if self.is_disabled => "DISABLED",
            (None, _) => "NOT_UPDATED",
            (Some(_), Some(_)) => "IN_ERROR",
            (Some(_), None) => "UP_TO_DATE",
        }
    }

    pub(super) fn result(&self) -> &'static str {
        match (self.updated, self.error) {
            (None, _) => "NONE",
            (Some(_), Some(_)) => "UNEXPECTED_ERROR",
            (Some(_), None) => "SUCCESS",
        }
    }
}

/// The refusal of a request for a provider that does not exist.
pub(super) fn no_provider(id: &str) -> Refusal {
    let message = format!("Security identity provider with id '{id}' was not found.");
    Refusal::without_code(StatusCode::NOT_FOUND, message)
}

#[derive(Default)]
pub(super) struct ProviderState {
    /// As it was created by the platform API.
    pub(super) config: Map<String, Value>,
    /// The time of the request that is being carried out, by the service's clock.
    now: Option<OrderingId>,
    reject: Option<RejectIdentity>,
    id: String,
    pub(super) identities: BTreeMap<Key, FakeIdentity>,
    /// The known identities: built when needed, and discarded after a change.
    known: Option<HashSet<Key>>,
    pub(super) dropped: Vec<DroppedIdentity>,
}

impl ProviderState {
    /// Begins a request that changes identities.
    pub(super) fn begin(&mut self, id: &str, now: OrderingId, reject: Option<&RejectIdentity>) -> &mut Self {
        (self.now, self.reject) = (Some(now), reject.cloned());
        id.clone_into(&mut self.id);
        self
    }

    /// Whether an identity was pushed.
    pub(super) fn has(&self, identity: &Identity) -> bool {
        self.identities.contains_key(&key(identity))
    }

    pub(super) fn add_or_update(&mut self, body: IdentityBody, id: OrderingId, operation: Operation) {
        let IdentityBody { identity, members, well_knowns } = body;
        if let Some(entry) = self.pushed(&identity, id, operation) {
            entry.identity = identity;
            entry.members = members.unwrap_or_default();
            entry.well_knowns = well_knowns.unwrap_or_default();
        }
    }

    pub(super) fn add_or_update_alias(&mut self, body: MappedIdentityBody, id: OrderingId, operation: Operation) {
        let MappedIdentityBody { identity, mappings, well_knowns } = body;
        if let Some(entry) = self.pushed(&identity, id, operation) {
            entry.identity = identity;
            entry.aliases = mappings;
            entry.well_knowns = well_knowns.unwrap_or_default();
        }
    }

    pub(super) fn disable(&mut self, identity: &Identity, id: OrderingId, operation: Operation) {
        if let Some(entry) = self.entry(identity, id, operation) {
            (entry.is_disabled, entry.error) = (true, None);
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
            (entry.is_disabled, entry.error, entry.updated) = (true, None, self.now);
        }
    }

    /// Whether an identity was pushed, is a member of a pushed identity or is granted to one, and is not
    /// disabled.
    pub(super) fn knows(&mut self, name: &str, identity_type: SecurityIdentityType) -> bool {
        let known = self.known.get_or_insert_with(|| {
            let enabled = self.identities.values().filter(|entry| !entry.is_disabled && entry.error.is_none());
            let others = enabled.clone().flat_map(|entry| entry.members.iter().chain(&entry.well_knowns));
            let others = others
                .map(key)
                .filter(|key| self.identities.get(key).is_none_or(|entry| !entry.is_disabled && entry.error.is_none()));
            enabled.map(|entry| key(&entry.identity)).chain(others).collect()
        });
        known.contains(&(name.to_owned(), identity_type))
    }

    /// Adds all identities to a graph.
    pub(super) fn add_to(&self, graph: &mut GraphIdentities<'_>) {
        for entry in self.identities.values() {
            let FakeIdentity {
                identity,
                members,
                well_knowns,
                aliases,
                is_disabled,
                ordering_id: _,
                updated: _,
                error: _,
            } = entry;
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

    /// The entry of an identity that is pushed. `None` when it cannot be processed.
    fn pushed(&mut self, identity: &Identity, id: OrderingId, operation: Operation) -> Option<&mut FakeIdentity> {
        let error = self.reject.as_ref().and_then(|reject| reject(&self.id, identity));
        let entry = self.entry(identity, id, operation)?;
        entry.is_disabled = false;
        entry.error = error;
        entry.error.is_none().then_some(entry)
    }

    /// The entry of an identity. Drops an operation with an old ordering id.
    fn entry(&mut self, identity: &Identity, id: OrderingId, operation: Operation) -> Option<&mut FakeIdentity> {
        self.known = None;
        let now = self.now;
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
            updated: now,
            error: None,
        });
        (entry.ordering_id, entry.updated) = (id, now);
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
