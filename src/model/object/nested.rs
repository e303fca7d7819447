//! Values that hold others: lists and objects.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde_json::Error;

use super::WrittenBy;
use super::key::TextSerializer;
use super::value::ValueWriter;

/// Whether a struct of this name is JSON text: its one field is the text. So serde_json passes a `RawValue`
/// through a serializer, and a number of any precision.
pub(super) fn is_text_in_hand(name: &str) -> bool {
    name.starts_with("$serde_json::private::")
}

/// What is written between two brackets.
pub(super) struct Nested<'w, 'b> {
    writer: &'w mut ValueWriter<'b>,
    kind: Kind,
    /// Whether the brackets are in an object whose one key is the variant of an enum.
    is_in_variant: bool,
    has_some: bool,
    /// Whether a key was written whose value comes next.
    wants_value: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    List,
    Object,
    TextInHand,
}

impl<'w, 'b> Nested<'w, 'b> {
    #[inline]
    pub(super) fn list(writer: &'w mut ValueWriter<'b>) -> Self {
        writer.open(b"[");
        Self::new(writer, Kind::List)
    }

    #[inline]
    pub(super) fn object(writer: &'w mut ValueWriter<'b>) -> Self {
        writer.open(b"{");
        Self::new(writer, Kind::Object)
    }

    pub(super) fn text_in_hand(writer: &'w mut ValueWriter<'b>) -> Self {
        writer.written_by = WrittenBy::Another;
        Self::new(writer, Kind::TextInHand)
    }

    #[inline]
    fn new(writer: &'w mut ValueWriter<'b>, kind: Kind) -> Self {
        Self { writer, kind, is_in_variant: false, has_some: false, wants_value: false }
    }

    /// The same in an object whose one key, which was written, is the variant of an enum.
    #[inline]
    pub(super) fn in_variant(self) -> Self {
        Self { is_in_variant: true, ..self }
    }

    /// Writes a part, and remembers when it failed.
    fn part(&mut self, write: impl FnOnce(&mut ValueWriter<'b>) -> Result<(), Error>) -> Result<(), Error> {
        let result = write(self.writer);
        self.writer.has_failed |= result.is_err();
        result
    }

    #[inline]
    fn comma(&mut self) {
        if std::mem::replace(&mut self.has_some, true) {
            self.writer.buffer.extend_from_slice(b",");
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.comma();
        self.part(|writer| value.serialize(writer))
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        if std::mem::replace(&mut self.wants_value, true) {
            return self.part(|_| Err(Error::custom("a key has no value")));
        }
        self.comma();
        self.part(|writer| key.serialize(TextSerializer::quoted(writer.buffer)))?;
        self.writer.buffer.extend_from_slice(b":");
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if !std::mem::take(&mut self.wants_value) {
            return self.part(|_| Err(Error::custom("a value has no key")));
        }
        self.part(|writer| value.serialize(writer))
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if self.kind == Kind::TextInHand {
            return self.part(|writer| value.serialize(TextSerializer::as_it_is(writer.buffer)));
        }
        self.key(key)?;
        self.value(value)
    }

    #[inline]
    fn close(self) -> Result<(), Error> {
        if self.wants_value {
            return Err(Error::custom("a key has no value"));
        }
        match self.kind {
            Kind::List => self.writer.close(b"]"),
            Kind::Object => self.writer.close(b"}"),
            Kind::TextInHand => {}
        }
        if self.is_in_variant {
            self.writer.close(b"}");
        }
        Ok(())
    }
}

macro_rules! lists {
    ($($trait:ident::$method:ident),+ $(,)?) => {
        $(impl $trait for Nested<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.element(value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })+
    };
}

lists! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field,
}

macro_rules! structs {
    ($($trait:ident),+ $(,)?) => {
        $(impl $trait for Nested<'_, '_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.field(key, value)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })+
    };
}

structs! { SerializeStruct, SerializeStructVariant }

impl SerializeMap for Nested<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        self.close()
    }
}
