//! Whether the permissions of an item can be read, and what is to be known of them.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::model::Permissions;

/// The identities that permissions name, over all sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) identities: usize,
    pub(super) has_one_without_name: bool,
}

/// Reads permissions of either model.
pub(super) fn read(json: &[u8]) -> Result<Named, serde_json::Error> {
    // Mostly they are sets, in the spelling in which the model writes them: to look through these keeps
    // nothing. Whatever else there may be the model knows.
    if let Ok(text) = str::from_utf8(json)
        && let Ok(Each { named, .. }) = serde_json::from_str::<Each<PlainSet>>(text)
    {
        return Ok(named);
    }
    let permissions = serde_json::from_slice::<Permissions>(json)?;
    let names = permissions.identities().map(|identity| Named::one(&identity.identity));
    Ok(names.fold(Named::default(), Named::and))
}

impl Named {
    fn one(name: &str) -> Self {
        Self { identities: 1, has_one_without_name: name.is_empty() }
    }

    fn and(self, other: Self) -> Self {
        Self {
            identities: self.identities + other.identities,
            has_one_without_name: self.has_one_without_name || other.has_one_without_name,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "it has to be there in that form, and is not asked for")]
struct PlainSet<'a> {
    #[serde(default)]
    allow_anonymous: bool,
    #[serde(default, borrow)]
    allowed_permissions: Each<PlainIdentity<'a>>,
    #[serde(default, borrow)]
    denied_permissions: Each<PlainIdentity<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "it has to be there in that form, and is not asked for")]
struct PlainIdentity<'a> {
    identity: &'a str,
    identity_type: PlainType,
    security_provider: Option<&'a str>,
}

/// In the spellings of permissions and of identities.
#[derive(Deserialize)]
enum PlainType {
    #[serde(alias = "USER")]
    User,
    #[serde(alias = "GROUP")]
    Group,
    #[serde(alias = "VIRTUAL_GROUP")]
    VirtualGroup,
    #[serde(alias = "UNKNOWN")]
    Unknown,
}

impl From<PlainSet<'_>> for Named {
    fn from(set: PlainSet<'_>) -> Self {
        set.allowed_permissions.named.and(set.denied_permissions.named)
    }
}

impl From<PlainIdentity<'_>> for Named {
    fn from(identity: PlainIdentity<'_>) -> Self {
        Self::one(identity.identity)
    }
}

/// A list of which nothing is kept but what its entries name.
struct Each<T> {
    named: Named,
    entry: PhantomData<T>,
}

impl<T> Default for Each<T> {
    fn default() -> Self {
        Self { named: Named::default(), entry: PhantomData }
    }
}

impl<'de, T: Deserialize<'de> + Into<Named>> Deserialize<'de> for Each<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Self::default())
    }
}

impl<'de, T: Deserialize<'de> + Into<Named>> Visitor<'de> for Each<T> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self, A::Error> {
        while let Some(entry) = list.next_element::<T>()? {
            self.named = self.named.and(entry.into());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// What the model alone says, and whether the short way was open.
    fn by_model(json: &str) -> (Option<Named>, bool) {
        let permissions = serde_json::from_str::<Permissions>(json).ok();
        let named = permissions.map(|permissions| {
            let names: Vec<_> = permissions.identities().map(|identity| identity.identity.is_empty()).collect();
            Named { identities: names.len(), has_one_without_name: names.contains(&true) }
        });
        (named, serde_json::from_str::<Each<PlainSet>>(json).is_ok())
    }

    #[test]
    fn permissions_as_the_model_writes_them_are_looked_through_without_it() {
        let user = json!({"identity": "u", "identityType": "User", "securityProvider": "p"});
        let group = json!({"identity": "g", "identityType": "GROUP"});
        let json = json!([{"allowAnonymous": false, "allowedPermissions": [user, group], "deniedPermissions": [user]}]);
        assert_eq!(by_model(&json.to_string()), (Some(Named { identities: 3, has_one_without_name: false }), true));
    }

    fn identity() -> impl Strategy<Value = Value> {
        let odd = prop::sample::select(vec![
            json!({}),
            json!(1),
            json!({"identity": "a"}),
            json!({"IDENTITY": "a", "identitytype": "USER"}),
        ]);
        let name = prop::sample::select(vec![json!("a"), json!(""), json!("\n"), json!(null)]);
        let kind =
            prop::sample::select(vec!["User", "VirtualGroup", "GROUP", "VIRTUAL_GROUP", "virtualGroup", "Robot"]);
        let provider = prop::option::of(prop::sample::select(vec![json!("p"), json!(null), json!(1)]));
        let plain = (name, kind, provider).prop_map(|(name, kind, provider)| {
            let mut identity = json!({"identity": name, "identityType": kind});
            if let Some(provider) = provider {
                identity["securityProvider"] = provider;
            }
            identity
        });
        prop_oneof![1 => odd, 4 => plain]
    }

    fn set() -> impl Strategy<Value = Value> {
        let list = || prop::option::of(prop::collection::vec(identity(), 0..3));
        let anonymous = prop::option::of(prop::sample::select(vec![json!(true), json!(null), json!("yes")]));
        let other =
            prop::option::weighted(0.2, prop::sample::select(vec!["name", "permissionSets", "x", "AllowAnonymous"]));
        (list(), list(), anonymous, other).prop_map(|(allowed, denied, anonymous, other)| {
            let mut set = json!({});
            for (key, value) in [("allowedPermissions", allowed), ("deniedPermissions", denied)] {
                if let Some(value) = value {
                    set[key] = value.into();
                }
            }
            if let Some(anonymous) = anonymous {
                set["allowAnonymous"] = anonymous;
            }
            if let Some(other) = other {
                set[other] = json!([]);
            }
            set
        })
    }

    proptest! {
        #[test]
        fn the_short_way_says_what_the_model_says(sets in prop::collection::vec(set(), 0..3)) {
            let json = Value::from(sets).to_string();
            let (expected, _) = by_model(&json);
            prop_assert_eq!(read(json.as_bytes()).ok(), expected);
        }
    }
}
