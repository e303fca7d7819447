//! Who sees an item.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any;
#[path = "../shared/cases.rs"]
mod cases;
mod fake;
mod identities;
mod model;
mod reasons;
mod rules;
mod worked;

use coveo_push::{Access, Identity, IdentityGraph, PermissionIdentity, PermissionSet, Viewer};

pub(crate) const PROVIDER: &str = "My Security Identity Provider";
pub(crate) const EMAIL: &str = "Email Security Provider";

/// An empty graph.
pub(crate) fn graph() -> IdentityGraph {
    IdentityGraph::new(PROVIDER)
}

/// A user of the default provider who is in no group.
pub(crate) fn user(name: &str) -> Viewer {
    graph().viewer(Identity::user(name))
}

/// A user of the e-mail provider, as permissions and viewers name them.
pub(crate) fn email(name: &str) -> PermissionIdentity {
    PermissionIdentity::user(name).security_provider(EMAIL)
}

pub(crate) fn allow(identity: PermissionIdentity) -> PermissionSet {
    PermissionSet::new().allow(identity)
}

pub(crate) fn deny(identity: PermissionIdentity) -> PermissionSet {
    PermissionSet::new().deny(identity)
}

pub(crate) fn everybody() -> PermissionSet {
    PermissionSet::new().allow_anonymous(true)
}

pub(crate) fn verdict(access: &Access) -> &'static str {
    match access {
        Access::Allowed(_) => "allowed",
        Access::Denied(_) => "denied",
        Access::Unknown(_) => "unknown",
    }
}
