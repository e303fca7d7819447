//! The decisions of levels and sets.

use coveo_push::{Access, PermissionIdentity, PermissionLevel, PermissionSet, Permissions, Viewer};

use super::{allow, deny, everybody, user, verdict};

fn named(name: &str) -> PermissionIdentity {
    PermissionIdentity::user(name)
}

fn level(sets: impl IntoIterator<Item = PermissionSet>) -> PermissionLevel {
    PermissionLevel::default().permission_sets(sets)
}

fn one_level(sets: impl IntoIterator<Item = PermissionSet>) -> Permissions {
    Permissions::simplified(sets)
}

fn levels(levels: impl IntoIterator<Item = PermissionLevel>) -> Permissions {
    Permissions::complete(levels)
}

#[test]
fn sets_and_levels_decide_by_the_rules() {
    let (a, b, nobody) = (&user("a"), &user("b"), &Viewer::unauthenticated());
    let half = level([allow(named("a")), allow(named("b"))]);
    #[rustfmt::skip]
    let table = [
        ("public permissions allow a user", Permissions::public(), a, "allowed"),
        ("public permissions allow an unauthenticated user", Permissions::public(), nobody, "allowed"),
        ("a set does not allow others than it names", one_level([allow(named("a"))]), b, "unknown"),
        ("a set does not deny others than it names", one_level([deny(named("a"))]), b, "unknown"),
        ("denial prevails in a set", one_level([allow(named("a")).deny(named("a"))]), a, "denied"),
        ("denial prevails in an open set", one_level([everybody().deny(named("a"))]), a, "denied"),
        ("denial prevails in a later set", one_level([allow(named("a")), deny(named("a"))]), a, "denied"),
        ("denial prevails in an earlier set", one_level([deny(named("a")), allow(named("a"))]), a, "denied"),
        ("a level allows those whom every set allows", one_level([allow(named("a")).allow(named("b")), allow(named("a"))]), a, "allowed"),
        ("a level does not allow others", one_level([allow(named("a")).allow(named("b")), allow(named("a"))]), b, "unknown"),
        ("an open set allows with another set", one_level([everybody(), allow(named("a"))]), a, "allowed"),
        ("an open set does not replace another set", one_level([everybody(), allow(named("a"))]), b, "unknown"),
        ("the first level that allows wins", levels([level([allow(named("a"))]), level([deny(named("a"))])]), a, "allowed"),
        ("the first level that denies wins", levels([level([deny(named("a"))]), level([allow(named("a"))])]), a, "denied"),
        ("a half allowing level leaves it to one that allows", levels([half.clone(), level([allow(named("a"))])]), a, "allowed"),
        ("a half allowing level leaves it to one that denies", levels([half, level([deny(named("a"))])]), a, "denied"),
        ("a closed set denies an unauthenticated user", levels([level([allow(named("a"))]), level([everybody()])]), nobody, "denied"),
        ("a closed set does not deny another user", levels([level([allow(named("a"))]), level([everybody()])]), b, "allowed"),
        ("a denied user is not an unauthenticated one", one_level([everybody().deny(named("a"))]), nobody, "allowed"),
        ("a level without sets is skipped for a user", levels([level([]), level([everybody()])]), a, "allowed"),
        ("a level without sets is skipped for an unauthenticated user", levels([level([]), level([everybody()])]), nobody, "allowed"),
    ];
    for (rule, permissions, viewer, expected) in table {
        let access = permissions.evaluate(viewer);
        assert_eq!(verdict(&access), expected, "{rule}: {access}");
    }
}

#[test]
fn unknown_access_has_a_reason_for_each_level() {
    let permissions = levels([level([everybody(), allow(named("b"))]), level([allow(named("c"))])]);
    let Access::Unknown(reasons) = permissions.evaluate(&user("a")) else { panic!() };
    let places: Vec<_> = reasons.iter().map(|reason| (reason.level_index(), reason.set_index())).collect();
    assert_eq!(places, [(0, 1), (1, 0)]);
    assert!(reasons.iter().all(|reason| reason.path().is_none()));
}

#[test]
fn levels_without_sets_have_no_reasons() {
    for viewer in [user("a"), Viewer::unauthenticated()] {
        assert_eq!(one_level([]).evaluate(&viewer), Access::Unknown(vec![]));
        assert_eq!(levels([]).evaluate(&viewer), Access::Unknown(vec![]));
        let access = levels([level([]), level([everybody()])]).evaluate(&viewer);
        assert_eq!(access.reasons()[0].level_index(), 1, "{access}");
    }
}
