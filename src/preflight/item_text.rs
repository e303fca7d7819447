//! The JSON text of an item, read once: where its top-level entries are, whom its permissions name, and whether
//! every parser can read it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Serialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Error, Value};

use super::explain::explain;
use super::json_text::InvalidText;
use super::permissions::{self, Named};
use super::scanner::Scanner;
use crate::model::{PermissionIdentity, document_keys as key};

/// An item as JSON text without white space around it.
#[derive(Clone)]
pub(crate) struct ItemText<'a> {
    json: Cow<'a, [u8]>,
    entries: Vec<Entry>,
    /// Whether every parser can read all values.
    is_readable: bool,
    /// Whom the permissions name, where there are some that are valid.
    named: Option<Named>,
}

/// One top-level `"key":value`, as ranges of the text.
#[derive(Debug, Clone)]
struct Entry {
    /// The key, its quotes included.
    key: Range<usize>,
    value: Range<usize>,
    /// The property of an item, or the date, that the key names; `None` for other metadata.
    property: Option<&'static str>,
}

impl Entry {
    fn new(json: &[u8], key: Range<usize>, value: Range<usize>) -> Self {
        let property = json.get(key.clone()).and_then(|key| key::known(&folding(key)));
        Self { key, value, property }
    }
}

/// Without the text, which is the user's data.
impl fmt::Debug for ItemText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemText").field("bytes", &self.json.len()).finish_non_exhaustive()
    }
}

impl ItemText<'static> {
    /// Writes an item as JSON, and reads that.
    ///
    /// # Errors
    ///
    /// The item does not serialise, or not as an object.
    pub(crate) fn write<T: Serialize + ?Sized>(item: &T) -> Result<Self, InvalidText> {
        /// Most items are smaller, and few need to grow more than twice.
        const USUAL: usize = 4 * 1024;
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, item)?;
        Self::read_bytes(json.into())
    }
}

impl<'a> ItemText<'a> {
    /// Reads JSON text.
    ///
    /// # Errors
    ///
    /// It is not JSON, or not an object.
    pub(crate) fn read(text: Cow<'a, str>) -> Result<Self, InvalidText> {
        Self::read_bytes(match text {
            Cow::Borrowed(text) => Cow::Borrowed(trim(text)),
            Cow::Owned(text) => {
                let (length, end) = (trim(&text).len(), text.trim_end_matches(WHITE_SPACE).len());
                let mut json = text.into_bytes();
                json.truncate(end);
                json.drain(..json.len() - length);
                json.into()
            }
        })
    }

    fn read_bytes(json: Cow<'a, [u8]>) -> Result<Self, InvalidText> {
        if let Some((entries, named)) = scan(&json) {
            return Ok(Self { json, entries, is_readable: true, named }.read_permissions());
        }
        let entries = parse(&json).map_err(|error| InvalidText::new(&json, &error))?;
        Ok(Self { json, entries, is_readable: false, named: None }.read_permissions())
    }

    /// The text.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    pub(crate) fn into_json(self) -> Cow<'a, [u8]> {
        self.json
    }

    pub(crate) fn into_owned(self) -> ItemText<'static> {
        ItemText { json: Cow::Owned(self.json.into_owned()), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a property as JSON; `None` where it is absent or null.
    pub(crate) fn get(&self, property: &str) -> Option<&[u8]> {
        let entry = self.entries.get(self.position(property)?)?;
        self.json.get(entry.value.clone()).filter(|value| !is_null(value))
    }

    /// Takes a property out of the item, and returns its value as JSON.
    pub(crate) fn take_out(&mut self, property: &str) -> Option<Vec<u8>> {
        let index = self.position(property)?;
        let entry = self.entries.get(index)?;
        let value = self.json.get(entry.value.clone())?.to_vec();
        // With the comma before it, or else the one behind it.
        let removed =
            match (index.checked_sub(1).and_then(|before| self.entries.get(before)), self.entries.get(index + 1)) {
                (Some(before), _) => before.value.end..entry.value.end,
                (None, Some(next)) => entry.key.start..next.key.start,
                (None, None) => entry.key.start..entry.value.end,
            };
        let length = removed.len();
        self.json.to_mut().drain(removed);
        self.entries.remove(index);
        for Entry { key, value, .. } in self.entries.iter_mut().skip(index) {
            *key = key.start - length..key.end - length;
            *value = value.start - length..value.end - length;
        }
        Some(value)
    }

    /// Sets a property, in place of an earlier value.
    pub(crate) fn put(&mut self, property: &'static str, value: &[u8]) {
        self.take_out(property);
        let json = self.json.to_mut();
        // The brace comes back behind the entry.
        json.pop();
        if !self.entries.is_empty() {
            json.push(b',');
        }
        let start = json.len();
        json.extend_from_slice(format!("\"{property}\":").as_bytes());
        let end = json.len();
        json.extend_from_slice(value);
        self.entries.push(Entry { key: start..end - 1, value: end..json.len(), property: Some(property) });
        json.push(b'}');
    }

    /// A key that comes twice, in whatever case.
    pub(super) fn duplicate(&self) -> Option<Cow<'_, str>> {
        let key = |entry: &Entry| self.json.get(entry.key.clone()).map(folding).unwrap_or_default();
        let mut keys: Vec<Cow<'_, [u8]>> = self.entries.iter().map(key).collect();
        // The length first: it differs for most keys.
        keys.sort_unstable_by(|one, two| one.len().cmp(&two.len()).then_with(|| folded(one).cmp(folded(two))));
        let pair = keys.windows(2).find(|pair| matches!(pair, [one, two] if one.eq_ignore_ascii_case(two)))?;
        pair.first().map(|key| String::from_utf8_lossy(key).into_owned().into())
    }

    /// All keys except a property, in lower case.
    pub(crate) fn other_keys(&self, property: &str) -> impl Iterator<Item = String> {
        let others = self.entries.iter().filter(move |entry| entry.property != Some(property));
        others.map(|entry| self.key(entry).to_lowercase())
    }

    /// The properties and dates, and their values as JSON.
    pub(super) fn properties(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.entries.iter().filter_map(|entry| Some((entry.property?, self.json.get(entry.value.clone())?)))
    }

    /// The keys with a value that some parser cannot read, and why.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (Cow<'_, str>, String)> {
        let entries = if self.is_readable { &[] } else { self.entries.as_slice() };
        entries.iter().filter_map(|entry| {
            let error = unreadable(self.json.get(entry.value.clone())?)?;
            let start = entry.value.start.saturating_sub(AROUND.0.len());
            Some((self.key(entry), explain(&error, &self.json, start)))
        })
    }

    /// Why the value of a property cannot be read, with the place in the item.
    pub(super) fn explain(&self, property: &str, error: &Error) -> String {
        let entry = self.position(property).and_then(|index| self.entries.get(index));
        explain(error, &self.json, entry.map_or(0, |entry| entry.value.start))
    }

    /// Reads permissions in a spelling that the scan does not know. An empty name of a security provider is left
    /// out: it would name another provider than the default.
    fn read_permissions(mut self) -> Self {
        let read = self.get(key::PERMISSIONS).filter(|_| self.named.is_none()).map(permissions::read);
        if let Some(Ok((permissions, named))) = read {
            self.named = Some(named);
            let has_empty = |identity: &PermissionIdentity| identity.security_provider.as_deref() == Some("");
            if permissions.identities().any(has_empty)
                && let Ok(json) = serde_json::to_vec(&permissions)
            {
                self.put(key::PERMISSIONS, &json);
            }
        }
        self
    }

    /// Whom the permissions name.
    pub(super) fn named(&self, permissions: &[u8]) -> Result<Named, Error> {
        self.named.map_or_else(|| permissions::read(permissions).map(|(_, named)| named), Ok)
    }

    /// Whether a permission set says who may see the item. Invalid permissions count as such.
    pub(crate) fn has_permissions(&self) -> bool {
        self.get(key::PERMISSIONS).is_some() && self.named.is_none_or(|named| named.sets > 0)
    }

    fn key(&self, entry: &Entry) -> Cow<'_, str> {
        text(self.json.get(entry.key.clone()).unwrap_or_default())
    }

    fn position(&self, property: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.property == Some(property))
    }
}

/// The white space of JSON. A form feed is not among it.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Text without a byte order mark at its start, and without white space around it.
fn trim(text: &str) -> &[u8] {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_matches(WHITE_SPACE).as_bytes()
}

/// The text of a key in a form that is the same in any case, once ASCII letters are folded.
fn folding(key: &[u8]) -> Cow<'_, [u8]> {
    match key {
        [b'"', inside @ .., b'"'] if inside.iter().all(|byte| byte.is_ascii() && *byte != b'\\') => inside.into(),
        _ => Cow::Owned(text(key).to_lowercase().into_bytes()),
    }
}

fn folded(key: &[u8]) -> impl Iterator<Item = u8> {
    key.iter().map(u8::to_ascii_lowercase)
}

/// The text of a JSON string; of any other value, its JSON.
pub(super) fn text(json: &[u8]) -> Cow<'_, str> {
    text_of(json).unwrap_or_else(|| String::from_utf8_lossy(json))
}

/// The text of a JSON string, which is copied only where it has escapes.
pub(crate) fn text_of(json: &[u8]) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inside.contains(&b'\\') {
        return serde_json::from_slice::<String>(json).ok().map(Cow::Owned);
    }
    str::from_utf8(inside).ok().map(Cow::Borrowed)
}

/// Whether a value is null.
pub(super) fn is_null(json: &[u8]) -> bool {
    json == b"null"
}

/// Reads an item in the usual spelling.
fn scan(json: &[u8]) -> Option<(Vec<Entry>, Option<Named>)> {
    /// Most items have no more keys.
    const USUAL: usize = 20;
    let mut scanner = Scanner::new(json);
    let mut entries = Vec::with_capacity(USUAL);
    let mut named = None;
    scanner.object(|scanner, key| {
        let start = scanner.at;
        let is_permissions = scanner.inside(&key) == key::PERMISSIONS.as_bytes();
        if is_permissions {
            named = permissions::scan_sets(scanner);
        }
        if !is_permissions || named.is_none() {
            scanner.at = start;
            scanner.value()?;
        }
        entries.push(Entry::new(json, key, start..scanner.at));
        Some(())
    })?;
    scanner.is_at_end().then_some((entries, named))
}

/// Reads an item in any spelling, or says why the text is not one.
fn parse(json: &[u8]) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    deserializer.deserialize_any(Entries { json, entries: &mut entries })?;
    deserializer.end()?;
    Ok(entries)
}

struct Entries<'a> {
    json: &'a [u8],
    entries: &'a mut Vec<Entry>,
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item (a JSON object)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let range = |part: &RawValue| {
            let start = part.get().as_ptr().addr().saturating_sub(self.json.as_ptr().addr());
            start..start + part.get().len()
        };
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            // A parser passes over escapes that are not text.
            serde_json::from_str::<String>(key.get()).map_err(A::Error::custom)?;
            self.entries.push(Entry::new(self.json, range(key), range(value)));
        }
        Ok(())
    }
}

/// The levels around the value of an item in a batch: the batch, its list, and the item.
const AROUND: (&[u8], &[u8]) = (b"[[[", b"]]]");

/// Why a parser cannot read a value, if one cannot: JSON has numbers of any size and arrays of any depth. A value
/// that the service cannot read would cost the whole batch.
fn unreadable(json: &[u8]) -> Option<Error> {
    let value = match serde_json::from_slice::<Value>(&[AROUND.0, json, AROUND.1].concat()) {
        Ok(value) => value,
        Err(error) => return Some(error),
    };
    has_number_out_of_range(&value).then(|| Error::custom("number out of range"))
}

/// Only with serde_json's `arbitrary_precision`: otherwise there is no such value.
fn has_number_out_of_range(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_none(),
        Value::Array(values) => values.iter().any(has_number_out_of_range),
        Value::Object(values) => values.values().any(has_number_out_of_range),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::{Map, json};

    use super::*;

    /// Keys with their values, as JSON.
    type Pairs<'a> = Vec<(&'a str, &'a str)>;

    fn pairs<'a>(text: &'a str, entries: &[Entry]) -> Pairs<'a> {
        let part = |range: &Range<usize>| text.get(range.clone()).unwrap();
        entries.iter().map(|entry| (part(&entry.key), part(&entry.value))).collect()
    }

    /// The entries that the scan finds, and whom the permissions name.
    fn scanned(text: &str) -> Option<(Pairs<'_>, Option<Named>)> {
        let (entries, named) = scan(text.as_bytes())?;
        Some((pairs(text, &entries), named))
    }

    #[test]
    fn an_item_as_programs_write_it_is_scanned() {
        let item = json!({
            "documentId": "https://a.b/\"1\"\\\n",
            "numbers": [0, -1, 1.5, -0.25, 1e-7, 12345678901234567890_u64],
            "words": [true, false, null, [], {}],
            "permissions": [{"allowAnonymous": true, "allowedPermissions": [{"identity": "a", "identityType": "USER"}]}],
        });
        for text in [serde_json::to_string(&item).unwrap(), serde_json::to_string_pretty(&item).unwrap()] {
            let (entries, named) = scanned(&text).unwrap();
            let read: Map<_, _> = entries
                .iter()
                .map(|(key, value)| (serde_json::from_str(key).unwrap(), serde_json::from_str(value).unwrap()))
                .collect();
            assert_eq!(Value::Object(read), item);
            assert_eq!(named, Some(Named { identities: 1, sets: 1, ..Named::default() }));
        }
    }

    #[test]
    fn text_that_is_not_json_is_not_scanned() {
        for value in [
            "",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nul",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\u{1}\"",
            "\"\n\"",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":1",
            "1}",
            "1 2",
        ] {
            assert_eq!(scanned(&format!("{{\"a\":{value}}}")).map(drop), None, "{value}");
        }
        for text in ["", "{", "[]", "1", "{} {}", "{\"a\":1}}", "{\"a\":1},"] {
            assert_eq!(scanned(text).map(drop), None, "{text}");
        }
    }

    #[test]
    fn values_that_some_parser_cannot_read_are_not_scanned() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for value in ["1e400", "1e-400", "-1E+100", &"9".repeat(201), &deep] {
            assert_eq!(scanned(&format!("{{\"a\":{value}}}")).map(drop), None, "{value}");
        }
        assert!(scanned(&format!("{{\"a\":{}}}", deep.get(1..129).unwrap())).is_some());
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = || "[a-z\"\\\\/\n\u{1}é]{0,20}";
        let leaf = prop_oneof![
            text().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            select(vec![json!(true), json!(null), json!([]), json!({})]),
        ];
        leaf.prop_recursive(3, 12, 4, move |value| {
            let list = prop::collection::vec(value.clone(), 0..4).prop_map(Value::from);
            let map = prop::collection::btree_map(text(), value, 0..4);
            prop_oneof![list, map.prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())]
        })
    }

    fn text() -> impl Strategy<Value = String> {
        let user = json!({"identity": "", "identityType": "User", "securityProvider": null});
        let group = json!({"identityType": "GROUP", "identity": "g"});
        let set = json!({"allowAnonymous": true, "allowedPermissions": [user, group], "deniedPermissions": [group]});
        let key = select(vec!["a", "é", "documentId", "permissions", "Permissions", "\"", "\\"]);
        let value = prop_oneof![2 => value(), 1 => Just(json!([])), 2 => Just(json!([set]))];
        let item = prop::collection::btree_map(key, value, 0..4);
        let spelled = (item, any::<bool>()).prop_map(|(item, is_pretty)| {
            if is_pretty { serde_json::to_string_pretty(&item).unwrap() } else { serde_json::to_string(&item).unwrap() }
        });
        let token = select(vec![
            " ", "\n", ",", ":", "\"", "\\", "\\u00e9", "\\ud800", "\\udc00", "{", "}", "[", "]", "0", "9", "-", ".",
            "e", "E+", "null",
        ]);
        // Something is taken out, put in, or comes twice.
        let change = (any::<[Index; 2]>(), prop::option::of(token), any::<bool>());
        (spelled, prop::collection::vec(change, 0..3)).prop_map(|(text, changes)| {
            let mut chars: Vec<String> = text.chars().map(String::from).collect();
            for (ends, token, is_twice) in changes {
                let ends = ends.map(|end| end.index(chars.len()));
                let part = *ends.iter().min().unwrap()..*ends.iter().max().unwrap();
                match token {
                    Some(token) => drop(chars.splice(part.start..part.start, [token.to_owned()])),
                    None if is_twice => drop(chars.splice(part.end..part.end, chars[part].to_vec())),
                    None => drop(chars.drain(part)),
                }
            }
            chars.concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn an_item_that_is_scanned_can_be_parsed_and_is_the_same(text in text()) {
            let read = serde_json::from_str::<Value>(&text);
            let Some((entries, named)) = scanned(&text) else { return Ok(()) };
            prop_assert_eq!(pairs(&text, &parse(text.as_bytes()).unwrap()), entries.clone());
            let entries = entries.into_iter().map(|(key, value)| {
                let key: String = serde_json::from_str(key).unwrap();
                (key, serde_json::from_str::<Value>(value).unwrap())
            });
            // The last of two with the same key stays, as in any map.
            prop_assert_eq!(Value::from(entries.collect::<Map<_, _>>()), read.unwrap());
            if let Some(named) = named {
                let json = scanned(&text).unwrap().0.into_iter().rfind(|(key, _)| *key == "\"permissions\"");
                prop_assert_eq!(permissions::read(json.unwrap().1.as_bytes()).unwrap().1, named);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_readable_when_serde_json_makes_a_value_of_it(
            numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,3}([0-9]{300,320})?)(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?", 1..4),
        ) {
            let json = format!("[{}]", numbers.join(", "));
            prop_assert_eq!(unreadable(json.as_bytes()).is_none(), serde_json::from_str::<Value>(&json).is_ok());
        }
    }

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn values_that_other_parsers_read_are_readable() {
        let long = format!("[1e5,{},\"1e999\",{{\"1e999\":true}}]", "9".repeat(308));
        for json in
            ["\"1e999\"", "1e308", "-1.5E+300", "1e-999", "0.1e-4000", "[null,false,\"e123\"]", &long, &nested(124)]
        {
            assert!(unreadable(json.as_bytes()).is_none(), "{json}");
        }
    }

    #[test]
    fn numbers_beyond_the_range_of_fractions_are_not_readable() {
        let digits = "9".repeat(400);
        for json in ["1e999", "-1E999", "1.5e+3111", "[1,{\"a\":[2e400]}]", &digits, &format!("[{digits}.0]")] {
            assert!(unreadable(json.as_bytes()).is_some_and(|error| error.to_string().contains("range")), "{json}");
        }
    }

    #[test]
    fn half_of_a_character_is_not_readable() {
        for text in ["\\ud800", "\\uDC00", "\\ud800\\u0041", "a\\udfff", "\\n\\uD83D"] {
            for json in [format!("\"{text}\""), format!("[\"{text}\"]"), format!("{{\"{text}\":1}}")] {
                assert!(unreadable(json.as_bytes()).is_some(), "{json}");
                let long = format!("[{json},\"{}\"]", "x".repeat(120));
                assert!(unreadable(long.as_bytes()).is_some(), "{long}");
            }
        }
        assert!(unreadable(br#"["\ud83d\ude00","\ud7ff","\ue000"]"#).is_none());
    }

    #[test]
    fn values_that_are_nested_too_deep_are_not_readable() {
        assert!(unreadable(nested(125).as_bytes()).is_some_and(|error| error.to_string().contains("recursion")));
        assert!(unreadable(format!("[{}1]", "[1],".repeat(500)).as_bytes()).is_none());
    }

    fn edited(text: &str, edit: impl FnOnce(&mut ItemText<'_>)) -> String {
        let mut item = ItemText::read(text.into()).unwrap();
        edit(&mut item);
        let json = String::from_utf8(item.json().to_vec()).unwrap();
        // Its entries are still where it says.
        let entries = item.entries.iter().map(|entry| (entry.key.clone(), entry.value.clone()));
        let parsed = parse(json.as_bytes()).unwrap().into_iter().map(|entry| (entry.key, entry.value));
        assert!(entries.eq(parsed), "{json}");
        json
    }

    #[test]
    fn a_property_is_taken_out_wherever_it_is() {
        for (text, left) in [
            (r#" { "DATA" : 1 } "#, "{  }"),
            (r#"{"data":1,"b":2}"#, r#"{"b":2}"#),
            (r#"{"a":1, "data" : 2 ,"b":3}"#, r#"{"a":1 ,"b":3}"#),
            (r#"{"a":1,"data":2}"#, r#"{"a":1}"#),
            (r#"{"a":1}"#, r#"{"a":1}"#),
        ] {
            assert_eq!(edited(text, |item| drop(item.take_out(key::DATA))), left, "{text}");
        }
    }

    #[test]
    fn a_property_is_put_at_the_end_in_place_of_an_earlier_value() {
        for (text, put) in [
            ("{}", r#"{"data":7}"#),
            (r#"{"a":1}"#, r#"{"a":1,"data":7}"#),
            (r#"{"Data":1,"a":1}"#, r#"{"a":1,"data":7}"#),
        ] {
            assert_eq!(edited(text, |item| item.put(key::DATA, b"7")), put, "{text}");
        }
    }

    #[test]
    fn properties_are_told_from_metadata() {
        let item = ItemText::read(r#"{"Data":"a","pages":1,"\u0050ERMISSIONS":[]}"#.into()).unwrap();
        assert_eq!(item.properties().map(|(property, _)| property).collect::<Vec<_>>(), ["data", "permissions"]);
    }

    #[test]
    fn a_key_that_comes_twice_is_found_in_any_case_and_spelling() {
        for (text, duplicate) in [
            (r#"{"a":1,"b":2,"A":2}"#, true),
            (r#"{"Größe":1,"GRÖSSE":1,"GRÖßE":2}"#, true),
            (r#"{"a":1,"\u0061":2}"#, true),
            (r#"{"a":1,"ab":2,"":3}"#, false),
        ] {
            assert_eq!(ItemText::read(text.into()).unwrap().duplicate().is_some(), duplicate, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_not_an_object_is_refused() {
        for text in ["", "[]", "1", "null", "{", "{\"a\"}", "{\"a\":1,}", "{\"a\":\"\u{1}\"}", "{} {}"] {
            assert!(ItemText::read(text.into()).is_err(), "{text}");
        }
        assert!(ItemText::write(&[1, 2]).is_err());
        assert!(ItemText::write("text").is_err());
        assert!(ItemText::write(&None::<u8>).is_err());
    }
}
