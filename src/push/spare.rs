//! The tables of batches that are done, for those to come: made anew for each batch, they would tear holes into
//! memory.

use super::frame::Tables;
use super::keys::Size;

/// Empty tables.
#[derive(Debug, Default)]
pub(super) struct Spare {
    tables: Vec<Tables>,
    /// What the next batch is expected to hold.
    next: Size,
}

impl Spare {
    /// Tells what the next batch is expected to hold.
    pub(super) fn expect(&mut self, size: Size) {
        self.next = size;
    }

    /// Tables for the next batch.
    pub(super) fn take(&mut self) -> Tables {
        let mut tables = self.tables.pop().unwrap_or_default();
        tables.reserve(self.next);
        tables
    }

    /// Keeps tables: as many as there are batches `under_way`, and one. The older ones come back, which are too
    /// many, so that a run that has less to do holds less.
    #[must_use = "to give back a lot of memory takes its time"]
    pub(super) fn keep(&mut self, tables: Option<Tables>, under_way: usize) -> Vec<Tables> {
        self.tables.extend(tables);
        let too_many = self.tables.len().saturating_sub(under_way + 1);
        self.tables.drain(..too_many).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.tables.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guarantee_7_a_run_keeps_tables_for_the_batches_under_way_and_one() {
        let mut spare = Spare::default();
        for (under_way, too_many, kept) in [(4, 0, 1), (4, 0, 2), (1, 1, 2), (0, 2, 1), (0, 1, 1)] {
            assert_eq!(spare.keep(Some(Tables::default()), under_way).len(), too_many);
            assert_eq!(spare.len(), kept);
        }
        assert!(spare.keep(None, 0).is_empty());
    }
}
