//! Where an operation is written before there is a place for it in a batch, apart from all others:
//! so several may be written at the same time, and one that is refused, fails or panics while it
//! is written has touched no batch.

use std::sync::{Mutex, PoisonError};

use super::keys::Scope;
use crate::model::object::Layout;
use crate::preflight::{Finding, KnownKeys};

/// What one operation is written into.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What the operation is about: a document id, or the type and name of a security identity.
    pub(super) id: String,
    pub(super) buffer: Vec<u8>,
    pub(super) layout: Layout,
    pub(super) keys: KnownKeys,
}

/// An operation that was written.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// What comes behind the bytes in the scratch: text that is in hand is not copied there.
    pub(super) tail: &'a [u8],
    /// What may keep the service from taking it, and was let through.
    pub(super) warnings: Vec<Finding>,
}

/// An operation of a run, as its caller gave it.
pub(super) trait Write<'a> {
    /// Which list of the batch it belongs into.
    fn list(&self) -> usize;

    fn scope(&self) -> Scope;

    /// Writes it, its id first. `Err` is why it is refused.
    fn write(&self, scratch: &mut Scratch) -> Result<Written<'a>, Vec<Finding>>;
}

/// Scratches to be written into again.
#[derive(Debug, Default)]
pub(super) struct Scratches(Mutex<Vec<Scratch>>);

impl Scratches {
    /// What a buffer may keep between two operations, in bytes.
    const MOST: usize = 1024 * 1024;

    pub(super) fn get(&self) -> Scratch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn put_back(&self, mut scratch: Scratch) {
        scratch.id.clear();
        scratch.buffer.clear();
        scratch.buffer.shrink_to(Self::MOST);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
    }
}
