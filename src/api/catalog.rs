use bytes::Bytes;

use super::call::{ApiRequest, request_builder};
use super::push_batch::PushCatalogBatch;
use crate::error::Error;
use crate::kernel::decode;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::{BatchMergeBody, BatchUpdateBody, FileContainer, OpenedStream, OrderingId};
use crate::operation::Operation;
use crate::preflight;

/// The items of a catalog source ([`PushClient::catalog`](crate::PushClient::catalog)) or a data collection
/// ([`PushClient::data_collection`](crate::PushClient::data_collection)), by the Stream API.
///
/// It is owned and cheap to clone, and shares everything with the client it came from.
///
/// # Two ways
///
/// An **update** changes the items that it names: each batch is uploaded into a file container of its own
/// and pushed by [`update_container`](Self::update_container), or by
/// [`merge_container`](Self::merge_container) where only some values change.
///
/// A **load** replaces everything: [open a stream](Self::open_stream), upload one batch into its container and
/// each further one into a container of its own ([`create_chunk`](Self::create_chunk)), and
/// [close the stream](Self::close_stream). Nothing changes before it is closed, and then **every item that was not
/// in it is deleted**: never close a stream after a failed upload. Coveo recommends updates for nearly everything,
/// and loads only for sources of fewer than a million items.
///
/// A file container takes one upload: a second one replaces the first.
#[derive(Debug, Clone)]
pub struct Catalog {
    pub(crate) kernel: Kernel,
    pub(crate) params: PathParams,
    pub(crate) operations: &'static StreamOperations,
}

/// The operations of the Stream API for one kind of target.
#[derive(Debug)]
pub(crate) struct StreamOperations {
    pub(crate) open: Operation,
    pub(crate) chunk: Operation,
    pub(crate) close: Operation,
    pub(crate) update: Operation,
    pub(crate) merge: Operation,
    pub(crate) delete_older: Operation,
}

const OF_A_SOURCE: StreamOperations = StreamOperations {
    open: Operation::OpenStream,
    chunk: Operation::CreateStreamChunk,
    close: Operation::CloseStream,
    update: Operation::UpdateCatalog,
    merge: Operation::MergeCatalog,
    delete_older: Operation::DeleteOldCatalogItems,
};

const OF_A_COLLECTION: StreamOperations = StreamOperations {
    open: Operation::OpenCollectionStream,
    chunk: Operation::CreateCollectionChunk,
    close: Operation::CloseCollectionStream,
    update: Operation::UpdateCollection,
    merge: Operation::MergeCollection,
    delete_older: Operation::DeleteOldCollectionItems,
};

impl Catalog {
    pub(crate) fn of_source(kernel: Kernel, id: String) -> Self {
        Self { kernel, params: PathParams::source(id), operations: &OF_A_SOURCE }
    }

    pub(crate) fn of_collection(kernel: Kernel, id: String) -> Self {
        Self { kernel, params: PathParams::data_collection(id), operations: &OF_A_COLLECTION }
    }

    /// The id of the catalog source or the data collection.
    #[must_use]
    pub fn id(&self) -> &str {
        self.params.resource().map(|id| &**id).unwrap_or_default()
    }

    /// Whether it is a data collection.
    pub(crate) fn is_collection(&self) -> bool {
        self.operations.update == OF_A_COLLECTION.update
    }

    /// The source or data collection behind it.
    #[cfg(feature = "ledger")]
    pub(crate) fn kind(&self) -> &'static str {
        if self.is_collection() { "data-collection" } else { "catalog" }
    }

    fn request(&self, operation: Operation, params: PathParams) -> ApiRequest {
        ApiRequest::new(&self.kernel, operation, params)
    }

    fn of_stream(&self, operation: Operation, stream_id: impl Into<String>) -> ApiRequest {
        self.request(operation, self.params.clone().with("streamId", stream_id.into()))
    }

    /// Opens a stream, for a load ([article lb4a0344](https://docs.coveo.com/en/lb4a0344/)). The response
    /// has the stream's id and its first file container.
    ///
    /// A stream that is not closed changes nothing. Open one stream of a source at a time: the service's
    /// documentation does not say what happens to two.
    pub fn open_stream(&self) -> OpenStream {
        OpenStream { request: self.request(self.operations.open, self.params.clone()) }
    }

    /// Creates one more file container of an open stream
    /// ([article lb4a0344](https://docs.coveo.com/en/lb4a0344/)).
    pub fn create_chunk(&self, stream_id: impl Into<String>) -> CreateStreamChunk {
        CreateStreamChunk { request: self.of_stream(self.operations.chunk, stream_id) }
    }

    /// Closes a stream ([article lb4a0344](https://docs.coveo.com/en/lb4a0344/)): the service then processes all of
    /// its containers, and **deletes every item that is not in them**. Close it only when all uploads have
    /// succeeded.
    ///
    /// After an attempt of unknown fate, such as a broken connection, it is tried again for 10 seconds only, whatever
    /// the retry policy: a later repetition would undo updates that came in between.
    pub fn close_stream(&self, stream_id: impl Into<String>) -> CloseStream {
        CloseStream { request: self.of_stream(self.operations.close, stream_id) }
    }

    fn commit(&self, operation: Operation) -> ApiRequest {
        self.request(operation, self.params.clone())
    }

    /// Pushes a batch of updates ([article p4eb0129](https://docs.coveo.com/en/p4eb0129/)): creates a file
    /// container, uploads the batch into it, and pushes the container. Each step has its own retries.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{BatchUpdateBody, PartialUpdate};
    ///
    /// let batch = BatchUpdateBody::new().partial_update(PartialUpdate::replace("product://1", "ec_price", 28.0));
    /// client.catalog("my-catalog").update_batch(&batch).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when an operation breaks a rule of [`preflight`], or an id is in the batch twice;
    /// nothing is sent then.
    pub fn update_batch(&self, batch: &BatchUpdateBody) -> PushCatalogBatch {
        let findings = preflight::checked_update_batch(batch, self.kernel.shared.preflight);
        PushCatalogBatch::new(self.commit(self.operations.update), batch, findings)
    }

    /// Pushes a batch of updates from its JSON text, such as that of a [failed batch](crate::report::FailedBatch::save), in the
    /// same three steps. Only its lists are checked, and not the operations in them.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when it is not a JSON object, has an unknown list, or is empty; nothing is sent then.
    pub fn update_batch_json(&self, json: impl Into<Bytes>) -> PushCatalogBatch {
        const LISTS: [&str; 3] = ["addOrUpdate", "partialUpdate", "delete"];
        PushCatalogBatch::of_json(self.commit(self.operations.update), &json.into(), &LISTS)
    }

    /// Pushes a batch of partial items ([article o64d1129](https://docs.coveo.com/en/o64d1129/)), as
    /// [`update_batch`](Self::update_batch) does.
    ///
    /// Only catalog sources that are used by a catalog configuration take merges; the service drops others
    /// in silence.
    ///
    /// # Errors
    ///
    /// As [`update_batch`](Self::update_batch).
    pub fn merge_batch(&self, batch: &BatchMergeBody) -> PushCatalogBatch {
        let findings = preflight::checked_merge_batch(batch, self.kernel.shared.preflight);
        PushCatalogBatch::new(self.commit(self.operations.merge), batch, findings)
    }

    /// Pushes a batch of partial items from its JSON text, as [`update_batch_json`](Self::update_batch_json) does.
    ///
    /// # Errors
    ///
    /// As [`update_batch_json`](Self::update_batch_json).
    pub fn merge_batch_json(&self, json: impl Into<Bytes>) -> PushCatalogBatch {
        PushCatalogBatch::of_json(self.commit(self.operations.merge), &json.into(), &["addOrMerge"])
    }

    /// Pushes a file container of updates that was filled before
    /// ([article p4eb0129](https://docs.coveo.com/en/p4eb0129/)). The JSON is not checked.
    ///
    /// The container is one of [`file_containers`](crate::PushClient::file_containers), and never one of a
    /// stream.
    pub fn update_container(&self, file_id: impl Into<String>) -> UpdateCatalog {
        UpdateCatalog { request: self.commit(self.operations.update).file_id(file_id.into()) }
    }

    /// Pushes a file container of partial items that was filled before: only the keys in them change
    /// ([article o64d1129](https://docs.coveo.com/en/o64d1129/)). The JSON is not checked.
    ///
    /// Only catalog sources that are used by a catalog configuration take merges; the service drops others
    /// in silence.
    pub fn merge_container(&self, file_id: impl Into<String>) -> MergeCatalog {
        MergeCatalog { request: self.commit(self.operations.merge).file_id(file_id.into()) }
    }

    /// Deletes the items whose ordering id is lower than this one
    /// ([article p4eb0129](https://docs.coveo.com/en/p4eb0129/)).
    ///
    /// **Take the id from a response**: the lowest [`ordering_id`](crate::Accepted::ordering_id) of the updates that pushed
    /// all items again, and never from a clock. Partial updates and merges might not renew the ordering id of
    /// an item.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] when the id is more than 2 s ahead of the service's clock, as the last call that
    /// succeeded told it; nothing is sent then. Until a call succeeded, an id that is more than 5 minutes ahead of
    /// the local clock breaks a rule that follows the [`Preflight`](crate::Preflight) switch.
    pub fn delete_older_than(&self, ordering_id: impl Into<OrderingId>) -> DeleteOldCatalogItems {
        let id = ordering_id.into();
        let params = self.params.clone().with("epochMilliseconds", id.to_string());
        DeleteOldCatalogItems { request: self.request(self.operations.delete_older, params).boundary(id) }
    }
}

request_builder! {
    /// Opens a stream: [`Catalog::open_stream`].
    OpenStream -> OpenedStream { request: ApiRequest }
    settings: request.settings; call_settings: request;
}

impl OpenStream {
    async fn send(self) -> Result<OpenedStream, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Creates one more file container of an open stream: [`Catalog::create_chunk`].
    CreateStreamChunk -> FileContainer { request: ApiRequest }
    settings: request.settings; call_settings: request;
}

impl CreateStreamChunk {
    async fn send(self) -> Result<FileContainer, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Closes a stream: [`Catalog::close_stream`].
    CloseStream with call_settings
}

request_builder! {
    /// Pushes a file container of updates: [`Catalog::update_container`].
    UpdateCatalog with
}

request_builder! {
    /// Pushes a file container of partial items: [`Catalog::merge_container`].
    MergeCatalog with
}

request_builder! {
    /// Deletes old items of a catalog: [`Catalog::delete_older_than`].
    DeleteOldCatalogItems with queue_delay call_settings
}
