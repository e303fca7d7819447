//! The state of a sync: the ids that it saw, the operations that are not recorded yet, and the counts.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::error::LedgerError;
use super::fingerprint::Fingerprint;
use super::row::{row_id, rows};
use crate::push::journal::Change;

/// The counts of a sync.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) added: u64,
    /// The added ones without aliases.
    pub(super) new_ids: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) deleted: u64,
    pub(super) kept: u64,
    /// Looks at ids whose recorded fingerprint differs.
    pub(super) different: u64,
    /// Operations whose id could not be read.
    pub(super) without_id: u64,
}

/// An unchanged file with other times than before.
pub(super) struct Renewal {
    pub(super) id: String,
    pub(super) fingerprint: Fingerprint,
    pub(super) file_times: Fingerprint,
}

/// The state of a sync.
#[derive(Default)]
pub(super) struct State {
    hasher: RandomState,
    /// Hashes of the ids of the run. Two ids with one hash delete too little, and never too much.
    seen: HashSet<u64>,
    /// The last operation on each id that was not recorded, by its order.
    pending: HashMap<Box<str>, u64>,
    /// Those of them that delete everything below their id.
    pending_trees: HashMap<Box<str>, u64>,
    last: u64,
    /// The samples of the operations that are not recorded yet.
    pub(super) samples: HashMap<Box<str>, Vec<u8>>,
    pub(super) counts: Counts,
    /// The fingerprints by the times of unchanged files, which are to be recorded.
    pub(super) renewals: Vec<Renewal>,
    /// A key whose value differs from that of the last run.
    pub(super) differing_key: Option<String>,
    pub(super) error: Option<LedgerError>,
}

impl State {
    pub(super) fn new() -> Self {
        // Batches of an earlier run can be pushed again in this one, with their orders.
        Self { last: fastrand::u64(..u64::MAX / 2), ..Self::default() }
    }

    pub(super) fn see(&mut self, id: &str) {
        self.seen.insert(self.hasher.hash_one(id));
    }

    pub(super) fn has_seen(&self, id: &str) -> bool {
        self.seen.contains(&self.hasher.hash_one(id))
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen.len() as u64
    }

    /// Registers an operation, until it is recorded. Returns its order, and whether an earlier one on its id is not
    /// recorded.
    pub(super) fn register(&mut self, id: &str, change: Change) -> (u64, bool) {
        let row = row_id(id, change);
        self.see(&row);
        let is_open = self.pending.contains_key(&*row) || self.is_below_a_tree(&row);
        (self.queue(id, change), is_open)
    }

    /// Makes an operation the last one on its id. Returns its order.
    pub(super) fn queue(&mut self, id: &str, change: Change) -> u64 {
        self.last += 1;
        for row in rows(id, change) {
            self.pending.insert((&*row).into(), self.last);
        }
        if change == Change::DeleteTree {
            self.pending_trees.insert(id.into(), self.last);
        }
        self.last
    }

    fn is_below_a_tree(&self, id: &str) -> bool {
        let mut above = id.char_indices().map(|(start, char)| start + char.len_utf8());
        let is_tree = |end| id.get(..end).is_some_and(|above| self.pending_trees.contains_key(above));
        !self.pending_trees.is_empty() && above.any(is_tree)
    }

    /// Leaves out an unchanged item, unless a later operation on it came meanwhile: this one must take effect after
    /// that, because its push returns later.
    pub(super) fn skip(&mut self, id: &str, order: u64) -> bool {
        let is_last = self.pending.get(id) == Some(&order) && !self.is_below_a_tree(id);
        if is_last {
            self.counts.unchanged += 1;
            self.settle(id, order);
        }
        is_last
    }

    /// The operation of that order is recorded, or not needed.
    pub(super) fn settle(&mut self, id: &str, order: u64) {
        for pending in [&mut self.pending, &mut self.pending_trees] {
            if pending.get(id) == Some(&order) {
                pending.remove(id);
            }
        }
        if !self.pending.contains_key(id) {
            self.samples.remove(id);
        }
    }
}
