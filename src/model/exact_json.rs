//! Reading JSON whose numbers keep their value.
//!
//! Parsers turn an integer of more than 64 bits into a fraction, which has fewer digits. Only the text tells.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::words::shortened;

/// serde_json gives the text of a value to the type of this name, which is its own `RawValue`. Other
/// deserializers, and a version that does not know the name, give the value.
const RAW_TEXT: &str = "$serde_json::private::RawValue";

/// Reads JSON from any deserializer, and refuses an integer of more than 64 bits.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    deserializer.deserialize_newtype_struct(RAW_TEXT, Exact)
}

/// The error about an integer that would lose digits.
pub(super) fn too_long<E: Error>(integer: &str) -> E {
    E::custom(format_args!("the integer {} has more than 64 bits; write it as text", shortened(integer)))
}

/// The number with the fewest digits that is this one: 0.1 for `0.1_f32`, and not 0.10000000149011612.
pub(super) fn as_written(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| number.into())
}

/// Whether the text of a number is an integer of more than 64 bits.
pub(super) fn is_too_long(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
}

/// An integer of more than 64 bits in JSON text.
fn find_too_long(json: &str) -> Option<String> {
    let (mut is_in_text, mut is_escaped) = (false, false);
    let without_texts = json.chars().map(|c| {
        let is_quote = c == '"' && !is_escaped;
        is_escaped = is_in_text && c == '\\' && !is_escaped;
        is_in_text ^= is_quote;
        if is_in_text { ' ' } else { c }
    });
    let without_texts: String = without_texts.collect();
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '+' | '.');
    without_texts.split(is_separator).find(|number| is_too_long(number)).map(str::to_owned)
}

struct Exact;

impl<'de> Visitor<'de> for Exact {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key != RAW_TEXT {
                object.insert(key, map.next_value()?);
                continue;
            }
            let json: String = map.next_value()?;
            return match find_too_long(&json) {
                Some(integer) => Err(too_long(&integer)),
                None => serde_json::from_str(&json).map_err(A::Error::custom),
            };
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(values)).map(Value::Array)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(flag.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        i64::try_from(number)
            .map(Value::from)
            .or_else(|_| u64::try_from(number).map(Value::from))
            .map_err(|_| too_long(&number.to_string()))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        u64::try_from(number).map(Value::from).map_err(|_| too_long(&number.to_string()))
    }

    fn visit_f32<E: Error>(self, number: f32) -> Result<Value, E> {
        self.visit_f64(as_written(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("JSON cannot hold NaN or infinity"))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::de::value::{F64Deserializer, MapDeserializer, SeqDeserializer, StrDeserializer};
    use serde::de::{IntoDeserializer, value};
    use serde_json::json;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn an_integer_is_too_long_outside_texts_only() {
        for number in ["18446744073709551616", "-9223372036854775809", "123456789012345678901234567890"] {
            assert!(is_too_long(number));
            for json in [number.to_owned(), format!("[1,{number}]"), format!(r#"{{"\\\"1":"\"",  "a": [{number} ]}}"#)]
            {
                assert_eq!(find_too_long(&json).as_deref(), Some(number), "{json}");
            }
            for json in
                [format!("\"{number}\""), format!(r#"["\"", "{number}", "\\"]"#), format!("[{number}.5,{number}e1]")]
            {
                assert_eq!(find_too_long(&json), None, "{json}");
            }
        }
        for number in ["18446744073709551615", "-9223372036854775808", "0", "-0", "true", "1e300", "1.0", ""] {
            assert!(!is_too_long(number), "{number}");
        }
    }

    #[test]
    fn the_text_of_a_value_is_what_serde_json_gives() {
        let text = "123456789012345678901234567890";
        assert!(read(&mut serde_json::Deserializer::from_str(text)).unwrap_err().to_string().contains(text));
        let raw: Box<RawValue> = serde_json::from_str("[1, 2]").unwrap();
        assert_eq!(read(&mut serde_json::Deserializer::from_str(raw.get())).unwrap(), json!([1, 2]));
    }

    #[test]
    fn a_deserializer_without_text_gives_the_value() {
        type Any = value::Error;
        let text: StrDeserializer<'_, Any> = "a".into_deserializer();
        assert_eq!(read(text).unwrap(), json!("a"));
        let number: F64Deserializer<Any> = 1.5.into_deserializer();
        assert_eq!(read(number).unwrap(), json!(1.5));
        let list: SeqDeserializer<_, Any> = vec![1_u64, 2].into_deserializer();
        assert_eq!(read(list).unwrap(), json!([1, 2]));
        let map: MapDeserializer<'_, _, Any> = BTreeMap::from([("a", true)]).into_deserializer();
        assert_eq!(read(map).unwrap(), json!({"a": true}));
        for value in [json!(null), json!(-1), json!([{"a": 1.5}]), json!("a")] {
            assert_eq!(read(value.clone()).unwrap(), value);
        }
    }
}
