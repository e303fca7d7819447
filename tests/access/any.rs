//! Any identities, any permissions: held against the slow model.

use coveo_push::{
    Access, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PermissionIdentity, PermissionLevel,
    PermissionSet, Permissions, SecurityIdentityType, Viewer,
};
use coveo_push::{AccessReason, MembershipPath};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::cases::cases;
use super::model::{self, Push, Pushes, Verdict, Who};
use super::{EMAIL, PROVIDER};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "A"];
const PROVIDERS: [&str; 2] = [PROVIDER, EMAIL];
const TYPES: [SecurityIdentityType; 4] = [
    SecurityIdentityType::User,
    SecurityIdentityType::Group,
    SecurityIdentityType::VirtualGroup,
    SecurityIdentityType::Unknown,
];

fn kind() -> impl Strategy<Value = SecurityIdentityType> {
    use SecurityIdentityType::{Group, Unknown, User, VirtualGroup};
    // Mostly two, so that much is related.
    select(vec![User, User, User, Group, Group, Group, VirtualGroup, Unknown])
}

fn identity() -> impl Strategy<Value = Identity> {
    (select(&NAMES), kind()).prop_map(|(name, kind)| Identity::new(name, kind))
}

fn named() -> impl Strategy<Value = PermissionIdentity> {
    let provider = option::of(select(&PROVIDERS));
    (select(&NAMES), kind(), provider).prop_map(|(name, kind, provider)| {
        let named = PermissionIdentity::new(name, kind);
        provider.into_iter().fold(named, PermissionIdentity::security_provider)
    })
}

fn alias() -> impl Strategy<Value = MappedIdentity> {
    named().prop_map(|PermissionIdentity { identity, identity_type, security_provider, .. }| {
        let alias = MappedIdentity::new(identity, identity_type);
        security_provider.into_iter().fold(alias, MappedIdentity::provider)
    })
}

fn push() -> impl Strategy<Value = Push> {
    let others = || option::of(vec(identity(), 0..4));
    prop_oneof![
        6 => (select(&PROVIDERS), identity(), others(), option::weighted(0.3, vec(identity(), 0..3)))
            .prop_map(|(provider, identity, members, well_knowns)| {
                let body = members.into_iter().fold(IdentityBody::new(identity), IdentityBody::members);
                Push::Members(provider, well_knowns.into_iter().fold(body, IdentityBody::well_knowns))
            }),
        3 => (select(&PROVIDERS), identity(), vec(alias(), 0..3), option::weighted(0.3, vec(identity(), 0..3)))
            .prop_map(|(provider, identity, mappings, well_knowns)| {
                let body = MappedIdentityBody::new(identity).aliases(mappings);
                Push::Aliases(provider, well_knowns.into_iter().fold(body, MappedIdentityBody::well_knowns))
            }),
        1 => (select(&PROVIDERS), identity()).prop_map(|(provider, identity)| Push::Deleted(provider, identity)),
    ]
}

pub(crate) fn pushes() -> impl Strategy<Value = Pushes> {
    vec(push(), 0..20).prop_map(Pushes)
}

fn set() -> impl Strategy<Value = PermissionSet> {
    (prop::bool::weighted(0.3), vec(named(), 0..5), vec(named(), 0..2)).prop_map(|(anonymous, allowed, denied)| {
        PermissionSet::new().allow_anonymous(anonymous).allow_all(allowed).deny_all(denied)
    })
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let level = (option::of("[a-z]{1,3}"), vec(set(), 0..3)).prop_map(|(name, sets)| {
        name.map_or_else(PermissionLevel::default, PermissionLevel::new).permission_sets(sets)
    });
    prop_oneof![vec(set(), 0..4).prop_map(Permissions::Simplified), vec(level, 0..4).prop_map(Permissions::Complete)]
}

/// Everybody of whom there can be talk.
fn everybody() -> Vec<Who> {
    let of = |provider: &str, name: &str| TYPES.map(|kind| (provider.to_owned(), name.to_owned(), kind));
    PROVIDERS.iter().flat_map(|provider| NAMES.iter().flat_map(move |name| of(provider, name))).collect()
}

/// A path begins with the viewer, leads on by what was pushed, ends with whom the list names, and is
/// as short as can be.
fn check_path(
    path: &MembershipPath,
    from: &Who,
    list: &[PermissionIdentity],
    pushes: &Pushes,
    closure: &[(Who, usize)],
) {
    let way: Vec<Who> = path.to_identities().into_iter().map(model::named).collect();
    let end = way.last().unwrap();
    assert_eq!(way.first().unwrap(), from);
    assert!(list.iter().any(|identity| model::named(identity) == *end), "{path}");
    assert!(way.windows(2).all(|step| pushes.leads(&step[0], &step[1])), "{path}");
    assert_eq!(path.to_relations().len(), way.len() - 1);
    let (_, steps) = closure.iter().find(|(who, _)| who == end).unwrap();
    assert_eq!(way.len() - 1, *steps, "{path}");
}

fn set_of<'a>(levels: &'a [PermissionLevel], reason: &AccessReason) -> &'a PermissionSet {
    assert_eq!(levels[reason.level_index()].name.as_deref(), reason.level_name());
    &levels[reason.level_index()].permission_sets[reason.set_index()]
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_verdict_is_that_of_the_rules(pushes in pushes(), of in vec((named(), permissions()), 1..8)) {
        let graph = pushes.graph();
        let everybody = everybody();
        for (viewer, permissions) in of {
            let from = model::named(&viewer);
            let closure = pushes.closure(&from, &everybody);
            let identities: Vec<Who> = closure.iter().map(|(who, _)| who.clone()).collect();
            let levels = model::levels(&permissions);
            let access = permissions.evaluate(&graph.viewer(viewer));
            match (&access, model::verdict(&permissions, Some(&identities))) {
                (Access::Allowed(reasons), Verdict::Allowed { level }) => {
                    assert_eq!(reasons.len(), levels[level].permission_sets.len());
                    for (number, reason) in reasons.iter().enumerate() {
                        assert_eq!((reason.level_index(), reason.set_index()), (level, number));
                        let set = set_of(&levels, reason);
                        match reason.path() {
                            Some(path) => check_path(path, &from, &set.allowed_permissions, &pushes, &closure),
                            None => assert!(set.allow_anonymous),
                        }
                    }
                }
                (Access::Denied(reason), Verdict::Denied { level, set }) => {
                    assert_eq!((reason.level_index(), reason.set_index()), (level, set));
                    let denied = &set_of(&levels, reason).denied_permissions;
                    check_path(reason.path().unwrap(), &from, denied, &pushes, &closure);
                }
                (Access::Unknown(reasons), Verdict::Unknown) => {
                    let with_sets = levels.iter().filter(|level| !level.permission_sets.is_empty()).count();
                    assert_eq!(reasons.len(), with_sets);
                    for reason in reasons {
                        let set = set_of(&levels, reason);
                        let mut alone = set.clone();
                        alone.denied_permissions.clear();
                        let alone = Permissions::from(alone);
                        assert_eq!(model::verdict(&alone, Some(&identities)), Verdict::Unknown);
                    }
                }
                (access, verdict) => panic!("{access} is not {verdict:?}"),
            }
        }
    }

    #[test]
    fn a_viewer_is_all_whom_the_pushes_lead_to(pushes in pushes(), viewer in named()) {
        let mut expected: Vec<Who> =
            pushes.closure(&model::named(&viewer), &everybody()).into_iter().map(|(who, _)| who).collect();
        let mut found: Vec<Who> = pushes.graph().viewer(viewer).identities().map(model::named).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_simplified_model_is_one_level_without_a_name(
        pushes in pushes(), viewer in option::of(named()), sets in vec(set(), 0..4)
    ) {
        let viewer = viewer.map_or_else(Viewer::unauthenticated, |viewer| pushes.graph().viewer(viewer));
        let level = PermissionLevel::default().permission_sets(sets.clone());
        let of_one_level = Permissions::complete([level]).evaluate(&viewer);
        prop_assert_eq!(Permissions::simplified(sets).evaluate(&viewer), of_one_level);
    }

    #[test]
    fn of_who_has_not_signed_in_a_verdict_is_that_of_the_rules(permissions in permissions()) {
        let access = permissions.evaluate(&Viewer::unauthenticated());
        let verdict = match &access {
            Access::Allowed(reasons) => Verdict::Allowed { level: reasons[0].level_index() },
            Access::Denied(reason) => Verdict::Denied { level: reason.level_index(), set: reason.set_index() },
            Access::Unknown(_) => Verdict::Unknown,
        };
        prop_assert_eq!(verdict, model::verdict(&permissions, None));
        prop_assert!(access.reasons().iter().all(|reason| reason.path().is_none()));
    }
}
