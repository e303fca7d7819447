//! A person who searches.

use std::fmt;
use std::sync::Arc;

use super::closure::IdentityClosure;
use super::graph::IdentityGraph;
use super::path::MembershipPath;
use crate::model::PermissionIdentity;

/// A person who searches: signed in, with all identities that [`IdentityGraph::viewer`] found, or
/// [not signed in](Self::unauthenticated).
///
/// It is cheap to clone and borrows nothing. Later changes of the graph do not change it.
#[derive(Clone)]
pub struct Viewer(Option<Arc<IdentityClosure>>);

impl IdentityGraph {
    /// Looks up a person: all identities by which permissions can refer to them.
    ///
    /// The time that this takes grows with the number of these identities, not with the size of the
    /// graph. Look a person up once, then ask about any number of items.
    ///
    /// The identity may be of any type. A group stands for a person who is in that group and in no
    /// other.
    pub fn viewer(&self, identity: impl Into<PermissionIdentity>) -> Viewer {
        let identity = identity.into();
        let provider = identity.named_provider().unwrap_or(self.default_provider()).to_owned();
        let start = Arc::new(identity.security_provider(provider));
        Viewer(Some(Arc::new(IdentityClosure::find(self, start))))
    }
}

impl Viewer {
    /// A person who has not signed in. They have no identity and see only items that are open to
    /// everybody.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self(None)
    }

    /// Whether the person has signed in.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the identity given to [`IdentityGraph::viewer`] is disabled. No permission refers to
    /// such a person.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.0.as_ref().is_some_and(|closure| closure.all().is_empty())
    }

    /// All identities of the person, each with its provider: the one given to
    /// [`IdentityGraph::viewer`], its aliases, and every group that one of them is a member of or is
    /// granted. Nearest first. Empty when the first one is disabled, or the person has not signed in.
    pub fn identities(&self) -> impl Iterator<Item = &PermissionIdentity> {
        self.0.iter().flat_map(|closure| closure.all()).map(|reached| &*reached.identity)
    }

    /// The path to an identity as a permission names it. `None` when it is not one of this person's.
    pub(super) fn path_to(&self, named: &PermissionIdentity) -> Option<MembershipPath> {
        let closure = self.0.as_ref()?;
        Some(MembershipPath::new(Arc::clone(closure), closure.position(named)?))
    }
}

/// The identity given to [`IdentityGraph::viewer`]: its name, its provider unless that is the
/// default, and `(disabled)` where it is.
impl fmt::Display for Viewer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(closure) => {
                closure.write(closure.start(), f)?;
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
