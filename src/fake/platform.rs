//! The platform API: sources and the organization itself.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::api_call::ApiCall;
use super::json;
use super::organization::{CONTENT, SOURCES};
use super::query::{self, Pairs};
use super::response::{Refusal, ServiceResponse};
use super::source::{SourceKind, SourceState};
use super::state::ServiceState;
use crate::model::{DateTime, SourceStatus};
use crate::operation::Operation;

/// A page of a list: its entries, and the service's counts.
pub(super) struct Page {
    pub(super) first: usize,
    pub(super) per_page: usize,
    pub(super) total_pages: usize,
}

impl Page {
    pub(super) fn new(page: usize, per_page: usize, total: usize) -> Self {
        Self { first: page.saturating_mul(per_page), per_page, total_pages: total.div_ceil(per_page.max(1)) }
    }

    pub(super) fn of(query: &Pairs, total: usize) -> Result<Self, Refusal> {
        let page = query::parsed(query, "page")?.unwrap_or_default();
        let per_page: usize = query::parsed(query, "perPage")?.unwrap_or(100);
        if per_page == 0 {
            return Err(Refusal::bad_request("perPage must be at least 1."));
        }
        Ok(Self::new(page, per_page, total))
    }

    pub(super) fn take<T>(&self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.first).take(self.per_page).collect()
    }
}

impl ServiceState {
    /// A call of the platform API.
    pub(super) fn platform(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        match call.operation {
            Operation::ListSources => self.list_sources(call.query),
            Operation::CreateSource => self.create_source(call),
            Operation::GetSource => self.platform_source(call.resource).map(ok),
            Operation::UpdateSource => self.update_source(call),
            Operation::DeleteSource => self.delete_source(call.resource),
            Operation::CreateSecurityProvider => self.create_provider(call),
            Operation::GetSecurityProvider => self.provider_model(call.resource).map(ok),
            Operation::UpdateSecurityProvider => self.update_provider(call),
            Operation::DeleteSecurityProvider => self.delete_provider(call.resource),
            Operation::SearchFields => self.search_fields(call.body),
            Operation::CreateFields => self.create_fields(call.body),
            Operation::GetLimits => Ok(ok(self.limits())),
            Operation::GetOrganizationStatus => Ok(ok(self.status())),
            Operation::ResumeOrganization => {
                self.organization_state.is_paused = false;
                Ok(ServiceResponse::of(StatusCode::OK, "{}"))
            }
            Operation::EvaluatePrivilege => self.evaluate_privilege(call),
            Operation::GetIdentityState => self.identity_state(call),
            Operation::ListIdentityStates => self.identity_states(call),
            _ => Err(Refusal::without_code(StatusCode::NOT_FOUND, "Not Found")),
        }
    }

    fn list_sources(&self, query: &Pairs) -> Result<ServiceResponse, Refusal> {
        let filter = query::get(query, "filter");
        if filter.is_some_and(|filter| filter.chars().nth(1).is_none()) {
            return Err(Refusal::bad_request("filter must have at least 2 characters."));
        }
        let is_exact = query::get(query, "stringFilterType").is_some_and(|kind| kind == "EXACTMATCH");
        let is_wanted = |name: &str| match filter {
            Some(filter) if is_exact => name == filter,
            Some(filter) => name.to_lowercase().contains(&filter.to_lowercase()),
            None => true,
        };
        let wanted = self.sources.iter().filter(|(id, source)| is_wanted(source.name(id)));
        let models: Vec<Value> = wanted.map(|(id, source)| self.source_model(id, source)).collect();
        let total = models.len();
        let page = Page::of(query, total)?;
        let total_pages = page.total_pages;
        Ok(ok(json!({"sourceModels": page.take(models), "totalEntries": total, "totalPages": total_pages})))
    }

    fn create_source(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        query::flag(call.query, "rebuild")?;
        let config: Map<String, Value> = json::read(call.body)?;
        let Some(name) = text(&config, "name").filter(|name| !name.trim().is_empty()) else {
            return Err(Refusal::bad_request("A source needs a name."));
        };
        if self.sources.iter().any(|(id, source)| source.name(id) == name) {
            return Err(Refusal::bad_request(format!("A source with the name '{name}' exists.")));
        }
        if self.sources.len() as u64 >= self.organization_state.limit(SOURCES) {
            return Err(Refusal::limit_exceeded(SOURCES));
        }
        let is_stream = config.get("streamEnabled") == Some(&Value::Bool(true));
        let kind = match text(&config, "sourceType") {
            Some("PUSH") if is_stream => SourceKind::StreamEnabled,
            Some("PUSH") => SourceKind::Push,
            Some("CATALOG") => SourceKind::Catalog { is_configured: false },
            _ => return Err(Refusal::bad_request("The sourceType must be PUSH or CATALOG here.")),
        };
        let mut source = SourceState::new(kind, is_secured(&config)?);
        source.config = config;
        source.config.insert("createdDate".to_owned(), millis(self).into());
        let random: String = self.containers.another_id().chars().filter(|c| *c != '-').take(26).collect();
        let id = format!("{}-{random}", self.organization);
        let model = self.source_model(&id, &source);
        self.sources.insert(id, source);
        Ok(ServiceResponse::json(StatusCode::CREATED, model.to_string()))
    }

    fn platform_source(&self, id: &str) -> Result<Value, Refusal> {
        self.sources.get(id).map(|source| self.source_model(id, source)).ok_or_else(|| no_source(id))
    }

    fn update_source(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        query::flag(call.query, "rebuild")?;
        let mut config: Map<String, Value> = json::read(call.body)?;
        let secured = is_secured(&config)?;
        let id = call.resource;
        let source = self.sources.get_mut(id).ok_or_else(|| no_source(id))?;
        if text(&config, "id").is_some_and(|given| given != id) || text(&config, "name") != Some(source.name(id)) {
            return Err(Refusal::bad_request("The id and the name of a source cannot be changed."));
        }
        // The service tells it, and nobody sets it.
        config.remove("information");
        (source.config, source.is_secured) = (config, secured);
        self.platform_source(id).map(ok)
    }

    fn delete_source(&mut self, id: &str) -> Result<ServiceResponse, Refusal> {
        let model = self.platform_source(id)?;
        self.sources.remove(id);
        self.streams.retain(|_, stream| **stream.target.id() != *id);
        Ok(ok(model))
    }

    /// A source as the platform has it: as it was created or updated last, with the fields that the service adds.
    fn source_model(&self, id: &str, source: &SourceState) -> Value {
        let (source_type, feed) = match source.kind {
            SourceKind::Push => ("PUSH", "pushEnabled"),
            SourceKind::StreamEnabled => ("PUSH", "streamEnabled"),
            SourceKind::Catalog { .. } | SourceKind::Collection => ("CATALOG", "streamEnabled"),
        };
        let mut model = json!({
            "name": source.name(id),
            "sourceType": source_type,
            "sourceVisibility": if source.is_secured { "SECURED" } else { "SHARED" },
            feed: true,
            "mappings": [],
        });
        let state = match source.status {
            Some(SourceStatus::Rebuild | SourceStatus::Refresh | SourceStatus::Incremental) => "REFRESHING",
            Some(SourceStatus::Idle) | None if source.kind == SourceKind::Push => "PUSH_READY",
            Some(SourceStatus::Idle) | None => "IDLE",
        };
        let information = json!({
            "sourceStatus": {"type": state},
            "numberOfDocuments": source.items.len(),
            "rebuildRequired": false,
        });
        if let Some(object) = model.as_object_mut() {
            object.extend(source.config.clone());
            object.insert("id".to_owned(), id.into());
            object.insert("information".to_owned(), information);
        }
        model
    }

    fn limits(&self) -> Value {
        let updated = DateTime::from(self.clock.now());
        let limits = self.organization_state.limits.iter().map(|(key, limit)| {
            let used = match key.as_str() {
                super::organization::SOURCES => self.sources.len(),
                super::organization::PROVIDERS => self.providers.len(),
                _ => 0,
            };
            (key.clone(), json!({"actualCount": used, "limit": limit, "lastUpdate": updated.as_str()}))
        });
        json!({ CONTENT: limits.collect::<Map<String, Value>>() })
    }

    fn status(&self) -> Value {
        let is_paused = self.organization_state.is_paused;
        json!({
            "status": "HEALTHY",
            "pauseState": if is_paused { "PAUSED" } else { "ACTIVE" },
            "paused": is_paused,
            "readOnly": false,
            "resumable": is_paused,
        })
    }

    fn evaluate_privilege(&self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let body: Map<String, Value> = json::read(call.body)?;
        if text(&body, "organizationId") != Some(&self.organization) {
            return Err(Refusal::bad_request("The organizationId is not that of this organization."));
        }
        let requested = body.get("requestedPrivilege").and_then(Value::as_object);
        if !requested
            .is_some_and(|requested| ["owner", "targetDomain"].iter().all(|key| text(requested, key).is_some()))
        {
            return Err(Refusal::bad_request("The requestedPrivilege needs an owner and a targetDomain."));
        }
        Ok(ok(json!({"approved": !self.organization_state.push_keys.contains(call.key)})))
    }
}

impl SourceState {
    /// The name: the id, unless it was created with another.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        text(&self.config, "name").unwrap_or(id)
    }
}

pub(super) fn ok(json: Value) -> ServiceResponse {
    ServiceResponse::json(StatusCode::OK, json.to_string())
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}

fn is_secured(config: &Map<String, Value>) -> Result<bool, Refusal> {
    match text(config, "sourceVisibility") {
        Some("SECURED") => Ok(true),
        Some("PRIVATE" | "SHARED") => Ok(false),
        _ => Err(Refusal::bad_request("The sourceVisibility must be PRIVATE, SECURED or SHARED.")),
    }
}

fn no_source(id: &str) -> Refusal {
    Refusal::without_code(StatusCode::NOT_FOUND, format!("Source with id '{id}' was not found."))
}

/// The time in milliseconds, as the platform writes most of its dates.
fn millis(state: &ServiceState) -> u64 {
    state.clock.ordering_id().get()
}
