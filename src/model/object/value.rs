//! Writing the value of an entry: text, which items mostly consist of, by this crate, and all else by
//! serde_json.

use std::fmt;
use std::io;

use serde::ser::{Serialize, Serializer};
use serde_json::Error;

use super::buffer::Buffer;
use super::text::write_text;
use super::{RAW_VALUE, WrittenBy};
use crate::model::permission;

/// Appends a value as JSON.
pub(super) fn write<T: Serialize + ?Sized>(buffer: &mut Buffer, value: &T) -> Result<WrittenBy, Error> {
    let mut written_by = WrittenBy::Type;
    value.serialize(ValueSerializer { buffer, json: &mut None, written_by: &mut written_by })?;
    Ok(written_by)
}

type Json<'b> = serde_json::Serializer<Sink<'b>>;

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

struct ValueSerializer<'j, 'b> {
    buffer: &'b mut Buffer,
    /// Where the serializer of all but text is put, as what it returns borrows it.
    json: &'j mut Option<Json<'b>>,
    written_by: &'j mut WrittenBy,
}

impl<'j, 'b> ValueSerializer<'j, 'b> {
    fn json(self) -> &'j mut Json<'b> {
        self.json.insert(Json::new(Sink(self.buffer)))
    }
}

macro_rules! as_serde_json {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ty),+ $(,)?) => {
        $(fn $method(self, $($name: $type),*) -> Result<$ok, Error> {
            self.json().$method($($name),*)
        })+
    };
}

macro_rules! plain {
    ($($method:ident($($name:ident: $type:ty),*)),+ $(,)?) => {
        $(fn $method(self, $($name: $type),*) -> Result<(), Error> {
            *self.written_by = WrittenBy::Plain;
            self.json().$method($($name),*)
        })+
    };
}

impl<'j, 'b> Serializer for ValueSerializer<'j, 'b> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = <&'j mut Json<'b> as Serializer>::SerializeSeq;
    type SerializeTuple = <&'j mut Json<'b> as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <&'j mut Json<'b> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <&'j mut Json<'b> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <&'j mut Json<'b> as Serializer>::SerializeMap;
    type SerializeStruct = <&'j mut Json<'b> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <&'j mut Json<'b> as Serializer>::SerializeStructVariant;

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        *self.written_by = WrittenBy::Plain;
        write_text(self.buffer, text);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        if name == permission::NAME {
            *self.written_by = WrittenBy::Permissions;
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.json().serialize_newtype_variant(name, index, variant, value)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        *self.written_by = WrittenBy::Plain;
        self.json().collect_str(value)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, Error> {
        if name == RAW_VALUE {
            *self.written_by = WrittenBy::Another;
        }
        self.json().serialize_struct(name, len)
    }

    plain! {
        serialize_bool(value: bool), serialize_char(value: char),
        serialize_i8(value: i8), serialize_i16(value: i16), serialize_i32(value: i32), serialize_i64(value: i64),
        serialize_i128(value: i128),
        serialize_u8(value: u8), serialize_u16(value: u16), serialize_u32(value: u32), serialize_u64(value: u64),
        serialize_u128(value: u128),
        serialize_f32(value: f32), serialize_f64(value: f64),
        serialize_none(), serialize_unit(), serialize_unit_struct(name: &'static str),
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str),
    }

    as_serde_json! {
        serialize_bytes(value: &[u8]) -> (),
        serialize_seq(len: Option<usize>) -> Self::SerializeSeq,
        serialize_tuple(len: usize) -> Self::SerializeTuple,
        serialize_tuple_struct(name: &'static str, len: usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeTupleVariant,
        serialize_map(len: Option<usize>) -> Self::SerializeMap,
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeStructVariant,
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
}
