//! The push of an item with content: prepared and uploaded before the item goes into a batch, so that
//! nothing refers to what is not there.

use std::fmt;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::frame;
use super::item::{AddOrUpdate, PushItem, no_object};
use super::items::{ADD_OR_UPDATE, LISTS};
use super::keys::{Key, Scope};
use super::pushing::{Pushing, Unfinished};
use super::report::{PushError, Pushed};
use super::run::Run;
use super::scratch::{Draft, Reader, Write, Written};
use crate::content::{Content, NotPlaced, Prepared};
use crate::error::Error;
use crate::http::BoxFuture;
use crate::http::kernel::Kernel;
use crate::http::send::CallSettings;
use crate::model::object::{self, Layout};
use crate::preflight::{self, Finding};

impl<'a> PushItem<'a> {
    /// Pushes the item with this content, in place of data in the item itself.
    ///
    /// The content is read and compressed, and what is too large for the item or its batch is
    /// uploaded into a file container, before the item goes into a batch: the push returns after
    /// that. As many contents and batches as the run's
    /// [`concurrency`](crate::PusherBuilder::concurrency) are under way at the same time, so push from
    /// several tasks, or several at a time from one, as the second half of the example does.
    ///
    /// A text or bytes have no file whose extension could tell the service what they are: set
    /// [`file_extension`](crate::DocumentBody::file_extension), such as `.html`, on the item.
    ///
    /// Content that cannot be read, is larger than 256 MB or changes meanwhile is refused, and the run
    /// goes on. Content that could not be uploaded is a failed batch of one item, at the step
    /// [`PushStep::Content`](crate::PushStep::Content).
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
    ///     pusher.add_or_update(&file_uri(path)?, &doc).content(Content::file(path)).await?;
    /// }
    /// // Eight at a time.
    /// let push = async |path: &String| {
    ///     let doc = DocumentBody::new().title(path);
    ///     pusher.add_or_update(&file_uri(path)?, &doc).content(Content::file(path)).await?;
    ///     Ok::<_, Box<dyn std::error::Error>>(())
    /// };
    /// stream::iter(&paths).map(Ok).try_for_each_concurrent(8, push).await?;
    /// pusher.finish().await.into_result()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the item was not taken then.
    pub fn content(self, content: Content) -> PushItemWithContent<'a> {
        let (run, item, unfinished) = self.into_parts();
        PushItemWithContent { run, item, content, unfinished }
    }
}

/// One push of an item with its content: [`PushItem::content`]. Nothing is pushed before it is awaited.
#[must_use = "nothing is pushed before it is awaited"]
pub struct PushItemWithContent<'a> {
    run: &'a Arc<Run>,
    item: AddOrUpdate<'a>,
    content: Content,
    unfinished: Unfinished<'a>,
}

impl<'a> IntoFuture for PushItemWithContent<'a> {
    type Output = Result<Pushed, PushError>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.push())
    }
}

impl fmt::Debug for PushItemWithContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushItemWithContent").field("content", &self.content).finish_non_exhaustive()
    }
}

impl PushItemWithContent<'_> {
    async fn push(self) -> Result<Pushed, PushError> {
        let Self { run, item, content, mut unfinished } = self;
        let mut draft = Draft::default();
        match place(run, &item, content, &mut draft).await {
            Ok(warnings) => {
                let Draft { id, buffer } = &draft;
                let ready = Ready { id, json: buffer, warnings: &warnings, list: item.list(), scope: item.scope() };
                Pushing::from_parts(run, ready, unfinished).await
            }
            Err(pushed) => {
                unfinished.done();
                pushed
            }
        }
    }
}

/// Writes the item, its content where it belongs, and returns what may keep the service from taking it.
/// `Err` is how the push has ended already.
async fn place(
    run: &Run,
    item: &AddOrUpdate<'_>,
    content: Content,
    draft: &mut Draft,
) -> Result<Vec<Finding>, Result<Pushed, PushError>> {
    // Given back at the end: who waits for room in a batch must not keep the batches waiting.
    let _slot = run.slot_for_content().await.map_err(Err)?;
    let (mut layout, warnings) = write(item, &content, draft).map_err(|findings| run.refuse(&draft.id, findings))?;
    let Draft { id, buffer } = draft;
    let refuse = |finding| run.refuse(id, vec![finding]);
    run.fits(item.list(), id, buffer.len()).map_err(refuse)?;
    let alone = frame::sealed_len_alone(run.target.lists(), item.list(), buffer.len());
    let room = run.settings.batch_bytes.saturating_sub(alone);
    let prepared = content.prepare(id, room).await.map_err(refuse)?;
    let uploaded = prepared.uploaded_bytes();
    match prepared.place(id, &run.kernel, &run.calls).await {
        Ok(placed) => {
            run.content_uploaded(uploaded);
            placed.write(buffer, &mut layout);
            Ok(warnings)
        }
        Err(NotPlaced::Content(finding)) => Err(refuse(finding)),
        Err(NotPlaced::Upload(error, content)) => {
            let key = Key::new(id, item.scope(), &run.hasher);
            let unsent = UnsentContent { content, item: std::mem::take(buffer), layout };
            run.content_failed(item.list(), key, unsent, error);
            Err(Ok(Pushed::Taken))
        }
    }
}

/// Writes the item as it is but for its content, and says what may keep the service from taking it.
fn write(item: &AddOrUpdate<'_>, content: &Content, draft: &mut Draft) -> Result<(Layout, Vec<Finding>), Vec<Finding>> {
    let mut reader = Reader::default();
    let Written { tail, warnings } = item.write(draft, &mut reader)?;
    let (Draft { id, buffer }, Reader { mut layout, .. }) = (draft, reader);
    if !tail.is_empty() {
        // Text that is in hand was not copied yet, and its entries stand elsewhere.
        let text = [buffer.as_slice(), tail].concat();
        let text = serde_json::from_slice::<&RawValue>(&text).map_err(|error| no_object(id, &error))?;
        buffer.clear();
        object::write(buffer, &mut layout, None, text).map_err(|error| vec![preflight::unwritable(id, &error)])?;
    }
    content.make_room(id, buffer, &mut layout).map_err(|finding| vec![finding])?;
    Ok((layout, warnings))
}

/// An item whose content is in its place.
struct Ready<'a> {
    id: &'a str,
    json: &'a [u8],
    warnings: &'a [Finding],
    list: usize,
    scope: Scope,
}

impl<'a> Write<'a> for Ready<'a> {
    fn list(&self) -> usize {
        self.list
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn write(&self, draft: &mut Draft, _: &mut Reader) -> Result<Written<'a>, Vec<Finding>> {
        draft.id.push_str(self.id);
        Ok(Written { tail: self.json, warnings: self.warnings.to_vec() })
    }
}

/// An item whose content could not be uploaded, and the content, to be tried again.
pub(super) struct UnsentContent {
    pub(super) content: Prepared,
    /// The item as it is but for its content.
    pub(super) item: Vec<u8>,
    pub(super) layout: Layout,
}

impl UnsentContent {
    /// Uploads the content, and gives the bytes of a container that pushes the item alone.
    pub(super) async fn upload(
        &self,
        document_id: &str,
        kernel: &Kernel,
        settings: &CallSettings,
    ) -> Result<Vec<u8>, Error> {
        let Self { content, item, layout } = self;
        let placed = content.clone().place(document_id, kernel, settings).await?;
        let (mut item, mut layout) = (item.clone(), layout.clone());
        placed.write(&mut item, &mut layout);
        Ok(frame::alone(&LISTS, ADD_OR_UPDATE, &item))
    }
}
