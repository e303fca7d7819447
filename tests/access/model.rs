//! The rules once more, slow and plain: every question goes through all that was pushed.

use coveo_push::{
    Identity, IdentityBody, IdentityGraph, MappedIdentityBody, PermissionIdentity, PermissionLevel, PermissionSet,
    Permissions, SecurityIdentityType,
};

use super::PROVIDER;

/// One push to a provider.
#[derive(Debug, Clone)]
pub(crate) enum Push {
    Members(&'static str, IdentityBody),
    Aliases(&'static str, MappedIdentityBody),
    Deleted(&'static str, Identity),
}

/// Provider, name and type.
pub(crate) type Who = (String, String, SecurityIdentityType);

/// All that was pushed, in order.
#[derive(Debug, Clone)]
pub(crate) struct Pushes(pub(crate) Vec<Push>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed { level: usize },
    Denied { level: usize, set: usize },
    Unknown,
}

impl Push {
    fn whom(&self) -> Who {
        match self {
            Self::Members(provider, body) => who(provider, &body.identity),
            Self::Aliases(provider, body) => who(provider, &body.identity),
            Self::Deleted(provider, identity) => who(provider, identity),
        }
    }
}

fn who(provider: &str, identity: &Identity) -> Who {
    (provider.to_owned(), identity.name.clone(), identity.identity_type)
}

pub(crate) fn named(identity: &PermissionIdentity) -> Who {
    let provider = identity.security_provider.as_deref().unwrap_or(PROVIDER);
    (provider.to_owned(), identity.identity.clone(), identity.identity_type)
}

impl Pushes {
    pub(crate) fn graph(&self) -> IdentityGraph {
        let mut graph = super::graph();
        for push in &self.0 {
            match push {
                Push::Members(provider, body) => graph.identities(*provider).add_or_update(body),
                Push::Aliases(provider, body) => graph.identities(*provider).add_or_update_alias(body),
                Push::Deleted(provider, identity) => graph.identities(*provider).delete(identity),
            };
        }
        graph
    }

    fn is_disabled(&self, whom: &Who) -> bool {
        let last = self.0.iter().rfind(|push| push.whom() == *whom);
        matches!(last, Some(Push::Deleted(..)))
    }

    /// The pushes whose members or aliases count: the last ones of their kind for their identity.
    fn last_of_their_kind(&self) -> impl Iterator<Item = &Push> {
        self.0.iter().enumerate().filter_map(|(at, push)| {
            let is_later = |later: &Push| {
                later.whom() == push.whom() && std::mem::discriminant(later) == std::mem::discriminant(push)
            };
            (!self.0[at + 1..].iter().any(is_later)).then_some(push)
        })
    }

    /// What an identity was granted when it was last pushed in whichever way.
    fn granted(&self, to: &Who) -> Vec<Who> {
        let pushed = self.0.iter().rfind(|push| push.whom() == *to && !matches!(push, Push::Deleted(..)));
        let granted = match pushed {
            Some(Push::Members(_, body)) => body.well_knowns.clone(),
            Some(Push::Aliases(_, body)) => body.well_knowns.clone(),
            _ => None,
        };
        granted.unwrap_or_default().iter().map(|identity| who(&to.0, identity)).collect()
    }

    /// Whether one step leads from an identity to another.
    pub(crate) fn leads(&self, from: &Who, to: &Who) -> bool {
        if self.is_disabled(from) || self.is_disabled(to) {
            return false;
        }
        let is_member_or_alias = self.last_of_their_kind().any(|push| match push {
            Push::Members(provider, body) => {
                let members = body.members.as_deref().unwrap_or_default();
                push.whom() == *to && members.iter().any(|member| who(provider, member) == *from)
            }
            Push::Aliases(_, body) => body.mappings.iter().any(|alias| {
                let provider = alias.provider.clone().unwrap_or_else(|| PROVIDER.to_owned());
                let alias = (provider, alias.name.clone(), alias.identity_type);
                (push.whom() == *from && alias == *to) || (push.whom() == *to && alias == *from)
            }),
            Push::Deleted(..) => false,
        });
        is_member_or_alias || self.granted(from).contains(to)
    }

    /// All who somebody is, each with the number of steps to it; `everybody` is whoever there is.
    pub(crate) fn closure(&self, from: &Who, everybody: &[Who]) -> Vec<(Who, usize)> {
        if self.is_disabled(from) {
            return Vec::new();
        }
        let mut closure = vec![(from.clone(), 0)];
        loop {
            let new: Vec<(Who, usize)> = everybody
                .iter()
                .filter(|who| closure.iter().all(|(known, _)| known != *who))
                .filter_map(|who| {
                    let steps = closure.iter().filter(|(known, _)| self.leads(known, who)).map(|(_, steps)| *steps);
                    steps.min().map(|steps| (who.clone(), steps + 1))
                })
                .collect();
            if new.is_empty() {
                return closure;
            }
            closure.extend(new);
        }
    }
}

/// The levels of either model.
pub(crate) fn levels(permissions: &Permissions) -> Vec<PermissionLevel> {
    match permissions {
        Permissions::Simplified(sets) => vec![PermissionLevel::default().permission_sets(sets.clone())],
        Permissions::Complete(levels) => levels.clone(),
        other => panic!("{other:?} is a new model"),
    }
}

/// What permissions say of somebody who is all of these; of nobody who has signed in when it is `None`.
pub(crate) fn verdict(permissions: &Permissions, identities: Option<&[Who]>) -> Verdict {
    let is_in = |list: &[PermissionIdentity]| {
        list.iter().any(|identity| identities.is_some_and(|known| known.contains(&named(identity))))
    };
    let denies = |set: &PermissionSet| is_in(&set.denied_permissions) || (identities.is_none() && !set.allow_anonymous);
    let allows = |set: &PermissionSet| set.allow_anonymous || is_in(&set.allowed_permissions);
    for (level, PermissionLevel { permission_sets: sets, .. }) in levels(permissions).iter().enumerate() {
        if let Some(set) = sets.iter().position(denies) {
            return Verdict::Denied { level, set };
        }
        if !sets.is_empty() && sets.iter().all(allows) {
            return Verdict::Allowed { level };
        }
    }
    Verdict::Unknown
}
