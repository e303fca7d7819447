//! What a run does for items with content.

use tokio::sync::SemaphorePermit;

use super::Run;
use crate::error::Error;
use crate::push::content::UnsentContent;
use crate::push::failed::{FailedBatch, FailureReason, PushStep};
use crate::push::frame::{BEHIND, Frame, Tables};
use crate::push::keys::Key;
use crate::push::report::PushError;
use crate::push::segments::Parts;

impl Run {
    /// Waits until an item with content may be written.
    pub(in crate::push) async fn room_for_content(&self) -> Result<(), PushError> {
        self.room().await;
        self.goes_on()
    }

    /// Waits until the content of an item may be read and uploaded.
    pub(in crate::push) async fn slot_for_content(&self) -> Result<Option<SemaphorePermit<'_>>, PushError> {
        let slot = self.slot().await;
        self.goes_on().map(|()| slot)
    }

    /// `Err` when the run has stopped.
    fn goes_on(&self) -> Result<(), PushError> {
        self.lock().stopped.clone().map_or(Ok(()), |reason| Err(PushError::Stopped(reason)))
    }

    /// One of the slots that batches and contents share, as many as the concurrency; it is never refused.
    ///
    /// A slot that becomes free belongs to the next who waits for one, who must not leave it lying: so
    /// nobody waits for one, or holds one, whose task does not go on by itself. And who waits for room in a
    /// batch must hold none, which batches wait for.
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
        let mut frame = Frame::new(self.target.lists(), Tables::default());
        frame.add(list, Parts::from(&[&*unsent.item, BEHIND][..]), key);
        let reason = FailureReason::Error(error);
        let failed = self.failed_batch(state.last_number, frame.seal(), PushStep::Content, reason, false);
        self.hand_over(state, FailedBatch { content: Some(unsent), ..failed });
    }
}
