//! The Stream API: catalog sources and data collections.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::api_call::{ApiCall, content, queue_delay, source};
use super::indexing::{self, merge, put};
use super::json::{self, BatchItem, ItemBatch};
use super::pipeline::Task;
use super::response::{Refusal, ServiceResponse};
use super::source::{SourceKey, SourceKind, SourceState};
use super::state::{Delayed, DelayedTask, ServiceState, Stream};
use crate::model::OrderingId;

/// How long after a load the service removes the items that were not in it.
const REMOVAL_DELAY: Duration = Duration::from_secs(15 * 60);

impl ServiceState {
    pub(super) fn open_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = call.target();
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
        let target = call.target();
        self.stream_target(&target)?;
        let Some(stream) = self.streams.get_mut(call.second).filter(|stream| stream.target == target) else {
            return Err(no_stream(call.second));
        };
        let (file_id, container) = self.containers.create(call.origin, self.clock.elapsed());
        stream.file_ids.push(file_id);
        Ok(ServiceResponse::json(StatusCode::OK, container.to_string()))
    }

    pub(super) fn close_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = call.target();
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
        let tasks = items.into_iter().map(|item| put(item, stamp)).collect::<Result<Vec<_>, _>>()?;
        self.enqueue(self.accepted(call, Some(call.second), stamp, self.clock.ordering_id(), tasks));
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
        let target = call.target();
        self.stream_target(&target)?;
        let (file_id, content) = content(&self.containers, call.query, self.clock.elapsed())?;
        let ItemBatch { add_or_update, delete, partial_update, .. } = json::item_batch(&content)?;
        let stamp = self.stamp();
        let mut tasks = add_or_update.into_iter().map(|item| put(item, stamp)).collect::<Result<Vec<_>, _>>()?;
        let patch = |BatchItem { document_id, json: update, .. }| Task::Patch { document_id, update };
        tasks.extend(partial_update.into_iter().map(patch));
        tasks.extend(delete.into_iter().map(indexing::delete));
        self.enqueue(self.accepted(call, Some(file_id), stamp, self.clock.ordering_id(), tasks));
        self.containers.committed(file_id, self.refuses_second_commit);
        Ok(receipt(StatusCode::ACCEPTED, stamp))
    }

    pub(super) fn merge_stream(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = call.target();
        self.stream_target(&target)?;
        let (file_id, content) = content(&self.containers, call.query, self.clock.elapsed())?;
        let items = json::item_batch(&content)?.add_or_merge;
        let stamp = self.stamp();
        let tasks = items.into_iter().map(|item| merge(item, stamp)).collect::<Result<Vec<_>, _>>()?;
        self.enqueue(self.accepted(call, Some(file_id), stamp, self.clock.ordering_id(), tasks));
        self.containers.committed(file_id, self.refuses_second_commit);
        Ok(receipt(StatusCode::ACCEPTED, stamp))
    }

    pub(super) fn delete_old_stream_items(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let target = call.target();
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
            SourceKey::Collection(id) => self.collections.get_mut(&**id).ok_or_else(|| {
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
}

fn no_stream(id: &str) -> Refusal {
    Refusal::without_code(StatusCode::NOT_FOUND, format!("No stream with id '{id}' is open."))
}

/// The ordering id is text, as the contract has it.
fn receipt(status: StatusCode, stamp: OrderingId) -> ServiceResponse {
    let body = json!({"orderingId": stamp.to_string(), "requestId": format!("fake-{stamp}")});
    ServiceResponse::json(status, body.to_string())
}
