//! A sync under way.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::compare::LedgerJournal;
use super::deletion::{DeletionSettings, MissingKept, MissingOutcome, RunCounts, may_delete, may_delete_so_many};
use super::error::LedgerError;
use super::ledger::Claim;
use super::report::{MostlyChanged, SyncReport};
use super::store::Position;
use super::target::{SyncInto, identity_id};
use crate::api::{Identities, Items};
use crate::model::Identity;
use crate::push::{CatalogUpdates, PushQueue, PushReport, Pusher};
use crate::refresh::IdleOutcome;

/// A sync under way: [`Items::sync`].
///
/// It is a [`PushQueue`]: push everything with its methods, from several tasks if you like. An item that did not change
/// returns [`Pushed::Unchanged`](crate::Pushed::Unchanged). End it with [`finish`](Self::finish) when everything was
/// pushed, else with [`abort`](Self::abort). If something exists and could not be read, say so with
/// [`keep`](SyncRun::keep), or [`keep_missing`](Self::keep_missing) where its id is not known.
///
/// Dropping the run deletes nothing. The source is set to idle in a background task then, which is lost if the runtime
/// shuts down at the same time.
pub struct SyncRun<T> {
    // Dropped first: batches under way end before the source is set to idle.
    pusher: CutOff<T>,
    started: Started,
}

/// The pusher of a sync. Its drop ends the run, although there may be other handles.
struct CutOff<T>(Pusher<T>);

impl<T> Drop for CutOff<T> {
    fn drop(&mut self) {
        self.0.cut_off();
    }
}

/// A sync apart from its pusher.
pub(super) struct Started {
    pub(super) journal: Arc<LedgerJournal>,
    /// Held until the end.
    pub(super) _claim: Claim,
    pub(super) in_doubt: u64,
    pub(super) target: String,
    pub(super) deletion: DeletionSettings,
}

impl Drop for Started {
    fn drop(&mut self) {
        self.journal.close();
        if let Some(status) = &self.journal.status {
            status.end_soon();
        }
    }
}

impl<T> Deref for SyncRun<T> {
    type Target = PushQueue<T>;

    fn deref(&self) -> &PushQueue<T> {
        self.pusher.0.queue()
    }
}

impl SyncRun<Items> {
    /// An item exists, and could not be read this time: it is not deleted.
    pub fn keep(&self, document_id: &str) {
        self.started.keep(document_id);
    }
}

impl SyncRun<CatalogUpdates> {
    /// An item exists, and could not be read this time: it is not deleted.
    pub fn keep(&self, document_id: &str) {
        self.started.keep(document_id);
    }
}

impl SyncRun<Identities> {
    /// An identity exists, and could not be read this time: it is not deleted.
    pub fn keep(&self, identity: &Identity) {
        self.pusher.0.queue().learn(identity);
        self.started.keep(&identity_id(identity));
    }
}

impl<T> SyncRun<T> {
    pub(super) fn new(pusher: Pusher<T>, started: Started) -> Self {
        Self { pusher: CutOff(pusher), started }
    }

    /// Something exists whose id could not be read: only the caller's own deletions delete in this run.
    pub fn keep_missing(&self) {
        self.started.journal.lock().counts.without_id += 1;
    }

    /// The pusher of this run, which cannot end it. Clone it for other tasks.
    #[must_use]
    pub fn pusher(&self) -> &PushQueue<T> {
        self.pusher.0.queue()
    }

    /// Ends the run without sending queued operations, deletes nothing, and sets the source to idle.
    pub async fn abort(self) -> SyncReport {
        let Self { pusher, started } = self;
        let push = pusher.0.abort().await;
        started.end(push, MissingOutcome::Kept(MissingKept::Aborted)).await
    }
}

impl<T: SyncInto> SyncRun<T> {
    /// Call this when everything was pushed. It waits until every operation is accepted or has failed, deletes the
    /// items that the ledger knows and the run did not see, unless something prevents it, and sets the source to
    /// idle.
    ///
    /// If you drop the future, the run is aborted: some of the missing items can be deleted then.
    #[must_use = "only the report tells whether everything was pushed and deleted"]
    pub async fn finish(self) -> SyncReport {
        let Self { pusher, started } = self;
        let has_stopped = pusher.0.flush().await.is_err();
        let missing = started.delete_missing(pusher.0.queue(), has_stopped).await;
        let push = pusher.0.finish().await;
        started.end(push, missing).await
    }
}

impl Started {
    /// How many ids are read from the ledger at a time.
    const PAGE: usize = 4096;

    fn keep(&self, id: &str) {
        let mut state = self.journal.lock();
        state.see(id);
        state.counts.kept += 1;
    }

    async fn delete_missing<T: SyncInto>(&self, queue: &PushQueue<T>, has_stopped: bool) -> MissingOutcome {
        match self.try_delete_missing(queue, has_stopped).await {
            Ok(count) => MissingOutcome::Deleted(count),
            Err(reason) => MissingOutcome::Kept(reason),
        }
    }

    async fn try_delete_missing<T: SyncInto>(
        &self,
        queue: &PushQueue<T>,
        has_stopped: bool,
    ) -> Result<u64, MissingKept> {
        let totals = queue.totals();
        let run = {
            let state = self.journal.lock();
            let (seen, without_id) = (state.seen(), state.counts.without_id);
            RunCounts {
                has_stopped,
                failed: totals.failed,
                unsent: totals.unsent,
                cancelled: totals.cancelled,
                without_id,
                seen,
            }
        };
        may_delete(self.deletion, run)?;
        let (mut missing, mut known, mut position) = (0, 0, Position::start());
        while position != Position::End {
            let page = self.page(position).await?;
            missing += page.missing.len() as u64;
            known += page.known;
            position = page.next;
        }
        // New ids say nothing of the missing ones.
        known -= self.journal.lock().counts.new_ids.min(known);
        may_delete_so_many(self.deletion, missing, known)?;
        let (mut deleted, mut position) = (0, Position::start());
        while missing > 0 && position != Position::End {
            let page = self.page(position).await?;
            for id in page.missing {
                T::delete_by_id(queue, &id).await.map_err(|_| MissingKept::Stopped)?;
                deleted += 1;
            }
            position = page.next;
        }
        Ok(deleted)
    }

    /// Some ids of the ledger, and those of them that the run did not see.
    async fn page(&self, from: Position) -> Result<Page, MissingKept> {
        let journal = Arc::clone(&self.journal);
        let read = spawn_blocking(move || {
            let (ids, next) = journal.store.ids(journal.target, &from, Self::PAGE)?;
            let (known, missing) = journal.missing(ids);
            Ok(Page { missing, known, next })
        });
        let read = read.await.unwrap_or_else(|gone| Err(LedgerError::io(self.journal.store.path(), gone)));
        read.map_err(|error| {
            self.journal.lock().error.get_or_insert(error);
            MissingKept::Stopped
        })
    }

    /// Notes that the source is idle, so that the next run need not set it.
    async fn note_idle(&self) -> Result<(), LedgerError> {
        let journal = Arc::clone(&self.journal);
        let noted = spawn_blocking(move || journal.store.set_idle(journal.target)).await;
        noted.unwrap_or_else(|gone| Err(LedgerError::io(self.journal.store.path(), gone)))
    }

    async fn end(self, push: PushReport, missing: MissingOutcome) -> SyncReport {
        let journal = Arc::clone(&self.journal);
        let written = spawn_blocking(move || {
            journal.record_renewals();
            journal.close();
            journal.store.doubts(journal.target)
        });
        let in_doubt = written.await.unwrap_or_else(|gone| Err(LedgerError::io(self.journal.store.path(), gone)));
        let is_aborted = missing == MissingOutcome::Kept(MissingKept::Aborted);
        let idle = match &self.journal.status {
            Some(status) => status.end(is_aborted).await,
            None => IdleOutcome::NotNeeded,
        };
        let noted = if matches!(idle, IdleOutcome::Set) { self.note_idle().await } else { Ok(()) };
        let mut state = self.journal.lock();
        let in_doubt = noted.and(in_doubt).unwrap_or_else(|error| {
            state.error.get_or_insert(error);
            0
        });
        let counts = state.counts;
        let compared = counts.different + counts.unchanged;
        let is_most = compared >= MostlyChanged::MANY && counts.different * 10 > compared * 9;
        let key = state.differing_key.take();
        let mostly_changed = is_most.then_some(MostlyChanged { different: counts.different, compared, key });
        let ledger_error = state.error.take();
        drop(state);
        SyncReport {
            target: self.target.clone(),
            added: counts.added,
            updated: counts.updated,
            unchanged: counts.unchanged,
            deleted: counts.deleted,
            kept: counts.kept,
            in_doubt_before: self.in_doubt,
            in_doubt,
            missing,
            mostly_changed,
            ledger_error,
            idle,
            push,
        }
    }
}

/// Some ids of the ledger.
struct Page {
    missing: Vec<String>,
    known: u64,
    next: Position,
}

impl<T> fmt::Debug for SyncRun<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncRun").field("target", &self.started.target).finish_non_exhaustive()
    }
}
