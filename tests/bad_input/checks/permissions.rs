//! Any permissions, asked of anybody in any graph, against the rules written a second time.

#[allow(dead_code, reason = "the tests of access use all of it")]
#[path = "../../access/model.rs"]
mod model;

use arbitrary::{Result, Unstructured};
use coveo_push::{
    Access, Identity, IdentityBody, IdentityGraph, MappedIdentity, MappedIdentityBody, PermissionIdentity,
    PermissionLevel, PermissionSet, Permissions, SecurityIdentityType, Viewer,
};
use model::{Push, Pushes, Verdict, Who};

const PROVIDER: &str = "My Security Identity Provider";
const EMAIL: &str = "Email Security Provider";
const PROVIDERS: [&str; 2] = [PROVIDER, EMAIL];
const NAMES: [&str; 4] = ["a", "b", "c", "A"];
const TYPES: [SecurityIdentityType; 3] =
    [SecurityIdentityType::User, SecurityIdentityType::Group, SecurityIdentityType::VirtualGroup];

fn graph() -> IdentityGraph {
    IdentityGraph::new(PROVIDER)
}

/// The bytes say who is in which group and who may see an item. Too few of them say nothing.
pub(crate) fn check(input: &[u8]) {
    let _ = check_all(&mut Unstructured::new(input));
}

fn check_all(input: &mut Unstructured<'_>) -> Result<()> {
    let (provider, viewer) = (*input.choose(&PROVIDERS)?, identity(input)?);
    let permissions = permissions(input)?;
    let pushes = Pushes(list(input, 12, push)?);
    let graph = pushes.graph();
    let viewer = PermissionIdentity::new(viewer.name, viewer.identity_type).security_provider(provider);
    let from = model::named(&viewer);
    let closure: Vec<Who> = pushes.closure(&from, &everybody()).into_iter().map(|(who, _)| who).collect();
    compare(&permissions, &graph.viewer(viewer), Some(&closure));
    compare(&permissions, &Viewer::unauthenticated(), None);
    Ok(())
}

fn compare(permissions: &Permissions, viewer: &Viewer, closure: Option<&[Who]>) {
    let access = permissions.evaluate(viewer);
    let verdict = match &access {
        Access::Allowed(reasons) => Verdict::Allowed { level: reasons[0].level_index() },
        Access::Denied(reason) => Verdict::Denied { level: reason.level_index(), set: reason.set_index() },
        Access::Unknown(_) => Verdict::Unknown,
    };
    assert_eq!(verdict, model::verdict(permissions, closure), "{permissions:?} for {closure:?}: {access}");
}

/// Everybody of whom there can be talk.
fn everybody() -> Vec<Who> {
    let of = |provider: &str, name: &str| TYPES.map(|kind| (provider.to_owned(), name.to_owned(), kind));
    PROVIDERS.iter().flat_map(|provider| NAMES.iter().flat_map(move |name| of(provider, name))).collect()
}

fn list<'a, T>(
    input: &mut Unstructured<'a>,
    most: usize,
    one: fn(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..input.int_in_range(0..=most)?).map(|_| one(input)).collect()
}

fn identity(input: &mut Unstructured<'_>) -> Result<Identity> {
    Ok(Identity::new(*input.choose(&NAMES)?, *input.choose(&TYPES)?))
}

fn provider(input: &mut Unstructured<'_>) -> Result<Option<String>> {
    Ok(input.choose(&[None, Some(PROVIDER), Some(EMAIL)])?.map(str::to_owned))
}

fn named(input: &mut Unstructured<'_>) -> Result<PermissionIdentity> {
    let named = PermissionIdentity::from(identity(input)?);
    Ok(provider(input)?.into_iter().fold(named, PermissionIdentity::security_provider))
}

fn alias(input: &mut Unstructured<'_>) -> Result<MappedIdentity> {
    let alias = MappedIdentity::from(identity(input)?);
    Ok(provider(input)?.into_iter().fold(alias, MappedIdentity::provider))
}

fn push(input: &mut Unstructured<'_>) -> Result<Push> {
    let (provider, identity_of) = (*input.choose(&PROVIDERS)?, identity(input)?);
    let what = input.int_in_range(0..=8)?;
    let well_knowns = if input.ratio(1, 4)? { Some(list(input, 3, identity)?) } else { None };
    Ok(match what {
        0 => Push::Deleted(provider, identity_of),
        1..=3 => {
            let mappings = list(input, 3, alias)?;
            let body = MappedIdentityBody::new(identity_of).aliases(mappings);
            Push::Aliases(provider, well_knowns.into_iter().fold(body, MappedIdentityBody::well_knowns))
        }
        _ => {
            let body = IdentityBody::new(identity_of).members(list(input, 4, identity)?);
            Push::Members(provider, well_knowns.into_iter().fold(body, IdentityBody::well_knowns))
        }
    })
}

fn set(input: &mut Unstructured<'_>) -> Result<PermissionSet> {
    let set = PermissionSet::new().allow_anonymous(input.ratio(1, 3)?).allow_all(list(input, 4, named)?);
    Ok(set.deny_all(list(input, 2, named)?))
}

fn level(input: &mut Unstructured<'_>) -> Result<PermissionLevel> {
    Ok(PermissionLevel::default().permission_sets(list(input, 3, set)?))
}

fn permissions(input: &mut Unstructured<'_>) -> Result<Permissions> {
    if input.arbitrary()? {
        Ok(Permissions::Simplified(list(input, 3, set)?))
    } else {
        Ok(Permissions::Complete(list(input, 3, level)?))
    }
}
