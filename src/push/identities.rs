use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::affects::Affects;
use super::destination::{Containers, Destination, DestinationKind, List, ListKind, Repeated};
use super::intake::{Intake, QueuedOperation};
use super::items::Sealed;
use super::push_future::PushFuture;
use super::pusher::{PushQueue, Pusher};
use super::report::{PushError, Pushed, Refused};
use super::settings::PusherBuilder;
use crate::api::Identities;
use crate::finding::Preflight;
use crate::kernel::request::PathParams;
use crate::model::{Identity, IdentityBody, MappedIdentityBody};
use crate::operation::Operation;
use crate::preflight::{self, InvalidText, KnownIdentities, SeenIdentity};

/// The lists of a batch of identities, by their numbers.
const MEMBERS: usize = 0;
const MAPPINGS: usize = 1;
const DELETED: usize = 2;

/// A security identity provider.
static IDENTITIES: DestinationKind = DestinationKind {
    lists: &[
        List { key: "members", kind: ListKind::Upsert, repeated: Repeated::Replaces },
        List { key: "mappings", kind: ListKind::Upsert, repeated: Repeated::Replaces },
        List { key: "deleted", kind: ListKind::Delete, repeated: Repeated::Replaces },
    ],
    item_bytes: None,
    learn: Some(learn),
};

impl Identities {
    /// Pushes many security identities: any number of operations, in bounded memory, in order,
    /// losing none.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
    /// use coveo_push::{Identity, IdentityBody};
    ///
    /// let pusher = client.identities("My Provider").pusher().start();
    /// let group = IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com"));
    /// pusher.add_or_update(&group).await?;
    /// pusher.finish().await.into_result()?;
    /// # Ok(()) }
    /// ```
    pub fn pusher(&self) -> PusherBuilder<Identities> {
        let params = PathParams::provider(Arc::clone(&self.provider_id));
        let commit = Operation::PushIdentityContainer;
        PusherBuilder::new(
            self.kernel.clone(),
            Destination { kind: &IDENTITIES, commit, params, containers: Containers::Files, journal: None },
        )
    }
}

impl PusherBuilder<Identities> {
    /// Adds the identities that the service accepts to the known ones, for the run that pushes the items. Flush or
    /// finish this run before you push items that name them. In a sync, skipped and kept identities are added, too.
    pub fn known_identities(mut self, known: &KnownIdentities) -> Self {
        self.settings.validation.known = Some(known.clone());
        self
    }

    /// Compares the pushes of the same identity in this run. A group that is pushed again with
    /// other members, as when it comes in pages, and `wellKnowns` that are not the same in all pushes
    /// of an identity and its aliases, break a rule: the earlier push would be lost. Default: no,
    /// because it takes 32 bytes an identity, beside the spare room of a table.
    ///
    /// Of two pushes that several tasks make in the same moment, both may pass.
    pub fn compare_identities(mut self, compare: bool) -> Self {
        self.settings.validation.pushed = compare.then(Arc::default);
        self
    }
}

/// Pushes any number of security identities: [`Identities::pusher`].
///
/// It works as an [`ItemPusher`](super::ItemPusher) does
/// ([article 55](https://docs.coveo.com/en/55/)). The members of an identity and its aliases are two
/// things that are replaced separately; a deletion deletes both.
pub type IdentityPusher = Pusher<Identities>;

/// A handle of a run of identities that cannot end it.
pub type IdentityQueue = PushQueue<Identities>;

impl Sealed for Identities {}

impl PushQueue<Identities> {
    /// Adds or updates an identity. It replaces the identity of the provider: members that are left out
    /// are removed from the group.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the identity was not queued then.
    pub fn add_or_update<'a>(&'a self, body: &'a IdentityBody) -> PushIdentity<'a> {
        self.change(Change::Body(Cow::Borrowed(body)))
    }

    /// Adds or updates an identity that is the JSON text of an [`IdentityBody`].
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the identity was not queued then.
    pub fn add_or_update_json<'a>(&'a self, json: impl Into<Cow<'a, str>>) -> PushIdentity<'a> {
        let body = preflight::read_model(json.into().as_bytes()).map(|body| Change::Body(Cow::Owned(body)));
        let change = body.map_err(|invalid| Refused::new("", vec![invalid.finding("")]));
        PushIdentity { intake: &self.intake, change }
    }

    /// Adds or updates the aliases of an identity. Its granted identities (`wellKnowns`) must be
    /// the same in every push of the identity.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the aliases were not queued then.
    pub fn add_or_update_alias<'a>(&'a self, body: &'a MappedIdentityBody) -> PushIdentity<'a> {
        self.change(Change::Alias(Cow::Borrowed(body)))
    }

    /// Deletes an identity, which the service calls disabling it.
    ///
    /// # Errors
    ///
    /// [`PushError::Stopped`] when the run has stopped; the deletion was not queued then.
    pub fn delete<'a>(&'a self, identity: &'a Identity) -> PushIdentity<'a> {
        self.change(Change::Delete(Cow::Borrowed(identity)))
    }

    /// Adds an identity to the known ones: the provider holds it, although it is not pushed.
    #[cfg(feature = "ledger")]
    pub(crate) fn learn(&self, identity: &Identity) {
        let account = &self.intake.account;
        if let Some(known) = &account.settings.validation.known {
            known.add(&account.destination.id(), identity);
        }
    }

    pub(super) fn change<'a>(&'a self, change: Change<'a>) -> PushIdentity<'a> {
        PushIdentity { intake: &self.intake, change: Ok(change) }
    }
}

/// One push of an identity: [`IdentityQueue::add_or_update`], [`IdentityQueue::add_or_update_json`],
/// [`IdentityQueue::add_or_update_alias`], [`IdentityQueue::delete`].
#[must_use = "nothing is pushed before it is awaited"]
pub struct PushIdentity<'a> {
    intake: &'a Intake,
    change: Result<Change<'a>, Refused>,
}

/// An operation on an identity, as its caller has it.
pub(super) enum Change<'a> {
    Body(Cow<'a, IdentityBody>),
    Alias(Cow<'a, MappedIdentityBody>),
    Delete(Cow<'a, Identity>),
}

impl<'a> IntoFuture for PushIdentity<'a> {
    type Output = Result<Pushed, PushError>;
    type IntoFuture = PushFuture<'a>;

    fn into_future(self) -> PushFuture<'a> {
        let Self { intake, change } = self;
        PushFuture::new(intake, async move {
            let change = match change {
                Ok(change) => change,
                Err(refused) => return intake.push(|| Err(refused)).await,
            };
            let pushed = intake.push(|| write(intake, change.seen())).await?;
            if pushed.refused().is_none() {
                intake.account.settings.validation.was_pushed(change.seen());
            }
            Ok(pushed)
        })
    }
}

impl fmt::Debug for PushIdentity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushIdentity").finish_non_exhaustive()
    }
}

impl Change<'_> {
    fn seen(&self) -> SeenIdentity<'_> {
        match self {
            Self::Body(body) => SeenIdentity::Body(body),
            Self::Alias(body) => SeenIdentity::Alias(body),
            Self::Delete(identity) => SeenIdentity::Deleted(identity),
        }
    }
}

/// An operation that was accepted. The crate wrote it, so it can be read.
fn learn(known: &KnownIdentities, provider: &str, list: usize, json: &[u8]) {
    #[derive(Deserialize)]
    struct Deleted {
        identity: Identity,
    }

    match list {
        MEMBERS => {
            let body = serde_json::from_slice(json);
            body.iter().for_each(|body| known.accepted(provider, SeenIdentity::Body(body)));
        }
        MAPPINGS => {
            let body = serde_json::from_slice(json);
            body.iter().for_each(|body| known.accepted(provider, SeenIdentity::Alias(body)));
        }
        _ => {
            let deleted = serde_json::from_slice::<Deleted>(json);
            deleted.iter().for_each(|deleted| known.accepted(provider, SeenIdentity::Deleted(&deleted.identity)));
        }
    }
}

/// Holds an operation to the rules, and writes it.
fn write(intake: &Intake, seen: SeenIdentity<'_>) -> Result<QueuedOperation<'static>, Refused> {
    #[derive(Serialize)]
    struct Deleted<'a> {
        identity: &'a Identity,
    }

    let Identity { identity_type, name, .. } = seen.identity();
    let id = [identity_type.in_identity(), ":", name].concat();
    let (list, affects, mut findings, json) = match seen {
        SeenIdentity::Body(body) => (MEMBERS, Affects::Item, preflight::identity(body), serde_json::to_vec(body)),
        SeenIdentity::Alias(body) => (MAPPINGS, Affects::Aliases, preflight::alias(body), serde_json::to_vec(body)),
        SeenIdentity::Deleted(identity) => {
            let json = serde_json::to_vec(&Deleted { identity });
            (DELETED, Affects::Identity, preflight::names(identity, []), json)
        }
    };
    let switch = intake.account.kernel.shared.preflight;
    if switch != Preflight::Off {
        findings.extend(intake.account.settings.validation.identity(seen));
    }
    let refused = |findings| Refused::new(&id, findings);
    let warnings = preflight::judge(findings, switch).map_err(refused)?;
    let json = json.map_err(|error| refused(vec![InvalidText::from(error).finding(name)]))?;
    let remedy = "put its members into groups of their own";
    let (id, json) = (id.into(), json.into());
    Ok(QueuedOperation {
        id,
        list,
        affects,
        head: Vec::new(),
        json,
        lacks_permissions: false,
        content: None,
        warnings,
        remedy,
        note: None,
    })
}
