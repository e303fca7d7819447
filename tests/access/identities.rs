//! Whom a permission is about.

use coveo_push::{
    BatchIdentityBody, Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity,
    Permissions, SecurityIdentityType, Viewer,
};

use super::{EMAIL, PROVIDER, allow, email, everybody, graph, user};

/// Whether a permission that names this is about the viewer.
fn is(viewer: &Viewer, named: PermissionIdentity) -> bool {
    let access = Permissions::from(allow(named)).evaluate(viewer);
    assert!(!access.is_denied(), "{access}");
    access.is_allowed()
}

fn group(name: &str) -> PermissionIdentity {
    PermissionIdentity::group(name)
}

fn pushed(bodies: impl IntoIterator<Item = IdentityBody>) -> IdentityGraph {
    let mut graph = graph();
    for body in bodies {
        graph.identities(PROVIDER).add_or_update(&body);
    }
    graph
}

#[test]
fn a_user_whom_nobody_pushed_is_still_whom_a_permission_names() {
    assert!(is(&user("a"), PermissionIdentity::user("a")));
    assert!(!is(&user("a"), PermissionIdentity::user("b")));
}

#[test]
fn the_type_is_part_of_who_an_identity_is() {
    use SecurityIdentityType::{Group, Unknown, User, VirtualGroup};
    let types = [User, Group, VirtualGroup, Unknown];
    for own in types {
        let viewer = graph().viewer(Identity::new("x", own));
        for named in types {
            assert_eq!(is(&viewer, PermissionIdentity::new("x", named)), own == named, "{own} {named}");
        }
    }
}

#[test]
fn a_member_is_in_the_group_of_its_type_alone() {
    let graph = pushed([IdentityBody::group("g").member(Identity::user("a"))]);
    assert!(is(&graph.viewer(Identity::user("a")), group("g")));
    assert!(!is(&graph.viewer(Identity::group("a")), group("g")));
    assert!(!is(&graph.viewer(Identity::user("a")), PermissionIdentity::virtual_group("g")));
}

#[test]
fn upper_and_lower_case_of_names_and_providers_matter() {
    assert!(!is(&user("a"), PermissionIdentity::user("A")));
    let provider = PROVIDER.to_lowercase();
    assert!(!is(&user("a"), PermissionIdentity::user("a").security_provider(provider)));
}

#[test]
fn additional_information_is_no_part_of_who_an_identity_is() {
    let member = Identity::user("a").additional_info("department", "one");
    let graph = pushed([IdentityBody::group("g").member(member)]);
    assert!(is(&graph.viewer(Identity::user("a").additional_info("department", "two")), group("g")));
}

#[test]
fn without_a_provider_the_default_one_is_meant() {
    let user = user("a");
    assert!(is(&user, PermissionIdentity::user("a").security_provider(PROVIDER)));
    assert!(!is(&user, email("a")));
    let same = graph().viewer(PermissionIdentity::user("a").security_provider(PROVIDER));
    assert!(is(&same, PermissionIdentity::user("a")));
    let other = graph().viewer(email("a"));
    assert!(!is(&other, PermissionIdentity::user("a")));
    assert!(is(&other, email("a")));
}

#[test]
fn an_alias_without_a_provider_is_of_the_default_one() {
    let mut graph = graph();
    let alias = MappedIdentityBody::user("a@example.com").alias(MappedIdentity::user("a"));
    graph.identities(EMAIL).add_or_update_alias(&alias);
    assert!(is(&graph.viewer(email("a@example.com")), PermissionIdentity::user("a").security_provider(PROVIDER)));
}

#[test]
fn members_and_granted_identities_are_of_the_provider_of_who_names_them() {
    let mut graph = graph();
    let body = IdentityBody::group("g").member(Identity::user("a")).well_known(Identity::group("w"));
    graph.identities("Other").add_or_update(&body);
    let other = |identity: PermissionIdentity| identity.security_provider("Other");
    let member = graph.viewer(other(PermissionIdentity::user("a")));
    assert!(is(&member, other(group("g"))) && is(&member, other(group("w"))));
    assert!(!is(&member, group("g")));
    assert!(!is(&graph.viewer(Identity::user("a")), other(group("g"))));
}

#[test]
fn groups_reach_through_groups_to_any_depth() {
    let nested = (0..2_000).map(|n| IdentityBody::group(format!("{}", n + 1)).member(Identity::group(format!("{n}"))));
    let mut graph = pushed(nested);
    graph.identities(PROVIDER).add_or_update(&IdentityBody::group("0").member(Identity::user("a")));
    let access = Permissions::from(allow(group("2000"))).evaluate(&graph.viewer(Identity::user("a")));
    assert_eq!(access.reasons()[0].path().unwrap().to_identities().len(), 2_002);
    assert!(!is(&graph.viewer(Identity::group("2000")), group("1999")), "a group is not in its members");
}

#[test]
fn groups_that_are_members_of_each_other_are_one_circle() {
    let graph = pushed([
        IdentityBody::group("g").members([Identity::group("h"), Identity::user("a")]),
        IdentityBody::group("h").member(Identity::group("g")),
        IdentityBody::group("i").member(Identity::group("i")),
    ]);
    let viewer = graph.viewer(Identity::user("a"));
    assert!(is(&viewer, group("g")) && is(&viewer, group("h")) && !is(&viewer, group("i")));
    assert_eq!(graph.viewer(Identity::group("i")).identities().count(), 1);
}

#[test]
fn a_virtual_group_works_as_a_group_does() {
    let graph = pushed([
        IdentityBody::virtual_group("v").member(Identity::user("a")),
        IdentityBody::group("g").member(Identity::virtual_group("v")),
    ]);
    let viewer = graph.viewer(Identity::user("a"));
    assert!(is(&viewer, PermissionIdentity::virtual_group("v")) && is(&viewer, group("g")));
}

#[test]
fn a_granted_identity_is_as_a_group_that_one_is_in() {
    let graph = pushed([
        IdentityBody::user("a").well_known(Identity::group("w")),
        IdentityBody::group("g").member(Identity::user("b")).well_known(Identity::virtual_group("v")),
        IdentityBody::group("over w").member(Identity::group("w")),
    ]);
    let a = graph.viewer(Identity::user("a"));
    assert!(is(&a, group("w")) && is(&a, group("over w")));
    assert!(is(&graph.viewer(Identity::user("b")), PermissionIdentity::virtual_group("v")), "through its group");
    assert!(!is(&graph.viewer(Identity::group("w")), PermissionIdentity::user("a")), "not the other way round");
}

#[test]
fn an_alias_is_the_same_person_in_either_direction() {
    let mut graph = graph();
    let alias = MappedIdentityBody::user("a").alias(MappedIdentity::user("a@example.com").provider(EMAIL));
    graph.identities(PROVIDER).add_or_update_alias(&alias);
    assert!(is(&graph.viewer(Identity::user("a")), email("a@example.com")));
    assert!(is(&graph.viewer(email("a@example.com")), PermissionIdentity::user("a")));
}

#[test]
fn an_alias_is_in_the_groups_of_the_other_in_either_direction() {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update_alias(&MappedIdentityBody::user("a").alias(MappedIdentity::user("e").provider(EMAIL)))
        .add_or_update(&IdentityBody::group("g").member(Identity::user("a")));
    graph.identities(EMAIL).add_or_update(&IdentityBody::group("h").member(Identity::user("e")));
    for viewer in [graph.viewer(Identity::user("a")), graph.viewer(email("e"))] {
        assert!(is(&viewer, group("g")) && is(&viewer, group("h").security_provider(EMAIL)));
    }
}

#[test]
fn an_alias_of_an_alias_is_the_same_person_across_providers() {
    let mut graph = graph();
    let mapped = |name: &str, to: &str, provider: &str| {
        MappedIdentityBody::user(name).alias(MappedIdentity::user(to).provider(provider))
    };
    graph.identities("One").add_or_update_alias(&mapped("a", "b", "Two"));
    graph.identities("Three").add_or_update_alias(&mapped("c", "b", "Two"));
    let in_provider = |name: &str, provider: &str| PermissionIdentity::user(name).security_provider(provider);
    assert!(is(&graph.viewer(in_provider("a", "One")), in_provider("c", "Three")));
    assert!(is(&graph.viewer(in_provider("c", "Three")), in_provider("a", "One")));
}

#[test]
fn an_alias_between_groups_is_one_group() {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update(&IdentityBody::group("g").member(Identity::user("a")))
        .add_or_update_alias(&MappedIdentityBody::group("h").alias(MappedIdentity::group("g")));
    assert!(is(&graph.viewer(Identity::user("a")), group("h")));
}

#[test]
fn the_same_name_in_another_provider_is_somebody_else_without_an_alias() {
    let graph = pushed([IdentityBody::group("g").member(Identity::user("a@example.com"))]);
    assert!(!is(&graph.viewer(email("a@example.com")), group("g")));
}

#[test]
fn a_grant_of_an_alias_is_one_of_the_person() {
    let mut graph = graph();
    let body = MappedIdentityBody::user("a").alias(MappedIdentity::user("e").provider(EMAIL));
    graph.identities(PROVIDER).add_or_update_alias(&body.well_known(Identity::group("w")));
    assert!(is(&graph.viewer(email("e")), group("w")));
}

#[test]
fn a_push_of_a_group_replaces_its_members_and_no_one_elses() {
    let mut graph = pushed([
        IdentityBody::group("g").members([Identity::user("a"), Identity::user("b")]),
        IdentityBody::group("h").member(Identity::user("b")),
    ]);
    graph.identities(PROVIDER).add_or_update(&IdentityBody::group("g").member(Identity::user("a")));
    assert!(is(&graph.viewer(Identity::user("a")), group("g")));
    let b = graph.viewer(Identity::user("b"));
    assert!(!is(&b, group("g")) && is(&b, group("h")));
}

#[test]
fn a_push_of_aliases_replaces_them_and_leaves_the_members() {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update(&IdentityBody::group("g").member(Identity::user("a")))
        .add_or_update_alias(&MappedIdentityBody::group("g").alias(MappedIdentity::group("old")))
        .add_or_update_alias(&MappedIdentityBody::group("g").alias(MappedIdentity::group("new")));
    let viewer = graph.viewer(Identity::user("a"));
    assert!(is(&viewer, group("g")) && is(&viewer, group("new")) && !is(&viewer, group("old")));
}

#[test]
fn an_alias_that_both_sides_name_stays_while_one_of_them_does() {
    let mut graph = graph();
    let named = |name: &str, alias: &str| MappedIdentityBody::user(name).alias(MappedIdentity::user(alias));
    graph
        .identities(PROVIDER)
        .add_or_update_alias(&named("a", "b"))
        .add_or_update_alias(&named("b", "a"))
        .add_or_update_alias(&MappedIdentityBody::user("a"));
    assert!(is(&graph.viewer(Identity::user("a")), PermissionIdentity::user("b")));
    assert!(is(&graph.viewer(Identity::user("b")), PermissionIdentity::user("a")));
    graph.identities(PROVIDER).add_or_update_alias(&MappedIdentityBody::user("b"));
    assert!(!is(&graph.viewer(Identity::user("a")), PermissionIdentity::user("b")));
    assert!(!is(&graph.viewer(Identity::user("b")), PermissionIdentity::user("a")));
}

#[test]
fn the_grants_that_were_pushed_last_count_whether_with_members_or_with_aliases() {
    let mut graph = pushed([IdentityBody::user("a").well_known(Identity::group("w"))]);
    graph.identities(PROVIDER).add_or_update_alias(&MappedIdentityBody::user("a"));
    assert!(!is(&graph.viewer(Identity::user("a")), group("w")));
    graph.identities(PROVIDER).add_or_update(&IdentityBody::user("a").well_known(Identity::group("w")));
    assert!(is(&graph.viewer(Identity::user("a")), group("w")));
}

#[test]
fn a_disabled_user_is_nobody_and_sees_what_everybody_sees() {
    let mut graph = pushed([IdentityBody::group("g").member(Identity::user("a"))]);
    graph.identities(PROVIDER).delete(&Identity::user("a"));
    let viewer = graph.viewer(Identity::user("a"));
    assert!(!is(&viewer, PermissionIdentity::user("a")) && !is(&viewer, group("g")));
    assert_eq!((viewer.is_disabled(), viewer.identities().count()), (true, 0));
    assert!(Permissions::from(everybody()).evaluate(&viewer).is_allowed());
}

#[test]
fn a_disabled_user_is_not_one_who_has_not_signed_in() {
    let mut graph = graph();
    graph.identities(PROVIDER).delete(&Identity::user("a"));
    let viewer = graph.viewer(Identity::user("a"));
    assert!(viewer.is_authenticated() && !Viewer::unauthenticated().is_disabled());
    assert!(Permissions::from(allow(group("g"))).evaluate(&viewer).is_unknown());
}

#[test]
fn no_path_leads_through_a_disabled_group_and_it_denies_nobody() {
    let mut graph = pushed([
        IdentityBody::group("g").member(Identity::user("a")),
        IdentityBody::group("h").member(Identity::group("g")),
    ]);
    graph.identities(PROVIDER).delete(&Identity::group("g"));
    let viewer = graph.viewer(Identity::user("a"));
    assert!(!is(&viewer, group("g")) && !is(&viewer, group("h")));
    assert!(Permissions::from(everybody().deny(group("g"))).evaluate(&viewer).is_allowed());
}

#[test]
fn no_path_leads_through_a_disabled_alias() {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update_alias(&MappedIdentityBody::user("a").alias(MappedIdentity::user("e").provider(EMAIL)))
        .add_or_update(&IdentityBody::group("g").member(Identity::user("a")))
        .delete(&Identity::user("a"));
    let viewer = graph.viewer(email("e"));
    assert!(is(&viewer, email("e")));
    assert!(!is(&viewer, PermissionIdentity::user("a")) && !is(&viewer, group("g")));
}

#[test]
fn an_identity_that_is_pushed_again_is_enabled_with_what_it_had() {
    let mut graph = pushed([IdentityBody::group("g").member(Identity::user("a"))]);
    graph.identities(PROVIDER).delete(&Identity::group("g")).add_or_update_alias(&MappedIdentityBody::group("g"));
    assert!(is(&graph.viewer(Identity::user("a")), group("g")));
}

#[test]
fn to_be_named_as_a_member_enables_nobody() {
    let mut graph = graph();
    let group_body = IdentityBody::group("g").member(Identity::user("a"));
    graph.identities(PROVIDER).delete(&Identity::user("a")).add_or_update(&group_body);
    assert!(!is(&graph.viewer(Identity::user("a")), group("g")));
}

#[test]
fn a_batch_does_what_its_lists_say_and_disables_last() {
    let mut graph = graph();
    let batch = BatchIdentityBody::new()
        .delete(Identity::user("b"))
        .add_or_update(IdentityBody::group("g").members([Identity::user("a"), Identity::user("b")]))
        .add_or_update(IdentityBody::user("b"))
        .add_or_update_alias(MappedIdentityBody::user("a").alias(MappedIdentity::user("e").provider(EMAIL)));
    graph.identities(PROVIDER).push_batch(&batch);
    assert!(is(&graph.viewer(email("e")), group("g")));
    assert!(!is(&graph.viewer(Identity::user("b")), group("g")));
}

#[test]
fn a_viewer_is_as_the_graph_was_when_it_was_asked() {
    let mut graph = pushed([IdentityBody::group("g").member(Identity::user("a"))]);
    let before = graph.viewer(Identity::user("a"));
    graph.identities(PROVIDER).delete(&Identity::group("g"));
    assert!(is(&before, group("g")));
    assert!(!is(&graph.viewer(Identity::user("a")), group("g")));
}

#[test]
fn a_copy_of_a_graph_is_a_graph_of_its_own() {
    let mut graph = pushed([IdentityBody::group("g").member(Identity::user("a"))]);
    let copy = graph.clone();
    graph.identities(PROVIDER).delete(&Identity::group("g"));
    assert!(is(&copy.viewer(Identity::user("a")), group("g")));
}
