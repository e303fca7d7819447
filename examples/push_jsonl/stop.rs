//! When to end before everything was pushed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use coveo_push::Progress;
use tokio::sync::{Notify, watch};

/// Is set once, by Ctrl-C or when the run has stopped.
#[derive(Default)]
pub(crate) struct Stop {
    is_set: AtomicBool,
    /// Keeps the news for the one that waits for it.
    news: Notify,
}

impl Stop {
    /// Ctrl-C sets it; a second one ends the program at once.
    pub(crate) fn on_ctrl_c() -> Arc<Self> {
        let stop = Arc::new(Self::default());
        let stopped = Arc::clone(&stop);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stopped.set("Ctrl-C (again to end at once)");
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
        stop
    }

    /// A failed batch sets it: one that nobody handles stops the run.
    pub(crate) fn when_a_batch_fails(self: &Arc<Self>, mut progress: watch::Receiver<Progress>) {
        let stop = Arc::clone(self);
        tokio::spawn(async move {
            if progress.wait_for(|progress| progress.batches_failed > 0).await.is_ok() {
                stop.set("a batch has failed");
            }
        });
    }

    pub(crate) fn set(&self, why: &str) {
        if !self.is_set.swap(true, Ordering::Relaxed) {
            eprintln!("{why}: what is under way is finished first");
            self.news.notify_one();
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    /// Waits until it is set; for one task alone, and once.
    pub(crate) async fn wait(&self) {
        self.news.notified().await;
    }
}
