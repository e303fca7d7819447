use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;
use std::{mem, slice, vec};

use serde::de::{self, MapAccess, SeqAccess};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::document::key;

/// The metadata of an item: what fields are filled from
/// ([articles 115](https://docs.coveo.com/en/115/) and [162](https://docs.coveo.com/en/162/)).
///
/// Keys are unique without regard to case, as they are for the service, and are written as they
/// were given. A key that is inserted again, in any case, replaces what was there.
///
/// ```
/// use coveo_push::Metadata;
///
/// let mut metadata: Metadata = [("Author", "asmith")].into_iter().collect();
/// metadata.insert("pages", 12);
/// metadata.insert("tags", ["draft", "internal"]);
/// assert_eq!(metadata.get("author"), Some(&"asmith".into()));
/// for (key, value) in &metadata {
///     println!("{key}: {value:?}");
/// }
/// ```
#[derive(Clone, Default)]
pub struct Metadata {
    /// All keys: an item is read faster whose keys do not each have memory of their own.
    keys: String,
    /// In the order of the keys.
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    /// Where the key stands among all keys.
    key: Range<usize>,
    value: MetadataValue,
}

/// The order of keys, which are the same when only the case differs.
fn compare(a: &str, b: &str) -> Ordering {
    fn folded(key: &str) -> impl Iterator<Item = char> {
        key.chars().flat_map(char::to_lowercase)
    }

    fn folded_ascii(key: &str) -> impl Iterator<Item = u8> {
        key.bytes().map(|byte| byte.to_ascii_lowercase())
    }

    if a.is_ascii() && b.is_ascii() { folded_ascii(a).cmp(folded_ascii(b)) } else { folded(a).cmp(folded(b)) }
}

impl Entry {
    fn key<'a>(&self, keys: &'a str) -> &'a str {
        keys.get(self.key.clone()).unwrap_or_default()
    }
}

impl Metadata {
    /// No metadata.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a value, and returns the one it replaces: that of the same key in any case. Where there are thousands of
    /// keys, collecting them, or extending by them, takes less time.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Option<MetadataValue> {
        let key = key.into();
        let position = self.position(&key);
        let entry = self.entry(&key, value.into());
        match position {
            Ok(index) => {
                let before = self.entries.get_mut(index).map(|before| mem::replace(before, entry).value);
                self.drop_unused_keys();
                before
            }
            Err(index) => {
                self.entries.insert(index, entry);
                None
            }
        }
    }

    fn entry(&mut self, key: &str, value: MetadataValue) -> Entry {
        let start = self.keys.len();
        self.keys.push_str(key);
        Entry { key: start..self.keys.len(), value }
    }

    /// Sets many values, and returns a key that came twice, the last of which counts. One after another they would
    /// each take time with the number of those before.
    pub(super) fn set_all(&mut self, pairs: Vec<(String, MetadataValue)>) -> Option<String> {
        for (key, value) in pairs {
            let entry = self.entry(&key, value);
            self.entries.push(entry);
        }
        let Self { keys, entries } = self;
        entries.sort_by(|one, two| compare(one.key(keys), two.key(keys)));
        let mut replaced = None;
        entries.dedup_by(|later, before| {
            let is_same = compare(later.key(keys), before.key(keys)).is_eq();
            if is_same {
                mem::swap(later, before);
                replaced = Some(before.key(keys).to_owned());
            }
            is_same
        });
        if replaced.is_some() {
            self.drop_unused_keys();
        }
        replaced
    }

    /// The value of a key, in any case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        let index = self.position(key).ok()?;
        self.entries.get(index).map(|entry| &entry.value)
    }

    /// Takes a value out, by its key in any case.
    pub fn remove(&mut self, key: &str) -> Option<MetadataValue> {
        let index = self.position(key).ok()?;
        let before = self.entries.remove(index);
        self.drop_unused_keys();
        Some(before.value)
    }

    fn drop_unused_keys(&mut self) {
        let room = String::with_capacity(self.keys.len());
        let all = mem::replace(&mut self.keys, room);
        for entry in &mut self.entries {
            let start = self.keys.len();
            self.keys.push_str(entry.key(&all));
            entry.key = start..self.keys.len();
        }
    }

    /// Where a key stands, or belongs.
    fn position(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| compare(entry.key(&self.keys), key))
    }

    /// Keys, as they were given, with their values, in the order of the keys.
    pub fn iter(&self) -> MetadataIter<'_> {
        MetadataIter { keys: &self.keys, entries: self.entries.iter() }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Keys are the same in any case.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.iter().zip(other);
        self.len() == other.len() && pairs.all(|(one, two)| compare(one.0, two.0).is_eq() && one.1 == two.1)
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> Extend<(K, V)> for Metadata {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        self.set_all(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect());
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        metadata.extend(pairs);
        metadata
    }
}

impl IntoIterator for Metadata {
    type Item = (String, MetadataValue);
    type IntoIter = MetadataIntoIter;

    fn into_iter(self) -> MetadataIntoIter {
        MetadataIntoIter { keys: self.keys, entries: self.entries.into_iter() }
    }
}

impl<'a> IntoIterator for &'a Metadata {
    type Item = (&'a str, &'a MetadataValue);
    type IntoIter = MetadataIter<'a>;

    fn into_iter(self) -> MetadataIter<'a> {
        self.iter()
    }
}

/// The pairs of a [`Metadata`], by value, in the order of the keys.
pub struct MetadataIntoIter {
    keys: String,
    entries: vec::IntoIter<Entry>,
}

/// The pairs of a [`Metadata`], by reference, in the order of the keys: [`Metadata::iter`].
#[derive(Clone)]
pub struct MetadataIter<'a> {
    keys: &'a str,
    entries: slice::Iter<'a, Entry>,
}

/// Shows the pairs that are to come.
impl fmt::Debug for MetadataIntoIter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        MetadataIter { keys: &self.keys, entries: self.entries.as_slice().iter() }.fmt(f)
    }
}

/// Shows the pairs that are to come.
impl fmt::Debug for MetadataIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

impl Iterator for MetadataIntoIter {
    type Item = (String, MetadataValue);

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|entry| (entry.key(&self.keys).to_owned(), entry.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<'a> Iterator for MetadataIter<'a> {
    type Item = (&'a str, &'a MetadataValue);

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|entry| (entry.key(self.keys), &entry.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for MetadataIntoIter {}
impl ExactSizeIterator for MetadataIter<'_> {}
impl FusedIterator for MetadataIntoIter {}
impl FusedIterator for MetadataIter<'_> {}

/// The value of one metadata key ([article 162](https://docs.coveo.com/en/162/)).
///
/// The type has to match that of the field it fills. A dictionary goes into a dictionary field. A
/// number that JSON cannot hold (NaN, infinite) is refused when the item is sent.
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
/// JSON that is in hand is tried: there is no value for `null`, so leave such a key out.
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
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetadataValue {
    /// Text; a date too, best as ISO 8601 in UTC (`2017-11-08T12:18:41.666Z`).
    String(String),
    /// A whole number.
    Integer(i64),
    /// A whole number above `i64::MAX`.
    Unsigned(u64),
    /// A number with a fraction.
    Float(f64),
    /// Yes or no.
    Boolean(bool),
    /// Several values, for a multi-value field.
    Array(Vec<MetadataValue>),
    /// Named values, for a dictionary field.
    Dictionary(BTreeMap<String, MetadataValue>),
}

impl MetadataValue {
    /// Whether every number in it is one that JSON can hold.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Float(number) => number.is_finite(),
            Self::Array(values) => values.iter().all(Self::is_finite),
            Self::Dictionary(values) => values.values().all(Self::is_finite),
            Self::String(_) | Self::Integer(_) | Self::Unsigned(_) | Self::Boolean(_) => true,
        }
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $to:expr),+ $(,)?) => {
        $(impl From<$from> for MetadataValue {
            fn from($value: $from) -> Self {
                $to
            }
        })+
    };
}

from! {
    &str => |text| Self::String(text.to_owned()),
    String => |text| Self::String(text),
    &String => |text| Self::String(text.clone()),
    Cow<'_, str> => |text| Self::String(text.into_owned()),
    bool => |flag| Self::Boolean(flag),
    i8 => |number| Self::Integer(number.into()),
    i16 => |number| Self::Integer(number.into()),
    i32 => |number| Self::Integer(number.into()),
    i64 => |number| Self::Integer(number),
    u8 => |number| Self::Integer(number.into()),
    u16 => |number| Self::Integer(number.into()),
    u32 => |number| Self::Integer(number.into()),
    u64 => |number| i64::try_from(number).map_or(Self::Unsigned(number), Self::Integer),
    usize => |number| Self::from(number as u64),
    f32 => |number| Self::Float(number.into()),
    f64 => |number| Self::Float(number),
    BTreeMap<String, MetadataValue> => |values| Self::Dictionary(values),
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

/// JSON that is in hand. It is an error when it is `null`, or has one in it.
impl TryFrom<serde_json::Value> for MetadataValue {
    type Error = serde_json::Error;

    fn try_from(value: serde_json::Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(value)
    }
}

impl Serialize for MetadataValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Float(number) => Err(S::Error::custom(format_args!("{number} {}", key::IS_NOT_FINITE))),
            Self::Boolean(flag) => serializer.serialize_bool(*flag),
            Self::Array(values) => serializer.collect_seq(values),
            Self::Dictionary(values) => serializer.collect_map(values),
        }
    }
}

impl<'de> Deserialize<'de> for MetadataValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> de::Visitor<'de> for Read {
            type Value = MetadataValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a metadata value (text, a number, a boolean, an array or a dictionary)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<MetadataValue, E> {
                Ok(text.into())
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<MetadataValue, E> {
                Ok(text.into())
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<MetadataValue, E> {
                Ok(flag.into())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<MetadataValue, E> {
                Ok(number.into())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<MetadataValue, E> {
                Ok(number.into())
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<MetadataValue, E> {
                Ok(number.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MetadataValue, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(MetadataValue::Array(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MetadataValue, A::Error> {
                let mut values = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    values.insert(key, value);
                }
                Ok(MetadataValue::Dictionary(values))
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_inserted_again_in_another_case_replaces_value_and_spelling() {
        let mut metadata = Metadata::new();
        metadata.insert("Author", "a");
        assert_eq!(metadata.insert("AUTHOR", "b"), Some("a".into()));
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("AUTHOR", &"b".into())]);
    }

    #[test]
    fn a_key_is_found_in_any_case_beyond_ascii_too() {
        let metadata: Metadata = [("Größe", 12)].into_iter().collect();
        assert_eq!(metadata.get("GRÖßE"), Some(&12.into()));
    }

    #[test]
    fn of_pairs_that_are_set_at_once_the_last_of_a_key_counts_and_takes_the_place_of_what_was_there() {
        let mut metadata: Metadata = [("b", 1), ("A", 2), ("a", 3), ("c", 4)].into_iter().collect();
        metadata.extend([("d", 5), ("C", 6), ("B", 7), ("b", 8)]);
        let seen: Vec<_> = metadata.into_iter().collect();
        assert_eq!(seen, [("a", 3), ("b", 8), ("C", 6), ("d", 5)].map(|(key, value)| (key.to_owned(), value.into())));
    }

    #[test]
    fn it_is_the_same_as_a_map_whatever_is_set_and_taken_out() {
        let keys = ["a", "A", "b", "ß", "SS", "", "\u{212a}", "k", "É", "é", "longer"];
        let mut metadata = Metadata::new();
        let mut map: BTreeMap<String, (&str, MetadataValue)> = BTreeMap::new();
        let mut random = 1_u32;
        for step in 0..2_000_i32 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = keys[(random >> 16) as usize % keys.len()];
            let before = if random >> 30 == 0 {
                (metadata.remove(key), map.remove(&key.to_lowercase()))
            } else {
                (metadata.insert(key, step), map.insert(key.to_lowercase(), (key, step.into())))
            };
            assert_eq!(before.0, before.1.map(|(_, value)| value));
            assert!(metadata.iter().eq(map.values().map(|(key, value)| (*key, value))), "{metadata:?}");
            assert_eq!(metadata.get(key).is_some(), map.contains_key(&key.to_lowercase()));
            assert_eq!(metadata.keys.len(), metadata.iter().map(|(key, _)| key.len()).sum::<usize>());
        }
    }

    #[test]
    fn metadata_is_the_same_when_only_the_case_of_its_keys_differs() {
        let one = |key: &str, value: i32| -> Metadata { [(key, value), ("z", 1)].into_iter().collect() };
        assert_eq!(one("Größe", 1), one("GRÖßE", 1));
        assert_ne!(one("a", 1), one("a", 2));
        assert_ne!(one("a", 1), one("b", 1));
        assert_ne!(one("a", 1), [("a", 1)].into_iter().collect());
    }

    #[test]
    fn it_shows_its_pairs_as_a_map() {
        let metadata: Metadata = [("b", 2), ("A", 1)].into_iter().collect();
        assert_eq!(format!("{metadata:?}"), r#"{"A": Integer(1), "b": Integer(2)}"#);
        let mut rest = metadata.iter();
        rest.next();
        assert_eq!(format!("{rest:?}"), r#"{"b": Integer(2)}"#);
        let mut rest = metadata.into_iter();
        rest.next();
        assert_eq!(format!("{rest:?}"), r#"{"b": Integer(2)}"#);
    }

    #[test]
    fn its_pairs_come_in_the_order_of_the_keys_and_are_counted() {
        let metadata: Metadata = [("b", 2), ("A", 1), ("c", 3)].into_iter().collect();
        let expected = [("A", 1), ("b", 2), ("c", 3)].map(|(key, value)| (key, MetadataValue::from(value)));
        let mut seen = Vec::new();
        for (key, value) in &metadata {
            seen.push((key, value.clone()));
        }
        assert_eq!(seen, expected);
        assert_eq!((metadata.iter().len(), metadata.clone().into_iter().len()), (3, 3));
        assert!(metadata.into_iter().eq(expected.map(|(key, value)| (key.to_owned(), value))));
    }

    #[test]
    fn json_in_hand_is_a_value_unless_there_is_a_null_in_it() {
        use serde_json::json;

        for value in
            [json!("a"), json!(-1), json!(u64::MAX), json!(0.5), json!(true), json!([1, "b"]), json!({"a": {}})]
        {
            let read = MetadataValue::try_from(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), value);
        }
        for value in [json!(null), json!([null]), json!({"a": null})] {
            assert!(MetadataValue::try_from(value).unwrap_err().to_string().contains("null"));
        }
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
