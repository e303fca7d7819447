//! JSON text that is in hand: checked, and copied as it is.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::document_keys::DOCUMENT_ID;
use crate::model::object::{Entry, Layout, is_key};

/// Appends an object to `buffer`, with its `documentId` in front unless it has it already, and notes
/// its entries in `layout`.
pub(super) fn copy(
    buffer: &mut Vec<u8>,
    layout: &mut Layout,
    document_id: &str,
    text: &str,
) -> Result<(), serde_json::Error> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    layout.clear();
    check(text, layout)?;
    let inside = text.strip_prefix('{').unwrap_or_default();
    let has_id = layout.entries().iter().any(|entry| is_key(text.as_bytes().get(entry.key.clone()), DOCUMENT_ID));
    buffer.push(b'{');
    if !has_id {
        serde_json::to_writer(&mut *buffer, DOCUMENT_ID)?;
        buffer.push(b':');
        serde_json::to_writer(&mut *buffer, document_id)?;
        if !layout.entries().is_empty() {
            buffer.push(b',');
        }
    }
    // `inside` begins at the second byte of the text, and now stands here.
    layout.shift(buffer.len() - 1);
    buffer.extend_from_slice(inside.as_bytes());
    Ok(())
}

/// Reads the text as a JSON object and notes where its entries stand in it.
fn check(text: &str, layout: &mut Layout) -> Result<(), serde_json::Error> {
    struct Read<'a> {
        text: &'a str,
        layout: &'a mut Layout,
    }

    impl Read<'_> {
        fn range(&self, raw: &RawValue) -> std::ops::Range<usize> {
            let start = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
            start..start + raw.get().len()
        }
    }

    impl<'de> Visitor<'de> for Read<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                let entry = Entry { key: self.range(key), value: self.range(value) };
                self.layout.push(entry);
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Read { text, layout })?;
    json.end()
}
