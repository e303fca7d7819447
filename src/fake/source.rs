//! The state of a source: its items.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::dropped::{DropReason, Dropped};
use super::item::FakeItem;
use crate::model::{OrderingId, SourceStatus};
use crate::operation::Operation;

/// Which API feeds a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SourceKind {
    /// The Push API.
    #[default]
    Push,
    /// The Stream API, without being a catalog.
    StreamEnabled,
    /// The Stream API; with whether a catalog configuration uses the source.
    Catalog { is_configured: bool },
    /// The Stream API: a data collection.
    Collection,
}

impl SourceKind {
    pub(super) fn is_stream(self) -> bool {
        self != Self::Push
    }
}

/// A source or a data collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SourceKey {
    Source(Arc<str>),
    Collection(Arc<str>),
}

impl SourceKey {
    pub(super) fn id(&self) -> &Arc<str> {
        match self {
            Self::Source(id) | Self::Collection(id) => id,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct SourceState {
    pub(super) kind: SourceKind,
    /// As it was created or updated by the platform API.
    pub(super) config: Map<String, Value>,
    pub(super) is_secured: bool,
    pub(super) status: Option<SourceStatus>,
    pub(super) items: BTreeMap<String, FakeItem>,
    /// The ordering ids of deletions: a late push must not bring an item back.
    deleted: HashMap<String, OrderingId>,
    /// The highest ordering id of a delete-older-than in the future.
    boundary: Option<OrderingId>,
    pub(super) dropped: Vec<Dropped>,
}

impl SourceState {
    pub(super) fn new(kind: SourceKind, is_secured: bool) -> Self {
        Self { kind, is_secured, ..Self::default() }
    }

    /// Whether an operation with this ordering id comes too late for its item.
    pub(super) fn is_stale(&self, document_id: &str, id: OrderingId) -> bool {
        let last = self.items.get(document_id).map(FakeItem::ordering_id);
        last.or_else(|| self.deleted.get(document_id).copied()).is_some_and(|last| id < last)
    }

    /// Whether a delete-older-than in the future makes the service ignore this ordering id.
    pub(super) fn is_before_boundary(&self, id: OrderingId, now: OrderingId) -> bool {
        self.boundary.is_some_and(|boundary| id < boundary && now < boundary)
    }

    pub(super) fn put(&mut self, item: FakeItem) {
        self.deleted.remove(item.document_id());
        self.items.insert(item.document_id().to_owned(), item);
    }

    /// Deletes an item, perhaps with its children, and returns the deletions that are dropped.
    pub(super) fn delete(
        &mut self,
        document_id: &str,
        with_children: bool,
        id: OrderingId,
        now: OrderingId,
    ) -> Vec<(String, DropReason)> {
        if self.is_before_boundary(id, now) {
            return vec![(document_id.to_owned(), DropReason::BeforeFutureDelete)];
        }
        let mut dropped = Vec::new();
        let from = (Bound::Included(document_id), Bound::Unbounded);
        let is_target = |known: &String| known == document_id || (with_children && known.starts_with(document_id));
        let targets: Vec<String> =
            self.items.range::<str, _>(from).map(|(known, _)| known).take_while(|it| is_target(it)).cloned().collect();
        for known in targets {
            if self.is_stale(&known, id) {
                dropped.push((known, DropReason::StaleOrderingId));
            } else {
                self.items.remove(&known);
                self.deleted.insert(known, id);
            }
        }
        if !self.items.contains_key(document_id) {
            let last = self.deleted.entry(document_id.to_owned()).or_insert(id);
            *last = id.max(*last);
        }
        dropped
    }

    /// Notes an accepted delete-older-than, which is carried out later.
    pub(super) fn announce_delete(&mut self, older_than: OrderingId, now: OrderingId) {
        if older_than > now {
            self.boundary = self.boundary.max(Some(older_than));
        }
    }

    pub(super) fn delete_older(&mut self, than: OrderingId) {
        let Self { items, deleted, .. } = self;
        items.retain(|document_id, item| {
            let is_kept = item.ordering_id() >= than;
            if !is_kept {
                deleted.insert(document_id.clone(), than);
            }
            is_kept
        });
    }

    pub(super) fn note_dropped(
        &mut self,
        document_id: String,
        reason: DropReason,
        id: OrderingId,
        operation: Operation,
    ) {
        self.dropped.push(Dropped { subject: document_id, reason, operation, ordering_id: id });
    }
}
