//! Where the batches of a run go. The pipeline knows no destination by name.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::journal::Journal;
use super::load_stream::LoadStream;
use super::target::RunTarget;
use crate::api::file_containers::{self, DatedContainer};
use crate::api::{Accepted, push_batch};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::rate_limit::RateLimit;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;
use crate::operation::Operation;
use crate::preflight::KnownIdentities;

/// Where the batches of a run go.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(super) kind: &'static DestinationKind,
    /// Commits a container that is filled.
    pub(super) commit: Operation,
    pub(super) params: PathParams,
    pub(super) containers: Containers,
    /// Is told of every operation, where there is one.
    pub(super) journal: Option<Arc<dyn Journal>>,
}

/// Where the containers come from.
#[derive(Clone)]
pub(super) enum Containers {
    /// Each is a file container, asked for ahead and committed by itself.
    Files,
    /// They are the chunks of a stream, which is closed when the run is over.
    Chunks(Arc<LoadStream>),
}

/// What all destinations of a kind have in common.
#[derive(Debug)]
pub(super) struct DestinationKind {
    /// The lists that a batch holds, in their order. The first one is always written.
    pub(super) lists: &'static [List],
    /// The largest an item may be, where there is a limit below that of a container.
    pub(super) item_bytes: Option<usize>,
    /// What accepted operations tell of identities, where they tell any.
    pub(super) learn: Option<Learn>,
}

/// Adds the identities of a provider that an accepted operation names, by its list and its JSON.
pub(super) type Learn = fn(&KnownIdentities, &str, usize, &[u8]);

/// One list of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct List {
    /// Its key in the JSON of the batch.
    pub(super) key: &'static str,
    pub(super) kind: ListKind,
    /// What to do about an operation of this list on an id that the batch already holds.
    pub(super) repeated: Repeated,
}

/// What the operations of a list do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListKind {
    /// They add, or replace as a whole.
    Upsert,
    Delete,
    /// They change parts.
    Patch,
}

/// What to do about an operation on an id that the batch that is being filled already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    /// It replaces an earlier operation if it says everything that the earlier one said, else it cuts the batch.
    Replaces,
    /// It is refused, in whatever batch the id was before.
    Refuses,
    /// It cuts the batch: it goes into the next one. So does a later operation on its own id.
    Cuts,
}

impl Destination {
    /// Where a run goes, as its report says it.
    pub(super) fn target(&self) -> RunTarget {
        let id = self.id().to_string();
        match self.commit {
            Operation::PushIdentityContainer => RunTarget::Provider(id),
            Operation::UpdateCollection | Operation::MergeCollection => RunTarget::DataCollection(id),
            operation if operation.is_of_streams() => RunTarget::Catalog(id),
            _ => RunTarget::Source(id),
        }
    }

    /// The id of the source or provider.
    pub(super) fn id(&self) -> Arc<str> {
        self.params.resource().map(Arc::clone).unwrap_or_default()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind, other.kind) && self.id() == other.id()
    }

    /// Adds the identities that operations name, by their lists and JSON, to the known ones: the service holds them.
    pub(super) fn learn<'a>(
        &self,
        known: Option<&KnownIdentities>,
        operations: impl IntoIterator<Item = (usize, &'a [u8])>,
    ) {
        let (Some(known), Some(learn)) = (known, self.kind.learn) else { return };
        let provider = self.id();
        operations.into_iter().for_each(|(list, json)| learn(known, &provider, list, json));
    }

    /// A container for a batch.
    pub(super) async fn acquire(&self, kernel: &Kernel, calls: &CallSettings) -> Result<DatedContainer, Error> {
        match &self.containers {
            Containers::Files => file_containers::create(kernel, calls).await,
            Containers::Chunks(stream) => stream.acquire(calls).await.map(DatedContainer::new),
        }
    }

    /// The limit that all runs of a client into destinations of this kind share.
    pub(super) fn shared_limit(&self, kernel: &Kernel) -> Option<Arc<RateLimit>> {
        self.commit.is_of_streams().then(|| Arc::clone(&kernel.shared.stream_limit))
    }

    /// Whether a container may be asked for before there is a batch for it.
    pub(super) fn is_asked_ahead(&self) -> bool {
        matches!(self.containers, Containers::Files)
    }

    /// Why no more operations can be taken.
    pub(super) fn is_over(&self) -> Option<&'static str> {
        match &self.containers {
            Containers::Chunks(stream) if stream.is_too_old() => Some(
                "the file containers of the load expire before it is closed; load fewer items, or use a refresh, which \
                 has no such limit",
            ),
            _ => None,
        }
    }

    /// Commits a container that is filled; the chunks of a stream are committed when it is closed.
    pub(super) async fn commit(
        &self,
        kernel: &Kernel,
        container: &DatedContainer,
        ordering_id: Option<OrderingId>,
        latest: Option<Instant>,
        calls: &CallSettings,
    ) -> Result<Accepted, Error> {
        match self.containers {
            Containers::Files => self.commit_alone(kernel, container, ordering_id, latest, calls).await,
            Containers::Chunks(_) => Ok(Accepted::of_chunk(&container.container)),
        }
    }

    /// Commits a file container that is filled, unless it is too old by then, or it is later than the `latest` time
    /// that the content of its items allows.
    pub(super) async fn commit_alone(
        &self,
        kernel: &Kernel,
        container: &DatedContainer,
        ordering_id: Option<OrderingId>,
        latest: Option<Instant>,
        calls: &CallSettings,
    ) -> Result<Accepted, Error> {
        let (params, file_id) = (self.params.clone(), container.container.file_id());
        let latest = latest.into_iter().fold(container.latest_push(), Instant::min);
        let calls = calls.before(latest);
        push_batch::commit(kernel, self.commit, params, file_id, ordering_id, &calls).await
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.params.fmt(f)
    }
}
