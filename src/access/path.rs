//! How somebody comes to be whom a permission names.

use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use super::viewer::{Closure, Found};
use crate::model::PermissionIdentity;

/// What one identity is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// It is a member of the group ([article 167](https://docs.coveo.com/en/167/)).
    Member,
    /// It was granted the group, as one of its `wellKnowns`
    /// ([article 1603](https://docs.coveo.com/en/1603/)).
    Granted,
    /// It is the same person or group ([article 142](https://docs.coveo.com/en/142/)).
    Alias,
}

/// The way from the identity that was asked about to the one that a permission names. It is a shortest
/// one.
///
/// It prints as `asmith@example.com = asmith -> Editors -> Staff`: a `=` between aliases, a `->` to a
/// group. A provider follows a name, as in `asmith@example.com [Email Security Provider]`, where it is
/// not the graph's default.
#[derive(Clone)]
pub struct MembershipPath {
    closure: Arc<Closure>,
    end: usize,
}

impl MembershipPath {
    pub(super) fn new(closure: Arc<Closure>, end: usize) -> Self {
        Self { closure, end }
    }

    /// The identities on the way, each with its provider. The first is the one that was asked about,
    /// the last the one that the permission names; they are one where it names it directly.
    #[must_use]
    pub fn identities(&self) -> Vec<&PermissionIdentity> {
        self.forward().into_iter().map(|found| &*found.identity).collect()
    }

    /// What each identity on the way is to the next: one fewer than there are identities.
    #[must_use]
    pub fn relations(&self) -> Vec<Relation> {
        self.forward().into_iter().filter_map(|found| found.via).map(|(relation, _)| relation).collect()
    }

    fn forward(&self) -> Vec<&Found> {
        let before = |found: &&Found| self.closure.found(found.via?.1);
        let mut path: Vec<&Found> = successors(self.closure.found(self.end), before).collect();
        path.reverse();
        path
    }
}

impl fmt::Display for MembershipPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in self.forward() {
            match found.via {
                None => {}
                Some((Relation::Alias, _)) => f.write_str(" = ")?,
                Some((Relation::Member | Relation::Granted, _)) => f.write_str(" -> ")?,
            }
            self.closure.write(&found.identity, f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for MembershipPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MembershipPath({self})")
    }
}

impl PartialEq for MembershipPath {
    fn eq(&self, other: &Self) -> bool {
        self.identities() == other.identities() && self.relations() == other.relations()
    }
}

impl Eq for MembershipPath {}
