//! Writing the value of an entry, as serde_json has it: text, which items mostly consist of, many bytes at a
//! time, and with a note of what is known of the value.

use std::fmt;
use std::io;

use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::Error;

use super::WrittenBy;
use super::buffer::Buffer;
use super::key::shown;
use super::nested::{Nested, is_text_in_hand};
use super::text::write_text;
use crate::model::permission;

/// With this many levels or fewer in a value, every reader takes the batch.
const LEVELS: usize = 64;

/// Appends a value as JSON.
pub(super) fn write<T: Serialize + ?Sized>(buffer: &mut Buffer, value: &T) -> Result<WrittenBy, Error> {
    let mut writer = ValueWriter { buffer, written_by: WrittenBy::Type, levels: 0, has_failed: false };
    value.serialize(&mut writer)?;
    if writer.has_failed {
        return Err(Error::custom("a part of a value failed, and its error was passed over"));
    }
    Ok(writer.written_by)
}

pub(super) struct ValueWriter<'b> {
    pub(super) buffer: &'b mut Buffer,
    pub(super) written_by: WrittenBy,
    /// How many lists and objects are open.
    levels: usize,
    /// Whether a part was an error. A type that passes over it has half of that part in its JSON.
    pub(super) has_failed: bool,
}

impl ValueWriter<'_> {
    #[inline]
    pub(super) fn open(&mut self, bracket: &[u8; 1]) {
        self.buffer.extend_from_slice(bracket);
        self.levels += 1;
        if self.levels > LEVELS {
            self.written_by = WrittenBy::Another;
        }
    }

    #[inline]
    pub(super) fn close(&mut self, bracket: &[u8; 1]) {
        self.buffer.extend_from_slice(bracket);
        self.levels -= 1;
    }

    /// Begins the object that a variant of an enum is, up to its value.
    fn variant(&mut self, variant: &str) {
        self.open(b"{");
        write_text(self.buffer, variant);
        self.buffer.extend_from_slice(b":");
    }
}

/// Takes what serde_json writes.
struct Sink<'b>(&'b mut Buffer);

impl io::Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! as_serde_json {
    ($($method:ident($type:ty)),+ $(,)?) => {
        $(#[inline]
        fn $method(self, value: $type) -> Result<(), Error> {
            serde_json::Serializer::new(Sink(self.buffer)).$method(value)
        })+
    };
}

impl<'w, 'b> Serializer for &'w mut ValueWriter<'b> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Nested<'w, 'b>;
    type SerializeTuple = Nested<'w, 'b>;
    type SerializeTupleStruct = Nested<'w, 'b>;
    type SerializeTupleVariant = Nested<'w, 'b>;
    type SerializeMap = Nested<'w, 'b>;
    type SerializeStruct = Nested<'w, 'b>;
    type SerializeStructVariant = Nested<'w, 'b>;

    as_serde_json! {
        serialize_bool(bool),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64), serialize_i128(i128),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_u128(u128),
        serialize_f32(f32), serialize_f64(f64),
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        write_text(self.buffer, text);
        Ok(())
    }

    fn serialize_char(self, character: char) -> Result<(), Error> {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.serialize_str(&shown(value)?)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.collect_seq(bytes)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        self.buffer.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        if name == permission::NAME && self.levels == 0 {
            self.written_by = WrittenBy::Permissions;
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(&mut *self)?;
        self.close(b"}");
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<Nested<'w, 'b>, Error> {
        Ok(Nested::list(self))
    }

    fn serialize_tuple(self, _: usize) -> Result<Nested<'w, 'b>, Error> {
        Ok(Nested::list(self))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Nested<'w, 'b>, Error> {
        Ok(Nested::list(self))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Nested<'w, 'b>, Error> {
        self.variant(variant);
        Ok(Nested::list(self).in_variant())
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Nested<'w, 'b>, Error> {
        Ok(Nested::object(self))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Nested<'w, 'b>, Error> {
        Ok(if is_text_in_hand(name) { Nested::text_in_hand(self) } else { Nested::object(self) })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Nested<'w, 'b>, Error> {
        self.variant(variant);
        Ok(Nested::object(self).in_variant())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    #[track_caller]
    fn is_as_serde_json_has_it<T: Serialize + ?Sized>(value: &T) {
        let mut buffer = Buffer::from("before");
        write(&mut buffer, value).unwrap();
        let expected = format!("before{}", serde_json::to_string(value).unwrap());
        assert_eq!(String::from_utf8(buffer.to_vec()).unwrap(), expected);
    }

    #[test]
    fn a_value_of_any_type_is_written_as_serde_json_has_it() {
        #[derive(Serialize)]
        struct Newtype<T>(T);
        #[derive(Serialize)]
        struct Unit;
        #[derive(Serialize)]
        enum Kind {
            Unit,
            Newtype(&'static str),
            Tuple(u8, &'static str),
            Struct { text: &'static str },
        }

        struct Bytes;

        impl Serialize for Bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(b"\0\xff")
            }
        }

        #[derive(Serialize)]
        struct Fields<T> {
            first: T,
            #[serde(skip_serializing_if = "Option::is_none")]
            none: Option<u8>,
            last: &'static str,
        }

        is_as_serde_json_has_it(&Fields {
            first: Fields { first: (), none: Some(1), last: "" },
            none: None,
            last: "é",
        });
        is_as_serde_json_has_it(&[Some(Bytes), None]);
        is_as_serde_json_has_it(&(Vec::<u8>::new(), BTreeMap::<u8, u8>::new(), [[[0_u8; 0]; 2]; 2]));
        is_as_serde_json_has_it(&(f32::MAX, f32::INFINITY, f64::MIN_POSITIVE, -0.0, i8::MIN, u16::MAX, false));
        is_as_serde_json_has_it(&(u64::MAX, i128::MIN, u128::MAX, "\""));
        is_as_serde_json_has_it(&[f64::NAN, 0.1, 1e300]);
        is_as_serde_json_has_it(&Newtype("\n"));
        is_as_serde_json_has_it(&Newtype(Some(Some("\n"))));
        is_as_serde_json_has_it(&None::<&str>);
        is_as_serde_json_has_it(&Unit);
        is_as_serde_json_has_it(&[Kind::Unit, Kind::Newtype("\t"), Kind::Tuple(1, "a"), Kind::Struct { text: "\\" }]);
        is_as_serde_json_has_it(&Kind::Newtype("\t"));
        is_as_serde_json_has_it(&BTreeMap::from([(1, "a"), (2, "b")]));
        is_as_serde_json_has_it(&json!({"a": [{"b": "\u{1}"}, null, true]}));
        is_as_serde_json_has_it(&RawValue::from_string("[ 1, \"\\/\" ]".to_owned()).unwrap());
        is_as_serde_json_has_it(&format_args!("{}", "\"as it is shown\""));
        is_as_serde_json_has_it(&'"');
    }

    /// A map with that one key.
    struct Map<K>(K);

    impl<K: Serialize> Serialize for Map<K> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(&self.0, 1), (&self.0, 2)])
        }
    }

    #[test]
    fn a_key_of_any_type_is_written_as_serde_json_has_it() {
        #[derive(Serialize)]
        enum Kind {
            Unit,
        }

        is_as_serde_json_has_it(&[Map("\"")]);
        is_as_serde_json_has_it(&Map(Kind::Unit));
        is_as_serde_json_has_it(&(Map(u8::MAX), Map(i128::MIN), Map(true), Map('\n'), Map(Some(1))));
        is_as_serde_json_has_it(&(Map(1e300), Map(0.1_f32), Map(-0.0)));
    }

    #[test]
    fn a_key_that_is_no_text_is_an_error() {
        fn is_error<K: Serialize>(key: K) -> bool {
            write(&mut Buffer::default(), &Map(key)).is_err()
        }

        assert!(is_error(()) && is_error([1]) && is_error(None::<u8>) && is_error(Map(1)) && is_error(f64::NAN));
    }
}
