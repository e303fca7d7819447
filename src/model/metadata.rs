use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::Index;

use super::MetadataValue;

/// The metadata of an item, from which the service fills fields
/// ([articles 115](https://docs.coveo.com/en/115/) and [162](https://docs.coveo.com/en/162/)).
///
/// A map in the order of its keys. The case of keys is ignored, as the service does, and the spelling is
/// kept: inserting `AUTHOR` replaces both the value and the spelling of `author`.
///
/// ```
/// use coveo_push::Metadata;
///
/// let mut metadata: Metadata = [("Author", "asmith")].into_iter().collect();
/// metadata.insert("pages", 12);
/// metadata.insert("tags", ["draft", "internal"]);
/// assert_eq!(metadata["author"], "asmith".into());
/// for (key, value) in &metadata {
///     println!("{key}: {value:?}");
/// }
/// ```
#[derive(Clone, Default)]
pub struct Metadata(
    /// By folded key: the key as it is spelled, and the value.
    BTreeMap<String, (String, MetadataValue)>,
);

/// The same for all spellings of a key that differ only in case.
fn folded(key: &str) -> String {
    key.chars().flat_map(char::to_lowercase).collect()
}

impl Metadata {
    /// No metadata.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key, and returns the value that it replaces. The key is spelled as it is here.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<MetadataValue>) -> Option<MetadataValue> {
        let key = key.into();
        self.0.insert(folded(&key), (key, value.into())).map(|(_, before)| before)
    }

    /// The value of a key, in any case.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MetadataValue> {
        self.0.get(&folded(key)).map(|(_, value)| value)
    }

    /// The value of a key, in any case, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut MetadataValue> {
        self.0.get_mut(&folded(key)).map(|(_, value)| value)
    }

    /// Removes a key, in any case, and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<MetadataValue> {
        self.0.remove(&folded(key)).map(|(_, value)| value)
    }

    /// Whether the key, in any case, has a value.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(&folded(key))
    }

    /// Removes the entries for which `keep` returns false.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut MetadataValue) -> bool) {
        self.0.retain(|_, (key, value)| keep(key, value));
    }

    /// Removes all entries.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The keys in their order, as they are spelled.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator + Clone {
        self.0.values().map(|(key, _)| key.as_str())
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &MetadataValue> + DoubleEndedIterator + Clone {
        self.0.values().map(|(_, value)| value)
    }

    /// The keys with their values, in the order of the keys.
    #[must_use]
    pub fn iter(&self) -> MetadataIter<'_> {
        MetadataIter(self.0.values())
    }

    /// The keys with their values, in the order of the keys, to change the values.
    #[must_use]
    pub fn iter_mut(&mut self) -> MetadataIterMut<'_> {
        MetadataIterMut(self.0.values_mut())
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Ignores the case of keys.
impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.0.keys().eq(other.0.keys()) && self.values().eq(other.values())
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// The value of a key, in any case.
///
/// # Panics
///
/// When the key is absent. [`Metadata::get`] returns `None` instead.
impl Index<&str> for Metadata {
    type Output = MetadataValue;

    #[expect(clippy::indexing_slicing, reason = "documented, as for the maps of the standard library")]
    fn index(&self, key: &str) -> &MetadataValue {
        &self.0[&folded(key)].1
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> Extend<(K, V)> for Metadata {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, pairs: I) {
        for (key, value) in pairs {
            self.insert(key, value);
        }
    }
}

impl<K: Into<String>, V: Into<MetadataValue>> FromIterator<(K, V)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut metadata = Self::new();
        metadata.extend(pairs);
        metadata
    }
}

/// Wraps the iterators of the map.
macro_rules! iterators {
    ($($(#[$attribute:meta])* $name:ident<$($a:lifetime)?> for $map:ty, by $values:ident:
        $inner:ident => ($key:ty, $value:ty), $to_key:expr;)+) => {$(
        $(#[$attribute])*
        pub struct $name<$($a)?>(btree_map::$inner<$($a,)? String, (String, MetadataValue)>);

        impl<$($a)?> Iterator for $name<$($a)?> {
            type Item = ($key, $value);

            fn next(&mut self) -> Option<Self::Item> {
                self.0.next().map(|(key, value)| ($to_key(key), value))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<$($a)?> ExactSizeIterator for $name<$($a)?> {}

        impl<$($a)?> IntoIterator for $map {
            type Item = ($key, $value);
            type IntoIter = $name<$($a)?>;

            fn into_iter(self) -> Self::IntoIter {
                $name(self.0.$values())
            }
        }
    )+};
}

iterators! {
    /// The entries of a [`Metadata`] in the order of the keys: [`Metadata::iter`].
    #[derive(Debug, Clone)]
    MetadataIter<'a> for &'a Metadata, by values: Values => (&'a str, &'a MetadataValue), String::as_str;
    /// The entries of a [`Metadata`] in the order of the keys, to change the values: [`Metadata::iter_mut`].
    #[derive(Debug)]
    MetadataIterMut<'a> for &'a mut Metadata, by values_mut: ValuesMut => (&'a str, &'a mut MetadataValue), String::as_str;
    /// The entries of a [`Metadata`] by value, in the order of the keys.
    #[derive(Debug)]
    MetadataIntoIter<> for Metadata, by into_values: IntoValues => (String, MetadataValue), String::from;
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
        let spellings =
            [("größe", "GRÖßE"), ("ÉTÉ", "été"), ("ДАТА", "дата"), ("aB1", "Ab1"), ("k", "\u{212a}"), ("σασ", "ΣΑΣ")];
        for (key, other) in spellings {
            let mut metadata: Metadata = [(key, 1)].into_iter().collect();
            assert!(metadata.contains_key(other), "{other}");
            assert_eq!((metadata.get(other), &metadata[other]), (Some(&1.into()), &1.into()));
            *metadata.get_mut(other).unwrap() = 2.into();
            assert_eq!(metadata.remove(other), Some(2.into()));
            assert!(metadata.is_empty());
        }
    }

    #[test]
    fn the_last_of_the_pairs_with_one_key_counts() {
        let mut metadata: Metadata = [("b", 1), ("A", 2), ("a", 3), ("c", 4)].into_iter().collect();
        metadata.extend([("d", 5), ("C", 6), ("B", 7), ("b", 8)]);
        let seen: Vec<_> = metadata.into_iter().collect();
        assert_eq!(seen, [("a", 3), ("b", 8), ("C", 6), ("d", 5)].map(|(key, value)| (key.to_owned(), value.into())));
    }

    #[test]
    fn each_of_200_000_keys_can_be_replaced() {
        // With a search through all keys this would take an hour.
        let mut metadata = Metadata::new();
        for value in [1, 2] {
            for key in 0..200_000 {
                metadata.insert(format!("key{key}"), value);
            }
        }
        assert_eq!(metadata.len(), 200_000);
        assert!(metadata.iter().all(|(_, value)| *value == 2.into()));
    }

    #[test]
    fn it_is_the_same_as_a_map_whatever_is_inserted_and_removed() {
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
            assert_eq!(metadata.contains_key(key), map.contains_key(&key.to_lowercase()));
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
    }

    #[test]
    fn its_pairs_come_in_the_order_of_the_keys_and_are_counted() {
        let mut metadata: Metadata = [("b", 2), ("A", 1), ("c", 3)].into_iter().collect();
        let expected = [("A", 1), ("b", 2), ("c", 3)].map(|(key, value)| (key, MetadataValue::from(value)));
        let mut seen = Vec::new();
        for (key, value) in &metadata {
            seen.push((key, value.clone()));
        }
        assert_eq!(seen, expected);
        assert_eq!((metadata.iter().len(), metadata.iter_mut().len(), metadata.clone().into_iter().len()), (3, 3, 3));
        assert!(metadata.keys().eq(["A", "b", "c"]) && metadata.values().eq(expected.iter().map(|(_, value)| value)));
        assert!(metadata.into_iter().eq(expected.map(|(key, value)| (key.to_owned(), value))));
    }

    #[test]
    fn values_are_changed_and_entries_removed_in_place() {
        let mut metadata: Metadata = [("b", 2), ("A", 1), ("c", 3)].into_iter().collect();
        for (key, value) in &mut metadata {
            *value = key.into();
        }
        metadata.retain(|key, _| key != "b");
        assert_eq!(metadata, [("a", "A"), ("c", "c")].into_iter().collect());
        metadata.clear();
        assert_eq!((metadata.len(), metadata.is_empty()), (0, true));
    }
}
