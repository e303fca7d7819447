//! Takes written operations into batches.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::{Arc, OnceLock};

use tokio::sync::oneshot;
use tokio::task::coop;

use super::account::Account;
use super::affects::Affects;
use super::batch::{self, BatchBuilder};
use super::delivery::Delivery;
use super::destination::{Destination, Repeated};
use super::journal::{Change, Look, Note, Subject};
use super::keys::{Fit, Key};
use super::report::{PushError, Pushed, Refused, RunStopped};
use super::settings::Settings;
use super::state::{BatchTask, Filling, State};
use crate::content::Uploaded;
use crate::finding::{Finding, Rule};
use crate::kernel::shared::Kernel;
use crate::kernel::trace;
use crate::preflight::limit;

/// The entrance of a run.
#[derive(Clone)]
pub(super) struct Intake {
    pub(super) account: Arc<Account>,
}

/// An operation that was written, and can go into a batch.
pub(super) struct QueuedOperation<'a> {
    /// A document id, or the type and name of a security identity.
    pub(super) id: Cow<'a, str>,
    /// The list that it belongs into.
    pub(super) list: usize,
    pub(super) affects: Affects,
    /// Begins the object of its JSON, in place of the first brace; empty where the JSON is whole.
    pub(super) head: Vec<u8>,
    pub(super) json: Cow<'a, [u8]>,
    /// Whether it is an item that does not say who may see it.
    pub(super) lacks_permissions: bool,
    /// Its content, where that lies in a container.
    pub(super) content: Option<Uploaded>,
    /// The broken rules that were let through.
    pub(super) warnings: Vec<Finding>,
    /// What to do about it when it is too large for any batch.
    pub(super) remedy: &'static str,
    /// The token for the journal when its batch is committed.
    pub(super) note: Option<Arc<Note>>,
}

impl QueuedOperation<'_> {
    fn parts(&self) -> [&[u8]; 2] {
        let brace = usize::from(!self.head.is_empty());
        [&self.head, self.json.get(brace..).unwrap_or_default()]
    }

    fn len(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }
}

impl Intake {
    pub(super) fn new(kernel: Kernel, destination: Destination, settings: Settings) -> Self {
        Self { account: Account::new(kernel, destination, settings) }
    }

    /// Waits for room, writes an operation, and takes it into a batch. Nothing is awaited after the operation is
    /// taken: a push that is dropped has taken it whole or not at all.
    pub(super) async fn push<'a>(
        &self,
        write: impl FnOnce() -> Result<QueuedOperation<'a>, Refused>,
    ) -> Result<Pushed, PushError> {
        Account::has_runtime()?;
        let account = &*self.account;
        // A loop of pushes hardly ever waits: other tasks of its thread, uploads among them, get their turn.
        coop::consume_budget().await;
        if let Some(why) = account.destination.is_over() {
            account.lock().stopped.get_or_insert_with(|| RunStopped::new(why));
        }
        account.room().await?;
        let mut operation = match write().and_then(|operation| self.fits(operation)) {
            Ok(operation) => operation,
            Err(refused) => return account.refuse(refused),
        };
        if self.is_unchanged(&mut operation)? {
            return Ok(Pushed::Unchanged);
        }
        loop {
            match self.take(&operation) {
                Some(Ok(Some(number))) => return Ok(Pushed::Queued(number)),
                Some(Ok(None)) => return account.refuse(twice(&operation.id)),
                Some(Err(stopped)) => return Err(stopped),
                None => {}
            }
            account.room().await?;
        }
    }

    /// An operation, for the journal.
    fn subject<'a>(&self, operation: &'a QueuedOperation<'_>) -> Subject<'a> {
        let list = self.account.destination.kind.lists.get(operation.list);
        let change = list.map_or(Change::Part, |list| Change::of(list.kind, operation.affects));
        Subject { id: &operation.id, change, json: &operation.json }
    }

    /// Asks the journal, where there is one, whether an operation would change anything.
    fn is_unchanged(&self, operation: &mut QueuedOperation<'_>) -> Result<bool, PushError> {
        let destination = &self.account.destination;
        let Some(journal) = destination.journal.as_ref().filter(|_| operation.note.is_none()) else {
            return Ok(false);
        };
        match journal.look(&self.subject(operation)) {
            Ok(Look::Unchanged) => {
                let known = self.account.settings.validation.known.as_ref();
                destination.learn(known, [(operation.list, &*operation.json)]);
                Ok(true)
            }
            Ok(Look::Changed(note)) => {
                operation.note = Some(Arc::new(note));
                Ok(false)
            }
            Err(error) => Err(self.account.stop_by_journal(&error)),
        }
    }

    /// Whether an operation fits into a batch of its own.
    fn fits<'a>(&self, operation: QueuedOperation<'a>) -> Result<QueuedOperation<'a>, Refused> {
        match self.too_large(&operation.id, operation.list, operation.len(), operation.remedy) {
            None => Ok(operation),
            Some(finding) => Err(Refused::new(&operation.id, vec![finding])),
        }
    }

    /// The findings about an operation of so many bytes, if it does not fit into a batch of its own.
    pub(super) fn too_large(&self, id: &str, list: usize, bytes: usize, remedy: &str) -> Option<Finding> {
        let alone = batch::single_len(self.account.destination.kind.lists, list, bytes);
        let most = self.account.settings.batch_bytes;
        let is_for_larger_batches = alone as u64 <= limit::CONTAINER_BYTES;
        let first =
            if is_for_larger_batches { "set a larger `batch_bytes`, or" } else { "it is too large for any batch:" };
        (alone > most).then(|| {
            let message = format!("it makes a batch of {alone} bytes and a batch may have {most}; {first} {remedy}");
            Finding::new(id, Rule::ContainerTooLarge, message)
        })
    }

    /// Takes an operation and gives it a number, or no number where its id was pushed before and it is to be refused;
    /// `None` without room for it. A batch that is too full for it, or that must not contain it, is sealed first.
    fn take(&self, operation: &QueuedOperation<'_>) -> Option<Result<Option<u64>, PushError>> {
        let account = &*self.account;
        let key = Key::new(&operation.id, operation.affects, &account.hasher);
        let (mut opened, mut cut_off) = (None, None);
        let taken = {
            let mut state = account.lock();
            if let Err(stopped) = state.accepts() {
                return Some(Err(stopped));
            }
            let once = self.id_that_comes_once(operation);
            if once.is_some_and(|id| state.ids.contains(id)) {
                return Some(Ok(None));
            }
            if let Some(cut) = state.filling.take_if(|filling| self.cuts(&filling.batch, operation, key)) {
                cut_off = account.seal(&mut state, cut);
            }
            let has_room = state.has_room(account.settings.concurrency);
            has_room.then(|| {
                let number = state.totals.pushed + 1;
                let State { filling, last_number, totals, .. } = &mut *state;
                let filling = filling.get_or_insert_with(|| {
                    let (filling, delivery) = self.open(last_number);
                    opened = Some(delivery);
                    filling
                });
                let replaced = filling.batch.push(operation.list, operation.parts(), key, number);
                filling.batch.with_content(operation.content.clone());
                filling.batch.with_note(operation.note.as_ref());
                if let (Some(journal), Some(note)) = (&account.destination.journal, &operation.note) {
                    journal.queued(&self.subject(operation), note);
                }
                totals.replaced += replaced;
                totals.without_permissions += u64::from(operation.lacks_permissions);
                totals.bytes_queued += operation.len() as u64;
                once.into_iter().for_each(|id| state.ids.insert(id));
                state.warned(&operation.warnings);
                account.count(&mut state)
            })
        };
        // A runtime that shuts down drops a task as it is spawned, and its batch then locks the state.
        if let Some((delivery, abort)) = opened {
            let task = tokio::spawn(delivery.go());
            // It is set here only.
            let _ = abort.set(task.abort_handle());
        }
        account.cut_off(cut_off);
        if taken.is_some() {
            let commit = account.destination.commit;
            operation.warnings.iter().for_each(|warning| trace::found(commit, warning));
        }
        taken.map(|number| Ok(Some(number)))
    }

    /// A hash of the id of an operation, where no second one may be pushed.
    fn id_that_comes_once(&self, operation: &QueuedOperation<'_>) -> Option<u128> {
        let list = self.account.destination.kind.lists.get(operation.list)?;
        let hash = |half: u8| u128::from(self.account.hasher.hash_one((half, &*operation.id)));
        (list.repeated == Repeated::Refuses).then(|| hash(0) << 64 | hash(1))
    }

    /// Whether an operation must go into a new batch.
    fn cuts(&self, batch: &BatchBuilder, operation: &QueuedOperation<'_>, key: Key<'_>) -> bool {
        let settings = &self.account.settings;
        if batch.len_with(operation.list, operation.len()) > settings.batch_bytes {
            return true;
        }
        match batch.fit(operation.list, key) {
            Fit::New => false,
            Fit::Covers => !settings.replace_queued,
            Fit::Conflicts => true,
        }
    }

    /// Opens the next batch, with its task.
    fn open(&self, last_number: &mut u64) -> (Filling, (Delivery, Arc<OnceLock<tokio::task::AbortHandle>>)) {
        *last_number += 1;
        let (seal, sealed) = oneshot::channel();
        let abort = Arc::<OnceLock<_>>::default();
        let delivery = Delivery::new(Arc::clone(&self.account), *last_number, sealed);
        let batch = BatchBuilder::new(self.account.destination.kind.lists, &self.account.buffers);
        let task = BatchTask { seal, abort: Arc::clone(&abort) };
        (Filling { number: *last_number, batch, task }, (delivery, abort))
    }
}

/// An operation whose id was pushed before, in a run where each comes once.
fn twice(id: &str) -> Refused {
    let message = "it was pushed in this load before, and the service gives no order to a load; push each item once";
    Refused::new(id, vec![Finding::new(id, Rule::DocumentIdTwice, message)])
}
