//! The push of an item with content. The content is prepared and uploaded before the item goes into a batch, so that
//! nothing refers to a container that is not there.

use std::borrow::Cow;
use std::panic::resume_unwind;
use std::sync::Arc;

use tokio::task::JoinError;

use super::abort_on_drop::AbortOnDrop;
use super::account::Account;
use super::batch;
use super::failed::{FailedBatch, FailureReason, PushStep};
use super::intake::{Intake, QueuedOperation};
use super::item::{ADD_OR_UPDATE, CheckedItem, Item, affects_of};
use super::journal::{ContentJournal, ContentLook, Note};
use super::keys::Key;
use super::report::{PushError, Pushed, Refused};
use super::unsent::UnsentContent;
use crate::content::{Content, NotPlaced, ReadBytes, Uploaded};
use crate::error::Error;
use crate::finding::{Finding, Rule};
use crate::kernel::trace;
use crate::preflight::ItemText;

/// What to do about an item that is too large for a batch although its content is not in it.
const REMEDY: &str = "give it less metadata, as its content is not in it";

/// An item with its content in it, or with the container that it refers to, and the token of the journal.
type WithContent = (ItemText<'static>, Option<Uploaded>, Option<Arc<Note>>);

/// Why an item does not get as far as a batch.
enum Ended {
    Stopped(PushError),
    Refused(Vec<Finding>),
    /// The service is known to hold it as it is.
    Unchanged,
    /// The content could not be uploaded.
    Failed(Box<UnsentContent>, Error),
}

impl From<Finding> for Ended {
    fn from(finding: Finding) -> Self {
        Self::Refused(vec![finding])
    }
}

/// Pushes an item with its content.
pub(super) async fn push<'a>(
    intake: &Intake,
    id: Option<Cow<'a, str>>,
    item: Item<'a>,
    content: Content,
) -> Result<Pushed, PushError> {
    Account::has_runtime()?;
    let account = &*intake.account;
    account.room().await?;
    let (id, text, warnings) = match CheckedItem::check(account, id, item) {
        Ok(item) => item.into_parts(),
        Err(refused) => return account.refuse(refused),
    };
    match place(intake, &id, text, content).await {
        Ok((text, content, note)) => {
            let affects = affects_of(&text, account.destination.kind);
            let (lacks_permissions, json) = (!text.has_permissions(), text.into_json());
            let (id, list) = (Cow::Owned(id), ADD_OR_UPDATE);
            let (head, remedy) = (Vec::new(), REMEDY);
            let operation =
                QueuedOperation { id, list, affects, head, json, lacks_permissions, content, warnings, remedy, note };
            intake.push(|| Ok(operation)).await
        }
        Err(Ended::Stopped(stopped)) => Err(stopped),
        Err(Ended::Unchanged) => Ok(Pushed::Unchanged),
        Err(Ended::Refused(findings)) => account.refuse(Refused::new(&id, findings)),
        Err(Ended::Failed(unsent, error)) => Ok(Pushed::Queued(failed(account, &id, *unsent, error))),
    }
}

/// Puts the content where it belongs, in a task: batches wait for contents, and must not wait until somebody polls
/// their pushes. The task ends when the push is dropped, and leaves it to the push to account for the item.
async fn place(
    intake: &Intake,
    id: &str,
    mut text: ItemText<'static>,
    mut content: Content,
) -> Result<WithContent, Ended> {
    content.make_room(id, &mut text)?;
    if let Some(finding) = intake.too_large(id, ADD_OR_UPDATE, text.json().len(), REMEDY) {
        return Err(finding.into());
    }
    let mut read = None;
    if let Some(journal) = &intake.account.destination.journal {
        match Arc::clone(journal).look_with_content(id, text.json(), &content).await {
            Ok(ContentLook::Unchanged) => return Err(Ended::Unchanged),
            Ok(ContentLook::Read(reader)) => {
                content.watch(Arc::clone(&reader) as Arc<dyn ReadBytes>);
                read = Some(reader);
            }
            Err(error) => return Err(Ended::Stopped(intake.account.stop_by_journal(&error))),
        }
    }
    let task = with_content(intake.clone(), id.to_owned(), text, content, read);
    match AbortOnDrop::spawn(trace::in_current_span(task)).await.map_err(JoinError::try_into_panic) {
        Ok(placed) => placed,
        // A panic of the reader that is the content: it belongs to the caller.
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_)) => {
            let message = "the runtime on which its content was read and uploaded has shut down";
            Err(Finding::new(id, Rule::ContentUnreadable, message).into())
        }
    }
}

/// Reads the content, and puts it into the item or into a container.
async fn with_content(
    intake: Intake,
    id: String,
    mut text: ItemText<'static>,
    content: Content,
    read: Option<Arc<dyn ContentJournal>>,
) -> Result<WithContent, Ended> {
    let account = &*intake.account;
    // Given back at the end: a push that waits for room in a batch must not keep other contents waiting.
    let _place = account.content_place().await;
    account.lock().goes_on().map_err(Ended::Stopped)?;
    let alone = batch::single_len(account.destination.kind.lists, ADD_OR_UPDATE, text.json().len());
    let room = account.settings.batch_bytes.saturating_sub(alone);
    let in_item = account.destination.kind.item_bytes.map(|most| most.saturating_sub(text.json().len()));
    let prepared = content.prepare(&id, in_item.map_or(room, |most| room.min(most)), account.calls.timeout).await?;
    if let Some(read) = read.as_ref().filter(|_| prepared.is_read()) {
        match read.is_unchanged() {
            Ok(false) => {}
            Ok(true) => return Err(Ended::Unchanged),
            Err(error) => return Err(Ended::Stopped(account.stop_by_journal(&error))),
        }
    }
    if let Some(reference) = prepared.reference() {
        // Content is not worth the upload if the item with its reference is too large.
        reference.write(&mut text);
        if let Some(finding) = intake.too_large(&id, ADD_OR_UPDATE, text.json().len(), REMEDY) {
            return Err(finding.into());
        }
    }
    let uploaded = prepared.uploaded_bytes();
    match prepared.place(&id, &account.kernel, &account.calls).await {
        Ok(placed) => {
            account.content_uploaded(uploaded);
            placed.write(&mut text);
            Ok((text, placed.uploaded, read.map(|read| Arc::new(read.note()))))
        }
        Err(NotPlaced::Content(finding)) => Err(finding.into()),
        Err(NotPlaced::Upload(error, content)) => {
            Err(Ended::Failed(Box::new(UnsentContent { content, item: text }), error))
        }
    }
}

/// Accounts for an item whose content could not be uploaded, and returns its number: a failed batch of this one item.
fn failed(account: &Account, id: &str, unsent: UnsentContent, error: Error) -> u64 {
    let key = Key::new(id, affects_of(&unsent.item, account.destination.kind), &account.hasher);
    let json = unsent.item.json();
    let mut state = account.lock();
    // Later pushes go into a later batch.
    let cut_off = state.filling.take().and_then(|filling| account.seal(&mut state, filling));
    state.last_number += 1;
    state.totals.bytes_queued += json.len() as u64;
    let number = account.count(&mut state);
    let batch = batch::single(account.destination.kind.lists, ADD_OR_UPDATE, json, key, number, None);
    let last = state.last_number;
    let failed = account.failed_batch((last, last), batch, PushStep::Content, FailureReason::Error(error), false);
    account.hand_over(state, FailedBatch { content: Some(unsent), ..failed });
    account.cut_off(cut_off);
    number
}
