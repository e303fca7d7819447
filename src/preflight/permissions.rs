//! Reading the permissions of an item: whether they are valid, and whom they name.

use super::scanner::Scanner;
use crate::model::Permissions;
use crate::model::words::has_blanks;

/// The identities that permissions name, over all sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) identities: usize,
    pub(super) has_one_without_name: bool,
    /// The permission sets, over all levels.
    pub(super) sets: usize,
    /// Whether the name of an identity or of a provider has blanks around it, or control characters.
    pub(super) has_blanks: bool,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.identities += 1;
        self.has_one_without_name |= name.trim().is_empty();
        self.has_blanks |= has_blanks(name);
    }

    fn add_provider(&mut self, name: &str) {
        self.has_blanks |= has_blanks(name);
    }
}

/// Reads permissions of either model, in any spelling.
pub(super) fn read(json: &[u8]) -> Result<(Permissions, Named), serde_json::Error> {
    let permissions = serde_json::from_slice::<Permissions>(json)?;
    let mut named = Named { sets: permissions.sets().count(), ..Named::default() };
    for identity in permissions.identities() {
        named.add(&identity.identity);
        named.add_provider(identity.security_provider.as_deref().unwrap_or_default());
    }
    Ok((permissions, named))
}

/// Reads permissions that are sets in the usual spelling, as part of a scanner.
pub(super) fn scan_sets(scanner: &mut Scanner<'_>) -> Option<Named> {
    let mut named = Named::default();
    scanner.list(|scanner| set(scanner, &mut named))?;
    Some(named)
}

fn set(scanner: &mut Scanner<'_>, named: &mut Named) -> Option<()> {
    named.sets += 1;
    let [mut anonymous, mut allowed, mut denied] = [false; 3];
    scanner.entries(|scanner| {
        if scanner.key(br#""allowedPermissions""#).is_some() {
            once(&mut allowed)?;
            scanner.list(|scanner| identity(scanner, named))
        } else if scanner.key(br#""deniedPermissions""#).is_some() {
            once(&mut denied)?;
            scanner.list(|scanner| identity(scanner, named))
        } else {
            scanner.key(br#""allowAnonymous""#)?;
            once(&mut anonymous)?;
            scanner.word(b"true").or_else(|| scanner.word(b"false"))
        }
    })
}

fn identity(scanner: &mut Scanner<'_>, named: &mut Named) -> Option<()> {
    let [mut name, mut kind, mut provider] = [false; 3];
    scanner.entries(|scanner| {
        if scanner.key(br#""identity""#).is_some() {
            once(&mut name)?;
            named.add(plain_text(scanner)?);
            Some(())
        } else if scanner.key(br#""identityType""#).is_some() {
            once(&mut kind)?;
            is_type(plain_text(scanner)?).then_some(())
        } else {
            scanner.key(br#""securityProvider""#)?;
            once(&mut provider)?;
            scanner.word(b"null").or_else(|| {
                let name = plain_text(scanner).filter(|name| !name.is_empty())?;
                named.add_provider(name);
                Some(())
            })
        }
    })?;
    (name && kind).then_some(())
}

/// A key that comes twice is for the model to judge.
fn once(was_there: &mut bool) -> Option<()> {
    (!std::mem::replace(was_there, true)).then_some(())
}

/// What stands between the quotes of a text, which has no escape: not all of them make a text.
fn plain_text<'a>(scanner: &mut Scanner<'a>) -> Option<&'a str> {
    let start = scanner.at;
    let has_escapes = scanner.text()?;
    str::from_utf8(scanner.inside(&(start..scanner.at))).ok().filter(|_| !has_escapes)
}

/// In the spellings of permissions and of identities.
fn is_type(text: &str) -> bool {
    matches!(text, "User" | "USER" | "Group" | "GROUP" | "VirtualGroup" | "VIRTUAL_GROUP" | "Unknown" | "UNKNOWN")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn scan(json: &[u8]) -> Option<Named> {
        let mut scanner = Scanner::new(json);
        scan_sets(&mut scanner).filter(|_| scanner.is_at_end())
    }

    #[test]
    fn permissions_in_the_usual_spelling_are_scanned() {
        let user = json!({"identity": "u", "identityType": "User", "securityProvider": "p"});
        let group = json!({"identity": "g", "identityType": "GROUP"});
        let json = json!([{"allowAnonymous": false, "allowedPermissions": [user, group], "deniedPermissions": [user]}]);
        assert_eq!(scan(json.to_string().as_bytes()), Some(Named { identities: 3, sets: 1, ..Named::default() }));
    }

    #[test]
    fn permissions_in_another_spelling_are_left_to_the_model() {
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
            &format!(r#""allowedPermissions":[{{{user},"securityProvider":""}}]"#),
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

    fn identity() -> impl Strategy<Value = Value> {
        let odd = prop::sample::select(vec![
            json!({}),
            json!(1),
            json!({"identity": "a"}),
            json!({"IDENTITY": "a", "identitytype": "USER"}),
        ]);
        let name = prop::sample::select(vec![
            json!("a"),
            json!(""),
            json!("\n"),
            json!("\u{a0}"),
            json!("\u{85}b"),
            json!(null),
        ]);
        let kind =
            prop::sample::select(vec!["User", "VirtualGroup", "GROUP", "VIRTUAL_GROUP", "virtualGroup", "Robot"]);
        let provider = prop::option::of(prop::sample::select(vec![json!("p"), json!("p "), json!(null), json!(1)]));
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
        fn scanned_permissions_are_as_the_model_reads_them(sets in prop::collection::vec(set(), 0..3)) {
            let json = Value::from(sets).to_string();
            if let Some(scanned) = scan(json.as_bytes()) {
                prop_assert_eq!(read(json.as_bytes()).ok().map(|(_, named)| named), Some(scanned));
            }
        }
    }
}
