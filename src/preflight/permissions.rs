//! Whether the permissions of an item can be read, and what is to be known of them.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::limit;
use super::scan::Scan;
use crate::model::Permissions;

/// The identities that permissions name, over all sets; none where there is nothing to say of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) identities: usize,
    pub(super) has_one_without_name: bool,
}

impl Named {
    fn add(&mut self, name: &[u8]) {
        self.identities += 1;
        self.has_one_without_name |= name.is_empty();
    }
}

/// Reads permissions of either model, in any spelling.
pub(super) fn read(json: &[u8]) -> Result<Named, serde_json::Error> {
    let permissions = serde_json::from_slice::<Permissions>(json)?;
    let mut named = Named::default();
    permissions.identities().for_each(|identity| named.add(identity.identity.as_bytes()));
    Ok(named)
}

/// Looks at permissions that the model wrote, and that are in order but for what they name.
pub(super) fn of_model(json: &[u8]) -> Option<Named> {
    const SHORTEST: &[u8] = br#"{"identity":"","identityType":"User"}"#;
    let may_be_too_many = json.len() / SHORTEST.len() > limit::PERMISSIONS;
    // A quote inside a text has a backslash before it.
    static WITHOUT_NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(br#""identity":"""#));
    let has_one_without_name = || WITHOUT_NAME.find(json).is_some();
    (!may_be_too_many && !has_one_without_name()).then(Named::default)
}

/// Reads permissions that are sets in the spelling in which the model writes them, as they mostly are.
pub(super) fn scan(json: &[u8]) -> Option<Named> {
    let mut scan = Scan::new(json);
    sets(&mut scan).filter(|_| scan.is_at_end())
}

/// The same within a scan.
pub(super) fn sets(scan: &mut Scan<'_>) -> Option<Named> {
    let mut named = Named::default();
    scan.list(|scan| set(scan, &mut named))?;
    Some(named)
}

fn set(scan: &mut Scan<'_>, named: &mut Named) -> Option<()> {
    let [mut anonymous, mut allowed, mut denied] = [false; 3];
    scan.entries(|scan| {
        if scan.key(br#""allowedPermissions""#).is_some() {
            once(&mut allowed)?;
            scan.list(|scan| identity(scan, named))
        } else if scan.key(br#""deniedPermissions""#).is_some() {
            once(&mut denied)?;
            scan.list(|scan| identity(scan, named))
        } else {
            scan.key(br#""allowAnonymous""#)?;
            once(&mut anonymous)?;
            scan.word(b"true").or_else(|| scan.word(b"false"))
        }
    })
}

fn identity(scan: &mut Scan<'_>, named: &mut Named) -> Option<()> {
    let [mut name, mut kind, mut provider] = [false; 3];
    scan.entries(|scan| {
        if scan.key(br#""identity""#).is_some() {
            once(&mut name)?;
            named.add(plain_text(scan)?);
            Some(())
        } else if scan.key(br#""identityType""#).is_some() {
            once(&mut kind)?;
            is_type(plain_text(scan)?).then_some(())
        } else {
            scan.key(br#""securityProvider""#)?;
            once(&mut provider)?;
            scan.word(b"null").or_else(|| plain_text(scan).map(drop))
        }
    })?;
    (name && kind).then_some(())
}

/// A key that comes twice is for the model to judge.
fn once(was_there: &mut bool) -> Option<()> {
    (!std::mem::replace(was_there, true)).then_some(())
}

/// What stands between the quotes of a text, which has no escape: not all of them make a text.
fn plain_text<'a>(scan: &mut Scan<'a>) -> Option<&'a [u8]> {
    let start = scan.at();
    let has_escapes = scan.text()?;
    (!has_escapes).then(|| scan.inside(&(start..scan.at())))
}

/// In the spellings of permissions and of identities.
fn is_type(text: &[u8]) -> bool {
    matches!(
        text,
        b"User" | b"USER" | b"Group" | b"GROUP" | b"VirtualGroup" | b"VIRTUAL_GROUP" | b"Unknown" | b"UNKNOWN"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{PermissionIdentity, PermissionLevel, PermissionSet};

    #[test]
    fn permissions_as_the_model_writes_them_are_looked_through_without_it() {
        let user = json!({"identity": "u", "identityType": "User", "securityProvider": "p"});
        let group = json!({"identity": "g", "identityType": "GROUP"});
        let json = json!([{"allowAnonymous": false, "allowedPermissions": [user, group], "deniedPermissions": [user]}]);
        assert_eq!(scan(json.to_string().as_bytes()), Some(Named { identities: 3, has_one_without_name: false }));
    }

    #[test]
    fn what_the_model_has_to_judge_is_not_scanned() {
        let user = r#""identity":"u","identityType":"USER""#;
        for set in [
            r#""allowAnonymous":true,"allowAnonymous":true"#,
            r#""allowedPermissions":[],"allowedPermissions":[]"#,
            r#""deniedPermissions":[],"deniedPermissions":[]"#,
            r#""deniedPermissions":null"#,
            r#""permissionSets":[]"#,
            &format!(r#""allowedPermissions":[{{{user},"identity":"v"}}]"#),
            &format!(r#""allowedPermissions":[{{{user},"identityType":"USER"}}]"#),
            &format!(r#""allowedPermissions":[{{{user},"securityProvider":"p","securityProvider":"p"}}]"#),
            &format!(r#""allowedPermissions":[{{{user},"other":1}}]"#),
            r#""allowedPermissions":[{"identity":"u"}]"#,
            r#""allowedPermissions":[{"identityType":"USER"}]"#,
            r#""allowedPermissions":[{"identity":"\ud800","identityType":"USER"}]"#,
            r#""allowedPermissions":[{"identity":"u","identityType":"ROBOT"}]"#,
            r#""allowedPermissions":[{"identity" "identityType":"USER","identity":"u"}]"#,
            r#""allowedPermissions":[{"identity":"u","identityType" "securityProvider":null}]"#,
            r#""allowedPermissions""deniedPermissions":[]"#,
            r#""deniedPermissions" "allowAnonymous":true"#,
            r#""allowAnonymous":truefalse"#,
        ] {
            assert_eq!(scan(format!("[{{{set}}}]").as_bytes()), None, "{set}");
        }
        assert_eq!(scan(b"[] []"), None);
    }

    #[test]
    fn of_permissions_that_the_model_wrote_the_names_alone_are_looked_at() {
        let set = |names: &[&str]| {
            let identities = names.iter().map(|name| PermissionIdentity::user(*name));
            identities.fold(PermissionSet::new(), PermissionSet::allow)
        };
        let named = |permissions: Permissions| of_model(&serde_json::to_vec(&permissions).unwrap());
        let level = |names: &[&str]| {
            Permissions::complete([PermissionLevel::new(r#""identity":"""#).permission_set(set(names))])
        };
        assert_eq!(named(set(&["a", r#""identity":"""#]).into()), Some(Named::default()));
        assert_eq!(named(level(&["a"])), Some(Named::default()));
        assert_eq!(named(set(&["a", ""]).into()), None);
        assert_eq!(named(level(&[""])), None);
        assert_eq!(named(set(&["a"; limit::PERMISSIONS + 1]).into()), None);
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
        fn what_is_scanned_is_what_the_model_reads(sets in prop::collection::vec(set(), 0..3)) {
            let json = Value::from(sets).to_string();
            if let Some(scanned) = scan(json.as_bytes()) {
                prop_assert_eq!(read(json.as_bytes()).ok(), Some(scanned));
            }
        }
    }
}
