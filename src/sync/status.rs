//! The status of a push source during a sync: set before the first commit, and set back at the end.

use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::OnceCell;

use crate::api::{Items, Sources};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::model::SourceStatus;
use crate::refresh::idle::{IdleGuard, IdleOutcome};

/// The status of a source.
pub(super) struct Status {
    items: Items,
    calls: OnceLock<CallSettings>,
    is_set: OnceCell<()>,
    idle: Mutex<Option<IdleGuard>>,
    /// Whether an earlier run left its status behind, because it crashed or the call failed.
    is_left: bool,
}

impl Status {
    pub(super) fn new(items: Items, is_left: bool) -> Self {
        Self { items, calls: OnceLock::new(), is_set: OnceCell::new(), idle: Mutex::default(), is_left }
    }

    /// The settings of its calls, which only the started run has.
    pub(super) fn set_calls(&self, calls: CallSettings) {
        // It is set here only.
        let _ = self.calls.set(calls);
    }

    /// Sets the status before the first commit of the run.
    pub(super) async fn begin(&self) -> Result<(), Error> {
        self.is_set.get_or_try_init(|| self.set()).await.map(drop)
    }

    async fn set(&self) -> Result<(), Error> {
        // Made before the call, because a call that is cut off may still have arrived.
        let guard = self.guard();
        if let Some(earlier) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).replace(guard) {
            earlier.not_needed();
        }
        let calls = self.calls.get().cloned().unwrap_or_default();
        let sources = Sources::new(self.items.kernel.clone());
        let request = sources.set_status(self.items.source_id(), SourceStatus::Incremental).call_settings(&calls);
        request.await.map(drop).inspect_err(|error| {
            if !error.may_have_been_applied()
                && let Some(guard) = self.take()
            {
                guard.not_needed();
            }
        })
    }

    fn take(&self) -> Option<IdleGuard> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn guard(&self) -> IdleGuard {
        IdleGuard::new(&self.items, &self.calls.get().cloned().unwrap_or_default())
    }

    /// Sets the source back to idle, if its status was set in this run or left by an earlier one.
    pub(super) async fn end(&self, is_aborted: bool) -> IdleOutcome {
        match self.take().or_else(|| self.is_left.then(|| self.guard())) {
            Some(guard) if is_aborted => guard.set_after_abort().await,
            Some(guard) => guard.set().await,
            None => IdleOutcome::NotNeeded,
        }
    }

    /// The same in the background.
    pub(super) fn end_soon(&self) {
        drop(self.take());
    }
}
