//! A round of sharded refreshes: workers on machines of their own push a part each. Some fail, die, are run again, or
//! never report.

use coveo_push::report::{DeletionOutcome, RefreshReport, WorkerReport};
use coveo_push::transport::BoxFuture;
use coveo_push::{
    CatalogItems, CatalogRefresh, PushClient, PushError, PushQueue, PusherBuilder, Refresh, RefreshKind, RefreshTarget,
    RefreshTicket, RetryPolicy,
};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::corpus::one_of;
use crate::figures::Figures;
use crate::identities::Identities;
use crate::items::Items;
use crate::kind::{Kind, PROVIDER, SOURCE};
use crate::model::Fate;
use crate::products::{LOADED, Products};
use crate::running::deletion;
use crate::world::{CALM, Side, World, said};

/// A kind that can be refreshed from many machines.
pub(crate) trait Sharded: Kind<Handle: RefreshTarget + Send + Sync> {
    /// The prefix of the keys of a worker.
    const KEYS: &str;
    /// Whether a refresh deletes only items from before its start. A refresh of a catalog has no start in the service: its
    /// boundary is the first update in the reports.
    const DELETES_BEFORE_ITS_START: bool;

    fn coordinate(client: &PushClient) -> impl Future<Output = Option<Box<dyn Coordinator<Self::Handle>>>> + Send;
}

/// The machine that starts and ends a refresh.
pub(crate) trait Coordinator<H>: Send + Sync {
    fn pusher(&self) -> &PushQueue<H>;
    fn ticket(&mut self, workers: u32) -> RefreshTicket<H>;
    fn finish_with(self: Box<Self>, reports: Vec<WorkerReport>) -> BoxFuture<'static, RefreshReport>;
}

impl<H: RefreshTarget + Send + Sync + 'static> Coordinator<H> for Refresh<H> {
    fn pusher(&self) -> &PushQueue<H> {
        self.pusher()
    }

    fn ticket(&mut self, workers: u32) -> RefreshTicket<H> {
        self.ticket(workers)
    }

    fn finish_with(self: Box<Self>, reports: Vec<WorkerReport>) -> BoxFuture<'static, RefreshReport> {
        Box::pin(async move { Self::finish_with(*self, &reports).await })
    }
}

impl Coordinator<CatalogItems> for CatalogRefresh {
    fn pusher(&self) -> &PushQueue<CatalogItems> {
        self.pusher()
    }

    fn ticket(&mut self, workers: u32) -> RefreshTicket<CatalogItems> {
        self.ticket(workers)
    }

    fn finish_with(self: Box<Self>, reports: Vec<WorkerReport>) -> BoxFuture<'static, RefreshReport> {
        Box::pin(async move { Self::finish_with(*self, &reports).await })
    }
}

impl Sharded for Items {
    const KEYS: &str = "soak://";
    const DELETES_BEFORE_ITS_START: bool = true;

    async fn coordinate(client: &PushClient) -> Option<Box<dyn Coordinator<Self::Handle>>> {
        let refresh = client.items(SOURCE).refresh(RefreshKind::Rebuild).allow_missing_permissions();
        Some(Box::new(refresh.pusher(all_sent).start().await.ok()?))
    }
}

impl Sharded for Identities {
    const KEYS: &str = "USER:";
    const DELETES_BEFORE_ITS_START: bool = true;

    async fn coordinate(client: &PushClient) -> Option<Box<dyn Coordinator<Self::Handle>>> {
        Some(Box::new(client.identities(PROVIDER).refresh().pusher(all_sent).start().await.ok()?))
    }
}

impl Sharded for Products {
    const KEYS: &str = "product://";
    const DELETES_BEFORE_ITS_START: bool = false;

    async fn coordinate(client: &PushClient) -> Option<Box<dyn Coordinator<Self::Handle>>> {
        Some(Box::new(client.catalog(LOADED).refresh().pusher(all_sent).start().await.ok()?))
    }
}

/// Each operation is sent: one that is replaced would leave no trace.
fn all_sent<T>(pusher: PusherBuilder<T>) -> PusherBuilder<T> {
    pusher.replace_queued(false)
}

pub(crate) async fn run(rng: Rng, figures: &mut Figures) -> Result<(), String> {
    let mut world = World::new(rng, |fake| fake.source(SOURCE).provider(PROVIDER).catalog_source(LOADED));
    match world.rng.u8(..3) {
        0 => refreshes::<Identities>(&mut world, figures).await?,
        1 => refreshes::<Products>(&mut world, figures).await?,
        _ => refreshes::<Items>(&mut world, figures).await?,
    }
    figures.count_faults(&world.transport);
    Ok(())
}

async fn refreshes<K: Sharded>(world: &mut World, figures: &mut Figures) -> Result<(), String> {
    // The keys of each worker; those of the machine that starts the refresh come last.
    let workers = world.rng.u32(1..6);
    let parts: Vec<Vec<String>> = (0..=workers)
        .map(|worker| (0..world.rng.u32(2..40)).map(|number| format!("{}{worker}/{number}", K::KEYS)).collect())
        .collect();
    let mut side = Side::<K>::new(&world.fake, parts.concat(), []);
    for _ in 0..world.rng.u32(2..5) {
        if world.rng.bool() {
            world.draw_faults();
        }
        refresh::<K>(world, &mut side, &parts, workers, figures).await?;
        world.calm().await;
    }
    Ok(())
}

/// How an attempt of a worker ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Finish,
    Abort,
    /// It ends without a report.
    Die,
}

/// An attempt of a worker, on a machine of its own.
struct Attempt<K: Kind> {
    index: u32,
    client: PushClient,
    operations: Vec<K::Operation>,
    ending: Ending,
    attempts: u32,
    batch_bytes: usize,
    /// How often its report arrives.
    arrives: usize,
}

/// The result of an attempt.
struct Attempted<K: Kind> {
    index: u32,
    taken: Vec<K::Operation>,
    /// As it travels to the machine that ends the refresh.
    report: Option<String>,
    is_complete: bool,
    arrives: usize,
}

impl<K: Sharded> Attempt<K> {
    fn draw(world: &mut World, index: u32, keys: &[String]) -> Result<Self, String> {
        let client = world.client()?;
        let World { rng, last, .. } = world;
        let operations = (0..rng.u32(1..60))
            .map(|_| {
                *last += 1;
                K::draw(rng, keys, *last)
            })
            .collect();
        let ending = match rng.u8(..16) {
            0 => Ending::Abort,
            1 => Ending::Die,
            _ => Ending::Finish,
        };
        let arrives = one_of(rng, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 0]);
        let attempts = one_of(rng, [1, 3, 5]);
        Ok(Self { index, client, operations, ending, attempts, batch_bytes: rng.usize(1_024..8_192), arrives })
    }

    async fn make(self, ticket: RefreshTicket<K::Handle>) -> Result<Attempted<K>, String> {
        let Self { index, client, operations, ending, attempts, batch_bytes, arrives } = self;
        let worker = client.join(&travelled(&ticket)?, index).pusher(|pusher| {
            let retry = RetryPolicy::default().max_attempts(attempts);
            all_sent(pusher).batch_bytes(batch_bytes).retry(retry)
        });
        let worker = worker.start().map_err(said)?;
        let mut taken = Vec::new();
        for operation in operations {
            if let Err(PushError::Stopped(_)) = K::push(&worker, &operation).await {
                break;
            }
            taken.push(operation);
        }
        let report = match ending {
            Ending::Finish => Some(worker.finish().await),
            Ending::Abort => Some(worker.abort().await),
            Ending::Die => {
                drop(worker);
                None
            }
        };
        let is_complete = report.as_ref().is_some_and(WorkerReport::is_complete);
        if is_complete && ending != Ending::Finish {
            return Err(format!("worker {index} was aborted, and its report is complete"));
        }
        let report = report.map(|report| serde_json::to_string(&report)).transpose().map_err(said)?;
        Ok(Attempted { index, taken, report, is_complete, arrives })
    }
}

/// A ticket or a report after its way to another machine.
fn travelled<T: serde::Serialize + serde::de::DeserializeOwned>(thing: &T) -> Result<T, String> {
    serde_json::from_str(&serde_json::to_string(thing).map_err(said)?).map_err(said)
}

async fn refresh<K: Sharded>(
    world: &mut World,
    side: &mut Side<K>,
    parts: &[Vec<String>],
    workers: u32,
    figures: &mut Figures,
) -> Result<(), String> {
    let before = world.last;
    let Some(mut run) = K::coordinate(&world.client()?).await else {
        figures.not_begun += 1;
        return Ok(());
    };
    let ticket = run.ticket(workers);
    let mut tasks = JoinSet::new();
    for (index, keys) in (0..workers).zip(parts) {
        // One that never starts has no report either.
        if world.rng.u8(..20) > 0 {
            tasks.spawn(Attempt::<K>::draw(world, index, keys)?.make(ticket.clone()));
        }
    }
    let own = push_own::<K>(world, run.pusher(), parts.last().map_or(&[], Vec::as_slice)).await;
    let mut attempts = Vec::new();
    while let Some(attempted) = tasks.join_next().await {
        attempts.push(attempted.map_err(said)??);
    }
    attempts.sort_by_key(|attempt| attempt.index);
    // Some are run again: mostly those that have not told that they are done.
    for (index, keys) in (0..workers).zip(parts) {
        let is_done = attempts.iter().any(|attempt| attempt.index == index && attempt.is_complete);
        if world.rng.u8(..8) < if is_done { 1 } else { 5 } {
            sleep(Duration::from_secs(world.rng.u64(..600))).await;
            attempts.push(Attempt::<K>::draw(world, index, keys)?.make(ticket.clone()).await?);
        }
    }

    let mut reports = Vec::new();
    for Attempted { report, arrives, .. } in &attempts {
        for report in report.iter().cycle().take(report.iter().len() * arrives) {
            reports.push(serde_json::from_str(report).map_err(said)?);
        }
    }
    world.rng.shuffle(&mut reports);
    let complete = |index: u32| {
        let of_worker = attempts.iter().filter(|attempt| attempt.index == index);
        of_worker.filter(|attempt| attempt.is_complete && attempt.arrives > 0).count()
    };
    let is_whole = (0..workers).all(|index| complete(index) == 1);

    let report = run.finish_with(reports).await;
    world.fake.pass_time(CALM);
    let is_own_whole = report.push.is_complete();
    figures.count_sharded(workers, attempts.len(), &report);
    match &report.deletion {
        DeletionOutcome::Skipped(reason) if is_whole && is_own_whole => {
            return Err(format!("each worker has one complete report, and nothing is deleted because {reason}"));
        }
        other if !is_whole && !matches!(other, DeletionOutcome::Skipped(_)) => {
            return Err(format!("not each worker has one complete report, and the deletion is {other:?}"));
        }
        _ => {}
    }
    let fate = |is_done| if is_done { Fate::Done } else { Fate::Unknown };
    let is_deleted = !matches!(report.deletion, DeletionOutcome::Skipped(_));
    for attempt in &attempts {
        let may_be_old = is_deleted && attempt.arrives == 0 && !K::DELETES_BEFORE_ITS_START;
        let fate = fate(attempt.is_complete && !may_be_old);
        attempt.taken.iter().for_each(|operation| side.model.apply(operation, fate));
    }
    own.iter().for_each(|operation| side.model.apply(operation, fate(is_own_whole)));
    side.model.change(|state| K::without_old(state, before), deletion(&report.deletion));
    side.model.compare(&world.fake, "after a refresh by workers")?;
    side.model.settle(&world.fake);
    Ok(())
}

/// Pushes from the machine that starts the refresh. Returns the accepted operations.
async fn push_own<K: Sharded>(world: &mut World, pusher: &PushQueue<K::Handle>, keys: &[String]) -> Vec<K::Operation> {
    let mut taken = Vec::new();
    for _ in 0..world.rng.u32(..20) {
        world.last += 1;
        let operation = K::draw(&mut world.rng, keys, world.last);
        if K::push(pusher, &operation).await.is_err() {
            break;
        }
        taken.push(operation);
    }
    taken
}
