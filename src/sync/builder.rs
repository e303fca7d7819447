//! The settings of a sync.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::check::{check, known_items};
use super::compare::{CompareSettings, LedgerJournal};
use super::deletion::DeletionSettings;
use super::error::LedgerError;
use super::ledger::Ledger;
use super::report::SyncError;
use super::run::{Started, SyncRun};
use super::state::State;
use super::status::Status;
use super::target::{LedgerTarget, SyncInto, TargetName};
use crate::api::{Catalog, Identities, Items};
use crate::kernel::shared::Kernel;
use crate::push::journal::Journal;
use crate::push::{CatalogUpdates, PusherBuilder};

impl Items {
    /// Pushes only items that changed since the last sync with this ledger, and deletes missing ones.
    ///
    /// Push everything, as in a refresh: an item that is recorded in the ledger as it is now is skipped. At the end
    /// [`finish`](SyncRun::finish) deletes the items that the ledger knows and that were not pushed. A crash leads to
    /// items that are pushed once more, and never to missing ones.
    ///
    /// ```no_run
    /// # async fn example(items: coveo_push::Items) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{DocumentBody, Ledger, Permissions};
    ///
    /// let ledger = Ledger::open("wiki.ledger")?;
    /// let run = items.sync(&ledger).ignore_keys(["crawledAt"]).expect_at_least(9_500).start().await?;
    /// for number in 0..10_000 {
    ///     let doc = DocumentBody::text("words").permissions(Permissions::public());
    ///     run.add_or_update(format!("https://example.com/{number}"), &doc).await?;
    /// }
    /// println!("{}", run.finish().await.into_result()?);
    /// # Ok(()) }
    /// ```
    ///
    /// The source gets the status `INCREMENTAL` before the first batch, and is idle at the end. Where nothing changed,
    /// nothing is sent, unless an earlier run ended without setting the source to idle: then this one does.
    pub fn sync(&self, ledger: &Ledger) -> SyncBuilder<Items> {
        SyncBuilder::new(self, self.kernel.clone(), ledger, self.pusher(), Some(self.clone()))
    }
}

impl Catalog {
    /// Updates only items that changed since the last sync with this ledger, and deletes missing ones. It is like the sync of
    /// [items](Items::sync); a partial update makes the next sync push its item again.
    pub fn sync(&self, ledger: &Ledger) -> SyncBuilder<CatalogUpdates> {
        SyncBuilder::new(self, self.kernel.clone(), ledger, self.updater(), None)
    }
}

impl Identities {
    /// Pushes only the identities and aliases that changed since the last sync with this ledger, and deletes the
    /// identities that are gone. It is like the sync of [items](Items::sync). An identity of which only the aliases
    /// were not pushed again keeps them.
    pub fn sync(&self, ledger: &Ledger) -> SyncBuilder<Identities> {
        SyncBuilder::new(self, self.kernel.clone(), ledger, self.pusher(), None)
    }
}

/// Configures a sync: [`Items::sync`], [`Catalog::sync`], [`Identities::sync`].
///
/// | Setting | Default |
/// |---|---|
/// | [`pusher`](Self::pusher) | the defaults of [`PusherBuilder`] |
/// | [`ignore_keys`](Self::ignore_keys) | none |
/// | [`trust_file_times`](Self::trust_file_times) | no: files are read |
/// | [`push_all`](Self::push_all) | no |
/// | [`check_source`](Self::check_source) | yes |
/// | [`renew_after`](Self::renew_after) | 30 days |
/// | [`changes_only`](Self::changes_only) | no: items that were not pushed are deleted |
/// | [`expect_at_least`](Self::expect_at_least) | 1 |
/// | [`allow_deleting`](Self::allow_deleting) | half of the known ids, and always 100 |
#[must_use = "a sync starts with `start`"]
pub struct SyncBuilder<T> {
    name: TargetName,
    kernel: Kernel,
    ledger: Ledger,
    pusher: PusherBuilder<T>,
    /// The source whose status is set.
    source: Option<Items>,
    compare: CompareSettings,
    deletion: DeletionSettings,
    check_source: bool,
}

impl<T> SyncBuilder<T> {
    const RENEW_AFTER: Duration = Duration::from_secs(30 * 86_400);

    fn new(
        target: &impl LedgerTarget,
        kernel: Kernel,
        ledger: &Ledger,
        pusher: PusherBuilder<T>,
        source: Option<Items>,
    ) -> Self {
        let renew_after = Self::RENEW_AFTER;
        let compare =
            CompareSettings { ignored_keys: Vec::new(), trust_file_times: false, push_all: false, renew_after };
        let (name, ledger, deletion) = (target.name(), ledger.clone(), DeletionSettings::default());
        Self { name, kernel, ledger, pusher, source, compare, deletion, check_source: true }
    }

    /// Changes the settings of the pusher. A failed batch prevents the deletion of missing items, even if a handler
    /// pushes it again after the run.
    pub fn pusher(mut self, change: impl FnOnce(PusherBuilder<T>) -> PusherBuilder<T>) -> Self {
        self.pusher = self.pusher.change(change);
        self
    }

    /// Top-level keys of the items that do not count as a change, such as the time of the crawl. Keys do not differ by
    /// case. Default: none, and the order of keys never counts.
    pub fn ignore_keys<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.compare.ignored_keys = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Whether the [content](crate::Content) of a file counts as unchanged when its size, times and identity are those
    /// of the last run, so that it is not read. A file whose time is less than two seconds before it was read, or in
    /// the future, is read again the next time. Default: no.
    pub fn trust_file_times(mut self, trust: bool) -> Self {
        self.compare.trust_file_times = trust;
        self
    }

    /// Whether everything is pushed, changed or not, which renews the ledger. Default: no.
    pub fn push_all(mut self, all: bool) -> Self {
        self.compare.push_all = all;
        self
    }

    /// Whether [`start`](Self::start) asks the platform API how many items the source holds, and fails when they are less
    /// than 90 % of those that the ledger recorded more than an hour ago: a source that was rebuilt or emptied would stay
    /// so, as its items count as unchanged. It is one call, and is left out where the ledger has no such items, for
    /// data collections and identities, and with [`push_all`](Self::push_all). If the key cannot read the source, the
    /// run starts without it. Default: yes.
    pub fn check_source(mut self, check: bool) -> Self {
        self.check_source = check;
        self
    }

    /// Pushes an unchanged item again when it was recorded this long ago. It repairs items that were dropped or changed at
    /// the service without a trace. Items are spread by their id, from half of this age on, so that they do
    /// not come all at once. Default: 30 days.
    pub fn renew_after(mut self, age: Duration) -> Self {
        self.compare.renew_after = age;
        self
    }

    /// The run gets a feed of changes, and not everything: only the deletions of the feed delete.
    pub fn changes_only(mut self) -> Self {
        self.deletion.changes_only = true;
        self
    }

    /// The least number of ids that the run must see. If it sees fewer, nothing is deleted: a source system that
    /// returns half of its items must not empty the index. Default: 1. With 0, a run that sees nothing may delete
    /// everything that [`allow_deleting`](Self::allow_deleting) allows.
    pub fn expect_at_least(mut self, items: u64) -> Self {
        self.deletion.at_least = items;
        self
    }

    /// The most missing items that are deleted. Without it, nothing is deleted when more than 100 are missing that are
    /// more than half of those that the ledger knew before the run.
    pub fn allow_deleting(mut self, items: u64) -> Self {
        self.deletion.at_most = Some(items);
        self
    }

    /// Starts the run. Its tasks are spawned on the current tokio runtime. Nothing is sent to the Push API before
    /// something changed. See [`check_source`](Self::check_source) for the call of the platform API.
    ///
    /// # Errors
    ///
    /// [`SyncError::Ledger`]: another sync into the target is under way with this ledger, or the file cannot be read or
    /// written. [`SyncError::SourceHoldsLess`]: the source holds less than the ledger says. [`SyncError::Call`]: the
    /// source cannot be asked, for another reason than the key.
    pub async fn start(self) -> Result<SyncRun<T>, SyncError>
    where
        T: SyncInto,
    {
        let Self { name, kernel, ledger, pusher, source, compare, deletion, check_source } = self;
        let is_source = matches!(name.kind.as_str(), "items" | "catalog");
        let is_checked = check_source && is_source && !compare.push_all;
        let now = (kernel.shared.local_now)();
        let begun = {
            let (ledger, name) = (ledger.clone(), name.clone());
            spawn_blocking(move || {
                let number = ledger.store.target(&name.to_key())?;
                let claim = ledger.claim(number, &name)?;
                let known = if is_checked { known_items(&ledger.store, number, now)? } else { 0 };
                let (in_doubt, is_left) = (ledger.store.doubts(number)?, ledger.store.is_active(number)?);
                Ok((number, claim, in_doubt, is_left, known))
            })
        };
        let path = ledger.path();
        let begun = begun.await.unwrap_or_else(|gone| Err(LedgerError::io(path, gone)));
        let (target, claim, in_doubt, is_left, known) = begun.map_err(SyncError::Ledger)?;
        check(&kernel, &name, known).await?;
        let journal = Arc::new(LedgerJournal {
            store: Arc::clone(&ledger.store),
            target,
            settings: compare,
            kernel,
            status: source.map(|source| Status::new(source, is_left)),
            state: Mutex::new(State::new()),
            is_closed: Mutex::default(),
        });
        let pusher = pusher.with_journal(Arc::clone(&journal) as Arc<dyn Journal>).start();
        if let Some(status) = &journal.status {
            status.set_calls(pusher.call_settings().unlimited());
        }
        Ok(SyncRun::new(pusher, Started { journal, _claim: claim, in_doubt, target: name.id, deletion }))
    }
}

impl<T> fmt::Debug for SyncBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncBuilder")
            .field("ledger", &self.ledger)
            .field("pusher", &self.pusher)
            .field("compare", &self.compare)
            .field("deletion", &self.deletion)
            .finish_non_exhaustive()
    }
}
