//! How an operation is written: into the memory of batches, but apart from all others. So several may be
//! written at the same time, and one that is refused, fails or panics while it is written has touched
//! no batch.

use std::borrow::Cow;
use std::cell::RefCell;

use super::keys::Scope;
use crate::finding::Finding;
use crate::model::object::{Buffer, Layout};
use crate::preflight::KnownKeys;

/// An operation of a run, as its caller gave it.
pub(super) trait Write<'a> {
    /// Which list of the batch it belongs into.
    fn list(&self) -> usize;

    fn scope(&self) -> Scope;

    /// What to do about one that is too large for any batch.
    fn remedy(&self) -> &'static str;

    /// Writes it, its id first. `Err` is why it is refused.
    fn write(&self, draft: &mut Draft<'a>, reader: &mut Reader) -> Result<Written<'a>, Vec<Finding>>;
}

/// An operation that was written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// What comes behind the bytes in the draft: text that is in hand is not copied there.
    pub(super) tail: &'a [u8],
    /// What may keep the service from taking it, and was let through.
    pub(super) warnings: Vec<Finding>,
}

/// What one operation is written into.
#[derive(Debug, Default)]
pub(super) struct Draft<'a> {
    /// What the operation is about: a document id, or the type and name of a security identity.
    pub(super) id: Cow<'a, str>,
    pub(super) buffer: Buffer,
}

/// What reads an item's keys while it is written, and remembers those of the item before.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) layout: Layout,
    pub(super) keys: KnownKeys,
}

thread_local! {
    // Shared by the runs of a thread: what is in it has no meaning between two operations, and a lock that
    // all threads take for each operation costs more than the writing.
    static READER: RefCell<Reader> = RefCell::default();
}

impl Reader {
    /// Lends this thread's reader. It is taken out meanwhile: a `Serialize` that itself pushes gets
    /// another one, and one that panics takes it along.
    pub(super) fn lend<T>(read: impl FnOnce(&mut Self) -> T) -> T {
        let mut reader = READER.take();
        let result = read(&mut reader);
        READER.set(reader);
        result
    }
}
