//! The keys of the operations of a batch: whether two operations must keep their order.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::Bound;
use std::sync::OnceLock;

use super::affects::{Affects, Overlap};

/// The key of one operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// A document id, or the type and name of a security identity.
    pub(super) text: &'a str,
    pub(super) affects: Affects,
    hash: u64,
}

impl<'a> Key<'a> {
    /// All keys of a run must be made with the same `hasher`.
    pub(super) fn new(text: &'a str, affects: Affects, hasher: &RandomState) -> Self {
        Self { text, affects, hash: hasher.hash_one(text) }
    }

    /// A hash for each of the slots, and one for its field.
    fn hashes(self) -> impl Iterator<Item = u64> {
        self.affects.slots().iter().map(move |slot| self.hash ^ u64::from(*slot)).chain(self.affects.field())
    }

    /// The hashes of the operations that it replaces.
    fn replaced_hashes(self) -> impl Iterator<Item = u64> {
        let is_field = self.affects.field().is_some();
        self.hashes().skip(if is_field { self.affects.slots().len() } else { 0 })
    }

    /// Whether an operation can take the place of an earlier one on the same id in a batch. A whole item leaves changes
    /// of its fields alone: there may be several.
    fn replaces(self, earlier: Key<'_>) -> bool {
        self.affects.covers(earlier.affects) && self.affects.field().is_some() == earlier.affects.field().is_some()
    }
}

/// How a new operation fits in with those of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// No operation of the batch concerns its id.
    New,
    /// It can take the place of the operations that concern its id.
    Covers,
    /// It must stay behind one of them.
    Conflicts,
}

/// The keys of a batch, in the order of its operations.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The texts one after another.
    text: String,
    entries: Vec<Entry>,
    /// The operations by the hash of text and slot; of replaced ones, the later one.
    index: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    replaced: usize,
    /// The ids that are deleted with their children, without those below another one of them.
    parents: BTreeSet<Box<str>>,
    /// All texts in their order, made when the first question about them comes.
    sorted: OnceLock<BTreeSet<Box<str>>>,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    /// The end of its text, which begins at the end of the text before. A batch has less than 4 GiB.
    end: u32,
    affects: Affects,
    is_replaced: bool,
}

impl Keys {
    /// How many operations there are, without replaced ones.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.replaced
    }

    pub(super) fn push(&mut self, key: Key<'_>) {
        let operation = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if let Some(sorted) = self.sorted.get_mut() {
            sorted.insert(key.text.into());
        }
        self.text.push_str(key.text);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { hash: key.hash, end, affects: key.affects, is_replaced: false });
        self.index.extend(key.hashes().map(|hash| (hash, operation)));
        if key.affects == Affects::Subtree && self.parent_of(key.text).is_none() {
            while let Some(below) = first_below(&self.parents, key.text).map(Box::from) {
                self.parents.remove::<str>(&below);
            }
            self.parents.insert(key.text.into());
        }
    }

    /// The operations that `key` covers; one with several slots can come more than once.
    pub(super) fn covered(&self, key: Key<'_>) -> impl Iterator<Item = usize> {
        key.replaced_hashes().filter_map(|hash| self.index.get(&hash)).map(|number| *number as usize)
    }

    /// Marks the operations that `key` covers as replaced, and returns their numbers.
    pub(super) fn replace(&mut self, key: Key<'_>) -> Vec<usize> {
        let mut replaced: Vec<usize> = self.covered(key).collect();
        replaced.dedup();
        for number in &replaced {
            if let Some(entry) = self.entries.get_mut(*number) {
                entry.is_replaced = true;
            }
        }
        self.replaced += replaced.len();
        replaced
    }

    /// The key of an operation, unless it was replaced.
    pub(super) fn get(&self, operation: usize) -> Option<Key<'_>> {
        let Entry { hash, end, affects, is_replaced } = *self.entries.get(operation)?;
        let start = match operation.checked_sub(1) {
            Some(before) => self.entries.get(before)?.end,
            None => 0,
        };
        let text = self.text.get(start as usize..end as usize)?;
        (!is_replaced).then_some(Key { text, affects, hash })
    }

    /// The keys of the operations with their numbers, without replaced ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Key<'_>)> {
        (0..self.entries.len()).filter_map(|operation| Some((operation, self.get(operation)?)))
    }

    /// How an operation on `key` fits in with these.
    pub(super) fn fit(&self, key: Key<'_>) -> Fit {
        if self.is_in_subtree(key) {
            return Fit::Conflicts;
        }
        let mut fit = Fit::New;
        for operation in key.hashes().filter_map(|hash| self.index.get(&hash)) {
            // Two texts with one hash are kept apart as if they were the same.
            match self.get(*operation as usize) {
                Some(earlier) if earlier.text == key.text && key.replaces(earlier) => fit = Fit::Covers,
                Some(earlier) if earlier.text == key.text && !key.affects.shares_slot(earlier.affects) => {}
                _ => return Fit::Conflicts,
            }
        }
        fit
    }

    /// Whether an operation on `key` must not change places with one of these.
    fn conflicts(&self, key: Key<'_>) -> bool {
        key.hashes().any(|hash| self.index.contains_key(&hash)) || self.is_in_subtree(key)
    }

    /// Whether a deletion with children, here or of `key`, concerns the other.
    fn is_in_subtree(&self, key: Key<'_>) -> bool {
        self.parent_of(key.text).is_some() || (key.affects == Affects::Subtree && self.has_below(key.text))
    }

    /// How these operations overlap with an earlier one on `key`, which would come after them.
    pub(super) fn overlap(&self, earlier: Key<'_>) -> Option<Overlap> {
        if self.parent_of(earlier.text).is_some() {
            return Some(Overlap::Covers);
        }
        if earlier.affects == Affects::Subtree && self.has_below(earlier.text) {
            return Some(Overlap::Conflicts);
        }
        self.on_id_of(earlier).filter_map(|later| later.affects.overlap(earlier.affects)).max()
    }

    /// Whether this very operation is one of these.
    pub(super) fn holds(&self, key: Key<'_>) -> bool {
        self.on_id_of(key).any(|same| same.affects == key.affects)
    }

    /// The operations that concern the same part of the id. Unlike a conflict, this must not be guessed from a hash.
    fn on_id_of(&self, key: Key<'_>) -> impl Iterator<Item = Key<'_>> {
        let numbers = key.hashes().filter_map(|hash| self.index.get(&hash));
        numbers.filter_map(|number| self.get(*number as usize)).filter(move |same| same.text == key.text)
    }

    /// Whether some operation of `other` must not change places with one of these.
    pub(super) fn conflict(&self, other: &Self) -> bool {
        let (few, many) = if self.index.len() < other.index.len() { (self, other) } else { (other, self) };
        few.index.keys().any(|hash| many.index.contains_key(hash))
            || (!self.parents.is_empty() && other.iter().any(|(_, key)| self.conflicts(key)))
            || (!other.parents.is_empty() && self.iter().any(|(_, key)| other.conflicts(key)))
    }

    /// Whether some text begins with this one.
    fn has_below(&self, text: &str) -> bool {
        let sorted = self.sorted.get_or_init(|| self.iter().map(|(_, key)| key.text.into()).collect());
        first_below(sorted, text).is_some()
    }

    /// The id above `text` that is deleted with its children. No parent is below another one, so
    /// the one above `text`, if there is one, is the greatest that is not greater.
    fn parent_of(&self, text: &str) -> Option<&str> {
        let below = (Bound::Unbounded, Bound::Included(text));
        let nearest = self.parents.range::<str, _>(below).next_back()?;
        text.starts_with(&**nearest).then_some(nearest)
    }
}

/// The first of the texts that begin with this one; they are neighbours.
fn first_below<'a>(texts: &'a BTreeSet<Box<str>>, text: &str) -> Option<&'a str> {
    let from = (Bound::Included(text), Bound::Unbounded);
    texts.range::<str, _>(from).next().map(|next| &**next).filter(|next| next.starts_with(text))
}

/// Uses a hash as it is.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Affects::{Aliases, Field, Identity, Item, Subtree};
    use super::*;
    use crate::push::affects::FieldChange;

    /// Two changes of one field, and one of another field.
    const REPLACED: Affects = Field { field: 7, change: FieldChange::Replace };
    const APPENDED: Affects = Field { field: 7, change: FieldChange::Append };
    const OTHER: Affects = Field { field: 8, change: FieldChange::Replace };

    fn keys(hasher: &RandomState, entries: &[(&str, Affects)]) -> Keys {
        let mut keys = Keys::default();
        for (text, affects) in entries {
            keys.push(Key::new(text, *affects, hasher));
        }
        keys
    }

    #[test]
    fn operations_conflict_when_they_affect_the_same_thing() {
        let table = [
            (("a", Item), ("a", Item), true),
            (("a", Item), ("b", Item), false),
            (("a", Item), ("a", Aliases), false),
            (("a", Aliases), ("a", Aliases), true),
            (("a", Identity), ("a", Item), true),
            (("a", Identity), ("a", Aliases), true),
            (("a/", Subtree), ("a/b", Item), true),
            (("a/", Subtree), ("a/", Item), true),
            (("a/b", Subtree), ("a/", Item), false),
            (("a/b", Subtree), ("a/", Subtree), true),
            (("a/b", Subtree), ("a/c", Subtree), false),
        ];
        let hasher = RandomState::new();
        for (one, two, conflict) in table {
            let (first, second) = (keys(&hasher, &[one]), keys(&hasher, &[two]));
            for (a, b, key) in [(&first, &second, two), (&second, &first, one)] {
                assert_eq!(a.conflict(b), conflict, "{one:?} {two:?}");
                assert_eq!(a.conflicts(Key::new(key.0, key.1, &hasher)), conflict, "{one:?} {two:?}");
            }
        }
    }

    #[test]
    fn an_operation_covers_an_earlier_one_when_it_says_everything_that_the_earlier_one_said() {
        let table = [
            (Item, Item, Fit::Covers),
            (Item, Aliases, Fit::New),
            (Item, Identity, Fit::Conflicts),
            (Item, Subtree, Fit::Conflicts),
            (Aliases, Aliases, Fit::Covers),
            (Aliases, Item, Fit::New),
            (Aliases, Identity, Fit::Conflicts),
            (Identity, Item, Fit::Covers),
            (Identity, Aliases, Fit::Covers),
            (Identity, Identity, Fit::Covers),
            (Subtree, Item, Fit::Conflicts),
            (Subtree, Subtree, Fit::Conflicts),
            (REPLACED, REPLACED, Fit::Covers),
            (REPLACED, APPENDED, Fit::Covers),
            (APPENDED, REPLACED, Fit::Conflicts),
            (APPENDED, APPENDED, Fit::Conflicts),
            (REPLACED, OTHER, Fit::New),
            (Item, REPLACED, Fit::Conflicts),
            (REPLACED, Item, Fit::Conflicts),
            (Subtree, REPLACED, Fit::Conflicts),
            (REPLACED, Subtree, Fit::Conflicts),
        ];
        let hasher = RandomState::new();
        for (later, earlier, fit) in table {
            let mut keys = keys(&hasher, &[("x", Item), ("a", earlier)]);
            let key = Key::new("a", later, &hasher);
            assert_eq!(keys.fit(key), fit, "{later:?} after {earlier:?}");
            if fit == Fit::Covers {
                assert_eq!(keys.replace(key), [1]);
                keys.push(key);
                assert_eq!(
                    keys.iter().map(|(number, key)| (number, key.text)).collect::<Vec<_>>(),
                    [(0, "x"), (2, "a")]
                );
            }
        }
    }

    #[test]
    fn a_parent_is_found_among_others_that_sort_between_it_and_the_child() {
        let hasher = RandomState::new();
        let keys = keys(&hasher, &[("a", Subtree), ("a/b", Subtree), ("a-", Subtree), ("b", Subtree)]);
        assert_eq!(keys.parent_of("a/x"), Some("a"));
        assert_eq!(keys.parent_of("c"), None);
    }

    #[test]
    fn keys_come_back_in_the_order_in_which_they_were_pushed() {
        let hasher = RandomState::new();
        let keys = keys(&hasher, &[("one", Item), ("", Item), ("two", Aliases)]);
        assert_eq!(keys.iter().map(|(_, key)| key.text).collect::<Vec<_>>(), ["one", "", "two"]);
    }
}
