//! Which operations of failed batches were pushed again later: pushing such a batch again must not
//! undo what came after it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::keys::{Affects, Key, Keys};

/// The operations of a failed batch that were pushed again later, as far as known by now.
#[derive(Debug, Default)]
pub(super) struct SupersededOperations {
    /// The number of the batch, and its keys.
    number: u64,
    keys: Arc<Keys>,
    /// Each with whether a later version of it was accepted.
    operations: Mutex<BTreeMap<usize, bool>>,
}

impl SupersededOperations {
    pub(super) fn new(number: u64, keys: &Arc<Keys>) -> Self {
        Self { number, keys: Arc::clone(keys), operations: Mutex::default() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, bool>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, operation: usize) {
        self.lock().entry(operation).or_insert(false);
    }

    pub(super) fn get(&self) -> BTreeSet<usize> {
        self.lock().keys().copied().collect()
    }

    /// Those whose later version was not accepted so far.
    pub(super) fn get_open(&self) -> BTreeSet<usize> {
        self.lock().iter().filter(|(_, is_accepted)| !**is_accepted).map(|(operation, _)| *operation).collect()
    }

    /// A batch was accepted.
    pub(super) fn accepted(&self, number: u64, batch: &Keys) {
        if number <= self.number {
            return;
        }
        for (operation, is_accepted) in self.lock().iter_mut().filter(|(_, is_accepted)| !**is_accepted) {
            *is_accepted = self.keys.get(*operation).is_some_and(|key| batch.supersedes(key));
        }
    }
}

/// The operations of failed batches that no later operation supersedes so far.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    watched: BTreeMap<Box<str>, Vec<Watched>>,
    /// Those of them that delete an item with its children.
    parents: BTreeMap<Box<str>, Vec<Watched>>,
    /// How many ids were watched after those of batches that are gone were last forgotten.
    swept: usize,
}

#[derive(Debug, Clone)]
struct Watched {
    affects: Affects,
    operation: usize,
    /// Held by the batch: nobody asks for the marks of one that is gone.
    marks: Weak<SupersededOperations>,
}

impl Superseded {
    /// How many ids may be watched before those of batches that are gone are first looked for.
    const FEW: usize = 1024;

    pub(super) fn watch(&mut self, key: Key<'_>, operation: usize, marks: &Arc<SupersededOperations>) {
        let watched = Watched { affects: key.affects, operation, marks: Arc::downgrade(marks) };
        let one = || Vec::with_capacity(1);
        if key.affects == Affects::Subtree {
            self.parents.entry(key.text.into()).or_insert_with(one).push(watched.clone());
        }
        self.watched.entry(key.text.into()).or_insert_with(one).push(watched);
        if self.watched.len() >= 2 * self.swept.max(Self::FEW) {
            self.forget_what_is_gone();
        }
    }

    /// Forgets the operations of batches that were dropped, so that a run does not grow with all that
    /// ever failed in it.
    fn forget_what_is_gone(&mut self) {
        for by_id in [&mut self.watched, &mut self.parents] {
            by_id.retain(|_, watched| {
                watched.retain(|watched| watched.marks.strong_count() > 0);
                !watched.is_empty()
            });
        }
        self.swept = self.watched.len();
    }

    /// Marks everything that an operation that was just taken replaces.
    pub(super) fn pushed_again(&mut self, key: Key<'_>) {
        if let Some(watched) = self.watched.get_mut(key.text) {
            watched.retain(|watched| !replaces(key.affects, watched));
            if watched.is_empty() {
                self.watched.remove(key.text);
            }
        }
        // One that deletes children would delete this one, too, if it came after it.
        if !self.parents.is_empty() {
            let ends = key.text.char_indices().map(|(start, char)| start + char.len_utf8());
            for above in ends.filter_map(|end| key.text.get(..end)) {
                supersede(self.parents.remove(above));
            }
        }
        if key.affects == Affects::Subtree {
            let from = (Bound::Included(key.text), Bound::Unbounded);
            let below = self.watched.range::<str, _>(from).map(|(text, _)| text.clone());
            let below = below.take_while(|text| text.starts_with(key.text));
            for text in below.collect::<Vec<_>>() {
                supersede(self.watched.remove(&text));
            }
        }
    }
}

fn supersede(watched: Option<Vec<Watched>>) {
    watched.into_iter().flatten().for_each(|watched| watched.supersede());
}

fn replaces(affects: Affects, watched: &Watched) -> bool {
    let replaces = affects.shares_slot(watched.affects);
    if replaces {
        watched.supersede();
    }
    replaces
}

impl Watched {
    fn supersede(&self) {
        if let Some(marks) = self.marks.upgrade() {
            marks.insert(self.operation);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    #[test]
    fn guarantee_7_what_failed_in_batches_that_are_gone_is_forgotten() {
        let hasher = RandomState::new();
        let mut superseded = Superseded::default();
        let held = Arc::<SupersededOperations>::default();
        superseded.watch(Key::new("held", Affects::Item, &hasher), 0, &held);
        for number in 0..100_000 {
            let gone = Arc::<SupersededOperations>::default();
            let affects = if number % 2 == 0 { Affects::Item } else { Affects::Subtree };
            superseded.watch(Key::new(&number.to_string(), affects, &hasher), 0, &gone);
            assert!(superseded.watched.len() <= 2 * Superseded::FEW);
            assert!(superseded.parents.len() <= 2 * Superseded::FEW);
        }
        superseded.pushed_again(Key::new("held", Affects::Item, &hasher));
        assert_eq!(held.get().len(), 1);
    }
}
