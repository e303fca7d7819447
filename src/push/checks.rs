//! What a run looks for beyond what one operation shows: its settings.

use std::sync::Arc;

use super::{IdentityPusher, ItemPusher, PusherBuilder};
use crate::preflight::KnownIdentities;

impl PusherBuilder<ItemPusher> {
    /// Says that the source is secured: an item without permissions, which the service would accept
    /// and then drop, breaks a rule. Default: no.
    pub fn secured(mut self, secured: bool) -> Self {
        self.settings.checks.is_secured = secured;
        self
    }

    /// Holds the permissions of items against the identities that are known: an item that names
    /// another one, which the service would accept and then drop, breaks a rule. Default: not looked
    /// for.
    pub fn known_identities(mut self, known: &KnownIdentities) -> Self {
        self.settings.checks.known = Some(known.clone());
        self
    }
}

impl PusherBuilder<IdentityPusher> {
    /// Adds what is pushed to the identities that are known, for the run that pushes the items.
    pub fn known_identities(mut self, known: &KnownIdentities) -> Self {
        self.settings.checks.known = Some(known.clone());
        self
    }

    /// Compares what is pushed of the same identity in this run. A group that is pushed again with
    /// other members, as when it comes in pages, and `wellKnowns` that are not the same in all pushes
    /// of an identity and its aliases, break a rule: what was pushed before would be lost. Default: no,
    /// because it takes 32 bytes an identity, beside the spare room of a table.
    ///
    /// Of two pushes that several tasks make in the same moment, both may pass.
    pub fn compare_identities(mut self, compare: bool) -> Self {
        self.settings.checks.pushed = compare.then(Arc::default);
        self
    }
}
