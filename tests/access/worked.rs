//! The two worked examples of the reference (article 78), with the memberships that its text implies.

use coveo_push::{
    Access, Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity,
    PermissionLevel, Permissions, Viewer,
};

use super::{PROVIDER, allow, everybody, graph};

/// One level: a group is allowed, one of its users denied.
fn one_level() -> Permissions {
    let set = allow(PermissionIdentity::group("SampleGroup"))
        .deny(PermissionIdentity::user("asmith@example.com").security_provider(PROVIDER));
    Permissions::complete([PermissionLevel::new("MyPermissionLevel").permission_set(set)])
}

/// Two levels: three sets, and two more for whom they say nothing of.
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

fn of_two_levels(name: &str) -> Access {
    two_levels().evaluate(&sample_graph().viewer(Identity::user(name)))
}

/// Level, set and path of a reason, to be compared.
fn places(access: &Access) -> Vec<(usize, usize, String)> {
    let path = |reason: &coveo_push::access::Reason| reason.path().map(ToString::to_string).unwrap_or_default();
    access.reasons().iter().map(|reason| (reason.level_index(), reason.set_index(), path(reason))).collect()
}

fn place(level: usize, set: usize, path: &str) -> (usize, usize, String) {
    (level, set, path.to_owned())
}

#[test]
fn of_one_level_the_users_of_the_allowed_group_see_the_item() {
    let mut graph = graph();
    let group = IdentityBody::group("SampleGroup")
        .members([Identity::user("asmith@example.com"), Identity::user("cbrown@example.com")]);
    graph.identities(PROVIDER).add_or_update(&group);
    let group = one_level().evaluate(&graph.viewer(Identity::group("SampleGroup")));
    assert!(group.is_allowed(), "{group}");
    let member = one_level().evaluate(&graph.viewer(Identity::user("cbrown@example.com")));
    assert!(member.is_allowed(), "{member}");
    assert_eq!(places(&member), [place(0, 0, "cbrown@example.com -> SampleGroup")]);
}

#[test]
fn of_one_level_the_denied_user_does_not_see_the_item_for_all_that_their_group_is_allowed() {
    let mut graph = graph();
    let group = IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com"));
    graph.identities(PROVIDER).add_or_update(&group);
    let access = one_level().evaluate(&graph.viewer(Identity::user("asmith@example.com")));
    assert!(access.is_denied(), "{access}");
    assert_eq!(places(&access), [place(0, 0, "asmith@example.com")]);
}

#[test]
fn of_two_levels_asmith_is_allowed_by_every_set_of_the_first() {
    let access = of_two_levels("asmith@example.com");
    assert!(access.is_allowed(), "{access}");
    let team = "asmith@example.com -> SampleTeam1";
    assert_eq!(places(&access), [place(0, 0, ""), place(0, 1, team), place(0, 2, "asmith@example.com")]);
}

#[test]
fn of_two_levels_bjones_is_denied_by_the_first_though_the_second_allows() {
    let access = of_two_levels("bjones@example.com");
    assert!(access.is_denied(), "{access}");
    assert_eq!(places(&access), [place(0, 2, "bjones@example.com")]);
}

#[test]
fn of_two_levels_cbrown_is_denied_through_a_group_though_allowed_by_name() {
    let access = of_two_levels("cbrown@example.com");
    assert!(access.is_denied(), "{access}");
    assert_eq!(places(&access), [place(0, 1, "cbrown@example.com -> SampleTeam2")]);
}

#[test]
fn of_two_levels_emitchell_is_allowed_by_the_second_by_name_and_by_alias() {
    let access = of_two_levels("emitchell@example.com");
    assert!(access.is_allowed(), "{access}");
    let alias = "emitchell@example.com = MysteryUserX";
    assert_eq!(places(&access), [place(1, 0, "emitchell@example.com"), place(1, 1, alias)]);
}

#[test]
fn of_two_levels_an_unauthenticated_user_is_denied_by_the_first() {
    let access = two_levels().evaluate(&Viewer::unauthenticated());
    assert!(access.is_denied(), "{access}");
    assert_eq!(places(&access), [place(0, 1, "")]);
}
