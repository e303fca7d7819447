//! Contradictions between the pushes of a run.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::item_text::ItemText;
use crate::finding::{Finding, Rule};
use crate::model::document_keys as key;
use crate::model::{Identity, IdentityBody, MappedIdentityBody, PermissionIdentity, Permissions, SecurityIdentityType};

/// The checks of a run that one operation alone cannot answer. All are off by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunValidation {
    /// Whether the source is secured.
    pub(crate) is_secured: bool,
    /// Whom the permissions of items may name.
    pub(crate) known: Option<KnownIdentities>,
    /// The pushed lists of each identity.
    pub(crate) pushed: Option<Arc<SeenIdentities>>,
}

impl RunValidation {
    /// The findings about the permissions of an item that was written.
    pub(crate) fn item(&self, id: &str, item: &ItemText<'_>) -> Vec<Finding> {
        if !self.is_secured && self.known.is_none() {
            return Vec::new();
        }
        let Some(permissions) = item.get(key::PERMISSIONS).filter(|_| item.has_permissions()) else {
            let message = "the service accepts the item and drops it, because the source is secured and the item does \
                           not say who may see it; give it permissions";
            let finding = Finding::new(id, Rule::PermissionsMissing, message);
            return self.is_secured.then_some(finding).into_iter().collect();
        };
        let Some(known) = &self.known else { return Vec::new() };
        let permissions = serde_json::from_slice::<Permissions>(permissions).ok();
        let unknown = permissions.as_ref().and_then(|it| it.identities().find(|identity| !known.knows(identity)));
        let finding = |PermissionIdentity { identity, identity_type, .. }: &PermissionIdentity| {
            let message = format!(
                "the service accepts the item and drops it, if no provider knows the {identity_type} `{identity}` that \
                 its permissions name, and none does in this run; push the identity first"
            );
            Finding::new(id, Rule::PermissionIdentityUnknown, message)
        };
        unknown.map(finding).into_iter().collect()
    }

    /// The contradictions to earlier pushes of the same identity.
    pub(crate) fn identity(&self, pushed: SeenIdentity<'_>) -> Vec<Finding> {
        self.pushed.as_ref().map(|earlier| earlier.compare(pushed)).unwrap_or_default()
    }

    /// Notes that an operation on an identity is part of the run.
    pub(crate) fn was_pushed(&self, pushed: SeenIdentity<'_>) {
        if let Some(earlier) = &self.pushed {
            earlier.note(pushed);
        }
    }
}

/// One operation on an identity, as it was pushed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SeenIdentity<'a> {
    Body(&'a IdentityBody),
    Alias(&'a MappedIdentityBody),
    Deleted(&'a Identity),
}

impl<'a> SeenIdentity<'a> {
    pub(crate) fn identity(self) -> &'a Identity {
        match self {
            Self::Body(body) => &body.identity,
            Self::Alias(body) => &body.identity,
            Self::Deleted(identity) => identity,
        }
    }
}

/// Hashes of 128 bits: two of 64, with keys of their own. Two things that differ have the same with a
/// probability that no run comes near.
#[derive(Default)]
struct Hashes([RandomState; 2]);

impl Hashes {
    fn hash(&self, provider: &str, name: &str, identity_type: SecurityIdentityType) -> u128 {
        let [high, low] = [0, 1].map(|half: usize| {
            self.0.get(half).map_or(0, |keyed: &RandomState| keyed.hash_one((provider, name, identity_type)))
        });
        u128::from(high) << 64 | u128::from(low)
    }

    fn key(&self, identity: &Identity) -> u128 {
        self.hash("", &identity.name, identity.identity_type)
    }

    /// The same for lists that hold the same, in whatever order and however often; never 0.
    fn list(&self, identities: Option<&[Identity]>) -> u64 {
        let mut hashes: Vec<u128> = identities.unwrap_or_default().iter().map(|identity| self.key(identity)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let [first, _] = &self.0;
        first.hash_one(hashes).max(1)
    }
}

/// The pushed lists of each identity in a run: 32 bytes an identity, beside the spare room of a table.
#[derive(Default)]
pub(crate) struct SeenIdentities {
    hashes: Hashes,
    by_key: Mutex<HashMap<u128, Lists>>,
}

/// The hashes of the lists of an identity; 0 for a list that was not pushed.
#[derive(Debug, Clone, Copy, Default)]
struct Lists {
    members: u64,
    well_knowns: u64,
}

impl SeenIdentities {
    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Lists>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists of an operation on an identity.
    fn lists(&self, pushed: SeenIdentity<'_>) -> Lists {
        match pushed {
            SeenIdentity::Body(IdentityBody { members, well_knowns, .. }) => Lists {
                members: self.hashes.list(members.as_deref()),
                well_knowns: self.hashes.list(well_knowns.as_deref()),
            },
            SeenIdentity::Alias(body) => {
                Lists { members: 0, well_knowns: self.hashes.list(body.well_knowns.as_deref()) }
            }
            SeenIdentity::Deleted(_) => Lists::default(),
        }
    }

    fn compare(&self, pushed: SeenIdentity<'_>) -> Vec<Finding> {
        let identity = pushed.identity();
        let Some(earlier) = self.lock().get(&self.hashes.key(identity)).copied() else { return Vec::new() };
        let now = self.lists(pushed);
        let differ = |earlier: u64, now: u64| earlier != 0 && now != 0 && earlier != now;
        let mut findings = Vec::new();
        if differ(earlier.members, now.members) {
            let message = "it was pushed with other members before in this run, and this push would remove those; push \
                           it once, with all of them";
            findings.push(Finding::new(&identity.name, Rule::IdentityMembersDiffer, message));
        }
        if differ(earlier.well_knowns, now.well_knowns) {
            let message = "it was pushed with other wellKnowns before in this run, and it would lose what it is granted; \
                           give the same in every call for it, aliases included";
            findings.push(Finding::new(&identity.name, Rule::WellKnownsDiffer, message));
        }
        findings
    }

    fn note(&self, pushed: SeenIdentity<'_>) {
        let (key, now) = (self.hashes.key(pushed.identity()), self.lists(pushed));
        let mut by_key = self.lock();
        if matches!(pushed, SeenIdentity::Deleted(_)) {
            by_key.remove(&key);
            return;
        }
        let lists = by_key.entry(key).or_default();
        lists.well_knowns = now.well_knowns;
        if now.members != 0 {
            lists.members = now.members;
        }
    }
}

impl fmt::Debug for SeenIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenIdentities").field("len", &self.lock().len()).finish_non_exhaustive()
    }
}

/// The identities that the providers of a run know, to hold the permissions of items against: the
/// service drops an item that names one which no provider knows.
///
/// It is a cheap handle. Give it to the run that pushes the identities, which adds those that the service accepted, and
/// then to the one that pushes the items; identities that were pushed before, or by another program, are [added](Self::add). It takes 16
/// bytes an identity, members and granted ones included, beside the spare room of a table.
///
/// ```
/// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::RefreshError> {
/// use coveo_push::{RefreshKind, KnownIdentities};
///
/// let known = KnownIdentities::new();
/// let groups = client.identities("My Provider").refresh();
/// let groups = groups.pusher(|pusher| pusher.known_identities(&known)).start().await?;
/// // … push the identities …
/// groups.finish().await.into_result()?;
///
/// let items = client.items("my-source").refresh(RefreshKind::Rebuild);
/// let items = items.pusher(|pusher| pusher.known_identities(&known).secured(true)).start().await?;
/// // … push the items: an item that names nobody, or an unknown identity, is refused …
/// items.finish().await.into_result()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct KnownIdentities(Arc<Known>);

#[derive(Default)]
struct Known {
    hashes: Hashes,
    state: Mutex<KnownState>,
}

#[derive(Default)]
struct KnownState {
    /// The providers that anything is known of.
    providers: Vec<Box<str>>,
    identities: HashSet<u128>,
}

impl KnownIdentities {
    /// Nobody is known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity that a provider knows.
    pub fn add(&self, provider_id: &str, identity: &Identity) {
        let mut state = self.lock();
        if !state.providers.iter().any(|known| **known == *provider_id) {
            state.providers.push(provider_id.into());
        }
        state.identities.insert(self.hash(provider_id, identity));
    }

    /// How many identities are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().identities.len()
    }

    /// Whether nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a provider knows the identity that a permission names. One that names a provider of
    /// which nothing is known here, such as the e-mail provider, cannot be judged and counts as known.
    #[must_use]
    pub fn knows(&self, permission: &PermissionIdentity) -> bool {
        let PermissionIdentity { identity, identity_type, .. } = permission;
        let state = self.lock();
        let known_to =
            |provider: &str| state.identities.contains(&self.0.hashes.hash(provider, identity, *identity_type));
        match permission.named_provider() {
            Some(named) => !state.providers.iter().any(|provider| **provider == *named) || known_to(named),
            None => state.providers.iter().any(|provider| known_to(provider)),
        }
    }

    /// The service accepted an operation on an identity.
    pub(crate) fn accepted(&self, provider_id: &str, pushed: SeenIdentity<'_>) {
        let (members, well_knowns) = match pushed {
            SeenIdentity::Body(body) => (body.members.as_deref(), body.well_knowns.as_deref()),
            SeenIdentity::Alias(body) => (None, body.well_knowns.as_deref()),
            SeenIdentity::Deleted(identity) => {
                self.lock().identities.remove(&self.hash(provider_id, identity));
                return;
            }
        };
        let others = [members, well_knowns].into_iter().flatten().flatten();
        std::iter::once(pushed.identity()).chain(others).for_each(|identity| self.add(provider_id, identity));
    }

    fn hash(&self, provider_id: &str, identity: &Identity) -> u128 {
        self.0.hashes.hash(provider_id, &identity.name, identity.identity_type)
    }

    fn lock(&self) -> MutexGuard<'_, KnownState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KnownIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownIdentities").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{MappedIdentity, PermissionSet};

    fn rules(findings: &[Finding]) -> Vec<Rule> {
        findings.iter().map(Finding::rule).collect()
    }

    fn of_item(checks: &RunValidation, item: &serde_json::Value) -> Vec<Rule> {
        rules(&checks.item("a://b", &ItemText::write(item).unwrap()))
    }

    #[test]
    fn an_identity_takes_32_bytes() {
        assert_eq!(size_of::<(u128, Lists)>(), 32);
    }

    #[test]
    fn permissions_are_missing_where_a_source_is_secured_and_an_item_names_no_set() {
        let secured = RunValidation { is_secured: true, ..RunValidation::default() };
        for item in [
            json!({}),
            json!({"permissions": null}),
            json!({"permissions": []}),
            json!({"Permissions": []}),
            json!({"permissions": [{"name": "l", "permissionSets": []}]}),
        ] {
            assert_eq!(of_item(&secured, &item), [Rule::PermissionsMissing], "{item}");
            assert_eq!(of_item(&RunValidation::default(), &item), []);
        }
        for item in [json!({"permissions": [{"allowAnonymous": true}]}), json!({"permissions": [{}]})] {
            assert_eq!(of_item(&secured, &item), [], "{item}");
        }
    }

    #[test]
    fn a_permission_names_somebody_whom_a_provider_of_the_run_knows() {
        let known = KnownIdentities::new();
        known.add("A", &Identity::group("staff"));
        known.add("B", &Identity::user("bob"));
        let checks = RunValidation { known: Some(known.clone()), ..RunValidation::default() };
        let named = PermissionIdentity::group("staff");
        #[rustfmt::skip]
        let table = [
            (named.clone(),                                    true),
            (named.clone().security_provider("A"),             true),
            (named.clone().security_provider("B"),             false),
            (named.security_provider("Email Security Provider"), true),
            (PermissionIdentity::user("staff"),                false),
            (PermissionIdentity::virtual_group("staff"),       false),
            (PermissionIdentity::user("bob"),                  true),
            (PermissionIdentity::user("Bob"),                  false),
        ];
        for (identity, is_known) in table {
            assert_eq!(known.knows(&identity), is_known, "{identity:?}");
            let denied = PermissionSet::new().allow(PermissionIdentity::user("bob")).deny(identity);
            let found = of_item(&checks, &json!({"permissions": [denied]}));
            assert_eq!(found, if is_known { vec![] } else { vec![Rule::PermissionIdentityUnknown] });
        }
        assert_eq!(of_item(&checks, &json!({})), []);
        assert_eq!(known.len(), 2);
    }

    #[test]
    fn nobody_is_known_before_anybody_was_pushed() {
        assert!(!KnownIdentities::new().knows(&PermissionIdentity::user("bob")));
        assert!(KnownIdentities::new().is_empty());
    }

    /// Pushes one after another, and tells what is found of the last one.
    fn of_last(pushed: &[SeenIdentity<'_>]) -> Vec<Rule> {
        let checks = RunValidation { pushed: Some(Arc::default()), ..RunValidation::default() };
        let mut found = Vec::new();
        for pushed in pushed {
            found = rules(&checks.identity(*pushed));
            checks.was_pushed(*pushed);
        }
        found
    }

    #[test]
    fn an_identity_that_is_pushed_again_has_the_same_members_and_grants() {
        use SeenIdentity::{Alias, Body, Deleted};

        let user = |name: &str| Identity::user(name);
        let group = IdentityBody::group("g");
        let ab = group.clone().members([user("a"), user("b")]);
        let ba = group.clone().members([user("b"), user("a"), user("b")]);
        let ac = group.clone().members([user("a"), user("c")]);
        let granted = ab.clone().well_known(Identity::group("all"));
        let alias = MappedIdentityBody::group("g").alias(MappedIdentity::group("h"));
        let alias_granted = alias.clone().well_known(Identity::group("all"));
        let as_user = IdentityBody { members: ac.members.clone(), ..IdentityBody::user("g") };
        let (members, well_knowns) = (Rule::IdentityMembersDiffer, Rule::WellKnownsDiffer);
        #[rustfmt::skip]
        let table: [(&[SeenIdentity<'_>], Vec<Rule>); 13] = [
            (&[Body(&ab), Body(&ab)],                              vec![]),
            (&[Body(&ab), Body(&ba)],                              vec![]),
            (&[Body(&ab), Body(&ac)],                              vec![members]),
            (&[Body(&ab), Body(&group)],                           vec![members]),
            (&[Body(&group), Body(&group.clone().members([]))],    vec![]),
            (&[Body(&ab), Body(&as_user)],                         vec![]),
            (&[Body(&ab), Deleted(&group.identity), Body(&ac)],    vec![]),
            (&[Body(&ab), Body(&granted)],                         vec![well_knowns]),
            (&[Body(&granted), Body(&ac)],                         vec![members, well_knowns]),
            (&[Body(&granted), Alias(&alias)],                     vec![well_knowns]),
            (&[Alias(&alias), Body(&granted)],                     vec![well_knowns]),
            (&[Alias(&alias_granted), Body(&granted)],             vec![]),
            (&[Body(&ab), Alias(&alias), Body(&ac)],               vec![members]),
        ];
        for (pushed, expected) in table {
            assert_eq!(of_last(pushed), expected, "{pushed:?}");
        }
    }

    #[test]
    fn who_is_accepted_is_known_with_members_and_grants_until_it_is_deleted() {
        let known = KnownIdentities::new();
        let group = IdentityBody::group("g").member(Identity::user("a")).well_known(Identity::group("all"));
        known.accepted("A", SeenIdentity::Body(&group));
        assert_eq!(known.len(), 3);
        for permission in [
            PermissionIdentity::group("g"),
            PermissionIdentity::user("a").security_provider("A"),
            PermissionIdentity::group("all"),
        ] {
            assert!(known.knows(&permission));
        }
        known.accepted("A", SeenIdentity::Deleted(&group.identity));
        assert!(!known.knows(&PermissionIdentity::group("g")));
        known.accepted("A", SeenIdentity::Alias(&MappedIdentityBody::group("g")));
        assert!(known.knows(&PermissionIdentity::group("g")));
    }
}
