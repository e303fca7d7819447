//! Bulk updates and merges of a catalog.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use super::affects::{Affects, FieldChange, hash_of_keys};
use super::destination::{Containers, Destination, DestinationKind, List, ListKind, Repeated};
use super::intake::{Intake, QueuedOperation};
use super::item::Item;
use super::items::{PushItem, PushItemDeletion, Sealed, WholeItems};
use super::load_stream::LoadStream;
use super::push_future::PushFuture;
use super::pusher::{PushQueue, Pusher};
use super::report::Refused;
use super::settings::{PusherBuilder, track_outcomes};
use crate::api::Catalog;
use crate::model::{MetadataValue, PartialUpdate, PartialUpdateOperator};
use crate::operation::Operation;
use crate::preflight::{self, InvalidText, limit};

const PARTIAL_UPDATE: usize = 2;

static UPDATES: DestinationKind = DestinationKind {
    lists: &[
        List { key: "addOrUpdate", kind: ListKind::Upsert, repeated: Repeated::Replaces },
        List { key: "delete", kind: ListKind::Delete, repeated: Repeated::Replaces },
        // Of two changes of one field, the later one replaces the earlier one only if it says all that this one said.
        List { key: "partialUpdate", kind: ListKind::Patch, repeated: Repeated::Replaces },
    ],
    item_bytes: Some(limit::STREAM_ITEM_BYTES),
    learn: None,
};

static LOAD: DestinationKind = DestinationKind {
    lists: &[List { key: "addOrUpdate", kind: ListKind::Upsert, repeated: Repeated::Refuses }],
    item_bytes: Some(limit::STREAM_ITEM_BYTES),
    learn: None,
};

static MERGES: DestinationKind = DestinationKind {
    lists: &[List { key: "addOrMerge", kind: ListKind::Patch, repeated: Repeated::Cuts }],
    item_bytes: Some(limit::STREAM_ITEM_BYTES),
    learn: None,
};

/// The target of a [`Pusher`] of updates: [`CatalogUpdater`].
#[derive(Debug)]
pub enum CatalogUpdates {}

/// The target of a [`Pusher`] of whole items of a catalog: in a [refresh](Catalog::refresh) or a
/// [load](Catalog::load).
#[derive(Debug)]
pub enum CatalogItems {}

/// The target of a [`Pusher`] of merges: [`CatalogMerger`].
#[derive(Debug)]
pub enum CatalogMerges {}

track_outcomes!(CatalogUpdates, CatalogItems, CatalogMerges);

/// Pushes any number of updates of a catalog: [`Catalog::updater`].
///
/// It is like an [`ItemPusher`](crate::ItemPusher), and takes changes of single fields besides.
pub type CatalogUpdater = Pusher<CatalogUpdates>;

/// Pushes any number of merges of a catalog: [`Catalog::merger`].
pub type CatalogMerger = Pusher<CatalogMerges>;

impl Catalog {
    /// Pushes many updates: any number of operations, in bounded memory, in order, losing none. Each batch has a
    /// file container of its own, and is processed as soon as the service has it.
    ///
    /// The [report](crate::report::PushReport) has the lowest ordering id of all, and
    /// [`on_accepted`](PusherBuilder::on_accepted) gets the ordering id of each batch, by which the service's logs
    /// name it.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{DocumentBody, PartialUpdate};
    ///
    /// let updater = client.catalog("my-catalog").updater().start();
    /// let shoe = DocumentBody::new().object_type("Product").metadata("ec_name", "Shoe").metadata("ec_price", 49.0);
    /// updater.add_or_update("product://1", &shoe).await?;
    /// updater.partial_update(PartialUpdate::replace("product://2", "ec_price", 28.0)).await?;
    /// updater.delete("product://3").await?;
    /// println!("{}", updater.finish().await.into_result()?);
    /// # Ok(()) }
    /// ```
    pub fn updater(&self) -> PusherBuilder<CatalogUpdates> {
        PusherBuilder::new(self.kernel.clone(), self.updates())
    }

    /// Pushes many whole items, as updates.
    pub(crate) fn items_pusher(&self) -> PusherBuilder<CatalogItems> {
        PusherBuilder::new(self.kernel.clone(), self.updates())
    }

    /// Pushes many whole items into a stream. A batch that fails can be pushed again as an update.
    pub(crate) fn load_pusher(&self) -> (PusherBuilder<CatalogItems>, Arc<LoadStream>) {
        let stream = Arc::new(LoadStream::new(self.clone()));
        let containers = Containers::Chunks(Arc::clone(&stream));
        let destination = self.destination(&LOAD, self.operations.update, containers);
        (PusherBuilder::new(self.kernel.clone(), destination), stream)
    }

    fn destination(&self, kind: &'static DestinationKind, commit: Operation, containers: Containers) -> Destination {
        Destination { kind, commit, params: self.params.clone(), containers, journal: None }
    }

    fn updates(&self) -> Destination {
        self.destination(&UPDATES, self.operations.update, Containers::Files)
    }

    /// Pushes many partial items: of each only the given keys change, and one that does not exist is added. In all
    /// other ways it is like [`updater`](Self::updater).
    ///
    /// Only catalog sources that are used by a catalog configuration take merges; the service drops others
    /// in silence.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::DocumentBody;
    ///
    /// let merger = client.catalog("my-catalog").merger().start();
    /// merger.add_or_merge("product://1", &DocumentBody::new().metadata("ec_in_stock", false)).await?;
    /// merger.finish().await.into_result()?;
    /// # Ok(()) }
    /// ```
    pub fn merger(&self) -> PusherBuilder<CatalogMerges> {
        let destination = self.destination(&MERGES, self.operations.merge, Containers::Files);
        PusherBuilder::new(self.kernel.clone(), destination)
    }
}

impl Sealed for CatalogUpdates {}
impl WholeItems for CatalogUpdates {}
impl Sealed for CatalogItems {}
impl WholeItems for CatalogItems {}
impl Sealed for CatalogMerges {}

impl PushQueue<CatalogUpdates> {
    /// Deletes an item, and its children where [`delete_children`](PushItemDeletion::delete_children) says so.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`](crate::PushError::Stopped) when the run has stopped; the deletion was not queued then.
    pub fn delete<'a>(&'a self, document_id: impl Into<Cow<'a, str>>) -> PushItemDeletion<'a> {
        PushItemDeletion::new(&self.intake, document_id.into())
    }

    /// Changes one field of an item that exists.
    ///
    /// A replacement of a field can take the place of an earlier change of the same field, as a full item can take that of
    /// a full item, and a change of a dictionary that of one with the same keys. Other changes of one field are kept in
    /// order, each in a batch after that of the one before. After a failed batch, see
    /// [what is pushed again](crate::guide::catalogs#failed-batches-of-a-catalog).
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`](crate::PushError::Stopped) when the run has stopped; the change was not queued then.
    pub fn partial_update(&self, update: PartialUpdate) -> PushFuture<'_> {
        let write = move || write_partial_update(&self.intake, update);
        PushFuture::new(&self.intake, self.intake.push(write))
    }
}

impl PushQueue<CatalogMerges> {
    /// Changes the given keys of an item, or adds it: a [`DocumentBody`](crate::DocumentBody), or any type whose JSON
    /// is an object. It is serialised once, when there is room for it.
    ///
    /// NaN and infinite numbers become `null`, as serde_json writes them, and null clears a field; a
    /// [`DocumentBody`](crate::DocumentBody) refuses them.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`](crate::PushError::Stopped) when the run has stopped; the item was not queued then.
    pub fn add_or_merge<'a, T>(&'a self, document_id: impl Into<Cow<'a, str>>, item: &'a T) -> PushItem<'a>
    where
        T: Serialize + Sync,
    {
        PushItem::new(&self.intake, Some(document_id.into()), Item::Typed(item))
    }

    /// Changes the given keys of an item, or adds it: JSON text, which is checked, and copied as it is.
    ///
    /// Its id is the `documentId` in the text, or is set by [`document_id`](PushItem::document_id).
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`](crate::PushError::Stopped) when the run has stopped; the item was not queued then.
    pub fn add_or_merge_json<'a>(&'a self, json: impl Into<Cow<'a, str>>) -> PushItem<'a> {
        PushItem::new(&self.intake, None, Item::Json(json.into()))
    }
}

fn write_partial_update(intake: &Intake, update: PartialUpdate) -> Result<QueuedOperation<'static>, Refused> {
    let account = &*intake.account;
    let refuse = |findings| Refused::new(&update.document_id, findings);
    let switch = account.kernel.shared.preflight;
    let findings = preflight::checked_partial_update(&update, switch);
    let warnings = preflight::judge(findings, switch).map_err(refuse)?;
    let json = serde_json::to_vec(&update);
    let json = json.map_err(|error| refuse(vec![InvalidText::from(error).finding(&update.document_id)]))?;
    let affects = Affects::field_of(&update.document_id, &update.field, change_of(&update));
    let (id, list, remedy) = (Cow::Owned(update.document_id), PARTIAL_UPDATE, "change it in smaller steps");
    let (head, json) = (Vec::new(), json.into());
    let (content, note) = (None, None);
    Ok(QueuedOperation { id, list, affects, head, json, lacks_permissions: false, content, warnings, remedy, note })
}

/// How a partial update changes its field.
fn change_of(update: &PartialUpdate) -> FieldChange {
    let keys = || match &update.value {
        Some(MetadataValue::Dictionary(entries)) => hash_of_keys(entries.keys().cloned()),
        Some(MetadataValue::String(key)) => hash_of_keys([key.clone()]),
        Some(MetadataValue::Array(keys)) => hash_of_keys(keys.iter().map(|key| match key {
            MetadataValue::String(key) => key.clone(),
            other => format!("{other:?}"),
        })),
        _ => hash_of_keys::<String>([]),
    };
    match update.operator {
        PartialUpdateOperator::FieldValueReplace => FieldChange::Replace,
        PartialUpdateOperator::ArrayAppend => FieldChange::Append,
        PartialUpdateOperator::ArrayRemove => FieldChange::Remove,
        PartialUpdateOperator::DictionaryPut => FieldChange::Put(keys()),
        PartialUpdateOperator::DictionaryRemove => FieldChange::Take(keys()),
    }
}
