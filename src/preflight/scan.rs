//! Reading JSON that is spelled as most of it is, in one pass and without keeping any of it.
//!
//! What is taken here is in order in every respect. What is not may be so all the same: it is left to
//! serde_json and to the model, which are slower, know every spelling, and can say what is wrong.

use std::ops::Range;

use super::permissions::{self, Named};
use crate::model::document_keys::PERMISSIONS;
use crate::model::object::{Entry, Layout, WrittenBy, plain_len};

/// What is known of an item all of whose values can be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanned {
    /// Whom its permissions name, where they were scanned.
    pub(super) permissions: Option<Named>,
}

/// Reads the object of an item, behind which there is nothing, and notes its entries.
pub(crate) fn item(json: &[u8], layout: &mut Layout) -> Option<Scanned> {
    layout.clear();
    let mut scan = Scan::new(json);
    let mut permissions = None;
    scan.object(|scan, key| {
        let start = scan.at;
        let is_permissions = scan.inside(&key) == PERMISSIONS.as_bytes();
        if is_permissions {
            permissions = permissions::sets(scan);
        }
        if !is_permissions || permissions.is_none() {
            scan.at = start;
            scan.value()?;
        }
        layout.push(Entry { key, value: start..scan.at, written_by: WrittenBy::Another });
        Some(())
    })?;
    scan.is_at_end().then_some(Scanned { permissions })
}

/// Whether a value can be read.
pub(super) fn is_readable(json: &[u8]) -> bool {
    let mut scan = Scan::new(json);
    scan.value().is_some() && scan.is_at_end()
}

/// How many levels of arrays and objects there may be: few enough for every reader, and for the stack.
const DEPTH: usize = 64;
/// How many digits a number may have before its fraction, so that with an exponent of two digits it is
/// in the range of fractions of 64 bits.
const MOST_DIGITS: usize = 200;

/// Each of its parts is `None` when something else stands there. After [`word`](Self::word) and
/// [`key`](Self::key) the scan is then where it was; after the others that has no meaning.
pub(super) struct Scan<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(json: &'a [u8]) -> Self {
        Self { json, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn next(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.next() {
            self.at += 1;
        }
    }

    /// Whether nothing is left but white space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_white_space();
        self.at == self.json.len()
    }

    /// One byte that has a meaning, and the white space behind it.
    fn mark(&mut self, mark: u8) -> Option<()> {
        if self.next()? != mark {
            return None;
        }
        self.at += 1;
        self.skip_white_space();
        Some(())
    }

    /// What stands between two marks, and has commas between its parts.
    fn enclosed(&mut self, [open, close]: [u8; 2], mut part: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.mark(open)?;
        if self.next()? != close {
            part(self)?;
            self.skip_white_space();
            while self.mark(b',').is_some() {
                part(self)?;
                self.skip_white_space();
            }
        }
        if self.next()? != close {
            return None;
        }
        self.at += 1;
        Some(())
    }

    pub(super) fn list(&mut self, entry: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enclosed(*b"[]", entry)
    }

    /// An object, with what reads an entry from its key on.
    pub(super) fn entries(&mut self, entry: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.enclosed(*b"{}", entry)
    }

    /// A certain key, its quotes included, and what stands before its value. When it is another one the
    /// scan is where it was.
    #[inline]
    pub(super) fn key(&mut self, key: &[u8]) -> Option<()> {
        let start = self.at;
        let found = self.word(key).and_then(|()| {
            self.skip_white_space();
            self.mark(b':')
        });
        if found.is_none() {
            self.at = start;
        }
        found
    }

    /// An object, with what reads the value of an entry whose key is given.
    fn object(&mut self, mut value: impl FnMut(&mut Self, Range<usize>) -> Option<()>) -> Option<()> {
        self.entries(|scan| {
            let start = scan.at;
            scan.text()?;
            let key = start..scan.at;
            scan.skip_white_space();
            scan.mark(b':')?;
            value(scan, key)
        })
    }

    /// Any value.
    pub(super) fn value(&mut self) -> Option<()> {
        self.value_within(DEPTH)
    }

    fn value_within(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.text().map(drop),
            b'{' => {
                let depth = depth.checked_sub(1)?;
                self.object(|scan, _| scan.value_within(depth))
            }
            b'[' => {
                let depth = depth.checked_sub(1)?;
                self.list(|scan| scan.value_within(depth))
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    #[inline]
    pub(super) fn word(&mut self, word: &[u8]) -> Option<()> {
        self.json.get(self.at..)?.strip_prefix(word)?;
        self.at += word.len();
        Some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.next().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.next()? == b'-');
        let first = self.next()?;
        let digits = self.digits();
        if digits == 0 || (digits > 1 && first == b'0') || digits > MOST_DIGITS {
            return None;
        }
        if self.next() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if let Some(b'e' | b'E') = self.next() {
            self.at += 1;
            self.at += usize::from(matches!(self.next(), Some(b'+' | b'-')));
            if !matches!(self.digits(), 1 | 2) {
                return None;
            }
        }
        Some(())
    }

    /// A text, its quotes included, and whether it has escapes.
    #[inline]
    pub(super) fn text(&mut self) -> Option<bool> {
        if self.next()? != b'"' {
            return None;
        }
        let mut has_escapes = false;
        while self.plain_text()? == b'\\' {
            has_escapes = true;
            self.at += 1;
            match self.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' if is_character(self.json.get(self.at + 1..)?.first_chunk()?) => self.at += 4,
                _ => return None,
            }
        }
        self.at += 1;
        Some(has_escapes)
    }

    /// Goes on from the byte where the scan is to the next one that ends a text or begins an escape.
    #[inline]
    fn plain_text(&mut self) -> Option<u8> {
        self.at += 1;
        self.at += plain_len(self.json.get(self.at..)?);
        self.next().filter(|byte| *byte >= b' ')
    }

    /// What stands between the quotes of a text that was read, as JSON.
    pub(super) fn inside(&self, text: &Range<usize>) -> &'a [u8] {
        self.json.get(text.start + 1..text.end - 1).unwrap_or_default()
    }
}

/// Whether four digits stand for a character, and not for half of one: the other half would have to follow.
fn is_character(digits: &[u8; 4]) -> bool {
    let is_half = matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
    digits.iter().all(u8::is_ascii_hexdigit) && !is_half
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::preflight::permissions;

    /// Keys with their values, as JSON.
    type Entries<'a> = Vec<(&'a str, &'a str)>;

    /// What the scan takes for the entries, and whom the permissions name.
    fn scanned(text: &str) -> Option<(Entries<'_>, Option<Named>)> {
        let mut layout = Layout::default();
        let Scanned { permissions } = item(text.as_bytes(), &mut layout)?;
        let part = |range: &Range<usize>| text.get(range.clone()).unwrap();
        let entries = layout.entries().iter().map(|entry| (part(&entry.key), part(&entry.value)));
        Some((entries.collect(), permissions))
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
            assert_eq!(named, Some(Named { identities: 1, has_one_without_name: false }));
        }
    }

    #[test]
    fn what_is_no_json_is_not_scanned() {
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
            assert!(!is_readable(value.as_bytes()), "{value}");
            assert_eq!(scanned(&format!("{{\"a\":{value}}}")).map(drop), None, "{value}");
        }
        for text in ["", "{", "[]", "1", "{} {}", "{\"a\":1}}", "{\"a\":1},"] {
            assert_eq!(scanned(text).map(drop), None, "{text}");
        }
    }

    #[test]
    fn what_other_readers_may_not_take_is_not_scanned() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        for value in ["1e400", "1e-400", "-1E+100", &"9".repeat(201), &deep] {
            assert!(!is_readable(value.as_bytes()), "{value}");
        }
        assert!(is_readable(deep.get(1..129).unwrap().as_bytes()));
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
            " ", "\n", ",", ":", "\"", "\\", "\\u00e9", "\\ud800", "{", "}", "[", "]", "0", "9", "-", ".", "e", "E+",
            "null",
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
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_scanned_can_be_read_and_is_the_same(text in text()) {
            let read = serde_json::from_str::<Value>(&text);
            let Some((entries, named)) = scanned(&text) else { return Ok(()) };
            let entries = entries.into_iter().map(|(key, value)| {
                let key: String = serde_json::from_str(key).unwrap();
                (key, serde_json::from_str::<Value>(value).unwrap())
            });
            // The last of two with the same key stays, as in any map.
            prop_assert_eq!(Value::from(entries.collect::<Map<_, _>>()), read.unwrap());
            if let Some(named) = named {
                let json = scanned(&text).unwrap().0.into_iter().rfind(|(key, _)| *key == "\"permissions\"");
                prop_assert_eq!(permissions::read(json.unwrap().1.as_bytes()).unwrap(), named);
            }
        }
    }
}
