//! What is text in JSON whatever type it has: keys, which serde_json writes of numbers and booleans, too.

use std::fmt::{self, Write as _};

use serde::ser::{Error as _, Impossible, Serialize, Serializer};
use serde_json::Error;

use super::buffer::Buffer;
use super::text::write_text;

/// Takes what is text, and nothing else.
pub(super) struct TextSerializer<'b> {
    buffer: &'b mut Buffer,
    is_quoted: bool,
}

impl<'b> TextSerializer<'b> {
    /// Writes it as text in JSON.
    pub(super) fn quoted(buffer: &'b mut Buffer) -> Self {
        Self { buffer, is_quoted: true }
    }

    /// Copies it, as it is JSON.
    pub(super) fn as_it_is(buffer: &'b mut Buffer) -> Self {
        Self { buffer, is_quoted: false }
    }

    fn number<T: Serialize>(self, is_finite: bool, number: T) -> Result<(), Error> {
        if !is_finite {
            return Err(Error::custom("a key is a number that JSON cannot hold"));
        }
        self.serialize_str(&serde_json::to_string(&number)?)
    }
}

/// What a value is shown as. Unlike `to_string`, it does not panic when that fails.
pub(super) fn shown<T: fmt::Display + ?Sized>(value: &T) -> Result<String, Error> {
    let mut text = String::new();
    write!(text, "{value}").map_err(Error::custom)?;
    Ok(text)
}

macro_rules! as_shown {
    ($($method:ident($type:ty)),+ $(,)?) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.collect_str(&value)
        })+
    };
}

macro_rules! no_text {
    ($($method:ident($($type:ty),*) -> $ok:ty),+ $(,)?) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok, Error> {
            Err(Error::custom("a key is not text"))
        })+
    };
}

impl Serializer for TextSerializer<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if self.is_quoted {
            write_text(self.buffer, text);
        } else {
            self.buffer.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.serialize_str(&shown(value)?)
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
        Err(Error::custom("a key is not text"))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.number(value.is_finite(), value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.number(value.is_finite(), value)
    }

    as_shown! {
        serialize_bool(bool), serialize_char(char),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64), serialize_i128(i128),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64), serialize_u128(u128),
    }

    no_text! {
        serialize_bytes(&[u8]) -> (), serialize_none() -> (),
        serialize_unit() -> (), serialize_unit_struct(&'static str) -> (),
        serialize_seq(Option<usize>) -> Self::SerializeSeq, serialize_tuple(usize) -> Self::SerializeTuple,
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct,
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant,
        serialize_map(Option<usize>) -> Self::SerializeMap,
        serialize_struct(&'static str, usize) -> Self::SerializeStruct,
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant,
    }
}
