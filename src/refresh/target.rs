//! The target of a refresh: the differences between items and identities.

use std::time::{Duration, SystemTime};

use super::idle::IdleGuard;
use super::kind::RefreshKind;
use super::ticket::Family;
use crate::api::{Accepted, DeleteOldIdentities, DeleteOldItems, Identities, Items, Sources, file_containers};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;

/// The items of a source, or the identities of a provider.
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

    pub(super) fn family(&self) -> Family {
        match self {
            Self::Items(..) => Family::Source,
            Self::Identities(_) => Family::Provider,
        }
    }

    pub(super) fn deletes(&self) -> bool {
        match self {
            Self::Items(_, kind) => kind.deletes(),
            Self::Identities(_) => true,
        }
    }

    /// Sets the source to idle at the end. A provider has no status.
    pub(super) fn idle_guard(&self, calls: &CallSettings) -> Option<IdleGuard> {
        match self {
            Self::Items(items, _) => Some(IdleGuard::new(items, calls)),
            Self::Identities(_) => None,
        }
    }

    /// Starts the run, and returns the time of the start by the service's clock.
    ///
    /// A provider has no status to set. There the call creates a file container and lets it expire.
    pub(super) async fn start(&self, calls: &CallSettings) -> Result<Option<SystemTime>, Error> {
        match self {
            Self::Items(items, kind) => {
                let sources = Sources::new(items.kernel.clone());
                let request = sources.set_status(items.source_id(), (*kind).into()).call_settings(calls);
                Ok(request.await?.server_time())
            }
            Self::Identities(identities) => file_containers::server_time(&identities.kernel, calls).await,
        }
    }

    /// Fails when the service would not take the delay: at the start of a run, and not at its last step.
    pub(super) fn check_queue_delay(&self, delay: Duration) -> Result<(), Error> {
        match self {
            Self::Items(items, _) => items.delete_older_than(0).queue_delay(delay).check(),
            Self::Identities(identities) => identities.delete_older_than(0).queue_delay(delay).check(),
        }
    }

    pub(super) async fn delete_older_than(
        &self,
        id: OrderingId,
        own_scheme: bool,
        queue_delay: Option<Duration>,
        calls: &CallSettings,
    ) -> Result<Accepted, Error> {
        match self {
            Self::Items(items, _) => {
                let request = items.delete_older_than(id).own_ordering_scheme(own_scheme).call_settings(calls);
                queue_delay.into_iter().fold(request, DeleteOldItems::queue_delay).await
            }
            Self::Identities(identities) => {
                let request = identities.delete_older_than(id).own_ordering_scheme(own_scheme).call_settings(calls);
                queue_delay.into_iter().fold(request, DeleteOldIdentities::queue_delay).await
            }
        }
    }
}
