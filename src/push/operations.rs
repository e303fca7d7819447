//! Operations that are made before they are pushed, and streams of them.

use std::borrow::Cow;
use std::fmt;

use futures_core::Stream;
use serde::Serialize;

use super::catalogs::{CatalogItems, CatalogMerges, CatalogUpdates};
use super::identities::Change;
use super::intake::Intake;
use super::item::Item;
use super::items::{PushItem, PushItemDeletion, Sealed};
use super::push_future::{PushFuture, push_all};
use super::pusher::PushQueue;
use super::report::PushError;
use crate::api::{Identities, Items};
use crate::content::Content;
use crate::model::{Identity, IdentityBody, MappedIdentityBody, PartialUpdate};
use crate::preflight::{InvalidText, ItemText};

/// A target of runs, with the values that can be pushed into it. No other type can implement it.
///
/// | Run | Operation |
/// |---|---|
/// | [`Items::pusher`], [`Items::refresh`] | [`ItemOperation`] |
/// | [`Identities::pusher`], [`Identities::refresh`] | [`IdentityOperation`] |
/// | [`Catalog::updater`](crate::Catalog::updater) | [`CatalogOperation`] |
/// | [`Catalog::refresh`](crate::Catalog::refresh), [`load`](crate::Catalog::load), [`merger`](crate::Catalog::merger) | [`CatalogItem`] |
pub trait PushTarget: Sealed + Sized {
    /// An operation that is made before it is pushed.
    type Operation: Send;

    #[doc(hidden)]
    fn push_operation(queue: &PushQueue<Self>, operation: Self::Operation) -> PushFuture<'_>;
}

impl<T: PushTarget> PushQueue<T> {
    /// Pushes one operation that was made before, on whatever task or thread.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the operation was not queued then.
    pub fn push(&self, operation: impl Into<T::Operation>) -> PushFuture<'_> {
        T::push_operation(self, operation.into())
    }

    /// Pushes all operations of a stream, one after another, and returns how many there were. The run goes on after
    /// it.
    ///
    /// ```
    /// # async fn example(pusher: coveo_push::ItemPusher) -> Result<(), coveo_push::PushError> {
    /// use coveo_push::{DocumentBody, ItemOperation};
    /// use futures_util::stream;
    ///
    /// let doc = DocumentBody::text("words");
    /// let pages = (0..1_000).map(|number| ItemOperation::add_or_update(format!("https://example.com/{number}"), &doc));
    /// assert_eq!(pusher.push_stream(stream::iter(pages)).await?, 1_000);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped.
    pub fn push_stream(
        &self,
        stream: impl Stream<Item: Into<T::Operation> + Send> + Send,
    ) -> impl Future<Output = Result<u64, PushError>> + Send {
        push_all(&self.intake, stream, Ok, |operation| self.push(operation))
    }

    /// Pushes all operations of a stream that may fail, as one that reads a database or a page at a time does. It
    /// ends at the first error of the stream, and returns that; the run goes on after it.
    ///
    /// # Errors
    ///
    /// The error of the stream, or [`PushError::Stopped`] as such an error.
    pub fn try_push_stream<E: From<PushError> + Send>(
        &self,
        stream: impl Stream<Item = Result<impl Into<T::Operation> + Send, E>> + Send,
    ) -> impl Future<Output = Result<u64, E>> + Send {
        push_all(&self.intake, stream, |operation| operation, |operation| self.push(operation))
    }
}

impl PushTarget for Items {
    type Operation = ItemOperation;

    fn push_operation(queue: &PushQueue<Self>, operation: ItemOperation) -> PushFuture<'_> {
        operation.push(&queue.intake)
    }
}

impl PushTarget for Identities {
    type Operation = IdentityOperation;

    fn push_operation(queue: &PushQueue<Self>, operation: IdentityOperation) -> PushFuture<'_> {
        let change = match operation {
            IdentityOperation::AddOrUpdate(body) => Change::Body(Cow::Owned(body)),
            IdentityOperation::AddOrUpdateAlias(body) => Change::Alias(Cow::Owned(body)),
            IdentityOperation::Delete(identity) => Change::Delete(Cow::Owned(identity)),
        };
        queue.change(change).into_future()
    }
}

impl PushTarget for CatalogUpdates {
    type Operation = CatalogOperation;

    fn push_operation(queue: &PushQueue<Self>, operation: CatalogOperation) -> PushFuture<'_> {
        match operation {
            CatalogOperation::PartialUpdate(update) => queue.partial_update(update),
            CatalogOperation::Item(operation) => operation.push(&queue.intake),
        }
    }
}

impl PushTarget for CatalogItems {
    type Operation = CatalogItem;

    fn push_operation(queue: &PushQueue<Self>, CatalogItem { document_id, item }: CatalogItem) -> PushFuture<'_> {
        item.push(&queue.intake, document_id)
    }
}

impl PushTarget for CatalogMerges {
    type Operation = CatalogItem;

    fn push_operation(queue: &PushQueue<Self>, CatalogItem { document_id, item }: CatalogItem) -> PushFuture<'_> {
        item.push(&queue.intake, document_id)
    }
}

/// An item that was written when its operation was made.
struct WrittenItem {
    text: Result<ItemText<'static>, InvalidText>,
    content: Option<Content>,
}

impl WrittenItem {
    fn write<T: Serialize + ?Sized>(item: &T) -> Self {
        Self { text: ItemText::write(item), content: None }
    }

    fn read(json: String) -> Self {
        Self { text: ItemText::read(Cow::Owned(json)), content: None }
    }

    fn push(self, intake: &Intake, document_id: Option<String>) -> PushFuture<'_> {
        let Self { text, content } = self;
        PushItem::new(intake, document_id.map(Cow::Owned), Item::Written(text)).content_opt(content).into_future()
    }
}

/// One operation on an item, to push later: [`push`](PushQueue::push), [`push_stream`](PushQueue::push_stream). An item
/// is serialised when its operation is made.
///
/// ```
/// use coveo_push::{DocumentBody, ItemOperation};
///
/// let operations = [
///     ItemOperation::add_or_update("https://example.com/a", &DocumentBody::text("words")),
///     ItemOperation::add_or_update_json(r#"{"data":"words"}"#).document_id("https://example.com/b"),
///     ItemOperation::delete("https://example.com/c"),
///     ItemOperation::delete("https://example.com/d/").delete_children(true),
/// ];
/// # let _ = operations;
/// ```
pub struct ItemOperation {
    /// Without one the item has its own.
    document_id: Option<String>,
    change: ItemChange,
}

enum ItemChange {
    Upsert(WrittenItem),
    Delete { delete_children: bool },
}

impl ItemOperation {
    /// Adds or updates an item, as [`ItemQueue::add_or_update`](crate::ItemQueue::add_or_update) does.
    pub fn add_or_update<T: Serialize + ?Sized>(document_id: impl Into<String>, item: &T) -> Self {
        CatalogItem::new(document_id, item).into()
    }

    /// Adds or updates an item that is JSON text, as
    /// [`ItemQueue::add_or_update_json`](crate::ItemQueue::add_or_update_json) does.
    pub fn add_or_update_json(json: impl Into<String>) -> Self {
        CatalogItem::json(json).into()
    }

    /// Deletes an item.
    pub fn delete(document_id: impl Into<String>) -> Self {
        Self { document_id: Some(document_id.into()), change: ItemChange::Delete { delete_children: false } }
    }

    /// The item's URI, for JSON text that does not have it.
    #[must_use]
    pub fn document_id(mut self, document_id: impl Into<String>) -> Self {
        self.document_id = Some(document_id.into());
        self
    }

    /// Pushes the item with this content, as [`PushItem::content`] does. It changes nothing about a deletion.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        if let ItemChange::Upsert(item) = &mut self.change {
            item.content = Some(content);
        }
        self
    }

    /// Whether a deletion deletes the item's children too: the items whose URI begins with this one. Default: no.
    /// End the URI with a `/`: without one it also takes the neighbours that begin like it.
    ///
    /// It changes nothing about an item to add or update.
    #[must_use]
    pub fn delete_children(mut self, children: bool) -> Self {
        if let ItemChange::Delete { delete_children } = &mut self.change {
            *delete_children = children;
        }
        self
    }

    fn push(self, intake: &Intake) -> PushFuture<'_> {
        let Self { document_id, change } = self;
        match change {
            ItemChange::Upsert(item) => item.push(intake, document_id),
            ItemChange::Delete { delete_children } => {
                let document_id = Cow::Owned(document_id.unwrap_or_default());
                PushItemDeletion::new(intake, document_id).delete_children(delete_children).into_future()
            }
        }
    }
}

impl fmt::Debug for ItemOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.change {
            ItemChange::Upsert(..) => "AddOrUpdate",
            ItemChange::Delete { .. } => "Delete",
        };
        f.debug_struct(name).field("document_id", &self.document_id).finish_non_exhaustive()
    }
}

/// One operation of a run of [updates](crate::Catalog::updater), to push later. The run takes an [`ItemOperation`], a
/// [`CatalogItem`] or a [`PartialUpdate`] as it is; this type holds any of them.
///
/// ```
/// # async fn example(updater: coveo_push::CatalogUpdater) -> Result<(), coveo_push::PushError> {
/// use coveo_push::{CatalogOperation, DocumentBody, ItemOperation, PartialUpdate};
/// use futures_util::stream;
///
/// let shoe = DocumentBody::new().object_type("Product").metadata("ec_name", "Shoe");
/// let operations: [CatalogOperation; 3] = [
///     ItemOperation::add_or_update("product://1", &shoe).into(),
///     PartialUpdate::replace("product://2", "ec_price", 28.0).into(),
///     ItemOperation::delete("product://3").into(),
/// ];
/// updater.push_stream(stream::iter(operations)).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CatalogOperation {
    /// Adds, replaces or deletes an item.
    Item(ItemOperation),
    /// Changes one field of an item that exists.
    PartialUpdate(PartialUpdate),
}

impl From<ItemOperation> for CatalogOperation {
    fn from(operation: ItemOperation) -> Self {
        Self::Item(operation)
    }
}

impl From<CatalogItem> for CatalogOperation {
    fn from(item: CatalogItem) -> Self {
        Self::Item(item.into())
    }
}

impl From<PartialUpdate> for CatalogOperation {
    fn from(update: PartialUpdate) -> Self {
        Self::PartialUpdate(update)
    }
}

/// One item of a catalog, to push later: a whole one into a [refresh](crate::Catalog::refresh) or a
/// [load](crate::Catalog::load), and the keys to change into a run of [merges](crate::Catalog::merger). It is serialised
/// when it is made.
///
/// ```
/// # async fn example(load: coveo_push::Load) -> Result<(), coveo_push::PushError> {
/// use coveo_push::{CatalogItem, DocumentBody};
/// use futures_util::stream;
///
/// let shoe = DocumentBody::new().object_type("Product").metadata("ec_name", "Shoe");
/// let items = (0..1_000).map(|number| CatalogItem::new(format!("product://{number}"), &shoe));
/// load.pusher().push_stream(stream::iter(items)).await?;
/// load.pusher().push(CatalogItem::json(r#"{"documentId":"store://berlin","objecttype":"Availability"}"#)).await?;
/// # Ok(()) }
/// ```
pub struct CatalogItem {
    document_id: Option<String>,
    item: WrittenItem,
}

impl CatalogItem {
    /// An item: a [`DocumentBody`](crate::DocumentBody), or any type whose JSON is an object.
    pub fn new<T: Serialize + ?Sized>(document_id: impl Into<String>, item: &T) -> Self {
        Self { document_id: Some(document_id.into()), item: WrittenItem::write(item) }
    }

    /// An item that is JSON text. Its id is the `documentId` in the text, or is set by
    /// [`document_id`](Self::document_id).
    pub fn json(json: impl Into<String>) -> Self {
        Self { document_id: None, item: WrittenItem::read(json.into()) }
    }

    /// The item's URI, for JSON text that does not have it.
    #[must_use]
    pub fn document_id(mut self, document_id: impl Into<String>) -> Self {
        self.document_id = Some(document_id.into());
        self
    }

    /// Pushes the item with this content, as [`PushItem::content`] does.
    #[must_use]
    pub fn content(mut self, content: Content) -> Self {
        self.item.content = Some(content);
        self
    }
}

impl From<CatalogItem> for ItemOperation {
    fn from(CatalogItem { document_id, item }: CatalogItem) -> Self {
        Self { document_id, change: ItemChange::Upsert(item) }
    }
}

impl fmt::Debug for CatalogItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogItem").field("document_id", &self.document_id).finish_non_exhaustive()
    }
}

/// One operation on an identity, to push later: [`push`](PushQueue::push), [`push_stream`](PushQueue::push_stream).
///
/// ```
/// use coveo_push::{Identity, IdentityBody, IdentityOperation, MappedIdentity, MappedIdentityBody};
///
/// let alias = MappedIdentity::user("asmith@example.com").provider("Email Security Provider");
/// let operations = [
///     IdentityOperation::add_or_update(IdentityBody::user("asmith")),
///     IdentityOperation::add_or_update_alias(MappedIdentityBody::user("asmith").alias(alias)),
///     IdentityOperation::delete(Identity::user("bjones")),
/// ];
/// # let _ = operations;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityOperation {
    /// Adds or updates an identity with its members.
    AddOrUpdate(IdentityBody),
    /// Adds or updates the aliases of an identity.
    AddOrUpdateAlias(MappedIdentityBody),
    /// Deletes an identity.
    Delete(Identity),
}

impl IdentityOperation {
    /// Adds or updates an identity with its members.
    #[must_use]
    pub fn add_or_update(body: IdentityBody) -> Self {
        Self::AddOrUpdate(body)
    }

    /// Adds or updates the aliases of an identity.
    #[must_use]
    pub fn add_or_update_alias(body: MappedIdentityBody) -> Self {
        Self::AddOrUpdateAlias(body)
    }

    /// Deletes an identity.
    #[must_use]
    pub fn delete(identity: Identity) -> Self {
        Self::Delete(identity)
    }
}
