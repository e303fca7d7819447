//! The security identity providers of the platform API, and the security cache.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::api_call::ApiCall;
use super::json;
use super::organization::PROVIDERS;
use super::platform::{Page, ok, text};
use super::provider::{CachedIdentity, EMAIL_PROVIDER, ProviderState, no_provider};
use super::query;
use super::response::{Refusal, ServiceResponse};
use super::state::ServiceState;
use crate::model::{DateTime, OrderingId, SecurityIdentityType};

impl ServiceState {
    pub(super) fn create_provider(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let config: Map<String, Value> = json::read(call.body)?;
        let Some(id) = text(&config, "id").filter(|id| !id.trim().is_empty()).map(str::to_owned) else {
            return Err(Refusal::bad_request("A security identity provider needs an id."));
        };
        if self.providers.contains_key(&id) {
            return Err(Refusal::bad_request(format!("A security identity provider with the id '{id}' exists.")));
        }
        if self.providers.len() as u64 >= self.organization_state.limit(PROVIDERS) {
            return Err(Refusal::limit_exceeded(PROVIDERS));
        }
        self.put_provider(&id, config)
    }

    pub(super) fn update_provider(&mut self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        self.put_provider(call.resource, json::read(call.body)?)
    }

    fn put_provider(&mut self, id: &str, mut config: Map<String, Value>) -> Result<ServiceResponse, Refusal> {
        if text(&config, "id").is_some_and(|given| given != id) {
            return Err(Refusal::bad_request("The id of a security identity provider cannot be changed."));
        }
        if text(&config, "type").is_none() {
            return Err(Refusal::bad_request("A security identity provider needs a type."));
        }
        for told in ["statistics", "currentStatus"] {
            config.remove(told);
        }
        if self.providers.is_empty() && self.default_provider == EMAIL_PROVIDER {
            id.clone_into(&mut self.default_provider);
        }
        self.providers.entry(id.to_owned()).or_default().config = config;
        self.provider_model(id).map(ok)
    }

    pub(super) fn provider_model(&self, id: &str) -> Result<Value, Refusal> {
        let provider = self.providers.get(id).ok_or_else(|| no_provider(id))?;
        let mut model = json!({"displayName": id, "type": "EXPANDED", "nodeRequired": false, "referencedBy": []});
        let errors = provider.cached().filter(|cached| cached.error.is_some()).count();
        let statistics = json!({
            "totalNumberOfEntities": provider.identities.len(),
            "numberOfEntitiesInError": errors,
        });
        if let Some(object) = model.as_object_mut() {
            object.extend(provider.config.clone());
            object.insert("id".to_owned(), id.into());
            object.insert("statistics".to_owned(), statistics);
            object.insert("currentStatus".to_owned(), json!({"type": "IDLE", "numberOfEntitiesInError": errors}));
        }
        Ok(model)
    }

    pub(super) fn delete_provider(&mut self, id: &str) -> Result<ServiceResponse, Refusal> {
        self.providers.remove(id).ok_or_else(|| no_provider(id))?;
        Ok(ServiceResponse::nothing())
    }

    pub(super) fn identity_state(&self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let provider = self.providers.get(call.resource).ok_or_else(|| no_provider(call.resource))?;
        let body: Map<String, Value> = json::read(call.body)?;
        let (name, word) = (text(&body, "name").unwrap_or_default(), text(&body, "type").unwrap_or_default());
        let identity_type: SecurityIdentityType =
            word.parse().map_err(|_| Refusal::bad_request(format!("'{word}' is not a type of an identity.")))?;
        let cached = provider.cached_identity(name, identity_type);
        let cached = cached.ok_or_else(|| {
            Refusal::without_code(StatusCode::NOT_FOUND, format!("The identity '{name}' was not found."))
        })?;
        Ok(ok(model(call.resource, &cached)))
    }

    pub(super) fn identity_states(&self, call: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let provider = self.providers.get(call.resource).ok_or_else(|| no_provider(call.resource))?;
        let states = query::get(call.query, "states");
        let time = |name: &str| -> Result<Option<OrderingId>, Refusal> {
            let Some(text) = query::get(call.query, name) else { return Ok(None) };
            let time = DateTime::from(text).to_system_time().map(OrderingId::from_time);
            time.map(Some).ok_or_else(|| Refusal::bad_request(format!("'{text}' is not a valid value for '{name}'.")))
        };
        let (from, to) = (time("from")?, time("to")?);
        let is_wanted = |cached: &CachedIdentity<'_>| {
            states.is_none_or(|states| states.split(',').any(|state| state == cached.state()))
                && from.is_none_or(|from| cached.updated >= Some(from))
                && to.is_none_or(|to| cached.updated <= Some(to))
        };
        let all: Vec<Value> = provider.cached().filter(is_wanted).map(|it| model(call.resource, &it)).collect();
        let total = all.len();
        let page = Page::of(call.query, total)?;
        let total_pages = page.total_pages;
        let items = page.take(all);
        Ok(ok(match query::flag(call.query, "usePageModel")? {
            Some(true) => json!({"items": items, "totalEntries": total, "totalPages": total_pages}),
            _ => items.into(),
        }))
    }
}

/// An identity as the security cache shows it.
fn model(provider: &str, cached: &CachedIdentity<'_>) -> Value {
    let infos = cached.identity.additional_info.iter().flatten();
    let infos: Vec<Value> = infos.map(|(key, value)| json!({"key": key, "value": value})).collect();
    let mut model = json!({
        "name": cached.identity.name,
        "type": cached.identity.identity_type.in_permission(),
        "provider": provider,
        "infos": infos,
        "state": cached.state(),
        "lastUpdateResult": cached.result(),
    });
    if let Some(object) = model.as_object_mut() {
        object.extend(cached.updated.map(|at| ("lastUpdateDate".to_owned(), at.get().into())));
        object.extend(cached.error.map(|why| ("lastUpdateErrorDetail".to_owned(), why.into())));
    }
    model
}

impl ProviderState {
    /// All identities of the cache: those that were pushed, and those that they name.
    fn cached(&self) -> impl Iterator<Item = CachedIdentity<'_>> {
        let named = self.identities.values().flat_map(|known| known.members().iter().chain(known.well_knowns()));
        let mut seen = std::collections::BTreeSet::new();
        let named = named.filter(move |identity| seen.insert((&identity.name, identity.identity_type)));
        let named = named.filter(|identity| !self.has(identity)).map(CachedIdentity::named);
        self.identities.values().map(CachedIdentity::pushed).chain(named)
    }

    fn cached_identity(&self, name: &str, identity_type: SecurityIdentityType) -> Option<CachedIdentity<'_>> {
        self.cached().find(|cached| cached.identity.name == name && cached.identity.identity_type == identity_type)
    }
}
