//! Writing the value of an entry. Text, which items mostly consist of, is looked through many bytes at a
//! time; all else is left to serde_json.

use std::fmt;

use serde::ser::{Serialize, Serializer};
use serde_json::Error;

/// Appends a value as JSON.
pub(super) fn write<T: Serialize + ?Sized>(buffer: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(ValueSerializer { buffer, json: &mut None })
}

type Json<'b> = serde_json::Serializer<&'b mut Vec<u8>>;

struct ValueSerializer<'j, 'b> {
    buffer: &'b mut Vec<u8>,
    /// Where the serializer of all but text is put, as what it returns borrows it.
    json: &'j mut Option<Json<'b>>,
}

impl<'j, 'b> ValueSerializer<'j, 'b> {
    fn json(self) -> &'j mut Json<'b> {
        self.json.insert(Json::new(self.buffer))
    }
}

macro_rules! as_serde_json {
    ($($method:ident($($name:ident: $type:ty),*) -> $ok:ty),+ $(,)?) => {
        $(fn $method(self, $($name: $type),*) -> Result<$ok, Error> {
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
        write_text(self.buffer, text);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
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
        self.json().collect_str(value)
    }

    as_serde_json! {
        serialize_bool(value: bool) -> (), serialize_char(value: char) -> (), serialize_bytes(value: &[u8]) -> (),
        serialize_i8(value: i8) -> (), serialize_i16(value: i16) -> (), serialize_i32(value: i32) -> (),
        serialize_i64(value: i64) -> (), serialize_i128(value: i128) -> (),
        serialize_u8(value: u8) -> (), serialize_u16(value: u16) -> (), serialize_u32(value: u32) -> (),
        serialize_u64(value: u64) -> (), serialize_u128(value: u128) -> (),
        serialize_f32(value: f32) -> (), serialize_f64(value: f64) -> (),
        serialize_none() -> (), serialize_unit() -> (), serialize_unit_struct(name: &'static str) -> (),
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> (),
        serialize_seq(len: Option<usize>) -> Self::SerializeSeq,
        serialize_tuple(len: usize) -> Self::SerializeTuple,
        serialize_tuple_struct(name: &'static str, len: usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeTupleVariant,
        serialize_map(len: Option<usize>) -> Self::SerializeMap,
        serialize_struct(name: &'static str, len: usize) -> Self::SerializeStruct,
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> Self::SerializeStructVariant,
    }
}

/// Appends text as JSON, as serde_json has it.
pub(super) fn write_text(buffer: &mut Vec<u8>, text: &str) {
    buffer.push(b'"');
    let mut rest = text.as_bytes();
    while let Some((plain, behind)) = rest.split_at_checked(plain_len(rest)) {
        buffer.extend_from_slice(plain);
        let Some((special, behind)) = behind.split_first() else { break };
        write_escaped(buffer, *special);
        rest = behind;
    }
    buffer.push(b'"');
}

/// How many bytes there are before one that has to be escaped.
fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks();
    let found = words.iter().zip((0..).step_by(8)).find_map(|(word, before)| Some(before + first_special(*word)?));
    found.unwrap_or_else(|| {
        let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        bytes.len() - rest.len() + rest.iter().position(is_special).unwrap_or(rest.len())
    })
}

/// Where in eight bytes the first one is that has to be escaped.
fn first_special(bytes: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    // The high bit of each byte below `limit`, up to the first of them; those behind it may be wrong.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGH;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let special = below(word, b' ') | equal(b'"') | equal(b'\\');
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

fn write_escaped(buffer: &mut Vec<u8>, special: u8) {
    let short = match special {
        b'"' | b'\\' => special,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        8 => b'b',
        12 => b'f',
        _ => return buffer.extend_from_slice(format!("\\u{special:04x}").as_bytes()),
    };
    buffer.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    #[track_caller]
    fn is_as_serde_json_has_it<T: Serialize + ?Sized>(value: &T) {
        let mut buffer = b"before".to_vec();
        write(&mut buffer, value).unwrap();
        let expected = format!("before{}", serde_json::to_string(value).unwrap());
        assert_eq!(String::from_utf8(buffer).unwrap(), expected);
    }

    #[test]
    fn what_has_to_be_escaped_is_found_wherever_it_stands() {
        for special in '\0'..='\u{7f}' {
            for (before, behind) in (0..18).flat_map(|before| [(before, 0), (before, 9)]) {
                let text = format!("{}{special}{}", "é".repeat(before), "x".repeat(behind));
                is_as_serde_json_has_it(&text);
                is_as_serde_json_has_it(&format!("{text}{text}"));
            }
        }
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

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_has_it(text in "[\\PC\0-\u{1f}\"\\\\]{0,80}") {
            is_as_serde_json_has_it(&text);
        }
    }
}
