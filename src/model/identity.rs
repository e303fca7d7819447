use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::any_case::deserialize_any_case;
use super::words::parse_words;

/// The kind of a security identity ([article 240](https://docs.coveo.com/en/240/)).
///
/// The contract has two spellings: `User` and `VirtualGroup` in the permissions of an item, `USER` and
/// `VIRTUAL_GROUP` in the body of an identity. The models write the right one. This type does not implement
/// `Serialize`, so that the wrong one cannot be written by accident. Both are read, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SecurityIdentityType {
    /// One person or account.
    User,
    /// A group that exists in the system that the items come from.
    Group,
    /// A group that exists only in the index. It works like a group.
    VirtualGroup,
    /// An identity of unknown kind.
    Unknown,
}

parse_words!(SecurityIdentityType: "security identity type" {
    User => "User",
    Group => "Group",
    VirtualGroup => "VirtualGroup",
    Unknown => "Unknown",
});

impl SecurityIdentityType {
    /// The spelling in the body of an identity: `VIRTUAL_GROUP`.
    #[must_use]
    pub fn in_identity(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Group => "GROUP",
            Self::VirtualGroup => "VIRTUAL_GROUP",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The spelling in the permissions of an item: `VirtualGroup`.
    #[must_use]
    pub fn in_permission(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::VirtualGroup => "VirtualGroup",
            Self::Unknown => "Unknown",
        }
    }

    pub(super) fn serialize_in_identity<S: Serializer>(kind: &Self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.in_identity())
    }

    pub(super) fn serialize_in_permission<S: Serializer>(kind: &Self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(kind.in_permission())
    }
}

impl fmt::Display for SecurityIdentityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.in_permission())
    }
}

/// Implements a constructor for each kind of identity, for models that are made from an [`Identity`].
macro_rules! constructors_by_type {
    ($($model:ty),+) => {
        $(impl $model {
            /// A user: one person or account.
            pub fn user(name: impl Into<String>) -> Self {
                Self::from(Identity::new(name, SecurityIdentityType::User))
            }

            /// A group that exists in the system that the items come from.
            pub fn group(name: impl Into<String>) -> Self {
                Self::from(Identity::new(name, SecurityIdentityType::Group))
            }

            /// A virtual group, which exists only in the index.
            pub fn virtual_group(name: impl Into<String>) -> Self {
                Self::from(Identity::new(name, SecurityIdentityType::VirtualGroup))
            }
        })+
    };
}

/// Implements the setters of granted identities.
macro_rules! well_knowns {
    ($($model:ty),+) => {
        $(impl $model {
            /// Adds a granted identity: a group that this identity thereby becomes a member of.
            #[must_use]
            pub fn well_known(mut self, granted: Identity) -> Self {
                self.well_knowns.get_or_insert_default().push(granted);
                self
            }

            /// Adds granted identities. An empty list is sent as such: none are granted.
            #[must_use]
            pub fn well_knowns(mut self, granted: impl IntoIterator<Item = Identity>) -> Self {
                self.well_knowns.get_or_insert_default().extend(granted);
                self
            }
        })+
    };
}

pub(super) use constructors_by_type;
constructors_by_type!(Identity, IdentityBody, MappedIdentity, MappedIdentityBody);
well_knowns!(IdentityBody, MappedIdentityBody);

/// A security identity: a name and a type ([article 240](https://docs.coveo.com/en/240/)).
///
/// ```
/// use coveo_push::Identity;
///
/// let user = Identity::user("asmith@example.com").additional_info("Department", "R&D");
/// # let _ = user;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Identity {
    /// The name. Choose one that is unique across the whole system; in simple cases an e-mail address is best.
    pub name: String,
    /// The kind of identity.
    #[serde(rename = "type", serialize_with = "SecurityIdentityType::serialize_in_identity")]
    pub identity_type: SecurityIdentityType,
    /// Key-value pairs that the console's identity browser shows. `None` and an empty map are sent
    /// differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_info: Option<BTreeMap<String, String>>,
}

deserialize_any_case!(Identity {
    name: required "name",
    identity_type: required "type",
    additional_info: optional "additionalInfo",
});

impl Identity {
    /// An identity of any type.
    pub fn new(name: impl Into<String>, identity_type: SecurityIdentityType) -> Self {
        Self { name: name.into(), identity_type, additional_info: None }
    }

    /// Adds a pair to the additional information. It replaces the pair with the same key.
    #[must_use]
    pub fn additional_info(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.additional_info.get_or_insert_default().insert(key.into(), value.into());
        self
    }
}

/// A security identity with its members and its granted identities
/// ([articles 167](https://docs.coveo.com/en/167/) and [78](https://docs.coveo.com/en/78/)).
///
/// Pushing it **replaces** what the provider knows about the identity: a member that is not in the list is
/// removed from the group. The granted identities (`wellKnowns`) must be the same in every call for one
/// identity, aliases included, or the service drops them.
///
/// ```
/// use coveo_push::{Identity, IdentityBody};
///
/// let group = IdentityBody::group("SampleGroup")
///     .member(Identity::user("asmith@example.com"))
///     .member(Identity::virtual_group("SampleVirtualGroup"))
///     .well_known(Identity::group("Domain Users"));
/// # let _ = group;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IdentityBody {
    /// The identity itself.
    pub identity: Identity,
    /// Its members. Only groups have members. `None` and an empty list are sent differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<Identity>>,
    /// Its granted identities ([article 1603](https://docs.coveo.com/en/1603/)): existing groups that this identity
    /// becomes a member of. The membership is said here, at the member, and not at the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub well_knowns: Option<Vec<Identity>>,
}

// The contract also has a result, for what became of the identity.
deserialize_any_case!(IdentityBody, ignored "result" {
    identity: required "identity",
    members: optional "members",
    well_knowns: optional "wellKnowns",
});

impl IdentityBody {
    /// An identity without members or granted identities.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { identity, members: None, well_knowns: None }
    }

    /// Adds a member.
    #[must_use]
    pub fn member(mut self, member: Identity) -> Self {
        self.members.get_or_insert_default().push(member);
        self
    }

    /// Adds members. An empty list is sent as such: the group is empty.
    #[must_use]
    pub fn members(mut self, members: impl IntoIterator<Item = Identity>) -> Self {
        self.members.get_or_insert_default().extend(members);
        self
    }
}

impl From<Identity> for IdentityBody {
    fn from(identity: Identity) -> Self {
        Self::new(identity)
    }
}

/// An alias: an identity of another provider that is the same person or group
/// ([article 142](https://docs.coveo.com/en/142/)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MappedIdentity {
    /// The name in the other provider.
    pub name: String,
    /// The kind of identity in the other provider.
    #[serde(rename = "type", serialize_with = "SecurityIdentityType::serialize_in_identity")]
    pub identity_type: SecurityIdentityType,
    /// The other provider, such as `Email Security Provider`. Default, also for an empty name: the source's
    /// first provider.
    #[serde(skip_serializing_if = "super::permission::is_default")]
    pub provider: Option<String>,
    /// Key-value pairs that the console's identity browser shows. `None` and an empty map are sent
    /// differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_info: Option<BTreeMap<String, String>>,
}

deserialize_any_case!(MappedIdentity {
    name: required "name",
    identity_type: required "type",
    provider: optional "provider",
    additional_info: optional "additionalInfo",
});

impl MappedIdentity {
    /// An alias of any type, in the source's first provider.
    pub fn new(name: impl Into<String>, identity_type: SecurityIdentityType) -> Self {
        Self::from(Identity::new(name, identity_type))
    }

    /// The provider that knows the alias.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Adds a pair to the additional information. It replaces the pair with the same key.
    #[must_use]
    pub fn additional_info(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.additional_info.get_or_insert_default().insert(key.into(), value.into());
        self
    }
}

/// The identity of the same name and type in the source's first provider.
impl From<Identity> for MappedIdentity {
    fn from(identity: Identity) -> Self {
        let Identity { name, identity_type, additional_info } = identity;
        Self { name, identity_type, provider: None, additional_info }
    }
}

/// A security identity with its aliases
/// ([articles 142](https://docs.coveo.com/en/142/) and [78](https://docs.coveo.com/en/78/)).
///
/// The granted identities (`wellKnowns`) must be the same in every call for one identity, or the service
/// drops them.
///
/// ```
/// use coveo_push::{MappedIdentity, MappedIdentityBody};
///
/// let body = MappedIdentityBody::user("asmith@example.com")
///     .alias(MappedIdentity::user("alice_smith@example.com").provider("Email Security Provider"))
///     .aliases(["asmith", "alice"].map(MappedIdentity::user));
/// assert_eq!(body.mappings.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MappedIdentityBody {
    /// The identity itself.
    pub identity: Identity,
    /// Its aliases. In JSON they may be left out.
    pub mappings: Vec<MappedIdentity>,
    /// Its granted identities ([article 1603](https://docs.coveo.com/en/1603/)): existing groups that this identity
    /// becomes a member of. The membership is said here, at the member, and not at the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub well_knowns: Option<Vec<Identity>>,
}

deserialize_any_case!(MappedIdentityBody, ignored "result" {
    identity: required "identity",
    mappings: optional "mappings",
    well_knowns: optional "wellKnowns",
});

impl MappedIdentityBody {
    /// An identity without aliases or granted identities.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { identity, mappings: Vec::new(), well_knowns: None }
    }

    /// Adds an alias.
    #[must_use]
    pub fn alias(mut self, alias: MappedIdentity) -> Self {
        self.mappings.push(alias);
        self
    }

    /// Adds aliases.
    #[must_use]
    pub fn aliases(mut self, aliases: impl IntoIterator<Item = MappedIdentity>) -> Self {
        self.mappings.extend(aliases);
        self
    }
}

impl From<Identity> for MappedIdentityBody {
    fn from(identity: Identity) -> Self {
        Self::new(identity)
    }
}
