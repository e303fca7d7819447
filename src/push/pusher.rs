use std::fmt;
use std::marker::PhantomData;

use tokio::sync::watch;

use super::failed::FailedBatch;
use super::intake::Intake;
use super::report::{Progress, PushError, PushReport};
use super::settings::PusherBuilder;
use crate::kernel::send::CallSettings;

/// A bulk run into `T`: [`ItemPusher`](crate::ItemPusher) into the [`Items`](crate::Items) of a source,
/// [`IdentityPusher`](crate::IdentityPusher) into the [`Identities`](crate::Identities) of a provider.
///
/// Both have these methods, so a function can follow and end either:
///
/// ```
/// use coveo_push::{PushError, PushReport, Pusher};
///
/// async fn end<T>(pusher: Pusher<T>, is_whole: bool) -> Result<PushReport, PushError> {
///     let report = if is_whole { pusher.finish().await } else { pusher.abort().await };
///     report.into_result()
/// }
/// # let _ = end::<coveo_push::Items>;
/// ```
pub struct Pusher<T> {
    pub(super) intake: Intake,
    is_ended: bool,
    into: PhantomData<fn() -> T>,
}

impl<T> PusherBuilder<T> {
    /// Starts the run. Its tasks are spawned on the tokio runtime that it is used on.
    #[must_use]
    pub fn start(self) -> Pusher<T> {
        let (kernel, destination, settings) = self.into_parts();
        Pusher { intake: Intake::new(kernel, destination, settings), is_ended: false, into: PhantomData }
    }
}

impl<T> Pusher<T> {
    /// Follows the run: the channel has a new value at every batch and every few hundred
    /// pushes, and closes when the run has ended.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.intake.account.progress()
    }

    /// Whether the run accepts no more operations.
    pub(crate) fn has_stopped(&self) -> bool {
        self.intake.account.lock().stopped.is_some()
    }

    /// The settings of the run's calls, for calls that are not part of its account.
    pub(crate) fn call_settings(&self) -> CallSettings {
        self.intake.account.calls.uncounted()
    }

    /// The service has the source: batches need not wait until the first one is accepted.
    pub(crate) fn is_proven(&self) {
        self.intake.account.lock().is_proven = true;
    }

    /// Pushes a failed batch again, as the next batch of the run. Operations that were superseded by now
    /// are left out, and count as [replaced](Progress::replaced). The others are no longer counted
    /// as failed, but as what becomes of them now. A batch of an earlier run for the same source or
    /// provider counts as pushed in this run.
    ///
    /// It returns when the batch is queued. [Content](crate::PushStep::Content) that was not uploaded is
    /// uploaded before.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped, and [`PushError::Call`] when the batch belongs to another
    /// source or provider. The report has the batch then.
    pub async fn push_again(&self, failed: FailedBatch) -> Result<(), PushError> {
        self.intake.account.push_again(failed).await
    }

    /// Sends everything that was pushed so far and waits until it is accepted or failed. Operations that
    /// other tasks push meanwhile are not waited for.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped.
    pub async fn flush(&self) -> Result<(), PushError> {
        self.intake.account.flush().await
    }

    /// Sends the rest, waits until everything is done, and reports the result of every operation.
    ///
    /// A future that is dropped before it is done aborts the run.
    #[must_use = "only the report tells which operations failed or were not sent"]
    pub async fn finish(mut self) -> PushReport {
        self.intake.account.seal_filling();
        let report = self.intake.account.report().await;
        self.is_ended = true;
        report
    }

    /// Ends the run without sending the rest, and reports the result of every operation.
    /// Batches under way are cut off; those whose last step was under way may have been applied.
    pub async fn abort(mut self) -> PushReport {
        self.is_ended = true;
        self.intake.account.abort();
        self.intake.account.report().await
    }
}

/// Ends the run as `abort` does, without waiting. Batches that are left go to the handler for
/// failed batches, where there is one.
impl<T> Drop for Pusher<T> {
    fn drop(&mut self) {
        if !self.is_ended {
            self.intake.account.abort();
        }
    }
}

impl<T> fmt::Debug for Pusher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher").field("destination", &self.intake.account.destination).finish_non_exhaustive()
    }
}
