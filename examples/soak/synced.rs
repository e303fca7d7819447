//! The targets of syncs: items, catalogs and identities.

use std::collections::BTreeMap;

use coveo_push::fake::{FakePushApi, FakeSource};
use coveo_push::{
    CatalogUpdates, Identities, Identity, IdentityBody, Items, Ledger, PushClient, PushError, PushQueue, SyncBuilder,
    SyncInto,
};
use serde_json::{Value, json};

pub(crate) const SYNCED: &str = "soak-synced-source";
pub(crate) const SYNCED_CATALOG: &str = "soak-synced-catalog";
pub(crate) const SYNCED_PROVIDER: &str = "Soak Synced Provider";

/// The items of the source system, or of the target: their ids and versions.
pub(crate) type Corpus = BTreeMap<String, u64>;

/// A target of a sync.
pub(crate) trait Synced: SyncInto + Send + Sync + 'static {
    /// Whether a deletion of an id that ends with a slash deletes everything below it.
    const HAS_FOLDERS: bool;

    fn sync(client: &PushClient, ledger: &Ledger) -> SyncBuilder<Self>;
    fn push(queue: &PushQueue<Self>, id: &str, version: u64) -> impl Future<Output = Result<(), PushError>> + Send;
    fn delete(queue: &PushQueue<Self>, id: &str) -> impl Future<Output = Result<(), PushError>> + Send;
    fn held(fake: &FakePushApi) -> Corpus;
}

fn item(version: u64) -> Value {
    json!({ "version": version, "data": "x".repeat(300) })
}

fn held(source: &FakeSource) -> Corpus {
    let version = |item: &Value| item.get("version").and_then(Value::as_u64).unwrap_or_default();
    source.items().iter().map(|item| (item.document_id().to_owned(), version(item.json()))).collect()
}

impl Synced for Items {
    const HAS_FOLDERS: bool = true;

    fn sync(client: &PushClient, ledger: &Ledger) -> SyncBuilder<Self> {
        client.items(SYNCED).sync(ledger)
    }

    async fn push(queue: &PushQueue<Self>, id: &str, version: u64) -> Result<(), PushError> {
        queue.add_or_update(id, &item(version)).await.map(drop)
    }

    async fn delete(queue: &PushQueue<Self>, id: &str) -> Result<(), PushError> {
        queue.delete(id).delete_children(id.ends_with('/')).await.map(drop)
    }

    fn held(fake: &FakePushApi) -> Corpus {
        held(&fake.source(SYNCED))
    }
}

impl Synced for CatalogUpdates {
    const HAS_FOLDERS: bool = false;

    fn sync(client: &PushClient, ledger: &Ledger) -> SyncBuilder<Self> {
        client.catalog(SYNCED_CATALOG).sync(ledger)
    }

    async fn push(queue: &PushQueue<Self>, id: &str, version: u64) -> Result<(), PushError> {
        queue.add_or_update(id, &item(version)).await.map(drop)
    }

    async fn delete(queue: &PushQueue<Self>, id: &str) -> Result<(), PushError> {
        queue.delete(id).await.map(drop)
    }

    fn held(fake: &FakePushApi) -> Corpus {
        held(&fake.source(SYNCED_CATALOG))
    }
}

impl Synced for Identities {
    const HAS_FOLDERS: bool = false;

    fn sync(client: &PushClient, ledger: &Ledger) -> SyncBuilder<Self> {
        client.identities(SYNCED_PROVIDER).sync(ledger)
    }

    async fn push(queue: &PushQueue<Self>, id: &str, version: u64) -> Result<(), PushError> {
        queue.add_or_update(&IdentityBody::group(id).member(Identity::user(version.to_string()))).await.map(drop)
    }

    async fn delete(queue: &PushQueue<Self>, id: &str) -> Result<(), PushError> {
        queue.delete(&Identity::group(id)).await.map(drop)
    }

    fn held(fake: &FakePushApi) -> Corpus {
        let identities = fake.provider(SYNCED_PROVIDER).identities();
        let enabled = identities.iter().filter(|identity| !identity.is_disabled());
        let version = |members: &[Identity]| members.first().and_then(|member| member.name.parse().ok());
        enabled.map(|held| (held.identity().name.clone(), version(held.members()).unwrap_or_default())).collect()
    }
}
