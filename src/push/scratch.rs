//! Where an operation is written before there is a place for it in a batch, apart from all others:
//! so several may be written at the same time, and one that is refused, fails or panics while it
//! is written has touched no batch.

use std::sync::{Mutex, PoisonError};

use super::keys::Scope;
use crate::model::object::Layout;
use crate::preflight::{Finding, KnownKeys};

/// An operation of a run, as its caller gave it.
pub(super) trait Write<'a> {
    /// Which list of the batch it belongs into.
    fn list(&self) -> usize;

    fn scope(&self) -> Scope;

    /// Writes it, its id first. `Err` is why it is refused.
    fn write(&self, draft: &mut Draft, reader: &mut Reader) -> Result<Written<'a>, Vec<Finding>>;
}

/// What one operation is written into.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What the operation is about: a document id, or the type and name of a security identity.
    pub(super) id: String,
    pub(super) buffer: Vec<u8>,
}

/// An operation that was written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// What comes behind the bytes in the draft: text that is in hand is not copied there.
    pub(super) tail: &'a [u8],
    /// What may keep the service from taking it, and was let through.
    pub(super) warnings: Vec<Finding>,
}

/// What reads an item's keys while it is written, and remembers those of the item before.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) layout: Layout,
    pub(super) keys: KnownKeys,
}

/// Drafts and readers to be used again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    drafts: Pool<Draft>,
    readers: Pool<Reader>,
}

impl Scratch {
    /// What a draft may keep between two operations, in bytes: with [`Pool::MOST`] of them that is
    /// the most that is kept at all.
    const DRAFT: usize = 16 * 1024;

    pub(super) fn draft(&self) -> Draft {
        self.drafts.get()
    }

    pub(super) fn done(&self, mut draft: Draft) {
        draft.id.clear();
        draft.buffer.clear();
        draft.buffer.shrink_to(Self::DRAFT);
        self.drafts.put_back(draft);
    }

    /// Lends a reader; one that is lent in a panic is gone.
    pub(super) fn with_reader<T>(&self, read: impl FnOnce(&mut Reader) -> T) -> T {
        let mut reader = self.readers.get();
        let result = read(&mut reader);
        self.readers.put_back(reader);
        result
    }
}

#[derive(Debug, Default)]
struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    const MOST: usize = 256;

    fn get(&self) -> T {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn put_back(&self, value: T) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() < Self::MOST {
            values.push(value);
        }
    }
}
