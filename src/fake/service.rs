//! The rules of the service: carries out requests and delayed tasks.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use super::api_call::{ApiCall, content, push_source, queue_delay};
use super::containers::Expiry;
use super::indexing::{delete, put};
use super::item::PushedItem;
use super::json::{self, Object};
use super::pipeline::{Accepted, Task};
use super::provider::{ProviderState, no_provider};
use super::query::{self, Pairs};
use super::response::{Refusal, ServiceResponse};
use super::router::Route;
use super::source::SourceKey;
use super::state::{Delayed, DelayedTask, ReceivedRequest, ServiceState};
use crate::model::{
    BatchIdentityBody, CompressionType, IdentityBody, MappedIdentityBody, OrderingId, SourceStatus,
    document_keys as key,
};
use crate::operation::{Host, Operation};
use crate::preflight::limit;

impl ServiceState {
    /// Carries out the delayed tasks that are due.
    pub(super) fn settle(&mut self) {
        let now = self.clock.elapsed();
        let mut due: Vec<Delayed> = self.delayed.extract_if(.., |delayed| delayed.due <= now).collect();
        due.sort_by_key(|delayed| delayed.due);
        for Delayed { task, .. } in due {
            match task {
                DelayedTask::DeleteOldItems { source, older_than } => {
                    let items = match &source {
                        SourceKey::Source(id) => self.sources.get_mut(&**id),
                        SourceKey::Collection(id) => self.collections.get_mut(&**id),
                    };
                    items.into_iter().for_each(|items| items.delete_older(older_than));
                    self.note_old_items_deleted(&source, older_than);
                }
                DelayedTask::Index { accepted, delay } => self.index(accepted, delay),
                DelayedTask::DisableOldIdentities { provider, older_than } => {
                    let now = self.clock.ordering_id();
                    if let Ok(provider) = self.provider(&provider, now) {
                        provider.disable_older(older_than);
                    }
                }
                DelayedTask::Request { request, body, origin } => {
                    // Nothing waits for the response any more.
                    let _ = self.work(&request, &body, &origin);
                }
            }
        }
    }

    /// Carries out a request, or refuses it. Call [`settle`](Self::settle) before.
    pub(super) fn work(&mut self, request: &ReceivedRequest, body: &Bytes, origin: &str) -> ServiceResponse {
        let ReceivedRequest { route, head, effect } = request;
        if effect.expiry.is_some() {
            let named = query::get(&head.query, "fileId");
            let file_id = if let Route::Storage { file_id } = route { Some(file_id.as_str()) } else { named };
            file_id.into_iter().for_each(|file_id| self.containers.expire(file_id));
        }
        match route {
            Route::Nothing(refusal) => refusal.as_json(),
            Route::NothingInStorage(refusal) => refusal.as_xml(request.signature()),
            Route::Storage { file_id } => {
                let signature = query::get(&head.query, "X-Amz-Signature");
                let now = self.clock.elapsed();
                let expiry = effect.expiry.unwrap_or(Expiry::AccessDenied);
                self.containers
                    .upload(file_id, signature, &head.headers, body, now, expiry)
                    .unwrap_or_else(|refusal| refusal.as_xml(request.signature()))
            }
            Route::Api { operation, organization, params } => {
                let (resource, second) = (params.resource(), params.second());
                let (operation, query) = (*operation, &head.query);
                let admitted = self.admit(operation, organization, &head.headers, body);
                let request = |key| ApiCall { operation, resource, second, query, body, origin, key };
                admitted.and_then(|key| self.carry_out(&request(key))).unwrap_or_else(|refusal| refusal.as_json())
            }
        }
    }

    /// The rules for all calls of the API. Returns the key of the request.
    fn admit<'a>(
        &self,
        operation: Operation,
        organization: &str,
        headers: &'a HeaderMap,
        body: &Bytes,
    ) -> Result<&'a str, Refusal> {
        let has_length = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
        let needs_length = !matches!(operation.method(), Method::DELETE | Method::GET);
        if needs_length && body.is_empty() && !has_length {
            return Err(Refusal::without_code(StatusCode::LENGTH_REQUIRED, "Length Required"));
        }
        let Some(authorization) = headers.get(AUTHORIZATION) else {
            let message = "The request has no Authorization header.";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message));
        };
        let token = authorization.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let Some(token) = token.filter(|token| self.keys.iter().any(|key| key == token)) else {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "INVALID_TOKEN", "The token is not valid."));
        };
        if organization != self.organization && operation.path().contains("{organizationId}") {
            let message = format!("Organization with id '{organization}' was not found.");
            return Err(Refusal::new(StatusCode::NOT_FOUND, "ORGANIZATION_NOT_FOUND", message));
        }
        if operation.privilege().is_some() && self.organization_state.push_keys.contains(token) {
            let message = "The token does not have the privilege for this operation.";
            return Err(Refusal::new(StatusCode::FORBIDDEN, "ACCESS_DENIED", message));
        }
        if operation.host() == Host::Push && self.organization_state.is_paused {
            let message = "The organization is paused.";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "ORGANIZATION_IS_PAUSED", message));
        }
        if body.len() > limit::REQUEST_BYTES {
            return Err(Refusal::too_large("The request is too large."));
        }
        let is_json = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|text| {
            let media_type = text.split(';').next().unwrap_or_default().trim();
            media_type.eq_ignore_ascii_case("application/json")
        });
        if declares_content_type(operation) && !is_json {
            let message = "The Content-Type of the request is not application/json.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message));
        }
        Ok(token)
    }

    fn carry_out(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        if request.operation.host() == Host::Platform {
            return self.platform(request);
        }
        match request.operation {
            Operation::SetSourceStatus => self.set_status(request),
            Operation::AddOrUpdateItem => self.add_or_update_item(request),
            Operation::DeleteItem => self.delete_item(request),
            Operation::PushItemContainer => self.push_items(request),
            Operation::DeleteOldItems => self.delete_old_items(request),
            Operation::AddOrUpdateIdentity => self.identity(request, |provider, body: IdentityBody, id| {
                provider.add_or_update(body, id, Operation::AddOrUpdateIdentity);
            }),
            Operation::AddOrUpdateAlias => self.identity(request, |provider, body: MappedIdentityBody, id| {
                provider.add_or_update_alias(body, id, Operation::AddOrUpdateAlias);
            }),
            Operation::DeleteIdentity => self.identity(request, |provider, body: IdentityBody, id| {
                provider.disable(&body.identity, id, Operation::DeleteIdentity);
            }),
            Operation::PushIdentityContainer => self.push_identities(request),
            Operation::DeleteOldIdentities => self.delete_old_identities(request),
            Operation::CreateFileContainer => {
                query::flag(request.query, "useVirtualHostedStyleUrl")?;
                let (_, container) = self.containers.create(request.origin, self.clock.elapsed());
                Ok(ServiceResponse::json(StatusCode::CREATED, container.to_string()))
            }
            Operation::OpenStream | Operation::OpenCollectionStream => self.open_stream(request),
            Operation::CreateStreamChunk | Operation::CreateCollectionChunk => self.create_chunk(request),
            Operation::CloseStream | Operation::CloseCollectionStream => self.close_stream(request),
            Operation::UpdateCatalog | Operation::UpdateCollection => self.update_stream(request),
            Operation::MergeCatalog | Operation::MergeCollection => self.merge_stream(request),
            Operation::DeleteOldCatalogItems | Operation::DeleteOldCollectionItems => {
                self.delete_old_stream_items(request)
            }
            Operation::SearchLogs => self.search_logs(request),
            Operation::CountLogs => self.count_logs(request),
            _ => Err(Refusal::without_code(StatusCode::NOT_FOUND, "Not Found")),
        }
    }

    fn set_status(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let source = push_source(&mut self.sources, request.resource)?;
        let status: SourceStatus = query::parsed_required(request.query, "statusType")?;
        source.status = Some(status);
        Ok(ServiceResponse::of(StatusCode::CREATED, "{}"))
    }

    fn add_or_update_item(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        push_source(&mut self.sources, request.resource)?;
        let document_id = query::required(request.query, "documentId")?;
        query::parsed::<CompressionType>(request.query, "compressionType")?;
        let now = self.clock.ordering_id();
        let id = query::ordering_id(request.query)?.unwrap_or(now);
        let mut item: Object<Value> = json::read(request.body)?;
        match item.take(key::DOCUMENT_ID) {
            None | Some(Value::Null) => {}
            Some(Value::String(own)) if own == document_id => {}
            Some(_) => return Err(Refusal::invalid_json("The documentId of the item is not that of the query.")),
        }
        item.take(key::ORDERING_ID);
        let compression = query::get(request.query, "compressionType").map(str::to_owned);
        let item = PushedItem::read(document_id.to_owned(), id, item, compression)?;
        if item.data_bytes() >= limit::DATA_BYTES {
            return Err(Refusal::too_large("The data of the item is too large."));
        }
        let tasks = vec![Task::Put { item, bytes: request.body.len() }];
        self.enqueue(self.accepted(request, None, id, now, tasks));
        Ok(ServiceResponse::of(StatusCode::ACCEPTED, "{}"))
    }

    fn delete_item(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        push_source(&mut self.sources, request.resource)?;
        let document_id = query::required(request.query, "documentId")?;
        let with_children = query::flag(request.query, "deleteChildren")?.unwrap_or(false);
        let now = self.clock.ordering_id();
        let id = query::ordering_id(request.query)?.unwrap_or(now);
        let tasks = vec![Task::Delete { document_id: document_id.to_owned(), with_children }];
        self.enqueue(self.accepted(request, None, id, now, tasks));
        Ok(ServiceResponse::of(StatusCode::ACCEPTED, "null"))
    }

    fn push_items(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        push_source(&mut self.sources, request.resource)?;
        let now = self.clock.ordering_id();
        let id = query::ordering_id(request.query)?.unwrap_or(now);
        let (file_id, content) = content(&self.containers, request.query, self.clock.elapsed())?;
        let batch = json::item_batch(&content)?;
        // Reads all items before it puts the first: a batch is refused as a whole.
        let mut tasks = batch.add_or_update.into_iter().map(|item| put(item, id)).collect::<Result<Vec<_>, _>>()?;
        tasks.extend(batch.delete.into_iter().map(delete));
        self.enqueue(self.accepted(request, Some(file_id), id, now, tasks));
        self.containers.committed(file_id, self.refuses_second_commit);
        Ok(ServiceResponse::of(StatusCode::ACCEPTED, "{}"))
    }

    fn delete_old_items(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let now = self.clock.ordering_id();
        let source = push_source(&mut self.sources, request.resource)?;
        let (older_than, delay) = older_than(request.query)?;
        source.announce_delete(older_than, now);
        Ok(self.delay(
            delay,
            DelayedTask::DeleteOldItems { source: SourceKey::Source(request.resource.into()), older_than },
        ))
    }

    /// The operations of a request, for the pipeline.
    pub(super) fn accepted(
        &self,
        request: &ApiCall<'_>,
        file_id: Option<&str>,
        ordering_id: OrderingId,
        now: OrderingId,
        tasks: Vec<Task>,
    ) -> Accepted {
        let (target, operation, file_id) = (request.target(), request.operation, file_id.map(str::to_owned));
        let (at, elapsed) = (self.clock.now(), self.clock.elapsed());
        Accepted { target, operation, file_id, ordering_id, now, at, elapsed, tasks }
    }

    /// A request about one security identity.
    fn identity<T: for<'de> serde::Deserialize<'de>>(
        &mut self,
        request: &ApiCall<'_>,
        apply: impl FnOnce(&mut ProviderState, T, OrderingId),
    ) -> Result<ServiceResponse, Refusal> {
        let now = self.clock.ordering_id();
        let provider = self.provider(request.resource, now)?;
        let id = query::ordering_id(request.query)?.unwrap_or(now);
        apply(provider, json::read(request.body)?, id);
        Ok(ServiceResponse::of(StatusCode::ACCEPTED, "null"))
    }

    fn push_identities(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        let now = self.clock.ordering_id();
        self.provider(request.resource, now)?;
        let id = query::ordering_id(request.query)?.unwrap_or(now);
        let elapsed = self.clock.elapsed();
        let (file_id, content) = content(&self.containers, request.query, elapsed)?;
        let provider = self.provider(request.resource, now)?;
        provider.push_batch(json::read::<BatchIdentityBody>(&content)?, id);
        self.containers.committed(file_id, self.refuses_second_commit);
        Ok(ServiceResponse::of(StatusCode::ACCEPTED, "{}"))
    }

    fn delete_old_identities(&mut self, request: &ApiCall<'_>) -> Result<ServiceResponse, Refusal> {
        self.provider(request.resource, self.clock.ordering_id())?;
        let (older_than, delay) = older_than(request.query)?;
        Ok(self.delay(delay, DelayedTask::DisableOldIdentities { provider: request.resource.to_owned(), older_than }))
    }

    /// A provider, for a request at this time that changes its identities.
    fn provider(&mut self, id: &str, now: OrderingId) -> Result<&mut ProviderState, Refusal> {
        let reject = self.organization_state.reject_identity.as_ref();
        let provider = self.providers.get_mut(id).ok_or_else(|| no_provider(id))?;
        Ok(provider.begin(id, now, reject))
    }

    fn delay(&mut self, delay: Duration, task: DelayedTask) -> ServiceResponse {
        self.delayed.push(Delayed { due: self.clock.elapsed().saturating_add(delay), task });
        ServiceResponse::of(StatusCode::ACCEPTED, "{}")
    }
}

/// Whether the contract declares the content type of the request, with or without a body.
fn declares_content_type(operation: Operation) -> bool {
    let has_none = matches!(
        operation,
        Operation::SetSourceStatus
            | Operation::DeleteItem
            | Operation::DeleteOldIdentities
            | Operation::CreateFileContainer
            | Operation::ResumeOrganization
    );
    let is_bodyless = matches!(operation.method(), Method::GET | Method::DELETE);
    !(has_none || operation.host() == Host::Platform && is_bodyless)
}

fn older_than(query: &Pairs) -> Result<(OrderingId, Duration), Refusal> {
    Ok((query::parsed_required(query, "orderingId")?, queue_delay(query)?))
}
