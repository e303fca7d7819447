//! Any text as the JSON of an item.

use std::collections::HashSet;
use std::fmt;

use coveo_push::{ApiKey, Error, Finding, Permissions, Preflight, PushClient, Rule, preflight};
use http::StatusCode;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Answering, block_on, line_without_key};

const ID: &str = "a://1";

/// An item is what serde_json reads as an object in which no key comes twice, and it is sent with the value that it
/// has. What `preflight` finds is what the call refuses.
pub(crate) fn check(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    // As it is without a byte order mark.
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (item, keys) = (serde_json::from_str::<Map<String, Value>>(bare).ok(), serde_json::from_str::<Keys>(bare).ok());
    let findings = match push(text, Preflight::Off) {
        Ok(sent) => {
            let item = item.unwrap_or_else(|| panic!("sent, and no item: {text:?}"));
            assert!(!keys.unwrap().has_twin(), "sent, with a key that comes twice: {text:?}");
            is_sent_as(item, &sent);
            Vec::new()
        }
        Err(findings) => {
            let is = |rule: Rule| findings.iter().any(|finding| finding.rule() == rule);
            // A batch and its list are around it.
            let is_readable = serde_json::from_str::<Value>(&format!("[[{bare}]]")).is_ok();
            assert_eq!(is(Rule::NotAnObject), keys.is_none(), "{text:?}: {findings:?}");
            assert_eq!(is(Rule::DuplicateKey), keys.is_some_and(|keys| keys.has_twin()), "{text:?}: {findings:?}");
            assert!(is(Rule::NotAnObject) || is(Rule::ValueUnreadable) != is_readable, "{text:?}: {findings:?}");
            findings
        }
    };
    let Ok(raw) = serde_json::from_str::<&RawValue>(bare) else { return };
    let mut found = preflight::item(ID, raw);
    let refused = push(text, Preflight::Refuse).err().unwrap_or_default();
    found.retain(|finding| finding.rule() != Rule::PermissionsMissing);
    assert_eq!(found, refused, "{text:?}");
    assert!(findings.iter().all(|finding| found.iter().any(|other| other.rule() == finding.rule())), "{text:?}");
}

/// Sends the item, and returns what was sent, or why it was refused.
fn push(text: &str, preflight: Preflight) -> Result<Map<String, Value>, Vec<Finding>> {
    let service = Answering::new(StatusCode::ACCEPTED);
    let builder = PushClient::builder("my-org", ApiKey::new(super::KEY)).transport(service.clone());
    let items = builder.preflight(preflight).build().unwrap().items("s");
    let pushed = block_on(items.add_or_update_json(text).document_id(ID).into_future());
    let sent = service.sent.lock().unwrap().pop();
    match (pushed, sent) {
        (Ok(_), Some(request)) => {
            let body = block_on(request.into_body().into_bytes()).unwrap();
            Ok(serde_json::from_slice(&body).unwrap())
        }
        (Err(error), None) => {
            line_without_key(&error);
            let Error::Invalid(invalid) = error else { panic!("{error}") };
            Err(invalid.findings().to_vec())
        }
        (pushed, _) => panic!("{pushed:?}"),
    }
}

/// The id and the compression of a single item are in the query.
fn is_sent_as(mut item: Map<String, Value>, sent: &Map<String, Value>) {
    item.retain(|key, _| !["documentId", "compressionType"].iter().any(|other| key.eq_ignore_ascii_case(other)));
    if item == *sent {
        return;
    }
    // An empty name of a provider is left out: it would name another provider than the default.
    let mut sent = sent.clone();
    let permissions = |item: &mut Map<String, Value>| {
        let key = item.keys().find(|key| key.eq_ignore_ascii_case("permissions")).cloned().unwrap();
        let mut permissions: Permissions = serde_json::from_value(item.remove(&key).unwrap()).unwrap();
        each_provider(&mut permissions);
        permissions
    };
    assert_eq!(permissions(&mut item), permissions(&mut sent));
    assert_eq!(item, sent);
}

fn each_provider(permissions: &mut Permissions) {
    let sets: Vec<_> = match permissions {
        Permissions::Simplified(sets) => sets.iter_mut().collect(),
        Permissions::Complete(levels) => levels.iter_mut().flat_map(|level| &mut level.permission_sets).collect(),
        other => panic!("{other:?}"),
    };
    let identities =
        sets.into_iter().flat_map(|set| set.allowed_permissions.iter_mut().chain(&mut set.denied_permissions));
    identities.for_each(|identity| {
        identity.security_provider = identity.security_provider.take().filter(|it| !it.is_empty())
    });
}

/// The keys of an object, those that come twice among them.
struct Keys(Vec<String>);

impl Keys {
    /// Whether two keys are the same in lower case.
    fn has_twin(&self) -> bool {
        let mut seen = HashSet::new();
        !self.0.iter().all(|key| seen.insert(key.to_lowercase()))
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(keys)
            }
        }

        deserializer.deserialize_map(Read).map(Self)
    }
}
