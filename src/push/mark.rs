//! Tells the journal of a batch that is about to be committed.

use tokio::task::spawn_blocking;

use super::batch::Batch;
use super::destination::Destination;
use crate::error::BoxError;

impl Destination {
    /// Tells the journal of a batch that is about to be committed, on a blocking thread.
    pub(super) async fn mark(&self, batch: &Batch) -> Result<(), BoxError> {
        let Some(journal) = self.journal.clone() else { return Ok(()) };
        let batch = batch.clone();
        spawn_blocking(move || journal.before_commit(&mut batch.entries())).await?
    }

    /// The same, on this thread.
    pub(super) fn mark_here(&self, batch: &Batch) -> Result<(), BoxError> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.before_commit(&mut batch.entries()))
    }
}
