//! A worker: it pushes a part of a refresh that another machine started.

use std::fmt;
use std::ops::Deref;

use super::run::CutOff;
use super::ticket::{RefreshTarget, RefreshTicket, TicketBody};
use super::worker_report::WorkerReport;
use crate::error::{ConfigError, Error};
use crate::kernel::shared::Kernel;
use crate::push::{PushQueue, PushReport, PusherBuilder};

/// Configures a worker of a refresh: [`PushClient::join`](crate::PushClient::join).
#[must_use = "a worker starts with `start`"]
pub struct JoinBuilder<T> {
    kernel: Kernel,
    ticket: RefreshTicket<T>,
    index: u32,
    pusher: PusherBuilder<T>,
}

impl<T: RefreshTarget> JoinBuilder<T> {
    pub(crate) fn new(kernel: Kernel, ticket: &RefreshTicket<T>, index: u32) -> Self {
        let pusher = ticket.pusher(&kernel).share_of_calls(1, ticket.workers());
        Self { kernel, ticket: ticket.clone(), index, pusher }
    }

    /// Changes the settings of the pusher. The ordering id of the run stays that of the ticket. The limit of API calls,
    /// where the pusher has one, is [divided](PusherBuilder::share_of_calls) by the number of workers.
    pub fn pusher(mut self, change: impl FnOnce(PusherBuilder<T>) -> PusherBuilder<T>) -> Self {
        self.pusher = self.pusher.change(change);
        self
    }

    /// Starts the worker. Its tasks are spawned on the current tokio runtime. Nothing is sent before the first push.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the ticket has no worker with this index, or is of another organization.
    pub fn start(self) -> Result<RefreshWorker<T>, Error> {
        let Self { kernel, ticket, index, pusher } = self;
        let TicketBody { run, workers, organization, ordering_id, kind, .. } = &ticket.body;
        if index >= *workers {
            let message = format!("worker {index} is not one of the ticket's: its {workers} workers count from 0");
            return Err(ConfigError::new(message).into());
        }
        if **organization != *kernel.shared.organization_id {
            let of_client = &kernel.shared.organization_id;
            let message = format!("the ticket is of the organization {organization}, and the client of {of_client}");
            return Err(ConfigError::new(message).into());
        }
        let pusher = pusher.replace_ordering_id(*ordering_id).start();
        if kind.is_some() {
            pusher.is_proven();
        }
        Ok(RefreshWorker { pusher: CutOff(pusher), run: *run, index, attempt: fastrand::u64(1..1 << 53) })
    }
}

impl<T> fmt::Debug for JoinBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinBuilder")
            .field("ticket", &self.ticket)
            .field("index", &self.index)
            .field("pusher", &self.pusher)
            .finish_non_exhaustive()
    }
}

/// A worker of a refresh: a pusher whose report goes back to the machine that started the refresh.
///
/// End it with [`finish`](Self::finish) when its whole part was pushed, else with [`abort`](Self::abort). When it is
/// dropped, or its machine dies, no report exists, and the refresh deletes nothing. It never changes the status of
/// the source.
pub struct RefreshWorker<T> {
    pusher: CutOff<T>,
    run: u64,
    index: u32,
    attempt: u64,
}

impl<T> RefreshWorker<T> {
    /// The index of this worker.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Sends the rest, waits until everything is accepted or failed, and reports it. Call it only when the whole part
    /// of this worker was pushed: items that it left out are deleted.
    #[must_use = "the refresh needs the report"]
    pub async fn finish(self) -> WorkerReport {
        let has_stopped = self.pusher.0.has_stopped();
        let push = self.pusher.0.finish().await;
        self.report(!has_stopped, push)
    }

    /// Ends the worker without sending the rest. The refresh deletes nothing, unless another attempt of this worker is
    /// complete.
    pub async fn abort(self) -> WorkerReport {
        let push = self.pusher.0.abort().await;
        self.report(false, push)
    }

    fn report(&self, is_finished: bool, push: PushReport) -> WorkerReport {
        let failed = push.failed_batches.iter().map(Into::into).collect();
        WorkerReport { run: self.run, index: self.index, attempt: self.attempt, is_finished, push, failed }
    }
}

impl<T> Deref for RefreshWorker<T> {
    type Target = PushQueue<T>;

    fn deref(&self) -> &PushQueue<T> {
        self.pusher.0.queue()
    }
}

impl<T> fmt::Debug for RefreshWorker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshWorker")
            .field("run", &self.run)
            .field("index", &self.index)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
