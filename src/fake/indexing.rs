//! The indexing pipeline: carries out accepted operations, at once or later, and keeps its log.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::dropped::DropReason;
use super::item::PushedItem;
use super::json::{BatchItem, Object};
use super::judge::Judge;
use super::partial_update;
use super::pipeline::{Accepted, End, Entrance, Operated, Phase, Pipeline, Reject, Task};
use super::response::Refusal;
use super::source::{SourceKey, SourceKind, SourceState};
use super::state::{Delayed, DelayedTask, ServiceState};
use crate::model::{LogOperation, OrderingId, document_keys as key};
use crate::preflight::limit;

/// An item of a batch that is added or replaced.
pub(super) fn put(item: BatchItem, ordering_id: OrderingId) -> Result<Task, Refusal> {
    let bytes = item.bytes;
    Ok(Task::Put { item: read(item, ordering_id)?, bytes })
}

/// An item of a batch that is merged.
pub(super) fn merge(item: BatchItem, ordering_id: OrderingId) -> Result<Task, Refusal> {
    let bytes = item.bytes;
    Ok(Task::Merge { item: read(item, ordering_id)?, bytes })
}

/// A deletion of a batch.
pub(super) fn delete((document_id, with_children): (String, bool)) -> Task {
    Task::Delete { document_id, with_children }
}

fn read(item: BatchItem, ordering_id: OrderingId) -> Result<PushedItem, Refusal> {
    let BatchItem { document_id, mut json, .. } = item;
    json.take(key::ORDERING_ID);
    let compression = match json.take(key::COMPRESSION_TYPE) {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(word),
        Some(other) => Some(other.to_string()),
    };
    PushedItem::read(document_id, ordering_id, json, compression)
}

impl ServiceState {
    /// Gives accepted operations to the pipeline, which carries them out at once, or after its delay.
    pub(super) fn enqueue(&mut self, accepted: Accepted) {
        let received = |id: &str, kind| accepted.operated(id, kind, accepted.at, Phase::Received);
        match (&accepted.file_id, accepted.tasks.first()) {
            (Some(file_id), _) => self.pipeline.log.note(received(file_id, LogOperation::BatchFile)),
            (None, Some(task)) => self.pipeline.log.note(received(task.document_id(), task.kind())),
            (None, None) => {}
        }
        let delay = self.pipeline.delay;
        if delay.is_zero() {
            return self.index(accepted, delay);
        }
        let due = self.clock.elapsed().saturating_add(delay);
        self.delayed.push(Delayed { due, task: DelayedTask::Index { accepted, delay } });
    }

    /// Carries out the operations of a request.
    pub(super) fn index(&mut self, mut accepted: Accepted, delay: Duration) {
        let done = accepted.at.checked_add(delay).unwrap_or(accepted.at);
        let Self { providers, containers, sources, collections, pipeline: Pipeline { reject, log, .. }, .. } = self;
        let source = match &accepted.target {
            SourceKey::Source(id) => sources.get_mut(&**id),
            SourceKey::Collection(id) => collections.get_mut(&**id),
        };
        let Some(source) = source else { return };
        if let Some(file_id) = &accepted.file_id {
            log.note(accepted.operated(file_id, LogOperation::BatchFile, done, Phase::Done(End::Completed)));
        }
        for task in std::mem::take(&mut accepted.tasks) {
            let (id, kind) = (task.document_id().to_owned(), task.kind());
            let judge = Judge::new(providers, containers, accepted.now, accepted.elapsed);
            let dropped = Indexer { source, judge, reject: reject.as_ref(), accepted: &accepted }.carry_out(task);
            if !dropped.iter().any(|dropped| dropped.id == id) {
                log.note(accepted.operated(&id, kind.clone(), done, Phase::Done(End::Completed)));
            }
            for DroppedTask { id, reason, text } in dropped {
                log.note(accepted.operated(&id, kind.clone(), done, Phase::Done(End::dropped(reason, text))));
                source.note_dropped(id, reason, accepted.ordering_id, accepted.operation);
            }
        }
    }

    /// Notes in the log that old items were deleted.
    pub(super) fn note_old_items_deleted(&mut self, source: &SourceKey, ordering_id: OrderingId) {
        let (source, id, operation) = (Arc::clone(source.id()), source.id().to_string(), LogOperation::DeleteOlderThan);
        let (entrance, phase, time) = (Entrance::Batch, Phase::Done(End::Completed), self.clock.now());
        self.pipeline.log.note(Operated { source, id, operation, entrance, ordering_id, time, phase });
    }
}

/// An operation that is dropped.
struct DroppedTask {
    id: String,
    reason: DropReason,
    /// The words of the extension that rejected it.
    text: Option<String>,
}

/// Carries out one operation.
struct Indexer<'a> {
    source: &'a mut SourceState,
    judge: Judge<'a>,
    reject: Option<&'a Reject>,
    accepted: &'a Accepted,
}

impl Indexer<'_> {
    fn carry_out(mut self, task: Task) -> Vec<DroppedTask> {
        let id = task.document_id().to_owned();
        let done = match task {
            Task::Put { item, bytes } => self.put(item, bytes),
            Task::Merge { item, bytes } => self.merge(item, bytes),
            Task::Patch { document_id, update } => self.patch(&document_id, update).map_err(|reason| (reason, None)),
            Task::Delete { document_id, with_children } => {
                let Accepted { ordering_id, now, .. } = self.accepted;
                let dropped = self.source.delete(&document_id, with_children, *ordering_id, *now);
                return dropped.into_iter().map(|(id, reason)| DroppedTask { id, reason, text: None }).collect();
            }
        };
        done.err().into_iter().map(|(reason, text)| DroppedTask { id: id.clone(), reason, text }).collect()
    }

    fn put(&mut self, item: PushedItem, bytes: usize) -> Result<(), (DropReason, Option<String>)> {
        if self.accepted.operation.is_of_streams() && bytes > limit::STREAM_ITEM_BYTES {
            return Err((DropReason::ItemTooLarge, None));
        }
        let (binary, compression) = self.judge.check(self.source, &item).map_err(|reason| (reason, None))?;
        let item = item.into_item(binary, compression);
        if let Some(text) = self.reject.and_then(|reject| reject(&item)) {
            return Err((DropReason::RejectedInPipeline, Some(text)));
        }
        self.source.put(item);
        Ok(())
    }

    fn merge(&mut self, item: PushedItem, bytes: usize) -> Result<(), (DropReason, Option<String>)> {
        let is_merged = match self.source.kind {
            SourceKind::Catalog { is_configured } => is_configured,
            SourceKind::Collection => true,
            SourceKind::Push | SourceKind::StreamEnabled => false,
        };
        if !is_merged {
            return Err((DropReason::MergeWithoutCatalog, None));
        }
        let Some(held) = self.source.items.get(&item.document_id) else { return self.put(item, bytes) };
        let mut merged = held.json().as_object().cloned().unwrap_or_default();
        for (key, value) in item.json.as_object().cloned().unwrap_or_default() {
            merged.retain(|known, _| !known.eq_ignore_ascii_case(&key));
            merged.insert(key, value);
        }
        self.source.put(held.with_json(Value::Object(merged)));
        Ok(())
    }

    fn patch(&mut self, document_id: &str, update: Object<Value>) -> Result<(), DropReason> {
        let item = self.source.items.get(document_id).ok_or(DropReason::UnknownItem)?;
        let mut json = item.json().as_object().cloned().unwrap_or_default();
        partial_update::apply(&mut json, update).ok_or(DropReason::InvalidPartialUpdate)?;
        self.source.put(item.with_json(Value::Object(json)));
        Ok(())
    }
}
