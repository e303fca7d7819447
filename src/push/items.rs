use std::sync::Arc;

use futures_core::Stream;
use serde::Serialize;

use super::json;
use super::keys::{Key, Scope};
use super::report::{PushError, Pushed};
use super::run::Run;
use super::{PushTarget, PusherBuilder, run_methods};
use crate::api::Items;
use crate::http::trace;
use crate::model::DeletedDocument;
use crate::model::object::{self, Layout};
use crate::operation::Operation;
use crate::preflight::{self, Finding, KnownKeys, Preflight, Rule};

const ADD_OR_UPDATE: usize = 0;
const DELETE: usize = 1;
pub(super) const LISTS: [&str; 2] = ["addOrUpdate", "delete"];

impl Items {
    /// Pushes many items: any number of operations, in bounded memory, in order, losing none.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{DocumentBody, PushError};
    ///
    /// let mut pusher = client.items("my-source").pusher().concurrency(4).start();
    /// for number in 0..10_000 {
    ///     let doc = DocumentBody::text("words").title(format!("Document {number}"));
    ///     pusher.add_or_update(&format!("https://example.com/{number}"), &doc).await?;
    /// }
    /// let report = pusher.finish().await.into_result()?;
    /// println!("{report}");
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
        ItemPusher {
            run: Run::new(kernel, target, settings),
            layout: Layout::default(),
            keys: KnownKeys::default(),
            is_ended: false,
        }
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
pub struct ItemPusher {
    run: Arc<Run>,
    layout: Layout,
    keys: KnownKeys,
    is_ended: bool,
}

run_methods!(ItemPusher);

/// One operation of a stream of items: [`ItemPusher::push_stream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOperation<T> {
    /// Adds or updates an item.
    AddOrUpdate {
        /// The item's URI.
        document_id: String,
        /// The item.
        item: T,
    },
    /// Deletes an item.
    Delete {
        /// The item's URI.
        document_id: String,
        /// Whether the items whose URI begins with this one go too.
        delete_children: bool,
    },
}

impl ItemPusher {
    /// Adds or updates an item: a [`DocumentBody`](crate::DocumentBody), or any type whose JSON is
    /// an object. It is serialised once, straight into the batch.
    ///
    /// A `documentId` that the item has itself must be the same. An item that breaks a rule of the
    /// service is refused, and the run goes on.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub async fn add_or_update<T>(&mut self, document_id: &str, item: &T) -> Result<Pushed, PushError>
    where
        T: Serialize + Sync + ?Sized,
    {
        let (layout, keys, switch) = (&mut self.layout, &mut self.keys, self.run.kernel.shared.preflight);
        let key = Key { text: document_id, scope: Scope::Main };
        let write = |buffer: &mut Vec<u8>| {
            object::write(buffer, layout, Some(document_id), item)
                .map_err(|error| vec![preflight::unwritable(document_id, &error)])?;
            judge(document_id, buffer, layout, keys, switch)
        };
        self.run.push(ADD_OR_UPDATE, key, write).await
    }

    /// Adds or updates an item whose JSON text is in hand: it is checked, and copied as it is.
    ///
    /// A `documentId` in the text must be the same; without one it is put in.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub async fn add_or_update_json(&mut self, document_id: &str, json: &str) -> Result<Pushed, PushError> {
        let checked = json::check(json, &mut self.layout);
        self.push_checked(document_id, checked).await
    }

    /// Adds or updates an item whose JSON text is in hand, and has the item's `documentId` in it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub async fn add_or_update_json_with_id(&mut self, json: &str) -> Result<Pushed, PushError> {
        let checked = json::check(json, &mut self.layout);
        let document_id = checked.as_ref().ok().and_then(|text| json::document_id(text, &self.layout));
        self.push_checked(document_id.as_deref().unwrap_or_default(), checked).await
    }

    async fn push_checked(
        &mut self,
        document_id: &str,
        text: Result<&str, serde_json::Error>,
    ) -> Result<Pushed, PushError> {
        let (layout, keys, switch) = (&mut self.layout, &mut self.keys, self.run.kernel.shared.preflight);
        let no_object =
            |error: serde_json::Error| vec![Finding::new(document_id, Rule::NotAnObject, error.to_string())];
        let write = |buffer: &mut Vec<u8>| {
            let text = text.map_err(no_object)?;
            if json::has_null_id(text, layout) {
                let message = "the text itself says that its documentId is null; leave it out, or give the same";
                return Err(vec![Finding::new(document_id, Rule::DocumentIdMismatch, message)]);
            }
            json::copy(buffer, layout, document_id, text).map_err(no_object)?;
            judge(document_id, buffer, layout, keys, switch)
        };
        self.run.push(ADD_OR_UPDATE, Key { text: document_id, scope: Scope::Main }, write).await
    }

    /// Deletes an item, its children left alone.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not taken then.
    pub async fn delete(&mut self, document_id: &str) -> Result<Pushed, PushError> {
        self.push_deletion(document_id, false).await
    }

    /// Deletes an item with its children: the items whose URI begins with this one.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not taken then.
    pub async fn delete_with_children(&mut self, document_id: &str) -> Result<Pushed, PushError> {
        self.push_deletion(document_id, true).await
    }

    async fn push_deletion(&mut self, document_id: &str, delete_children: bool) -> Result<Pushed, PushError> {
        let switch = self.run.kernel.shared.preflight;
        let scope = if delete_children { Scope::Children } else { Scope::Main };
        let write = |buffer: &mut Vec<u8>| {
            refuse(preflight::document_id(document_id, switch).into_iter().collect(), switch)?;
            let deleted = DeletedDocument { document_id: document_id.to_owned(), delete_children };
            serde_json::to_writer(buffer, &deleted)
                .map_err(|error| vec![Finding::new(document_id, Rule::NotAnObject, error.to_string())])
        };
        self.run.push(DELETE, Key { text: document_id, scope }, write).await
    }

    /// Pushes all operations of a stream, and returns how many there were. The run goes on after
    /// it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped.
    pub async fn push_stream<T, S>(&mut self, stream: S) -> Result<u64, PushError>
    where
        T: Serialize + Send + Sync,
        S: Stream<Item = ItemOperation<T>> + Send,
    {
        let mut stream = std::pin::pin!(stream);
        let mut pushed = 0;
        while let Some(operation) = std::future::poll_fn(|context| stream.as_mut().poll_next(context)).await {
            match operation {
                ItemOperation::AddOrUpdate { document_id, item } => self.add_or_update(&document_id, &item).await?,
                ItemOperation::Delete { document_id, delete_children } => {
                    self.push_deletion(&document_id, delete_children).await?
                }
            };
            pushed += 1;
        }
        Ok(pushed)
    }
}

fn judge(
    document_id: &str,
    buffer: &[u8],
    layout: &Layout,
    keys: &mut KnownKeys,
    switch: Preflight,
) -> Result<(), Vec<Finding>> {
    refuse(preflight::written_item(document_id, buffer, layout, keys, switch), switch)
}

/// Refuses what the switch refuses; what it lets through is traced.
fn refuse(findings: Vec<Finding>, switch: Preflight) -> Result<(), Vec<Finding>> {
    for warning in preflight::judge(findings, switch)? {
        trace::found(Operation::PushItemBatch, &warning);
    }
    Ok(())
}
