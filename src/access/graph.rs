//! Security identities: memberships, grants and aliases.

use std::collections::HashMap;
use std::sync::Arc;

use super::relation::MembershipRelation;
use crate::model::{BatchIdentityBody, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PermissionIdentity};

/// The security identities of one or more providers, with their memberships and aliases.
/// [`access`](crate::access) has the rules.
///
/// Fill it with the bodies that you push. It treats them as the service does: a push of an identity
/// replaces the earlier push of the same identity. With the feature `test-util`, a fake service
/// returns the graph of everything pushed to it (`FakePushApi::identity_graph`).
///
/// ```
/// use coveo_push::{Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity};
///
/// let mut graph = IdentityGraph::new("My Provider");
/// graph
///     .identities("My Provider")
///     .add_or_update(&IdentityBody::group("Staff").member(Identity::user("asmith")))
///     .add_or_update_alias(
///         &MappedIdentityBody::user("asmith")
///             .alias(MappedIdentity::user("asmith@example.com").provider("Email Security Provider")),
///     );
///
/// // Alice signs in with her e-mail address.
/// let address = PermissionIdentity::user("asmith@example.com").security_provider("Email Security Provider");
/// let alice = graph.viewer(address);
/// assert!(alice.identities().any(|identity| identity.identity == "Staff"));
/// ```
#[derive(Debug, Clone)]
pub struct IdentityGraph {
    default_provider: Arc<str>,
    nodes: HashMap<Arc<PermissionIdentity>, Node>,
}

/// One identity. An identity that only other pushes name has a node, too.
#[derive(Debug, Clone, Default)]
struct Node {
    /// The relations in the last pushes of this identity.
    stated: Vec<Step>,
    /// The steps that start here: to its groups, grants and aliases. A step is repeated for each push
    /// that states it, so that each push can take back its own.
    steps: Vec<Step>,
    is_disabled: bool,
}

/// A relation, and the identity at its other end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) relation: MembershipRelation,
    pub(super) to: Arc<PermissionIdentity>,
}

impl IdentityGraph {
    /// An empty graph. `default_provider` is the first provider of the source whose items you look at:
    /// identities without a provider of their own belong to it.
    pub fn new(default_provider: impl Into<String>) -> Self {
        Self { default_provider: Arc::from(default_provider.into()), nodes: HashMap::new() }
    }

    /// The identities of one provider. Pushing and deleting them changes this graph and sends nothing.
    pub fn identities(&mut self, provider: impl Into<String>) -> GraphIdentities<'_> {
        GraphIdentities { graph: self, provider: provider.into() }
    }

    pub(super) fn default_provider(&self) -> &Arc<str> {
        &self.default_provider
    }

    /// The steps that start at an identity. `None` when it is disabled.
    pub(super) fn steps(&self, from: &PermissionIdentity) -> Option<&[Step]> {
        match self.nodes.get(from) {
            None => Some(&[]),
            Some(node) => (!node.is_disabled).then_some(&node.steps),
        }
    }

    /// The shared copy of an identity.
    fn intern(&mut self, identity: PermissionIdentity) -> Arc<PermissionIdentity> {
        if let Some((known, _)) = self.nodes.get_key_value(&identity) {
            return Arc::clone(known);
        }
        let identity = Arc::new(identity);
        self.nodes.insert(Arc::clone(&identity), Node::default());
        identity
    }

    fn node(&mut self, identity: &Arc<PermissionIdentity>) -> &mut Node {
        self.nodes.entry(Arc::clone(identity)).or_default()
    }

    /// Replaces the stated relations of an identity that are of these kinds, and enables it.
    fn replace(&mut self, identity: &Arc<PermissionIdentity>, relations: [MembershipRelation; 2], stated: Vec<Step>) {
        let is_replaced = |step: &mut Step| relations.contains(&step.relation);
        let replaced: Vec<Step> = self.node(identity).stated.extract_if(.., is_replaced).collect();
        for (from, step) in replaced.iter().flat_map(|stated| stated.directions(identity)) {
            let steps = &mut self.node(&from).steps;
            if let Some(at) = steps.iter().position(|known| *known == step) {
                steps.remove(at);
            }
        }
        for (from, step) in stated.iter().flat_map(|stated| stated.directions(identity)) {
            self.node(&from).steps.push(step);
        }
        let node = self.node(identity);
        node.stated.extend(stated);
        node.is_disabled = false;
    }
}

impl Step {
    /// The steps that result when a push of `identity` states this one, each with its start.
    fn directions(&self, identity: &Arc<PermissionIdentity>) -> Vec<(Arc<PermissionIdentity>, Self)> {
        let there = || (Arc::clone(identity), self.clone());
        let back = || (Arc::clone(&self.to), Self { relation: self.relation, to: Arc::clone(identity) });
        match self.relation {
            MembershipRelation::Member => vec![back()],
            MembershipRelation::Granted => vec![there()],
            MembershipRelation::Alias => vec![there(), back()],
        }
    }
}

/// The identities of one provider in a graph: [`IdentityGraph::identities`].
///
/// Its methods are named like those of [`Identities`](crate::Identities), and change the graph as those
/// change the service.
#[derive(Debug)]
pub struct GraphIdentities<'a> {
    graph: &'a mut IdentityGraph,
    provider: String,
}

impl GraphIdentities<'_> {
    /// Adds or updates an identity. Its members and granted identities replace the earlier ones.
    pub fn add_or_update(&mut self, body: &IdentityBody) -> &mut Self {
        let mut stated = self.stated(MembershipRelation::Member, body.members.as_deref());
        stated.extend(self.stated(MembershipRelation::Granted, body.well_knowns.as_deref()));
        let identity = self.intern(&body.identity);
        self.graph.replace(&identity, [MembershipRelation::Member, MembershipRelation::Granted], stated);
        self
    }

    /// Adds or updates the aliases of an identity. Its aliases and granted identities replace the
    /// earlier ones.
    pub fn add_or_update_alias(&mut self, body: &MappedIdentityBody) -> &mut Self {
        let default = Arc::clone(&self.graph.default_provider);
        let mut stated = self.stated(MembershipRelation::Granted, body.well_knowns.as_deref());
        for MappedIdentity { name, identity_type, provider, additional_info: _ } in &body.mappings {
            let provider = provider.as_deref().filter(|name| !name.is_empty()).unwrap_or(&default);
            let alias = PermissionIdentity::new(name, *identity_type).security_provider(provider);
            stated.push(Step { relation: MembershipRelation::Alias, to: self.graph.intern(alias) });
        }
        let identity = self.intern(&body.identity);
        self.graph.replace(&identity, [MembershipRelation::Alias, MembershipRelation::Granted], stated);
        self
    }

    /// Disables an identity until it is pushed again.
    pub fn delete(&mut self, identity: &Identity) -> &mut Self {
        let identity = self.intern(identity);
        self.graph.node(&identity).is_disabled = true;
        self
    }

    /// Applies a batch: adds or updates its identities, then its aliases, then disables the deleted
    /// ones.
    pub fn push_batch(&mut self, batch: &BatchIdentityBody) -> &mut Self {
        for body in &batch.members {
            self.add_or_update(body);
        }
        for body in &batch.mappings {
            self.add_or_update_alias(body);
        }
        for identity in &batch.deleted {
            self.delete(identity);
        }
        self
    }

    fn stated(&mut self, relation: MembershipRelation, of: Option<&[Identity]>) -> Vec<Step> {
        of.into_iter().flatten().map(|identity| Step { relation, to: self.intern(identity) }).collect()
    }

    fn intern(&mut self, identity: &Identity) -> Arc<PermissionIdentity> {
        let identity = PermissionIdentity::new(&identity.name, identity.identity_type);
        self.graph.intern(identity.security_provider(&self.provider))
    }
}
