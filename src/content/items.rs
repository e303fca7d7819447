use super::Content;
use crate::api::call::call;
use crate::api::{Accepted, AddOrUpdateItem};
use crate::error::{Error, InvalidError};
use crate::model::OrderingId;
use crate::preflight::{limit, request_size};

impl AddOrUpdateItem {
    /// Pushes the item with this content, in place of data in the item itself.
    ///
    /// When the request is sent, the content is read and compressed first. What is too large for
    /// the item goes into a file container, and the item after it: up to four requests, each tried
    /// again on its own.
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
    /// [`Error::Invalid`] when the item has data itself; when the content cannot be read, is larger
    /// than 256 MB, or changes while it is uploaded. The item is not pushed then.
    pub fn content(self, content: Content) -> AddOrUpdateItemWithContent {
        AddOrUpdateItemWithContent { call: self, content }
    }
}

/// Adds or updates an item with its content: [`AddOrUpdateItem::content`].
///
/// [`timeout`](Self::timeout) and [`retry`](Self::retry) hold for each request on its own; a timeout
/// that is set takes the place of the one that grows with the size of an upload, too.
#[derive(Debug)]
#[must_use = "a request is sent by `.await`"]
pub struct AddOrUpdateItemWithContent {
    call: AddOrUpdateItem,
    content: Content,
}

call!(AddOrUpdateItemWithContent(call.request.settings) -> Accepted);

impl AddOrUpdateItemWithContent {
    /// Where the operation stands among others on the same item. Default: the service's clock, in
    /// milliseconds. Best left alone ([article 147](https://docs.coveo.com/en/147/)).
    pub fn ordering_id(mut self, id: impl Into<OrderingId>) -> Self {
        self.call = self.call.ordering_id(id);
        self
    }

    async fn send(self) -> Result<Accepted, Error> {
        let Self { mut call, content } = self;
        // What is wrong with the item itself is found before its content is touched.
        call.request.check()?;
        let (id, operation) = (call.document_id().to_owned(), call.request.operation);
        let refused = |finding| Error::from(InvalidError::new(Some(operation), vec![finding]));
        call.edit(|json, layout| content.make_room(&id, json, layout)).map_err(refused)?;
        let room = limit::REQUEST_BYTES.saturating_sub(call.request.body_length());
        let prepared = content.prepare(&id, room).await.map_err(refused)?;
        if let Some(reference) = prepared.reference() {
            // What does not fit with it is not worth the upload.
            call.edit(|json, layout| reference.write(json, layout));
            let too_large = request_size(call.request.body_length(), &id);
            call.request = call.request.found(too_large);
            call.request.check()?;
        }
        let placed = prepared.place(&id, &call.request.kernel, &call.request.settings).await?;
        call.edit(|json, layout| placed.write(json, layout));
        call.request.accepted().await
    }
}
