//! JSON text that is in hand: checked in one pass, and copied as it is.

use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

use crate::model::document_keys::DOCUMENT_ID;
use crate::model::object::{Entry, Layout, is_key, is_null};

/// The text without the white space around it, and in `layout` where its entries stand in that.
pub(super) fn check<'a>(text: &'a str, layout: &mut Layout) -> Result<&'a str, Error> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    layout.clear();
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Entries { text, layout })?;
    json.end()?;
    Ok(text)
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
            let entry = Entry { key: self.range(key), value: self.range(value) };
            self.layout.push(entry);
        }
        Ok(())
    }
}

/// The document id in a text that was checked, where it has one that is text.
pub(super) fn document_id(text: &str, layout: &Layout) -> Option<String> {
    serde_json::from_str(id_value(text, layout)?).ok()
}

/// Whether a text that was checked has a `documentId` that is none: it cannot be pushed with another.
pub(super) fn has_null_id(text: &str, layout: &Layout) -> bool {
    id_value(text, layout).is_some_and(|value| is_null(value.as_bytes()))
}

fn id_value<'a>(text: &'a str, layout: &Layout) -> Option<&'a str> {
    let is_id = |entry: &&Entry| is_key(text.as_bytes().get(entry.key.clone()), DOCUMENT_ID);
    let entry = layout.entries().iter().find(is_id)?;
    text.get(entry.value.clone())
}

/// Appends a text that was checked to `buffer`, with its `documentId` in front unless it has one,
/// and moves `layout` to where it stands there.
pub(super) fn copy(buffer: &mut Vec<u8>, layout: &mut Layout, document_id: &str, text: &str) -> Result<(), Error> {
    let inside = text.strip_prefix('{').unwrap_or_default();
    let key = |entry: &Entry| text.as_bytes().get(entry.key.clone());
    let has_id = layout.entries().iter().any(|entry| is_key(key(entry), DOCUMENT_ID));
    let has_escapes = layout.entries().iter().any(|entry| key(entry).is_some_and(|key| key.contains(&b'\\')));
    buffer.push(b'{');
    let mut put_in = None;
    if !has_id {
        let start = buffer.len();
        serde_json::to_writer(&mut *buffer, DOCUMENT_ID)?;
        let colon = buffer.len();
        buffer.push(b':');
        serde_json::to_writer(&mut *buffer, document_id)?;
        put_in = Some(Entry { key: start..colon, value: colon + 1..buffer.len() });
        if !layout.entries().is_empty() {
            buffer.push(b',');
        }
    }
    // `inside` begins at the second byte of the text, and now stands here.
    layout.shift(buffer.len() - 1);
    buffer.extend_from_slice(inside.as_bytes());
    // A key with escapes may be a `documentId`, too, which is found when the one put in is known.
    put_in.filter(|_| has_escapes).into_iter().for_each(|entry| layout.push(entry));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn entries(text: &str) -> Result<Vec<(String, String)>, Error> {
        let mut layout = Layout::default();
        let text = check(text, &mut layout)?;
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

    fn copied(document_id: &str, text: &str) -> (Vec<u8>, Layout) {
        let (mut buffer, mut layout) = (b"before".to_vec(), Layout::default());
        let text = check(text, &mut layout).unwrap();
        copy(&mut buffer, &mut layout, document_id, text).unwrap();
        (buffer, layout)
    }

    #[test]
    fn an_id_is_put_in_front_where_there_is_none_and_the_text_stays_as_it_is() {
        assert_eq!(copied("a\"", "{ \"b\" : 1 }").0, b"before{\"documentId\":\"a\\\"\", \"b\" : 1 }");
        assert_eq!(copied("a", "{}").0, b"before{\"documentId\":\"a\"}");
        assert_eq!(copied("a", "{\"DocumentID\":\"a\"}").0, b"before{\"DocumentID\":\"a\"}");
    }

    proptest! {
        #[test]
        fn what_is_copied_is_the_object_with_its_id_and_the_layout_tells_where(
            map in prop::collection::btree_map("[a-c]{0,2}", ".{0,20}", 0..6),
            id in ".{1,20}",
            pretty: bool,
        ) {
            let text = if pretty { serde_json::to_string_pretty(&map) } else { serde_json::to_string(&map) };
            let (buffer, layout) = copied(&id, &text.unwrap());
            let mut expected = map;
            expected.insert("documentId".to_owned(), id);
            prop_assert_eq!(&serde_json::from_slice::<BTreeMap<String, String>>(&buffer[6..]).unwrap(), &expected);
            let part = |range: &Range<usize>| serde_json::from_slice::<Value>(&buffer[range.clone()]).unwrap();
            let noted: BTreeMap<String, String> = layout.entries().iter().map(|entry| {
                (part(&entry.key).as_str().unwrap().to_owned(), part(&entry.value).as_str().unwrap().to_owned())
            }).collect();
            expected.remove("documentId");
            prop_assert_eq!(noted, expected);
        }
    }
}
