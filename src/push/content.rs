//! The push of an item with content: prepared and uploaded before the item goes into a batch, so that
//! nothing refers to what is not there.

use std::borrow::Cow;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::task::JoinError;

use super::frame;
use super::item::{AddOrUpdate, PushItem, no_object};
use super::items::{ADD_OR_UPDATE, LISTS};
use super::keys::{Key, Scope};
use super::own_task::OwnTask;
use super::pushing::{Pushing, Unfinished};
use super::report::{PushError, Pushed};
use super::run::Run;
use super::write::{Draft, Reader, Write, Written};
use crate::content::{Content, NotPlaced, Prepared};
use crate::error::Error;
use crate::finding::{Finding, Rule};
use crate::kernel::send::CallSettings;
use crate::kernel::shared::Kernel;
use crate::kernel::{BoxFuture, trace};
use crate::model::object::{self, Buffer, Layout};
use crate::preflight;

impl<'a> PushItem<'a> {
    /// Pushes the item with this content, in place of data in the item itself.
    ///
    /// The content is read and compressed, and what is too large for the item or its batch is
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
        let (list, scope) = (item.list(), item.scope());
        let mut id = String::new();
        let pushed = match place(run, item, content, &mut id).await {
            Ok(item) => return Pushing::from_parts(run, Ready { id: &id, item: &item, scope }, unfinished).await,
            Err(Ended::Stopped(stopped)) => Err(stopped),
            Err(Ended::Refused(findings)) => run.refuse(&id, findings),
            Err(Ended::Failed(unsent, error)) => {
                run.content_failed(list, Key::new(&id, scope, &run.hasher), unsent, error);
                Ok(Pushed::Taken)
            }
        };
        unfinished.done();
        pushed
    }
}

/// How the push of an item ends that does not get as far as a batch.
enum Ended {
    Stopped(PushError),
    Refused(Vec<Finding>),
    /// The content could not be uploaded.
    Failed(UnsentContent, Error),
}

impl From<Finding> for Ended {
    fn from(finding: Finding) -> Self {
        Self::Refused(vec![finding])
    }
}

/// Writes the item and its id here, and its content where it belongs in a task of its own: batches wait for
/// contents, and must not wait until somebody polls their pushes. The task ends when the push is dropped,
/// and leaves it to the push to account for the item, whose place in the order is where the push ends.
async fn place(run: &Arc<Run>, item: AddOrUpdate<'_>, content: Content, id: &mut String) -> Result<ItemJson, Ended> {
    run.room_for_content().await.map_err(Ended::Stopped)?;
    let item = ItemJson::write(&item, &content, id).map_err(Ended::Refused)?;
    run.fits(item.list, id, item.json.len(), REMEDY)?;
    let task = item.with_content(id.clone(), content, Arc::clone(run));
    match OwnTask::spawn(trace::in_current_span(task)).await.map_err(JoinError::try_into_panic) {
        Ok(placed) => placed,
        // Of the reader that is the content: it is its caller's.
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => {
            let message = "the runtime on which its content was read and uploaded is gone";
            Err(Finding::new(&**id, Rule::ContentUnreadable, message).into())
        }
    }
}

/// An item that was written, at first without its content.
struct ItemJson {
    json: Buffer,
    layout: Layout,
    list: usize,
    /// What may keep the service from taking it.
    warnings: Vec<Finding>,
}

impl ItemJson {
    fn write(item: &AddOrUpdate<'_>, content: &Content, id: &mut String) -> Result<Self, Vec<Finding>> {
        // Not those of the thread, which are for what awaits nothing.
        let (mut draft, mut reader) = (Draft::default(), Reader::default());
        let written = item.write(&mut draft, &mut reader);
        let (Draft { id: own_id, buffer: mut json }, Reader { mut layout, .. }) = (draft, reader);
        *id = own_id.into_owned();
        let Written { tail, warnings } = written?;
        if !tail.is_empty() {
            // Text that is in hand was not copied yet, and its entries stand elsewhere.
            let text = [&json, tail].concat();
            json = Buffer::default();
            let text = serde_json::from_slice::<&RawValue>(&text).map_err(|error| no_object(id, &error))?;
            object::write(&mut json, &mut layout, None, text)
                .map_err(|error| vec![preflight::unwritable(id, &error)])?;
        }
        content.make_room(id, &mut json, &mut layout).map_err(|finding| vec![finding])?;
        Ok(Self { json, layout, list: item.list(), warnings })
    }

    /// Reads the content, and puts it into the item or into a container.
    async fn with_content(mut self, id: String, content: Content, run: Arc<Run>) -> Result<Self, Ended> {
        // Given back at the end: who waits for room in a batch must not keep the batches waiting.
        let _slot = run.slot_for_content().await.map_err(Ended::Stopped)?;
        let alone = frame::sealed_len_alone(run.target.lists(), self.list, self.json.len());
        let prepared = content.prepare(&id, run.settings.batch_bytes.saturating_sub(alone)).await?;
        if let Some(reference) = prepared.reference() {
            // What does not fit with it is not worth the upload.
            reference.write(&mut self.json, &mut self.layout);
            run.fits(self.list, &id, self.json.len(), REMEDY)?;
        }
        let uploaded = prepared.uploaded_bytes();
        match prepared.place(&id, &run.kernel, &run.calls).await {
            Ok(placed) => {
                run.content_uploaded(uploaded);
                placed.write(&mut self.json, &mut self.layout);
                Ok(self)
            }
            Err(NotPlaced::Content(finding)) => Err(finding.into()),
            Err(NotPlaced::Upload(error, content)) => {
                Err(Ended::Failed(UnsentContent { content, item: self.json, layout: self.layout }, error))
            }
        }
    }
}

/// What to do about an item that is too large for a batch although its content is not in it.
const REMEDY: &str = "give it less metadata, as its content is not in it";

/// A complete item, on its way into a batch.
struct Ready<'a> {
    id: &'a str,
    item: &'a ItemJson,
    scope: Scope,
}

impl<'a> Write<'a> for Ready<'a> {
    fn list(&self) -> usize {
        self.item.list
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn remedy(&self) -> &'static str {
        REMEDY
    }

    fn write(&self, draft: &mut Draft<'a>, _: &mut Reader) -> Result<Written<'a>, Vec<Finding>> {
        draft.id = Cow::Borrowed(self.id);
        Ok(Written { tail: &self.item.json, warnings: self.item.warnings.clone() })
    }
}

/// An item whose content could not be uploaded, and the content, to be tried again.
pub(super) struct UnsentContent {
    pub(super) content: Prepared,
    /// The item as it is but for its content, of which it may have a reference that leads nowhere.
    pub(super) item: Buffer,
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
