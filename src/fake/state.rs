//! The state of the service.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::clock::Clock;
use super::containers::Containers;
use super::effect::Effect;
use super::faults::Faults;
use super::organization::OrganizationState;
use super::pipeline::{Accepted, Pipeline};
use super::provider::ProviderState;
use super::query;
use super::record::{Head, Record};
use super::router::Route;
use super::source::{SourceKey, SourceState};
use crate::model::OrderingId;

pub(super) struct ServiceState {
    pub(super) organization: String,
    pub(super) organization_state: OrganizationState,
    /// The key of the fake's own clients, valid or not.
    pub(super) client_key: String,
    pub(super) keys: Vec<String>,
    pub(super) refuses_second_commit: bool,
    pub(super) clock: Clock,
    pub(super) sources: BTreeMap<String, SourceState>,
    pub(super) collections: BTreeMap<String, SourceState>,
    /// The streams that are open, by their ids.
    pub(super) streams: BTreeMap<String, Stream>,
    /// The last ordering id that a call of the Stream API was given.
    pub(super) last_stamp: OrderingId,
    pub(super) providers: BTreeMap<String, ProviderState>,
    /// The first provider: that of identities without one.
    pub(super) default_provider: String,
    pub(super) containers: Containers,
    pub(super) delayed: Vec<Delayed>,
    pub(super) pipeline: Pipeline,
    pub(super) faults: Faults,
    pub(super) record: Record,
}

/// A stream, with the ids of its file containers.
pub(super) struct Stream {
    pub(super) target: SourceKey,
    pub(super) file_ids: Vec<String>,
}

/// A task for later.
pub(super) struct Delayed {
    /// The time since the fake was built.
    pub(super) due: Duration,
    pub(super) task: DelayedTask,
}

pub(super) enum DelayedTask {
    DeleteOldItems {
        source: SourceKey,
        older_than: OrderingId,
    },
    DisableOldIdentities {
        provider: String,
        older_than: OrderingId,
    },
    /// Operations in the indexing pipeline.
    Index {
        accepted: Accepted,
        delay: Duration,
    },
    /// A request that arrives late.
    Request {
        request: Arc<ReceivedRequest>,
        body: Bytes,
        origin: String,
    },
}

/// A request without its body, and the effect of a fault on it.
pub(super) struct ReceivedRequest {
    pub(super) route: Route,
    pub(super) head: Arc<Head>,
    pub(super) effect: Effect,
}

impl ReceivedRequest {
    /// The signature of the upload URI.
    pub(super) fn signature(&self) -> &str {
        query::get(&self.head.query, "X-Amz-Signature").unwrap_or_default()
    }
}
