//! The targets of a sync: the items of a source, the items of a catalog, the identities of a provider.

use crate::api::{Catalog, Identities, Items};
use crate::kernel::shared::Kernel;
use crate::model::{Identity, SecurityIdentityType};
use crate::push::{CatalogUpdates, PushError, PushQueue, Pushed};
use sealed::Sealed;

mod sealed {
    use crate::sync::target::TargetName;

    /// Keeps others from implementing a trait.
    pub trait Sealed {
        fn name(&self) -> TargetName;
    }
}

/// A target whose ids a ledger holds: [`Items`], a [`Catalog`] or [`Identities`]. No other type can implement it.
pub trait LedgerTarget: Sealed + Send + Sync {}

/// What tells a target from the others in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetName {
    pub(super) kind: String,
    pub(super) base_url: String,
    pub(super) organization_id: String,
    pub(super) id: String,
}

impl TargetName {
    const SEPARATOR: &str = "\n";

    fn new(kernel: &Kernel, kind: &str, id: &str) -> Self {
        let base_url = kernel.shared.urls.push.as_str().to_owned();
        let organization_id = kernel.shared.organization_id.to_string();
        Self { kind: kind.to_owned(), base_url, organization_id, id: id.to_owned() }
    }

    /// As the store has it.
    pub(super) fn to_key(&self) -> String {
        let Self { kind, base_url, organization_id, id } = self;
        [kind, base_url, organization_id, id].map(String::as_str).join(Self::SEPARATOR)
    }

    pub(super) fn read(key: &str) -> Self {
        let mut parts = key.splitn(4, Self::SEPARATOR).map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        Self { kind: next(), base_url: next(), organization_id: next(), id: next() }
    }
}

impl Sealed for Items {
    fn name(&self) -> TargetName {
        TargetName::new(&self.kernel, "items", self.source_id())
    }
}

impl Sealed for Catalog {
    fn name(&self) -> TargetName {
        TargetName::new(&self.kernel, self.kind(), self.id())
    }
}

impl Sealed for Identities {
    fn name(&self) -> TargetName {
        TargetName::new(&self.kernel, "identities", self.provider_id())
    }
}

impl LedgerTarget for Items {}
impl LedgerTarget for Catalog {}
impl LedgerTarget for Identities {}

/// A target of a sync: [`Items`], [`CatalogUpdates`], [`Identities`]. No other type can implement it.
pub trait SyncInto: DeleteMissing {}

/// Deletes by the ids of a ledger.
pub trait DeleteMissing: Sized {
    /// Deletes the item or identity with this id.
    fn delete_by_id(queue: &PushQueue<Self>, id: &str) -> impl Future<Output = Result<Pushed, PushError>> + Send;
}

impl DeleteMissing for Items {
    async fn delete_by_id(queue: &PushQueue<Self>, id: &str) -> Result<Pushed, PushError> {
        queue.delete(id).await
    }
}

impl DeleteMissing for CatalogUpdates {
    async fn delete_by_id(queue: &PushQueue<Self>, id: &str) -> Result<Pushed, PushError> {
        queue.delete(id).await
    }
}

impl DeleteMissing for Identities {
    async fn delete_by_id(queue: &PushQueue<Self>, id: &str) -> Result<Pushed, PushError> {
        queue.delete(&identity(id)).await
    }
}

impl SyncInto for Items {}
impl SyncInto for CatalogUpdates {}
impl SyncInto for Identities {}

/// The id by which a run knows an identity.
pub(super) fn identity_id(identity: &Identity) -> String {
    [identity.identity_type.in_identity(), ":", &identity.name].concat()
}

fn identity(id: &str) -> Identity {
    let (kind, name) = id.split_once(':').unwrap_or(("", id));
    let kinds = [SecurityIdentityType::User, SecurityIdentityType::Group, SecurityIdentityType::VirtualGroup];
    let kind = kinds.into_iter().find(|known| known.in_identity() == kind).unwrap_or(SecurityIdentityType::Unknown);
    Identity::new(name, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_found_again_by_its_id() {
        for of in [Identity::user("a:b"), Identity::group("G"), Identity::virtual_group("V")] {
            assert_eq!(identity(&identity_id(&of)), of);
        }
    }

    #[test]
    fn a_target_is_read_as_it_was_written() {
        let [kind, base_url, organization_id, id] = ["items", "https://a.b", "org", "so\nurce"].map(str::to_owned);
        let name = TargetName { kind, base_url, organization_id, id };
        assert_eq!(TargetName::read(&name.to_key()), name);
    }
}
