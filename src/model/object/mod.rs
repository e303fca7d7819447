//! Writing a value that must be a JSON object, and remembering where its entries stand.
//!
//! An item may be any `Serialize` type. It is serialised once, into a buffer of its caller's; a thin
//! serializer around the top level sees each key go by, so that the rules about keys
//! can be held without a second pass and without a `serde_json::Value`.

mod buffer;
mod key;
mod nested;
mod text;
mod value;

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::Error;
use serde_json::value::RawValue;

pub(crate) use buffer::Buffer;
pub(crate) use text::plain_len;

use super::document::key::DOCUMENT_ID;
use key::TextSerializer;
use nested::is_text_in_hand;

/// Where the top-level entries of an object stand in the buffer that it was written into.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    entries: Vec<Entry>,
}

/// One `"key":value`, as ranges of the buffer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key as JSON, its quotes included.
    pub(crate) key: Range<usize>,
    /// The value as JSON.
    pub(crate) value: Range<usize>,
    pub(crate) written_by: WrittenBy,
}

/// What is known of a value from how it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WrittenBy {
    /// A [`Permissions`](super::Permissions), so they are in order.
    Permissions,
    /// A type that serialises: it can be read.
    Type,
    /// Whoever wrote the JSON that was in hand, or a type that has more levels than all readers take.
    Another,
}

impl Layout {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}

/// The value of an entry, as JSON, of an object that [`write`] put at the end of `buffer`; `None`
/// where it is null.
pub(crate) fn get<'a>(buffer: &'a [u8], layout: &Layout, key: &str) -> Option<&'a [u8]> {
    let entry = layout.entries.get(position(buffer, layout, key)?)?;
    buffer.get(entry.value.clone()).filter(|value| !is_null(value))
}

/// Takes an entry out of such an object, and returns its value as JSON.
pub(crate) fn take_out(buffer: &mut Buffer, layout: &mut Layout, key: &str) -> Option<Vec<u8>> {
    let index = position(buffer, layout, key)?;
    let entry = layout.entries.get(index)?;
    let value = buffer.get(entry.value.clone())?.to_vec();
    // With the comma before it, or else the one behind it.
    let with_comma = match (index, layout.entries.get(index + 1)) {
        (0, None) => entry.key.start..entry.value.end,
        (0, Some(next)) => entry.key.start..next.key.start,
        (_, _) => entry.key.start.saturating_sub(1)..entry.value.end,
    };
    let length = with_comma.len();
    buffer.copy_within(with_comma.end.., with_comma.start);
    buffer.truncate(buffer.len() - length);
    layout.entries.remove(index);
    for Entry { key, value, .. } in layout.entries.iter_mut().skip(index) {
        *key = key.start - length..key.end - length;
        *value = value.start - length..value.end - length;
    }
    Some(value)
}

/// Puts an entry at the end of such an object, in place of one of that key.
pub(crate) fn put(buffer: &mut Buffer, layout: &mut Layout, key: &str, json: &[u8]) {
    take_out(buffer, layout, key);
    // The brace comes back behind the entry.
    buffer.truncate(buffer.len().saturating_sub(1));
    if !layout.entries.is_empty() {
        buffer.extend_from_slice(b",");
    }
    let start = buffer.len();
    buffer.extend_from_slice(format!("\"{key}\"").as_bytes());
    let end = buffer.len();
    buffer.extend_from_slice(b":");
    buffer.extend_from_slice(json);
    layout.entries.push(Entry { key: start..end, value: end + 1..buffer.len(), written_by: WrittenBy::Another });
    buffer.extend_from_slice(b"}");
}

fn position(buffer: &[u8], layout: &Layout, key: &str) -> Option<usize> {
    layout.entries.iter().position(|entry| is_key(buffer.get(entry.key.clone()), key))
}

/// Appends any value as JSON.
pub(crate) fn write_value<T: Serialize + ?Sized>(buffer: &mut Buffer, value: &T) -> Result<(), Error> {
    value::write(buffer, value).map(drop)
}

/// What stands in the way of an object.
#[derive(Debug)]
pub(crate) enum ObjectError {
    /// The value did not serialise, or is no object.
    Serialize(Error),
    /// The object has a `documentId` of its own, as JSON here, that is not the one it is written with.
    OtherDocumentId(String),
}

/// Appends `value` to `buffer` as a JSON object and notes its entries in `layout`, which is cleared
/// first.
///
/// With a `document_id` the object begins with it, and one that the value has itself is left out
/// when it is the same. After an error the buffer is as it was.
pub(crate) fn write<T: Serialize + ?Sized>(
    buffer: &mut Buffer,
    layout: &mut Layout,
    document_id: Option<&str>,
    value: &T,
) -> Result<(), ObjectError> {
    let start = buffer.len();
    layout.entries.clear();
    let mut writer = Writer {
        buffer,
        layout,
        document_id: None,
        repeats_id: false,
        wants_value: false,
        other_id: None,
        has_failed: false,
    };
    let result = writer.object(document_id, value);
    let other_id = writer.other_id.take();
    match (result, other_id) {
        (Ok(()), None) => Ok(()),
        (Err(error), _) => {
            buffer.truncate(start);
            Err(ObjectError::Serialize(error))
        }
        (Ok(()), Some(other)) => {
            buffer.truncate(start);
            Err(ObjectError::OtherDocumentId(other))
        }
    }
}

struct Writer<'a> {
    buffer: &'a mut Buffer,
    layout: &'a mut Layout,
    /// The `documentId` that the object was begun with.
    document_id: Option<Entry>,
    /// Whether the key that was written last is that of the `documentId`, once more.
    repeats_id: bool,
    /// Whether a key was written whose value comes next.
    wants_value: bool,
    other_id: Option<String>,
    /// Whether an entry was an error. A type that passes over it has half of that entry in its JSON.
    has_failed: bool,
}

impl Writer<'_> {
    fn object<T: Serialize + ?Sized>(&mut self, document_id: Option<&str>, value: &T) -> Result<(), Error> {
        self.buffer.extend_from_slice(b"{");
        if let Some(id) = document_id {
            self.entry(DOCUMENT_ID, id)?;
            self.document_id = self.layout.entries.first().cloned();
        }
        value.serialize(&mut *self)?;
        if self.wants_value {
            return Err(Error::custom("a key of an item has no value"));
        }
        if self.has_failed {
            return Err(Error::custom("a part of an item failed, and its error was passed over"));
        }
        self.buffer.extend_from_slice(b"}");
        Ok(())
    }

    /// Writes a part, and remembers when it failed.
    fn part<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let result = write(self);
        self.has_failed |= result.is_err();
        result
    }

    fn entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(&mut self, key: &K, value: &V) -> Result<(), Error> {
        self.key(key)?;
        self.value(value)
    }

    fn key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<(), Error> {
        if std::mem::replace(&mut self.wants_value, true) {
            return self.part(|_| Err(Error::custom("a key of an item has no value")));
        }
        if !self.layout.entries.is_empty() {
            self.buffer.extend_from_slice(b",");
        }
        let start = self.buffer.len();
        self.part(|writer| key.serialize(TextSerializer::quoted(writer.buffer)))?;
        let key = start..self.buffer.len();
        // Mostly the length is enough to tell.
        self.repeats_id = self.document_id.as_ref().is_some_and(|first| first.key.len() == key.len())
            && is_key(self.buffer.get(key.clone()), DOCUMENT_ID);
        self.layout.entries.push(Entry { key, value: 0..0, written_by: WrittenBy::Another });
        self.buffer.extend_from_slice(b":");
        Ok(())
    }

    fn value<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), Error> {
        if !std::mem::take(&mut self.wants_value) {
            return self.part(|_| Err(Error::custom("a value of an item has no key")));
        }
        let start = self.buffer.len();
        let written_by = self.part(|writer| value::write(writer.buffer, value))?;
        let end = self.buffer.len();
        if let Some(entry) = self.layout.entries.last_mut() {
            (entry.value, entry.written_by) = (start..end, written_by);
        }
        if self.repeats_id {
            self.leave_out_second_id();
        }
        Ok(())
    }

    /// Takes the entry just written back out when it repeats the `documentId` of the object.
    fn leave_out_second_id(&mut self) {
        let (Some(first), Some(last)) = (&self.document_id, self.layout.entries.last()) else { return };
        let value = self.buffer.get(last.value.clone()).unwrap_or_default();
        let first = self.buffer.get(first.value.clone()).unwrap_or_default();
        // JSON text that is passed through may have it in another spelling: `https:\/\/…`.
        let text = |json| serde_json::from_slice::<String>(json).ok();
        let is_same = first == value || text(first).is_some_and(|id| text(value) == Some(id));
        if !is_same && !is_null(value) {
            self.other_id = Some(String::from_utf8_lossy(value).into_owned());
        }
        let comma = last.key.start.saturating_sub(1);
        self.buffer.truncate(comma);
        self.layout.entries.pop();
    }
}

/// Whether a key, as JSON, is a known one in any case.
pub(crate) fn is_key(key: Option<&[u8]>, known: &str) -> bool {
    key_text(key).is_some_and(|key| key.eq_ignore_ascii_case(known.as_bytes()))
}

/// What stands between the quotes of a key.
pub(crate) fn key_text(key: Option<&[u8]>) -> Option<&[u8]> {
    key?.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Whether a value, as JSON, is none.
pub(crate) fn is_null(value: &[u8]) -> bool {
    value == b"null"
}

macro_rules! no_object {
    ($($method:ident($($type:ty),*) -> $ok:ty = $what:literal),+ $(,)?) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok, Error> {
            Err(Error::custom(concat!("an item must be a JSON object and not ", $what)))
        })+
    };
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Self;
    type SerializeStruct = Fields<'w, 'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Error> {
        Ok(self)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct, Error> {
        Ok(Fields { writer: self, is_in_hand: is_text_in_hand(name) })
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.entry(variant, value)
    }

    no_object! {
        serialize_bool(bool) -> () = "a boolean", serialize_char(char) -> () = "text",
        serialize_i8(i8) -> () = "a number", serialize_i16(i16) -> () = "a number",
        serialize_i32(i32) -> () = "a number", serialize_i64(i64) -> () = "a number",
        serialize_u8(u8) -> () = "a number", serialize_u16(u16) -> () = "a number",
        serialize_u32(u32) -> () = "a number", serialize_u64(u64) -> () = "a number",
        serialize_f32(f32) -> () = "a number", serialize_f64(f64) -> () = "a number",
        serialize_str(&str) -> () = "text", serialize_bytes(&[u8]) -> () = "bytes",
        serialize_none() -> () = "nothing", serialize_unit() -> () = "nothing",
        serialize_unit_struct(&'static str) -> () = "nothing",
        serialize_unit_variant(&'static str, u32, &'static str) -> () = "text",
        serialize_seq(Option<usize>) -> Self::SerializeSeq = "an array",
        serialize_tuple(usize) -> Self::SerializeTuple = "an array",
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct = "an array",
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant
            = "an enum with its variant outside",
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant
            = "an enum with its variant outside",
    }
}

impl SerializeMap for &mut Writer<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

pub(crate) struct Fields<'w, 'a> {
    writer: &'w mut Writer<'a>,
    is_in_hand: bool,
}

impl SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if !self.is_in_hand {
            return self.writer.entry(key, value);
        }
        self.writer.part(|writer| {
            let mut text = Buffer::default();
            value.serialize(TextSerializer::as_it_is(&mut text))?;
            let Pairs(pairs) = serde_json::from_slice(&text)?;
            pairs.iter().try_for_each(|(key, value)| writer.entry(key, value))
        })
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// The entries of an object in their order, those whose key comes twice among them.
struct Pairs(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an item, which must be a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests;
