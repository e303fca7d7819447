//! Which operations of failed batches overlap with later ones that were sent: pushing such a batch again must not undo
//! later operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::affects::Overlap;
use super::keys::Keys;

/// The operations of a failed batch, and how they overlap with later operations that may have been applied.
#[derive(Debug, Default)]
pub(super) struct SupersededOperations {
    /// The number of the batch in which its operations were first.
    origin: u64,
    keys: Arc<Keys>,
    operations: Mutex<BTreeMap<usize, Superseded>>,
}

/// How a later operation that was sent overlaps with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Superseded {
    Covered { is_accepted: bool },
    Conflicting,
}

/// The operations of a failed batch that are not pushed again with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// A later operation says everything that they say.
    pub(super) covered: BTreeSet<usize>,
    /// They would undo a later operation that does not say everything that they say.
    pub(super) conflicting: BTreeSet<usize>,
}

impl LeftOut {
    pub(super) fn len(&self) -> usize {
        self.covered.len() + self.conflicting.len()
    }

    pub(super) fn contains(&self, operation: usize) -> bool {
        self.covered.contains(&operation) || self.conflicting.contains(&operation)
    }

    pub(super) fn all(&self) -> BTreeSet<usize> {
        &self.covered | &self.conflicting
    }
}

impl SupersededOperations {
    pub(super) fn new(origin: u64, keys: &Arc<Keys>) -> Self {
        Self { origin, keys: Arc::clone(keys), operations: Mutex::default() }
    }

    /// The same, some of which are known to conflict.
    pub(super) fn with_conflicting(origin: u64, keys: &Arc<Keys>, conflicting: BTreeSet<usize>) -> Self {
        let operations = conflicting.into_iter().map(|operation| (operation, Superseded::Conflicting)).collect();
        Self { operations: Mutex::new(operations), ..Self::new(origin, keys) }
    }

    pub(super) fn origin(&self) -> u64 {
        self.origin
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Superseded>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn left_out(&self) -> LeftOut {
        let operations = self.lock();
        let of = |is_wanted: fn(&Superseded) -> bool| {
            operations.iter().filter(|(_, superseded)| is_wanted(superseded)).map(|(operation, _)| *operation).collect()
        };
        LeftOut {
            covered: of(|superseded| matches!(superseded, Superseded::Covered { .. })),
            conflicting: of(|superseded| *superseded == Superseded::Conflicting),
        }
    }

    /// Those of which no accepted operation is known to say everything that they say.
    pub(super) fn open(&self) -> BTreeSet<usize> {
        let is_done = |superseded: &Superseded| *superseded == Superseded::Covered { is_accepted: true };
        self.lock().iter().filter(|(_, superseded)| !is_done(superseded)).map(|(operation, _)| *operation).collect()
    }

    /// A batch of later operations is about to be committed.
    pub(super) fn sent(&self, later: &Keys) {
        let mut operations = self.lock();
        for (operation, key) in self.keys.iter() {
            let superseded = match later.overlap(key) {
                Some(Overlap::Covers) => Superseded::Covered { is_accepted: false },
                Some(Overlap::Conflicts) => Superseded::Conflicting,
                None => continue,
            };
            let known = operations.entry(operation).or_insert(superseded);
            if *known == Superseded::Conflicting {
                *known = superseded;
            }
        }
    }

    /// A batch of later operations was accepted.
    pub(super) fn accepted(&self, later: &Keys) {
        let is_covered =
            |operation| self.keys.get(operation).is_some_and(|key| later.overlap(key) == Some(Overlap::Covers));
        for (operation, superseded) in self.lock().iter_mut() {
            if let Superseded::Covered { is_accepted } = superseded
                && !*is_accepted
            {
                *is_accepted = is_covered(*operation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;
    use crate::push::affects::{Affects, FieldChange};
    use crate::push::keys::Key;

    fn keys(hasher: &RandomState, affects: &[Affects]) -> Arc<Keys> {
        let mut keys = Keys::default();
        for affects in affects {
            keys.push(Key::new("a", *affects, hasher));
        }
        Arc::new(keys)
    }

    #[test]
    fn an_operation_that_conflicts_with_one_and_is_covered_by_another_is_covered() {
        let hasher = RandomState::new();
        let [field, item] = [Affects::field_of("a", "f", FieldChange::Replace), Affects::Item];
        for later in [[field, item], [item, field]] {
            let marks = SupersededOperations::new(1, &keys(&hasher, &[Affects::Item]));
            for affects in later {
                marks.sent(&keys(&hasher, &[affects]));
            }
            let left_out = marks.left_out();
            assert_eq!(
                (left_out.covered.len(), left_out.conflicting.len(), marks.open().len()),
                (1, 0, 1),
                "{later:?}"
            );
            marks.accepted(&keys(&hasher, &[field]));
            assert_eq!(marks.open().len(), 1);
            marks.accepted(&keys(&hasher, &[item]));
            assert_eq!(marks.open().len(), 0);
        }
    }
}
