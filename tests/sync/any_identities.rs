//! Random histories of identities with their aliases, with faults and crashes: after a complete run the provider has what
//! was pushed, and the same run once more sends nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use coveo_push::{
    Identities, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, PushError, SecurityIdentityType, SyncRun,
};
use proptest::prelude::*;

use super::any::{crash_at, pushes, rates};
use super::cases::cases;
use super::support::World;

const PROVIDER: &str = "My Provider";

/// The versions of the members and of the aliases of the groups, by their numbers; `None` for one that is gone.
type Groups = [Option<(u8, u8)>; 4];

/// One run of a history.
#[derive(Debug, Clone)]
struct Run {
    groups: Groups,
    /// After the push of the first group, the second one is deleted, and pushed again where it was pushed before.
    deletions: Vec<(usize, usize)>,
    /// Groups that are pushed with other versions before their own.
    detours: Vec<usize>,
    crash: Option<u32>,
    /// The part of calls that fail, in percent.
    faults: u32,
    seed: u64,
    finishes: bool,
}

fn groups() -> impl Strategy<Value = Groups> {
    prop::array::uniform4(prop::option::weighted(0.8, (0..2_u8, 0..2_u8)))
}

fn run() -> impl Strategy<Value = Run> {
    let deletions = prop::collection::vec((0..4_usize, 0..4_usize), 0..3);
    let detours = prop::collection::vec(0..4_usize, 0..3);
    let crash = prop::option::weighted(0.4, 0..24_u32);
    let faults = prop::sample::select(vec![0_u32, 0, 10, 40]);
    let finishes = prop::bool::weighted(0.8);
    (groups(), deletions, detours, crash, faults, any::<u64>(), finishes).prop_map(
        |(groups, deletions, detours, crash, faults, seed, finishes)| Run {
            groups,
            deletions,
            detours,
            crash,
            faults,
            seed,
            finishes,
        },
    )
}

fn name(number: usize) -> String {
    format!("group-{number}")
}

async fn push_one(to: &SyncRun<Identities>, number: usize, (members, alias): (u8, u8)) -> Result<(), PushError> {
    let member = Identity::user(format!("member-{members}"));
    to.add_or_update(&IdentityBody::group(name(number)).member(member)).await?;
    let alias = MappedIdentity::group(format!("alias-{alias}")).provider("Another Provider");
    to.add_or_update_alias(&MappedIdentityBody::group(name(number)).alias(alias)).await?;
    Ok(())
}

async fn push(run: &Run, to: &SyncRun<Identities>) -> Result<(), PushError> {
    for (number, versions) in run.groups.iter().enumerate() {
        if let Some((members, alias)) = *versions {
            if run.detours.contains(&number) {
                push_one(to, number, (1 - members, 1 - alias)).await?;
            }
            push_one(to, number, (members, alias)).await?;
        }
        for (_, deleted) in run.deletions.iter().filter(|(after, _)| *after == number) {
            to.delete(&Identity::group(name(*deleted))).await?;
            if let Some(versions) = run.groups[*deleted].filter(|_| *deleted <= number) {
                push_one(to, *deleted, versions).await?;
            }
        }
    }
    Ok(())
}

/// Runs once; returns whether the run says that it is complete.
async fn go(world: &World, run: &Run) -> bool {
    world.fake.inject_random(rates(run.faults, run.seed));
    let ledger = world.ledger();
    let identities = world.fake.client().identities(PROVIDER);
    let sync = identities.sync(&ledger).pusher(|pusher| pusher.batch_bytes(1_024)).expect_at_least(0).start().await;
    let sync = sync.unwrap();
    crash_at(&ledger, run.crash);
    let pushed = push(run, &sync).await;
    let report = if run.finishes && pushed.is_ok() { sync.finish().await } else { sync.abort().await };
    world.fake.clear_faults();
    tokio::time::sleep(Duration::from_secs(60)).await;
    report.is_complete()
}

/// What the provider has: the members and aliases of the groups, by their names.
fn held(world: &World) -> BTreeMap<String, (String, String)> {
    let identities = world.fake.provider(PROVIDER).identities().into_iter();
    let groups =
        identities.filter(|it| it.identity().identity_type == SecurityIdentityType::Group && !it.is_disabled());
    let texts = |it: coveo_push::fake::FakeIdentity| {
        (it.identity().name.clone(), (it.members()[0].name.clone(), it.aliases()[0].name.clone()))
    };
    groups.map(texts).collect()
}

fn expected(groups: &Groups) -> BTreeMap<String, (String, String)> {
    let there = groups.iter().enumerate().filter_map(|(number, versions)| Some((number, (*versions)?)));
    there
        .map(|(number, (members, alias))| (name(number), (format!("member-{members}"), format!("alias-{alias}"))))
        .collect()
}

proptest! {
    #![proptest_config(cases(10))]

    #[test]
    fn guarantee_14_after_a_complete_run_the_provider_has_the_groups_and_the_same_run_sends_nothing(
        history in prop::collection::vec(run(), 1..4),
        last in groups(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let plain = |groups: &Groups| Run {
                groups: *groups,
                deletions: Vec::new(),
                detours: Vec::new(),
                crash: None,
                faults: 0,
                seed: 0,
                finishes: true,
            };
            for run in history.iter().chain([&plain(&last)]) {
                if !go(&world, run).await {
                    continue;
                }
                prop_assert_eq!(held(&world), expected(&run.groups), "{:?}", run);
                world.fake.clear_requests();
                prop_assert!(go(&world, &plain(&run.groups)).await);
                prop_assert_eq!(pushes(&world), 0, "{:?}", run);
            }
            prop_assert_eq!(held(&world), expected(&last));
            Ok(())
        })?;
    }
}
