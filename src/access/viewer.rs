//! Somebody who searches, and all that they are.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::graph::IdentityGraph;
use super::path::{MembershipPath, Relation};
use crate::model::PermissionIdentity;

/// Somebody who searches: a person whose identities were looked up by [`IdentityGraph::viewer`], or one
/// who has [not signed in](Self::unauthenticated).
///
/// Cheap to clone, and borrows nothing of its graph: it is as that was when it was asked.
#[derive(Clone)]
pub struct Viewer(Option<Arc<Closure>>);

/// All identities that a person is, in the order in which they are found: the nearest first.
pub(super) struct Closure {
    default_provider: Arc<str>,
    asked_for: Arc<PermissionIdentity>,
    found: Vec<Found>,
    /// Where those of a name stand in `found`.
    by_name: HashMap<ByName, Vec<usize>>,
}

pub(super) struct Found {
    pub(super) identity: Arc<PermissionIdentity>,
    /// The step by which it was found, and where in `found` that began.
    pub(super) via: Option<(Relation, usize)>,
}

impl Viewer {
    /// Somebody who has not signed in: they are nobody, and see what is open to everybody.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self(None)
    }

    /// Whether it is a person who has signed in.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the identity that it was looked up for is disabled. Such a person is nobody, as far as
    /// permissions go.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.0.as_ref().is_some_and(|closure| closure.found.is_empty())
    }

    /// All identities that the person is, each with its provider: the one that was asked for, its
    /// aliases, and every group that any of them is in or is granted. There is none when the one
    /// asked for is disabled, or when they have not signed in.
    pub fn identities(&self) -> impl Iterator<Item = &PermissionIdentity> {
        self.0.iter().flat_map(|closure| &closure.found).map(|found| &*found.identity)
    }

    /// Goes through a graph from one identity on, and finds each that it leads to by a shortest path.
    pub(super) fn find(graph: &IdentityGraph, from: Arc<PermissionIdentity>) -> Self {
        let mut found: Vec<Found> = Vec::new();
        let mut known = HashSet::from([Arc::clone(&from)]);
        if graph.steps(&from).is_some() {
            found.push(Found { identity: Arc::clone(&from), via: None });
        }
        let mut at = 0;
        while let Some(identity) = found.get(at).map(|found| Arc::clone(&found.identity)) {
            for step in graph.steps(&identity).unwrap_or_default() {
                if known.insert(Arc::clone(&step.to)) && graph.steps(&step.to).is_some() {
                    found.push(Found { identity: Arc::clone(&step.to), via: Some((step.relation, at)) });
                }
            }
            at += 1;
        }
        let mut by_name: HashMap<ByName, Vec<usize>> = HashMap::new();
        for (at, Found { identity, .. }) in found.iter().enumerate() {
            by_name.entry(ByName(Arc::clone(identity))).or_default().push(at);
        }
        let default_provider = Arc::clone(graph.default_provider());
        Self(Some(Arc::new(Closure { default_provider, asked_for: from, found, by_name })))
    }

    /// How the person comes to be whom a permission names; `None` when they are not.
    pub(super) fn path_to(&self, named: &PermissionIdentity) -> Option<MembershipPath> {
        let closure = self.0.as_ref()?;
        let provider = named.security_provider.as_deref().unwrap_or(&closure.default_provider);
        let namesakes = closure.by_name.get(named.identity.as_str())?;
        let is_named = |found: &Found| {
            found.identity.identity_type == named.identity_type
                && found.identity.security_provider.as_deref() == Some(provider)
        };
        let end = namesakes.iter().find(|at| closure.found.get(**at).is_some_and(is_named))?;
        Some(MembershipPath::new(Arc::clone(closure), *end))
    }
}

impl Closure {
    pub(super) fn found(&self, at: usize) -> Option<&Found> {
        self.found.get(at)
    }

    /// An identity for people: its name, and its provider where that is not the default.
    pub(super) fn write(&self, identity: &PermissionIdentity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&identity.identity)?;
        match identity.security_provider.as_deref() {
            Some(provider) if *provider != *self.default_provider => write!(f, " [{provider}]"),
            _ => Ok(()),
        }
    }
}

/// Whom it was looked up for: a name, with the provider where that is not the default, and with a word
/// where it is disabled.
impl fmt::Display for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(closure) => {
                closure.write(&closure.asked_for, f)?;
                if self.is_disabled() { f.write_str(" (disabled)") } else { Ok(()) }
            }
            None => f.write_str("an unauthenticated user"),
        }
    }
}

impl fmt::Debug for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Viewer({self}: {} identities)", self.identities().count())
    }
}

/// An identity that is looked up by its name alone, so that a look needs no copy of it.
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
