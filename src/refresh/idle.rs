//! Sets a source back to idle, however the run ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::runtime::Handle;

use crate::api::{Items, SetSourceStatus, Sources};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::trace;
use crate::model::SourceStatus;

/// Whether the source was set back to [`Idle`](SourceStatus::Idle) at the end.
#[derive(Debug)]
#[non_exhaustive]
pub enum IdleOutcome {
    /// The source is idle.
    Set,
    /// The call failed: the source may still have the status that the run gave it.
    Failed(Error),
    /// No call was needed, because no status was set. Identities have none.
    NotNeeded,
}

impl fmt::Display for IdleOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => f.write_str("the source is idle"),
            Self::Failed(error) => write!(f, "the source could not be set to idle ({error})"),
            Self::NotNeeded => f.write_str("no status was set"),
        }
    }
}

impl Serialize for IdleOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line {
            outcome: &'static str,
            message: String,
        }

        let outcome = match self {
            Self::Set => "set",
            Self::Failed(_) => "failed",
            Self::NotNeeded => "not-needed",
        };
        Line { outcome, message: self.to_string() }.serialize(serializer)
    }
}

/// Sets its source to idle. If it is dropped before it did, it spawns a task for that.
pub(crate) struct IdleGuard {
    sources: Sources,
    source_id: Arc<str>,
    calls: CallSettings,
    runtime: Option<Handle>,
    is_due: bool,
}

impl IdleGuard {
    /// How long the call may spend on an outage when the run was aborted or dropped.
    const PATIENCE_AFTER_ABORT: Duration = Duration::from_secs(20);

    pub(crate) fn new(items: &Items, calls: &CallSettings) -> Self {
        Self {
            sources: Sources::new(items.kernel.clone()),
            source_id: Arc::clone(&items.source_id),
            calls: calls.clone(),
            runtime: Handle::try_current().ok(),
            is_due: true,
        }
    }

    fn request(&self, calls: &CallSettings) -> SetSourceStatus {
        self.sources.set_status(&*self.source_id, SourceStatus::Idle).call_settings(calls)
    }

    pub(crate) async fn set(self) -> IdleOutcome {
        let calls = self.calls.clone();
        self.set_with(&calls).await
    }

    /// For a run that was aborted: the caller waits for this, and wants to be done.
    pub(crate) async fn set_after_abort(self) -> IdleOutcome {
        let calls = self.calls.less_patient(Self::PATIENCE_AFTER_ABORT);
        self.set_with(&calls).await
    }

    async fn set_with(mut self, calls: &CallSettings) -> IdleOutcome {
        let answer = self.request(calls).await;
        self.is_due = false;
        trace::idle(calls.label(), answer.as_ref().err());
        match answer {
            Ok(_) => IdleOutcome::Set,
            Err(error) => IdleOutcome::Failed(error),
        }
    }

    /// For a source whose status was not changed.
    pub(crate) fn not_needed(mut self) -> IdleOutcome {
        self.is_due = false;
        IdleOutcome::NotNeeded
    }
}

impl Drop for IdleGuard {
    fn drop(&mut self) {
        if !self.is_due {
            return;
        }
        // The runtime of the start may be gone, and there may be none where the guard is dropped.
        if let Some(runtime) = Handle::try_current().ok().or_else(|| self.runtime.take()) {
            let calls = self.calls.less_patient(Self::PATIENCE_AFTER_ABORT);
            let request = self.request(&calls);
            runtime.spawn(async move {
                // Nothing waits for the result.
                let answer = request.await;
                trace::idle(calls.label(), answer.as_ref().err());
            });
        }
    }
}
