use std::fmt;
use std::time::Duration;

use super::boundary::BoundarySettings;
use super::deletion::{DeletionSettings, Expected};
use super::kind::RefreshKind;
use super::run::Plan;
use super::target::Target;
use crate::api::{Identities, Items};
use crate::model::OrderingId;
use crate::push::{IdentityPusher, ItemPusher, PusherBuilder};

impl Items {
    /// Refreshes the source as a unit: sets its status, pushes, deletes what was there before and
    /// was not pushed again, and sets the status to idle.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::RefreshError> {
    /// use coveo_push::{DocumentBody, ItemPusher, PushError, RefreshKind};
    ///
    /// let run = client.items("my-source").refresh(RefreshKind::Rebuild).start().await?;
    /// let report = match push_all(run.pusher()).await {
    ///     Ok(()) => run.finish().await,
    ///     Err(_) => run.abort().await,    // deletes nothing
    /// };
    /// println!("{report}");
    /// report.into_result()?;              // what stood in the way is an error
    ///
    /// async fn push_all(pusher: &ItemPusher) -> Result<(), PushError> {
    ///     for number in 0..10_000 {
    ///         let doc = DocumentBody::text("words").title(format!("Document {number}"));
    ///         pusher.add_or_update(&format!("https://example.com/{number}"), &doc).await?;
    ///     }
    ///     Ok(())
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// **What is old is deleted only when everything was accepted.** When a batch failed, something
    /// was refused or not sent, or the run was dropped on the way, nothing is deleted.
    ///
    /// **What is old is told by the service's clock,** whatever the local one says: by the `Date` of
    /// the answer to the call that sets the status, less a [margin](RefreshBuilder::margin). When it
    /// has none that can be read, the run does not begin. A proxy that puts a `Date` of its own in
    /// place of the service's would be believed: none may do so by the rules of HTTP.
    ///
    /// One run has all items of the source: what another run pushed before this one began is old.
    ///
    /// **Of an item that the service accepts and then drops, the earlier version goes,** as nothing here
    /// can see that. The [`preflight`](crate::preflight) refuses what is known to be dropped, and so
    /// forbids the deletion: leave it at [`Refuse`](crate::Preflight::Refuse). Its rules for this are
    /// `document-id-not-a-uri`, `not-base64`, `too-many-permissions`, `permission-identity-empty`, and
    /// for a secured source, where the run is told of it ([`secured`](PusherBuilder::secured),
    /// [`known_identities`](PusherBuilder::known_identities)), `permissions-missing` and
    /// `permission-identity-unknown`.
    pub fn refresh(&self, kind: RefreshKind) -> RefreshBuilder<ItemPusher> {
        RefreshBuilder::new(Target::Items(self.clone(), kind), self.pusher())
    }
}

impl Identities {
    /// Refreshes the identities of the provider as a unit: pushes, and deletes what was there before
    /// and was not pushed again.
    ///
    /// It works as the refresh of [items](Items::refresh) does. A provider has no status, so the
    /// service's clock is told by the first file container's answer instead, which costs one call.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::RefreshError> {
    /// use coveo_push::{Identity, IdentityBody};
    ///
    /// let run = client.identities("My Provider").refresh().start().await?;
    /// let group = IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com"));
    /// run.pusher().add_or_update(&group).await?;
    /// run.finish().await.into_result()?;
    /// # Ok(()) }
    /// ```
    pub fn refresh(&self) -> RefreshBuilder<IdentityPusher> {
        RefreshBuilder::new(Target::Identities(self.clone()), self.pusher())
    }
}

/// Settings of a refresh: [`Items::refresh`], [`Identities::refresh`].
#[must_use = "a refresh begins with `start`"]
pub struct RefreshBuilder<P> {
    target: Target,
    pusher: PusherBuilder<P>,
    boundary: BoundarySettings,
    deletion: DeletionSettings,
    queue_delay: Option<Duration>,
}

impl<P> RefreshBuilder<P> {
    fn new(target: Target, pusher: PusherBuilder<P>) -> Self {
        let boundary = BoundarySettings::new(target.deletes());
        Self { target, pusher, boundary, deletion: DeletionSettings::default(), queue_delay: None }
    }

    /// Changes the settings of the pusher. What it has for calls (retries, the limit of API calls,
    /// the patience) holds for those of the refresh as well. A batch that failed forbids the deletion of
    /// what is old even if a handler pushes it again.
    ///
    /// ```
    /// # async fn example(items: coveo_push::Items) -> Result<(), coveo_push::RefreshError> {
    /// use coveo_push::RefreshKind;
    ///
    /// let run = items
    ///     .refresh(RefreshKind::Rebuild)
    ///     .pusher(|pusher| pusher.concurrency(8).on_refused(|refused| eprintln!("left out: {refused}")))
    ///     .start()
    ///     .await?;
    /// # run.abort().await;
    /// # Ok(()) }
    /// ```
    pub fn pusher(mut self, change: impl FnOnce(PusherBuilder<P>) -> PusherBuilder<P>) -> Self {
        self.pusher = self.pusher.change(change);
        self
    }

    /// How many items there should be, and how many fewer are right, too. A run in which fewer were
    /// accepted deletes nothing: a source system that answers with half of what it has must not
    /// empty the index. Default: at least one.
    ///
    /// Counted are the operations that add or update, an item that is pushed twice as two; attachments
    /// are items like others, and the aliases of an identity are one operation beside its members. With
    /// `expected(0, 0)` a run that pushes nothing deletes everything.
    pub fn expected(mut self, items: u64, tolerance: u64) -> Self {
        self.deletion.expected = Some(Expected { items, tolerance });
        self
    }

    /// Deletes what is old although items were refused: those that had been pushed before go, too.
    /// Default: no.
    pub fn delete_despite_refused(mut self, delete: bool) -> Self {
        self.deletion.despite_refused = delete;
        self
    }

    /// After how long the service begins to delete, so that what is still queued is carried out
    /// first; counted in minutes, a part of one as a whole one. Default: that of the service, 15
    /// minutes.
    pub fn queue_delay(mut self, delay: Duration) -> Self {
        self.queue_delay = Some(delay);
        self
    }

    /// How far before the begin of the run, by the service's clock, the boundary is. It makes up for
    /// clocks within the service that are not quite the same: what was pushed during it is kept.
    /// Default: 5 s.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.boundary.margin = margin;
        self
    }

    /// Deletes what has a lower ordering id than this one, instead of what was there when the run
    /// began. One that is later than that is not taken, and the run does not begin.
    ///
    /// When no answer of the service has a `Date`, it cannot be held against the service's clock, and
    /// is taken as it is.
    pub fn older_than(mut self, id: impl Into<OrderingId>) -> Self {
        self.boundary.given = Some(id.into());
        self
    }

    /// One ordering id for everything in the run, below which everything is old, instead of the
    /// service's clock at each batch ([article 147](https://docs.coveo.com/en/147/)). It says the
    /// same as [`PusherBuilder::ordering_id`].
    ///
    /// **What somebody else pushes after the id was chosen wins:** the service answers this run's
    /// push of the same item with 202 and ignores it. One that is ahead of the service's clock by
    /// more than two seconds is not taken, and the run does not begin, because the service would
    /// ignore later pushes.
    pub fn ordering_id(self, id: impl Into<OrderingId>) -> Self {
        self.pusher(|pusher| pusher.ordering_id(id))
    }

    pub(super) fn into_parts(self) -> (Plan, PusherBuilder<P>) {
        let Self { target, pusher, boundary, deletion, queue_delay } = self;
        let boundary = BoundarySettings { shared: pusher.shared_ordering_id(), ..boundary };
        (Plan { target, boundary, deletion, queue_delay }, pusher)
    }
}

impl<P> fmt::Debug for RefreshBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshBuilder")
            .field("pusher", &self.pusher)
            .field("boundary", &self.boundary)
            .field("deletion", &self.deletion)
            .field("queue_delay", &self.queue_delay)
            .finish_non_exhaustive()
    }
}
