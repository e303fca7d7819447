//! What levels and sets decide.

use coveo_push::{Access, PermissionIdentity, PermissionLevel, PermissionSet, Permissions, Viewer};

use super::{allow, deny, everybody, user};

fn named(name: &str) -> PermissionIdentity {
    PermissionIdentity::user(name)
}

fn level(sets: impl IntoIterator<Item = PermissionSet>) -> PermissionLevel {
    PermissionLevel::default().permission_sets(sets)
}

#[test]
fn public_permissions_allow_users_and_those_who_have_not_signed_in() {
    for viewer in [user("a"), Viewer::unauthenticated()] {
        assert!(Permissions::public().evaluate(&viewer).is_allowed());
    }
}

#[test]
fn whom_a_set_does_not_name_it_neither_allows_nor_denies() {
    assert!(Permissions::from(allow(named("a"))).evaluate(&user("b")).is_unknown());
    assert!(Permissions::from(deny(named("a"))).evaluate(&user("b")).is_unknown());
}

#[test]
fn a_denial_prevails_over_being_allowed_in_the_same_set() {
    let access = Permissions::from(allow(named("a")).deny(named("a"))).evaluate(&user("a"));
    assert!(access.is_denied(), "{access}");
}

#[test]
fn a_denial_prevails_over_a_set_that_is_open_to_everybody() {
    let access = Permissions::from(everybody().deny(named("a"))).evaluate(&user("a"));
    assert!(access.is_denied(), "{access}");
}

#[test]
fn a_denial_in_any_set_of_a_level_prevails_whichever_comes_first() {
    let sets = [allow(named("a")), deny(named("a"))];
    for sets in [sets.clone(), [sets[1].clone(), sets[0].clone()]] {
        assert!(Permissions::simplified(sets).evaluate(&user("a")).is_denied());
    }
}

#[test]
fn a_level_allows_only_those_whom_every_set_allows() {
    let permissions = Permissions::simplified([allow(named("a")).allow(named("b")), allow(named("a"))]);
    assert!(permissions.evaluate(&user("a")).is_allowed());
    assert!(permissions.evaluate(&user("b")).is_unknown());
}

#[test]
fn a_set_open_to_everybody_does_not_make_up_for_another_that_allows_others() {
    let permissions = Permissions::simplified([everybody(), allow(named("a"))]);
    assert!(permissions.evaluate(&user("a")).is_allowed());
    assert!(permissions.evaluate(&user("b")).is_unknown());
}

#[test]
fn the_first_level_that_decides_counts() {
    let allows_then_denies = Permissions::complete([level([allow(named("a"))]), level([deny(named("a"))])]);
    assert!(allows_then_denies.evaluate(&user("a")).is_allowed());
    let denies_then_allows = Permissions::complete([level([deny(named("a"))]), level([allow(named("a"))])]);
    assert!(denies_then_allows.evaluate(&user("a")).is_denied());
}

#[test]
fn a_level_in_which_some_sets_allow_and_the_others_say_nothing_leaves_it_to_the_next() {
    let half = level([allow(named("a")), allow(named("b"))]);
    let permissions = Permissions::complete([half.clone(), level([allow(named("a"))])]);
    assert!(permissions.evaluate(&user("a")).is_allowed());
    let permissions = Permissions::complete([half, level([deny(named("a"))])]);
    assert!(permissions.evaluate(&user("a")).is_denied());
}

#[test]
fn where_no_level_decides_the_access_is_unknown_with_a_reason_for_each_level() {
    let permissions = Permissions::complete([level([everybody(), allow(named("b"))]), level([allow(named("c"))])]);
    let Access::Unknown(reasons) = permissions.evaluate(&user("a")) else { panic!() };
    let places: Vec<_> = reasons.iter().map(|reason| (reason.level_index(), reason.set_index())).collect();
    assert_eq!(places, [(0, 1), (1, 0)]);
    assert!(reasons.iter().all(|reason| reason.path().is_none()));
}

#[test]
fn who_has_not_signed_in_is_denied_by_a_set_that_is_not_open_and_no_later_level_is_asked() {
    let permissions = Permissions::complete([level([allow(named("a"))]), level([everybody()])]);
    assert!(permissions.evaluate(&Viewer::unauthenticated()).is_denied());
    assert!(permissions.evaluate(&user("b")).is_allowed());
}

#[test]
fn who_has_not_signed_in_is_not_denied_by_a_list_that_denies_others() {
    let permissions = Permissions::from(everybody().deny(named("a")));
    assert!(permissions.evaluate(&Viewer::unauthenticated()).is_allowed());
}

#[test]
fn permissions_without_sets_and_levels_without_sets_decide_about_nobody() {
    for viewer in [user("a"), Viewer::unauthenticated()] {
        assert_eq!(Permissions::simplified([]).evaluate(&viewer), Access::Unknown(vec![]));
        assert_eq!(Permissions::complete([]).evaluate(&viewer), Access::Unknown(vec![]));
        let access = Permissions::complete([level([]), level([everybody()])]).evaluate(&viewer);
        assert_eq!(access.reasons()[0].level_index(), 1, "{access}");
        assert!(access.is_allowed(), "{access}");
    }
}
