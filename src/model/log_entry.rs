use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{DateTime, LogOperation, LogResult, LogTask, OrderingId};

/// An entry of the logs of the indexing pipeline: [`Logs::search`](crate::Logs::search).
///
/// Properties that the service leaves out are empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntry {
    /// The id of the entry.
    #[serde(default, deserialize_with = "text")]
    pub guid: String,
    /// The document id of the item. An entry about a batch names its file here.
    #[serde(default, deserialize_with = "text")]
    pub id: String,
    /// The organization.
    #[serde(default, deserialize_with = "text")]
    pub organization_id: String,
    /// The source.
    #[serde(default, deserialize_with = "text")]
    pub source_id: String,
    /// The indexing pipeline extension, in an entry of [`LogTask::Extension`].
    #[serde(default, deserialize_with = "text")]
    pub resource_id: String,
    /// The stage.
    pub task: LogTask,
    /// The operation.
    pub operation: LogOperation,
    /// How the stage ended.
    pub result: LogResult,
    /// When the stage ended.
    pub datetime: DateTime,
    /// The id of the request that got the entry, which is not that of the push.
    #[serde(default, deserialize_with = "text")]
    pub request_id: String,
    /// More about it, such as `error` (text), `duration` (seconds, as text) and `orderingid`.
    #[serde(default, deserialize_with = "object")]
    pub meta: Map<String, Value>,
}

impl LogEntry {
    /// An entry about an item, now.
    #[must_use]
    pub fn new(id: impl Into<String>, task: LogTask, operation: LogOperation, result: LogResult) -> Self {
        Self {
            guid: String::new(),
            id: id.into(),
            organization_id: String::new(),
            source_id: String::new(),
            resource_id: String::new(),
            task,
            operation,
            result,
            datetime: SystemTime::now().into(),
            request_id: String::new(),
            meta: Map::new(),
        }
    }

    /// Sets the id of the entry.
    #[must_use]
    pub fn guid(mut self, guid: impl Into<String>) -> Self {
        self.guid = guid.into();
        self
    }

    /// Sets the source.
    #[must_use]
    pub fn source_id(mut self, id: impl Into<String>) -> Self {
        self.source_id = id.into();
        self
    }

    /// Sets the time.
    #[must_use]
    pub fn datetime(mut self, time: impl Into<DateTime>) -> Self {
        self.datetime = time.into();
        self
    }

    /// Sets one value of [`meta`](Self::meta).
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// When the stage ended; `None` if the date cannot be read.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        self.datetime.to_system_time()
    }

    /// Why the stage did not complete: the text of `error` in [`meta`](Self::meta), or else all of it as JSON. Empty
    /// when there is nothing.
    #[must_use]
    pub fn reason(&self) -> String {
        match self.get("error") {
            Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
            _ if self.meta.is_empty() => String::new(),
            _ => Value::Object(self.meta.clone()).to_string(),
        }
    }

    /// The ordering id of the operation, where the entry tells it. Entries of the Stream API do.
    #[must_use]
    pub fn ordering_id(&self) -> Option<OrderingId> {
        let id = self.get("orderingid")?;
        OrderingId::deserialize(id).ok().filter(|id| id.get() > 0)
    }

    /// Whether the entry says that something went wrong: [`Error`](LogResult::Error),
    /// [`Rejected`](LogResult::Rejected), [`Warning`](LogResult::Warning) or [`Skipped`](LogResult::Skipped).
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(self.result, LogResult::Error | LogResult::Rejected | LogResult::Warning | LogResult::Skipped)
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.meta.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }
}

/// Text, or nothing for null.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// An object, or nothing for anything else.
fn object<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Object(object) => object,
        _ => Map::new(),
    })
}
