//! Writing a value that must be a JSON object, and remembering where its entries stand.
//!
//! An item may be any `Serialize` type. It is written once, straight into the buffer it is sent
//! from; a thin serializer around the top level sees each key go by, so that the rules about keys
//! can be held without a second pass and without a `serde_json::Value`.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};
use serde_json::Error;
use serde_json::value::RawValue;

use super::document::key::DOCUMENT_ID;

/// The name under which serde_json passes a `RawValue` through a serializer.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Where the top-level entries of an object stand in the buffer that it was written into.
#[derive(Debug, Default)]
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
}

impl Layout {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Moves all entries on by so many bytes.
    pub(crate) fn shift(&mut self, bytes: usize) {
        for Entry { key, value } in &mut self.entries {
            *key = key.start + bytes..key.end + bytes;
            *value = value.start + bytes..value.end + bytes;
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }
}

/// Takes an entry out of an object that [`write`] put into `buffer` as the only thing there, and
/// returns its value as JSON. The layout does not hold afterwards.
pub(crate) fn take_out(buffer: &mut Vec<u8>, layout: &Layout, key: &str) -> Option<Vec<u8>> {
    let index = layout.entries.iter().position(|entry| is_key(buffer.get(entry.key.clone()), key))?;
    let entry = layout.entries.get(index)?;
    let value = buffer.get(entry.value.clone())?.to_vec();
    // With the comma before it, or else the one behind it.
    let with_comma = match (index, layout.entries.get(index + 1)) {
        (0, None) => entry.key.start..entry.value.end,
        (0, Some(next)) => entry.key.start..next.key.start,
        (_, _) => entry.key.start.saturating_sub(1)..entry.value.end,
    };
    buffer.drain(with_comma);
    Some(value)
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
    buffer: &mut Vec<u8>,
    layout: &mut Layout,
    document_id: Option<&str>,
    value: &T,
) -> Result<(), ObjectError> {
    let start = buffer.len();
    layout.entries.clear();
    let mut writer = Writer { buffer, layout, document_id: None, other_id: None };
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
    buffer: &'a mut Vec<u8>,
    layout: &'a mut Layout,
    /// Where the value of the `documentId` stands that the object was begun with.
    document_id: Option<Range<usize>>,
    other_id: Option<String>,
}

impl Writer<'_> {
    fn object<T: Serialize + ?Sized>(&mut self, document_id: Option<&str>, value: &T) -> Result<(), Error> {
        self.buffer.push(b'{');
        if let Some(id) = document_id {
            self.entry(DOCUMENT_ID, id)?;
            self.document_id = self.layout.entries.first().map(|entry| entry.value.clone());
        }
        value.serialize(&mut *self)?;
        self.buffer.push(b'}');
        Ok(())
    }

    fn entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(&mut self, key: &K, value: &V) -> Result<(), Error> {
        self.key(key)?;
        self.value(value)
    }

    fn key<K: Serialize + ?Sized>(&mut self, key: &K) -> Result<(), Error> {
        if !self.layout.entries.is_empty() {
            self.buffer.push(b',');
        }
        let start = self.buffer.len();
        key.serialize(KeySerializer(self.buffer))?;
        self.layout.entries.push(Entry { key: start..self.buffer.len(), value: 0..0 });
        self.buffer.push(b':');
        Ok(())
    }

    fn value<V: Serialize + ?Sized>(&mut self, value: &V) -> Result<(), Error> {
        let start = self.buffer.len();
        serde_json::to_writer(&mut *self.buffer, value)?;
        let end = self.buffer.len();
        if let Some(entry) = self.layout.entries.last_mut() {
            entry.value = start..end;
        }
        self.leave_out_second_id();
        Ok(())
    }

    /// Takes the entry just written back out when it repeats the `documentId` of the object.
    fn leave_out_second_id(&mut self) {
        let (Some(first), Some(last)) = (&self.document_id, self.layout.entries.last()) else { return };
        if !is_key(self.buffer.get(last.key.clone()), DOCUMENT_ID) {
            return;
        }
        let value = self.buffer.get(last.value.clone()).unwrap_or_default();
        let is_same = self.buffer.get(first.clone()) == Some(value);
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

/// Keys of a map become JSON text as serde_json has them: numbers and booleans in quotes, too.
struct KeySerializer<'a>(&'a mut Vec<u8>);

macro_rules! keys_as_text {
    ($($method:ident($type:ty)),+ $(,)?) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.collect_str(&value)
        })+
    };
}

macro_rules! no_key {
    ($($method:ident($($type:ty),*) -> $ok:ty),+ $(,)?) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok, Error> {
            Err(Error::custom("a key of an item is not text"))
        })+
    };
}

impl Serializer for KeySerializer<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        serde_json::to_writer(self.0, text)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.serialize_str(&value.to_string())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
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
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(Error::custom("a key of an item is not text"))
    }

    keys_as_text! {
        serialize_bool(bool), serialize_char(char),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64), serialize_i128(i128),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_u128(u128),
    }

    no_key! {
        serialize_f32(f32) -> (), serialize_f64(f64) -> (), serialize_bytes(&[u8]) -> (), serialize_none() -> (),
        serialize_unit() -> (), serialize_unit_struct(&'static str) -> (),
        serialize_seq(Option<usize>) -> Self::SerializeSeq, serialize_tuple(usize) -> Self::SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_struct(&'static str, usize) -> Self::SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant,
    }
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
        Ok(Fields { writer: self, is_raw: name == RAW_VALUE })
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
    is_raw: bool,
}

impl SerializeStruct for Fields<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if !self.is_raw {
            return self.writer.entry(key, value);
        }
        // JSON text that was passed as a value: its one field is the text.
        let text: String = serde_json::from_slice(&serde_json::to_vec(value)?)?;
        let Pairs(pairs) = serde_json::from_str(&text)?;
        pairs.iter().try_for_each(|(key, value)| self.writer.entry(key, value))
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
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::json;

    use super::*;

    /// What a value is written as, with what stood in the buffer before.
    fn written<T: Serialize + ?Sized>(id: Option<&str>, value: &T) -> Result<(String, Layout), String> {
        let mut buffer = b"before".to_vec();
        let mut layout = Layout::default();
        let result = write(&mut buffer, &mut layout, id, value);
        let text = String::from_utf8(buffer).unwrap();
        let text = text.strip_prefix("before").unwrap().to_owned();
        match result {
            Ok(()) => Ok((text, layout)),
            Err(error) => {
                assert_eq!(text, "", "the buffer is not as it was");
                Err(match error {
                    ObjectError::Serialize(error) => error.to_string(),
                    ObjectError::OtherDocumentId(id) => format!("other id {id}"),
                })
            }
        }
    }

    #[track_caller]
    fn is<T: Serialize + ?Sized>(value: &T, json: &str) {
        let (text, layout) = written(None, value).unwrap();
        assert_eq!(text, json);
        let offset = "before".len();
        let whole = format!("before{text}");
        let mut pairs = Vec::new();
        for entry in layout.entries() {
            assert!(entry.key.start > offset);
            let part = |range: &Range<usize>| whole.get(range.clone()).unwrap();
            pairs.push(format!("{}:{}", part(&entry.key), part(&entry.value)));
        }
        assert_eq!(format!("{{{}}}", pairs.join(",")), json);
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[derive(Serialize)]
    struct Plain<'a> {
        a: u8,
        b: Option<&'a str>,
    }

    #[derive(Serialize)]
    struct Flat<'a> {
        a: u8,
        #[serde(flatten)]
        rest: BTreeMap<&'a str, u8>,
    }

    #[derive(Serialize)]
    struct Wrapped<T>(T);

    #[derive(Serialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Page { title: &'static str },
    }

    #[derive(Serialize)]
    enum Outside {
        New(u8),
        Fields { a: u8 },
        Two(u8, u8),
        Unit,
    }

    struct Failing;

    impl Serialize for Failing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it failed"))
        }
    }

    #[test]
    fn a_struct_is_written_field_by_field() {
        is(&Plain { a: 1, b: None }, r#"{"a":1,"b":null}"#);
        is(&Plain { a: 1, b: Some("\"\\") }, r#"{"a":1,"b":"\"\\"}"#);
    }

    #[test]
    fn a_map_is_written_entry_by_entry() {
        is(&BTreeMap::from([("a", 1), ("b", 2)]), r#"{"a":1,"b":2}"#);
        is(&BTreeMap::<&str, u8>::new(), "{}");
        is(&json!({"a": {"b": [1, null]}}), r#"{"a":{"b":[1,null]}}"#);
    }

    #[test]
    fn a_map_whose_keys_are_numbers_has_them_as_text() {
        is(&BTreeMap::from([(1, "a"), (20, "b")]), r#"{"1":"a","20":"b"}"#);
        is(&BTreeMap::from([(true, 1)]), r#"{"true":1}"#);
        is(&BTreeMap::from([('c', 1)]), r#"{"c":1}"#);
    }

    #[test]
    fn a_flattened_struct_is_written_as_one_object() {
        is(&Flat { a: 1, rest: BTreeMap::from([("b", 2), ("c", 3)]) }, r#"{"a":1,"b":2,"c":3}"#);
    }

    #[test]
    fn json_text_is_written_entry_by_entry_and_in_its_order() {
        is(&raw(r#" { "b" : [ 1, 2 ] , "a": "x" } "#), r#"{"b":[ 1, 2 ],"a":"x"}"#);
        is(&raw("{}"), "{}");
    }

    #[test]
    fn json_text_with_a_key_twice_keeps_both_to_be_seen() {
        is(&raw(r#"{"a":1,"a":2}"#), r#"{"a":1,"a":2}"#);
    }

    #[test]
    fn what_wraps_an_object_is_written_as_the_object() {
        is(&Wrapped(Plain { a: 1, b: None }), r#"{"a":1,"b":null}"#);
        is(&Some(Plain { a: 1, b: None }), r#"{"a":1,"b":null}"#);
        is(&Box::new(&Plain { a: 1, b: None }), r#"{"a":1,"b":null}"#);
    }

    #[test]
    fn an_enum_with_its_tag_inside_is_an_object() {
        is(&Tagged::Page { title: "t" }, r#"{"kind":"Page","title":"t"}"#);
    }

    #[test]
    fn an_enum_that_names_its_variant_outside_of_one_value_is_an_object() {
        is(&Outside::New(1), r#"{"New":1}"#);
    }

    #[test]
    fn what_is_no_object_is_refused_by_what_it_is() {
        let refused = [
            (written(None, &1).unwrap_err(), "a number"),
            (written(None, &1.5).unwrap_err(), "a number"),
            (written(None, "text").unwrap_err(), "text"),
            (written(None, &'c').unwrap_err(), "text"),
            (written(None, &true).unwrap_err(), "a boolean"),
            (written(None, &()).unwrap_err(), "nothing"),
            (written(None, &None::<u8>).unwrap_err(), "nothing"),
            (written(None, &[1, 2]).unwrap_err(), "an array"),
            (written(None, &vec![Plain { a: 1, b: None }]).unwrap_err(), "an array"),
            (written(None, &(1, 2)).unwrap_err(), "an array"),
            (written(None, &json!([1])).unwrap_err(), "an array"),
            (written(None, &Outside::Fields { a: 1 }).unwrap_err(), "its variant outside"),
            (written(None, &Outside::Two(1, 2)).unwrap_err(), "its variant outside"),
            (written(None, &Outside::Unit).unwrap_err(), "text"),
        ];
        for (message, what) in refused {
            assert!(
                message.starts_with("an item must be a JSON object and not ") && message.ends_with(what),
                "{message}"
            );
        }
        assert!(written(None, &raw("[1]")).unwrap_err().contains("must be a JSON object"));
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        assert!(written(None, &BTreeMap::from([((1, 2), 3)])).unwrap_err().contains("not text"));
        assert!(written(None, &BTreeMap::from([(None::<u8>, 3)])).unwrap_err().contains("not text"));
    }

    #[test]
    fn a_value_that_fails_leaves_the_buffer_as_it_was() {
        assert_eq!(written(None, &Failing).unwrap_err(), "it failed");
        assert_eq!(written(Some("https://a"), &BTreeMap::from([("a", Failing)])).unwrap_err(), "it failed");
        assert_eq!(written(None, &json!({"a": 1, "b": 2})).unwrap().0, r#"{"a":1,"b":2}"#);
    }

    #[test]
    fn the_object_begins_with_the_id_it_is_written_with() {
        assert_eq!(written(Some("a\"b"), &json!({"x": 1})).unwrap().0, r#"{"documentId":"a\"b","x":1}"#);
        assert_eq!(written(Some("a"), &json!({})).unwrap().0, r#"{"documentId":"a"}"#);
    }

    #[test]
    fn an_id_that_the_object_repeats_in_any_case_stands_there_once() {
        for (key, after) in [("documentId", ""), ("DocumentID", r#","z":1"#)] {
            let value = raw(&format!(r#"{{"{key}":"a"{after}}}"#));
            let (text, layout) = written(Some("a"), &value).unwrap();
            assert_eq!(text, format!(r#"{{"documentId":"a"{after}}}"#));
            assert_eq!(layout.entries().len(), 1 + usize::from(!after.is_empty()));
        }
        let between = raw(r#"{"x":1,"documentid":"a","y":2}"#);
        assert_eq!(written(Some("a"), &between).unwrap().0, r#"{"documentId":"a","x":1,"y":2}"#);
    }

    #[test]
    fn an_id_that_is_null_is_none() {
        assert_eq!(written(Some("a"), &json!({"documentId": null, "x": 1})).unwrap().0, r#"{"documentId":"a","x":1}"#);
    }

    #[test]
    fn another_id_in_the_object_is_an_error_that_names_it() {
        assert_eq!(written(Some("a"), &json!({"documentId": "b"})).unwrap_err(), r#"other id "b""#);
        assert_eq!(written(Some("a"), &json!({"DOCUMENTID": 3})).unwrap_err(), "other id 3");
    }

    #[test]
    fn without_an_id_that_of_the_object_stays() {
        is(&json!({"documentId": "b"}), r#"{"documentId":"b"}"#);
    }

    #[test]
    fn an_entry_is_taken_out_with_its_comma_wherever_it_stands() {
        let cases = [
            (r#"{"k":1,"a":2,"b":3}"#, r#"{"a":2,"b":3}"#),
            (r#"{"a":2,"K":1,"b":3}"#, r#"{"a":2,"b":3}"#),
            (r#"{"a":2,"b":3,"k":1}"#, r#"{"a":2,"b":3}"#),
            (r#"{"k":1}"#, "{}"),
        ];
        for (before, after) in cases {
            let mut buffer = Vec::new();
            let mut layout = Layout::default();
            write(&mut buffer, &mut layout, None, &raw(before)).unwrap();
            assert_eq!(take_out(&mut buffer, &layout, "k"), Some(b"1".to_vec()));
            assert_eq!(String::from_utf8(buffer).unwrap(), after);
        }
    }

    #[test]
    fn an_entry_that_is_not_there_is_not_taken_out() {
        let mut buffer = Vec::new();
        let mut layout = Layout::default();
        write(&mut buffer, &mut layout, None, &json!({"kk": 1, "a": "k"})).unwrap();
        assert_eq!(take_out(&mut buffer, &layout, "k"), None);
        assert_eq!(buffer, br#"{"a":"k","kk":1}"#);
    }

    #[test]
    fn a_layout_that_is_used_again_holds_the_last_object_alone() {
        let mut buffer = Vec::new();
        let mut layout = Layout::default();
        write(&mut buffer, &mut layout, None, &json!({"a": 1, "b": 2})).unwrap();
        write(&mut buffer, &mut layout, None, &json!({"c": 3})).unwrap();
        assert_eq!(layout.entries().len(), 1);
        assert_eq!(&buffer[layout.entries()[0].key.clone()], br#""c""#);
    }
}
