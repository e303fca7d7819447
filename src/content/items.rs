//! Pushes one item with content.

use super::{Content, Uploaded};
use crate::api::call::request_builder;
use crate::api::file_containers::DatedContainer;
use crate::api::items::CheckedRequest;
use crate::api::{Accepted, AddOrUpdateItem};
use crate::error::{Error, InvalidError};
use crate::model::document_keys as key;
use crate::preflight::{limit, request_size};

impl AddOrUpdateItem {
    /// Pushes the item with this content instead of data in the item itself.
    ///
    /// Sending the request first reads and compresses the content. Content that is too large for the item is
    /// uploaded into a file container before the item is pushed. That takes up to four requests, each with its
    /// own retries.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{Content, DocumentBody, Permissions, file_uri};
    ///
    /// let path = "/srv/manuals/printer.pdf";
    /// let doc = DocumentBody::new().title("Printer manual").permissions(Permissions::public());
    /// client.items("my-source").add_or_update(file_uri(path)?, &doc).content(Content::file(path)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the item has data itself, or if the content cannot be read, gives nothing for 60 s, is
    /// larger than 256 MB, or changes while it is read. The item is not pushed then.
    pub fn content(self, content: Content) -> AddOrUpdateItemWithContent {
        AddOrUpdateItemWithContent { item: self, content }
    }
}

request_builder! {
    /// Adds or updates an item with its content: [`AddOrUpdateItem::content`].
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each request. A timeout that is
    /// set limits a whole upload instead of the time without progress, and how long the content may give nothing.
    AddOrUpdateItemWithContent -> Accepted { item: AddOrUpdateItem, content: Content }
    settings: item.request.settings; ordering_id: item.request;
}

impl AddOrUpdateItemWithContent {
    async fn send(self) -> Result<Accepted, Error> {
        let Self { item, content } = self;
        // Checks the item before it reads the content.
        let mut checked = item.checked()?;
        let operation = checked.request.operation;
        let refused = |finding| Error::from(InvalidError::new(Some(operation), vec![finding]));
        let CheckedRequest { request, document_id, item } = &mut checked;
        content.make_room(document_id, item).map_err(refused)?;
        let settings = request.settings.clone();
        let room = limit::REQUEST_BYTES.saturating_sub(item.json().len());
        let prepared = content.prepare(document_id, room, request.settings.timeout).await.map_err(refused)?;
        if let Some(reference) = prepared.reference() {
            // Checks the size of the item before the upload.
            reference.write(item);
            item.take_out(key::COMPRESSION_TYPE);
            if let Some(too_large) = request_size(item.json().len(), document_id) {
                return Err(refused(too_large));
            }
        }
        if prepared.reference().is_none() {
            let placed = prepared.place(document_id, &request.kernel, &settings).await?;
            placed.write(item);
            return checked.send().await;
        }
        let mut uploads = 0;
        loop {
            let placed = prepared.clone().place(&checked.document_id, &checked.request.kernel, &settings).await?;
            uploads += 1;
            let mut push = checked.clone();
            placed.write(&mut push.item);
            push.request.settings.latest_start = placed.uploaded.as_ref().map(Uploaded::latest_push);
            match push.send().await {
                // Waiting took so long that the content is uploaded again.
                Err(error) if error.has_expired() && uploads <= DatedContainer::MOST_REFILLS => {}
                pushed => return pushed,
            }
        }
    }
}
