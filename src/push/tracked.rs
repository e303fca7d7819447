//! The ids of a run, kept to ask later for their outcomes.

use std::collections::HashSet;
use std::fmt;

use super::batch::Batch;
use super::destination::ListKind;
use super::id_set::IdSet;
use crate::model::{OrderingId, fingerprint};

/// The accepted operations of a run, in 16 bytes an id.
#[derive(Default)]
pub(crate) struct TrackedRun {
    /// The last bit of each says whether the last operation on the id deletes.
    ids: IdSet,
    files: HashSet<u128>,
    ordering_ids: HashSet<OrderingId>,
    /// Whether an operation may be applied more than once, and so have more than one end in the log.
    pub(crate) may_be_applied_twice: bool,
}

impl TrackedRun {
    pub(super) fn accepted(&mut self, batch: &Batch, file_id: &str, ordering_id: Option<OrderingId>) {
        for (key, kind) in batch.keys_with_kinds() {
            let deletes = u128::from(kind == ListKind::Delete);
            self.ids.replace(fingerprint(key.text) & !1 | deletes);
        }
        self.files.insert(fingerprint(file_id));
        self.ordering_ids.extend(ordering_id);
    }

    /// How many ids there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The place of an id among all, and whether the last operation on it deletes.
    pub(crate) fn find(&self, id: &str) -> Option<(usize, bool)> {
        let (place, found) = self.ids.find(fingerprint(id))?;
        Some((place, found & 1 == 1))
    }

    /// Whether a text names the file container of a batch of the run: as a whole, or as a part of a path.
    pub(crate) fn names_file(&self, text: &str) -> bool {
        let parts = text.split(['/', '?', '=', '&']);
        parts.chain([text]).any(|part| self.files.contains(&fingerprint(part)))
    }

    pub(crate) fn ordering_ids(&self) -> &HashSet<OrderingId> {
        &self.ordering_ids
    }
}

impl fmt::Debug for TrackedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackedRun").field("ids", &self.len()).finish_non_exhaustive()
    }
}
