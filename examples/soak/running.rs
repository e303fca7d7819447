//! A run as it is: a pusher alone, or with a refresh or a load around it.

use coveo_push::report::{DeletionOutcome, LoadOutcome, LoadReport, PushReport, RefreshReport};
use coveo_push::transport::BoxFuture;
use coveo_push::{CatalogItems, CatalogRefresh, Load, PushQueue, Pusher, Refresh, RefreshTarget};
use tokio::sync::watch::Receiver;

use crate::model::Fate;

/// A run under way.
pub(crate) trait Running<H>: Send + Sync {
    fn pusher(&self) -> &PushQueue<H>;
    /// Tells whether a deletion is being sent, where the run says so.
    fn deletion_sent(&self) -> Option<Receiver<bool>> {
        None
    }
    fn finish(self: Box<Self>) -> BoxFuture<'static, Report>;
    fn abort(self: Box<Self>) -> BoxFuture<'static, Report>;
}

/// The result of a run.
pub(crate) struct Report {
    pub(crate) push: PushReport,
    /// Whether old items were deleted; `None` in a run without a deletion.
    pub(crate) deletion: Option<Fate>,
}

impl From<RefreshReport> for Report {
    fn from(report: RefreshReport) -> Self {
        Self { push: report.push, deletion: Some(deletion(&report.deletion)) }
    }
}

/// Whether old items were deleted.
pub(crate) fn deletion(outcome: &DeletionOutcome) -> Fate {
    match outcome {
        DeletionOutcome::Accepted => Fate::Done,
        DeletionOutcome::Unknown(_) => Fate::Unknown,
        _ => Fate::NotDone,
    }
}

impl From<LoadReport> for Report {
    fn from(report: LoadReport) -> Self {
        let deletion = match report.outcome {
            LoadOutcome::Closed(_) => Fate::Done,
            // Some faults answer as if no stream were open.
            LoadOutcome::ProbablyClosed(_) | LoadOutcome::Unknown(_) => Fate::Unknown,
            _ => Fate::NotDone,
        };
        Self { push: report.push, deletion: Some(deletion) }
    }
}

impl<H: 'static> Running<H> for Pusher<H> {
    fn pusher(&self) -> &PushQueue<H> {
        self
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Report { push: Self::finish(&self).await, deletion: None } })
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Report { push: Self::abort(&self).await, deletion: None } })
    }
}

impl<H: RefreshTarget + Send + Sync + 'static> Running<H> for Refresh<H> {
    fn pusher(&self) -> &PushQueue<H> {
        self.pusher()
    }

    fn deletion_sent(&self) -> Option<Receiver<bool>> {
        Some(self.deletion_sent())
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Self::finish(*self).await.into() })
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Self::abort(*self).await.into() })
    }
}

impl Running<CatalogItems> for CatalogRefresh {
    fn pusher(&self) -> &PushQueue<CatalogItems> {
        self.pusher()
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Self::finish(*self).await.into() })
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Self::abort(*self).await.into() })
    }
}

impl Running<CatalogItems> for Load {
    fn pusher(&self) -> &PushQueue<CatalogItems> {
        self.pusher()
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Self::finish(*self).await.into() })
    }

    fn abort(self: Box<Self>) -> BoxFuture<'static, Report> {
        Box::pin(async move { Self::abort(*self).await.into() })
    }
}
