use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::destination::Destination;
use super::failed::{AfterFailure, FailedBatch};
#[cfg(feature = "ledger")]
use super::journal::Journal;
use super::report::{BatchReceipt, Refused};
use crate::api::{Identities, Items};
use crate::kernel::retry::RetryPolicy;
use crate::kernel::shared::Kernel;
use crate::kernel::trace;
use crate::model::OrderingId;
use crate::preflight::{RunValidation, limit};

pub(super) type FailedHandler = Arc<dyn Fn(FailedBatch) -> AfterFailure + Send + Sync>;
pub(super) type AcceptedHandler = Arc<dyn Fn(&BatchReceipt) + Send + Sync>;
pub(super) type RefusedHandler = Arc<dyn Fn(&Refused) + Send + Sync>;

/// How a bulk run goes.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) batch_bytes: usize,
    pub(super) linger: Duration,
    pub(super) concurrency: usize,
    pub(super) max_api_calls: Option<(u32, Duration)>,
    /// Which share of the limit of API calls the run has.
    pub(super) share_of_calls: (u32, u32),
    pub(super) ordering_id: Option<OrderingId>,
    pub(super) throttle_patience: Duration,
    pub(super) outage_patience: Duration,
    pub(super) retry: Option<RetryPolicy>,
    pub(super) on_failed_batch: Option<FailedHandler>,
    pub(super) replace_queued: bool,
    pub(super) commit_spacing: Duration,
    pub(super) on_accepted: Option<AcceptedHandler>,
    pub(super) on_refused: Option<RefusedHandler>,
    pub(super) validation: RunValidation,
    pub(super) tracks_outcomes: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_bytes: 16 * 1024 * 1024,
            linger: Duration::from_secs(5),
            concurrency: 4,
            max_api_calls: None,
            share_of_calls: (1, 1),
            replace_queued: true,
            commit_spacing: Duration::from_secs(1),
            on_accepted: None,
            ordering_id: None,
            throttle_patience: Duration::from_secs(15 * 60),
            outage_patience: Duration::from_secs(15 * 60),
            retry: None,
            on_failed_batch: None,
            on_refused: None,
            validation: RunValidation::default(),
            tracks_outcomes: false,
        }
    }
}

/// Settings of a bulk run: [`Items::pusher`](crate::Items::pusher),
/// [`Identities::pusher`](crate::Identities::pusher).
///
/// | Setting | Default | Range |
/// |---|---|---|
/// | [`batch_bytes`](Self::batch_bytes) | 16 MiB | 1 KiB to 256 MB |
/// | [`linger`](Self::linger) | 5 s | any |
/// | [`concurrency`](Self::concurrency) | 4 | 1 to 64 |
/// | [`max_api_calls`](Self::max_api_calls) | no limit of ours | 1 call or more, in an interval up to a year |
/// | [`share_of_calls`](Self::share_of_calls) | all of them | |
/// | [`ordering_id`](Self::ordering_id) | the service's clock at each batch | any |
/// | [`throttle_patience`](Self::throttle_patience) | 15 minutes | any |
/// | [`outage_patience`](Self::outage_patience) | 15 minutes | any |
/// | [`retry`](Self::retry) | that of the client | any |
/// | [`replace_queued`](Self::replace_queued) | yes | |
/// | [`commit_spacing`](Self::commit_spacing) | 1 s | any |
/// | [`on_accepted`](Self::on_accepted) | the report tells | |
/// | [`on_failed_batch`](Self::on_failed_batch) | the run stops | |
/// | [`on_refused`](Self::on_refused) | the report tells | |
///
/// A value outside of its range is replaced by the nearest one.
#[must_use = "a run begins with `start`"]
pub struct PusherBuilder<T> {
    kernel: Kernel,
    destination: Destination,
    pub(super) settings: Settings,
    into: PhantomData<fn() -> T>,
}

impl<T> PusherBuilder<T> {
    pub(super) fn new(kernel: Kernel, destination: Destination) -> Self {
        Self { kernel, destination, settings: Settings::default(), into: PhantomData }
    }

    pub(super) fn into_parts(self) -> (Kernel, Destination, Settings) {
        (self.kernel, self.destination, self.settings)
    }

    /// Asks and tells this journal of every operation.
    #[cfg(feature = "ledger")]
    pub(crate) fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.destination.journal = Some(journal);
        self
    }

    /// Changes the settings. Whatever builder comes back, the run stays that of this one.
    pub(crate) fn change(self, change: impl FnOnce(Self) -> Self) -> Self {
        let (kernel, destination) = (self.kernel.clone(), self.destination.clone());
        Self { kernel, destination, ..change(self) }
    }

    /// The ordering id of everything in the run, where it has one.
    pub(crate) fn shared_ordering_id(&self) -> Option<OrderingId> {
        self.settings.ordering_id
    }

    /// The largest a batch may be, in bytes. Default: 16 MiB; from 1 KiB to the service's 256 MB,
    /// and a value outside is replaced by the nearest one.
    ///
    /// It trades memory and latency against calls, which the service limits per day and per five
    /// minutes: a batch costs two calls, whatever its size, and memory is (concurrency + 1) times
    /// this. On a fast link 1 to 10 MB are the quickest; with a slow or distant service, or a tight
    /// quota, larger ones pay.
    ///
    /// An item or identity whose JSON is larger than a batch may be is refused, also where the service would take
    /// it: set this above the largest, or push the data of such an item as [content](crate::Content),
    /// which goes into a file container of its own.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        let most = usize::try_from(limit::CONTAINER_BYTES).unwrap_or(usize::MAX);
        self.settings.batch_bytes = in_range("batch_bytes", bytes, 1024..=most);
        self
    }

    /// How long a batch may wait to be filled, counted from its first operation: a slow producer's
    /// goes out after that all the same. With zero a batch goes out as soon as it could be sent; with
    /// [`Duration::MAX`] only when it is full, or at a `flush` or `finish`. Default: 5 s.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger;
        self
    }

    /// How many batches are under way at the same time, from 1 to 64, and beside them as many
    /// [contents](crate::Content) of items. Default: 4.
    pub fn concurrency(mut self, batches: usize) -> Self {
        self.settings.concurrency = in_range("concurrency", batches, 1..=64);
        self
    }

    /// At most so many calls of the Push API in any interval of that length, tries again included;
    /// uploads go to the storage and do not count. No calls are taken as one call, and an interval of
    /// more than a year as a year. Default: no limit of ours; for catalogs that of the
    /// [client](crate::PushClientBuilder::stream_api_calls).
    pub fn max_api_calls(mut self, calls: u32, interval: Duration) -> Self {
        self.settings.max_api_calls = Some((calls, interval));
        self
    }

    /// Divides the limit of API calls among runs on several machines: with `share_of_calls(1, 4)` this run makes a quarter
    /// of the calls that [`max_api_calls`](Self::max_api_calls) allows, and a run into a catalog a quarter of those of
    /// the [client](crate::PushClientBuilder::stream_api_calls). A run without a limit stays without one. Zero is taken
    /// as one. Default: all of them, and for a [worker](crate::PushClient::join) an equal share.
    pub fn share_of_calls(mut self, part: u32, of: u32) -> Self {
        let of = of.max(1);
        self.settings.share_of_calls = (part.clamp(1, of), of);
        self
    }

    /// The ordering id of everything in the run, or none.
    pub(crate) fn replace_ordering_id(mut self, id: Option<OrderingId>) -> Self {
        self.settings.ordering_id = id;
        self
    }

    /// One ordering id for everything in the run.
    pub(crate) fn with_ordering_id(mut self, id: OrderingId) -> Self {
        self.settings.ordering_id = Some(id);
        self
    }

    /// How long a call may wait because the service asked it to. It counts neither as an attempt
    /// nor against the deadline. With zero, or less than the service asks for, the batch fails with
    /// [`Error::RateLimited`](crate::Error::RateLimited). Default: 15 minutes.
    pub fn throttle_patience(mut self, patience: Duration) -> Self {
        self.settings.throttle_patience = patience;
        self
    }

    /// How long a call may spend on an outage: no connection, no response, or 502, 503 or 504. The time does
    /// not count against the deadline. After five failures in a row the host is held: nothing is sent there
    /// but a probe from time to time, which does not count as an attempt. Default: 15 minutes.
    ///
    /// With [`RetryPolicy::none`] no call waits.
    pub fn outage_patience(mut self, patience: Duration) -> Self {
        self.settings.outage_patience = patience;
        self
    }

    /// How often and for how long each step of a batch is tried, instead of the setting of the client.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = Some(policy);
        self
    }

    /// Gives each failed batch to `handler`, which answers how the run continues. A handler that returns nothing keeps
    /// the batch, and the run goes on. Without a handler the run stops at the first failed batch, and the report has
    /// it. The unsent batches of a run that stops, is aborted or dropped are given to the handler as well.
    ///
    /// After an error that [holds for all](FailedBatch::holds_for_all) batches, such as a wrong key, the run stops,
    /// unless the handler answers to push the batch again later:
    ///
    /// ```
    /// # fn example(items: coveo_push::Items) {
    /// use std::time::Duration;
    /// use coveo_push::report::AfterFailure;
    ///
    /// // The key is being rotated: wait a minute, and try again.
    /// let builder = items.pusher().on_failed_batch(|failed| match failed.holds_for_all() {
    ///     true => AfterFailure::Again(failed, Duration::from_secs(60)),
    ///     false => AfterFailure::Stop,
    /// });
    /// # let _ = builder;
    /// # }
    /// ```
    ///
    /// It is called on the runtime: hand a batch on, or save it, rather than work on it there. Until it
    /// returns, the batch has its place among those under way, and a push may wait for it. When it panics the run
    /// stops, and that batch is only in the counts.
    pub fn on_failed_batch<A: Into<AfterFailure>>(
        mut self,
        handler: impl Fn(FailedBatch) -> A + Send + Sync + 'static,
    ) -> Self {
        self.settings.on_failed_batch = Some(Arc::new(move |failed| handler(failed).into()));
        self
    }

    /// Whether an operation replaces an earlier one on the same id in the batch that is being filled, where it says
    /// everything that the earlier one said: a full item or a deletion over either of these. The earlier one is then
    /// not sent, and counts as [`replaced`](crate::report::Progress::replaced). Default: yes.
    ///
    /// Any other operation on an id that the batch holds goes into the next batch; with `false`, these go there too.
    pub fn replace_queued(mut self, replace: bool) -> Self {
        self.settings.replace_queued = replace;
        self
    }

    /// The least time between the acceptance of a batch and the commit of a later one with the same id, as the clocks
    /// of the service's servers differ: a batch that is stamped with an earlier time than the item has would be
    /// ignored. The run remembers the ids of the last batch, and of the last 10,000 operations. A run with an
    /// [`ordering_id`](Self::ordering_id) needs none. Default: 1 s.
    pub fn commit_spacing(mut self, spacing: Duration) -> Self {
        self.settings.commit_spacing = spacing;
        self
    }

    /// Gives `handler` the receipt of each batch that the service accepts, with the ids of its operations.
    ///
    /// It is called on the runtime, before the batch counts as done: hand the receipt on, rather than work on it
    /// there. When it panics the run stops.
    pub fn on_accepted(mut self, handler: impl Fn(&BatchReceipt) + Send + Sync + 'static) -> Self {
        self.settings.on_accepted = Some(Arc::new(handler));
        self
    }

    /// Tells `handler` of each refused item, as the push of it returns. The report keeps a hundred
    /// of them. When it panics the run stops.
    pub fn on_refused(mut self, handler: impl Fn(&Refused) + Send + Sync + 'static) -> Self {
        self.settings.on_refused = Some(Arc::new(handler));
        self
    }
}

/// A setting of runs whose operations the logs tell of.
macro_rules! track_outcomes {
    ($($into:ty),+) => {
        $(impl crate::PusherBuilder<$into> {
            /// Remembers the ids of accepted items, so that the [outcomes](crate::report::PushReport::outcomes) of the run
            /// tell of these items and no others, and which of them are indexed. It takes 16 bytes an id, beside the
            /// memory of the run, for as long as the report is kept. Default: no.
            pub fn track_outcomes(mut self) -> Self {
                self.settings.tracks_outcomes = true;
                self
            }
        })+
    };
}

pub(super) use track_outcomes;

/// A setting of runs whose operations may have ordering ids.
macro_rules! ordering_id {
    ($($into:ty),+) => {
        $(impl PusherBuilder<$into> {
            /// One ordering id for everything in the run, instead of the service's clock at each batch. Best
            /// left alone ([article 147](https://docs.coveo.com/en/147/)): an item that was pushed with a higher id survives a later
            /// deletion without one.
            pub fn ordering_id(self, id: impl Into<OrderingId>) -> Self {
                self.with_ordering_id(id.into())
            }
        })+
    };
}

ordering_id!(Items, Identities);

impl<T> fmt::Debug for PusherBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PusherBuilder")
            .field("destination", &self.destination)
            .field("batch_bytes", &self.settings.batch_bytes)
            .field("linger", &self.settings.linger)
            .field("concurrency", &self.settings.concurrency)
            .field("max_api_calls", &self.settings.max_api_calls)
            .field("throttle_patience", &self.settings.throttle_patience)
            .field("outage_patience", &self.settings.outage_patience)
            .finish_non_exhaustive()
    }
}

/// The value of a setting, or the nearest one that is allowed, which a trace event tells.
fn in_range(setting: &'static str, given: usize, range: RangeInclusive<usize>) -> usize {
    let taken = given.clamp(*range.start(), *range.end());
    if taken != given {
        trace::out_of_range(setting, given, taken);
    }
    taken
}
