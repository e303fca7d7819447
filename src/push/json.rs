//! JSON text that is in hand: checked, and not copied before it goes into its batch.

use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::model::document_keys::DOCUMENT_ID;
use crate::model::object::{self, Buffer, Entry, Layout, WrittenBy};
use crate::preflight::{self, Scanned};

/// The text without the white space around it, and in `layout` where its entries stand in that; with
/// what is known of it, if it is spelled as most are.
pub(super) fn check<'a>(text: &'a str, layout: &mut Layout) -> Result<(&'a str, Option<Scanned>), Error> {
    const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let text = text.trim_start_matches(WHITE_SPACE);
    let scanned = preflight::scan_item(text.as_bytes(), layout);
    if scanned.is_none() {
        read(text, layout)?;
    }
    // Only now: the end of a text that was not read yet is far from where the processor looks.
    Ok((text.trim_end_matches(WHITE_SPACE), scanned))
}

/// Reads any JSON object, or says why there is none.
fn read(text: &str, layout: &mut Layout) -> Result<(), Error> {
    layout.clear();
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Entries { text, layout })?;
    json.end()
}

/// Notes the entries of an object; nothing of them is kept but where they stand.
struct Entries<'a> {
    text: &'a str,
    layout: &'a mut Layout,
}

impl Entries<'_> {
    fn range(&self, part: &RawValue) -> Range<usize> {
        let start = part.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        start..start + part.get().len()
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the JSON object of an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            if key.get().contains("\\u") {
                // Not all escapes that a parser goes over make a text.
                serde_json::from_str::<String>(key.get()).map_err(A::Error::custom)?;
            }
            let entry = Entry { key: self.range(key), value: self.range(value), written_by: WrittenBy::Another };
            self.layout.push(entry);
        }
        Ok(())
    }
}

/// Puts a `documentId` before the first entry of a text that was checked and has none: the object
/// begins in `buffer`, and goes on with what is returned.
pub(super) fn put_in<'a>(
    buffer: &mut Buffer,
    layout: &Layout,
    document_id: &str,
    text: &'a str,
) -> Result<&'a str, Error> {
    buffer.extend_from_slice(b"{");
    object::write_value(buffer, DOCUMENT_ID)?;
    buffer.extend_from_slice(b":");
    object::write_value(buffer, document_id)?;
    if !layout.entries().is_empty() {
        buffer.extend_from_slice(b",");
    }
    Ok(text.strip_prefix('{').unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn entries(text: &str) -> Result<Vec<(String, String)>, Error> {
        let mut layout = Layout::default();
        let (text, _) = check(text, &mut layout)?;
        let part = |range: &Range<usize>| text.get(range.clone()).unwrap().to_owned();
        Ok(layout.entries().iter().map(|entry| (part(&entry.key), part(&entry.value))).collect())
    }

    #[test]
    fn the_entries_of_an_object_are_found_where_they_stand() {
        let found = entries(" { \"a\" : [1, {\"b\":\"}\"}] ,\"c\\n\":\"x\\\"y\"\n} ").unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(found, [pair("\"a\"", "[1, {\"b\":\"}\"}]"), pair("\"c\\n\"", "\"x\\\"y\"")]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "1", "{", "{\"a\"}", "{\"a\":1,}", "{\"a\":\"\u{1}\"}", "{} {}"] {
            assert!(entries(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entries_are_found_in_one_pass_where_the_parser_finds_them() {
        for text in ["{}", " {\"a\" : [1, {\"b\":\"}\"}] ,\"c\\n\":\"x\\\"y\"\n} ", "{\"permissions\": [] , \"a\":1 }"]
        {
            let (mut scanned, mut parsed) = (Layout::default(), Layout::default());
            let (text, is_scanned) = check(text, &mut scanned).unwrap();
            assert!(is_scanned.is_some(), "{text}");
            read(text, &mut parsed).unwrap();
            let ranges = |layout: &Layout| -> Vec<_> {
                layout.entries().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
            };
            assert_eq!(ranges(&scanned), ranges(&parsed), "{text}");
        }
    }

    fn with_id(document_id: &str, text: &str) -> String {
        let (mut buffer, mut layout) = (Buffer::default(), Layout::default());
        let (text, _) = check(text, &mut layout).unwrap();
        let rest = put_in(&mut buffer, &layout, document_id, text).unwrap();
        String::from_utf8(buffer.to_vec()).unwrap() + rest
    }

    #[test]
    fn an_id_is_put_in_front_and_the_text_stays_as_it_is() {
        assert_eq!(with_id("a\"", "{ \"b\" : 1 }"), r#"{"documentId":"a\"", "b" : 1 }"#);
        assert_eq!(with_id("a", " {}"), r#"{"documentId":"a"}"#);
        assert_eq!(with_id("a", "{ }"), r#"{"documentId":"a" }"#);
    }

    proptest! {
        #[test]
        fn the_object_is_the_same_with_its_id(
            map in prop::collection::btree_map("[a-c]{0,2}", ".{0,20}", 0..6),
            id in ".{1,20}",
            pretty: bool,
        ) {
            let text = if pretty { serde_json::to_string_pretty(&map) } else { serde_json::to_string(&map) };
            let found: Map<String, Value> = serde_json::from_str(&with_id(&id, &text.unwrap())).unwrap();
            let mut expected: Map<String, Value> = map.into_iter().map(|(key, value)| (key, value.into())).collect();
            expected.insert("documentId".to_owned(), id.into());
            prop_assert_eq!(found, expected);
        }
    }
}
