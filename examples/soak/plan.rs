//! How a bulk run goes, drawn at random.

use std::time::Duration;

use coveo_push::{OrderingId, PusherBuilder, RetryPolicy};
use fastrand::Rng;

use crate::corpus::one_of;
use crate::kind::Kind;

pub(crate) struct Plan<K: Kind> {
    /// What each task does that pushes, in order.
    pub(crate) tasks: Vec<Vec<Step<K>>>,
    pub(crate) ending: Ending,
    pub(crate) way: Way,
    /// After how long the tasks are cut off.
    pub(crate) cut: Option<Duration>,
    pub(crate) has_handler: bool,
    /// Whether operations replace earlier ones of their batch.
    pub(crate) replaces: bool,
    /// Whether the ids are kept, to ask for their outcomes.
    pub(crate) is_tracked: bool,
    ordering_id: Option<OrderingId>,
    batch_bytes: usize,
    concurrency: usize,
    linger: Duration,
    patience: Duration,
    attempts: u32,
    api_calls: Option<u32>,
}

pub(crate) enum Step<K: Kind> {
    Push {
        operation: K::Operation,
        is_refused: bool,
        /// How long it is waited for before it is dropped.
        patience: Option<Duration>,
    },
    Wait(Duration),
    Flush,
}

/// What kind of a run it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Bulk,
    Refresh,
    Incremental,
    /// A load of a catalog.
    Load,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Finish,
    Abort,
    Drop,
    DropWhileFinishing(Duration),
}

impl Ending {
    pub(crate) fn has_report(self) -> bool {
        matches!(self, Self::Finish | Self::Abort)
    }
}

impl<K: Kind> Plan<K> {
    /// `next` is the number of the next operation, `now` an ordering id above all those before.
    pub(crate) fn draw(rng: &mut Rng, keys: &[String], next: &mut u64, now: OrderingId) -> Self {
        let ending = match rng.u8(..16) {
            0 | 1 => Ending::Abort,
            2 => Ending::Drop,
            3 => Ending::DropWhileFinishing(Duration::from_millis(rng.u64(..60_000))),
            _ => Ending::Finish,
        };
        let way = one_of(rng, K::WAYS);
        // A refresh that refuses an item, or of which a push is dropped, deletes nothing: some go well.
        let is_smooth = matches!(way, Way::Refresh | Way::Load) && rng.bool();
        // A load refuses the second item of an id.
        let may_repeat = ending.has_report() && way != Way::Load;
        let mut tasks: Vec<Vec<Step<K>>> = (0..one_of(rng, [1, 1, 2, 3, 8])).map(|_| Vec::new()).collect();
        let mut keys = keys.to_vec();
        let most = one_of(rng, [10, 60, 300, 1_500]);
        for _ in 0..rng.usize(1..most) {
            let step = step(rng, &mut keys, next, may_repeat, is_smooth);
            let task = rng.usize(..tasks.len());
            if let Some(task) = tasks.get_mut(task) {
                task.extend(step);
            }
        }
        let most_bytes = one_of(rng, [1_500, 4_096, 65_536]);
        Self {
            tasks,
            ending,
            way,
            cut: (!is_smooth && rng.u8(..10) == 0).then(|| Duration::from_millis(rng.u64(..30_000))),
            has_handler: rng.bool() || !ending.has_report(),
            replaces: K::REPLACED_LEAVE_NO_TRACE && rng.bool(),
            is_tracked: false,
            ordering_id: (rng.u8(..4) == 0).then_some(now),
            batch_bytes: rng.usize(1_024..most_bytes),
            concurrency: rng.usize(1..7),
            linger: Duration::from_millis(one_of(rng, [0, 1, 700, 5_000, 86_400_000])),
            patience: Duration::from_secs(one_of(rng, [1, 300, 900])),
            attempts: one_of(rng, [1, 2, 3, 5, 5]),
            api_calls: (rng.u8(..8) == 0).then(|| rng.u32(1..10)),
        }
    }

    /// The same run, tracked and to its end. It replaces nothing, so that each operation is in a batch of its own order.
    pub(crate) fn tracked(mut self) -> Self {
        self.is_tracked = true;
        self.ending = Ending::Finish;
        self.cut = None;
        self.replaces = false;
        self.ordering_id = None;
        self
    }

    /// The settings of the run.
    pub(crate) fn set(&self, builder: PusherBuilder<K::Handle>) -> PusherBuilder<K::Handle> {
        let mut builder = builder
            .batch_bytes(self.batch_bytes)
            .concurrency(self.concurrency)
            .linger(self.linger)
            .throttle_patience(self.patience)
            .replace_queued(self.replaces)
            .retry(RetryPolicy::default().max_attempts(self.attempts));
        if let Some(id) = self.ordering_id {
            builder = K::with_ordering_id(builder, id.into());
        }
        if self.is_tracked {
            builder = K::tracked(builder);
        }
        if let Some(calls) = self.api_calls {
            builder = builder.max_api_calls(calls, Duration::from_secs(10));
        }
        builder
    }
}

/// A step; none when all keys are used up. A run without a report has each key once, so that it is
/// known from the batches that were handed back which operations were accepted.
fn step<K: Kind>(
    rng: &mut Rng,
    keys: &mut Vec<String>,
    next: &mut u64,
    may_repeat: bool,
    is_smooth: bool,
) -> Option<Step<K>> {
    match rng.u8(..40) {
        0 | 1 => return Some(Step::Wait(Duration::from_millis(rng.u64(..8_000)))),
        2 => return Some(Step::Flush),
        _ => {}
    }
    if keys.is_empty() {
        return None;
    }
    *next += 1;
    let is_refused = !is_smooth && rng.u8(..30) == 0;
    let operation = if is_refused { K::draw_refused(rng, *next) } else { K::draw(rng, keys, *next) };
    if !may_repeat {
        keys.retain(|key| key != K::key(&operation));
    }
    let patience = (!is_smooth && rng.u8(..10) == 0).then(|| Duration::from_millis(rng.u64(..3_000)));
    Some(Step::Push { operation, is_refused, patience })
}
