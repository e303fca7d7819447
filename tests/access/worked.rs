//! The two worked examples of the reference (article 78), with the memberships that its text implies.

use coveo_push::AccessReason;
use coveo_push::{
    Access, Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity,
    PermissionLevel, Permissions, Viewer,
};

use super::{PROVIDER, allow, everybody, graph, verdict};

/// One level: a group is allowed, one of its users denied.
fn one_level() -> Permissions {
    let set = allow(PermissionIdentity::group("SampleGroup"))
        .deny(PermissionIdentity::user("asmith@example.com").security_provider(PROVIDER));
    Permissions::complete([PermissionLevel::new("MyPermissionLevel").permission_set(set)])
}

/// Two levels, with three sets and two sets.
fn two_levels() -> Permissions {
    let user = |name: &str| PermissionIdentity::user(name);
    let first = PermissionLevel::new("Permission Level 1")
        .permission_set(everybody())
        .permission_set(allow(PermissionIdentity::group("SampleTeam1")).deny(PermissionIdentity::group("SampleTeam2")))
        .permission_set(
            allow(user("asmith@example.com")).allow(user("cbrown@example.com")).deny(user("bjones@example.com")),
        );
    let second = PermissionLevel::new("Permission Level 2")
        .permission_set(
            allow(user("bjones@example.com")).allow(user("emitchell@example.com")).deny(user("asmith@example.com")),
        )
        .permission_set(allow(user("MysteryUserX")));
    Permissions::complete([first, second])
}

fn sample_graph() -> IdentityGraph {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update(&IdentityBody::group("SampleTeam1").member(Identity::user("asmith@example.com")))
        .add_or_update(&IdentityBody::group("SampleTeam2").member(Identity::user("cbrown@example.com")))
        .add_or_update_alias(
            &MappedIdentityBody::user("MysteryUserX").alias(MappedIdentity::user("emitchell@example.com")),
        );
    graph
}

/// The level, the set and the path of each reason.
fn places(access: &Access) -> Vec<(usize, usize, String)> {
    let path = |reason: &AccessReason| reason.path().map(ToString::to_string).unwrap_or_default();
    access.reasons().iter().map(|reason| (reason.level_index(), reason.set_index(), path(reason))).collect()
}

/// The level, the set and the path of each expected reason.
type Reasons<'a> = &'a [(usize, usize, &'a str)];

fn check(permissions: &Permissions, viewer: &Viewer, expected: &str, reasons: Reasons<'_>) {
    let access = permissions.evaluate(viewer);
    assert_eq!(verdict(&access), expected, "{viewer}: {access}");
    let reasons: Vec<_> = reasons.iter().map(|(level, set, path)| (*level, *set, (*path).to_owned())).collect();
    assert_eq!(places(&access), reasons, "{viewer}");
}

#[test]
fn one_level_allows_a_group_and_denies_one_of_its_users() {
    let mut graph = graph();
    let group = IdentityBody::group("SampleGroup")
        .members([Identity::user("asmith@example.com"), Identity::user("cbrown@example.com")]);
    graph.identities(PROVIDER).add_or_update(&group);
    for (identity, expected, path) in [
        (Identity::group("SampleGroup"), "allowed", "SampleGroup"),
        (Identity::user("cbrown@example.com"), "allowed", "cbrown@example.com -> SampleGroup"),
        (Identity::user("asmith@example.com"), "denied", "asmith@example.com"),
    ] {
        check(&one_level(), &graph.viewer(identity), expected, &[(0, 0, path)]);
    }
}

#[test]
fn two_levels_decide_in_order_by_name_by_group_and_by_alias() {
    let graph = sample_graph();
    let table: [(&str, &str, Reasons<'_>); 4] = [
        // Every set of the first level allows.
        (
            "asmith@example.com",
            "allowed",
            &[(0, 0, ""), (0, 1, "asmith@example.com -> SampleTeam1"), (0, 2, "asmith@example.com")],
        ),
        // The first level denies, and the second would allow.
        ("bjones@example.com", "denied", &[(0, 2, "bjones@example.com")]),
        // Denied by group, and allowed by name.
        ("cbrown@example.com", "denied", &[(0, 1, "cbrown@example.com -> SampleTeam2")]),
        // The second level allows by name and by alias.
        (
            "emitchell@example.com",
            "allowed",
            &[(1, 0, "emitchell@example.com"), (1, 1, "emitchell@example.com = MysteryUserX")],
        ),
    ];
    for (name, expected, reasons) in table {
        check(&two_levels(), &graph.viewer(Identity::user(name)), expected, reasons);
    }
    check(&two_levels(), &Viewer::unauthenticated(), "denied", &[(0, 1, "")]);
}
