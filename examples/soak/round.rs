//! One round: a service of its own, and some phases of work in it, each with faults of its own.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::{OrderingId, PushClient, RetryPolicy};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::bulk::{self, Outcome};
use crate::corpus::{self, one_of};
use crate::faults::{self, Counting};
use crate::figures::Figures;
use crate::identities::Identities;
use crate::items::Items;
use crate::kind::{Kind, PROVIDER, SOURCE};
use crate::model::{Fate, Model};
use crate::plan::{Plan, Way};
use crate::settle::{fate_of, settle};
use crate::single::{self, Calls};

/// No round takes so long, even by its own clock: one that does waits for something that never comes.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// After this everything that the service asked to wait for is over.
const CALM: Duration = Duration::from_secs(900);

/// Runs the round with that number.
pub(crate) fn run(seed: u64, number: u64, figures: &mut Figures) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let rng = Rng::with_seed(seed.rotate_left(32) ^ number);
    runtime.map_err(said)?.block_on(async {
        let begin = Instant::now();
        let round = Round::new(rng).work(figures);
        timeout(LONGEST, round).await.map_err(|_| "it waits for something that never comes")??;
        figures.rounds += 1;
        figures.time += begin.elapsed();
        Ok(())
    })
}

fn said(error: impl Display) -> String {
    error.to_string()
}

struct Round {
    rng: Rng,
    fake: FakePushApi,
    transport: Counting,
    /// The number of the last operation.
    last: u64,
    items: Side<Items>,
    identities: Side<Identities>,
}

/// The state of one kind.
struct Side<K: Kind> {
    keys: Vec<String>,
    /// The keys of each task that makes calls one by one.
    own: Vec<Vec<String>>,
    model: Model<K>,
}

impl<K: Kind> Side<K> {
    fn new(rng: &mut Rng, fake: &FakePushApi, keys: Vec<String>, prefix: &str) -> Self {
        let own: Vec<_> = (0..rng.usize(..5)).map(|task| corpus::own_keys(prefix, task, rng)).collect();
        let model = Model::of(fake, keys.iter().chain(own.iter().flatten()).cloned());
        Self { keys, own, model }
    }
}

impl Round {
    fn new(mut rng: Rng) -> Self {
        let fake = FakePushApi::builder()
            .source(SOURCE)
            .provider(PROVIDER)
            .refuse_second_commit(rng.bool())
            .container_lifetime(Duration::from_secs(one_of(&mut rng, [3_600, 3_600, 20])))
            .keep_request_bodies(false)
            .build();
        let (ids, names) = (corpus::document_ids(&mut rng), corpus::identity_keys(&mut rng));
        Self {
            items: Side::new(&mut rng, &fake, ids, "own://"),
            identities: Side::new(&mut rng, &fake, names, "USER:own "),
            transport: Counting::new(fake.clone()),
            last: 0,
            fake,
            rng,
        }
    }

    async fn work(mut self, figures: &mut Figures) -> Result<(), String> {
        for _ in 0..self.rng.u32(1..5) {
            let boundary = (self.now()?, self.last);
            self.phase(figures).await?;
            if self.rng.u8(..3) == 0 {
                self.sweep(boundary).await?;
                figures.sweeps += 1;
            }
            // Failed operations that were not pushed again are excluded from the next phase.
            self.fake.clear_faults();
            self.fake.clear_requests();
            sleep(CALM).await;
        }
        for (kind, times) in self.transport.take() {
            *figures.faults.entry(kind).or_default() += times;
        }
        Ok(())
    }

    /// An ordering id above those of all operations that were carried out so far.
    fn now(&self) -> Result<OrderingId, String> {
        let since_1970 = self.fake.now().duration_since(std::time::UNIX_EPOCH).map_err(said)?;
        u64::try_from(since_1970.as_millis()).map(OrderingId::new).map_err(said)
    }

    fn client(&mut self) -> Result<PushClient, String> {
        let random = Mutex::new(self.rng.fork());
        let random = move || random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        self.fake.client_builder().transport(self.transport.clone()).random(random).build().map_err(said)
    }

    /// Bulk runs of both kinds and calls one by one, all at the same time.
    async fn phase(&mut self, figures: &mut Figures) -> Result<(), String> {
        let client = self.client()?;
        let (now, last) = (self.now()?, self.last);
        self.fake.inject_random(faults::draw(&mut self.rng));
        let items = Plan::<Items>::draw(&mut self.rng, &self.items.keys, &mut self.last, now);
        let identities = Plan::<Identities>::draw(&mut self.rng, &self.identities.keys, &mut self.last, now);
        // Items that are pushed before a refresh starts are old for it.
        let beside = |way, own: &[Vec<String>]| if way == Way::Refresh { Vec::new() } else { own.to_vec() };
        let own = (beside(items.way, &self.items.own), beside(identities.way, &self.identities.own));
        let item_calls = calls::<Items>(&mut self.rng, &client, own.0, &mut self.last);
        let identity_calls = calls::<Identities>(&mut self.rng, &client, own.1, &mut self.last);
        let (items, identities, item_calls, identity_calls) =
            tokio::join!(bulk::run(client.clone(), items), bulk::run(client, identities), item_calls, identity_calls);
        apply(&mut self.items.model, item_calls?, figures);
        apply(&mut self.identities.model, identity_calls?, figures);
        // The deletion of old items is delayed.
        self.fake.pass_time(Duration::from_secs(900));
        self.end(items?, identities?, last, figures).await
    }

    async fn end(
        &mut self,
        items: Outcome<Items>,
        identities: Outcome<Identities>,
        last: u64,
        figures: &mut Figures,
    ) -> Result<(), String> {
        count(figures, &items);
        count(figures, &identities);
        let Self { rng, fake, .. } = self;
        figures.pushed_again += settle(rng, fake, &mut self.items.model, &items, last).await?;
        figures.pushed_again += settle(rng, fake, &mut self.identities.model, &identities, last).await?;
        Ok(())
    }

    /// Deletes the items that were there before.
    async fn sweep(&mut self, (boundary, last): (OrderingId, u64)) -> Result<(), String> {
        let client = self.client()?;
        let sweep = client.items(SOURCE).delete_older_than(boundary).retry(RetryPolicy::default().max_attempts(3));
        let fate = match sweep.await {
            Ok(_) => Fate::Done,
            Err(error) => fate_of(&error),
        };
        self.fake.pass_time(Duration::from_secs(900));
        self.items.model.change(|item| Items::without_old(item, last), fate);
        self.items.model.compare(&self.fake, "after older items were deleted")?;
        self.items.model.settle(&self.fake);
        Ok(())
    }
}

/// Calls one by one in several tasks, each on keys of its own.
fn calls<K: Kind>(
    rng: &mut Rng,
    client: &PushClient,
    own: Vec<Vec<String>>,
    last: &mut u64,
) -> impl Future<Output = Result<Vec<Calls<K>>, String>> + use<K> {
    let mut tasks = JoinSet::new();
    for keys in own {
        tasks.spawn(single::run::<K>(rng.fork(), client.clone(), keys, *last));
        *last += single::MOST;
    }
    async move {
        let mut all = Vec::new();
        while let Some(calls) = tasks.join_next().await {
            all.push(calls.map_err(said)??);
        }
        Ok(all)
    }
}

fn apply<K: Kind>(model: &mut Model<K>, calls: Vec<Calls<K>>, figures: &mut Figures) {
    for Calls { made, dropped } in calls {
        made.iter().for_each(|(operation, fate)| model.apply(operation, *fate));
        figures.single_calls += made.len() as u64;
        figures.cancellations += dropped;
    }
}

fn count<K: Kind>(figures: &mut Figures, outcome: &Outcome<K>) {
    let Outcome { last, failed, cancellations, deletion, not_begun, .. } = outcome;
    figures.count_run(last);
    figures.refreshes += u64::from(deletion.is_some());
    figures.deletions += u64::from(*deletion == Some(Fate::Done));
    figures.not_begun += u64::from(*not_begun);
    figures.failed_batches += failed.len() as u64;
    figures.cancellations += cancellations;
}
