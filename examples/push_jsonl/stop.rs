//! When to stop before everything is pushed.

use std::io;
use std::sync::Arc;

use coveo_push::report::Progress;
use tokio::sync::watch;

use crate::shared::StopSignals;

/// Set once: by Ctrl-C or SIGTERM, or when the run has stopped.
#[derive(Default)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    /// Ctrl-C and SIGTERM set it; a second one ends the program at once.
    pub(crate) fn on_signal() -> io::Result<Arc<Self>> {
        let mut signals = StopSignals::listen()?;
        let stop = Arc::new(Self::default());
        let stopped = Arc::clone(&stop);
        tokio::spawn(async move {
            if signals.next().await.is_ok() {
                stopped.set("stopped by a signal (again to end at once)");
            }
            if signals.next().await.is_ok() {
                std::process::exit(130);
            }
        });
        Ok(stop)
    }

    /// A failed batch sets it: a failed batch without a handler stops the run.
    pub(crate) fn when_a_batch_fails(self: &Arc<Self>, mut progress: watch::Receiver<Progress>) {
        let stop = Arc::clone(self);
        tokio::spawn(async move {
            if progress.wait_for(|progress| progress.batches_failed > 0).await.is_ok() {
                stop.set("a batch has failed");
            }
        });
    }

    pub(crate) fn set(&self, why: &str) {
        if !self.0.send_replace(true) {
            eprintln!("{why}: finishing the batches under way first");
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is set.
    pub(crate) async fn wait(&self) {
        // Fails only without a sender.
        let _ = self.0.subscribe().wait_for(|is_set| *is_set).await;
    }
}
