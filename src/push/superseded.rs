//! Which operations of failed batches were pushed again later: pushing such a batch again must not
//! undo what came after it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Weak};

use super::failed::Marks;
use super::keys::{Key, Scope};

/// The operations of failed batches that nothing later has replaced so far.
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
    scope: Scope,
    operation: usize,
    /// Held by the batch: nobody asks for the marks of one that is gone.
    marks: Weak<Marks>,
}

impl Superseded {
    /// How many ids may be watched before those of batches that are gone are first looked for.
    const FEW: usize = 1024;

    pub(super) fn watch(&mut self, key: Key<'_>, operation: usize, marks: &Arc<Marks>) {
        let watched = Watched { scope: key.scope, operation, marks: Arc::downgrade(marks) };
        let one = || Vec::with_capacity(1);
        if key.scope == Scope::Children {
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

    /// Marks what an operation that was just taken replaces.
    pub(super) fn pushed_again(&mut self, key: Key<'_>) {
        if let Some(watched) = self.watched.get_mut(key.text) {
            watched.retain(|watched| !replaces(key.scope, watched));
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
        if key.scope == Scope::Children {
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

fn replaces(scope: Scope, watched: &Watched) -> bool {
    let replaces = scope.shares_slot(watched.scope);
    if replaces {
        watched.supersede();
    }
    replaces
}

impl Watched {
    fn supersede(&self) {
        if let Some(marks) = self.marks.upgrade() {
            marks.supersede(self.operation);
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
        let held = Arc::<Marks>::default();
        superseded.watch(Key::new("held", Scope::Main, &hasher), 0, &held);
        for number in 0..100_000 {
            let gone = Arc::<Marks>::default();
            let scope = if number % 2 == 0 { Scope::Main } else { Scope::Children };
            superseded.watch(Key::new(&number.to_string(), scope, &hasher), 0, &gone);
            assert!(superseded.watched.len() <= 2 * Superseded::FEW);
            assert!(superseded.parents.len() <= 2 * Superseded::FEW);
        }
        superseded.pushed_again(Key::new("held", Scope::Main, &hasher));
        assert_eq!(held.get().len(), 1);
    }
}
