//! A round of outcomes: tracked runs into a source whose pipeline drops some of the items. The logs must tell exactly
//! these.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coveo_push::report::PushReport;
use coveo_push::{DocumentBody, Outcomes, PushClient};
use fastrand::Rng;
use tokio::time::sleep;

use crate::bulk;
use crate::corpus::{self, one_of};
use crate::figures::Figures;
use crate::items::{Items, Operation};
use crate::kind::{Kind, SOURCE};
use crate::plan::Plan;
use crate::settle::{Batch, batches};
use crate::world::{World, said};

/// How long the pipeline takes, in seconds: longer than the service to answer, as the log is read from the time of the
/// first answer on.
const DELAY: Range<u64> = 60..1_200;
/// Fewer items than this come from another writer.
const MOST_OTHERS: u64 = 20;
const DAY: Duration = Duration::from_secs(86_400);

/// The numbers of the operations whose items the pipeline dropped.
type Dropped = Arc<Mutex<BTreeSet<u64>>>;

pub(crate) async fn run(rng: Rng, figures: &mut Figures) -> Result<(), String> {
    let mut world = World::new(rng, |fake| fake.source(SOURCE));
    let keys = corpus::document_ids(&mut world.rng);
    let dropped = Dropped::default();
    let (part, salt) = (one_of(&mut world.rng, [1, 3, 10, 200]), world.rng.u64(..));
    let log = Arc::clone(&dropped);
    world.fake.reject_in_pipeline(move |item| {
        let number = item.metadata("n")?.as_u64()?;
        // Each version of an item has a fate of its own.
        let is_dropped = Rng::with_seed(salt ^ number).u64(..part) == 0;
        is_dropped.then(|| {
            log.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
            format!("version {number} is not wanted")
        })
    });
    for _ in 0..world.rng.u32(1..4) {
        tracked_run(&mut world, &keys, &dropped, figures).await?;
        // Later entries of the log belong to the next run.
        world.calm().await;
        sleep(DAY).await;
    }
    figures.count_faults(&world.transport);
    Ok(())
}

async fn tracked_run(
    world: &mut World,
    keys: &[String],
    dropped: &Dropped,
    figures: &mut Figures,
) -> Result<(), String> {
    dropped.lock().unwrap_or_else(PoisonError::into_inner).clear();
    world.fake.indexing_delay(Duration::from_secs(world.rng.u64(DELAY)));
    let client = world.client()?;
    let now = world.now()?;
    world.draw_faults();
    let plan = Plan::<Items>::draw(&mut world.rng, keys, &mut world.last, now).tracked();
    let others = push_others(client.clone(), world.last + 1, world.rng.u64(..MOST_OTHERS));
    world.last += MOST_OTHERS;
    let (outcome, ()) = tokio::join!(bulk::run(client.clone(), plan), others);
    let outcome = outcome?;
    figures.count_outcome(&outcome);
    let Some(report) = &outcome.report else { return Ok(()) };
    let told = ask(world, report, &client).await?;
    figures.count_told(&told);
    let dropped = dropped.lock().unwrap_or_else(PoisonError::into_inner);
    let mut expected = Expected::default();
    for Batch { operations, failed } in batches(&outcome)? {
        for operation in operations {
            expected.add(operation, failed.is_none(), dropped.contains(&operation.number()));
        }
    }
    // Of several operations on one item, that of a failed batch may have arrived, or one may have been applied twice: how
    // many entries there will be is not known.
    let may_be_open = (report.totals.failed > 0 || report.totals.retries > 0) && told.items < told.accepted;
    if !told.is_settled && !may_be_open {
        return Err(format!("the outcomes are not settled: {told}"));
    }
    expected.compare(&told)
}

/// The expected entries of the log.
#[derive(Default)]
struct Expected<'a> {
    /// The last accepted operation on each item.
    accepted: BTreeMap<&'a str, &'a Operation>,
    /// The items of which an accepted version was dropped.
    dropped: BTreeSet<&'a str>,
    /// The items of which a version of a failed batch was dropped: nothing is promised of it.
    maybe_dropped: BTreeSet<&'a str>,
}

/// Another writer, whose items are not of the run.
async fn push_others(client: PushClient, first: u64, count: u64) {
    for number in first..first + count {
        let item = DocumentBody::text("of another writer").metadata("n", number as i64);
        // Some calls fail.
        let _ = client.items(SOURCE).add_or_update(format!("other://{number}"), &item).await;
    }
}

/// Asks for the outcomes, through faults at first.
async fn ask(world: &World, report: &PushReport, client: &PushClient) -> Result<Outcomes, String> {
    // Twice as long as the pipeline takes, and as an outage that holds all calls back.
    let wait = Duration::from_secs(2 * DELAY.end) + DAY / 24;
    if let Ok(told) = report.outcomes(client).wait(wait).await
        && told.is_settled
    {
        return Ok(told);
    }
    world.fake.clear_faults();
    sleep(DAY / 24).await;
    report.outcomes(client).wait(wait).await.map_err(said)
}

impl<'a> Expected<'a> {
    fn add(&mut self, operation: &'a Operation, is_accepted: bool, is_dropped: bool) {
        let id = Items::key(operation);
        if is_accepted {
            self.accepted.insert(id, operation);
        }
        if is_dropped {
            let dropped = if is_accepted { &mut self.dropped } else { &mut self.maybe_dropped };
            dropped.insert(id);
        }
    }

    fn compare(&self, told: &Outcomes) -> Result<(), String> {
        let found: BTreeSet<&str> = told.dropped_items().map(|item| item.id.as_str()).collect();
        if let Some(id) = self.dropped.difference(&found).next() {
            return Err(format!("{id} was dropped, and the logs do not tell it: {told}"));
        }
        let is_known = |id: &str| self.accepted.contains_key(id) && self.maybe_dropped.contains(id);
        if let Some(id) = found.difference(&self.dropped).find(|id| !is_known(id)) {
            return Err(format!("{id} was not dropped, and is told as dropped: {told}"));
        }
        let kept = self.accepted.iter().filter(|(id, _)| !found.contains(**id));
        let removed = kept.clone().filter(|(_, operation)| Items::list(operation) == "delete").count() as u64;
        let expected = (kept.count() as u64 - removed, removed, found.len() as u64, 0);
        let counts = &told.counts;
        let found = (counts.indexed, counts.removed, counts.failed, counts.skipped + counts.warned + counts.unknown);
        if found != expected {
            return Err(format!("the outcomes are {found:?} and should be {expected:?}: {told}"));
        }
        Ok(())
    }
}
