//! The Stream API: catalog sources and data collections.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::api_call::{ApiCall, content, queue_delay, source};
use super::dropped::DropReason;
use super::item::PushedItem;
use super::json::{self, BatchItem, ItemBatch, Object};
use super::judge::Judge;
use super::partial_update;
use super::response::{Refusal, ServiceResponse};
use super::source::{SourceKind, SourceState};
use super::state::{Delayed, DelayedTask, ServiceState, SourceKey, Stream};
use crate::model::{OrderingId, document_keys as key};
use crate::operation::Operation;
use crate::preflight::limit;

/// How long after a load the service removes the items that were not in it.
const REMOVAL_DELAY: Duration = Duration::from_secs(15 * 60);

/// The source or data collection of an operation of the Stream API.
fn key_of(call: &ApiCall<'_>) -> SourceKey {
    let id = call.resource.to_owned();
    match call.operation {
        Operation::OpenCollectionStream
        | Operation::CreateCollectionChunk
        | Operation::CloseCollectionStream
        | Operation::UpdateCollection
        | Operation::MergeCollection
        | Operation::DeleteOldCollectionItems => SourceKey::Collection(id),
        _ => SourceKey::Source(id),
    }
}

impl ServiceState {
    pub(super) fn open_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = key_of(call);
        self.stream_target(&target)?;
        let (file_id, mut container) = self.containers.create(call.origin, self.clock.elapsed());
        let stream_id = self.containers.another_id();
        self.streams.insert(stream_id.clone(), Stream { target, file_ids: vec![file_id] });
        if let Some(container) = container.as_object_mut() {
            container.insert("streamId".to_owned(), stream_id.into());
        }
        Ok(ServiceResponse::json(StatusCode::CREATED, container.to_string()))
    }

    pub(super) fn create_chunk(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = key_of(call);
        self.stream_target(&target)?;
        let Some(stream) = self.streams.get_mut(call.second).filter(|stream| stream.target == target) else {
            return Err(no_stream(call.second));
        };
        let (file_id, container) = self.containers.create(call.origin, self.clock.elapsed());
        stream.file_ids.push(file_id);
        Ok(ServiceResponse::json(StatusCode::OK, container.to_string()))
    }

    pub(super) fn close_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = key_of(call);
        self.stream_target(&target)?;
        let stream = self.streams.get(call.second).filter(|stream| stream.target == target);
        let stream = stream.ok_or_else(|| no_stream(call.second))?;
        let now = self.clock.elapsed();
        let contents = stream.file_ids.iter().filter_map(|file_id| self.containers.content(file_id, now));
        // Reads everything before it puts the first item: a load is refused as a whole.
        let mut items = Vec::new();
        for content in contents.collect::<Vec<Bytes>>() {
            items.extend(json::item_batch(&content)?.add_or_update);
        }
        let stamp = self.stamp();
        let source = self.stream_target(&target)?;
        let removes_all = !items.iter().any(|item| source.items.contains_key(&item.document_id));
        let is_guarded = matches!(source.kind, SourceKind::Catalog { is_configured: true });
        self.put_items(&target, items, stamp, call.operation)?;
        if !(removes_all && is_guarded) {
            let due = self.clock.elapsed() + REMOVAL_DELAY;
            self.delayed.push(Delayed { due, task: DelayedTask::DeleteOldItems { source: target, older_than: stamp } });
        }
        if let Some(stream) = self.streams.remove(call.second) {
            stream.file_ids.iter().for_each(|file_id| self.containers.committed(file_id, false));
        }
        Ok(receipt(StatusCode::OK, stamp))
    }

    pub(super) fn update_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = key_of(call);
        self.stream_target(&target)?;
        let (file_id, content) = content(&self.containers, call.query, self.clock.elapsed())?;
        let ItemBatch { add_or_update, delete, partial_update, .. } = json::item_batch(&content)?;
        let stamp = self.stamp();
        self.put_items(&target, add_or_update, stamp, call.operation)?;
        for BatchItem { document_id, json: update, .. } in partial_update {
            let source = self.stream_target(&target)?;
            let changed = source.items.get(&document_id).ok_or(DropReason::UnknownItem).and_then(|item| {
                let mut json = item.json().as_object().cloned().unwrap_or_default();
                partial_update::apply(&mut json, update).ok_or(DropReason::InvalidPartialUpdate)?;
                Ok(item.with_json(Value::Object(json)))
            });
            match changed {
                Ok(item) => source.put(item),
                Err(reason) => source.note_dropped(document_id, reason, stamp, call.operation),
            }
        }
        let source = self.stream_target(&target)?;
        for (document_id, with_children) in delete {
            source.delete(&document_id, with_children, stamp, stamp, call.operation);
        }
        self.containers.committed(file_id, self.refuses_second_commit);
        Ok(receipt(StatusCode::ACCEPTED, stamp))
    }

    pub(super) fn merge_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = key_of(call);
        let source = self.stream_target(&target)?;
        let is_merged = match source.kind {
            SourceKind::Catalog { is_configured } => is_configured,
            SourceKind::Collection => true,
            SourceKind::Push | SourceKind::StreamEnabled => false,
        };
        let (file_id, content) = content(&self.containers, call.query, self.clock.elapsed())?;
        let items = json::item_batch(&content)?.add_or_merge;
        let stamp = self.stamp();
        for BatchItem { document_id, json, bytes } in items {
            let source = self.stream_target(&target)?;
            if !is_merged {
                source.note_dropped(document_id, DropReason::MergeWithoutCatalog, stamp, call.operation);
                continue;
            }
            let Some(held) = source.items.get(&document_id) else {
                self.put_items(&target, vec![BatchItem { document_id, json, bytes }], stamp, call.operation)?;
                continue;
            };
            let mut merged = held.json().as_object().cloned().unwrap_or_default();
            for (key, value) in json.into_json() {
                merged.retain(|known, _| !known.eq_ignore_ascii_case(&key));
                merged.insert(key, value);
            }
            source.put(held.with_json(Value::Object(merged)));
        }
        self.containers.committed(file_id, self.refuses_second_commit);
        Ok(receipt(StatusCode::ACCEPTED, stamp))
    }

    pub(super) fn delete_old_stream_items(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = key_of(call);
        self.stream_target(&target)?;
        let older_than: OrderingId = call.second.parse().map_err(|_| {
            Refusal::invalid_parameter(format!("'{}' is not a valid value for 'epochMilliseconds'.", call.second))
        })?;
        let due = self.clock.elapsed().saturating_add(queue_delay(call.query)?);
        let stamp = self.stamp();
        self.stream_target(&target)?.announce_delete(older_than, stamp);
        self.delayed.push(Delayed { due, task: DelayedTask::DeleteOldItems { source: target, older_than } });
        Ok(receipt(StatusCode::CREATED, stamp))
    }

    /// The source or data collection, if it takes streams.
    fn stream_target(&mut self, key: &SourceKey) -> Result<&mut SourceState, Refusal> {
        let source = match key {
            SourceKey::Collection(id) => self.collections.get_mut(id).ok_or_else(|| {
                let message = format!("Data collection with id '{id}' was not found.");
                Refusal::without_code(StatusCode::NOT_FOUND, message)
            })?,
            SourceKey::Source(id) => source(&mut self.sources, id)?,
        };
        if source.kind.is_stream() {
            return Ok(source);
        }
        Err(Refusal::invalid_parameter("The source is not stream enabled."))
    }

    /// The next ordering id of the Stream API: the service's clock, and never the same twice.
    fn stamp(&mut self) -> OrderingId {
        let after_the_last = OrderingId::new(self.last_stamp.get().saturating_add(1));
        self.last_stamp = self.clock.ordering_id().max(after_the_last);
        self.last_stamp
    }

    fn put_items(
        &mut self,
        target: &SourceKey,
        items: Vec<BatchItem>,
        stamp: OrderingId,
        operation: Operation,
    ) -> Result<(), Refusal> {
        let mut read = Vec::new();
        for BatchItem { document_id, mut json, bytes } in items {
            json.take(key::ORDERING_ID);
            let compression = compression(&mut json);
            read.push((PushedItem::read(document_id, stamp, json, compression)?, bytes));
        }
        let Self { providers, containers, clock, sources, collections, .. } = self;
        let source = match target {
            SourceKey::Source(id) => sources.get_mut(id),
            SourceKey::Collection(id) => collections.get_mut(id),
        };
        let Some(source) = source else { return Ok(()) };
        let mut judge = Judge::new(providers, containers, clock.ordering_id(), clock.elapsed());
        for (item, bytes) in read {
            if bytes > limit::STREAM_ITEM_BYTES {
                source.note_dropped(item.document_id, DropReason::ItemTooLarge, stamp, operation);
            } else {
                judge.put(source, item, operation);
            }
        }
        Ok(())
    }
}

/// Takes out the compression type of an item.
pub(super) fn compression(item: &mut Object<Value>) -> Option<String> {
    match item.take(key::COMPRESSION_TYPE) {
        None | Some(Value::Null) => None,
        Some(Value::String(word)) => Some(word),
        Some(other) => Some(other.to_string()),
    }
}

fn no_stream(id: &str) -> Refusal {
    Refusal::without_code(StatusCode::NOT_FOUND, format!("No stream with id '{id}' is open."))
}

/// The ordering id is text, as the contract has it.
fn receipt(status: StatusCode, stamp: OrderingId) -> ServiceResponse {
    let body = json!({"orderingId": stamp.to_string(), "requestId": format!("fake-{stamp}")});
    ServiceResponse::json(status, body.to_string())
}
