//! What the tests of syncs have in common.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use coveo_push::fake::{FakePushApi, RecordedRequest};
use coveo_push::report::SyncReport;
use coveo_push::{DocumentBody, Items, Ledger, Operation, SyncBuilder, SyncRun};
use tempfile::TempDir;

pub(crate) const SOURCE: &str = "my-source";

/// A service, and a folder for ledgers.
pub(crate) struct World {
    pub(crate) fake: FakePushApi,
    pub(crate) folder: TempDir,
}

/// The items of the source system: their ids and versions.
pub(crate) type Corpus = BTreeMap<String, u32>;

pub(crate) fn corpus<const N: usize>(items: [(&str, u32); N]) -> Corpus {
    items.into_iter().map(|(id, version)| (id.to_owned(), version)).collect()
}

pub(crate) fn doc(version: u32) -> DocumentBody {
    DocumentBody::text("words").metadata("version", version)
}

impl World {
    pub(crate) fn new() -> Self {
        let fake = FakePushApi::builder().source(SOURCE).provider("My Provider").catalog_source("my-catalog").build();
        Self { fake, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(self.path()).unwrap()
    }

    pub(crate) fn items(&self) -> Items {
        self.fake.client().items(SOURCE)
    }

    pub(crate) fn sync(&self, ledger: &Ledger) -> SyncBuilder<Items> {
        self.items().sync(ledger)
    }

    /// Syncs all items of a corpus, and lets some time pass.
    pub(crate) async fn run(&self, corpus: &Corpus) -> SyncReport {
        let ledger = self.ledger();
        let run = self.sync(&ledger).allow_deleting(u64::MAX).expect_at_least(0).start().await.unwrap();
        push_all(&run, corpus).await;
        let report = run.finish().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        report
    }

    /// What the source holds.
    pub(crate) fn held(&self) -> Corpus {
        let items = self.fake.source(SOURCE).items().into_iter();
        let version = |item: &coveo_push::fake::FakeItem| item.metadata("version").unwrap().as_u64().unwrap();
        items.map(|item| (item.document_id().to_owned(), u32::try_from(version(&item)).unwrap())).collect()
    }

    pub(crate) fn calls(&self, operation: Operation) -> usize {
        let requests = self.fake.requests();
        requests.iter().filter(|request: &&RecordedRequest| request.operation() == Some(operation)).count()
    }
}

pub(crate) async fn push_all(run: &SyncRun<Items>, corpus: &Corpus) {
    for (id, version) in corpus {
        run.add_or_update(id, &doc(*version)).await.unwrap();
    }
}

/// Added, updated, unchanged, deleted.
pub(crate) fn counts(report: &SyncReport) -> [u64; 4] {
    [report.added, report.updated, report.unchanged, report.deleted]
}
