//! The builder of a refresh: its settings, and those of its pusher.

use std::fmt;
use std::time::Duration;

use super::kind::RefreshKind;
use super::settings::RefreshSettings;
use super::target::Target;
use crate::api::{Identities, Items};
use crate::model::OrderingId;
use crate::push::PusherBuilder;

impl Items {
    /// Refreshes the source as a unit: sets its status, pushes all items again, deletes the items that
    /// were not pushed again, and sets the status to idle.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::RefreshError> {
    /// use coveo_push::{DocumentBody, ItemQueue, Permissions, PushError, RefreshKind};
    ///
    /// let run = client.items("my-source").refresh(RefreshKind::Rebuild).start().await?;
    /// let report = match push_all(run.pusher()).await {
    ///     Ok(()) => run.finish().await,
    ///     Err(_) => run.abort().await,    // deletes nothing
    /// };
    /// println!("{report}");
    /// report.into_result()?;              // an incomplete run is an error
    ///
    /// async fn push_all(pusher: &ItemQueue) -> Result<(), PushError> {
    ///     for number in 0..10_000 {
    ///         let doc = DocumentBody::text("words").permissions(Permissions::public());
    ///         pusher.add_or_update(&format!("https://example.com/{number}"), &doc).await?;
    ///     }
    ///     Ok(())
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// **Old items are deleted only when everything was accepted.** Nothing is deleted when a batch
    /// failed, an item was refused or not sent, or the run was dropped before its end.
    ///
    /// **Items need permissions,** because a secured source accepts an item without them and drops it later.
    /// Nothing is deleted when an item has none, unless
    /// [`allow_missing_permissions`](RefreshBuilder::allow_missing_permissions) says that the source needs none.
    ///
    /// **The service's clock decides which items are old,** not the local clock: the `Date` of the
    /// response that sets the status, minus a [margin](RefreshBuilder::margin). Without a readable `Date`
    /// the run does not start. Nothing is deleted when it is more than a day from the local clock, as a proxy may
    /// have written it: see [`trust_service_clock`](RefreshBuilder::trust_service_clock).
    ///
    /// A run covers the whole source: items that another run pushed before the start are old.
    ///
    /// **If the service accepts an item and drops it later, its earlier version is deleted,** because the
    /// run cannot see the drop. [`preflight`](crate::preflight) refuses items that are known to be
    /// dropped, which prevents the deletion: leave it at [`Refuse`](crate::Preflight::Refuse). Its rules
    /// for this are `document-id-not-a-uri`, `not-base64`, `too-many-permissions` and
    /// `permission-identity-empty`. For a secured source, set [`secured`](PusherBuilder::secured) and
    /// [`known_identities`](PusherBuilder::known_identities) to add `permissions-missing` and
    /// `permission-identity-unknown`.
    pub fn refresh(&self, kind: RefreshKind) -> RefreshBuilder<Items> {
        RefreshBuilder::new(Target::Items(self.clone(), kind), self.pusher())
    }
}

impl Identities {
    /// Refreshes the identities of the provider as a unit: pushes all identities again, and disables
    /// those that were not pushed again.
    ///
    /// It works like the refresh of [items](Items::refresh). A provider has no status, so the service's
    /// clock comes from the response to creating a file container, which costs one call.
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
    pub fn refresh(&self) -> RefreshBuilder<Identities> {
        RefreshBuilder::new(Target::Identities(self.clone()), self.pusher())
    }
}

/// Configures a refresh: [`Items::refresh`], [`Identities::refresh`].
///
/// | Setting | Default |
/// |---|---|
/// | [`pusher`](Self::pusher) | the defaults of [`PusherBuilder`] |
/// | [`expect_at_least`](Self::expect_at_least) | 1 |
/// | [`delete_despite_refused`](Self::delete_despite_refused) | no |
/// | [`allow_missing_permissions`](Self::allow_missing_permissions) | no |
/// | [`trust_service_clock`](Self::trust_service_clock) | when it is less than a day off |
/// | [`queue_delay`](Self::queue_delay) | the service's: 15 minutes |
/// | [`margin`](Self::margin) | 5 s |
/// | [`older_than`](Self::older_than) | the service's clock at the start, minus the margin |
/// | [`ordering_id`](Self::ordering_id) | the service's clock at each batch |
#[must_use = "a refresh starts with `start`"]
pub struct RefreshBuilder<T> {
    settings: RefreshSettings,
    pusher: PusherBuilder<T>,
}

impl<T> RefreshBuilder<T> {
    fn new(target: Target, pusher: PusherBuilder<T>) -> Self {
        Self { settings: RefreshSettings::new(target), pusher }
    }

    /// Changes the settings of the pusher. Its settings for calls (retries, patience) also apply to the calls
    /// of the refresh, which do not wait for its limit of API calls. A failed batch prevents the deletion of old
    /// items even if a handler pushes it again.
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
    pub fn pusher(mut self, change: impl FnOnce(PusherBuilder<T>) -> PusherBuilder<T>) -> Self {
        self.pusher = self.pusher.change(change);
        self
    }

    /// The least number of items that the run must push. If fewer are accepted, nothing is deleted: a
    /// source system that returns half of its items must not empty the index. Default: 1. With 0, a run
    /// that pushes nothing deletes everything.
    ///
    /// It counts accepted operations that add or update, not deletions. Attachments count like other
    /// items, and the aliases of an identity count separately from its members.
    pub fn expect_at_least(mut self, items: u64) -> Self {
        self.settings.deletion.at_least = Some(items);
        self
    }

    /// Deletes old items although items were refused. That also deletes the earlier versions of the
    /// refused items. Default: no.
    pub fn delete_despite_refused(mut self, delete: bool) -> Self {
        self.settings.deletion.despite_refused = delete;
        self
    }

    /// Deletes old items also when the service's clock is more than a day from the local one. Call it when the
    /// local clock is known to be wrong. Default: nothing is deleted then.
    pub fn trust_service_clock(mut self) -> Self {
        self.settings.deletion.trusted_clock = true;
        self
    }

    /// How long the service waits before it deletes, so that operations that are still queued are
    /// processed first. Rounded up to whole minutes, of which the service takes [`i32::MAX`]: with more, the run does
    /// not start. Default: the service's, 15 minutes.
    pub fn queue_delay(mut self, delay: Duration) -> Self {
        self.settings.queue_delay = Some(delay);
        self
    }

    /// How far the boundary is before the start of the run, by the service's clock. It compensates for
    /// differences between clocks within the service. Items that were pushed within the margin are kept.
    /// Default: 5 s.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.settings.boundary.margin = margin;
        self
    }

    /// Deletes items with a lower ordering id than this one, instead of those from before the start of
    /// the run. An ordering id later than the start is rejected: the run does not start.
    ///
    /// If no response of the service has a `Date`, the ordering id cannot be compared with the service's
    /// clock, and is used as given.
    pub fn older_than(mut self, id: impl Into<OrderingId>) -> Self {
        self.settings.boundary.given = Some(id.into());
        self
    }

    /// One ordering id for all operations of the run, instead of the service's clock at each batch
    /// ([article 147](https://docs.coveo.com/en/147/)). Items with a lower one are old. The same as
    /// [`PusherBuilder::ordering_id`].
    ///
    /// **Pushes by others after this ordering id win:** the service responds with 202 to this run's push
    /// of the same item, and ignores it. An ordering id that is more than two seconds ahead of the
    /// service's clock is rejected, because the service would ignore later pushes: the run does not
    /// start.
    pub fn ordering_id(self, id: impl Into<OrderingId>) -> Self {
        self.pusher(|pusher| pusher.with_ordering_id(id.into()))
    }

    /// Whether the ordering ids of the source count nanoseconds or ticks, for example, in place of milliseconds
    /// since 1970. Then give the run an [`ordering_id`](Self::ordering_id): it is not compared with the service's clock,
    /// and items with a lower one are old. Default: no.
    pub fn own_ordering_scheme(mut self, own: bool) -> Self {
        self.settings.boundary.own_scheme = own;
        self
    }

    pub(super) fn into_parts(self) -> (RefreshSettings, PusherBuilder<T>) {
        let Self { mut settings, pusher } = self;
        settings.boundary.shared = pusher.shared_ordering_id();
        (settings, pusher)
    }
}

impl RefreshBuilder<Items> {
    /// Deletes old items although items of the run have no permissions. Call it for a private or a shared source,
    /// which needs none. A secured source would drop these items, and the refresh would delete their earlier
    /// versions. Default: nothing is deleted then.
    pub fn allow_missing_permissions(mut self) -> Self {
        self.settings.deletion.missing_permissions = true;
        self
    }
}

impl<T> fmt::Debug for RefreshBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshBuilder")
            .field("pusher", &self.pusher)
            .field("boundary", &self.settings.boundary)
            .field("deletion", &self.settings.deletion)
            .field("queue_delay", &self.settings.queue_delay)
            .finish_non_exhaustive()
    }
}
