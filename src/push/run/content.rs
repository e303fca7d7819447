//! What a run does for items with content.

use tokio::sync::SemaphorePermit;

use super::Run;
use crate::error::Error;
use crate::push::content::UnsentContent;
use crate::push::failed::{FailedBatch, FailureReason, PushStep};
use crate::push::frame::Frame;
use crate::push::keys::Key;
use crate::push::report::PushError;

impl Run {
    /// Waits until the content of an item may be read and uploaded: batches and contents are as many at a
    /// time as the concurrency. Who waits for room in a batch must hold no slot, which batches wait for.
    pub(in crate::push) async fn slot_for_content(&self) -> Result<Option<SemaphorePermit<'_>>, PushError> {
        self.room().await;
        let slot = self.slot().await;
        match self.may_write() {
            Some(Err(stopped)) => Err(stopped),
            Some(Ok(())) | None => Ok(slot),
        }
    }

    /// One of the slots that batches and contents share; it is never refused.
    pub(in crate::push) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    /// Accounts for an item whose content could not be uploaded: a batch of it alone that failed.
    pub(in crate::push) fn content_failed(&self, list: usize, key: Key<'_>, unsent: UnsentContent, error: Error) {
        let mut state = self.lock();
        state.last_number += 1;
        state.account.bytes_taken += unsent.item.len() as u64;
        state.superseded.pushed_again(key);
        self.count(&mut state);
        let mut frame = Frame::new(self.target.lists(), Vec::new(), list);
        frame.add(list, [&unsent.item, &[]], key);
        let reason = FailureReason::Error(error);
        let failed = self.failed_batch(state.last_number, frame.seal(), PushStep::Content, reason, false);
        self.hand_over(state, FailedBatch { content: Some(unsent), ..failed });
    }
}
