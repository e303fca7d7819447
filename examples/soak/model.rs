//! The expected state of the service.

use std::collections::{BTreeMap, BTreeSet};

use coveo_push::fake::FakePushApi;

use crate::kind::Kind;

/// For each key the states that it may be in: several where an operation may have been carried out.
pub(crate) struct Model<K: Kind>(BTreeMap<String, BTreeSet<K::State>>);

/// Whether an operation was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Unknown,
    NotDone,
}

impl<K: Kind> Clone for Model<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Kind> Model<K> {
    /// The state of the service.
    pub(crate) fn of(fake: &FakePushApi, keys: impl IntoIterator<Item = String>) -> Self {
        let state = |key: String| {
            let found = K::found(fake, &key);
            (key, BTreeSet::from([found]))
        };
        Self(keys.into_iter().map(state).collect())
    }

    pub(crate) fn apply(&mut self, operation: &K::Operation, fate: Fate) {
        if fate == Fate::NotDone {
            return;
        }
        for states in self.covered(operation).map(|(_, states)| states) {
            let after: BTreeSet<_> = states.iter().map(|before| K::after(operation, before)).collect();
            if fate == Fate::Done {
                states.clear();
            }
            states.extend(after);
        }
    }

    /// Turns every state into another one, or leaves it.
    pub(crate) fn change(&mut self, change: impl Fn(&K::State) -> K::State, fate: Fate) {
        for states in self.0.values_mut().filter(|_| fate != Fate::NotDone) {
            let after: BTreeSet<_> = states.iter().map(&change).collect();
            if fate == Fate::Done {
                states.clear();
            }
            states.extend(after);
        }
    }

    /// Whether this key has a state that goes when everything up to the operation `last` is deleted.
    pub(crate) fn has_old(&self, key: &str, last: u64) -> bool {
        self.0.get(key).is_some_and(|states| states.iter().any(|state| K::without_old(state, last) != *state))
    }

    /// Excludes the keys of an operation from the comparison.
    pub(crate) fn leave_out(&mut self, operation: &K::Operation) {
        let covered: Vec<_> = self.covered(operation).map(|(key, _)| key.clone()).collect();
        self.0.retain(|key, _| !covered.contains(key));
    }

    fn covered(&mut self, operation: &K::Operation) -> impl Iterator<Item = (&String, &mut BTreeSet<K::State>)> {
        let own = K::key(operation);
        let from_own = self.0.range_mut(own.to_owned()..);
        from_own.take_while(move |(key, _)| key.starts_with(own)).filter(|(key, _)| K::covers(operation, key))
    }

    /// Fails with the first key whose state the model does not allow.
    pub(crate) fn compare(&self, fake: &FakePushApi, when: &str) -> Result<(), String> {
        let different = self.0.iter().find_map(|(key, states)| {
            let found = K::found(fake, key);
            (!states.contains(&found)).then(|| format!("{when}: {key} is {found:?} and should be one of {states:?}"))
        });
        different.map_or(Ok(()), Err)
    }

    /// Takes the states that the service holds for those that it should.
    pub(crate) fn settle(&mut self, fake: &FakePushApi) {
        for (key, states) in &mut self.0 {
            *states = BTreeSet::from([K::found(fake, key)]);
        }
    }
}
