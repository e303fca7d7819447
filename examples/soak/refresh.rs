//! A run as it is: a pusher alone, or with a refresh around it.

use coveo_push::report::{DeletionOutcome, PushReport, RefreshReport};
use coveo_push::{PushClient, PushQueue, Pusher, PusherBuilder, Refresh};
use tokio::sync::watch::Receiver;

use crate::kind::Kind;
use crate::model::Fate;
use crate::plan::Way;

pub(crate) enum Run<K: Kind> {
    Bulk(Pusher<K::Handle>),
    Refresh(Box<Refresh<K::Handle>>),
}

/// The result of a run.
pub(crate) struct Report {
    pub(crate) push: PushReport,
    /// Whether old items were deleted; `None` in a run without a deletion.
    pub(crate) deletion: Option<Fate>,
}

impl<K: Kind> Run<K> {
    /// None when the service did not let it begin.
    pub(crate) async fn start(client: &PushClient, way: Way, settings: PusherBuilder<K::Handle>) -> Option<Self> {
        if way == Way::Bulk {
            return Some(Self::Bulk(settings.start()));
        }
        let refresh = K::refresh(client, way == Way::Incremental).pusher(|_| settings);
        refresh.start().await.ok().map(|refresh| Self::Refresh(Box::new(refresh)))
    }

    pub(crate) fn pusher(&self) -> &PushQueue<K::Handle> {
        match self {
            Self::Bulk(pusher) => pusher,
            Self::Refresh(refresh) => refresh.pusher(),
        }
    }

    /// Turns `true` when the deletion of old items is sent.
    pub(crate) fn deletion_sent(&self) -> Option<Receiver<bool>> {
        match self {
            Self::Bulk(_) => None,
            Self::Refresh(refresh) => Some(refresh.deletion_sent()),
        }
    }

    pub(crate) async fn finish(self) -> Report {
        match self {
            Self::Bulk(pusher) => Report { push: pusher.finish().await, deletion: None },
            Self::Refresh(refresh) => report(refresh.finish().await),
        }
    }

    pub(crate) async fn abort(self) -> Report {
        match self {
            Self::Bulk(pusher) => Report { push: pusher.abort().await, deletion: None },
            Self::Refresh(refresh) => report(refresh.abort().await),
        }
    }
}

fn report(report: RefreshReport) -> Report {
    let deletion = match report.deletion {
        DeletionOutcome::Accepted => Fate::Done,
        DeletionOutcome::Unknown(_) => Fate::Unknown,
        _ => Fate::NotDone,
    };
    Report { push: report.push, deletion: Some(deletion) }
}
