//! A round of items and identities: bulk runs, refreshes and calls one by one, in some phases, each with faults of its
//! own.

use coveo_push::{OrderingId, PushClient, RetryPolicy};
use fastrand::Rng;
use tokio::task::JoinSet;

use crate::bulk;
use crate::corpus;
use crate::figures::Figures;
use crate::identities::Identities;
use crate::items::Items;
use crate::kind::{Kind, PROVIDER, SOURCE, SingleCalls};
use crate::model::{Fate, Model};
use crate::plan::{Plan, Way};
use crate::settle::fate_of;
use crate::single::{self, Calls};
use crate::world::{CALM, Side, World, said};

struct Pushes {
    world: World,
    items: Side<Items>,
    identities: Side<Identities>,
    /// The keys of each task that makes calls one by one.
    own_items: Vec<Vec<String>>,
    own_identities: Vec<Vec<String>>,
}

pub(crate) async fn run(rng: Rng, figures: &mut Figures) -> Result<(), String> {
    let mut world = World::new(rng, |fake| fake.source(SOURCE).provider(PROVIDER));
    let (ids, names) = (corpus::document_ids(&mut world.rng), corpus::identity_keys(&mut world.rng));
    let own_items = corpus::own_keys("own://", &mut world.rng);
    let own_identities = corpus::own_keys("USER:own ", &mut world.rng);
    let items = Side::new(&world.fake, ids, own_items.iter().flatten());
    let identities = Side::new(&world.fake, names, own_identities.iter().flatten());
    let mut pushes = Pushes { world, items, identities, own_items, own_identities };
    for _ in 0..pushes.world.rng.u32(1..5) {
        let boundary = (pushes.world.now()?, pushes.world.last);
        pushes.phase(figures).await?;
        if pushes.world.rng.u8(..3) == 0 {
            pushes.sweep(boundary).await?;
            figures.sweeps += 1;
        }
        // Failed operations that were not pushed again are excluded from the next phase.
        pushes.world.calm().await;
    }
    figures.count_faults(&pushes.world.transport);
    Ok(())
}

impl Pushes {
    /// Bulk runs of both kinds and calls one by one, all at the same time.
    async fn phase(&mut self, figures: &mut Figures) -> Result<(), String> {
        let Self { world, items: item_side, identities: identity_side, own_items, own_identities } = self;
        let client = world.client()?;
        let (now, last) = (world.now()?, world.last);
        world.draw_faults();
        let items = Plan::<Items>::draw(&mut world.rng, &item_side.keys, &mut world.last, now);
        let identities = Plan::<Identities>::draw(&mut world.rng, &identity_side.keys, &mut world.last, now);
        // Items that are pushed before a refresh starts are old for it.
        let beside = |way, own: &[Vec<String>]| if way == Way::Refresh { Vec::new() } else { own.to_vec() };
        let own = (beside(items.way, own_items), beside(identities.way, own_identities));
        let item_calls = calls::<Items>(&mut world.rng, &client, own.0, &mut world.last);
        let identity_calls = calls::<Identities>(&mut world.rng, &client, own.1, &mut world.last);
        let (items, identities, item_calls, identity_calls) =
            tokio::join!(bulk::run(client.clone(), items), bulk::run(client, identities), item_calls, identity_calls);
        apply(&mut item_side.model, item_calls?, figures);
        apply(&mut identity_side.model, identity_calls?, figures);
        world.fake.pass_time(CALM);
        let (items, identities) = (items?, identities?);
        world.settle(item_side, &items, last, figures).await?;
        world.settle(identity_side, &identities, last, figures).await
    }

    /// Deletes the items that were there before.
    async fn sweep(&mut self, (boundary, last): (OrderingId, u64)) -> Result<(), String> {
        let Self { world, items, .. } = self;
        let client = world.client()?;
        let sweep = client.items(SOURCE).delete_older_than(boundary).retry(RetryPolicy::default().max_attempts(3));
        let fate = match sweep.await {
            Ok(_) => Fate::Done,
            Err(error) => fate_of(&error),
        };
        world.fake.pass_time(CALM);
        items.model.change(|item| Items::without_old(item, last), fate);
        items.model.compare(&world.fake, "after older items were deleted")?;
        items.model.settle(&world.fake);
        Ok(())
    }
}

/// Calls one by one in several tasks, each on keys of its own.
fn calls<K: SingleCalls>(
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
