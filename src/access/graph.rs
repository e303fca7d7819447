//! Who is in which group, and who is who.

use std::collections::HashMap;
use std::sync::Arc;

use super::path::Relation;
use super::viewer::Viewer;
use crate::model::{BatchIdentityBody, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PermissionIdentity};

/// The security identities of one or more providers: who is a member of which group, and who is the
/// same as whom. See [the module](crate::access) for the rules.
///
/// It is filled with the bodies that are pushed, and understands them as the service does: a push
/// of an identity replaces what an earlier one said of it. With the feature `test-util` a fake
/// service gives the graph of what was pushed to it (`FakePushApi::identity_graph`).
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
/// // As she signs in: by her e-mail address.
/// let address = PermissionIdentity::user("asmith@example.com").security_provider("Email Security Provider");
/// let alice = graph.viewer(address);
/// assert!(alice.identities().any(|identity| identity.identity == "Staff"));
/// ```
#[derive(Debug, Clone)]
pub struct IdentityGraph {
    default_provider: Arc<str>,
    nodes: HashMap<Arc<PermissionIdentity>, Node>,
}

/// What is known of one identity. Those that are only named by others have a node, too.
#[derive(Debug, Clone, Default)]
struct Node {
    /// What the last pushes of this identity said.
    said: Vec<Step>,
    /// Where it leads to: its groups, what it is granted, its aliases. A step stands here as often
    /// as some push said it, so that each can be taken back.
    steps: Vec<Step>,
    is_disabled: bool,
}

/// A relation, and the identity at its other end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) relation: Relation,
    pub(super) to: Arc<PermissionIdentity>,
}

impl IdentityGraph {
    /// A graph without identities. The provider is the first one of the source whose items are looked
    /// at: that of every identity that is named without one.
    pub fn new(default_provider: impl Into<String>) -> Self {
        Self { default_provider: Arc::from(default_provider.into()), nodes: HashMap::new() }
    }

    /// The identities of one provider, to be pushed and deleted. Nothing is sent anywhere.
    pub fn identities(&mut self, provider: impl Into<String>) -> GraphIdentities<'_> {
        GraphIdentities { graph: self, provider: provider.into() }
    }

    /// Looks up who a person is: all identities that permissions may name to be about them.
    ///
    /// The time that takes grows with the number of these identities and not with that of the graph.
    /// What comes out is as the graph is now, and is of use for any number of items.
    ///
    /// The identity may be of any type: one of a group stands for somebody who is in that group, and
    /// in nothing else.
    pub fn viewer(&self, identity: impl Into<PermissionIdentity>) -> Viewer {
        let mut identity = identity.into();
        let provider = identity.security_provider.take().unwrap_or_else(|| self.default_provider.to_string());
        Viewer::find(self, Arc::new(identity.security_provider(provider)))
    }

    pub(super) fn default_provider(&self) -> &Arc<str> {
        &self.default_provider
    }

    /// Where an identity leads to in one step; `None` when it is disabled.
    pub(super) fn steps(&self, from: &PermissionIdentity) -> Option<&[Step]> {
        match self.nodes.get(from) {
            None => Some(&[]),
            Some(node) => (!node.is_disabled).then_some(&node.steps),
        }
    }

    /// The one copy of an identity that all steps to it share.
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

    /// Takes back what was said of an identity in some relations, says it anew, and enables it.
    fn replace(&mut self, identity: &Arc<PermissionIdentity>, relations: [Relation; 2], said: Vec<Step>) {
        let is_replaced = |step: &mut Step| relations.contains(&step.relation);
        let replaced: Vec<Step> = self.node(identity).said.extract_if(.., is_replaced).collect();
        for (from, step) in replaced.iter().flat_map(|said| said.directions(identity)) {
            let steps = &mut self.node(&from).steps;
            if let Some(at) = steps.iter().position(|known| *known == step) {
                steps.remove(at);
            }
        }
        for (from, step) in said.iter().flat_map(|said| said.directions(identity)) {
            self.node(&from).steps.push(step);
        }
        let node = self.node(identity);
        node.said.extend(said);
        node.is_disabled = false;
    }
}

impl Step {
    /// The steps that can be taken when an identity says this of itself, each with where it begins.
    fn directions(&self, identity: &Arc<PermissionIdentity>) -> Vec<(Arc<PermissionIdentity>, Self)> {
        let there = || (Arc::clone(identity), self.clone());
        let back = || (Arc::clone(&self.to), Self { relation: self.relation, to: Arc::clone(identity) });
        match self.relation {
            Relation::Member => vec![back()],
            Relation::Granted => vec![there()],
            Relation::Alias => vec![there(), back()],
        }
    }
}

/// The identities of one provider in a graph: [`IdentityGraph::identities`].
///
/// Its methods are those of [`Identities`](crate::Identities), and do to the graph what these do to the
/// service.
#[derive(Debug)]
pub struct GraphIdentities<'a> {
    graph: &'a mut IdentityGraph,
    provider: String,
}

impl GraphIdentities<'_> {
    /// Adds or updates an identity. Its members and its granted identities replace those of before.
    pub fn add_or_update(&mut self, body: &IdentityBody) -> &mut Self {
        let mut said = self.said(Relation::Member, body.members.as_deref());
        said.extend(self.said(Relation::Granted, body.well_knowns.as_deref()));
        let identity = self.intern(&body.identity);
        self.graph.replace(&identity, [Relation::Member, Relation::Granted], said);
        self
    }

    /// Adds or updates the aliases of an identity. They and its granted identities replace those of
    /// before.
    pub fn add_or_update_alias(&mut self, body: &MappedIdentityBody) -> &mut Self {
        let default = Arc::clone(&self.graph.default_provider);
        let mut said = self.said(Relation::Granted, body.well_knowns.as_deref());
        for MappedIdentity { name, identity_type, provider, additional_info: _ } in &body.mappings {
            let provider = provider.as_deref().unwrap_or(&default);
            let alias = PermissionIdentity::new(name, *identity_type).security_provider(provider);
            said.push(Step { relation: Relation::Alias, to: self.graph.intern(alias) });
        }
        let identity = self.intern(&body.identity);
        self.graph.replace(&identity, [Relation::Alias, Relation::Granted], said);
        self
    }

    /// Disables an identity until it is pushed again.
    pub fn delete(&mut self, identity: &Identity) -> &mut Self {
        let identity = self.intern(identity);
        self.graph.node(&identity).is_disabled = true;
        self
    }

    /// Does what a batch says: adds or updates its identities, then its aliases, then disables.
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

    fn said(&mut self, relation: Relation, of: Option<&[Identity]>) -> Vec<Step> {
        of.into_iter().flatten().map(|identity| Step { relation, to: self.intern(identity) }).collect()
    }

    fn intern(&mut self, identity: &Identity) -> Arc<PermissionIdentity> {
        let identity = PermissionIdentity::new(&identity.name, identity.identity_type);
        self.graph.intern(identity.security_provider(&self.provider))
    }
}
