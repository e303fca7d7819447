//! What differs between items and identities: how a run begins, and what it deletes.

use std::time::{Duration, SystemTime};

use super::idle::Idle;
use super::kind::RefreshKind;
use crate::api::{Accepted, Identities, Items, Sources, file_containers};
use crate::error::Error;
use crate::kernel::send::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;

/// What is refreshed.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Items(Items, RefreshKind),
    Identities(Identities),
}

impl Target {
    pub(super) fn kernel(&self) -> &Kernel {
        match self {
            Self::Items(items, _) => &items.kernel,
            Self::Identities(identities) => &identities.kernel,
        }
    }

    /// The source or the provider.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Items(items, _) => items.source_id(),
            Self::Identities(identities) => identities.provider_id(),
        }
    }

    pub(super) fn kind(&self) -> Option<RefreshKind> {
        match self {
            Self::Items(_, kind) => Some(*kind),
            Self::Identities(_) => None,
        }
    }

    pub(super) fn deletes(&self) -> bool {
        match self {
            Self::Items(_, kind) => kind.deletes(),
            Self::Identities(_) => true,
        }
    }

    /// What has to be set to idle again once the run has begun, or tried to.
    pub(super) fn idle(&self, calls: &CallSettings) -> Option<Idle> {
        match self {
            Self::Items(items, _) => Some(Idle::due(items, calls)),
            Self::Identities(_) => None,
        }
    }

    /// Begins the run, and gives the time at which that was by the service's clock.
    ///
    /// A provider has no status that could be set: there it is a file container that is created, and
    /// left to expire.
    pub(super) async fn begin(&self, calls: &CallSettings) -> Result<Option<SystemTime>, Error> {
        match self {
            Self::Items(items, kind) => {
                let sources = Sources::new(items.kernel.clone());
                let request = sources.set_status(items.source_id(), (*kind).into()).settings(calls);
                Ok(request.await?.server_time())
            }
            Self::Identities(identities) => file_containers::server_time(&identities.kernel, calls).await,
        }
    }

    pub(super) async fn delete_older_than(
        &self,
        id: OrderingId,
        queue_delay: Option<Duration>,
        calls: &CallSettings,
    ) -> Result<Accepted, Error> {
        match self {
            Self::Items(items, _) => {
                let mut request = items.delete_older_than(id).settings(calls);
                if let Some(delay) = queue_delay {
                    request = request.queue_delay(delay);
                }
                request.await
            }
            Self::Identities(identities) => {
                let mut request = identities.delete_older_than(id).settings(calls);
                if let Some(delay) = queue_delay {
                    request = request.queue_delay(delay);
                }
                request.await
            }
        }
    }
}
