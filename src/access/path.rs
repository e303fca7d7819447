//! The path from a person to an identity that a permission names.

use std::fmt;
use std::iter::successors;
use std::sync::Arc;

use super::closure::{IdentityClosure, Reached};
use super::relation::MembershipRelation;
use crate::model::PermissionIdentity;

/// A shortest path from the viewer's identity to an identity that a permission names.
///
/// It prints as `asmith@example.com = asmith -> Editors -> Staff`: `=` between aliases, `->` to a
/// group. A name is followed by its provider, as in `asmith@example.com [Email Security Provider]`,
/// unless that is the graph's default. Of a long path, only both ends are printed.
#[derive(Clone)]
pub struct MembershipPath {
    closure: Arc<IdentityClosure>,
    end: usize,
}

impl MembershipPath {
    pub(super) fn new(closure: Arc<IdentityClosure>, end: usize) -> Self {
        Self { closure, end }
    }

    /// The identities on the path, each with its provider. The first is the one that was given to
    /// [`IdentityGraph::viewer`](crate::IdentityGraph::viewer), the last the one that the permission
    /// names. There is only one when the permission names the first directly.
    #[must_use]
    pub fn to_identities(&self) -> Vec<&PermissionIdentity> {
        self.steps().into_iter().map(|reached| &*reached.identity).collect()
    }

    /// How each identity on the path relates to the next: one fewer than there are identities.
    #[must_use]
    pub fn to_relations(&self) -> Vec<MembershipRelation> {
        self.steps().into_iter().filter_map(|reached| reached.via).map(|(relation, _)| relation).collect()
    }

    fn steps(&self) -> Vec<&Reached> {
        let all = self.closure.all();
        let previous = |reached: &&Reached| all.get(reached.via?.1);
        let mut steps: Vec<&Reached> = successors(all.get(self.end), previous).collect();
        steps.reverse();
        steps
    }
}

impl fmt::Display for MembershipPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// How many steps are printed at each end of a long path.
        const ENDS: usize = 4;
        let steps = self.steps();
        let left_out = ENDS..steps.len().saturating_sub(ENDS);
        for (number, reached) in steps.iter().enumerate() {
            if number == ENDS && !left_out.is_empty() {
                write!(f, " -> … {} more …", left_out.len())?;
            }
            if left_out.contains(&number) {
                continue;
            }
            match reached.via {
                None => {}
                Some((MembershipRelation::Alias, _)) => f.write_str(" = ")?,
                Some((MembershipRelation::Member | MembershipRelation::Granted, _)) => f.write_str(" -> ")?,
            }
            self.closure.write(&reached.identity, f)?;
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
        self.to_identities() == other.to_identities() && self.to_relations() == other.to_relations()
    }
}

impl Eq for MembershipPath {}
