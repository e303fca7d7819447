//! The ticket of a refresh: what another machine must know to push a part of it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::boundary::Boundary;
use super::kind::RefreshKind;
use super::reports::Workers;
use crate::api::{Catalog, Identities, Items};
use crate::kernel::shared::Kernel;
use crate::model::OrderingId;
use crate::push::{CatalogItems, PushTarget, PusherBuilder};

/// Lets workers on other machines push parts of a refresh: [`Refresh::ticket`](crate::Refresh::ticket) and
/// [`CatalogRefresh::ticket`](crate::CatalogRefresh::ticket).
///
/// Send it to the workers as JSON. It holds no secret: each worker has its own key, and joins with
/// [`PushClient::join`](crate::PushClient::join). `T` is the kind of target: [`Items`], [`Identities`] or
/// [`CatalogItems`]. The JSON of a ticket for something else is an error.
///
/// ```
/// # async fn example(client: coveo_push::PushClient) -> Result<(), Box<dyn std::error::Error>> {
/// use coveo_push::{Items, RefreshKind, RefreshTicket};
///
/// let mut run = client.items("my-source").refresh(RefreshKind::Rebuild).start().await?;
/// let json = serde_json::to_string(&run.ticket(4))?;
///
/// // On another machine:
/// let ticket: RefreshTicket<Items> = serde_json::from_str(&json)?;
/// assert_eq!((ticket.target(), ticket.workers()), ("my-source", 4));
/// # run.abort().await;
/// # Ok(()) }
/// ```
pub struct RefreshTicket<T> {
    pub(super) body: TicketBody,
    into: PhantomData<fn() -> T>,
}

/// A ticket as its JSON has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct TicketBody {
    pub(super) run: u64,
    pub(super) workers: u32,
    pub(super) organization: String,
    family: Family,
    pub(super) target: String,
    #[serde(default)]
    pub(super) kind: Option<RefreshKind>,
    #[serde(default)]
    pub(super) boundary: Option<Boundary>,
    /// The ordering id of all operations of the run, where it has one.
    #[serde(default)]
    pub(super) ordering_id: Option<OrderingId>,
}

/// The kind of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Source,
    Provider,
    Catalog,
    DataCollection,
}

/// A target by the name that a ticket has for it.
#[derive(Debug)]
pub struct Handle<'a> {
    kernel: &'a Kernel,
    family: Family,
    target: &'a str,
}

/// A target that can be refreshed from many machines. No other type can implement it.
pub trait RefreshTarget: Shared {}

impl RefreshTarget for Items {}
impl RefreshTarget for Identities {}
impl RefreshTarget for CatalogItems {}

/// The pusher of a worker. Other crates cannot name it.
pub trait Shared: PushTarget {
    /// The targets that a ticket can name.
    const FAMILIES: &'static [Family];

    fn pusher(handle: Handle<'_>) -> PusherBuilder<Self>;
}

impl Shared for Items {
    const FAMILIES: &'static [Family] = &[Family::Source];

    fn pusher(Handle { kernel, target, .. }: Handle<'_>) -> PusherBuilder<Self> {
        Items::new(kernel.clone(), target.into()).pusher()
    }
}

impl Shared for Identities {
    const FAMILIES: &'static [Family] = &[Family::Provider];

    fn pusher(Handle { kernel, target, .. }: Handle<'_>) -> PusherBuilder<Self> {
        Identities::new(kernel.clone(), target.into()).pusher()
    }
}

impl Shared for CatalogItems {
    const FAMILIES: &'static [Family] = &[Family::Catalog, Family::DataCollection];

    fn pusher(Handle { kernel, family, target }: Handle<'_>) -> PusherBuilder<Self> {
        let of = if family == Family::DataCollection { Catalog::of_collection } else { Catalog::of_source };
        of(kernel.clone(), target.to_owned()).items_pusher()
    }
}

/// The common part of all tickets of a run.
pub(super) struct RunDetails<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) family: Family,
    pub(super) target: &'a str,
    pub(super) kind: Option<RefreshKind>,
    pub(super) boundary: Option<Boundary>,
    pub(super) ordering_id: Option<OrderingId>,
}

impl<T: RefreshTarget> RefreshTicket<T> {
    pub(super) fn new(details: RunDetails<'_>, Workers { run, count }: Workers) -> Self {
        let RunDetails { kernel, family, target, kind, boundary, ordering_id } = details;
        let (organization, target) = (kernel.shared.organization_id.to_string(), target.to_owned());
        let body = TicketBody { run, workers: count, organization, family, target, kind, boundary, ordering_id };
        Self { body, into: PhantomData }
    }

    pub(super) fn pusher(&self, kernel: &Kernel) -> PusherBuilder<T> {
        T::pusher(Handle { kernel, family: self.body.family, target: &self.body.target })
    }
}

impl<T> RefreshTicket<T> {
    /// The source, the provider or the data collection.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.body.target
    }

    /// How many workers push parts of the refresh.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.body.workers
    }

    /// The kind of the run. `None` for identities and catalogs.
    #[must_use]
    pub fn kind(&self) -> Option<RefreshKind> {
        self.body.kind
    }

    /// Separates the items of the run from older ones. `None` for a run that deletes nothing, and for a catalog, whose
    /// boundary follows from the reports.
    #[must_use]
    pub fn boundary(&self) -> Option<Boundary> {
        self.body.boundary
    }
}

impl<T> Clone for RefreshTicket<T> {
    fn clone(&self) -> Self {
        Self { body: self.body.clone(), into: PhantomData }
    }
}

impl<T> PartialEq for RefreshTicket<T> {
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body
    }
}

impl<T> fmt::Debug for RefreshTicket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl<T> Serialize for RefreshTicket<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.body.serialize(serializer)
    }
}

impl<'de, T: RefreshTarget> Deserialize<'de> for RefreshTicket<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = TicketBody::deserialize(deserializer)?;
        if !T::FAMILIES.contains(&body.family) {
            let message = format!("the ticket is for a {}, and a worker of another kind reads it", body.family);
            return Err(D::Error::custom(message));
        }
        Ok(Self { body, into: PhantomData })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "push source",
            Self::Provider => "security identity provider",
            Self::Catalog => "catalog source",
            Self::DataCollection => "data collection",
        })
    }
}
