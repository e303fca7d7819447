//! Where an operation is written before there is a place for it in a batch, apart from all others:
//! so several may be written at the same time, and one that is refused, fails or panics while it
//! is written has touched no batch.

use std::cell::RefCell;

use super::keys::Scope;
use crate::model::object::Layout;
use crate::preflight::{Finding, KnownKeys};

/// An operation of a run, as its caller gave it.
pub(super) trait Write<'a> {
    /// Which list of the batch it belongs into.
    fn list(&self) -> usize;

    fn scope(&self) -> Scope;

    /// What to do about one that is too large for any batch.
    fn remedy(&self) -> &'static str;

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

thread_local! {
    // Shared by the runs of a thread: what is in them has no meaning between two operations, and a
    // lock that all threads take for each operation costs more than the writing.
    static SPARE: RefCell<Spare> = RefCell::default();
    static READER: RefCell<Reader> = RefCell::default();
}

/// Drafts to be used again.
#[derive(Default)]
struct Spare {
    drafts: Vec<Draft>,
    bytes: usize,
}

impl Spare {
    /// How many bytes a thread keeps, and how many of one id and of one operation.
    const MOST_BYTES: usize = 1024 * 1024;
    const MOST_BYTES_OF_ONE: usize = 16 * 1024;

    fn take(&mut self) -> Option<Draft> {
        let draft = self.drafts.pop()?;
        self.bytes -= draft.bytes();
        Some(draft)
    }

    fn keep(&mut self, draft: Draft) {
        if self.bytes + draft.bytes() <= Self::MOST_BYTES {
            self.bytes += draft.bytes();
            self.drafts.push(draft);
        }
    }
}

impl Draft {
    /// An empty draft, in memory that may have been used before.
    pub(super) fn new() -> Self {
        SPARE.with_borrow_mut(Spare::take).unwrap_or_default()
    }

    /// Leaves its memory to another one.
    pub(super) fn done(mut self) {
        self.id.clear();
        self.buffer.clear();
        self.id.shrink_to(Spare::MOST_BYTES_OF_ONE);
        self.buffer.shrink_to(Spare::MOST_BYTES_OF_ONE);
        SPARE.with_borrow_mut(|spare| spare.keep(self));
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.id.capacity() + self.buffer.capacity()
    }
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
