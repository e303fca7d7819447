//! A call of the API, and the parts of the state that it names.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::containers::Containers;
use super::query::{self, Pairs};
use super::response::Refusal;
use super::source::{SourceKey, SourceState};
use crate::operation::Operation;

/// A call of the API.
pub(super) struct ApiCall<'a> {
    pub(super) operation: Operation,
    /// The id of the source, the provider or the data collection.
    pub(super) resource: &'a str,
    /// What follows it in the path: the id of a stream, or the boundary of a deletion.
    pub(super) second: &'a str,
    pub(super) query: &'a Pairs,
    pub(super) body: &'a Bytes,
    pub(super) origin: &'a str,
    /// The key, which is valid.
    pub(super) key: &'a str,
}

impl ApiCall<'_> {
    /// The source or data collection in the path.
    pub(super) fn target(&self) -> SourceKey {
        let id = self.resource.into();
        if self.operation.path().contains("{dataCollectionId}") {
            SourceKey::Collection(id)
        } else {
            SourceKey::Source(id)
        }
    }
}

/// A source of the Push API.
pub(super) fn push_source<'a>(
    sources: &'a mut BTreeMap<String, SourceState>,
    id: &str,
) -> Result<&'a mut SourceState, Refusal> {
    let source = source(sources, id)?;
    if source.kind.is_stream() {
        let message = format!("Source with id '{id}' is stream enabled.");
        return Err(Refusal::new(StatusCode::PRECONDITION_FAILED, "SOURCE_IS_STREAM_ENABLED", message));
    }
    Ok(source)
}

/// A source of whatever kind.
pub(super) fn source<'a>(
    sources: &'a mut BTreeMap<String, SourceState>,
    id: &str,
) -> Result<&'a mut SourceState, Refusal> {
    sources.get_mut(id).ok_or_else(|| {
        let message = format!("Source with id '{id}' does not exist.");
        Refusal::new(StatusCode::PRECONDITION_FAILED, "SOURCE_DOES_NOT_EXIST", message)
    })
}

/// The content of the container of a batch.
pub(super) fn content<'a>(
    containers: &Containers,
    query: &'a Pairs,
    now: Duration,
) -> Result<(&'a str, Bytes), Refusal> {
    let file_id = query::required(query, "fileId")?;
    let content = containers.content(file_id, now).ok_or_else(|| {
        let message = format!("The file container '{file_id}' is unknown, empty, expired or used up.");
        Refusal::invalid_parameter(message)
    })?;
    Ok((file_id, content))
}

/// How long a deletion is delayed.
pub(super) fn queue_delay(query: &Pairs) -> Result<Duration, Refusal> {
    const DEFAULT_MINUTES: u32 = 15;
    let minutes = query::parsed::<u32>(query, "queueDelay")?.unwrap_or(DEFAULT_MINUTES);
    if i32::try_from(minutes).is_err() {
        return Err(Refusal::invalid_parameter("The queueDelay is too long."));
    }
    Ok(Duration::from_secs(u64::from(minutes) * 60))
}
