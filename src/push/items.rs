use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::content;
use super::destination::{Containers, Destination};
use super::intake::Intake;
use super::item::{CheckedItem, ITEMS, Item, deletion};
use super::push_future::PushFuture;
use super::pusher::{PushQueue, Pusher};
use super::report::{PushError, Pushed};
use super::settings::{PusherBuilder, track_outcomes};
use crate::api::Items;
use crate::content::Content;
use crate::kernel::request::PathParams;
use crate::operation::Operation;
use crate::preflight::KnownIdentities;
pub(super) use sealed::Sealed;

impl Items {
    /// Pushes many items: any number of operations, in bounded memory, in order, losing none.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{DocumentBody, PushError};
    ///
    /// let pusher = client.items("my-source").pusher().concurrency(4).start();
    /// for number in 0..10_000 {
    ///     let doc = DocumentBody::text("words").title(format!("Document {number}"));
    ///     pusher.add_or_update(format!("https://example.com/{number}"), &doc).await?;
    /// }
    /// let report = pusher.finish().await.into_result()?;
    /// println!("{report}");
    /// if report.totals.refused > 0 {
    ///     // They break a rule of the service and were left out, which is not an error.
    ///     eprintln!("{} refused, such as {}", report.totals.refused, report.refused_samples[0]);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn pusher(&self) -> PusherBuilder<Items> {
        let destination = Destination {
            kind: &ITEMS,
            commit: Operation::PushItemContainer,
            params: PathParams::source(Arc::clone(&self.source_id)),
            containers: Containers::Files,
            journal: None,
        };
        PusherBuilder::new(self.kernel.clone(), destination)
    }
}

track_outcomes!(Items);

impl PusherBuilder<Items> {
    /// Says that the source is secured: an item without permissions, which the service would accept
    /// and then drop, breaks a rule. Default: no.
    pub fn secured(mut self, secured: bool) -> Self {
        self.settings.validation.is_secured = secured;
        self
    }

    /// Holds the permissions of items against the identities that are known: an item that names
    /// another one, which the service would accept and then drop, breaks a rule. Default: not looked
    /// for.
    pub fn known_identities(mut self, known: &KnownIdentities) -> Self {
        self.settings.validation.known = Some(known.clone());
        self
    }
}

/// Pushes any number of items: [`Items::pusher`].
///
/// The operations are cut into batches, which go to the service through file containers
/// ([article 90](https://docs.coveo.com/en/90/)), several at the same time. A push waits while the
/// pipeline is full. Operations on one id take effect in the order in which their pushes returned.
///
/// A push may be cancelled: it has then taken its operation whole, or not at all. End a run with
/// [`finish`](Self::finish), also when a push says that it has stopped: the report has the result of
/// every operation. A pusher that is dropped, as by a `?` on the way, is aborted, and its report is
/// lost.
///
/// One task fills a link to the service only as fast as it writes items. Several push at the same
/// time through a reference, or an [`Arc`], and each writes its items beside the others:
///
/// ```
/// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
/// # use coveo_push::DocumentBody;
/// use std::sync::Arc;
///
/// let pusher = Arc::new(client.items("my-source").pusher().start());
/// let mut tasks = tokio::task::JoinSet::new();
/// for part in ["a", "b"] {
///     let pusher = Arc::clone(&pusher);
///     tasks.spawn(async move {
///         let doc = DocumentBody::text("words");
///         pusher.add_or_update(format!("https://example.com/{part}"), &doc).await
///     });
/// }
/// while let Some(pushed) = tasks.join_next().await {
///     pushed??;
/// }
/// let pusher = Arc::into_inner(pusher).ok_or("a task still pushes")?;
/// pusher.finish().await.into_result()?;
/// # Ok(()) }
/// ```
pub type ItemPusher = Pusher<Items>;

/// A handle of a run of items that cannot end it.
pub type ItemQueue = PushQueue<Items>;

/// Where whole items are pushed into: a source ([`Items`]), or a catalog
/// ([`CatalogUpdates`](crate::CatalogUpdates), [`CatalogItems`](crate::CatalogItems)). No other type can implement it.
pub trait WholeItems: Sealed {}

impl Sealed for Items {}
impl WholeItems for Items {}

mod sealed {
    /// Keeps others from implementing a trait.
    pub trait Sealed {}
}

impl<T: WholeItems> PushQueue<T> {
    /// Adds an item or replaces it whole: a [`DocumentBody`](crate::DocumentBody), or any type whose JSON is
    /// an object. It is serialised once, when there is room for it. A field that is not in it is gone afterwards.
    ///
    /// A `documentId` that the item has itself must be the same; null counts as absent. NaN and infinite numbers
    /// become `null`, as serde_json writes them, except in a [`DocumentBody`](crate::DocumentBody), which refuses
    /// them. An item that breaks a rule of the service is refused, and the run goes on.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not queued then.
    pub fn add_or_update<'a, D>(&'a self, document_id: impl Into<Cow<'a, str>>, item: &'a D) -> PushItem<'a>
    where
        D: Serialize + Sync,
    {
        PushItem::new(&self.intake, Some(document_id.into()), Item::Typed(item))
    }

    /// Adds an item or replaces it whole: JSON text, which is checked, and copied as it is.
    ///
    /// Its id is the `documentId` in the text, or is set by [`document_id`](PushItem::document_id).
    ///
    /// ```
    /// # async fn example(pusher: coveo_push::ItemPusher) -> Result<(), coveo_push::PushError> {
    /// pusher.add_or_update_json(r#"{"documentId":"https://example.com/a","data":"words"}"#).await?;
    /// pusher.add_or_update_json(r#"{"data":"words"}"#).document_id("https://example.com/b").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not queued then.
    pub fn add_or_update_json<'a>(&'a self, json: impl Into<Cow<'a, str>>) -> PushItem<'a> {
        PushItem::new(&self.intake, None, Item::Json(json.into()))
    }
}

impl PushQueue<Items> {
    /// Deletes an item, and its children where [`delete_children`](PushItemDeletion::delete_children) says so.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not queued then.
    pub fn delete<'a>(&'a self, document_id: impl Into<Cow<'a, str>>) -> PushItemDeletion<'a> {
        PushItemDeletion::new(&self.intake, document_id.into())
    }
}

/// One push of an item: [`ItemQueue::add_or_update`], [`ItemQueue::add_or_update_json`].
#[must_use = "nothing is pushed before it is awaited"]
pub struct PushItem<'a> {
    intake: &'a Intake,
    document_id: Option<Cow<'a, str>>,
    item: Item<'a>,
    content: Option<Content>,
}

impl<'a> PushItem<'a> {
    pub(super) fn new(intake: &'a Intake, document_id: Option<Cow<'a, str>>, item: Item<'a>) -> Self {
        Self { intake, document_id, item, content: None }
    }

    /// The item's URI, for JSON text that does not have it. A `documentId` in the text must be the same; null counts
    /// as absent.
    pub fn document_id(mut self, document_id: impl Into<Cow<'a, str>>) -> Self {
        self.document_id = Some(document_id.into());
        self
    }

    /// Pushes the item with this content, in place of data in the item itself.
    ///
    /// The content is read and compressed. If it is too large for the item or its batch, it is
    /// uploaded into a file container, before the item goes into a batch: the push returns after
    /// that. As many contents and batches as the run's
    /// [`concurrency`](crate::PusherBuilder::concurrency) are under way at the same time, so push from
    /// several tasks, or several at a time from one, as the second half of the example does. A content on
    /// its way goes on while its push is not polled, in a task that ends when the push is dropped.
    ///
    /// A text or bytes have no file whose extension could tell the service what they are: set
    /// [`file_extension`](crate::DocumentBody::file_extension), such as `.html`, on the item.
    ///
    /// Content that cannot be read, is larger than 256 MB or changes meanwhile is refused, and the run
    /// goes on. Content that could not be uploaded is a failed batch of one item, at the step
    /// [`PushStep::Content`](crate::report::PushStep::Content).
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient, paths: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{Content, DocumentBody, file_uri};
    /// use futures_util::{StreamExt, TryStreamExt, stream};
    ///
    /// let pusher = client.items("my-source").pusher().start();
    /// // One after the other.
    /// for path in &paths {
    ///     let doc = DocumentBody::new().title(path);
    ///     pusher.add_or_update(file_uri(path)?, &doc).content(Content::file(path)).await?;
    /// }
    /// // Eight at a time.
    /// let push = async |path: &String| {
    ///     let doc = DocumentBody::new().title(path);
    ///     pusher.add_or_update(file_uri(path)?, &doc).content(Content::file(path)).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// };
    /// stream::iter(&paths).map(Ok).try_for_each_concurrent(8, push).await?;
    /// pusher.finish().await.into_result()?;
    /// # Ok(()) }
    /// ```
    pub fn content(mut self, content: Content) -> Self {
        self.content = Some(content);
        self
    }

    /// The same, if there is content; `None` changes nothing.
    pub fn content_opt(self, content: Option<Content>) -> Self {
        match content {
            Some(content) => self.content(content),
            None => self,
        }
    }
}

impl<'a> IntoFuture for PushItem<'a> {
    type Output = Result<Pushed, PushError>;
    type IntoFuture = PushFuture<'a>;

    fn into_future(self) -> PushFuture<'a> {
        /// What to do about an item that is too large for a batch.
        const REMEDY: &str = "push its data as content";

        let Self { intake, document_id, item, content } = self;
        match content {
            Some(content) => PushFuture::new(intake, content::push(intake, document_id, item, content)),
            None => {
                let write = move || CheckedItem::check(&intake.account, document_id, item);
                let kind = intake.account.destination.kind;
                PushFuture::new(intake, intake.push(move || write().map(|item| item.into_operation(kind, REMEDY))))
            }
        }
    }
}

impl fmt::Debug for PushItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { intake: _, document_id, item: _, content } = self;
        f.debug_struct("PushItem").field("document_id", document_id).field("content", content).finish_non_exhaustive()
    }
}

/// One deletion of an item: [`ItemQueue::delete`].
#[must_use = "nothing is pushed before it is awaited"]
pub struct PushItemDeletion<'a> {
    intake: &'a Intake,
    document_id: Cow<'a, str>,
    delete_children: bool,
}

impl<'a> PushItemDeletion<'a> {
    pub(super) fn new(intake: &'a Intake, document_id: Cow<'a, str>) -> Self {
        Self { intake, document_id, delete_children: false }
    }

    /// Whether the item's children are deleted too: the items whose URI begins with this one. Default: no.
    ///
    /// End the URI with a `/`: without one it also takes the neighbours that begin like it.
    pub fn delete_children(mut self, children: bool) -> Self {
        self.delete_children = children;
        self
    }
}

impl<'a> IntoFuture for PushItemDeletion<'a> {
    type Output = Result<Pushed, PushError>;
    type IntoFuture = PushFuture<'a>;

    fn into_future(self) -> PushFuture<'a> {
        let Self { intake, document_id, delete_children } = self;
        PushFuture::new(intake, intake.push(move || deletion(&intake.account, document_id, delete_children)))
    }
}

impl fmt::Debug for PushItemDeletion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { intake: _, document_id, delete_children } = self;
        f.debug_struct("PushItemDeletion")
            .field("document_id", document_id)
            .field("delete_children", delete_children)
            .finish_non_exhaustive()
    }
}
