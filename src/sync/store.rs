//! The file of a ledger: its tables, read by snapshots, and written in transactions that are on the disk when they
//! return.

use std::fmt;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::{Builder, Database, Durability, ReadOnlyTable, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::error::{LedgerError, StoreError};
use super::row::Row;

/// The format of the tables.
const FORMAT: u64 = 1;
/// The memory that the store may take for its file.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// The number of a target, and an id in it.
type RowKey = (u64, &'static str);
type Rows = TableDefinition<'static, RowKey, &'static [u8]>;
type Doubts = TableDefinition<'static, RowKey, ()>;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The targets, by their names.
const TARGETS: TableDefinition<'_, &str, u64> = TableDefinition::new("targets");
/// The last known state of the service.
const ROWS: Rows = TableDefinition::new("rows");
/// The ids of which that is in doubt, whatever their row says.
const DOUBTS: Doubts = TableDefinition::new("doubts");
/// The targets whose source has the status of a run, as far as is known.
const ACTIVE: TableDefinition<'_, u64, ()> = TableDefinition::new("active");
/// Of a few rows, the hashes of their keys: to tell which key differs.
const SAMPLES: Rows = TableDefinition::new("samples");

/// The places at which a transaction can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(not(feature = "test-util"), allow(unreachable_pub, reason = "exported for tests only"))]
pub enum LedgerStep {
    /// Before a transaction.
    Before,
    /// In it: everything is written, and nothing is committed.
    Within,
    /// After it: everything is committed.
    After,
}

pub(super) type Probe = Arc<dyn Fn(LedgerStep) -> bool + Send + Sync>;

/// The open file.
pub(super) struct Store {
    path: PathBuf,
    database: Database,
    /// The last committed state. Gone after each transaction.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    probe: Mutex<Option<Probe>>,
}

/// A committed state of the file.
struct Snapshot {
    rows: ReadOnlyTable<RowKey, &'static [u8]>,
    doubts: ReadOnlyTable<RowKey, ()>,
    samples: ReadOnlyTable<RowKey, &'static [u8]>,
}

/// The state of an id in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    Nothing,
    /// An operation on it was not recorded.
    InDoubt,
    Row(Row),
}

/// A place among the ids of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    Rows(String),
    Doubts(String),
    End,
}

impl Position {
    pub(super) fn start() -> Self {
        Self::Rows(String::new())
    }
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, LedgerError> {
        if !path.try_exists().map_err(|error| LedgerError::io(path, error))? {
            create(path)?;
        }
        let opened = guarded(path, || Ok(builder().open(path)?));
        let store =
            Self { path: path.to_owned(), database: opened?, snapshot: Mutex::default(), probe: Mutex::default() };
        let format = store.write(|transaction| {
            let mut meta = transaction.open_table(META)?;
            let format = meta.get("format")?.map_or(FORMAT, |format| format.value());
            // The tables of a newer format can be others.
            if format <= FORMAT {
                meta.insert("format", format)?;
                for table in [ROWS, SAMPLES] {
                    transaction.open_table(table)?;
                }
                transaction.open_table(DOUBTS)?;
                transaction.open_table(TARGETS)?;
                transaction.open_table(ACTIVE)?;
            }
            Ok(format)
        })?;
        if format > FORMAT {
            return Err(LedgerError::Newer { path: path.to_owned(), format });
        }
        Ok(Arc::new(store))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    #[cfg(feature = "test-util")]
    pub(super) fn set_probe(&self, probe: Option<Probe>) {
        *self.probe.lock().unwrap_or_else(PoisonError::into_inner) = probe;
    }

    fn probe(&self, step: LedgerStep) -> Result<(), LedgerError> {
        let probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match probe {
            Some(probe) if !probe(step) => Err(LedgerError::io(&self.path, format!("made to fail ({step:?})"))),
            _ => Ok(()),
        }
    }

    /// One transaction, which is on the disk when this returns.
    pub(super) fn write<T>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<T, StoreError>,
    ) -> Result<T, LedgerError> {
        self.probe(LedgerStep::Before)?;
        let written = guarded(&self.path, || {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate);
            let changed = change(&transaction)?;
            Ok((transaction, changed))
        });
        let (transaction, changed) = written?;
        self.probe(LedgerStep::Within)?;
        let committed = guarded(&self.path, || Ok(transaction.commit()?));
        // Later looks see the new state.
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = None;
        committed?;
        self.probe(LedgerStep::After)?;
        Ok(changed)
    }

    fn snapshot(&self) -> Result<Arc<Snapshot>, LedgerError> {
        let mut cached = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &*cached {
            return Ok(Arc::clone(snapshot));
        }
        let opened = guarded(&self.path, || {
            let transaction = self.database.begin_read()?;
            let (rows, samples) = (transaction.open_table(ROWS)?, transaction.open_table(SAMPLES)?);
            Ok(Snapshot { rows, doubts: transaction.open_table(DOUBTS)?, samples })
        });
        let snapshot = Arc::new(opened?);
        *cached = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// The state of an id in the ledger.
    pub(super) fn look(&self, target: u64, id: &str) -> Result<Known, LedgerError> {
        let snapshot = self.snapshot()?;
        guarded(&self.path, || {
            if snapshot.doubts.get((target, id))?.is_some() {
                return Ok(Known::InDoubt);
            }
            let row = snapshot.rows.get((target, id))?;
            // A row that cannot be read says nothing.
            Ok(row.map_or(Known::Nothing, |row| Row::read(row.value()).map_or(Known::InDoubt, Known::Row)))
        })
    }

    /// The sample of an id, where there is one.
    pub(super) fn sample(&self, target: u64, id: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let snapshot = self.snapshot()?;
        guarded(&self.path, || Ok(snapshot.samples.get((target, id))?.map(|sample| sample.value().to_vec())))
    }

    /// Up to `most` of the ids from a position on, in doubt or not, and the position after them.
    pub(super) fn ids(
        &self,
        target: u64,
        from: &Position,
        most: usize,
    ) -> Result<(Vec<String>, Position), LedgerError> {
        let snapshot = self.snapshot()?;
        guarded(&self.path, || match from {
            Position::Rows(after) => {
                let ids = page(&snapshot.rows, target, after, most)?;
                let next = next(&ids, most).map_or(Position::Doubts(String::new()), Position::Rows);
                Ok((ids, next))
            }
            Position::Doubts(after) => {
                let mut ids = page(&snapshot.doubts, target, after, most)?;
                let next = next(&ids, most).map_or(Position::End, Position::Doubts);
                let mut only_in_doubt = Vec::new();
                for id in ids.drain(..) {
                    if snapshot.rows.get((target, &*id))?.is_none() {
                        only_in_doubt.push(id);
                    }
                }
                Ok((only_in_doubt, next))
            }
            Position::End => Ok((Vec::new(), Position::End)),
        })
    }

    /// How many ids of a target are in doubt.
    pub(super) fn doubts(&self, target: u64) -> Result<u64, LedgerError> {
        let snapshot = self.snapshot()?;
        guarded(&self.path, || {
            let mut count = 0;
            for entry in snapshot.doubts.range((target, "")..(target + 1, ""))? {
                entry?;
                count += 1;
            }
            Ok(count)
        })
    }

    /// How many rows of a target are not in doubt and were recorded until then, in seconds since 1970.
    pub(super) fn certain_until(&self, target: u64, until: u64) -> Result<u64, LedgerError> {
        let snapshot = self.snapshot()?;
        let counts = |row: &[u8]| Row::read(row).is_some_and(|row| row.recorded <= until);
        guarded(&self.path, || {
            let mut count: u64 = 0;
            for entry in snapshot.rows.range((target, "")..(target + 1, ""))? {
                count += u64::from(counts(entry?.1.value()));
            }
            for entry in snapshot.doubts.range((target, "")..(target + 1, ""))? {
                let row = snapshot.rows.get(entry?.0.value())?;
                count -= u64::from(row.is_some_and(|row| counts(row.value())));
            }
            Ok(count)
        })
    }

    /// Whether a run gave the source of a target its status, and it is not known to be idle again.
    pub(super) fn is_active(&self, target: u64) -> Result<bool, LedgerError> {
        guarded(&self.path, || Ok(self.database.begin_read()?.open_table(ACTIVE)?.get(target)?.is_some()))
    }

    pub(super) fn set_idle(&self, target: u64) -> Result<(), LedgerError> {
        self.write(|transaction| Ok(transaction.open_table(ACTIVE)?.remove(target).map(drop)?))
    }

    /// The targets and their numbers.
    pub(super) fn targets(&self) -> Result<Vec<(String, u64)>, LedgerError> {
        guarded(&self.path, || {
            let targets = self.database.begin_read()?.open_table(TARGETS)?;
            let mut found = Vec::new();
            for entry in targets.iter()? {
                let (name, number) = entry?;
                found.push((name.value().to_owned(), number.value()));
            }
            Ok(found)
        })
    }

    /// The number of a target, which is given to it when it is new.
    pub(super) fn target(&self, name: &str) -> Result<u64, LedgerError> {
        if let Some((_, number)) = self.targets()?.into_iter().find(|(known, _)| known == name) {
            return Ok(number);
        }
        self.write(|transaction| {
            let mut targets = transaction.open_table(TARGETS)?;
            let mut last = 0;
            for entry in targets.iter()? {
                last = last.max(entry?.1.value());
            }
            targets.insert(name, last + 1)?;
            Ok(last + 1)
        })
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // Read by all later versions of the store.
    builder.create_with_file_format_v3(true);
    builder
}

/// Creates the file under another name and renames it: a store that is killed while it creates its file leaves one that
/// it cannot open.
fn create(path: &Path) -> Result<(), LedgerError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::Builder::new().prefix(".ledger-").tempfile_in(folder);
    let temporary = temporary.map_err(|error| LedgerError::io(path, error))?.into_temp_path();
    guarded(path, || {
        drop(builder().create(&temporary)?);
        Ok(())
    })?;
    match temporary.persist_noclobber(path) {
        // Another program was faster.
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(LedgerError::io(path, failed.error)),
        // Its name is on the disk when its folder is. Not every system opens folders.
        Ok(()) if cfg!(unix) => {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| LedgerError::io(path, error))
        }
        Ok(()) => Ok(()),
    }
}

/// Notes that a run is about to give the source of a target its status.
pub(super) fn set_active(transaction: &WriteTransaction, target: u64) -> Result<(), StoreError> {
    transaction.open_table(ACTIVE)?.insert(target, ())?;
    Ok(())
}

/// The tables in a transaction, for the ids of one target.
pub(super) struct Tables<'a> {
    target: u64,
    rows: Table<'a, RowKey, &'static [u8]>,
    doubts: Table<'a, RowKey, ()>,
    samples: Table<'a, RowKey, &'static [u8]>,
}

impl<'a> Tables<'a> {
    /// How many ids are taken from a table at a time.
    const PAGE: usize = 4096;

    pub(super) fn open(transaction: &'a WriteTransaction, target: u64) -> Result<Self, StoreError> {
        let (rows, samples) = (transaction.open_table(ROWS)?, transaction.open_table(SAMPLES)?);
        Ok(Self { target, rows, doubts: transaction.open_table(DOUBTS)?, samples })
    }

    pub(super) fn is_known(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.rows.get((self.target, id))?.is_some() || self.doubts.get((self.target, id))?.is_some())
    }

    pub(super) fn doubt(&mut self, id: &str) -> Result<(), StoreError> {
        self.doubts.insert((self.target, id), ())?;
        Ok(())
    }

    /// Puts the rows of all ids that begin with this one in doubt.
    pub(super) fn doubt_below(&mut self, prefix: &str) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let ids = below(&self.rows, self.target, prefix, after.as_deref(), Self::PAGE)?;
            for id in &ids {
                self.doubt(id)?;
            }
            match next(&ids, Self::PAGE) {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    pub(super) fn record(&mut self, id: &str, row: &Row) -> Result<(), StoreError> {
        self.rows.insert((self.target, id), &*row.to_bytes())?;
        self.doubts.remove((self.target, id))?;
        Ok(())
    }

    /// The row of an id, unless it is in doubt.
    pub(super) fn certain(&self, id: &str) -> Result<Option<Row>, StoreError> {
        if self.doubts.get((self.target, id))?.is_some() {
            return Ok(None);
        }
        Ok(self.rows.get((self.target, id))?.and_then(|row| Row::read(row.value())))
    }

    pub(super) fn set_sample(&mut self, id: &str, sample: &[u8]) -> Result<(), StoreError> {
        self.samples.insert((self.target, id), sample)?;
        Ok(())
    }

    pub(super) fn forget(&mut self, id: &str) -> Result<(), StoreError> {
        self.rows.remove((self.target, id))?;
        self.doubts.remove((self.target, id))?;
        self.samples.remove((self.target, id))?;
        Ok(())
    }

    /// Forgets all ids that begin with this one.
    pub(super) fn forget_below(&mut self, prefix: &str) -> Result<(), StoreError> {
        loop {
            let mut ids = below(&self.rows, self.target, prefix, None, Self::PAGE)?;
            ids.extend(below(&self.doubts, self.target, prefix, None, Self::PAGE)?);
            if ids.is_empty() {
                return Ok(());
            }
            for id in &ids {
                self.forget(id)?;
            }
        }
    }
}

/// The last id, where there may be more.
fn next(ids: &[String], most: usize) -> Option<String> {
    if ids.len() < most { None } else { ids.last().cloned() }
}

/// Up to `most` ids after one.
fn page<V: redb::Value + 'static>(
    table: &impl ReadableTable<RowKey, V>,
    target: u64,
    after: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut ids = Vec::new();
    for entry in table.range((target, after)..(target + 1, ""))? {
        let key = entry?.0;
        let id = key.value().1;
        if id > after {
            ids.push(id.to_owned());
        }
        if ids.len() == most {
            break;
        }
    }
    Ok(ids)
}

/// Up to `most` ids that begin with `prefix`, after one of them.
fn below<V: redb::Value + 'static>(
    table: &impl ReadableTable<RowKey, V>,
    target: u64,
    prefix: &str,
    after: Option<&str>,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut ids = Vec::new();
    for entry in table.range((target, after.unwrap_or(prefix))..(target + 1, ""))? {
        let key = entry?.0;
        let id = key.value().1;
        if !id.starts_with(prefix) || ids.len() == most {
            break;
        }
        if Some(id) != after {
            ids.push(id.to_owned());
        }
    }
    Ok(ids)
}

/// Turns an error or a panic of the store, which a damaged file can cause, into an error of the ledger.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, LedgerError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.of_ledger(path)),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(LedgerError::damaged(path, text.unwrap_or("the store panicked")))
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_that_another_program_created_meanwhile_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        create(&path).unwrap();
        std::fs::write(&path, "of the other program").unwrap();
        create(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of the other program");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_ledger_of_a_newer_format_is_left_as_it_is_and_needs_a_newer_version() {
        const NEWER_ROWS: TableDefinition<'_, &str, &str> = TableDefinition::new("rows");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let newer = builder().create(&path).unwrap();
        let transaction = newer.begin_write().unwrap();
        transaction.open_table(META).unwrap().insert("format", FORMAT + 1).unwrap();
        transaction.open_table(NEWER_ROWS).unwrap();
        transaction.commit().unwrap();
        drop(newer);
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, LedgerError::Newer { format: 2, .. }), "{error}");
        let newer = builder().open(&path).unwrap();
        assert_eq!(newer.begin_read().unwrap().list_tables().unwrap().count(), 2);
    }
}
