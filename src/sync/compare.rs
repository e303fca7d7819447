//! The work of a sync on its ledger: compares with it, marks ids before their commit, and records them after.

use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::LedgerError;
use super::fingerprint::{self, Fingerprint};
use super::row::{ALIASES, Row, row_id, rows};
use super::state::{Renewal, State};
use super::status::Status;
use super::store::{Known, Store, Tables, set_active};
use crate::error::BoxError;
use crate::kernel::shared::Kernel;
use crate::push::journal::{Change, JournalEntry, Note};

/// How a sync compares.
#[derive(Debug, Clone)]
pub(super) struct CompareSettings {
    pub(super) ignored_keys: Vec<String>,
    pub(super) trust_file_times: bool,
    pub(super) push_all: bool,
    pub(super) renew_after: Duration,
}

/// The journal of one sync.
pub(super) struct LedgerJournal {
    pub(super) store: Arc<Store>,
    /// The number of the target in the store.
    pub(super) target: u64,
    pub(super) settings: CompareSettings,
    pub(super) kernel: Kernel,
    pub(super) status: Option<Status>,
    pub(super) state: Mutex<State>,
    /// Whether the run has ended, and records nothing more. Held during each record.
    pub(super) is_closed: Mutex<bool>,
}

/// Of so many ids, one has a sample.
const SAMPLE: u32 = 64;

/// Whether the hashes of the keys of an item are kept, by its id.
fn is_sampled(id: &str) -> bool {
    let hash = id.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 8).is_multiple_of(SAMPLE)
}

impl LedgerJournal {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records nothing from now on: another run may begin. It waits for the transaction under way. Marks stay possible,
    /// as a failed batch can be pushed again after the run.
    pub(super) fn close(&self) {
        *self.is_closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// How many ids these rows are of, and the ids among them that the run did not see. The aliases of an identity count
    /// as the identity.
    pub(super) fn missing(&self, rows: Vec<String>) -> (u64, Vec<String>) {
        let of_row = |row: String| row.strip_suffix(ALIASES).map(str::to_owned).unwrap_or(row);
        let mut ids: Vec<String> = rows.into_iter().map(of_row).collect();
        ids.dedup();
        let known = ids.len() as u64;
        let state = self.lock();
        ids.retain(|id| !state.has_seen(id) && !state.has_seen(&row_id(id, Change::Aliases)));
        (known, ids)
    }

    /// Keeps the first error for the report.
    pub(super) fn failed(&self, error: LedgerError) -> BoxError {
        let text = error.to_string();
        self.lock().error.get_or_insert(error);
        text.into()
    }

    /// Whether an item with this fingerprint is skipped. `is_open` tells that an earlier operation on its id is not
    /// recorded.
    pub(super) fn compare(&self, id: &str, known: &Known, is_open: bool, is_same: impl FnOnce(&Row) -> bool) -> bool {
        let Known::Row(row) = known else { return false };
        let is_old = || row.is_old(id, self.settings.renew_after, (self.kernel.shared.local_now)());
        !is_open && !self.settings.push_all && is_same(row) && !is_old()
    }

    pub(super) fn known(&self, id: &str) -> Result<Known, BoxError> {
        self.store.look(self.target, id).map_err(|error| self.failed(error))
    }

    /// Leaves out an unchanged item, unless a later operation on it came meanwhile.
    pub(super) fn skip(&self, id: &str, order: u64) -> bool {
        self.lock().skip(id, order)
    }

    /// Notes that a file has other times and the same bytes, to be recorded with others of its kind.
    pub(super) fn renew_file_times(&self, renewal: Renewal) {
        const MANY: usize = 4096;
        let mut state = self.lock();
        state.renewals.push(renewal);
        let is_many = state.renewals.len() >= MANY;
        drop(state);
        if is_many {
            self.record_renewals();
        }
    }

    /// Records the times of unchanged files. It blocks. An error is in the report: these files are read again.
    pub(super) fn record_renewals(&self) {
        let renewals = std::mem::take(&mut self.lock().renewals);
        if renewals.is_empty() {
            return;
        }
        let recorded = self.store.write(|transaction| {
            let mut tables = Tables::open(transaction, self.target)?;
            for Renewal { id, fingerprint, file_times } in &renewals {
                // Unless it was pushed meanwhile.
                if let Some(row) = tables.certain(id)?.filter(|row| row.fingerprint == *fingerprint) {
                    tables.record(id, &Row { file_times: Some(*file_times), ..row })?;
                }
            }
            Ok(())
        });
        if let Err(error) = recorded {
            self.failed(error);
        }
    }

    /// Notes which key of an item differs from the last run, where there is a sample of it.
    pub(super) fn sample(&self, id: &str, json: &[u8], is_different: bool) -> Result<(), BoxError> {
        if is_different {
            self.lock().counts.different += 1;
        }
        if !is_sampled(id) {
            return Ok(());
        }
        let keys = fingerprint::of_keys(json, &self.settings.ignored_keys);
        if is_different && self.lock().differing_key.is_none() {
            let before = self.store.sample(self.target, id).map_err(|error| self.failed(error))?;
            let before: Vec<(String, u64)> =
                before.and_then(|sample| serde_json::from_slice(&sample).ok()).unwrap_or_default();
            let differs = |one: &[(String, u64)], other: &[(String, u64)]| {
                one.iter().find(|key| !other.contains(key)).map(|(name, _)| name.clone())
            };
            if !before.is_empty() {
                self.lock().differing_key = differs(&keys, &before).or_else(|| differs(&before, &keys));
            }
        }
        let sample = serde_json::to_vec(&keys)?;
        self.lock().samples.insert(id.into(), sample);
        Ok(())
    }

    fn row(&self, note: &Note, fingerprint: Fingerprint) -> Row {
        Row::new(fingerprint, note.file_times, (self.kernel.shared.local_now)())
    }

    pub(super) fn mark(&self, entries: &mut dyn Iterator<Item = JournalEntry<'_>>) -> Result<(), LedgerError> {
        self.store.write(|transaction| {
            if self.status.is_some() {
                set_active(transaction, self.target)?;
            }
            let mut tables = Tables::open(transaction, self.target)?;
            for JournalEntry { id, change, .. } in entries {
                match change {
                    Change::Whole | Change::Aliases => tables.doubt(&row_id(id, change))?,
                    Change::DeleteTree => tables.doubt_below(id)?,
                    Change::Part | Change::Delete | Change::DeleteIdentity => {
                        for row in rows(id, change) {
                            // An item that others pushed stays theirs.
                            if tables.is_known(&row)? {
                                tables.doubt(&row)?;
                            }
                        }
                    }
                }
            }
            Ok(())
        })
    }

    pub(super) fn record(&self, entries: &[JournalEntry<'_>]) -> Result<(), LedgerError> {
        let is_closed = self.is_closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_closed {
            return Ok(());
        }
        self.store.write(|transaction| {
            let mut tables = Tables::open(transaction, self.target)?;
            for JournalEntry { id, change, note } in entries {
                let key = row_id(id, *change);
                match (change, note) {
                    (Change::Whole | Change::Aliases, Some(Note { fingerprint: Some(fingerprint), .. })) => {
                        let Some(note) = note else { continue };
                        tables.record(&key, &self.row(note, *fingerprint))?;
                        let sample = self.lock().samples.get(&*key).cloned();
                        if let Some(sample) = sample {
                            tables.set_sample(&key, &sample)?;
                        }
                    }
                    // The state of the service is unknown now: it stays in doubt.
                    (Change::Whole | Change::Aliases | Change::Part, _) => {}
                    (Change::DeleteTree, _) => tables.forget_below(id)?,
                    (Change::Delete | Change::DeleteIdentity, _) => {
                        for row in rows(id, *change) {
                            tables.forget(&row)?;
                        }
                    }
                }
            }
            Ok(())
        })
    }

    pub(super) fn count(&self, entries: &[JournalEntry<'_>]) {
        let mut state = self.lock();
        for JournalEntry { id, change, note } in entries {
            match change {
                Change::Whole | Change::Aliases if note.is_none_or(|note| !note.is_known) => {
                    state.counts.added += 1;
                    state.counts.new_ids += u64::from(*change == Change::Whole);
                }
                Change::Whole | Change::Aliases | Change::Part => state.counts.updated += 1,
                Change::Delete | Change::DeleteTree | Change::DeleteIdentity => state.counts.deleted += 1,
            }
            // Without a fingerprint it stays pending, like in the ledger.
            let is_recorded = note.filter(|note| note.fingerprint.is_some() || change.deletes());
            if let Some(note) = is_recorded {
                let order = note.order.load(Ordering::Relaxed);
                rows(id, *change).for_each(|row| state.settle(&row, order));
            }
        }
    }

    /// The fingerprint by the times of a file, where these are asked for and can be trusted.
    pub(super) fn file_times(&self, item: &Fingerprint, file: &File) -> Option<Fingerprint> {
        let metadata = file.metadata().ok().filter(|metadata| self.settings.trust_file_times && metadata.is_file())?;
        let is_settled = fingerprint::are_settled(&metadata, (self.kernel.shared.local_now)());
        if is_settled { fingerprint::with_file(item, &metadata) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_in_64_ids_has_a_sample() {
        let sampled = (0..64_000).filter(|number| is_sampled(&format!("https://example.com/{number}"))).count();
        assert!((800..1_200).contains(&sampled), "{sampled}");
    }
}
