//! The ledger: one file for any number of targets.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::LedgerError;
use super::store::{Position, Store, Tables};
use super::target::{LedgerTarget, TargetName};

/// Remembers the last known state of the service, in one file: the id of each item, a fingerprint of it, and when it
/// was recorded. A [sync](crate::Items::sync) needs one.
///
/// One file holds any number of sources, catalogs and providers, of any organization and service. A ledger is for one
/// set of ids: all items of its source come through syncs with this ledger. Keep it on a local disk. Cloning it is
/// cheap.
///
/// The file is a [redb](https://docs.rs/redb) database. Each change is on the disk before the run goes on.
///
/// ```no_run
/// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
/// use coveo_push::{DocumentBody, Ledger};
///
/// let ledger = Ledger::open("wiki.ledger")?;
/// let run = client.items("my-source").sync(&ledger).start().await?;
/// for number in 0..10_000 {
///     run.add_or_update(format!("https://example.com/{number}"), &DocumentBody::text("words")).await?;
/// }
/// println!("{}", run.finish().await.into_result()?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Ledger {
    pub(super) store: Arc<Store>,
    /// The targets with a sync under way.
    pub(super) under_way: Arc<Mutex<HashSet<u64>>>,
}

/// The counts of one target in a ledger: [`Ledger::stats`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerStats {
    /// The base URL of the service.
    pub base_url: String,
    /// The kind of the target: `items`, `catalog`, `data-collection` or `identities`.
    pub kind: String,
    /// The organization.
    pub organization_id: String,
    /// The id of the source, the data collection or the provider.
    pub id: String,
    /// How many items or identities it holds, in doubt or not. The aliases of an identity count by themselves.
    pub items: u64,
    /// How many of them are in doubt: an operation was sent, and its result was not recorded.
    pub in_doubt: u64,
}

impl Ledger {
    /// Opens the file, or creates it. It blocks for a moment; after a crash, for as long as it takes to check the file.
    ///
    /// # Errors
    ///
    /// [`LedgerError::InUse`] when the file is open already, [`LedgerError::Damaged`] when it is damaged or something
    /// else, [`LedgerError::Newer`], [`LedgerError::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        Ok(Self { store: Store::open(path.as_ref())?, under_way: Arc::default() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Forgets all ids of a target, so that the next sync pushes everything: after you restored a copy of the file, or
    /// rebuilt or emptied the source. It blocks.
    ///
    /// The next sync does not delete items that went before it, because the ledger no longer knows them. A
    /// [refresh](crate::Items::refresh) does.
    ///
    /// # Errors
    ///
    /// [`LedgerError::UnderWay`] while a sync into the target is under way; an error of the file.
    pub fn forget(&self, target: &impl LedgerTarget) -> Result<(), LedgerError> {
        let name = target.name();
        let known = self.store.targets()?.into_iter().find(|(known, _)| *known == name.to_key());
        let Some((_, number)) = known else { return Ok(()) };
        let _claim = self.claim(number, &name)?;
        self.store.write(|transaction| Tables::open(transaction, number)?.forget_below(""))
    }

    /// The counts of the ledger, by target. It reads the whole file, and blocks.
    ///
    /// # Errors
    ///
    /// An error of the file.
    pub fn stats(&self) -> Result<Vec<LedgerStats>, LedgerError> {
        const PAGE: usize = 4096;
        let targets = self.store.targets()?.into_iter().map(|(key, number)| {
            let TargetName { kind, base_url, organization_id, id } = TargetName::read(&key);
            let (mut items, mut position) = (0, Position::start());
            while position != Position::End {
                let (ids, next) = self.store.ids(number, &position, PAGE)?;
                items += ids.len() as u64;
                position = next;
            }
            Ok(LedgerStats { base_url, kind, organization_id, id, items, in_doubt: self.store.doubts(number)? })
        });
        targets.collect()
    }

    /// Makes transactions fail, to test a connector against full disks and crashes: `probe` is called before, in and
    /// after each transaction, and `false` makes it fail there. After [`LedgerStep::After`](crate::LedgerStep::After)
    /// it is on the disk, although it fails.
    #[cfg(feature = "test-util")]
    pub fn on_transaction(&self, probe: impl Fn(super::store::LedgerStep) -> bool + Send + Sync + 'static) {
        self.store.set_probe(Some(Arc::new(probe)));
    }

    /// Reserves a target for one run.
    pub(super) fn claim(&self, number: u64, name: &TargetName) -> Result<Claim, LedgerError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if !under_way.insert(number) {
            return Err(LedgerError::UnderWay(name.id.clone()));
        }
        Ok(Claim { ledger: self.clone(), number })
    }
}

/// The only run into a target. Its drop lets another one start.
pub(super) struct Claim {
    ledger: Ledger,
    number: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.ledger.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("path", &self.path()).finish_non_exhaustive()
    }
}
