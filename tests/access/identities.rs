//! To whom a permission refers.

use coveo_push::{
    BatchIdentityBody, Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity,
    Permissions, SecurityIdentityType, Viewer,
};

use super::{EMAIL, PROVIDER, allow, email, everybody, graph};

/// Whether a permission that names this refers to the viewer.
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

fn user_named(name: &str) -> PermissionIdentity {
    PermissionIdentity::user(name)
}

/// An alias of a user, in the e-mail provider.
fn address(of: &str, address: &str) -> MappedIdentityBody {
    MappedIdentityBody::user(of).alias(MappedIdentity::user(address).provider(EMAIL))
}

#[test]
fn an_identity_is_its_name_its_type_and_its_provider() {
    let own = || user_named("a").security_provider(PROVIDER);
    for (viewer, named, expected) in [
        (user_named("a"), user_named("a"), true),
        (user_named("a"), user_named("b"), false),
        (user_named("a"), user_named("A"), false),
        (user_named("a"), own(), true),
        (own(), user_named("a"), true),
        (user_named("a"), user_named("a").security_provider(PROVIDER.to_lowercase()), false),
        (user_named("a"), email("a"), false),
        (email("a"), user_named("a"), false),
        (email("a"), email("a"), true),
    ] {
        assert_eq!(is(&graph().viewer(viewer.clone()), named.clone()), expected, "{viewer:?} {named:?}");
    }
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
fn members_and_grants_lead_to_groups_and_not_back() {
    let graph = pushed([
        IdentityBody::group("g").member(Identity::user("a")).well_known(Identity::virtual_group("granted to g")),
        IdentityBody::user("a").well_known(Identity::group("granted to a")),
        IdentityBody::group("over granted").member(Identity::group("granted to a")),
        IdentityBody::virtual_group("v").member(Identity::user("a")),
        IdentityBody::group("over v").member(Identity::virtual_group("v")),
    ]);
    for (viewer, named, expected) in [
        (Identity::user("a"), group("g"), true),
        (Identity::user("a"), PermissionIdentity::virtual_group("g"), false),
        (Identity::group("a"), group("g"), false),
        (Identity::user("a"), group("granted to a"), true),
        (Identity::user("a"), group("over granted"), true),
        (Identity::user("a"), PermissionIdentity::virtual_group("granted to g"), true),
        (Identity::group("granted to a"), user_named("a"), false),
        (Identity::user("a"), PermissionIdentity::virtual_group("v"), true),
        (Identity::user("a"), group("over v"), true),
        (Identity::group("g"), user_named("a"), false),
    ] {
        assert_eq!(is(&graph.viewer(viewer.clone()), named.clone()), expected, "{viewer:?} {named:?}");
    }
}

#[test]
fn additional_information_is_not_part_of_an_identity() {
    let member = Identity::user("a").additional_info("department", "one");
    let graph = pushed([IdentityBody::group("g").member(member)]);
    assert!(is(&graph.viewer(Identity::user("a").additional_info("department", "two")), group("g")));
}

#[test]
fn an_alias_without_a_provider_belongs_to_the_default_one() {
    let mut graph = graph();
    let alias = MappedIdentityBody::user("a@example.com").alias(MappedIdentity::user("a"));
    graph.identities(EMAIL).add_or_update_alias(&alias);
    assert!(is(&graph.viewer(email("a@example.com")), user_named("a").security_provider(PROVIDER)));
}

#[test]
fn members_and_grants_belong_to_the_provider_of_the_identity_that_names_them() {
    let mut graph = graph();
    let body = IdentityBody::group("g").member(Identity::user("a")).well_known(Identity::group("w"));
    graph.identities("Other").add_or_update(&body);
    let other = |identity: PermissionIdentity| identity.security_provider("Other");
    let member = graph.viewer(other(user_named("a")));
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
fn aliases_are_one_person_in_either_direction_with_all_groups_and_grants() {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update_alias(&address("a", "e").well_known(Identity::group("granted")))
        .add_or_update(&IdentityBody::group("g").member(Identity::user("a")))
        .add_or_update_alias(&MappedIdentityBody::group("other name of g").alias(MappedIdentity::group("g")));
    graph.identities(EMAIL).add_or_update(&IdentityBody::group("h").member(Identity::user("e")));
    for viewer in [graph.viewer(Identity::user("a")), graph.viewer(email("e"))] {
        for named in [
            user_named("a"),
            email("e"),
            group("g"),
            group("h").security_provider(EMAIL),
            group("granted"),
            group("other name of g"),
        ] {
            assert!(is(&viewer, named.clone()), "{viewer} {named:?}");
        }
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
    let in_provider = |name: &str, provider: &str| user_named(name).security_provider(provider);
    assert!(is(&graph.viewer(in_provider("a", "One")), in_provider("c", "Three")));
    assert!(is(&graph.viewer(in_provider("c", "Three")), in_provider("a", "One")));
}

#[test]
fn without_an_alias_the_same_name_in_another_provider_is_another_person() {
    let graph = pushed([IdentityBody::group("g").member(Identity::user("a@example.com"))]);
    assert!(!is(&graph.viewer(email("a@example.com")), group("g")));
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
    assert!(is(&graph.viewer(Identity::user("a")), user_named("b")));
    assert!(is(&graph.viewer(Identity::user("b")), user_named("a")));
    graph.identities(PROVIDER).add_or_update_alias(&MappedIdentityBody::user("b"));
    assert!(!is(&graph.viewer(Identity::user("a")), user_named("b")));
    assert!(!is(&graph.viewer(Identity::user("b")), user_named("a")));
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
    assert!(!is(&viewer, user_named("a")) && !is(&viewer, group("g")));
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
        .add_or_update_alias(&address("a", "e"))
        .add_or_update(&IdentityBody::group("g").member(Identity::user("a")))
        .delete(&Identity::user("a"));
    let viewer = graph.viewer(email("e"));
    assert!(is(&viewer, email("e")));
    assert!(!is(&viewer, user_named("a")) && !is(&viewer, group("g")));
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
        .add_or_update_alias(address("a", "e"));
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
