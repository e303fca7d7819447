//! What the operations of a batch are about, and when two of them may not change places.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::ops::Bound;
use std::sync::OnceLock;

/// What one operation is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// A document id, or the type and name of a security identity.
    pub(super) text: &'a str,
    pub(super) scope: Scope,
    hash: u64,
}

impl<'a> Key<'a> {
    /// All keys of a run have to be made with the same `hasher`.
    pub(super) fn new(text: &'a str, scope: Scope, hasher: &RandomState) -> Self {
        Self { text, scope, hash: hasher.hash_one(text) }
    }

    /// A hash for each of the slots.
    fn hashes(self) -> impl Iterator<Item = u64> {
        self.scope.slots().iter().map(move |slot| self.hash ^ u64::from(*slot))
    }
}

/// Which of the things that have an id an operation replaces or deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// An item, or the members of an identity.
    Main,
    /// The aliases of an identity, which are replaced apart from its members.
    Aliases,
    /// All that an identity has.
    Whole,
    /// An item and all items whose id begins with its id.
    Children,
}

impl Scope {
    pub(super) fn shares_slot(self, other: Self) -> bool {
        self.slots().iter().any(|slot| other.slots().contains(slot))
    }

    fn slots(self) -> &'static [u8] {
        match self {
            Self::Main | Self::Children => &[0],
            Self::Aliases => &[1],
            Self::Whole => &[0, 1],
        }
    }
}

/// The keys of a batch, in the order of its operations.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The texts one after another.
    text: String,
    entries: Vec<Entry>,
    /// The operations by the hash of text and slot.
    index: HashMap<u64, u32, BuildHasherDefault<AsIs>>,
    /// The ids that are deleted with their children, but for those below another one of them.
    parents: BTreeSet<Box<str>>,
    /// All texts in their order, from when it is first asked what is below one of them.
    sorted: OnceLock<BTreeSet<Box<str>>>,
}

/// How much the keys of a batch hold, as the next one mostly holds about as much.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) operations: usize,
    text: usize,
}

/// A little more than a number: what is about to be a little too small would be doubled.
pub(super) fn about(number: usize) -> usize {
    number + number / 16
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    /// Where its text ends, which begins where the one before ends. A batch has less than 4 GiB.
    end: u32,
    scope: Scope,
}

impl Keys {
    /// Makes room for about so many, where there is less.
    pub(super) fn reserve(&mut self, Size { operations, text }: Size) {
        if self.text.capacity() < text {
            self.text.reserve_exact(about(text));
        }
        if self.entries.capacity() < operations {
            self.entries.reserve_exact(about(operations));
        }
        self.index.reserve(operations);
    }

    pub(super) fn clear(&mut self) {
        let Self { text, entries, index, parents, sorted } = self;
        text.clear();
        entries.clear();
        index.clear();
        parents.clear();
        sorted.take();
    }

    /// Gives back the room of keys that were many more, or much longer.
    pub(super) fn shrink(&mut self) {
        if self.text.capacity() / 2 > self.text.len() {
            self.text.shrink_to_fit();
        }
        if self.entries.capacity() / 2 > self.entries.len() {
            self.entries.shrink_to_fit();
            self.index.shrink_to_fit();
        }
    }

    pub(super) fn size(&self) -> Size {
        Size { operations: self.entries.len(), text: self.text.len() }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.entries.capacity()
    }

    pub(super) fn push(&mut self, key: Key<'_>) {
        let operation = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if let Some(sorted) = self.sorted.get_mut() {
            sorted.insert(key.text.into());
        }
        self.text.push_str(key.text);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { hash: key.hash, end, scope: key.scope });
        self.index.extend(key.hashes().map(|hash| (hash, operation)));
        if key.scope == Scope::Children && self.parent_of(key.text).is_none() {
            while let Some(below) = first_below(&self.parents, key.text).map(Box::from) {
                self.parents.remove::<str>(&below);
            }
            self.parents.insert(key.text.into());
        }
    }

    /// The key of an operation.
    pub(super) fn get(&self, operation: usize) -> Option<Key<'_>> {
        let Entry { hash, end, scope } = *self.entries.get(operation)?;
        let start = match operation.checked_sub(1) {
            Some(before) => self.entries.get(before)?.end,
            None => 0,
        };
        Some(Key { text: self.text.get(start as usize..end as usize)?, scope, hash })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Key<'_>> {
        (0..self.len()).filter_map(|operation| self.get(operation))
    }

    /// Whether an operation about `key` may not change places with one of these.
    pub(super) fn conflicts(&self, key: Key<'_>) -> bool {
        let has_same = key.hashes().any(|hash| self.index.contains_key(&hash));
        has_same || self.parent_of(key.text).is_some() || (key.scope == Scope::Children && self.has_below(key.text))
    }

    /// Whether some operation of these replaces one about `key` that came before them.
    pub(super) fn supersedes(&self, key: Key<'_>) -> bool {
        let is_same = |hash: u64| {
            let operation = self.index.get(&hash);
            // Unlike a conflict, this must not be guessed from a hash.
            operation.and_then(|number| self.get(*number as usize)).is_some_and(|same| same.text == key.text)
        };
        key.hashes().any(is_same)
            || self.parent_of(key.text).is_some()
            || (key.scope == Scope::Children && self.has_below(key.text))
    }

    /// Whether some operation of `other` may not change places with one of these.
    pub(super) fn conflict(&self, other: &Self) -> bool {
        let (few, many) = if self.index.len() < other.index.len() { (self, other) } else { (other, self) };
        few.index.keys().any(|hash| many.index.contains_key(hash))
            || (!self.parents.is_empty() && other.iter().any(|key| self.conflicts(key)))
            || (!other.parents.is_empty() && self.iter().any(|key| other.conflicts(key)))
    }

    /// Whether some text begins with this one.
    fn has_below(&self, text: &str) -> bool {
        let sorted = self.sorted.get_or_init(|| self.iter().map(|key| key.text.into()).collect());
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

/// The first of the texts that begin with this one, which stand together.
fn first_below<'a>(texts: &'a BTreeSet<Box<str>>, text: &str) -> Option<&'a str> {
    let from = (Bound::Included(text), Bound::Unbounded);
    texts.range::<str, _>(from).next().map(|next| &**next).filter(|next| next.starts_with(text))
}

/// Takes a hash for what it is.
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
    use super::*;

    fn keys(hasher: &RandomState, entries: &[(&str, Scope)]) -> Keys {
        let mut keys = Keys::default();
        for (text, scope) in entries {
            keys.push(Key::new(text, *scope, hasher));
        }
        keys
    }

    #[test]
    fn operations_conflict_when_one_is_about_what_the_other_is_about() {
        use Scope::{Aliases, Children, Main, Whole};
        let table = [
            (("a", Main), ("a", Main), true),
            (("a", Main), ("b", Main), false),
            (("a", Main), ("a", Aliases), false),
            (("a", Aliases), ("a", Aliases), true),
            (("a", Whole), ("a", Main), true),
            (("a", Whole), ("a", Aliases), true),
            (("a/", Children), ("a/b", Main), true),
            (("a/", Children), ("a/", Main), true),
            (("a/b", Children), ("a/", Main), false),
            (("a/b", Children), ("a/", Children), true),
            (("a/b", Children), ("a/c", Children), false),
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
    fn a_parent_is_found_among_others_that_sort_between_it_and_the_child() {
        let hasher = RandomState::new();
        let parents =
            [("a", Scope::Children), ("a/b", Scope::Children), ("a-", Scope::Children), ("b", Scope::Children)];
        let keys = keys(&hasher, &parents);
        assert_eq!(keys.parent_of("a/x"), Some("a"));
        assert_eq!(keys.parent_of("c"), None);
    }

    #[test]
    fn guarantee_7_a_batch_keeps_no_room_for_many_more_keys_than_it_has() {
        let mut keys = Keys::default();
        keys.reserve(Size { operations: 100_000, text: 10_000_000 });
        keys.push(Key::new("one", Scope::Main, &RandomState::new()));
        keys.shrink();
        assert!(keys.text.capacity() < 100 && keys.entries.capacity() < 100 && keys.index.capacity() < 100);
        assert_eq!(keys.iter().map(|key| key.text).collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn nothing_is_in_conflict_with_keys_that_were_cleared() {
        let hasher = RandomState::new();
        let mut keys = keys(&hasher, &[("a/", Scope::Children), ("b/c", Scope::Whole)]);
        let others = [("a/b", Scope::Main), ("b/", Scope::Children), ("b/c", Scope::Aliases)];
        let conflicts = |keys: &Keys| others.map(|(text, scope)| keys.conflicts(Key::new(text, scope, &hasher)));
        assert_eq!(conflicts(&keys), [true; 3]);
        keys.clear();
        assert_eq!(conflicts(&keys), [false; 3]);
        assert_eq!(keys.iter().count(), 0);
    }

    #[test]
    fn guarantee_7_a_batch_that_has_a_few_more_keys_than_the_one_before_needs_no_more_room() {
        let hasher = RandomState::new();
        let fill = |keys: &mut Keys, number: usize| {
            (0..number).for_each(|id| keys.push(Key::new(&format!("{id:020}"), Scope::Main, &hasher)));
        };
        let room = |keys: &Keys| (keys.text.capacity(), keys.entries.capacity());
        let [mut before, mut keys] = [Keys::default(), Keys::default()];
        fill(&mut before, 1_000);
        keys.reserve(before.size());
        let reserved = room(&keys);
        fill(&mut keys, 1_050);
        assert_eq!(room(&keys), reserved);
    }

    #[test]
    fn guarantee_7_a_batch_keeps_no_room_for_much_longer_keys_than_it_has() {
        let hasher = RandomState::new();
        let fill = |keys: &mut Keys, len: usize| {
            (0..1_000).for_each(|id| keys.push(Key::new(&format!("{id:0len$}"), Scope::Main, &hasher)));
        };
        let mut keys = Keys::default();
        fill(&mut keys, 900);
        keys.clear();
        fill(&mut keys, 20);
        keys.shrink();
        assert_eq!(keys.text.capacity(), 20_000);
    }

    #[test]
    fn keys_come_back_in_the_order_they_were_pushed() {
        let hasher = RandomState::new();
        let keys = keys(&hasher, &[("one", Scope::Main), ("", Scope::Main), ("two", Scope::Aliases)]);
        assert_eq!(keys.iter().map(|key| key.text).collect::<Vec<_>>(), ["one", "", "two"]);
    }
}
