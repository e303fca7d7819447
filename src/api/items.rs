use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::call::{ApiRequest, query, request_builder};
use super::{Accepted, PushBatch};
use crate::error::{Error, InvalidError};
use crate::finding::{Finding, Rule};
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::{BatchDocumentBody, CompressionType, OrderingId, document_keys as key};
use crate::operation::Operation;
use crate::preflight::{self, InvalidText, ItemText};

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
        ApiRequest::new(&self.kernel, operation, PathParams::source(Arc::clone(&self.source_id)))
    }

    /// Adds or updates an item ([article 133](https://docs.coveo.com/en/133/)).
    ///
    /// `document_id` is the item's URI, of the form `scheme://…`. The item is a
    /// [`DocumentBody`](crate::DocumentBody) or any type whose JSON is an object; it is serialised
    /// here, so the request borrows nothing. A request may have 6 MB, the data in it less than
    /// 5 MB; files, streams and larger data are its [content](AddOrUpdateItem::content). For many items
    /// use a batch: the service limits calls per day.
    ///
    /// NaN and infinite numbers become `null`, as serde_json writes them, except in a
    /// [`DocumentBody`](crate::DocumentBody), which refuses them.
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
        self.add_or_update_written(ItemText::write(item)).document_id(document_id)
    }

    /// Adds or updates an item from its JSON text ([article 133](https://docs.coveo.com/en/133/)).
    ///
    /// The item's id is that of [`document_id`](AddOrUpdateItem::document_id), or else the `documentId`
    /// in the text. When both are there they must be equal. In all other ways this is
    /// [`add_or_update`](Self::add_or_update).
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// let items = client.items("my-source");
    /// items.add_or_update_json(r#"{"documentId":"https://example.com/a","data":"words"}"#).await?;
    /// items.add_or_update_json(r#"{"data":"words"}"#).document_id("https://example.com/b").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the text is not a JSON object, has no id, or breaks a rule of
    /// [`preflight`]; nothing is sent then.
    pub fn add_or_update_json(&self, json: impl Into<String>) -> AddOrUpdateItem {
        self.add_or_update_written(ItemText::read(Cow::Owned(json.into())))
    }

    fn add_or_update_written(&self, item: Result<ItemText<'static>, InvalidText>) -> AddOrUpdateItem {
        AddOrUpdateItem { request: self.request(Operation::AddOrUpdateItem), item, compression: None }
    }

    /// Deletes an item ([article 171](https://docs.coveo.com/en/171/)), and its children when
    /// [`delete_children`](DeleteItem::delete_children) says so. Deleting an item that does not exist is
    /// not an error.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// client.items("my-source").delete("https://example.com/folder/").delete_children(true).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the id is not a URI; nothing is sent then.
    pub fn delete(&self, document_id: impl Into<String>) -> DeleteItem {
        let id = document_id.into();
        let findings = preflight::deletion(&id, false, self.kernel.shared.preflight);
        DeleteItem { request: self.request(Operation::DeleteItem).with(query::DOCUMENT_ID, &id).found(findings) }
    }

    /// Pushes a batch ([article 90](https://docs.coveo.com/en/90/)): creates a file container, uploads the
    /// batch into it, and pushes the container. Each step has its own retries.
    ///
    /// A batch may have up to 256 MB.
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
    /// [`Error::Invalid`] when an item breaks a rule of [`preflight`], or an id is in the batch
    /// twice; nothing is sent then.
    pub fn push_batch(&self, batch: &BatchDocumentBody) -> PushBatch {
        PushBatch::of_items(&self.kernel, &self.source_id, batch)
    }

    /// Pushes a batch from its JSON text, such as that of a [failed batch](crate::report::FailedBatch::save), in the
    /// same three steps. Only its lists are
    /// checked, and not the operations in them.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when it is not a JSON object, has an unknown list, or is empty; nothing is
    /// sent then.
    pub fn push_batch_json(&self, json: impl Into<Bytes>) -> PushBatch {
        let params = PathParams::source(Arc::clone(&self.source_id));
        PushBatch::of_json(&self.kernel, Operation::PushItemContainer, params, &json.into(), &["addOrUpdate", "delete"])
    }

    /// Pushes a file container that was filled before with the JSON of a [`BatchDocumentBody`]
    /// ([article 90](https://docs.coveo.com/en/90/)). The JSON is not checked.
    pub fn push_container(&self, file_id: impl Into<String>) -> PushItemContainer {
        PushItemContainer { request: self.request(Operation::PushItemContainer).file_id(file_id.into()) }
    }

    /// Deletes the items of the source whose ordering id is lower than this one
    /// ([article 131](https://docs.coveo.com/en/131/)), which is how the items go that have
    /// disappeared since everything was pushed again. [`refresh`](Self::refresh) does this as the last
    /// step of a run, and only when it may.
    ///
    /// **Take the id with care.** One that is later than the push of an item by the service's
    /// clock deletes the item; one in the future makes the service ignore what is pushed until
    /// then, and is refused unless the source has its [own scheme](DeleteOldItems::own_ordering_scheme). Best it
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
    /// [`Error::Invalid`] when the id is more than 2 s ahead of the service's clock, as the last call that
    /// succeeded told it; nothing is sent then. Until a call succeeded, an id that is more than 5 minutes ahead of
    /// the local clock breaks a rule that follows the [`Preflight`](crate::Preflight) switch.
    pub fn delete_older_than(&self, ordering_id: impl Into<OrderingId>) -> DeleteOldItems {
        let id = ordering_id.into();
        DeleteOldItems { request: self.request(Operation::DeleteOldItems).older_than(id) }
    }
}

request_builder! {
    /// Adds or updates an item: [`Items::add_or_update`], [`Items::add_or_update_json`].
    AddOrUpdateItem -> Accepted {
        pub(crate) request: ApiRequest,
        item: Result<ItemText<'static>, InvalidText>,
        compression: Option<CompressionType>,
    }
    settings: request.settings; ordering_id: request;
}

impl AddOrUpdateItem {
    /// Sets the id of the item, its URI. Default: the id that [`Items::add_or_update`] was given; for
    /// [`Items::add_or_update_json`] the `documentId` in the text.
    pub fn document_id(mut self, document_id: impl Into<String>) -> Self {
        self.request.set(query::DOCUMENT_ID, document_id.into());
        self
    }

    /// Sets how the item's binary data is compressed, for an item that does not say so itself. It has no
    /// effect on an item whose data is text. Default of the service: [`ZLib`](CompressionType::ZLib).
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the item has another compression type.
    pub fn compression_type(mut self, compression: CompressionType) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Settles the item's id and compression, and refuses an item that breaks a rule.
    pub(crate) fn checked(self) -> Result<CheckedRequest, Error> {
        let Self { mut request, item, compression } = self;
        let asked_id = request.get(query::DOCUMENT_ID).map(str::to_owned);
        let mut item = item.map_err(|invalid| {
            let finding = invalid.finding(asked_id.as_deref().unwrap_or_default());
            InvalidError::new(Some(request.operation), vec![finding])
        })?;
        let document_id = asked_id.or_else(|| own_id(&item)).unwrap_or_default();
        let own = item.get(key::COMPRESSION_TYPE).and_then(|own| serde_json::from_slice::<CompressionType>(own).ok());
        let differ = own.zip(compression).filter(|(own, asked)| own != asked).map(|(own, asked)| {
            let message = format!("the item says {own} and the request {asked}; say one");
            Finding::new(&document_id, Rule::CompressionType, message)
        });
        if let (None, Some(asked)) = (item.get(key::COMPRESSION_TYPE), compression) {
            item.put(key::COMPRESSION_TYPE, format!("\"{asked}\"").as_bytes());
        }
        let mut findings = preflight::written_item(&document_id, &item, request.kernel.shared.preflight);
        findings.extend(differ);
        // In a batch it is a property of the item; a single item has it in the query.
        item.take_out(key::DOCUMENT_ID);
        findings.extend(preflight::request_size(item.json().len(), &document_id));
        request.set(query::DOCUMENT_ID, &document_id);
        let request = request.found(findings);
        request.check()?;
        Ok(CheckedRequest { request, document_id, item })
    }

    async fn send(self) -> Result<Accepted, Error> {
        self.checked()?.send().await
    }
}

/// An item that may be sent. Its JSON can be changed before.
#[derive(Clone)]
pub(crate) struct CheckedRequest {
    pub(crate) request: ApiRequest,
    pub(crate) document_id: String,
    pub(crate) item: ItemText<'static>,
}

impl CheckedRequest {
    pub(crate) async fn send(self) -> Result<Accepted, Error> {
        let Self { mut request, document_id: _, mut item } = self;
        // Like the id; text has none.
        if let Some(compression) = take_compression(&mut item).filter(|_| item.get(key::DATA).is_none()) {
            request.set(query::COMPRESSION_TYPE, compression);
        }
        request.set_body(item.into_json().into_owned());
        request.accepted().await
    }
}

/// The id that the item has itself.
fn own_id(item: &ItemText<'_>) -> Option<String> {
    preflight::text_of(item.get(key::DOCUMENT_ID)?).map(Cow::into_owned)
}

/// Takes out how the item's data is compressed.
fn take_compression(item: &mut ItemText<'_>) -> Option<CompressionType> {
    // An invalid compression type was found before.
    serde_json::from_slice(&item.take_out(key::COMPRESSION_TYPE)?).ok().flatten()
}

request_builder! {
    /// Deletes an item: [`Items::delete`].
    DeleteItem with ordering_id
}

impl DeleteItem {
    /// Whether to delete the item's children as well: the items whose URI starts with this one. Default:
    /// no.
    ///
    /// **End the URI with a `/`.** Without one it also takes the neighbours that begin like it:
    /// `https://example.com/old` takes `https://example.com/older`, which is a
    /// [warning](crate::Rule::ChildrenPrefixWithoutSlash).
    pub fn delete_children(mut self, children: bool) -> Self {
        self.request.set(query::DELETE_CHILDREN, children);
        let advice = self.request.get(query::DOCUMENT_ID).filter(|_| children).and_then(preflight::children_prefix);
        self.request = self.request.found(advice);
        self
    }
}

request_builder! {
    /// Pushes a file container of items: [`Items::push_container`].
    PushItemContainer with ordering_id
}

request_builder! {
    /// Deletes old items: [`Items::delete_older_than`].
    DeleteOldItems with queue_delay own_ordering_scheme call_settings
}
