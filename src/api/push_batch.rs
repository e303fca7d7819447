use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::call::{ApiRequest, call, judge, query};
use super::file_containers::store;
use super::{Accepted, BatchAccepted, Identities, Items};
use crate::error::Error;
use crate::finding::{Finding, Rule};
use crate::kernel::body::Body;
use crate::kernel::request::PathParams;
use crate::kernel::send::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::object::{self, Buffer, Layout};
use crate::model::{BatchDocumentBody, BatchIdentityBody, OrderingId};
use crate::operation::Operation;
use crate::preflight::{self, KnownKeys};

/// Pushes a batch in three steps, each tried again on its own: creates a file container, uploads
/// the batch into it, and pushes the container: [`Items::push_batch`], [`Identities::push_batch`].
///
/// [`timeout`](Self::timeout) and [`retry`](Self::retry) hold for each step on its own; a timeout
/// that is set takes the place of the one that grows with the size of the upload, too.
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct PushBatch {
    /// The last step, but for the container's id.
    commit: ApiRequest,
    batch: Bytes,
    findings: Vec<Finding>,
}

call!(PushBatch(commit.settings) -> BatchAccepted);

impl PushBatch {
    pub(super) fn of_items(items: &Items, batch: &BatchDocumentBody) -> Self {
        let params = PathParams::Source(Arc::clone(&items.source_id));
        let (json, findings) = write_items(&items.kernel, batch);
        Self {
            commit: ApiRequest::new(&items.kernel, Operation::PushItemContainer, params),
            batch: json.into(),
            findings,
        }
    }

    pub(super) fn of_identities(identities: &Identities, batch: &BatchIdentityBody) -> Self {
        let params = PathParams::Provider(Arc::clone(&identities.provider_id));
        let mut findings = preflight::identity_batch(batch);
        let json = serde_json::to_vec(batch).unwrap_or_else(|error| {
            findings.push(Finding::new("batch", Rule::NotAnObject, error.to_string()));
            Vec::new()
        });
        Self {
            commit: ApiRequest::new(&identities.kernel, Operation::PushIdentityContainer, params),
            batch: json.into(),
            findings,
        }
    }

    pub(super) fn of_json(kernel: &Kernel, operation: Operation, params: PathParams, batch: Bytes) -> Self {
        let findings = match serde_json::from_slice::<BTreeMap<String, Option<Vec<IgnoredAny>>>>(&batch) {
            Ok(lists) if lists.values().flatten().all(Vec::is_empty) => vec![preflight::empty_batch()],
            Ok(_) => Vec::new(),
            Err(error) => vec![Finding::new("batch", Rule::NotAnObject, error.to_string())],
        };
        Self { commit: ApiRequest::new(kernel, operation, params), batch, findings }
    }

    /// Where the operations stand among others on the same items. Default: the service's clock, in
    /// milliseconds. Best left alone ([article 147](https://docs.coveo.com/en/147/)).
    pub fn ordering_id(mut self, id: impl Into<OrderingId>) -> Self {
        self.commit.ordering_id(id.into());
        self
    }

    async fn send(self) -> Result<BatchAccepted, Error> {
        let Self { mut commit, batch, findings } = self;
        let warnings = judge(&commit.kernel, commit.operation, findings)?;
        let bytes = batch.len() as u64;
        let container = store(&commit.kernel, Body::from(batch), &commit.settings).await?;
        commit.set(query::FILE_ID, container.file_id());
        let (answer, _) = commit.send().await?;
        Ok(BatchAccepted::new(container.file_id().to_owned(), bytes, Accepted::new(&answer, warnings)))
    }
}

/// Pushes a container that is filled: the last step of a batch.
pub(crate) async fn commit(
    kernel: &Kernel,
    operation: Operation,
    params: PathParams,
    file_id: &str,
    ordering_id: Option<OrderingId>,
    settings: &CallSettings,
) -> Result<Accepted, Error> {
    let mut request = ApiRequest::new(kernel, operation, params).with(query::FILE_ID, file_id);
    if let Some(id) = ordering_id {
        request.ordering_id(id);
    }
    request.settings = settings.clone();
    request.accepted().await
}

/// Writes a batch item by item, so that each is held to the rules as it is written.
fn write_items(kernel: &Kernel, batch: &BatchDocumentBody) -> (Buffer, Vec<Finding>) {
    let switch = kernel.shared.preflight;
    let mut findings = preflight::ids_of_batch(batch);
    let mut layout = Layout::default();
    let mut keys = KnownKeys::default();
    let mut json = Buffer::from(r#"{"addOrUpdate":["#);
    for (index, item) in batch.add_or_update.iter().enumerate() {
        if index > 0 {
            json.extend_from_slice(b",");
        }
        match object::write(&mut json, &mut layout, Some(&item.document_id), &item.body) {
            Ok(()) => {
                findings.extend(preflight::written_item(&item.document_id, keys.read(&json, &layout), switch));
            }
            Err(error) => findings.push(preflight::unwritable(&item.document_id, &error)),
        }
    }
    json.extend_from_slice(br#"],"delete":"#);
    for item in &batch.delete {
        findings.extend(preflight::document_id(&item.document_id, switch));
    }
    if let Err(error) = object::write_value(&mut json, &batch.delete) {
        findings.push(Finding::new("batch", Rule::NotAnObject, error.to_string()));
    }
    json.extend_from_slice(b"}");
    (json, findings)
}
