//! JSON text that is in hand: checked in one pass, and copied as it is.
//!
//! A parser would build, or at least describe, every value that it meets. All that is asked here is
//! whether the text is JSON, and where the entries of its outermost object stand; most of an item is
//! one long string, which a vectorised search passes over.

use std::fmt;

use memchr::memchr2;

use crate::model::document_keys::DOCUMENT_ID;
use crate::model::object::{Entry, Layout, is_key};

/// How deep values may be nested, as for the models.
const DEEPEST: usize = 127;

/// Why a text is not the JSON of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    at: usize,
    what: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the text is not the JSON of an object: {} at byte {}", self.what, self.at)
    }
}

/// The text without the white space around it, and in `layout` where its entries stand in that.
pub(super) fn check<'a>(text: &'a str, layout: &mut Layout) -> Result<&'a str, Fault> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    layout.clear();
    // One quick look at all of it, and the strings need none of their own.
    let has_control = text.bytes().fold(false, |has, byte| has | (byte < b' '));
    let mut scan = Scan { text: text.as_bytes(), at: 0, has_control };
    scan.object(layout)?;
    if scan.peek().is_some() {
        return Err(scan.fault("something follows the object"));
    }
    Ok(text)
}

/// The document id in a text that was checked, where it has one that is text.
pub(super) fn document_id(text: &str, layout: &Layout) -> Option<String> {
    let is_id = |entry: &&Entry| is_key(text.as_bytes().get(entry.key.clone()), DOCUMENT_ID);
    let entry = layout.entries().iter().find(is_id)?;
    serde_json::from_str(text.get(entry.value.clone())?).ok()
}

/// Appends a text that was checked to `buffer`, with its `documentId` in front unless it has one,
/// and moves `layout` to where it stands there.
pub(super) fn copy(
    buffer: &mut Vec<u8>,
    layout: &mut Layout,
    document_id: &str,
    text: &str,
) -> Result<(), serde_json::Error> {
    let inside = text.strip_prefix('{').unwrap_or_default();
    let has_id = layout.entries().iter().any(|entry| is_key(text.as_bytes().get(entry.key.clone()), DOCUMENT_ID));
    let has_entries = !layout.entries().is_empty();
    buffer.push(b'{');
    let mut id = None;
    if !has_id {
        let key = buffer.len();
        serde_json::to_writer(&mut *buffer, DOCUMENT_ID)?;
        buffer.push(b':');
        let value = buffer.len();
        serde_json::to_writer(&mut *buffer, document_id)?;
        id = Some(Entry { key: key..value - 1, value: value..buffer.len() });
        if has_entries {
            buffer.push(b',');
        }
    }
    // `inside` begins at the second byte of the text, and now stands here.
    layout.shift(buffer.len() - 1);
    // Noted as well: the text may have it under a key that is spelled with escapes.
    id.into_iter().for_each(|id| layout.push(id));
    buffer.extend_from_slice(inside.as_bytes());
    Ok(())
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether there is a control character, in a string or between values.
    has_control: bool,
}

impl Scan<'_> {
    fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Passes over white space, and looks at what is behind it.
    fn next(&mut self) -> Option<u8> {
        while let Some(byte) = self.peek() {
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn take(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.next() != Some(byte) {
            return Err(self.fault(what));
        }
        self.at += 1;
        Ok(())
    }

    /// The outermost object, whose entries are noted.
    fn object(&mut self, layout: &mut Layout) -> Result<(), Fault> {
        self.take(b'{', "a `{` is missing")?;
        if self.next() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.next();
            let key = self.at;
            self.take(b'"', "a key is missing")?;
            self.string()?;
            let colon = self.at;
            self.take(b':', "a `:` is missing")?;
            self.next();
            let value = self.at;
            self.value()?;
            layout.push(Entry { key: key..colon, value: value..self.at });
            match self.next() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.fault("a `,` or `}` is missing")),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// One value, however deep. `open` holds what ends each array and object around.
    fn value(&mut self) -> Result<(), Fault> {
        let mut open: [u8; DEEPEST] = [0; DEEPEST];
        let mut depth = 0;
        loop {
            // A value begins here.
            match self.next() {
                Some(begin @ (b'{' | b'[')) => {
                    let end = begin + 2;
                    self.at += 1;
                    if self.next() == Some(end) {
                        self.at += 1;
                    } else {
                        let place = open.get_mut(depth).ok_or_else(|| self.fault("values are nested too deep"))?;
                        *place = end;
                        depth += 1;
                        if begin == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word(b"true")?,
                Some(b'f') => self.word(b"false")?,
                Some(b'n') => self.word(b"null")?,
                _ => return Err(self.fault("a value is missing")),
            }
            // A value ends here, and maybe what is around it.
            loop {
                let Some(end) = depth.checked_sub(1).and_then(|around| open.get(around)).copied() else {
                    return Ok(());
                };
                match self.next() {
                    Some(b',') => {
                        self.at += 1;
                        if end == b'}' {
                            self.key()?;
                        }
                        break;
                    }
                    Some(byte) if byte == end => {
                        self.at += 1;
                        depth -= 1;
                    }
                    _ => return Err(self.fault("an array or object does not go on")),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Fault> {
        self.take(b'"', "a key is missing")?;
        self.string()?;
        self.take(b':', "a `:` is missing")
    }

    /// A string, behind its first quote.
    fn string(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = memchr2(b'"', b'\\', rest).ok_or_else(|| self.fault("a string does not end"))?;
            if self.has_control && rest.iter().take(plain).any(|byte| *byte < b' ') {
                return Err(self.fault("a string has a control character"));
            }
            self.at += plain + 1;
            if rest.get(plain) == Some(&b'"') {
                return Ok(());
            }
            self.escape()?;
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<(), Fault> {
        let hex = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(self.fault("a string has an unknown escape")),
        };
        self.at += 1;
        let digits = self.text.get(self.at..self.at + hex);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(self.fault("an escape has no four hexadecimal digits"));
        }
        self.at += hex;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(self.fault("a number lacks a digit")),
            digits => {
                self.at += digits;
                Ok(())
            }
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        if self.text.get(self.at..self.at + word.len()) != Some(word) {
            return Err(self.fault("a value is unknown"));
        }
        self.at += word.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_object(text: &str) -> bool {
        serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text).is_ok()
    }

    fn entries(text: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut layout = Layout::default();
        let text = check(text, &mut layout)?;
        let part = |range: &std::ops::Range<usize>| text.get(range.clone()).unwrap().to_owned();
        Ok(layout.entries().iter().map(|entry| (part(&entry.key), part(&entry.value))).collect())
    }

    #[test]
    fn the_entries_of_an_object_are_found_where_they_stand() {
        let found = entries(" { \"a\" : [1, {\"b\":\"}\"}] ,\"c\\n\":\"x\\\"y\"\n} ").unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(found, [pair("\"a\"", "[1, {\"b\":\"}\"}]"), pair("\"c\\n\"", "\"x\\\"y\"")]);
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let table = [
            ("", 0),
            ("[]", 0),
            ("{", 1),
            ("{\"a\"}", 4),
            ("{\"a\":}", 5),
            ("{\"a\":1,}", 7),
            ("{\"a\":01}", 6),
            ("{\"a\":1.}", 7),
            ("{\"a\":tru}", 5),
            ("{\"a\":\"\u{1}\"}", 6),
            ("{\"a\":\"\\x\"}", 7),
            ("{\"a\":\"\\u12\"}", 8),
            ("{\"a\":[1}", 7),
            ("{} {}", 2),
        ];
        for (text, at) in table {
            assert_eq!(entries(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(entries(&nested(DEEPEST)).is_ok());
        assert!(entries(&nested(DEEPEST + 2)).is_err());
    }

    fn json(text: &'static str) -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<i32>().prop_map(|number| (f64::from(number) / 8.0).into()),
            text.prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".{0,8}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_object_that_is_written_is_taken(
            map in prop::collection::btree_map(".{0,12}", json(".{0,80}"), 0..6),
            pretty: bool,
        ) {
            let value = serde_json::Value::Object(map.clone().into_iter().collect());
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let found: Vec<_> = entries(&text.unwrap()).unwrap().into_iter().map(|(key, value)| {
                (serde_json::from_str::<String>(&key).unwrap(), serde_json::from_str::<serde_json::Value>(&value).unwrap())
            }).collect();
            prop_assert_eq!(found, map.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn it_takes_what_serde_json_takes_and_nothing_else(
            map in prop::collection::btree_map("[a-z\"\\\\]{0,3}", json("[ -~é]{0,80}"), 0..3),
            at in any::<prop::sample::Index>(),
            put in prop::sample::select(vec!["", "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", ".", "e", "u", "\n", "\u{1}", "é", "true"]),
            cut in 0..3_usize,
        ) {
            let mut text: Vec<char> = serde_json::to_string(&map).unwrap().chars().collect();
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.splice(at..end, put.chars());
            let text: String = text.into_iter().collect();
            // Half of a surrogate pair is JSON by its grammar, and no text that serde_json reads.
            prop_assume!(!text.contains("\\u"));
            prop_assert_eq!(entries(&text).is_ok(), is_object(&text) , "{}", text);
        }
    }
}
