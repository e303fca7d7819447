//! Random histories with faults of the service at every step, and crashes before, in and after every transaction: at
//! the end the source holds exactly the corpus, and a last run sends nothing.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coveo_push::fake::{FaultRates, RecordedRequest};
use coveo_push::{Host, Items, Ledger, LedgerStep, PushError, SourceStatus, SyncError, SyncRun};
use proptest::prelude::*;

use super::cases::cases;
use super::support::{Corpus, SOURCE, World, counts, doc};

/// One run of a history.
#[derive(Debug, Clone)]
struct Run {
    /// The versions of the items, by their numbers; 0 is gone.
    versions: Vec<u32>,
    /// Items that are pushed with another version before their own.
    detours: Vec<u8>,
    /// Deletes this folder with its items before they are pushed, or in between.
    deletes_folder: Option<u8>,
    /// Ends at this probe of a transaction: before, in and after each.
    crash: Option<u32>,
    /// The part of calls that fail, in percent.
    faults: u32,
    seed: u64,
    /// How many batches are under way.
    concurrency: usize,
    ends: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Finish,
    Abort,
    Drop,
}

const ITEMS: usize = 8;

fn id(number: usize) -> String {
    format!("a://folder-{}/{number}", number % 2)
}

fn run() -> impl Strategy<Value = Run> {
    let versions = prop::collection::vec(0..3_u32, ITEMS);
    let detours = prop::collection::vec(0..ITEMS as u8, 0..3);
    let deletes_folder = prop::option::weighted(0.3, 0..2_u8);
    let crash = prop::option::weighted(0.6, 0..24_u32);
    let faults = prop::sample::select(vec![0_u32, 0, 10, 40, 80]);
    let ends = prop::sample::select(vec![End::Finish, End::Finish, End::Finish, End::Abort, End::Drop]);
    (versions, detours, deletes_folder, crash, faults, any::<u64>(), 1..4_usize, ends).prop_map(
        |(versions, detours, deletes_folder, crash, faults, seed, concurrency, ends)| Run {
            versions,
            detours,
            deletes_folder,
            crash,
            faults,
            seed,
            concurrency,
            ends,
        },
    )
}

/// Faults of so many percent of the calls.
pub(super) fn rates(percent: u32, seed: u64) -> FaultRates {
    let rate = f64::from(percent) / 600.0;
    FaultRates::seeded(seed)
        .status(503, rate)
        .status(400, rate)
        .status(500, rate)
        .reset_before(rate)
        .reset_after(rate)
        .expired(rate)
}

/// An item of which two do not fit into a batch of 1,024 bytes.
fn full(version: u32) -> coveo_push::DocumentBody {
    doc(version).metadata("filler", "x".repeat(500))
}

async fn push(run: &Run, to: &SyncRun<Items>) -> Result<(), PushError> {
    for (number, version) in run.versions.iter().enumerate() {
        if number == ITEMS / 2
            && let Some(folder) = run.deletes_folder
        {
            to.delete(format!("a://folder-{folder}/")).delete_children(true).await?;
            // What it deletes comes again.
            for earlier in (0..number).filter(|number| number % 2 == usize::from(folder)) {
                push_one(to, earlier, run.versions[earlier]).await?;
            }
        }
        if run.detours.contains(&(number as u8)) {
            push_one(to, number, (version + 1) % 3).await?;
        }
        push_one(to, number, *version).await?;
    }
    Ok(())
}

async fn push_one(to: &SyncRun<Items>, number: usize, version: u32) -> Result<(), PushError> {
    if version > 0 {
        to.add_or_update(id(number), &full(version)).await?;
    }
    Ok(())
}

/// The calls of the Push API.
pub(super) fn pushes(world: &World) -> usize {
    let is_push = |request: &RecordedRequest| request.operation().is_some_and(|it| it.host() == Host::Push);
    world.fake.requests().iter().filter(|request| is_push(request)).count()
}

/// Crashes at a probe of a transaction: from there on nothing is written any more.
pub(super) fn crash_at(ledger: &Ledger, probe: Option<u32>) {
    if let Some(probe) = probe {
        let probes = AtomicU32::new(0);
        ledger.on_transaction(move |_: LedgerStep| probes.fetch_add(1, Ordering::SeqCst) < probe);
    }
}

/// Runs once; returns whether the run says that it is complete.
async fn go(world: &World, run: &Run) -> bool {
    world.fake.inject_random(rates(run.faults, run.seed));
    let ledger = world.ledger();
    let set = |pusher: coveo_push::PusherBuilder<Items>| pusher.batch_bytes(1_024).concurrency(run.concurrency);
    let sync = world.sync(&ledger).pusher(set).allow_deleting(u64::MAX).expect_at_least(0).start().await;
    let sync = match sync {
        Ok(sync) => sync,
        Err(error) => {
            // The ledger is never surer than the source is full.
            assert!(!matches!(error, SyncError::SourceHoldsLess { .. }), "{error}");
            world.fake.clear_faults();
            return false;
        }
    };
    crash_at(&ledger, run.crash);
    let pushed = push(run, &sync).await;
    let is_complete = match run.ends {
        End::Finish if pushed.is_ok() => sync.finish().await.is_complete(),
        End::Finish | End::Abort => {
            sync.abort().await;
            false
        }
        End::Drop => {
            drop(sync);
            false
        }
    };
    world.fake.clear_faults();
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    is_complete
}

fn corpus(run: &Run) -> Corpus {
    let there = run.versions.iter().enumerate().filter(|(_, version)| **version > 0);
    // A detour leaves the other version behind where the item is gone: a connector would not push it.
    let detours = run.detours.iter().map(|number| usize::from(*number)).filter(|number| run.versions[*number] == 0);
    let left = detours.map(|number| (id(number), 1));
    there.map(|(number, version)| (id(number), *version)).chain(left).collect()
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn guarantee_14_after_any_history_the_source_holds_the_corpus_and_a_last_run_sends_nothing(
        history in prop::collection::vec(run(), 1..5),
        last in prop::collection::vec(0..3_u32, ITEMS),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            for run in &history {
                let is_complete = go(&world, run).await;
                // A run that says that it is complete has left what it pushed.
                if is_complete {
                    prop_assert_eq!(world.held(), corpus(run), "{:?}", run);
                }
            }
            let last = Run {
                versions: last,
                detours: Vec::new(),
                deletes_folder: None,
                crash: None,
                faults: 0,
                seed: 0,
                concurrency: 2,
                ends: End::Finish,
            };
            prop_assert!(go(&world, &last).await);
            prop_assert_eq!(world.held(), corpus(&last));
            prop_assert_ne!(world.fake.source(SOURCE).status(), Some(SourceStatus::Incremental));
            world.fake.clear_requests();
            prop_assert!(go(&world, &last).await);
            prop_assert_eq!(pushes(&world), 0, "{:?}", counts(&world.run(&Corpus::new()).await));
            Ok(())
        })?;
    }
}
