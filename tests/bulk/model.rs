//! What a source holds after operations that were carried out, or may have been.

use std::collections::{BTreeMap, BTreeSet};

use coveo_push::fake::FakePushApi;

use super::support::{Held, number};

/// For each id the states that it may be in: the number of the item, or none.
#[derive(Debug, Clone)]
pub(crate) struct Model(BTreeMap<String, BTreeSet<Option<u64>>>);

impl Model {
    /// What a source holds now.
    pub(crate) fn of(fake: &FakePushApi, ids: impl IntoIterator<Item = String>) -> Self {
        let state = |id: String| {
            let number = number(fake, &id);
            (id, BTreeSet::from([number]))
        };
        Self(ids.into_iter().map(state).collect())
    }

    pub(crate) fn apply(&mut self, operation: &Held) {
        self.carry_out(operation, false);
    }

    /// An operation that was carried out, or was not.
    pub(crate) fn maybe_apply(&mut self, operation: &Held) {
        self.carry_out(operation, true);
    }

    fn carry_out(&mut self, operation: &Held, perhaps: bool) {
        let after = match operation {
            Held::Add(_, n) => Some(*n),
            Held::Delete(_) | Held::DeleteChildren(_) => None,
        };
        for (_, states) in self.0.iter_mut().filter(|(id, _)| operation.covers(id)) {
            if !perhaps {
                states.clear();
            }
            states.insert(after);
        }
    }

    /// The first id whose state in the fake is none of the model's.
    pub(crate) fn difference(&self, fake: &FakePushApi) -> Option<String> {
        self.0.iter().find_map(|(id, states)| {
            let found = number(fake, id);
            (!states.contains(&found)).then(|| format!("{id} is {found:?} and should be one of {states:?}"))
        })
    }

    /// Takes an id out of what is compared.
    pub(crate) fn leave_out(&mut self, is_left_out: impl Fn(&str) -> bool) {
        self.0.retain(|id, _| !is_left_out(id));
    }
}
