use std::sync::Arc;

use futures_core::Stream;
use serde::Serialize;

use super::group::Group;
use super::item::{AddOrUpdate, Delete, Item, PushItem};
use super::pushing::{Pushing, Unfinished};
use super::report::{PushError, Pushed};
use super::run::Run;
use super::{PushTarget, PusherBuilder, run_methods};
use crate::api::Items;

/// The lists of a batch of items, by their numbers.
pub(super) const ADD_OR_UPDATE: usize = 0;
pub(super) const DELETE: usize = 1;
pub(super) const LISTS: [&str; 2] = ["addOrUpdate", "delete"];

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
    ///     pusher.add_or_update(&format!("https://example.com/{number}"), &doc).await?;
    /// }
    /// let report = pusher.finish().await.into_result()?;
    /// println!("{report}");
    /// if report.refused > 0 {
    ///     // They break a rule of the service, and were left out: that is no error.
    ///     eprintln!("{} refused, such as {}", report.refused, report.refused_samples[0]);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn pusher(&self) -> PusherBuilder<ItemPusher> {
        PusherBuilder::new(self.kernel.clone(), PushTarget::Items(Arc::clone(&self.source_id)))
    }
}

impl PusherBuilder<ItemPusher> {
    /// Begins the run. Its tasks are spawned on the tokio runtime that it is used on.
    #[must_use]
    pub fn start(self) -> ItemPusher {
        let (kernel, target, settings) = self.into_parts();
        ItemPusher { run: Run::new(kernel, target, settings), is_ended: false }
    }
}

/// Pushes any number of items: [`Items::pusher`].
///
/// The operations are cut into batches, which go to the service through file containers
/// ([article 90](https://docs.coveo.com/en/90/)), several at the same time. A push waits while the
/// pipeline is full. Operations on one id take effect in the order in which their pushes returned.
///
/// A push may be cancelled: it has then taken its operation whole, or not at all. End a run with
/// [`finish`](Self::finish), also when a push says that it has stopped: the report has what became of
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
///         pusher.add_or_update(&format!("https://example.com/{part}"), &doc).await
///     });
/// }
/// while let Some(pushed) = tasks.join_next().await {
///     pushed??;
/// }
/// let pusher = Arc::into_inner(pusher).ok_or("a task still pushes")?;
/// pusher.finish().await.into_result()?;
/// # Ok(()) }
/// ```
pub struct ItemPusher {
    run: Arc<Run>,
    is_ended: bool,
}

run_methods!(ItemPusher);

/// One operation of a stream of items: [`ItemPusher::push_stream`].
///
/// ```
/// use coveo_push::{DocumentBody, ItemOperation};
///
/// let page = DocumentBody::text("words");
/// let operations = [
///     ItemOperation::add_or_update("https://example.com/a", page),
///     ItemOperation::add_or_update_json("https://example.com/b", r#"{"data":"words"}"#),
///     ItemOperation::delete("https://example.com/c"),
///     ItemOperation::delete_with_children("https://example.com/d/"),
/// ];
///
/// // Where no item serialises, any type does.
/// let deleted = ["https://example.com/e"].map(ItemOperation::<()>::delete);
/// # let _ = (operations, deleted);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ItemOperation<T> {
    /// Adds or updates an item.
    AddOrUpdate {
        /// The item's URI.
        document_id: String,
        /// The item.
        item: T,
    },
    /// Adds or updates an item whose JSON text is in hand.
    AddOrUpdateJson {
        /// The item's URI; without one the text has it.
        document_id: Option<String>,
        /// The text.
        json: String,
    },
    /// Deletes an item.
    Delete {
        /// The item's URI.
        document_id: String,
        /// Whether the items whose URI begins with this one go too.
        delete_children: bool,
    },
}

impl<T> ItemOperation<T> {
    /// Adds or updates an item.
    pub fn add_or_update(document_id: impl Into<String>, item: T) -> Self {
        Self::AddOrUpdate { document_id: document_id.into(), item }
    }

    /// Adds or updates an item whose JSON text is in hand.
    pub fn add_or_update_json(document_id: impl Into<String>, json: impl Into<String>) -> Self {
        Self::AddOrUpdateJson { document_id: Some(document_id.into()), json: json.into() }
    }

    /// Adds or updates an item whose JSON text is in hand, and has the item's `documentId` in it.
    pub fn add_or_update_json_with_id(json: impl Into<String>) -> Self {
        Self::AddOrUpdateJson { document_id: None, json: json.into() }
    }

    /// Deletes an item, its children left alone.
    pub fn delete(document_id: impl Into<String>) -> Self {
        Self::Delete { document_id: document_id.into(), delete_children: false }
    }

    /// Deletes an item with its children: the items whose URI begins with this one.
    pub fn delete_with_children(document_id: impl Into<String>) -> Self {
        Self::Delete { document_id: document_id.into(), delete_children: true }
    }
}

impl ItemPusher {
    /// Adds or updates an item: a [`DocumentBody`](crate::DocumentBody), or any type whose JSON is
    /// an object. It is serialised once, when there is room for it.
    ///
    /// A `documentId` that the item has itself must be the same. An item that breaks a rule of the
    /// service is refused, and the run goes on.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub fn add_or_update<'a, T>(&'a self, document_id: &'a str, item: &'a T) -> PushItem<'a>
    where
        T: Serialize + Sync,
    {
        PushItem::new(&self.run, Item::Typed { document_id, item })
    }

    /// Adds or updates an item whose JSON text is in hand: it is checked, and copied as it is.
    ///
    /// A `documentId` in the text must be the same; without one it is put in.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub fn add_or_update_json<'a>(&'a self, document_id: &'a str, json: &'a str) -> PushItem<'a> {
        PushItem::new(&self.run, Item::Json { document_id: Some(document_id), json })
    }

    /// Adds or updates an item whose JSON text is in hand, and has the item's `documentId` in it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub fn add_or_update_json_with_id<'a>(&'a self, json: &'a str) -> PushItem<'a> {
        PushItem::new(&self.run, Item::Json { document_id: None, json })
    }

    /// Deletes an item, its children left alone.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not taken then.
    pub fn delete<'a>(&'a self, document_id: &'a str) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'a {
        self.push_deletion(document_id, false)
    }

    /// Deletes an item with its children: the items whose URI begins with this one.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not taken then.
    pub fn delete_with_children<'a>(
        &'a self,
        document_id: &'a str,
    ) -> impl Future<Output = Result<Pushed, PushError>> + Send + 'a {
        self.push_deletion(document_id, true)
    }

    fn push_deletion<'a>(&'a self, document_id: &'a str, delete_children: bool) -> Pushing<'a, Delete<'a>> {
        Pushing::new(&self.run, self.deletion(document_id, delete_children))
    }

    fn deletion<'a>(&self, document_id: &'a str, delete_children: bool) -> Delete<'a> {
        Delete { document_id, delete_children, switch: self.run.kernel.shared.preflight }
    }

    /// Pushes all operations of a stream, and returns how many there were. The run goes on after
    /// it.
    ///
    /// Operations that are at hand are taken together: up to 32 of them, 64 KiB, or what came within 10 ms, and
    /// at once when the stream has no more for now. That is faster than single pushes where several tasks push at
    /// the same time, each a stream. Operations of one stream keep their order. But that the stream is asked for
    /// the next one does not say that the one before was taken: what is pushed or flushed meanwhile, by other
    /// tasks or by the stream itself, may come before it. After this has returned it comes after them.
    ///
    /// When this is dropped, what was read of the stream has been taken while there was room; what was not
    /// counts as cancelled.
    ///
    /// ```
    /// # async fn example(pusher: coveo_push::ItemPusher) -> Result<(), coveo_push::PushError> {
    /// use coveo_push::{DocumentBody, ItemOperation};
    /// use futures_util::stream;
    ///
    /// let pages = (0..1_000).map(|number| {
    ///     ItemOperation::add_or_update(format!("https://example.com/{number}"), DocumentBody::text("words"))
    /// });
    /// assert_eq!(pusher.push_stream(stream::iter(pages)).await?, 1_000);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped.
    pub fn push_stream<T, S>(&self, stream: S) -> impl Future<Output = Result<u64, PushError>> + Send
    where
        T: Serialize + Send + Sync,
        S: Stream<Item = ItemOperation<T>> + Send,
    {
        let mut unfinished = Unfinished::new(&self.run);
        async move {
            let mut stream = std::pin::pin!(stream);
            let mut group = Group::new(&self.run);
            let mut pushed = 0;
            while let Some(operation) = group.next(stream.as_mut()).await? {
                match operation {
                    ItemOperation::AddOrUpdate { document_id, item } => {
                        let item = Item::Typed { document_id: &document_id, item: &item };
                        group.push(AddOrUpdate::new(&self.run, item)).await?;
                    }
                    ItemOperation::AddOrUpdateJson { document_id, json } => {
                        let item = Item::Json { document_id: document_id.as_deref(), json: &json };
                        group.push(AddOrUpdate::new(&self.run, item)).await?;
                    }
                    ItemOperation::Delete { document_id, delete_children } => {
                        group.push(self.deletion(&document_id, delete_children)).await?;
                    }
                }
                pushed += 1;
            }
            unfinished.done();
            Ok(pushed)
        }
    }
}
