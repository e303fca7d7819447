use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::watch;

use super::failed::FailedBatch;
use super::intake::Intake;
use super::report::{Progress, PushError, PushReport};
use super::settings::PusherBuilder;
use super::settled::Flushed;
use crate::kernel::call_settings::CallSettings;

/// A bulk run into `T`: [`ItemPusher`](crate::ItemPusher) into the [`Items`](crate::Items) of a source,
/// [`IdentityPusher`](crate::IdentityPusher) into the [`Identities`](crate::Identities) of a provider.
///
/// Both have these methods, so a function can follow and end either:
///
/// ```
/// use coveo_push::report::PushReport;
/// use coveo_push::{PushError, Pusher};
///
/// async fn end<T>(pusher: Pusher<T>, is_whole: bool) -> Result<PushReport, PushError> {
///     let report = if is_whole { pusher.finish().await } else { pusher.abort().await };
///     report.into_result()
/// }
/// # let _ = end::<coveo_push::Items>;
/// ```
///
/// A clone is another handle of the same run. The run is aborted when its last handle goes.
pub struct Pusher<T> {
    queue: PushQueue<T>,
}

/// A handle of a run that pushes, and cannot end it: a [`Pusher`] without `finish` and `abort`. A
/// [refresh](crate::Refresh::pusher) lends it, as only the refresh ends its run. Every pusher is one.
///
/// ```
/// use coveo_push::{DocumentBody, ItemQueue, PushError};
///
/// // For a pusher and for a refresh.
/// async fn push_all(queue: &ItemQueue) -> Result<(), PushError> {
///     queue.add_or_update("https://example.com/a", &DocumentBody::text("words")).await?;
///     queue.flush().await?;
///     Ok(())
/// }
/// # let _ = push_all;
/// ```
pub struct PushQueue<T> {
    pub(super) intake: Intake,
    last: Arc<LastHandle>,
    into: PhantomData<fn() -> T>,
}

/// What all handles of a run share. Its drop ends the run as `abort` does, without waiting. Batches that are left go
/// to the handler for failed batches, where there is one.
struct LastHandle(Intake);

impl Drop for LastHandle {
    fn drop(&mut self) {
        self.0.account.abort();
    }
}

impl<T> PusherBuilder<T> {
    /// Starts the run. Its tasks are spawned on the tokio runtime that it is used on.
    #[must_use]
    pub fn start(self) -> Pusher<T> {
        let (kernel, destination, settings) = self.into_parts();
        let intake = Intake::new(kernel, destination, settings);
        let last = Arc::new(LastHandle(intake.clone()));
        Pusher { queue: PushQueue { intake, last, into: PhantomData } }
    }
}

impl<T> Pusher<T> {
    /// Sends the rest, waits until everything is done, and reports the result of every operation. Later pushes
    /// return [`PushError::Stopped`].
    ///
    /// The first `finish` or `abort` of a run decides how it ends. Others wait for the same end, and get the same
    /// counts. The failed batches go to the first that has a report. If you drop the future, the run goes on ending.
    #[must_use = "only the report tells which operations failed or were not sent"]
    pub async fn finish(&self) -> PushReport {
        let account = &self.intake.account;
        if account.close() {
            account.seal_filling(|_| ());
        }
        account.report().await
    }

    /// Ends the run without sending the rest, and reports the result of every operation.
    /// Batches under way are cut off; those whose last step was under way may have been applied.
    pub async fn abort(&self) -> PushReport {
        let account = &self.intake.account;
        if account.close() {
            account.abort();
        }
        account.report().await
    }

    /// The handle that cannot end the run.
    pub(crate) fn queue(&self) -> &PushQueue<T> {
        &self.queue
    }

    /// Ends the run as `abort` does, without waiting, although there may be other handles.
    pub(crate) fn cut_off(&self) {
        self.intake.account.abort();
    }
}

impl<T> Deref for Pusher<T> {
    type Target = PushQueue<T>;

    fn deref(&self) -> &PushQueue<T> {
        &self.queue
    }
}

impl<T> Clone for Pusher<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone() }
    }
}

impl<T> Clone for PushQueue<T> {
    fn clone(&self) -> Self {
        Self { intake: self.intake.clone(), last: Arc::clone(&self.last), into: PhantomData }
    }
}

impl<T> PushQueue<T> {
    /// Follows the run: the channel has a new value at every batch and every few hundred
    /// pushes, and closes when the run has ended.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.intake.account.progress()
    }

    /// The counts at this moment. The channel of the progress can be behind them.
    #[cfg(feature = "ledger")]
    pub(crate) fn totals(&self) -> Progress {
        self.intake.account.totals(&self.intake.account.lock())
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

    /// Pushes a failed batch again, as the next batch of the run. Operations that later ones
    /// [replaced](FailedBatch::to_superseded_ids) are left out, and count as [replaced](Progress::replaced). Those that would
    /// [undo later ones](FailedBatch::to_conflicting_ids) stay failed: the handler for failed batches gets them back, or the
    /// report. All others leave the count of failed ones, and count by their new result. A batch of an earlier run for the same source or
    /// provider counts as pushed in this run.
    ///
    /// It waits for later operations on the same items that are on their way, and returns when the batch is queued. [Content](crate::report::PushStep::Content) that was not uploaded is
    /// uploaded before. If you drop the future before, the report has the batch.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped, and [`PushError::Call`] when the batch belongs to another
    /// source or provider. The report has the batch then; where it was made before, another `finish` returns one that has
    /// it.
    pub async fn push_again(&self, failed: FailedBatch) -> Result<(), PushError> {
        let account = &self.intake.account;
        let accepts = account.lock().accepts();
        if let Err(stopped) = accepts {
            account.lock().failed.push(failed);
            return Err(stopped);
        }
        account.push_again(failed).await
    }

    /// Counts the operations of a failed batch as [settled](Progress::settled_to), because you have dealt with it
    /// yourself: saved it, for example, after it was rejected. They still count as failed.
    ///
    /// It changes nothing about a batch of another run.
    pub fn settle(&self, failed: &FailedBatch) {
        self.intake.account.settle_failed(failed);
    }

    /// Sends everything that was pushed so far, waits until it is accepted or failed, and returns the result.
    /// Operations that other tasks push meanwhile are not waited for.
    ///
    /// ```
    /// # async fn example(pusher: coveo_push::ItemPusher) -> Result<(), coveo_push::PushError> {
    /// let flushed = pusher.flush().await?;
    /// if !flushed.is_complete() {
    ///     eprintln!("{} operations failed; their batches went to the handler", flushed.failed);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped.
    pub async fn flush(&self) -> Result<Flushed, PushError> {
        self.intake.account.flush().await
    }
}

impl<T> fmt::Debug for Pusher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pusher").field("destination", &self.intake.account.destination).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for PushQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushQueue").field("destination", &self.intake.account.destination).finish_non_exhaustive()
    }
}
