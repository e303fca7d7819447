//! A round of syncs with a ledger: a history of runs, some of which crash. After it the target holds the last version of
//! each item, and another run pushes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coveo_push::report::SyncReport;
use coveo_push::{CatalogUpdates, Identities, Items, Ledger, LedgerStep, PushError, RetryPolicy, SyncError, SyncInto};
use fastrand::Rng;
use tokio::time::{sleep, timeout};

use crate::corpus::one_of;
use crate::cut_off::CutOff;
use crate::figures::Figures;
use crate::idle::{IdleGate, Process};
use crate::synced::{Corpus, SYNCED, SYNCED_CATALOG, SYNCED_PROVIDER, Synced};
use crate::world::{CALM, World, said};

pub(crate) async fn run(rng: Rng, gate: IdleGate, figures: &mut Figures) -> Result<(), String> {
    let mut world =
        World::new(rng, |fake| fake.source(SYNCED).catalog_source(SYNCED_CATALOG).provider(SYNCED_PROVIDER));
    let folder = tempfile::tempdir().map_err(said)?;
    let mut system = System { path: folder.path().join("ledger"), gate, corpus: Corpus::new() };
    match world.rng.u8(..3) {
        0 => history::<CatalogUpdates>(&mut world, &mut system, figures).await?,
        1 => history::<Identities>(&mut world, &mut system, figures).await?,
        _ => history::<Items>(&mut world, &mut system, figures).await?,
    }
    figures.count_faults(&world.transport);
    Ok(())
}

/// The source system, with its ledger.
struct System {
    path: PathBuf,
    gate: IdleGate,
    corpus: Corpus,
}

/// One run.
struct Run {
    steps: Vec<Step>,
    crash: Crash,
    ending: Ending,
    has_faults: bool,
    batch_bytes: usize,
    concurrency: usize,
    attempts: u32,
}

enum Step {
    Push(String, u64),
    Delete(String),
    Flush,
    Wait(Duration),
}

/// When a run ends as if its process had.
#[derive(Clone, Copy)]
enum Crash {
    Never,
    /// Before, in or after a transaction: from there on nothing is written.
    AtProbe(u32),
    /// At one of the awaits of the run.
    AtPoll(usize),
    AtTime(Duration),
}

#[derive(Clone, Copy)]
enum Ending {
    Finish,
    Abort,
    Drop,
}

impl Run {
    fn draw(rng: &mut Rng, corpus: &Corpus, has_folders: bool) -> Self {
        let crash = match rng.u8(..8) {
            0 | 1 => Crash::AtProbe(one_of(rng, [6, 40, 200])).drawn(rng),
            2 | 3 => Crash::AtPoll(one_of(rng, [20, 200, 1_000])).drawn(rng),
            4 => Crash::AtTime(Duration::from_millis(one_of(rng, [100, 5_000, 60_000]))).drawn(rng),
            _ => Crash::Never,
        };
        Self {
            steps: steps(rng, corpus, has_folders),
            crash,
            ending: one_of(
                rng,
                [Ending::Finish, Ending::Finish, Ending::Finish, Ending::Finish, Ending::Abort, Ending::Drop],
            ),
            has_faults: rng.bool(),
            batch_bytes: rng.usize(1_024..8_192),
            concurrency: rng.usize(1..5),
            attempts: one_of(rng, [1, 3, 5]),
        }
    }

    /// Pushes everything once, and nothing goes wrong.
    fn calm(corpus: &Corpus) -> Self {
        let steps = corpus.iter().map(|(id, version)| Step::Push(id.clone(), *version)).collect();
        let (batch_bytes, concurrency, attempts) = (65_536, 2, 5);
        Self {
            steps,
            crash: Crash::Never,
            ending: Ending::Finish,
            has_faults: false,
            batch_bytes,
            concurrency,
            attempts,
        }
    }
}

impl Crash {
    /// Some time up to this one.
    fn drawn(self, rng: &mut Rng) -> Self {
        match self {
            Self::Never => self,
            Self::AtProbe(most) => Self::AtProbe(rng.u32(..most)),
            Self::AtPoll(most) => Self::AtPoll(rng.usize(..most)),
            Self::AtTime(longest) => Self::AtTime(longest.mul_f64(rng.f64())),
        }
    }
}

/// Pushes each item. Some have another version before, and some folders are deleted and filled again.
fn steps(rng: &mut Rng, corpus: &Corpus, has_folders: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    let push = |(id, version): (&String, &u64)| Step::Push(id.clone(), *version);
    for entry in corpus {
        match rng.u8(..40) {
            0 => steps.push(Step::Flush),
            1 => steps.push(Step::Wait(Duration::from_millis(rng.u64(..20_000)))),
            2 | 3 => steps.push(Step::Push(entry.0.clone(), entry.1 + 1)),
            4 => steps.push(Step::Delete(entry.0.clone())),
            5 if has_folders => {
                let folder = format!("sync://{}/", rng.u8(..3));
                steps.push(Step::Delete(folder.clone()));
                let before = corpus.range(..entry.0.clone());
                steps.extend(before.filter(|(id, _)| id.starts_with(&folder)).map(push));
            }
            _ => {}
        }
        steps.push(push(entry));
    }
    steps
}

/// Changes, adds and removes some items.
fn change(corpus: &mut Corpus, rng: &mut Rng, items: u32) {
    for _ in 0..rng.u32(..items) {
        let id = format!("sync://{}/{}", rng.u8(..3), rng.u32(..items));
        match rng.u8(..5) {
            0 => drop(corpus.remove(&id)),
            _ => *corpus.entry(id).or_default() += 1,
        }
    }
}

async fn history<T: Synced>(world: &mut World, system: &mut System, figures: &mut Figures) -> Result<(), String> {
    let items = one_of(&mut world.rng, [4, 30, 150]);
    for _ in 0..world.rng.u32(1..6) {
        change(&mut system.corpus, &mut world.rng, items);
        let run = Run::draw(&mut world.rng, &system.corpus, T::HAS_FOLDERS);
        go::<T>(world, system, run, figures).await?;
    }
    change(&mut system.corpus, &mut world.rng, items);
    for is_last in [false, true] {
        let report = go::<T>(world, system, Run::calm(&system.corpus), figures).await?;
        let Some(report) = report.filter(SyncReport::is_complete) else {
            return Err("a sync without faults is not complete".to_owned());
        };
        if is_last && (report.unchanged, report.push.totals.pushed) != (system.corpus.len() as u64, 0) {
            return Err(format!("a second sync of the same items pushes something: {report}"));
        }
    }
    Ok(())
}

/// Runs once, and compares the target with the corpus if the run says that it is complete.
async fn go<T: Synced>(
    world: &mut World,
    system: &System,
    run: Run,
    figures: &mut Figures,
) -> Result<Option<SyncReport>, String> {
    if run.has_faults {
        world.draw_faults();
    }
    let ledger = Ledger::open(&system.path).map_err(said)?;
    let (gate, crash, process) = (system.gate.clone(), run.crash, Process::default());
    let (of_ledger, probes, passed) = (process.clone(), AtomicU32::new(0), gate.clone());
    ledger.on_transaction(move |step| {
        if step == LedgerStep::Before {
            passed.pass(&of_ledger);
        }
        let is_crash = matches!(crash, Crash::AtProbe(last) if probes.fetch_add(1, Ordering::SeqCst) >= last);
        !is_crash && !of_ledger.is_dead()
    });
    let client = world.client()?;
    let mut syncing = Box::pin(sync::<T>(T::sync(&client, &ledger), run, &process, &gate));
    drop((client, ledger));
    let ended = match crash {
        Crash::AtPoll(polls) => CutOff { future: &mut syncing, polls }.await,
        Crash::AtTime(time) => timeout(time, &mut syncing).await.ok(),
        Crash::Never | Crash::AtProbe(_) => Some((&mut syncing).await),
    };
    process.die(&gate, syncing);
    let report = ended.transpose()?.flatten();
    figures.count_sync(report.as_ref());
    if report.as_ref().is_some_and(SyncReport::is_complete) {
        compare(&T::held(&world.fake), &system.corpus)?;
    }
    world.fake.clear_faults();
    // The requests of this run are looked at by nobody. Its records are old enough to be compared with the source.
    world.calm().await;
    sleep(8 * CALM).await;
    Ok(report)
}

fn compare(held: &Corpus, expected: &Corpus) -> Result<(), String> {
    let all: BTreeMap<_, _> = held.iter().chain(expected).collect();
    let different = all.into_keys().find(|id| held.get(*id) != expected.get(*id));
    different.map_or(Ok(()), |id| {
        let (held, expected) = (held.get(id), expected.get(id));
        Err(format!("after a complete sync: {id} is {held:?} and should be {expected:?}"))
    })
}

/// A run from its start to its end. It has no report when it did not start, or was dropped.
async fn sync<T: Synced>(
    builder: coveo_push::SyncBuilder<T>,
    run: Run,
    process: &Process,
    gate: &IdleGate,
) -> Result<Option<SyncReport>, String> {
    let Run { steps, ending, batch_bytes, concurrency, attempts, .. } = run;
    let retry = RetryPolicy::default().max_attempts(attempts);
    let builder = builder.pusher(|pusher| pusher.batch_bytes(batch_bytes).concurrency(concurrency).retry(retry));
    let sync = match builder.allow_deleting(u64::MAX).expect_at_least(0).start().await {
        Ok(sync) => sync,
        // The ledger is never surer than the source is full.
        Err(error @ SyncError::SourceHoldsLess { .. }) => return Err(said(error)),
        Err(_) => return Ok(None),
    };
    let pushed = push_all::<T>(&sync, steps).await;
    match ending {
        Ending::Finish if pushed.is_ok() => Ok(Some(sync.finish().await)),
        Ending::Finish | Ending::Abort => Ok(Some(sync.abort().await)),
        Ending::Drop => {
            process.die(gate, sync);
            Ok(None)
        }
    }
}

async fn push_all<T: Synced + SyncInto>(queue: &coveo_push::PushQueue<T>, steps: Vec<Step>) -> Result<(), PushError> {
    for step in steps {
        match step {
            Step::Push(id, version) => T::push(queue, &id, version).await?,
            Step::Delete(id) => T::delete(queue, &id).await?,
            Step::Flush => drop(queue.flush().await?),
            Step::Wait(time) => sleep(time).await,
        }
    }
    Ok(())
}
