//! The content of an item in a sync: it is hashed as it is read for the upload.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::compare::LedgerJournal;
use super::fingerprint::{self, Fingerprint};
use super::row::Row;
use super::state::Renewal;
use super::store::Known;
use crate::content::ReadBytes;
use crate::error::BoxError;
use crate::push::journal::{ContentJournal, Note};

/// An item whose content is read.
pub(super) struct ContentReading {
    journal: Arc<LedgerJournal>,
    id: String,
    json: Vec<u8>,
    /// The fingerprint of the item without its content.
    item: Fingerprint,
    order: u64,
    is_open: bool,
    known: Known,
    /// The state of its file before it was read for the upload.
    file_times: Option<Fingerprint>,
    content: Mutex<Sha256>,
}

impl ContentReading {
    pub(super) fn new(
        journal: Arc<LedgerJournal>,
        id: &str,
        json: &[u8],
        item: Fingerprint,
        order: u64,
        is_open: bool,
        known: Known,
    ) -> Self {
        let (id, json, content) = (id.to_owned(), json.to_vec(), Mutex::default());
        Self { journal, id, json, item, order, is_open, known, file_times: None, content }
    }

    pub(super) fn is_unchanged_by(&self, fingerprint: &Fingerprint) -> bool {
        self.is_unchanged_if(|row| row.fingerprint == *fingerprint)
    }

    fn is_unchanged_if(&self, is_same: impl FnOnce(&Row) -> bool) -> bool {
        self.journal.compare(&self.id, &self.known, self.is_open, is_same)
    }

    /// Whether a file has the recorded content: by its times where these are trusted, or else by its bytes. A file
    /// that cannot be read is left to the upload, which tells why.
    pub(super) fn look_at_file(&mut self, path: &Path) -> bool {
        // A pipe can be read only once.
        let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let Some(Ok(file)) = is_file.then(|| File::open(path)) else { return false };
        self.file_times = self.journal.file_times(&self.item, &file);
        if self.file_times.is_some_and(|times| self.is_unchanged_if(|row| row.file_times == Some(times))) {
            return true;
        }
        // Its bytes tell nothing when the item is pushed in any case.
        if !self.is_unchanged_if(|_| true) {
            return false;
        }
        let Ok(content) = fingerprint::of_reader(file) else { return false };
        let fingerprint = fingerprint::with_content(&self.item, &content);
        let is_unchanged = self.is_unchanged_by(&fingerprint);
        if is_unchanged && let Some(times) = self.file_times {
            let id = self.id.clone();
            self.journal.renew_file_times(Renewal { id, fingerprint, file_times: times });
        }
        is_unchanged
    }

    fn fingerprint(&self) -> Fingerprint {
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner).clone();
        fingerprint::with_content(&self.item, &content.finalize().into())
    }
}

impl ReadBytes for ContentReading {
    fn restart(&self) {
        *self.content.lock().unwrap_or_else(PoisonError::into_inner) = Sha256::new();
    }

    fn read(&self, bytes: &[u8]) {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
    }
}

impl ContentJournal for ContentReading {
    fn is_unchanged(&self) -> Result<bool, BoxError> {
        let fingerprint = self.fingerprint();
        if self.is_unchanged_by(&fingerprint) && self.journal.skip(&self.id, self.order) {
            return Ok(true);
        }
        let is_different = matches!(&self.known, Known::Row(row) if row.fingerprint != fingerprint);
        self.journal.sample(&self.id, &self.json, is_different)?;
        Ok(false)
    }

    fn note(&self) -> Note {
        let (order, file_times, is_known) = (self.order.into(), self.file_times, self.known != Known::Nothing);
        Note { order, fingerprint: Some(self.fingerprint()), file_times, is_known }
    }
}
