//! What a person reads, and what a program asks for.

use coveo_push::MembershipRelation;
use coveo_push::{
    Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity, PermissionLevel,
    PermissionSet, Permissions, Viewer,
};

use super::{EMAIL, PROVIDER, allow, deny, email, everybody, graph, user};

/// asmith signs in by her address, is in Editors, which is in Staff, which is granted Everyone.
fn sample_graph() -> IdentityGraph {
    let mut graph = graph();
    graph
        .identities(PROVIDER)
        .add_or_update(&IdentityBody::group("Editors").member(Identity::user("asmith")))
        .add_or_update(
            &IdentityBody::group("Staff").member(Identity::group("Editors")).well_known(Identity::group("Everyone")),
        )
        .add_or_update_alias(
            &MappedIdentityBody::user("asmith").alias(MappedIdentity::user("asmith@example.com").provider(EMAIL)),
        );
    graph
}

fn alice() -> Viewer {
    sample_graph().viewer(email("asmith@example.com"))
}

#[test]
fn a_path_prints_from_the_viewer_to_whom_the_permission_names() {
    let access = Permissions::from(allow(PermissionIdentity::group("Everyone"))).evaluate(&alice());
    let path = access.reasons()[0].path().unwrap();
    let text = "asmith@example.com [Email Security Provider] = asmith -> Editors -> Staff -> Everyone";
    assert_eq!(path.to_string(), text);
}

#[test]
fn a_verdict_prints_in_one_short_line_however_long_the_path_and_the_list_of_sets() {
    let mut graph = graph();
    let mut identities = graph.identities(PROVIDER);
    identities.add_or_update(&IdentityBody::group("g1").member(Identity::user("a")));
    for n in 2..1_000 {
        identities.add_or_update(&IdentityBody::group(format!("g{n}")).member(Identity::group(format!("g{}", n - 1))));
    }
    let sets = vec![allow(PermissionIdentity::group("g999")); 50];
    let access = Permissions::simplified(sets).evaluate(&graph.viewer(Identity::user("a"))).to_string();
    let path = "(a -> g1 -> g2 -> g3 -> … 992 more … -> g996 -> g997 -> g998 -> g999)";
    assert!(access.starts_with(&format!("allowed in level 1: by set 1 {path}, by set 2 {path}")), "{access}");
    assert!(access.ends_with(&format!("by set 10 {path}, and 40 more")), "{access}");
    let nobody = vec![PermissionSet::new(); 50];
    let access = Permissions::simplified(nobody).evaluate(&user("a")).to_string();
    assert!(access.ends_with("level 1, set 1"), "{access}");
}

#[test]
fn a_path_has_its_identities_and_what_each_is_to_the_next() {
    let access = Permissions::from(allow(PermissionIdentity::group("Everyone"))).evaluate(&alice());
    let path = access.reasons()[0].path().unwrap();
    let own = |identity: PermissionIdentity| identity.security_provider(PROVIDER);
    let expected = [
        email("asmith@example.com"),
        own(PermissionIdentity::user("asmith")),
        own(PermissionIdentity::group("Editors")),
        own(PermissionIdentity::group("Staff")),
        own(PermissionIdentity::group("Everyone")),
    ];
    assert_eq!(path.to_identities(), expected.each_ref());
    assert_eq!(
        path.to_relations(),
        [
            MembershipRelation::Alias,
            MembershipRelation::Member,
            MembershipRelation::Member,
            MembershipRelation::Granted
        ]
    );
}

#[test]
fn of_several_paths_the_shortest_is_told() {
    let mut graph = sample_graph();
    graph.identities(PROVIDER).add_or_update(&IdentityBody::user("asmith").well_known(Identity::group("Staff")));
    let access =
        Permissions::from(allow(PermissionIdentity::group("Staff"))).evaluate(&graph.viewer(Identity::user("asmith")));
    assert_eq!(access.to_string(), "allowed in level 1: by set 1 (asmith -> Staff)");
}

#[test]
fn an_allowed_access_prints_with_what_each_set_allowed() {
    let level = PermissionLevel::new("Readers")
        .permission_set(everybody())
        .permission_set(allow(PermissionIdentity::group("Staff")));
    let permissions =
        Permissions::complete([PermissionLevel::new("Owners").permission_set(PermissionSet::new()), level]);
    let access = permissions.evaluate(&sample_graph().viewer(Identity::user("asmith")));
    let text = "allowed in level 2 `Readers`: by set 1 (everybody), by set 2 (asmith -> Editors -> Staff)";
    assert_eq!(access.to_string(), text);
}

#[test]
fn a_denied_access_prints_with_the_set_that_denied_and_through_what() {
    let permissions = Permissions::simplified([everybody(), deny(PermissionIdentity::group("Editors"))]);
    let access = permissions.evaluate(&sample_graph().viewer(Identity::user("asmith")));
    assert_eq!(access.to_string(), "denied in level 1, set 2 (asmith -> Editors)");
}

#[test]
fn the_denial_of_who_has_not_signed_in_prints_so() {
    let permissions = Permissions::complete([PermissionLevel::new("Owners").permission_set(PermissionSet::new())]);
    let text = "denied in level 1 `Owners`, set 1 (an unauthenticated user, and the set is not open to everybody)";
    assert_eq!(permissions.evaluate(&Viewer::unauthenticated()).to_string(), text);
}

#[test]
fn an_unknown_access_prints_the_sets_that_would_have_had_to_allow() {
    let level = |name: &str| {
        PermissionLevel::new("L").permission_set(everybody()).permission_set(allow(PermissionIdentity::user(name)))
    };
    let access = Permissions::complete([level("b"), level("c")]).evaluate(&user("a"));
    let text = "unknown: neither denied nor allowed in level 1 `L`, set 2, nor in level 2 `L`, set 2";
    assert_eq!(access.to_string(), text);
    let access = Permissions::simplified([]).evaluate(&user("a"));
    assert_eq!(access.to_string(), "unknown: there is no permission set");
}

#[test]
fn a_viewer_prints_as_whom_it_was_looked_up_for() {
    assert_eq!(user("a").to_string(), "a");
    assert_eq!(alice().to_string(), "asmith@example.com [Email Security Provider]");
    let mut graph = graph();
    graph.identities(PROVIDER).delete(&Identity::user("a"));
    assert_eq!(graph.viewer(Identity::user("a")).to_string(), "a (disabled)");
    assert_eq!(Viewer::unauthenticated().to_string(), "an unauthenticated user");
    assert_eq!(format!("{:?}", user("a")), "Viewer(a: 1 identities)");
}

#[test]
fn a_viewer_lists_who_they_are_the_nearest_first() {
    let names: Vec<_> = alice().identities().map(|identity| identity.identity.clone()).collect();
    assert_eq!(names, ["asmith@example.com", "asmith", "Editors", "Staff", "Everyone"]);
}

#[test]
fn a_verdict_outlives_permissions_viewer_and_graph() {
    let access = Permissions::from(allow(PermissionIdentity::user("a"))).evaluate(&user("a"));
    let told = std::thread::spawn(move || access.to_string()).join().unwrap();
    assert_eq!(told, "allowed in level 1: by set 1 (a)");
}

#[test]
fn an_access_is_one_line_whatever_the_names() {
    let level = PermissionLevel::new("Read\ners").permission_set(allow(PermissionIdentity::user("a\nb")));
    let access = Permissions::complete([level]).evaluate(&sample_graph().viewer(Identity::user("a\nb")));
    let line = access.to_string();
    assert!(line.contains("`Read ers`") && line.contains("a b") && !line.contains('\n'), "{line:?}");
}
