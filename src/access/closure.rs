//! All identities of one person, found by walking the graph once.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::graph::IdentityGraph;
use super::relation::MembershipRelation;
use crate::model::PermissionIdentity;
use crate::model::words::one_line;

/// All identities of one person, nearest first.
pub(super) struct IdentityClosure {
    default_provider: Arc<str>,
    start: Arc<PermissionIdentity>,
    reached: Vec<Reached>,
    /// Indexes into `reached` by name.
    by_name: HashMap<ByName, Vec<usize>>,
}

/// An identity of the closure.
pub(super) struct Reached {
    pub(super) identity: Arc<PermissionIdentity>,
    /// The last step of a shortest path, and the index of the identity where that step starts.
    /// `None` for the start of the walk.
    pub(super) via: Option<(MembershipRelation, usize)>,
}

impl IdentityClosure {
    /// Walks a graph breadth first, so that every identity is reached by a shortest path.
    pub(super) fn find(graph: &IdentityGraph, start: Arc<PermissionIdentity>) -> Self {
        let mut reached: Vec<Reached> = Vec::new();
        let mut known = HashSet::from([Arc::clone(&start)]);
        if graph.steps(&start).is_some() {
            reached.push(Reached { identity: Arc::clone(&start), via: None });
        }
        let mut at = 0;
        while let Some(identity) = reached.get(at).map(|reached| Arc::clone(&reached.identity)) {
            for step in graph.steps(&identity).unwrap_or_default() {
                if known.insert(Arc::clone(&step.to)) && graph.steps(&step.to).is_some() {
                    reached.push(Reached { identity: Arc::clone(&step.to), via: Some((step.relation, at)) });
                }
            }
            at += 1;
        }
        let mut by_name: HashMap<ByName, Vec<usize>> = HashMap::new();
        for (at, Reached { identity, .. }) in reached.iter().enumerate() {
            by_name.entry(ByName(Arc::clone(identity))).or_default().push(at);
        }
        Self { default_provider: Arc::clone(graph.default_provider()), start, reached, by_name }
    }

    /// The identity where the walk started, also when it is disabled.
    pub(super) fn start(&self) -> &PermissionIdentity {
        &self.start
    }

    /// Empty when the start is disabled.
    pub(super) fn all(&self) -> &[Reached] {
        &self.reached
    }

    /// The index of an identity as a permission names it.
    pub(super) fn position(&self, named: &PermissionIdentity) -> Option<usize> {
        let provider = named.named_provider().unwrap_or(&self.default_provider);
        let is_named = |reached: &Reached| {
            reached.identity.identity_type == named.identity_type
                && reached.identity.security_provider.as_deref() == Some(provider)
        };
        let namesakes = self.by_name.get(named.identity.as_str())?;
        namesakes.iter().copied().find(|at| self.reached.get(*at).is_some_and(is_named))
    }

    /// Writes the name of an identity, and its provider unless that is the default.
    pub(super) fn write(&self, identity: &PermissionIdentity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&identity.identity))?;
        match identity.security_provider.as_deref() {
            Some(provider) if *provider != *self.default_provider => write!(f, " [{}]", one_line(provider)),
            _ => Ok(()),
        }
    }
}

/// An identity that is hashed and compared by its name only, so that a lookup copies nothing.
struct ByName(Arc<PermissionIdentity>);

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.identity
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.identity.hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.identity == other.0.identity
    }
}

impl Eq for ByName {}
