//! The settings of one call, in place of the client's.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::retry::RetryPolicy;
use super::run_context::{BatchCalls, RunContext};
use super::trace::RunLabel;

/// The settings of one call, in place of the client's.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallSettings {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: Option<RetryPolicy>,
    /// Set for the calls of a bulk run.
    pub(crate) run: Option<RunContext>,
    /// No attempt starts later, because the container or content expires.
    pub(crate) latest_start: Option<Instant>,
}

impl CallSettings {
    /// The same settings, for calls that are not counted with the others.
    pub(crate) fn uncounted(&self) -> Self {
        self.with_run(|run| RunContext { counters: Arc::default(), ..run })
    }

    /// The same for the calls that steer a run, which do not wait for its own rate limit.
    pub(crate) fn unlimited(&self) -> Self {
        self.with_run(|run| RunContext { limit: None, ..run })
    }

    /// The same for calls that spend less on an outage.
    pub(crate) fn less_patient(&self, outage_patience: Duration) -> Self {
        self.with_run(|run| RunContext { outage_patience: run.outage_patience.min(outage_patience), ..run })
    }

    /// The same for the calls of one batch.
    pub(crate) fn of_batch(&self, number: u64, batch: &Arc<BatchCalls>) -> Self {
        self.with_run(|run| {
            let label = RunLabel { batch: Some(number), ..run.label };
            RunContext { batch: Some(Arc::clone(batch)), label, ..run }
        })
    }

    /// The run that the calls belong to.
    pub(crate) fn label(&self) -> Option<&RunLabel> {
        self.run.as_ref().map(|run| &run.label)
    }

    /// The same for a call that must start before then, or not at all.
    pub(crate) fn before(&self, latest_start: Instant) -> Self {
        Self { latest_start: Some(latest_start), ..self.clone() }
    }

    fn with_run(&self, change: impl FnOnce(RunContext) -> RunContext) -> Self {
        Self { run: self.run.clone().map(change), ..self.clone() }
    }
}
