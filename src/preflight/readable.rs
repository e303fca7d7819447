//! Whether a value can be read, and not only told to be JSON.
//!
//! JSON text in hand is copied as it is, and JSON has numbers of any size and arrays of any depth. One that
//! the service cannot read would cost the whole batch.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many levels readers of JSON commonly allow, serde_json among them: less than this.
const DEPTH: usize = 128;
/// The levels around the value of an item in a batch: the batch, its list, and the item.
const AROUND: (&[u8], &[u8]) = (b"[[[", b"]]]");
/// Whole numbers of so many digits are beyond the range of fractions of 64 bits.
const MOST_DIGITS: usize = 308;

/// Numbers of fewer bytes are within that range, whatever they are.
const SHORTEST: usize = "2e308".len();

/// Why the value cannot be read, if it cannot.
pub(super) fn unreadable(json: &[u8]) -> Option<serde_json::Error> {
    // Few values may be large or deep: the others are not read again.
    let may_be_unreadable = match json.first()? {
        b'"' | b't' | b'f' | b'n' => false,
        b'[' | b'{' => may_be_too_deep(json) || may_be_too_large(json),
        _ => json.len() >= SHORTEST && may_be_too_large(json),
    };
    if !may_be_unreadable {
        return None;
    }
    serde_json::from_slice::<Readable>(&[AROUND.0, json, AROUND.1].concat()).err()
}

fn may_be_too_deep(json: &[u8]) -> bool {
    let most = DEPTH - AROUND.0.len();
    json.len() >= most && memchr::memchr2_iter(b'[', b'{', json).nth(most - 1).is_some()
}

/// Whether there is something like a number with an exponent, or with very many digits.
fn may_be_too_large(json: &[u8]) -> bool {
    // Whatever stands in so many digits one after another, one in this step is among them, and the next.
    const STEP: usize = MOST_DIGITS / 3;
    let sampled = || json.iter().step_by(STEP).map(u8::is_ascii_digit);
    has_exponent(json) || json.len() > MOST_DIGITS && sampled().zip(sampled().skip(1)).any(|(one, next)| one && next)
}

/// Whether some digit has an `e` behind it.
fn has_exponent(json: &[u8]) -> bool {
    // All pairs of a chunk at once, without a branch between them, is faster than one after another.
    const CHUNK: usize = 32;
    fn in_pairs<'a>(first: impl IntoIterator<Item = &'a u8>, second: impl IntoIterator<Item = &'a u8>) -> bool {
        let pairs = first.into_iter().zip(second);
        pairs.fold(false, |any, (digit, e)| any | (digit.is_ascii_digit() & (e | 0x20 == b'e')))
    }
    let in_chunk = |first: &[u8; CHUNK], second: &[u8; CHUNK]| in_pairs(first, second);
    let ([first @ .., _], [_, second @ ..]) = (json, json) else { return false };
    let (Some(first_end), Some(second_end)) = (first.last_chunk(), second.last_chunk()) else {
        return in_pairs(first, second);
    };
    // The end overlaps the chunk before it.
    let mut chunks = first.as_chunks().0.iter().zip(second.as_chunks().0);
    chunks.any(|(first, second)| in_chunk(first, second)) || in_chunk(first_end, second_end)
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
        let long = format!("[1e5,{},\"1e999\",{{\"1e999\":true}}]", "9".repeat(MOST_DIGITS));
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
