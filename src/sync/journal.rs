//! The steps of a sync for each operation: skips it when the ledger has it, marks it before its commit, and records it
//! after its acceptance.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::spawn_blocking;

use super::compare::LedgerJournal;
use super::content::ContentReading;
use super::fingerprint;
use super::row::row_id;
use super::store::Known;
use crate::content::{Content, KnownBytes};
use crate::error::{BoxError, Error};
use crate::kernel::BoxFuture;
use crate::push::journal::{Change, ContentLook, Journal, JournalEntry, Look, Note, Subject};

impl Journal for LedgerJournal {
    fn look(&self, subject: &Subject<'_>) -> Result<Look, BoxError> {
        let Subject { id, change, json } = *subject;
        let is_whole = matches!(change, Change::Whole | Change::Aliases);
        let fingerprint = is_whole.then(|| fingerprint::of_json(json, &self.settings.ignored_keys));
        let row_id = row_id(id, change);
        let (order, is_open) = self.lock().register(id, change);
        let known = self.known(&row_id)?;
        if self.compare(&row_id, &known, is_open, |row| Some(row.fingerprint) == fingerprint)
            && self.skip(&row_id, order)
        {
            return Ok(Look::Unchanged);
        }
        if is_whole {
            let is_different = matches!(&known, Known::Row(row) if Some(row.fingerprint) != fingerprint);
            self.sample(&row_id, json, is_different)?;
        }
        Ok(Look::Changed(Note {
            order: order.into(),
            fingerprint,
            file_times: None,
            is_known: known != Known::Nothing,
        }))
    }

    fn look_with_content<'a>(
        self: Arc<Self>,
        id: &'a str,
        json: &'a [u8],
        content: &'a Content,
    ) -> BoxFuture<'a, Result<ContentLook, BoxError>> {
        let item = fingerprint::of_json(json, &self.settings.ignored_keys);
        // A content that is a reader is not shared with other threads.
        let known_bytes = content.known_bytes();
        Box::pin(async move {
            let (order, is_open) = self.lock().register(id, Change::Whole);
            let known = self.known(id)?;
            let mut reading = ContentReading::new(Arc::clone(&self), id, json, item, order, is_open, known);
            match known_bytes {
                Some(KnownBytes::Memory(bytes)) => {
                    let fingerprint = fingerprint::with_content(&item, &fingerprint::of_bytes(bytes));
                    if reading.is_unchanged_by(&fingerprint) && self.skip(id, order) {
                        return Ok(ContentLook::Unchanged);
                    }
                }
                Some(KnownBytes::File(path)) => {
                    let path = path.to_owned();
                    let (looked, is_unchanged) = spawn_blocking(move || {
                        let is_unchanged = reading.look_at_file(&path);
                        (reading, is_unchanged)
                    })
                    .await?;
                    if is_unchanged && self.skip(id, order) {
                        return Ok(ContentLook::Unchanged);
                    }
                    reading = looked;
                }
                None => {}
            }
            Ok(ContentLook::Read(Arc::new(reading)))
        })
    }

    fn queued(&self, subject: &Subject<'_>, note: &Note) {
        let order = self.lock().queue(subject.id, subject.change);
        note.order.store(order, Ordering::Relaxed);
    }

    fn refused(&self, id: &str) {
        let mut state = self.lock();
        if id.is_empty() {
            state.counts.without_id += 1;
        } else {
            state.see(id);
        }
    }

    fn begin(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            match &self.status {
                Some(status) => status.begin().await,
                None => Ok(()),
            }
        })
    }

    fn before_commit(&self, entries: &mut dyn Iterator<Item = JournalEntry<'_>>) -> Result<(), BoxError> {
        self.mark(entries).map_err(|error| self.failed(error))
    }

    fn after_acceptance(&self, entries: &mut dyn Iterator<Item = JournalEntry<'_>>) -> Result<(), BoxError> {
        let entries: Vec<JournalEntry<'_>> = entries.collect();
        self.record(&entries).map_err(|error| self.failed(error))?;
        self.count(&entries);
        Ok(())
    }
}
