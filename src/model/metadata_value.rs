use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::document_keys::IS_NOT_FINITE;
use super::exact_json;

/// The value of one metadata key ([article 162](https://docs.coveo.com/en/162/)).
///
/// Its type must match the type of the field that it fills. A dictionary fills a dictionary field. JSON
/// cannot hold NaN and infinite numbers: an item that contains one is rejected when it is sent.
///
/// ```
/// use std::collections::BTreeMap;
/// use coveo_push::{DocumentBody, MetadataValue};
///
/// let price_by_country = BTreeMap::from([("ca".to_owned(), MetadataValue::from(14.99)), ("us".to_owned(), 9.99.into())]);
/// let doc = DocumentBody::new().metadata("pages", 12).metadata("price", price_by_country);
/// # let _ = doc;
/// ```
///
/// JSON converts with `try_from`. A key whose value is `null` is left out. An integer of more than 64 bits, of
/// which digits would be lost, is an error: write it as text. A `serde_json::Value`, `#[serde(flatten)]` and
/// `#[serde(untagged)]` have turned such an integer into a fraction before this type sees it, and lost the digits.
///
/// ```
/// use coveo_push::MetadataValue;
/// use serde_json::json;
///
/// let value = MetadataValue::try_from(json!({"ca": 14.99, "sizes": [38, 40]}))?;
/// assert!(matches!(value, MetadataValue::Dictionary(_)));
/// assert!(MetadataValue::try_from(json!(null)).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MetadataValue {
    /// Text, or a date: best as ISO 8601 in UTC (`2017-11-08T12:18:41.666Z`).
    String(String),
    /// A whole number.
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Unsigned(u64),
    /// A number with a fraction.
    Float(#[serde(serialize_with = "serialize_finite")] f64),
    /// True or false.
    Boolean(bool),
    /// Several values, for a multi-value field.
    Array(Vec<MetadataValue>),
    /// Named values, for a dictionary field.
    Dictionary(BTreeMap<String, MetadataValue>),
    /// No value, in an array or a dictionary. As a whole value it leaves its key out of the item.
    Null,
}

fn serialize_finite<S: Serializer>(number: &f64, to: S) -> Result<S::Ok, S::Error> {
    if !number.is_finite() {
        return Err(<S::Error as serde::ser::Error>::custom(format_args!("the value is {number}, {IS_NOT_FINITE}")));
    }
    to.serialize_f64(*number)
}

impl MetadataValue {
    /// Whether JSON can hold every number in it: none is NaN or infinite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.not_finite().is_none()
    }

    /// The first number in it that JSON cannot hold.
    pub(crate) fn not_finite(&self) -> Option<f64> {
        match self {
            Self::Float(number) => (!number.is_finite()).then_some(*number),
            Self::Array(values) => values.iter().find_map(Self::not_finite),
            Self::Dictionary(values) => values.values().find_map(Self::not_finite),
            Self::String(_) | Self::Integer(_) | Self::Unsigned(_) | Self::Boolean(_) | Self::Null => None,
        }
    }
}

macro_rules! from {
    ($($variant:ident: $($from:ty),+;)+) => {
        $($(impl From<$from> for MetadataValue {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })+)+
    };
}

from! {
    String: String, &String, &str, Cow<'_, str>;
    Boolean: bool;
    Integer: i8, i16, i32, i64, u8, u16, u32;
    Float: f64;
    Dictionary: BTreeMap<String, MetadataValue>;
}

/// The number with the fewest digits that is this one: 0.1 for `0.1_f32`, and not 0.10000000149011612.
impl From<f32> for MetadataValue {
    fn from(number: f32) -> Self {
        Self::Float(exact_json::as_written(number))
    }
}

impl From<u64> for MetadataValue {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Unsigned(number), Self::Integer)
    }
}

impl From<usize> for MetadataValue {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl<T: Into<MetadataValue>> From<Vec<T>> for MetadataValue {
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<MetadataValue>, const N: usize> From<[T; N]> for MetadataValue {
    fn from(values: [T; N]) -> Self {
        Self::Array(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Clone + Into<MetadataValue>> From<&[T]> for MetadataValue {
    fn from(values: &[T]) -> Self {
        Self::Array(values.iter().cloned().map(Into::into).collect())
    }
}

/// `None` is [`Null`](MetadataValue::Null).
impl<T: Into<MetadataValue>> From<Option<T>> for MetadataValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Fails when the JSON is `null`, or has a number that does not fit into 64 bits.
impl TryFrom<Value> for MetadataValue {
    type Error = serde_json::Error;

    fn try_from(value: Value) -> Result<Self, serde_json::Error> {
        match value {
            Value::Null => Err(serde_json::Error::custom("metadata has no null; leave the key out")),
            value => Self::from_json(value),
        }
    }
}

impl MetadataValue {
    fn from_json(value: Value) -> Result<Self, serde_json::Error> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => flag.into(),
            Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), ..) => Self::Integer(number),
                (None, Some(number), _) => Self::Unsigned(number),
                // Only with serde_json's `arbitrary_precision`.
                _ if exact_json::is_too_long(&number.to_string()) => {
                    return Err(exact_json::too_long(&number.to_string()));
                }
                (None, None, Some(number)) => Self::Float(number),
                (None, None, None) => return Err(serde_json::Error::custom("number out of range")),
            },
            Value::String(text) => Self::String(text),
            Value::Array(values) => Self::Array(values.into_iter().map(Self::from_json).collect::<Result<_, _>>()?),
            Value::Object(values) => {
                let entry = |(key, value)| Ok((key, Self::from_json(value)?));
                Self::Dictionary(values.into_iter().map(entry).collect::<Result<_, serde_json::Error>>()?)
            }
        })
    }
}

impl<'de> Deserialize<'de> for MetadataValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        exact_json::read(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{self, F32Deserializer, I128Deserializer, U128Deserializer};

    use super::*;

    #[test]
    fn json_is_a_value_unless_it_is_null() {
        use serde_json::json;

        for value in [
            json!("a"),
            json!(-1),
            json!(u64::MAX),
            json!(0.5),
            json!(true),
            json!([1, null, "b"]),
            json!({"a": {}, "b": null}),
        ] {
            let read = MetadataValue::try_from(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), value);
        }
        assert!(MetadataValue::try_from(json!(null)).unwrap_err().to_string().contains("null"));
    }

    #[test]
    fn a_fraction_of_32_bits_has_no_digits_that_nobody_wrote() {
        for (number, json) in [(0.1_f32, "0.1"), (-2.5, "-2.5"), (16_777_216.0, "16777216.0"), (0.3, "0.3")] {
            assert_eq!(serde_json::to_string(&MetadataValue::from(number)).unwrap(), json);
        }
        for number in [f32::NAN, f32::INFINITY] {
            assert!(!MetadataValue::from(number).is_finite());
        }
        let number: F32Deserializer<value::Error> = 0.1_f32.into_deserializer();
        assert_eq!(MetadataValue::deserialize(number), Ok(MetadataValue::Float(0.1)));
    }

    #[test]
    fn an_integer_of_128_bits_is_kept_where_it_fits_into_64() {
        let read = |number: i128| MetadataValue::deserialize(I128Deserializer::<value::Error>::new(number));
        assert_eq!(read(i64::MIN.into()), Ok(i64::MIN.into()));
        assert_eq!(read(u64::MAX.into()), Ok(u64::MAX.into()));
        assert!(read(i128::from(u64::MAX) + 1).unwrap_err().to_string().contains("18446744073709551616 has more than"));
        let read = |number: u128| MetadataValue::deserialize(U128Deserializer::<value::Error>::new(number));
        assert_eq!(read(7), Ok(7.into()));
        assert!(read(u128::MAX).is_err());
    }

    #[test]
    fn text_that_may_be_borrowed_is_text() {
        let names = ["a".into(), String::from_utf8_lossy(b"\xff")].map(|name: Cow<'_, str>| MetadataValue::from(name));
        assert_eq!(names, ["a", "\u{fffd}"].map(MetadataValue::from));
    }

    #[test]
    fn a_number_that_json_cannot_hold_is_an_error_and_not_null() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(serde_json::to_string(&MetadataValue::from(number)).is_err());
            assert!(!MetadataValue::from(vec![number]).is_finite());
        }
    }
}
