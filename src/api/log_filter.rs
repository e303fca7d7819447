//! The filters of the requests of the logs, and their time ranges.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::call::{ApiRequest, query};
use crate::error::{ConfigError, Error};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::{DateTime, LogEntry, LogOperation, LogResult, LogTask};
use crate::operation::Operation;

/// The longest range of one request.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How the [document id](crate::request::SearchLogs::document_id) of a search is compared with those of the entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DocumentIdMatching {
    /// They are equal.
    #[default]
    Exact,
    /// It is a part of theirs.
    Partial,
    /// It is a pattern: `*` stands for one or more characters, `?` for one.
    Wildcard,
}

impl DocumentIdMatching {
    fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "EXACT",
            Self::Partial => "PARTIAL",
            Self::Wildcard => "WILDCARD",
        }
    }
}

/// The body of the requests. An empty list filters nothing.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogFilter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tasks: Vec<LogTask>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) operations: Vec<LogOperation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) results: Vec<LogResult>,
    /// The service spells it so, and knows no `sourceIds`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) sources_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_tasks: Vec<LogTask>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_operations: Vec<LogOperation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_results: Vec<LogResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_source_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) exclude_resource_ids: Vec<String>,
}

impl LogFilter {
    /// Whether an entry is one that was asked for. The service ignores a key that it does not know, and would then
    /// return the entries of all sources.
    pub(super) fn matches(&self, entry: &LogEntry) -> bool {
        /// An included value counts before an excluded one.
        fn has<T: PartialEq>(included: &[T], excluded: &[T], value: &T) -> bool {
            if included.is_empty() { !excluded.contains(value) } else { included.contains(value) }
        }

        has(&self.tasks, &self.exclude_tasks, &entry.task)
            && has(&self.operations, &self.exclude_operations, &entry.operation)
            && has(&self.results, &self.exclude_results, &entry.result)
            && has(&self.sources_ids, &self.exclude_source_ids, &entry.source_id)
            && has(&self.resource_ids, &self.exclude_resource_ids, &entry.resource_id)
    }
}

/// A search or a count that is being built.
#[derive(Debug, Clone)]
pub(crate) struct LogQuery {
    kernel: Kernel,
    pub(crate) from: SystemTime,
    to: SystemTime,
    pub(super) filter: LogFilter,
    pub(super) document_id: Option<(String, DocumentIdMatching)>,
    pub(crate) settings: CallSettings,
}

impl LogQuery {
    pub(super) fn new(kernel: &Kernel, from: SystemTime, to: SystemTime) -> Self {
        let (filter, settings) = (LogFilter::default(), CallSettings::default());
        Self { kernel: kernel.clone(), from, to, filter, document_id: None, settings }
    }

    /// The range in parts of a week at most, of which no two share a millisecond.
    pub(super) fn windows(&self) -> Result<VecDeque<(SystemTime, SystemTime)>, Error> {
        if self.from > self.to {
            let (from, to) = (DateTime::from(self.from), DateTime::from(self.to));
            return Err(ConfigError::new(format!("the range of the logs begins at {from}, after its end {to}")).into());
        }
        let (mut windows, mut from) = (VecDeque::new(), self.from);
        while from < self.to {
            let to = from.checked_add(WEEK).map_or(self.to, |to| to.min(self.to));
            windows.push_back((from, to));
            from = to + Duration::from_millis(1);
        }
        Ok(windows)
    }

    pub(super) fn request(&self, operation: Operation, (from, to): (SystemTime, SystemTime)) -> ApiRequest {
        let mut request = ApiRequest::new(&self.kernel, operation, PathParams::organization())
            .with(query::FROM, DateTime::from(from))
            .with(query::TO, DateTime::from(to))
            .json(serde_json::to_vec(&self.filter), "the filter of the logs");
        if let Some((id, matching)) = &self.document_id {
            request.set(query::DOCUMENT_ID, id);
            if *matching != DocumentIdMatching::Exact {
                request.set(query::DOCUMENT_ID_MATCHING, matching.as_str());
            }
        }
        request.settings = self.settings.clone();
        request
    }
}

/// Closes the range at the time of a response, so that no new entry moves the pages, and leaves out future entries.
pub(super) fn close(windows: &mut VecDeque<(SystemTime, SystemTime)>, server_time: Option<SystemTime>) {
    // The service tells its time in whole seconds, rounded down.
    let Some(now) = server_time.and_then(|time| time.checked_add(Duration::from_secs(1))) else { return };
    windows.retain_mut(|(from, to)| {
        *to = now.min(*to);
        from < to
    });
}

/// The filters that a search and a count have. Each can be called several times, for several values.
macro_rules! log_filters {
    ($($name:ident),+) => {
        $(impl $name {
            /// Only entries of this source.
            pub fn source(mut self, id: impl Into<String>) -> Self {
                self.query.filter.sources_ids.push(id.into());
                self
            }

            /// Only entries of this stage.
            pub fn task(mut self, task: LogTask) -> Self {
                self.query.filter.tasks.push(task);
                self
            }

            /// Only entries of this operation.
            pub fn operation(mut self, operation: LogOperation) -> Self {
                self.query.filter.operations.push(operation);
                self
            }

            /// Only entries with this result.
            pub fn result(mut self, result: LogResult) -> Self {
                self.query.filter.results.push(result);
                self
            }

            /// Only entries that say that something went wrong: errors, rejected and skipped operations, and warnings.
            pub fn errors(mut self) -> Self {
                let results = [LogResult::Error, LogResult::Rejected, LogResult::Warning, LogResult::Skipped];
                self.query.filter.results.extend(results);
                self
            }

            /// Only entries of this indexing pipeline extension.
            pub fn resource(mut self, id: impl Into<String>) -> Self {
                self.query.filter.resource_ids.push(id.into());
                self
            }

            /// No entries of this source. A [`source`](Self::source) counts before it.
            pub fn exclude_source(mut self, id: impl Into<String>) -> Self {
                self.query.filter.exclude_source_ids.push(id.into());
                self
            }

            /// No entries of this stage. A [`task`](Self::task) counts before it.
            pub fn exclude_task(mut self, task: LogTask) -> Self {
                self.query.filter.exclude_tasks.push(task);
                self
            }

            /// No entries of this operation. An [`operation`](Self::operation) counts before it.
            pub fn exclude_operation(mut self, operation: LogOperation) -> Self {
                self.query.filter.exclude_operations.push(operation);
                self
            }

            /// No entries with this result. A [`result`](Self::result) counts before it.
            pub fn exclude_result(mut self, result: LogResult) -> Self {
                self.query.filter.exclude_results.push(result);
                self
            }

            /// No entries of this indexing pipeline extension. A [`resource`](Self::resource) counts before it.
            pub fn exclude_resource(mut self, id: impl Into<String>) -> Self {
                self.query.filter.exclude_resource_ids.push(id.into());
                self
            }

            /// Only entries of the item with this document id. The last one counts.
            pub fn document_id(self, id: impl Into<String>) -> Self {
                self.document_id_like(id, DocumentIdMatching::Exact)
            }

            /// Only entries of items whose document ids match this text. The last one counts.
            pub fn document_id_like(mut self, id: impl Into<String>, matching: DocumentIdMatching) -> Self {
                self.query.document_id = Some((id.into(), matching));
                self
            }
        })+
    };
}

pub(super) use log_filters;
