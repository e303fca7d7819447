//! The calls of a bulk run: their pace and their counters.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::rate_limit::{Followers, Promise, RateLimit, Turn};
use super::trace::RunLabel;
use crate::operation::Operation;

/// What all calls of one bulk run share.
#[derive(Debug, Clone)]
pub(crate) struct RunContext {
    /// How long a call may be throttled, beside its attempts and its deadline.
    pub(crate) throttle_patience: Duration,
    /// How long a call may spend on an outage, beside its deadline.
    pub(crate) outage_patience: Duration,
    pub(crate) limit: Option<Arc<RateLimit>>,
    pub(crate) counters: Arc<CallCounters>,
    /// The requests of one batch, when these are its calls.
    pub(crate) batch: Option<Arc<BatchCalls>>,
    pub(crate) label: RunLabel,
}

/// The calls of one batch.
#[derive(Debug, Default)]
pub(crate) struct BatchCalls {
    attempts: AtomicU32,
    /// That its commit finds a turn soon after its container was created.
    commit: Mutex<Option<Promise>>,
}

impl BatchCalls {
    /// The number of its requests.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    fn promise(&self, promise: Option<Promise>) {
        // The earlier one ends.
        *self.commit.lock().unwrap_or_else(PoisonError::into_inner) = promise;
    }
}

impl RunContext {
    pub(crate) fn called(&self, is_api: bool, is_retry: bool) {
        self.counters.called(is_api, is_retry);
        if let Some(batch) = &self.batch {
            batch.attempts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until a call may start. A container is created only when the calls that use it can follow soon: the
    /// commit of a batch, or for the content of an item the two calls of the batch that refers to it. Only the commit is
    /// promised its call: contents that are uploaded side by side into several batches may find too few.
    pub(super) async fn turn(&self, operation: Operation) -> Option<Turn> {
        let limit = self.limit.as_ref()?;
        let creates = operation == Operation::CreateFileContainer;
        Some(match &self.batch {
            Some(batch) if creates => {
                batch.promise(None);
                let (turn, promise) = limit.turn_before_commit().await;
                batch.promise(Some(promise));
                turn
            }
            Some(batch) => {
                let turn = limit.turn(Followers::None).await;
                batch.promise(None);
                turn
            }
            None if creates => limit.turn(Followers::Batch).await,
            None => limit.turn(Followers::None).await,
        })
    }
}

/// The counters of the calls of a bulk run.
#[derive(Debug, Default)]
pub(crate) struct CallCounters {
    api_calls: AtomicU64,
    retries: AtomicU64,
    throttled_nanos: AtomicU64,
}

impl CallCounters {
    fn called(&self, is_api: bool, is_retry: bool) {
        self.api_calls.fetch_add(u64::from(is_api), Ordering::Relaxed);
        self.retries.fetch_add(u64::from(is_retry), Ordering::Relaxed);
    }

    pub(crate) fn was_throttled(&self, wait: Duration) {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.throttled_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Calls of the Push API. Each attempt counts.
    pub(crate) fn api_calls(&self) -> u64 {
        self.api_calls.load(Ordering::Relaxed)
    }

    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The time that calls waited because the service asked them to, summed over all calls.
    pub(crate) fn throttled(&self) -> Duration {
        Duration::from_nanos(self.throttled_nanos.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn run(limit: &Arc<RateLimit>, batch: Option<Arc<BatchCalls>>) -> RunContext {
        RunContext {
            throttle_patience: DAY,
            outage_patience: DAY,
            limit: Some(Arc::clone(limit)),
            counters: Arc::default(),
            batch,
            label: RunLabel { run: 1, source: "s".into(), batch: None },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_keeps_its_promised_call_until_it_has_its_turn() {
        let limit = Arc::new(RateLimit::new(4, DAY));
        let call = |run: RunContext, operation| {
            tokio::spawn(async move {
                run.turn(operation).await.unwrap().start();
                Instant::now()
            })
        };
        let begin = Instant::now();
        let (batch, other) = (run(&limit, Some(Arc::default())), run(&limit, Some(Arc::default())));
        call(batch.clone(), Operation::CreateFileContainer).await.unwrap();
        call(run(&limit, None), Operation::SetSourceStatus).await.unwrap();
        sleep(Duration::from_secs(100)).await;
        for _ in 0..2 {
            call(run(&limit, None), Operation::SetSourceStatus).await.unwrap();
        }
        // Two calls are free again after a day, and two others 100 s later.
        let container = call(other, Operation::CreateFileContainer);
        let first = call(run(&limit, None), Operation::SetSourceStatus);
        let commit = call(batch, Operation::PushItemContainer);
        assert_eq!((first.await.unwrap() - begin, commit.await.unwrap() - begin), (DAY, DAY));
        assert_eq!(container.await.unwrap() - begin, DAY + Duration::from_secs(100));
    }
}
