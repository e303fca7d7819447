use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::any_case::deserialize_any_case;
use super::{Identity, SecurityIdentityType};

/// Who may see an item, in one of the service's two models
/// ([articles 107](https://docs.coveo.com/en/107/) and [25](https://docs.coveo.com/en/25/)).
///
/// Left out when a document has none: a secured source then reports an error for the item, and a
/// private or shared one needs none. No document becomes public because nothing was said.
/// [`evaluate`](Self::evaluate) tells beforehand who will see the item.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permissions {
    /// One level: a user sees the item who is allowed in every set and denied in none.
    Simplified(Vec<PermissionSet>),
    /// Several levels: the first one that decides about a user counts, and the next is asked only
    /// where a level neither allows nor denies.
    Complete(Vec<PermissionLevel>),
}

impl Permissions {
    /// Everybody sees the item, the unauthenticated user too.
    #[must_use]
    pub fn public() -> Self {
        Self::Simplified(vec![PermissionSet::new().allow_anonymous(true)])
    }

    /// The simplified model: sets that all have to allow.
    pub fn simplified(sets: impl IntoIterator<Item = PermissionSet>) -> Self {
        Self::Simplified(sets.into_iter().collect())
    }

    /// The complete model: levels asked in order.
    pub fn complete(levels: impl IntoIterator<Item = PermissionLevel>) -> Self {
        Self::Complete(levels.into_iter().collect())
    }

    /// Every set, of whichever level.
    pub fn sets(&self) -> impl Iterator<Item = &PermissionSet> {
        let (simplified, complete) = match self {
            Self::Simplified(sets) => (sets.as_slice(), [].as_slice()),
            Self::Complete(levels) => ([].as_slice(), levels.as_slice()),
        };
        simplified.iter().chain(complete.iter().flat_map(|level| &level.permission_sets))
    }

    /// Every identity that is allowed or denied, as often as it is named.
    pub fn identities(&self) -> impl Iterator<Item = &PermissionIdentity> {
        self.sets().flat_map(|set| set.allowed_permissions.iter().chain(&set.denied_permissions))
    }
}

impl From<PermissionSet> for Permissions {
    fn from(set: PermissionSet) -> Self {
        Self::Simplified(vec![set])
    }
}

/// The name under which permissions pass a serializer: what writes items knows them by it.
pub(crate) const NAME: &str = "$coveo_push::Permissions";

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Simplified(sets) => serializer.serialize_newtype_struct(NAME, sets),
            Self::Complete(levels) => serializer.serialize_newtype_struct(NAME, levels),
        }
    }
}

/// Either model, told apart by the keys that its entries have.
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

/// Named as they are written.
#[derive(Deserialize)]
#[serde(rename = "$coveo_push::Permissions")]
struct Entries(Vec<Entry>);

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sets = Vec::new();
        let mut levels = Vec::new();
        let mixed = || D::Error::custom("permissions hold either permission sets or permission levels, not both");
        for entry in Entries::deserialize(deserializer)?.0 {
            let Entry { name, permission_sets, allow_anonymous, allowed_permissions, denied_permissions } = entry;
            let set = PermissionSet { allow_anonymous, allowed_permissions, denied_permissions };
            match permission_sets {
                // What a level said beside its sets would be lost.
                Some(_) if set != PermissionSet::default() => return Err(mixed()),
                Some(permission_sets) => levels.push(PermissionLevel { name, permission_sets }),
                None => sets.push(set),
            }
        }
        match (sets.is_empty(), levels.is_empty()) {
            (_, true) => Ok(Self::Simplified(sets)),
            (true, false) => Ok(Self::Complete(levels)),
            (false, false) => Err(mixed()),
        }
    }
}

/// A level of the complete permission model: sets that all have to allow, asked in turn with the
/// other levels ([article 25](https://docs.coveo.com/en/25/)).
///
/// ```
/// use coveo_push::{PermissionIdentity, PermissionLevel, PermissionSet};
///
/// // Who is in both groups.
/// let sets = ["Staff", "Editors"].map(|group| PermissionSet::new().allow(PermissionIdentity::group(group)));
/// let level = PermissionLevel::new("Editors on the staff").permission_sets(sets);
/// assert_eq!(level.permission_sets.len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionLevel {
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The sets, all of which have to allow.
    pub permission_sets: Vec<PermissionSet>,
}

deserialize_any_case!(PermissionLevel {
    name: optional "name",
    permission_sets: required "permissionSets",
});

impl PermissionLevel {
    /// A level with a name and no set yet.
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

/// Identities that are allowed and denied together
/// ([article 107](https://docs.coveo.com/en/107/)). Denied prevails.
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
pub struct PermissionSet {
    /// Whether everybody is allowed, the unauthenticated user too. Default: no.
    pub allow_anonymous: bool,
    /// Who is allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_permissions: Vec<PermissionIdentity>,
    /// Who is denied.
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

    /// Whether everybody is allowed, the unauthenticated user too.
    #[must_use]
    pub fn allow_anonymous(mut self, allow: bool) -> Self {
        self.allow_anonymous = allow;
        self
    }

    /// Allows an identity: a [`PermissionIdentity`], or an [`Identity`] as it is pushed to the source's
    /// first provider.
    #[must_use]
    pub fn allow(mut self, identity: impl Into<PermissionIdentity>) -> Self {
        self.allowed_permissions.push(identity.into());
        self
    }

    /// Allows all of some identities, as [`allow`](Self::allow) takes them. Everybody is allowed by
    /// [`allow_anonymous`](Self::allow_anonymous).
    #[must_use]
    pub fn allow_all(mut self, identities: impl IntoIterator<Item = impl Into<PermissionIdentity>>) -> Self {
        self.allowed_permissions.extend(identities.into_iter().map(Into::into));
        self
    }

    /// Denies an identity, as [`allow`](Self::allow) takes it.
    #[must_use]
    pub fn deny(mut self, identity: impl Into<PermissionIdentity>) -> Self {
        self.denied_permissions.push(identity.into());
        self
    }

    /// Denies all of some identities, as [`allow`](Self::allow) takes them.
    #[must_use]
    pub fn deny_all(mut self, identities: impl IntoIterator<Item = impl Into<PermissionIdentity>>) -> Self {
        self.denied_permissions.extend(identities.into_iter().map(Into::into));
        self
    }
}

/// An identity as the permissions of an item name it
/// ([article 107](https://docs.coveo.com/en/107/)).
///
/// The provider has to know it, or the service drops the item after it accepted it: so push a user who
/// is a member of no group by itself, with [`IdentityBody::user`](crate::IdentityBody::user).
/// [`KnownIdentities`](crate::KnownIdentities) finds who was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionIdentity {
    /// The identity's name.
    pub identity: String,
    /// Its type.
    #[serde(serialize_with = "SecurityIdentityType::serialize_in_permission")]
    pub identity_type: SecurityIdentityType,
    /// The provider that knows it; the first one of the source when unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_provider: Option<String>,
}

deserialize_any_case!(PermissionIdentity {
    identity: required "identity",
    identity_type: required "identityType",
    security_provider: optional "securityProvider",
});

impl PermissionIdentity {
    /// An identity of any type, in the source's first provider.
    pub fn new(identity: impl Into<String>, identity_type: SecurityIdentityType) -> Self {
        Self { identity: identity.into(), identity_type, security_provider: None }
    }

    /// A user.
    pub fn user(name: impl Into<String>) -> Self {
        Self::new(name, SecurityIdentityType::User)
    }

    /// A group.
    pub fn group(name: impl Into<String>) -> Self {
        Self::new(name, SecurityIdentityType::Group)
    }

    /// A virtual group.
    pub fn virtual_group(name: impl Into<String>) -> Self {
        Self::new(name, SecurityIdentityType::VirtualGroup)
    }

    /// The provider that knows the identity.
    #[must_use]
    pub fn security_provider(mut self, provider: impl Into<String>) -> Self {
        self.security_provider = Some(provider.into());
        self
    }
}

/// The identity of that name and type, in the source's first provider.
impl From<Identity> for PermissionIdentity {
    fn from(identity: Identity) -> Self {
        Self::new(identity.name, identity.identity_type)
    }
}
