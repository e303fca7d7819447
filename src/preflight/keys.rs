//! The keys of items: which of them name a property, and whether one comes twice.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::ptr;

use super::permissions::{self, Named};
use super::readable::unreadable;
use super::scan::Scanned;
use super::text;
use crate::model::document_keys;
use crate::model::object::{Entry, Layout, WrittenBy};

/// What is known of the keys of the item that was read last.
///
/// The items of a run mostly have the same keys in the same order, and then there is nothing to find
/// out but that they are the same.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys {
    /// All keys as JSON, one behind another: their quotes tell them apart.
    keys: Vec<u8>,
    duplicate: Option<String>,
    /// The entries that are properties of the item, and not metadata.
    properties: Vec<(usize, &'static str)>,
}

/// An item that was written, and its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrittenItem<'a> {
    keys: &'a KnownKeys,
    buffer: &'a [u8],
    layout: &'a Layout,
    is_readable: bool,
    /// Whom the permissions name, where that is known without the model.
    named: Option<Named>,
}

impl KnownKeys {
    /// Reads the keys of an item that stands in `buffer`.
    pub(crate) fn read<'a>(&'a mut self, buffer: &'a [u8], layout: &'a Layout) -> WrittenItem<'a> {
        self.know(buffer, layout);
        let item = WrittenItem { keys: self, buffer, layout, is_readable: false, named: None };
        let named = item.entry(document_keys::PERMISSIONS).and_then(|entry| {
            let json = buffer.get(entry.value.clone())?;
            if entry.written_by == WrittenBy::Permissions {
                permissions::of_model(json)
            } else {
                permissions::scan(json)
            }
        });
        WrittenItem { named, ..item }
    }

    /// The same of an item that was scanned.
    pub(crate) fn read_scanned<'a>(
        &'a mut self,
        buffer: &'a [u8],
        layout: &'a Layout,
        Scanned { permissions }: Scanned,
    ) -> WrittenItem<'a> {
        self.know(buffer, layout);
        WrittenItem { keys: self, buffer, layout, is_readable: true, named: permissions }
    }

    fn know(&mut self, buffer: &[u8], layout: &Layout) {
        let raw = |entry: &Entry| buffer.get(entry.key.clone()).unwrap_or_default();
        let entries = layout.entries();
        let rest = entries.iter().try_fold(self.keys.as_slice(), |rest, entry| rest.strip_prefix(raw(entry)));
        if rest.is_some_and(<[u8]>::is_empty) && !entries.is_empty() {
            return;
        }
        self.keys.clear();
        entries.iter().for_each(|entry| self.keys.extend_from_slice(raw(entry)));
        self.duplicate = duplicate(entries.iter().map(raw)).map(Cow::into_owned);
        let property = |entry| document_keys::property(text(raw(entry)).as_bytes());
        let numbered = entries.iter().enumerate();
        self.properties = numbered.filter_map(|(number, entry)| Some((number, property(entry)?))).collect();
    }
}

impl<'a> WrittenItem<'a> {
    /// A key that comes twice, in whatever case.
    pub(crate) fn duplicate(self) -> Option<&'a str> {
        self.keys.duplicate.as_deref()
    }

    /// The properties, and their values as JSON.
    pub(crate) fn properties(self) -> impl Iterator<Item = (&'static str, &'a [u8])> {
        let value = move |number: usize| self.buffer.get(self.layout.entries().get(number)?.value.clone());
        self.keys.properties.iter().filter_map(move |(number, property)| Some((*property, value(*number)?)))
    }

    /// The keys whose values cannot be read, and why.
    pub(crate) fn unreadable(self) -> impl Iterator<Item = (Cow<'a, str>, serde_json::Error)> {
        let part = move |range: &Range<usize>| self.buffer.get(range.clone()).unwrap_or_default();
        let entries = if self.is_readable { &[] } else { self.layout.entries() };
        let known = self.named.and_then(|_| self.property(document_keys::PERMISSIONS));
        let unsure = entries.iter().filter(|entry| entry.written_by == WrittenBy::Another);
        unsure.filter_map(move |entry| {
            let value = part(&entry.value);
            if known.is_some_and(|known| ptr::eq(known, value)) {
                return None;
            }
            let error = unreadable(value)?;
            Some((text(part(&entry.key)), error))
        })
    }

    /// Whom the permissions name.
    pub(super) fn named(self, permissions: &[u8]) -> Result<Named, serde_json::Error> {
        self.named.map_or_else(|| permissions::read(permissions), Ok)
    }

    /// The value of a property as JSON, where the item has it.
    pub(crate) fn property(self, name: &str) -> Option<&'a [u8]> {
        self.buffer.get(self.range(name)?)
    }

    /// Where that value stands.
    pub(crate) fn range(self, name: &str) -> Option<Range<usize>> {
        Some(self.entry(name)?.value.clone())
    }

    fn entry(self, name: &str) -> Option<&'a Entry> {
        let (number, _) = self.keys.properties.iter().find(|(_, property)| *property == name)?;
        self.layout.entries().get(*number)
    }
}

fn duplicate<'a>(keys: impl Iterator<Item = &'a [u8]>) -> Option<Cow<'a, str>> {
    let mut seen = HashSet::new();
    keys.map(text).find(|key| !seen.insert(key.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::object;

    /// Reads the keys of some items one after another, and tells of the last one.
    fn read(items: &[&str]) -> (Option<String>, Vec<&'static str>) {
        let mut known = KnownKeys::default();
        let (mut duplicate, mut properties) = (None, Vec::new());
        for item in items {
            let value: Box<serde_json::value::RawValue> = serde_json::from_str(item).unwrap();
            let (mut buffer, mut layout) = (object::Buffer::default(), Layout::default());
            object::write(&mut buffer, &mut layout, None, &value).unwrap();
            let item = known.read(&buffer, &layout);
            properties = item.properties().map(|(property, _)| property).collect();
            duplicate = item.duplicate().map(str::to_owned);
        }
        (duplicate, properties)
    }

    #[test]
    fn the_properties_are_told_from_the_metadata() {
        let (duplicate, properties) = read(&[r#"{"Data":"a","pages":1,"PERMISSIONS":[]}"#]);
        assert_eq!((duplicate, properties), (None, vec!["data", "permissions"]));
    }

    #[test]
    fn a_key_that_comes_twice_is_found_in_any_case_and_spelling() {
        for item in [r#"{"a":1,"A":2}"#, r#"{"Größe":1,"GRÖSSE":1,"GRÖßE":2}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(read(&[item]).0.is_some(), "{item}");
        }
    }

    #[test]
    fn what_was_known_is_used_for_the_same_keys_alone() {
        let (plain, twice) = (r#"{"a":1,"b":2}"#, r#"{"a":1,"A":2}"#);
        assert_eq!(read(&[plain, plain, twice]).0.as_deref(), Some("A"));
        assert_eq!(read(&[twice, twice]).0.as_deref(), Some("A"));
        assert_eq!(read(&[twice, plain]).0, None);
        assert_eq!(read(&[r#"{"a":1,"data":""}"#, r#"{"a":1}"#]).1, Vec::<&str>::new());
        assert_eq!(read(&[r#"{"a":1}"#, r#"{"a":1,"data":""}"#]).1, ["data"]);
        assert_eq!(read(&[r#"{"data":""}"#, "{}"]).1, Vec::<&str>::new());
    }
}
