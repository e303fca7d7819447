//! A load: everything in a catalog is replaced at once, or nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::deletion::{Counts, DeletionSettings, DeletionSkipped, is_whole};
use super::run::CutOff;
use crate::api::{Accepted, Catalog};
use crate::error::{Error, ErrorCode};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::trace;
use crate::push::load_stream::LoadStream;
use crate::push::{CatalogItems, PushError, PushQueue, PushReport, PusherBuilder};

impl Catalog {
    /// Loads the catalog: uploads all items into a stream, and closes it. The service then replaces everything:
    /// **all other items are deleted**, after about 15 minutes.
    ///
    /// **The stream is closed only when everything is in it.** When a batch failed, an item was refused or not sent, the
    /// run was dropped, or fewer items than [expected](LoadBuilder::expect_at_least) came, it is never closed, and
    /// nothing changes in the index.
    ///
    /// Each item comes once: a second one with the same id is refused, and the stream then stays open.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::LoadError> {
    /// use coveo_push::DocumentBody;
    ///
    /// let load = client.catalog("my-catalog").load().expect_at_least(9_500).start().await?;
    /// for number in 0..10_000 {
    ///     let item = DocumentBody::new().object_type("Product").metadata("ec_name", format!("Shoe {number}"));
    ///     load.pusher().add_or_update(format!("product://{number}"), &item).await?;
    /// }
    /// println!("{}", load.finish().await.into_result()?);
    /// # Ok(()) }
    /// ```
    ///
    /// Prefer a [refresh](Self::refresh): Coveo recommends loads only for short runs of fewer than a million items. The
    /// service processes nothing before the stream is closed, and the file containers of a stream expire after an
    /// hour.
    ///
    /// Load into a catalog from one program at a time: the service's documentation does not say what happens to two
    /// open streams.
    pub fn load(&self) -> LoadBuilder {
        let (pusher, stream) = self.load_pusher();
        // The items of a catalog need no permissions.
        let conditions = DeletionSettings { missing_permissions: true, ..Default::default() };
        LoadBuilder { catalog: self.clone(), pusher, stream, conditions }
    }
}

/// Configures a load: [`Catalog::load`].
#[must_use = "a load starts with `start`"]
pub struct LoadBuilder {
    catalog: Catalog,
    pusher: PusherBuilder<CatalogItems>,
    stream: Arc<LoadStream>,
    conditions: DeletionSettings,
}

impl LoadBuilder {
    /// Changes the settings of the pusher. Its settings for calls also apply to the closing of the stream.
    pub fn pusher(mut self, change: impl FnOnce(PusherBuilder<CatalogItems>) -> PusherBuilder<CatalogItems>) -> Self {
        self.pusher = self.pusher.change(change);
        self
    }

    /// The least number of items that the load must have. With fewer the stream is not closed: a source system that
    /// returns half of its items must not empty the index. Default: 1, which is also the least.
    pub fn expect_at_least(mut self, items: u64) -> Self {
        self.conditions.at_least = Some(items.max(1));
        self
    }

    /// How long after its start the stream may be closed. Later pushes are not taken
    /// ([`PushError::Stopped`]). Default: 50 minutes, because file containers expire after an hour, and the service's
    /// documentation does not say whether they must be processed by then or only filled.
    pub fn max_age(self, max_age: Duration) -> Self {
        self.stream.set_max_age(max_age);
        self
    }

    /// Starts the load. Its tasks are spawned on the current tokio runtime. The stream is opened with the first
    /// batch that is full.
    ///
    /// # Errors
    ///
    /// None so far: it is like the start of a refresh.
    #[expect(clippy::unused_async, reason = "a refresh starts by a call")]
    pub async fn start(self) -> Result<Load, LoadError> {
        let Self { catalog, pusher, stream, conditions } = self;
        Ok(Load { pusher: CutOff(pusher.start()), catalog, stream, conditions })
    }
}

impl fmt::Debug for LoadBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadBuilder")
            .field("pusher", &self.pusher)
            .field("conditions", &self.conditions)
            .finish_non_exhaustive()
    }
}

/// A load under way: [`Catalog::load`].
///
/// Push with its [pusher](Self::pusher). End it with [`finish`](Self::finish) when everything was pushed, else with
/// [`abort`](Self::abort): `finish` would delete the items that you did not read. Dropping the load changes nothing in
/// the index.
pub struct Load {
    pusher: CutOff<CatalogItems>,
    catalog: Catalog,
    stream: Arc<LoadStream>,
    conditions: DeletionSettings,
}

impl Load {
    /// The pusher of this load, which cannot end it. Clone it for other tasks. Accepted operations are uploaded: the
    /// service processes them when the stream is closed.
    #[must_use]
    pub fn pusher(&self) -> &PushQueue<CatalogItems> {
        self.pusher.0.queue()
    }

    /// Sends the rest, waits until everything is uploaded or failed, and closes the stream if everything is in it.
    ///
    /// When you drop the future of `finish` before it is done, it is not known whether the stream is closed.
    #[must_use = "only the report tells whether the stream is closed"]
    pub async fn finish(self) -> LoadReport {
        let Self { pusher, catalog, stream, conditions } = self;
        let calls = pusher.0.call_settings();
        let has_stopped = pusher.0.has_stopped();
        let push = pusher.0.finish().await;
        let outcome = match decide(conditions, has_stopped, &stream, &push).await {
            Ok(id) => close(&catalog, id, &calls).await,
            Err(reason) => LoadOutcome::NotClosed(reason),
        };
        trace::stream_ended(calls.label(), &outcome);
        LoadReport { target: catalog.id().to_owned(), outcome, push }
    }

    /// Ends the load without sending the rest. The stream is not closed, and nothing changes in the index.
    pub async fn abort(self) -> LoadReport {
        let push = self.pusher.0.abort().await;
        let outcome = LoadOutcome::NotClosed(DeletionSkipped::Aborted);
        trace::stream_ended(self.pusher.0.call_settings().label(), &outcome);
        LoadReport { target: self.catalog.id().to_owned(), outcome, push }
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load").field("catalog", &self.catalog.id()).finish_non_exhaustive()
    }
}

/// The stream to close, if everything is in it.
async fn decide(
    conditions: DeletionSettings,
    has_stopped: bool,
    stream: &LoadStream,
    push: &PushReport,
) -> Result<String, DeletionSkipped> {
    is_whole(conditions, Counts::of(push))?;
    if stream.is_too_old() {
        return Err(DeletionSkipped::TooOld);
    }
    if has_stopped {
        return Err(DeletionSkipped::Stopped);
    }
    stream.id().await.ok_or(DeletionSkipped::NothingPushed)
}

async fn close(catalog: &Catalog, id: String, calls: &CallSettings) -> LoadOutcome {
    match catalog.close_stream(id).call_settings(calls).await {
        Ok(accepted) => LoadOutcome::Closed(accepted),
        // An earlier attempt closed it, or nobody would know of it.
        Err(error) if error.may_have_been_applied() && is_about_the_stream(&error) => {
            LoadOutcome::ProbablyClosed(error)
        }
        Err(error) if error.may_have_been_applied() => LoadOutcome::Unknown(error),
        Err(error) => LoadOutcome::Failed(error),
    }
}

/// Whether a response may say that no such stream is open.
fn is_about_the_stream(error: &Error) -> bool {
    let is_about_another_thing = matches!(
        error.code(),
        Some(ErrorCode::OrganizationNotFound | ErrorCode::SourceDoesNotExist | ErrorCode::SourceIsStreamEnabled)
    );
    matches!(error, Error::NotFound(_) | Error::PreconditionFailed(_)) && !is_about_another_thing
}

/// The outcome of the stream of a load.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadOutcome {
    /// The stream is closed: the service replaces everything. The response tells the ordering id.
    Closed(Accepted),
    /// The response to an attempt to close the stream was lost, and then no such stream was open: that attempt most
    /// probably closed it.
    ProbablyClosed(Error),
    /// No response tells whether the stream is closed. Everything was in it: at worst the index is unchanged.
    Unknown(Error),
    /// The stream could not be closed: the index is unchanged.
    Failed(Error),
    /// The stream was not closed, because not everything is in it: the index is unchanged.
    NotClosed(DeletionSkipped),
}

impl fmt::Display for LoadOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(_) => f.write_str("the stream is closed"),
            Self::ProbablyClosed(error) => write!(f, "the stream is probably closed ({error})"),
            Self::Unknown(error) => write!(f, "the stream may be closed ({error})"),
            Self::Failed(error) => write!(f, "the stream is not closed, and the index is unchanged ({error})"),
            Self::NotClosed(reason) => {
                write!(f, "the stream is not closed, and the index is unchanged, because {reason}")
            }
        }
    }
}

/// The result of a load, returned by [`Load::finish`] and [`Load::abort`].
#[derive(Debug)]
#[non_exhaustive]
pub struct LoadReport {
    /// The catalog source or the data collection.
    pub target: String,
    /// Whether the stream is closed.
    pub outcome: LoadOutcome,
    /// The result of all pushes. Accepted means uploaded.
    pub push: PushReport,
}

impl LoadReport {
    /// Whether the stream is closed, or [probably](LoadOutcome::ProbablyClosed) so.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.outcome, LoadOutcome::Closed(_) | LoadOutcome::ProbablyClosed(_))
    }

    /// The report, or an error with the report when the stream is not [closed](Self::is_closed).
    ///
    /// # Errors
    ///
    /// [`LoadError::NotClosed`].
    pub fn into_result(self) -> Result<Self, LoadError> {
        if self.is_closed() { Ok(self) } else { Err(LoadError::NotClosed(Box::new(self))) }
    }
}

/// One line for people.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, outcome, push } = self;
        write!(f, "load of {target}: {push}; {outcome}")
    }
}

/// Why a load did not replace everything.
///
/// It converts from [`PushError`] and [`Error`], so that `?` works on pushes and on other calls between the start and
/// the end of a load. A load that is dropped because of such an error changes nothing in the index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A push failed.
    #[error("a push failed")]
    Push(#[from] PushError),
    /// Another call failed.
    #[error("a call failed")]
    Call(#[from] Error),
    /// The stream is not closed, or it is not known whether it is. See the report.
    #[error("the load is not complete: {}{}", .0, .0.push.first_reasons())]
    NotClosed(Box<LoadReport>),
}
