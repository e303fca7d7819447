use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::Accepted;
use super::call::{ApiRequest, query, request_builder};
use super::file_containers::{DatedContainer, store};
use crate::error::Error;
use crate::finding::{Finding, Rule};
use crate::kernel::body::Body;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::{BatchDocumentBody, BatchIdentityBody, OrderingId};
use crate::operation::Operation;
use crate::preflight::{self, ItemText};

request_builder! {
    /// Pushes a batch in three steps, each with its own retries: creates a file container, uploads the
    /// batch into it, and pushes the container: [`Items::push_batch`](crate::Items::push_batch),
    /// [`Identities::push_batch`](crate::Identities::push_batch).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of the three steps. A timeout
    /// that is set limits the whole upload instead of the time without progress.
    PushBatch -> Accepted { commit: ApiRequest, batch: Body }
    settings: commit.settings; ordering_id: commit;
}

impl PushBatch {
    pub(super) fn of_items(kernel: &Kernel, source_id: &Arc<str>, batch: &BatchDocumentBody) -> Self {
        let params = PathParams::source(Arc::clone(source_id));
        let (json, findings) = write_items(kernel, batch);
        let commit = ApiRequest::new(kernel, Operation::PushItemContainer, params);
        Self { commit: commit.found(findings), batch: Body::from(json) }
    }

    pub(super) fn of_identities(kernel: &Kernel, provider_id: &Arc<str>, batch: &BatchIdentityBody) -> Self {
        let params = PathParams::provider(Arc::clone(provider_id));
        let mut findings = preflight::identity_batch(batch);
        let json = written(batch, &mut findings);
        let commit = ApiRequest::new(kernel, Operation::PushIdentityContainer, params);
        Self { commit: commit.found(findings), batch: Body::from(json) }
    }

    /// `lists` are those that a batch of this kind may have.
    pub(super) fn of_json(
        kernel: &Kernel,
        operation: Operation,
        params: PathParams,
        batch: &Bytes,
        lists: &[&str],
    ) -> Self {
        let batch = batch.slice_ref(preflight::without_mark(batch));
        let commit = ApiRequest::new(kernel, operation, params).found(preflight::batch_text(&batch, lists));
        Self { commit, batch: Body::from(batch) }
    }

    async fn send(self) -> Result<Accepted, Error> {
        push(self.commit, self.batch).await
    }
}

request_builder! {
    /// Pushes a batch of a catalog in three steps, each with its own retries: creates a file container, uploads the
    /// batch into it, and pushes the container: [`Catalog::update_batch`](crate::Catalog::update_batch),
    /// [`Catalog::merge_batch`](crate::Catalog::merge_batch).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of the three steps. A timeout
    /// that is set limits the whole upload instead of the time without progress.
    PushCatalogBatch -> Accepted { commit: ApiRequest, batch: Body }
    settings: commit.settings;
}

impl PushCatalogBatch {
    /// A batch with its findings.
    pub(super) fn new(commit: ApiRequest, batch: &impl Serialize, mut findings: Vec<Finding>) -> Self {
        let json = written(batch, &mut findings);
        Self { commit: commit.found(findings), batch: Body::from(json) }
    }

    /// `lists` are those that a batch of this kind may have.
    pub(super) fn of_json(commit: ApiRequest, batch: &Bytes, lists: &[&str]) -> Self {
        let batch = batch.slice_ref(preflight::without_mark(batch));
        Self { commit: commit.found(preflight::batch_text(&batch, lists)), batch: Body::from(batch) }
    }

    async fn send(self) -> Result<Accepted, Error> {
        push(self.commit, self.batch).await
    }
}

async fn push(commit: ApiRequest, batch: Body) -> Result<Accepted, Error> {
    // Before the upload, and not only before the last step.
    commit.check()?;
    let bytes = batch.len();
    let mut refills = 0;
    loop {
        let stored = store(&commit.kernel, batch.clone(), &commit.settings).await?;
        let mut push = commit.clone().with(query::FILE_ID, stored.container.file_id());
        push.settings = push.settings.before(stored.latest_push());
        match push.accepted().await {
            Err(error) if error.has_expired() && refills < DatedContainer::MOST_REFILLS => refills += 1,
            accepted => return accepted.map(|accepted| accepted.with_bytes(bytes)),
        }
    }
}

/// The JSON of a batch, or a finding when it cannot be written and no finding about an item says so.
fn written(batch: &impl Serialize, findings: &mut Vec<Finding>) -> Vec<u8> {
    const CANNOT_BE_WRITTEN: [Rule; 3] = [Rule::NotAnObject, Rule::ReservedKey, Rule::NumberNotFinite];
    serde_json::to_vec(batch).unwrap_or_else(|error| {
        if !findings.iter().any(|finding| CANNOT_BE_WRITTEN.contains(&finding.rule())) {
            findings.push(Finding::new("batch", Rule::NotAnObject, error.to_string()));
        }
        Vec::new()
    })
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
        request.set(query::ORDERING_ID, id);
    }
    request.settings = settings.clone();
    request.accepted().await
}

/// Writes a batch, and holds each item to the rules.
fn write_items(kernel: &Kernel, batch: &BatchDocumentBody) -> (Vec<u8>, Vec<Finding>) {
    let switch = kernel.shared.preflight;
    let mut findings = preflight::batch_ids(batch);
    for item in &batch.add_or_update {
        match ItemText::write(item) {
            Ok(text) => findings.extend(preflight::written_item(&item.document_id, &text, switch)),
            Err(invalid) => findings.push(invalid.finding(&item.document_id)),
        }
    }
    findings.extend(
        batch.delete.iter().flat_map(|item| preflight::deletion(&item.document_id, item.delete_children, switch)),
    );
    (written(batch, &mut findings), findings)
}
