//! Whether a value can be read, and not only told to be JSON.
//!
//! JSON text in hand is copied as it is, and JSON has numbers of any size and arrays of any depth. One that
//! the service cannot read would cost the whole batch.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::scan;

/// The levels around the value of an item in a batch: the batch, its list, and the item.
const AROUND: (&[u8], &[u8]) = (b"[[[", b"]]]");

/// What has fewer bytes has neither too many digits nor too many levels.
const SHORT: usize = 120;

/// Why the value cannot be read, if it cannot.
pub(super) fn unreadable(json: &[u8]) -> Option<serde_json::Error> {
    let is_readable = match json.first()? {
        b't' | b'f' | b'n' => true,
        _ if json.len() < SHORT && !may_be_odd(json) => true,
        _ => scan::is_readable(json),
    };
    if is_readable {
        return None;
    }
    serde_json::from_slice::<Readable>(&[AROUND.0, json, AROUND.1].concat()).err()
}

/// Whether there is something like an exponent, or the number of a character.
fn may_be_odd(json: &[u8]) -> bool {
    let ([first @ .., _], [_, second @ ..]) = (json, json) else { return false };
    let is_odd = |a: u8, b: u8| (a.is_ascii_digit() & (b | 0x20 == b'e')) | ((a == b'\\') & (b == b'u'));
    // Without a branch between them many pairs are looked at at once.
    first.iter().zip(second).fold(false, |any, (a, b)| any | is_odd(*a, *b))
}

/// Any value that can be read; nothing of it is kept.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not ignored, as `IgnoredAny` would be: what is ignored is not read.
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<IgnoredAny, Self>()?.is_some() {}
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn what_is_read_by_others_is_readable() {
        let long = format!("[1e5,{},\"1e999\",{{\"1e999\":true}}]", "9".repeat(308));
        for json in
            ["\"1e999\"", "1e308", "-1.5E+300", "1e-999", "0.1e-4000", "[null,false,\"e123\"]", &long, &nested(124)]
        {
            assert!(unreadable(json.as_bytes()).is_none(), "{json}");
        }
    }

    #[test]
    fn numbers_beyond_the_range_of_fractions_are_not() {
        let digits = "9".repeat(400);
        for json in ["1e999", "-1E999", "1.5e+3111", "[1,{\"a\":[2e400]}]", &digits, &format!("[{digits}.0]")] {
            assert!(unreadable(json.as_bytes()).is_some_and(|error| error.to_string().contains("range")), "{json}");
        }
    }

    #[test]
    fn a_number_out_of_range_is_found_wherever_it_stands() {
        for (before, behind) in (0..70).flat_map(|before| [(before, 0), (before, 1), (before, 70 - before)]) {
            let json = format!("[{}2e308{}]", " ".repeat(before), " ".repeat(behind));
            assert!(unreadable(json.as_bytes()).is_some(), "{json}");
        }
        assert!(unreadable(b"2e308").is_some());
        assert!(unreadable(b"9e99").is_none());
    }

    #[test]
    fn half_of_a_character_is_not() {
        for text in ["\\ud800", "\\uDC00", "\\ud800\\u0041", "a\\udfff", "\\n\\uD83D"] {
            for json in [format!("\"{text}\""), format!("[\"{text}\"]"), format!("{{\"{text}\":1}}")] {
                assert!(unreadable(json.as_bytes()).is_some(), "{json}");
                let long = format!("[{json},\"{}\"]", "x".repeat(SHORT));
                assert!(unreadable(long.as_bytes()).is_some(), "{long}");
            }
        }
        assert!(unreadable(br#"["\ud83d\ude00","\ud7ff","\ue000"]"#).is_none());
    }

    #[test]
    fn what_is_nested_too_deep_is_not() {
        assert!(unreadable(nested(125).as_bytes()).is_some_and(|error| error.to_string().contains("recursion")));
        assert!(unreadable(format!("[{}1]", "[1],".repeat(500)).as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn it_is_readable_when_serde_json_makes_a_value_of_it(
            numbers in prop::collection::vec("-?(0|[1-9][0-9]{0,3}([0-9]{300,320})?)(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?", 1..4),
        ) {
            let json = format!("[{}]", numbers.join(", "));
            prop_assert_eq!(unreadable(json.as_bytes()).is_none(), serde_json::from_str::<Value>(&json).is_ok());
        }
    }
}
