use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::any_case::deserialize_any_case;
use super::identity::constructors_by_type;
use super::{Identity, SecurityIdentityType};

/// The permissions of an item, in one of the service's two models
/// ([articles 107](https://docs.coveo.com/en/107/) and [25](https://docs.coveo.com/en/25/)).
///
/// An item without permissions is never public by default. A secured source reports an error for it; a
/// private or shared source does not need them. [`evaluate`](Self::evaluate) tells beforehand who will see
/// the item.
///
/// ```
/// use coveo_push::{PermissionIdentity, PermissionLevel, PermissionSet, Permissions};
///
/// let team_but_not_bob = PermissionSet::new()
///     .allow(PermissionIdentity::group("SampleGroup"))
///     .deny(PermissionIdentity::user("bob@example.com"));
/// let simplified = Permissions::simplified([team_but_not_bob.clone()]);
/// let complete = Permissions::complete([PermissionLevel::new("Owners").permission_set(team_but_not_bob)]);
/// # let _ = (simplified, complete);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Permissions {
    /// One level. A user sees the item when every set allows them, and none denies them.
    Simplified(Vec<PermissionSet>),
    /// Several levels. The first level that allows or denies a user decides.
    Complete(Vec<PermissionLevel>),
}

impl Permissions {
    /// Everybody may see the item, including unauthenticated users.
    #[must_use]
    pub fn public() -> Self {
        Self::Simplified(vec![PermissionSet::new().allow_anonymous(true)])
    }

    /// The simplified model: sets that must all allow a user.
    pub fn simplified(sets: impl IntoIterator<Item = PermissionSet>) -> Self {
        Self::Simplified(sets.into_iter().collect())
    }

    /// The complete model: levels in the order in which they decide.
    pub fn complete(levels: impl IntoIterator<Item = PermissionLevel>) -> Self {
        Self::Complete(levels.into_iter().collect())
    }

    /// The sets of all levels.
    pub fn sets(&self) -> impl Iterator<Item = &PermissionSet> {
        let (simplified, complete) = match self {
            Self::Simplified(sets) => (sets.as_slice(), [].as_slice()),
            Self::Complete(levels) => ([].as_slice(), levels.as_slice()),
        };
        simplified.iter().chain(complete.iter().flat_map(|level| &level.permission_sets))
    }

    /// The identities that are allowed or denied, each as often as it occurs.
    pub fn identities(&self) -> impl Iterator<Item = &PermissionIdentity> {
        self.sets().flat_map(|set| set.allowed_permissions.iter().chain(&set.denied_permissions))
    }
}

impl From<PermissionSet> for Permissions {
    fn from(set: PermissionSet) -> Self {
        Self::Simplified(vec![set])
    }
}

impl From<Vec<PermissionSet>> for Permissions {
    fn from(sets: Vec<PermissionSet>) -> Self {
        Self::Simplified(sets)
    }
}

impl From<Vec<PermissionLevel>> for Permissions {
    fn from(levels: Vec<PermissionLevel>) -> Self {
        Self::Complete(levels)
    }
}

/// A set or a level. Their keys tell which.
struct Entry {
    name: Option<String>,
    permission_sets: Option<Vec<PermissionSet>>,
    allow_anonymous: bool,
    allowed_permissions: Vec<PermissionIdentity>,
    denied_permissions: Vec<PermissionIdentity>,
}

deserialize_any_case!(Entry {
    name: optional "name",
    permission_sets: optional "permissionSets",
    allow_anonymous: optional "allowAnonymous" | "allowedAnonymous",
    allowed_permissions: optional "allowedPermissions",
    denied_permissions: optional "deniedPermissions",
});

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sets = Vec::new();
        let mut levels = Vec::new();
        let mixed = || D::Error::custom("permissions hold either permission sets or permission levels, not both");
        for entry in Vec::<Entry>::deserialize(deserializer)? {
            let Entry { name, permission_sets, allow_anonymous, allowed_permissions, denied_permissions } = entry;
            let set = PermissionSet { allow_anonymous, allowed_permissions, denied_permissions };
            match (name, permission_sets) {
                // A level cannot hold permissions beside its sets.
                (_, Some(_)) if set != PermissionSet::default() => return Err(mixed()),
                (name, Some(permission_sets)) => levels.push(PermissionLevel { name, permission_sets }),
                (Some(_), None) => {
                    return Err(D::Error::custom(
                        "a permission level needs `permissionSets`, and a permission set has no `name`",
                    ));
                }
                (None, None) => sets.push(set),
            }
        }
        match (sets.is_empty(), levels.is_empty()) {
            (_, true) => Ok(Self::Simplified(sets)),
            (true, false) => Ok(Self::Complete(levels)),
            (false, false) => Err(mixed()),
        }
    }
}

/// A level of the complete permission model: sets that must all allow a user
/// ([article 25](https://docs.coveo.com/en/25/)). [`default`](Self::default) has no name.
///
/// ```
/// use coveo_push::{PermissionIdentity, PermissionLevel, PermissionSet};
///
/// // Users who are members of both groups.
/// let sets = ["Staff", "Editors"].map(|group| PermissionSet::new().allow(PermissionIdentity::group(group)));
/// let level = PermissionLevel::new("Editors on the staff").permission_sets(sets);
/// assert_eq!(level.permission_sets.len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PermissionLevel {
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sets, which must all allow a user.
    pub permission_sets: Vec<PermissionSet>,
}

deserialize_any_case!(PermissionLevel {
    name: optional "name",
    permission_sets: required "permissionSets",
});

impl PermissionLevel {
    /// A level with a name, and without sets.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), permission_sets: Vec::new() }
    }

    /// Adds a set.
    #[must_use]
    pub fn permission_set(mut self, set: PermissionSet) -> Self {
        self.permission_sets.push(set);
        self
    }

    /// Adds sets.
    #[must_use]
    pub fn permission_sets(mut self, sets: impl IntoIterator<Item = PermissionSet>) -> Self {
        self.permission_sets.extend(sets);
        self
    }
}

/// A set of allowed and denied identities ([article 107](https://docs.coveo.com/en/107/)). Denied prevails.
///
/// ```
/// use coveo_push::{Identity, PermissionIdentity, PermissionSet};
///
/// let readers = PermissionSet::new()
///     .allow_all(["Staff", "Editors"].map(PermissionIdentity::group))
///     .deny_all(["bob", "carol"].map(Identity::user));
/// assert_eq!(readers.allowed_permissions[1], PermissionIdentity::group("Editors"));
/// assert_eq!(readers.denied_permissions[1], PermissionIdentity::user("carol"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PermissionSet {
    /// Whether everybody is allowed, including unauthenticated users. Default: false.
    pub allow_anonymous: bool,
    /// The allowed identities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_permissions: Vec<PermissionIdentity>,
    /// The denied identities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_permissions: Vec<PermissionIdentity>,
}

deserialize_any_case!(PermissionSet {
    allow_anonymous: optional "allowAnonymous" | "allowedAnonymous",
    allowed_permissions: optional "allowedPermissions",
    denied_permissions: optional "deniedPermissions",
});

impl PermissionSet {
    /// A set that allows nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether everybody is allowed, including unauthenticated users.
    #[must_use]
    pub fn allow_anonymous(mut self, allow: bool) -> Self {
        self.allow_anonymous = allow;
        self
    }

    /// Allows an identity: a [`PermissionIdentity`], or an [`Identity`] of the source's first provider.
    #[must_use]
    pub fn allow(mut self, identity: impl Into<PermissionIdentity>) -> Self {
        self.allowed_permissions.push(identity.into());
        self
    }

    /// Allows several identities. To allow everybody, use [`allow_anonymous`](Self::allow_anonymous).
    #[must_use]
    pub fn allow_all(mut self, identities: impl IntoIterator<Item = impl Into<PermissionIdentity>>) -> Self {
        self.allowed_permissions.extend(identities.into_iter().map(Into::into));
        self
    }

    /// Denies an identity, which is given as in [`allow`](Self::allow).
    #[must_use]
    pub fn deny(mut self, identity: impl Into<PermissionIdentity>) -> Self {
        self.denied_permissions.push(identity.into());
        self
    }

    /// Denies several identities.
    #[must_use]
    pub fn deny_all(mut self, identities: impl IntoIterator<Item = impl Into<PermissionIdentity>>) -> Self {
        self.denied_permissions.extend(identities.into_iter().map(Into::into));
        self
    }
}

/// An identity in the permissions of an item ([article 107](https://docs.coveo.com/en/107/)).
///
/// If the provider does not know it, the service accepts the item and then drops it. Push a user who is not
/// a member of any group with [`IdentityBody::user`](crate::IdentityBody::user).
/// [`KnownIdentities`](crate::KnownIdentities) finds missing identities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PermissionIdentity {
    /// The identity's name.
    pub identity: String,
    /// Its type.
    #[serde(serialize_with = "SecurityIdentityType::serialize_in_permission")]
    pub identity_type: SecurityIdentityType,
    /// The provider that knows it. Default, also for an empty name: the source's first provider.
    #[serde(skip_serializing_if = "is_default")]
    pub security_provider: Option<String>,
}

// Some clients also send additional information, and the service has no use for it.
deserialize_any_case!(PermissionIdentity, ignored "additionalInfo" {
    identity: required "identity",
    identity_type: required "identityType",
    security_provider: optional "securityProvider",
});

constructors_by_type!(PermissionIdentity);

/// Whether a provider is the default one: an empty name would name another.
pub(super) fn is_default(provider: &Option<String>) -> bool {
    provider.as_ref().is_none_or(String::is_empty)
}

impl PermissionIdentity {
    /// An identity of any type, in the source's first provider.
    pub fn new(identity: impl Into<String>, identity_type: SecurityIdentityType) -> Self {
        Self { identity: identity.into(), identity_type, security_provider: None }
    }

    /// The provider by name, unless it is the default one.
    pub(crate) fn named_provider(&self) -> Option<&str> {
        self.security_provider.as_deref().filter(|name| !name.is_empty())
    }

    /// The provider that knows the identity.
    #[must_use]
    pub fn security_provider(mut self, provider: impl Into<String>) -> Self {
        self.security_provider = Some(provider.into());
        self
    }
}

/// The identity of the same name and type in the source's first provider.
impl From<Identity> for PermissionIdentity {
    fn from(identity: Identity) -> Self {
        Self::new(identity.name, identity.identity_type)
    }
}
