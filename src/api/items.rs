use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::call::{ApiRequest, call, query};
use super::{Accepted, PushBatch};
use crate::error::Error;
use crate::finding::{Finding, Rule};
use crate::kernel::request::PathParams;
use crate::kernel::send::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::object::{self, Buffer, Layout};
use crate::model::{BatchDocumentBody, CompressionType, OrderingId, document_keys as key};
use crate::operation::Operation;
use crate::preflight::{self, KnownKeys};

/// The items of one source: [`PushClient::items`](crate::PushClient::items).
///
/// It is owned and cheap to clone, and shares everything with the client it came from.
#[derive(Debug, Clone)]
pub struct Items {
    pub(crate) kernel: Kernel,
    pub(crate) source_id: Arc<str>,
}

impl Items {
    pub(crate) fn new(kernel: Kernel, source_id: Arc<str>) -> Self {
        Self { kernel, source_id }
    }

    /// The source.
    #[must_use]
    pub fn source_id(&self) -> &str {
        &self.source_id
    }

    fn request(&self, operation: Operation) -> ApiRequest {
        ApiRequest::new(&self.kernel, operation, PathParams::Source(Arc::clone(&self.source_id)))
    }

    /// Adds or updates an item ([article 133](https://docs.coveo.com/en/133/)).
    ///
    /// `document_id` is the item's URI, of the form `scheme://…`. The item is a
    /// [`DocumentBody`](crate::DocumentBody) or any type whose JSON is an object; it is serialised
    /// here, so the request borrows nothing. A request may have 6 MB, the data in it less than
    /// 5 MB; files, streams and larger data are its [content](AddOrUpdateItem::content). For many items
    /// use a batch: the service limits calls per day.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{DocumentBody, Permissions};
    ///
    /// let items = client.items("my-source");
    /// let doc = DocumentBody::text("words").title("My document").permissions(Permissions::public());
    /// items.add_or_update("https://example.com/a", &doc).await?;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Article { title: String, data: String }
    /// let article = Article { title: "Mine".into(), data: "words".into() };
    /// items.add_or_update("https://example.com/b", &article).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the item breaks a rule of [`preflight`]; nothing is sent then.
    pub fn add_or_update<T: Serialize + ?Sized>(&self, document_id: impl Into<String>, item: &T) -> AddOrUpdateItem {
        let id = document_id.into();
        let mut request = self.request(Operation::AddOrUpdateItem).with(query::DOCUMENT_ID, &id);
        let mut json = Buffer::default();
        let mut layout = Layout::default();
        match object::write(&mut json, &mut layout, None, item) {
            Ok(()) => {
                let switch = self.kernel.shared.preflight;
                request =
                    request.found(preflight::written_item(&id, KnownKeys::default().read(&json, &layout), switch));
                compression_into_query(&mut request, &mut json, &mut layout);
                request.body(json, &id);
            }
            Err(error) => request = request.found([preflight::unwritable(&id, &error)]),
        }
        AddOrUpdateItem { request, layout }
    }

    /// Deletes an item ([article 171](https://docs.coveo.com/en/171/)), and its children when
    /// [`delete_children`](DeleteItem::delete_children) says so. Deleting what is not there is no
    /// error.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// client.items("my-source").delete("https://example.com/folder").delete_children(true).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the id is no URI; nothing is sent then.
    pub fn delete(&self, document_id: impl Into<String>) -> DeleteItem {
        let id = document_id.into();
        let findings = preflight::document_id(&id, self.kernel.shared.preflight);
        DeleteItem { request: self.request(Operation::DeleteItem).with(query::DOCUMENT_ID, &id).found(findings) }
    }

    /// Pushes a batch that is in hand ([article 90](https://docs.coveo.com/en/90/)): creates a file
    /// container, uploads the batch into it, and pushes the container, each step tried again on its
    /// own.
    ///
    /// A container takes 256 MB.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{BatchDocumentBody, DocumentBody};
    ///
    /// let batch = BatchDocumentBody::new()
    ///     .add_or_update("https://example.com/a", DocumentBody::text("one"))
    ///     .delete("https://example.com/b");
    /// client.items("my-source").push_batch(&batch).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when an item breaks a rule of [`preflight`], or an id stands in the batch
    /// twice; nothing is sent then.
    pub fn push_batch(&self, batch: &BatchDocumentBody) -> PushBatch {
        PushBatch::of_items(self, batch)
    }

    /// Pushes a batch whose JSON is in hand, such as that of a
    /// [failed batch](crate::FailedBatch::save), in the same three steps. Only that it is JSON is
    /// checked.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when it is no JSON object, or holds nothing; nothing is sent then.
    pub fn push_batch_json(&self, json: impl Into<Bytes>) -> PushBatch {
        let params = PathParams::Source(Arc::clone(&self.source_id));
        PushBatch::of_json(&self.kernel, Operation::PushItemContainer, params, json.into())
    }

    /// Pushes the batch of items in a file container that was filled before
    /// ([article 90](https://docs.coveo.com/en/90/)). What it holds is the JSON of a
    /// [`BatchDocumentBody`]; it is not looked at here.
    pub fn push_container(&self, file_id: impl AsRef<str>) -> PushItemContainer {
        PushItemContainer { request: self.request(Operation::PushItemContainer).with(query::FILE_ID, file_id.as_ref()) }
    }

    /// Deletes the items of the source whose ordering id is lower than this one
    /// ([article 131](https://docs.coveo.com/en/131/)), which is how the items go that have
    /// disappeared since everything was pushed again. [`refresh`](Self::refresh) does this as the last
    /// step of a run, and only when it may.
    ///
    /// **Take the id with care.** One that is later than the push of an item by the service's
    /// clock deletes the item; one in the future makes the service ignore what is pushed until
    /// then, and is refused unless the [`preflight`](crate::Preflight) is told otherwise. Best it
    /// comes from the service's clock, from before the first push:
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use std::time::Duration;
    /// use coveo_push::{OrderingId, SourceStatus};
    ///
    /// let begun = client.sources().set_status("my-source", SourceStatus::Rebuild).await?;
    /// // … push everything …
    /// if let Some(time) = begun.server_time() {
    ///     let before = OrderingId::from_time(time - Duration::from_secs(60));
    ///     client.items("my-source").delete_older_than(before).queue_delay(Duration::from_secs(300)).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the id is in the future by the service's clock, as the last call that
    /// succeeded told it (by the local clock until then); nothing is sent then.
    pub fn delete_older_than(&self, ordering_id: impl Into<OrderingId>) -> DeleteOldItems {
        let id = ordering_id.into();
        let findings = preflight::older_than(id, self.kernel.shared.now());
        let request = self.request(Operation::DeleteOldItems).with(query::ORDERING_ID, id).found(findings);
        DeleteOldItems { request }
    }
}

/// In the body it is a property of batches; a single item has it in the query.
fn compression_into_query(request: &mut ApiRequest, json: &mut Buffer, layout: &mut Layout) {
    if let Some(value) = object::take_out(json, layout, key::COMPRESSION_TYPE)
        // What is no compression type was found before.
        && let Ok(Some(compression)) = serde_json::from_slice::<Option<CompressionType>>(&value)
    {
        request.set(query::COMPRESSION_TYPE, compression);
    }
}

/// Adds or updates an item: [`Items::add_or_update`].
#[must_use = "a request is sent by `.await`"]
pub struct AddOrUpdateItem {
    pub(crate) request: ApiRequest,
    /// Where the entries of the body stand.
    layout: Layout,
}

impl fmt::Debug for AddOrUpdateItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, layout: _ } = self;
        f.debug_struct("AddOrUpdateItem").field("request", request).finish()
    }
}

call!(AddOrUpdateItem(request.settings) -> Accepted);

impl AddOrUpdateItem {
    /// Where the operation stands among others on the same item. Default: the service's clock, in
    /// milliseconds. Best left alone ([article 147](https://docs.coveo.com/en/147/)).
    pub fn ordering_id(mut self, id: impl Into<OrderingId>) -> Self {
        self.request.ordering_id(id.into());
        self
    }

    /// How the item's binary data is compressed, for an item that does not say so itself. Default
    /// of the service: [`ZLib`](CompressionType::ZLib).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the item says something else.
    pub fn compression_type(mut self, compression: CompressionType) -> Self {
        match self.request.get(query::COMPRESSION_TYPE) {
            Some(said) if said != compression.as_str() => {
                let message = format!("the item says {said} and the request {compression}; say one");
                let id = self.request.get(query::DOCUMENT_ID).unwrap_or_default();
                let finding = Finding::new(id, Rule::CompressionType, message);
                self.request = self.request.found([finding]);
            }
            _ => self.request.set(query::COMPRESSION_TYPE, compression),
        }
        self
    }

    pub(crate) fn document_id(&self) -> &str {
        self.request.get(query::DOCUMENT_ID).unwrap_or_default()
    }

    /// Changes the item after it was written.
    pub(crate) fn edit<T>(&mut self, edit: impl FnOnce(&mut Buffer, &mut Layout) -> T) -> T {
        let Self { request, layout } = self;
        let mut json = request.take_body();
        let edited = edit(&mut json, layout);
        compression_into_query(request, &mut json, layout);
        request.set_body(json);
        edited
    }

    async fn send(self) -> Result<Accepted, Error> {
        self.request.accepted().await
    }
}

/// Deletes an item: [`Items::delete`].
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct DeleteItem {
    request: ApiRequest,
}

call!(DeleteItem(request.settings) -> Accepted);

impl DeleteItem {
    /// Whether the item's children go too: the items whose URI begins with this one. Default: no.
    ///
    /// The service's pages do not agree whether a `/` has to follow. Count on neither: choose URIs
    /// such that no item's is the beginning of one that is not its child.
    pub fn delete_children(mut self, children: bool) -> Self {
        self.request.set(query::DELETE_CHILDREN, children);
        self
    }

    /// Where the operation stands among others on the same item. Default: the service's clock, in
    /// milliseconds. Best left alone ([article 147](https://docs.coveo.com/en/147/)).
    pub fn ordering_id(mut self, id: impl Into<OrderingId>) -> Self {
        self.request.ordering_id(id.into());
        self
    }

    async fn send(self) -> Result<Accepted, Error> {
        self.request.accepted().await
    }
}

/// Pushes a file container of items: [`Items::push_container`].
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct PushItemContainer {
    request: ApiRequest,
}

call!(PushItemContainer(request.settings) -> Accepted);

impl PushItemContainer {
    /// Where the operations stand among others on the same items. Default: the service's clock, in
    /// milliseconds. Best left alone ([article 147](https://docs.coveo.com/en/147/)).
    pub fn ordering_id(mut self, id: impl Into<OrderingId>) -> Self {
        self.request.ordering_id(id.into());
        self
    }

    async fn send(self) -> Result<Accepted, Error> {
        self.request.accepted().await
    }
}

/// Deletes old items: [`Items::delete_older_than`].
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct DeleteOldItems {
    request: ApiRequest,
}

call!(DeleteOldItems(request.settings) -> Accepted);

impl DeleteOldItems {
    /// After how long the service begins to delete, so that what is still queued is carried out
    /// first. The service counts minutes, so a part of one counts as a whole one. Default of the
    /// service: 15 minutes.
    pub fn queue_delay(mut self, delay: Duration) -> Self {
        self.request.queue_delay(delay);
        self
    }

    pub(crate) fn settings(mut self, settings: &CallSettings) -> Self {
        self.request.settings = settings.clone();
        self
    }

    async fn send(self) -> Result<Accepted, Error> {
        self.request.accepted().await
    }
}
