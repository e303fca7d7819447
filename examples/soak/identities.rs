//! Security identities: their members, their aliases, and that they are disabled.

use coveo_push::fake::FakePushApi;
use coveo_push::{
    BatchIdentityBody, Error, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PushClient, PushError,
    PushQueue, Pushed, PusherBuilder, SecurityIdentityType,
};
use fastrand::Rng;
use serde_json::Value;

use crate::corpus::one_of;
use crate::kind::{Kind, PROVIDER, SingleCalls};
use crate::plan::Way;
use crate::running::Running;

pub(crate) struct Identities;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    n: u64,
    /// `USER:` and the name.
    key: String,
    list: List,
    /// How long the name of its member or alias is.
    bytes: usize,
    in_batch: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum List {
    Members,
    Mappings,
    Deleted,
}

const LISTS: [List; 5] = [List::Members, List::Members, List::Mappings, List::Mappings, List::Deleted];

/// The state of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    /// The number of the operation that gave the members.
    members: Option<u64>,
    aliases: Option<u64>,
    is_disabled: bool,
}

impl Operation {
    fn name(&self) -> &str {
        name(&self.key)
    }

    fn other(&self) -> String {
        format!("{}-{}", self.n, "x".repeat(self.bytes))
    }

    fn members(&self) -> IdentityBody {
        IdentityBody::user(self.name()).member(Identity::user(self.other()))
    }

    fn mappings(&self) -> MappedIdentityBody {
        MappedIdentityBody::user(self.name()).alias(MappedIdentity::user(self.other()))
    }
}

fn name(key: &str) -> &str {
    key.strip_prefix("USER:").unwrap_or(key)
}

/// The number that [`Operation::other`] begins with.
fn number(other: &str) -> Option<u64> {
    other.split_once('-')?.0.parse().ok()
}

impl Kind for Identities {
    // A deletion replaces the members and aliases of an identity, which are then not there.
    const REPLACED_LEAVE_NO_TRACE: bool = false;
    const WAYS: [Way; 8] = {
        use Way::{Bulk, Refresh};
        [Refresh, Refresh, Refresh, Bulk, Bulk, Bulk, Bulk, Bulk]
    };

    type Operation = Operation;
    type State = Option<Held>;
    type Handle = coveo_push::Identities;

    fn draw(rng: &mut Rng, keys: &[String], n: u64) -> Operation {
        let key = rng.choice(keys).cloned().unwrap_or_default();
        Operation { n, key, list: one_of(rng, LISTS), bytes: rng.usize(..600), in_batch: rng.bool() }
    }

    fn draw_refused(_: &mut Rng, n: u64) -> Operation {
        Operation { n, key: "USER:".to_owned(), list: List::Deleted, bytes: 0, in_batch: false }
    }

    fn key(operation: &Operation) -> &str {
        &operation.key
    }

    fn list(operation: &Operation) -> &'static str {
        match operation.list {
            List::Members => "members",
            List::Mappings => "mappings",
            List::Deleted => "deleted",
        }
    }

    fn covers(operation: &Operation, key: &str) -> bool {
        operation.key == key
    }

    fn leaves_a_rest(operation: &Operation) -> bool {
        // A later deletion takes its place, and keeps members and aliases as they are.
        operation.list != List::Deleted
    }

    fn supersedes(later: &Operation, earlier: &Operation) -> bool {
        let lists = [later.list, earlier.list];
        later.key == earlier.key && (later.list == earlier.list || lists.contains(&List::Deleted))
    }

    fn after(operation: &Operation, before: &Option<Held>) -> Option<Held> {
        let before = before.unwrap_or(Held { members: None, aliases: None, is_disabled: false });
        Some(match operation.list {
            List::Members => Held { members: Some(operation.n), is_disabled: false, ..before },
            List::Mappings => Held { aliases: Some(operation.n), is_disabled: false, ..before },
            List::Deleted => Held { is_disabled: true, ..before },
        })
    }

    fn without_old(state: &Option<Held>, last: u64) -> Option<Held> {
        let is_new = |held: &Held| held.members.max(held.aliases) > Some(last);
        state.map(|held| Held { is_disabled: held.is_disabled || !is_new(&held), ..held })
    }

    fn found(fake: &FakePushApi, key: &str) -> Option<Held> {
        let identity = fake.provider(PROVIDER).identity(name(key), SecurityIdentityType::User)?;
        Some(Held {
            members: identity.members().first().and_then(|member| number(&member.name)),
            aliases: identity.aliases().first().and_then(|alias| number(&alias.name)),
            is_disabled: identity.is_disabled(),
        })
    }

    fn with_ordering_id(builder: PusherBuilder<Self::Handle>, id: u64) -> PusherBuilder<Self::Handle> {
        builder.ordering_id(id)
    }

    async fn push(pusher: &PushQueue<Self::Handle>, operation: &Operation) -> Result<Pushed, PushError> {
        match operation.list {
            List::Members => pusher.add_or_update(&operation.members()).await,
            List::Mappings => pusher.add_or_update_alias(&operation.mappings()).await,
            List::Deleted => pusher.delete(&Identity::user(operation.name())).await,
        }
    }

    async fn start(
        client: &PushClient,
        way: Way,
        set: impl FnOnce(PusherBuilder<Self::Handle>) -> PusherBuilder<Self::Handle>,
    ) -> Option<Box<dyn Running<Self::Handle>>> {
        let identities = client.identities(PROVIDER);
        if way != Way::Refresh {
            return Some(Box::new(set(identities.pusher()).start()));
        }
        Some(Box::new(identities.refresh().pusher(set).start().await.ok()?))
    }

    fn name_of(entry: &Value) -> Option<String> {
        Some(format!("USER:{}", entry.get("identity")?.get("name")?.as_str()?))
    }
}

impl SingleCalls for Identities {
    async fn call(client: &PushClient, operation: &Operation) -> Result<(), Error> {
        let identities = client.identities(PROVIDER);
        let batch = BatchIdentityBody::new();
        match (operation.list, operation.in_batch) {
            (List::Members, false) => identities.add_or_update(&operation.members()).await.map(drop),
            (List::Mappings, false) => identities.add_or_update_alias(&operation.mappings()).await.map(drop),
            (List::Deleted, false) => identities.delete(&Identity::user(operation.name())).await.map(drop),
            (List::Members, true) => identities.push_batch(&batch.add_or_update(operation.members())).await.map(drop),
            (List::Mappings, true) => {
                identities.push_batch(&batch.add_or_update_alias(operation.mappings())).await.map(drop)
            }
            (List::Deleted, true) => {
                identities.push_batch(&batch.delete(Identity::user(operation.name()))).await.map(drop)
            }
        }
    }
}
