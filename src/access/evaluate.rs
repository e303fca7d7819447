//! Evaluates permissions for a viewer.

use super::path::MembershipPath;
use super::verdict::{Access, AccessReason};
use super::viewer::Viewer;
use crate::model::{PermissionIdentity, PermissionSet, Permissions};

impl Permissions {
    /// Evaluates whether the viewer sees the item, and why, by the rules of the service
    /// ([articles 25](https://docs.coveo.com/en/25/) and [107](https://docs.coveo.com/en/107/)).
    /// [`access`](crate::access) lists the rules, and how this crate reads them where they leave
    /// something open.
    ///
    /// The time that this takes grows with the number of identities in the permissions, not with the
    /// size of the graph.
    ///
    /// ```
    /// use coveo_push::{Access, IdentityGraph, PermissionIdentity, PermissionLevel, PermissionSet, Permissions};
    ///
    /// let allow = |name: &str| PermissionSet::new().allow(PermissionIdentity::user(name));
    /// let permissions = Permissions::complete([
    ///     PermissionLevel::new("Owners").permission_set(allow("asmith@example.com")),
    ///     PermissionLevel::new("Readers").permission_set(allow("bjones@example.com")),
    /// ]);
    ///
    /// let graph = IdentityGraph::new("My Provider");
    /// let bob = graph.viewer(PermissionIdentity::user("bjones@example.com"));
    /// let Access::Allowed(reasons) = permissions.evaluate(&bob) else { panic!() };
    /// assert_eq!((reasons[0].level_index(), reasons[0].level_name()), (1, Some("Readers")));
    /// ```
    pub fn evaluate(&self, viewer: &Viewer) -> Access {
        let mut inconclusive = Vec::new();
        for level in self.levels() {
            if let Some(reason) = level.denies(viewer) {
                return Access::Denied(reason);
            }
            match level.allows(viewer) {
                Ok(reasons) if reasons.is_empty() => {}
                Ok(reasons) => return Access::Allowed(reasons),
                Err(reason) => inconclusive.push(reason),
            }
        }
        Access::Unknown(inconclusive)
    }

    /// The levels of either model.
    fn levels(&self) -> impl Iterator<Item = Level<'_>> {
        let (simplified, complete) = match self {
            Self::Simplified(sets) => (Some((None, sets.as_slice())), [].as_slice()),
            Self::Complete(levels) => (None, levels.as_slice()),
        };
        let complete = complete.iter().map(|level| (level.name.as_deref(), level.permission_sets.as_slice()));
        simplified.into_iter().chain(complete).enumerate().map(|(index, (name, sets))| Level { index, name, sets })
    }
}

#[derive(Clone, Copy)]
struct Level<'a> {
    index: usize,
    name: Option<&'a str>,
    sets: &'a [PermissionSet],
}

impl Level<'_> {
    fn denies(&self, viewer: &Viewer) -> Option<AccessReason> {
        self.sets.iter().enumerate().find_map(|(number, set)| match named(&set.denied_permissions, viewer) {
            None if viewer.is_authenticated() || set.allow_anonymous => None,
            path => Some(self.reason(number, path)),
        })
    }

    /// A reason for each set, or only for the first set that does not allow.
    fn allows(&self, viewer: &Viewer) -> Result<Vec<AccessReason>, AccessReason> {
        let reasons = self.sets.iter().enumerate().map(|(number, set)| {
            let path = named(&set.allowed_permissions, viewer);
            let is_allowed = path.is_some() || set.allow_anonymous;
            let reason = self.reason(number, path);
            if is_allowed { Ok(reason) } else { Err(reason) }
        });
        reasons.collect()
    }

    fn reason(&self, set: usize, path: Option<MembershipPath>) -> AccessReason {
        AccessReason { level: self.index, level_name: self.name.map(str::to_owned), set, path }
    }
}

/// The path to the first identity of a list that is one of the viewer's.
fn named(list: &[PermissionIdentity], viewer: &Viewer) -> Option<MembershipPath> {
    list.iter().find_map(|identity| viewer.path_to(identity))
}
