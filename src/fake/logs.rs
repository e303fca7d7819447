//! The requests of the logs.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::api_call::ApiCall;
use super::json;
use super::pipeline::Logged;
use super::query::{self, Pairs};
use super::response::{Refusal, ServiceResponse};
use super::state::ServiceState;
use crate::model::{DateTime, LogCounts, LogOperation, LogResult, LogTask};

/// The longest range of a request.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The most entries of a page.
const MOST: usize = 10_000;

/// The body of a request. The service ignores keys that it does not know.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    tasks: Vec<LogTask>,
    operations: Vec<LogOperation>,
    results: Vec<LogResult>,
    sources_ids: Vec<String>,
    resource_ids: Vec<String>,
    exclude_tasks: Vec<LogTask>,
    exclude_operations: Vec<LogOperation>,
    exclude_results: Vec<LogResult>,
    exclude_source_ids: Vec<String>,
    exclude_resource_ids: Vec<String>,
}

/// The filters of a request.
struct Wanted {
    from: SystemTime,
    to: SystemTime,
    filter: Filter,
    document_id: Option<String>,
    matching: Matching,
}

enum Matching {
    Exact,
    Partial,
    Wildcard,
}

impl ServiceState {
    pub(super) fn search_logs(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let wanted = Wanted::read(call)?;
        let page = query::parsed::<usize>(call.query, "page")?.unwrap_or(0);
        let per_page = query::parsed::<usize>(call.query, "perPage")?.unwrap_or(50).min(MOST);
        if per_page == 0 {
            return Err(Refusal::invalid_parameter("'0' is not a valid value for 'perPage'."));
        }
        let entries = self.pipeline.log.entries(self.clock.now());
        let mut entries = entries.filter(|entry| wanted.has(entry)).skip(page.saturating_mul(per_page));
        let found: Vec<_> = entries.by_ref().take(per_page).map(|entry| entry.entry()).collect();
        let request_id = self.containers.another_id();
        let found = found.into_iter().map(|mut entry| {
            entry.organization_id.clone_from(&self.organization);
            entry.request_id.clone_from(&request_id);
            entry
        });
        let found: Vec<_> = found.collect();
        let entries = self.pipeline.log.entries(self.clock.now());
        let after = page.saturating_add(1).saturating_mul(per_page);
        let has_next_page = entries.filter(|entry| wanted.has(entry)).nth(after).is_some();
        let body = json!({"documentLogEntries": found, "hasNextPage": has_next_page});
        Ok(ServiceResponse::json(StatusCode::OK, body.to_string()))
    }

    pub(super) fn count_logs(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        fn count<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, key: &K) {
            match counts.get_mut(key) {
                Some(count) => *count += 1,
                None => drop(counts.insert(key.clone(), 1)),
            }
        }

        let wanted = Wanted::read(call)?;
        let mut counts = LogCounts::default();
        for entry in self.pipeline.log.entries(self.clock.now()).filter(|entry| wanted.has(entry)) {
            count(&mut counts.tasks, entry.task());
            count(&mut counts.operations, entry.operation());
            count(&mut counts.results, entry.result());
            count(&mut counts.source_ids, &entry.source().to_owned());
            if !entry.resource().is_empty() {
                count(&mut counts.resource_ids, &entry.resource().to_owned());
            }
        }
        Ok(ServiceResponse::json(StatusCode::OK, json!(counts).to_string()))
    }
}

impl Wanted {
    fn read(call: &ApiCall<'_>) -> Result<Self, Refusal> {
        let (from, to) = (time(call.query, "from")?, time(call.query, "to")?);
        match to.duration_since(from) {
            Ok(range) if range <= WEEK => {}
            _ => return Err(Refusal::invalid_parameter("'to' must be within one week of 'from'.")),
        }
        let filter: Filter = json::read(call.body)?;
        let document_id = query::get(call.query, "documentId").map(str::to_owned);
        let matching = match query::get(call.query, "documentIdMatching") {
            None | Some("EXACT") => Matching::Exact,
            Some("PARTIAL") => Matching::Partial,
            Some("WILDCARD") => Matching::Wildcard,
            Some(other) => {
                let message = format!("'{other}' is not a valid value for 'documentIdMatching'.");
                return Err(Refusal::invalid_parameter(message));
            }
        };
        Ok(Self { from, to, filter, document_id, matching })
    }

    fn has(&self, entry: &Logged<'_>) -> bool {
        fn is_wanted<T>(included: &[T], excluded: &[T], is: impl Fn(&T) -> bool) -> bool {
            if included.is_empty() { !excluded.iter().any(is) } else { included.iter().any(is) }
        }

        let filter = &self.filter;
        (self.from..=self.to).contains(&entry.time())
            && is_wanted(&filter.tasks, &filter.exclude_tasks, |task| task == entry.task())
            && is_wanted(&filter.operations, &filter.exclude_operations, |operation| operation == entry.operation())
            && is_wanted(&filter.results, &filter.exclude_results, |result| result == entry.result())
            && is_wanted(&filter.sources_ids, &filter.exclude_source_ids, |id| id == entry.source())
            && is_wanted(&filter.resource_ids, &filter.exclude_resource_ids, |id| id == entry.resource())
            && self.document_id.as_ref().is_none_or(|wanted| match self.matching {
                Matching::Exact => wanted == entry.id(),
                Matching::Partial => entry.id().contains(wanted.as_str()),
                Matching::Wildcard => matches(wanted.as_bytes(), entry.id().as_bytes()),
            })
    }
}

fn time(query: &Pairs, name: &str) -> Result<SystemTime, Refusal> {
    let text = query::required(query, name)?;
    let time = DateTime::from(text).to_system_time();
    time.ok_or_else(|| Refusal::invalid_parameter(format!("'{text}' is not a valid value for '{name}'.")))
}

/// `*` stands for one or more, `?` for one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), Some((_, tail))) => matches(rest, tail) || matches(pattern, tail),
        (Some((b'?', rest)), Some((_, tail))) => matches(rest, tail),
        (Some((wanted, rest)), Some((given, tail))) => wanted == given && matches(rest, tail),
        (None, Some(_)) | (Some(_), None) => false,
    }
}
