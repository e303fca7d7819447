//! Random runs with random faults: pushed items stay, a failed run deletes nothing, and a source that is
//! reported as idle is idle.

use std::collections::{BTreeMap, BTreeSet};

use coveo_push::fake::{ClockOffset, FakePushApi, FaultRates};
use coveo_push::report::{DeletionOutcome, IdleOutcome, RefreshReport};
use coveo_push::{Operation, RefreshError, RefreshKind, RetryPolicy, SourceStatus};
use proptest::prelude::*;

use super::cases::cases;
use super::support::{SOURCE, block_on, document, is_idle, ms, now, requests_of, secs};

const IDS: [&str; 8] = ["a://0", "a://1", "a://2", "a://3", "a://4", "a://5", "a://6", "a://7"];

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Refused,
    Wait(u64),
    Flush,
    /// Waits so long for a push, and not longer.
    Impatient(usize, u64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ending {
    Finish,
    Abort,
    Drop,
    DropWhileFinishing(u64),
}

#[derive(Debug, Clone)]
struct Case {
    /// What the source holds before.
    before: BTreeSet<usize>,
    steps: Vec<Step>,
    kind: RefreshKind,
    /// How far the service's clock is off, in seconds.
    clock: i64,
    margin: u64,
    ordering_id: bool,
    despite_refused: bool,
    at_least: Option<u64>,
    has_handler: bool,
    attempts: u32,
    concurrency: usize,
    faults: Faults,
    start_patience: Option<u64>,
    ending: Ending,
}

#[derive(Debug, Clone)]
struct Faults {
    seed: u64,
    /// The part of all calls that something happens to, in percent.
    level: u32,
    latency: u64,
}

impl Faults {
    fn rates(&self) -> FaultRates {
        let rate = f64::from(self.level) / 100.0 / 10.0;
        FaultRates::seeded(self.seed)
            .throttled(rate)
            .throttled_for(rate, secs(3))
            .throttled_for(rate, secs(200))
            .status(503, rate)
            .status(408, rate)
            .status(412, rate)
            .no_connection(rate)
            .reset_before(rate)
            .reset_after(rate)
            .hang(rate)
            .latency(ms(0)..=ms(self.latency))
            .late_answer(ms(0)..=ms(self.latency))
    }
}

fn case() -> impl Strategy<Value = Case> {
    let id = || 0..IDS.len();
    let step = prop_oneof![
        10 => id().prop_map(Step::Push),
        1 => Just(Step::Refused),
        2 => (0..20_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Flush),
        1 => (id(), 0..2_000_u64).prop_map(|(id, patience)| Step::Impatient(id, patience)),
    ];
    let ending = prop_oneof![
        8 => Just(Ending::Finish),
        1 => Just(Ending::Abort),
        1 => Just(Ending::Drop),
        2 => (0..10_000_u64).prop_map(Ending::DropWhileFinishing),
    ];
    let kinds = vec![RefreshKind::Rebuild, RefreshKind::Rebuild, RefreshKind::Refresh, RefreshKind::Incremental];
    let what = (
        prop::collection::btree_set(id(), 0..IDS.len()),
        prop::collection::vec(step, 0..16),
        prop::sample::select(kinds),
    );
    let clock = (prop::sample::select(vec![-600_i64, 0, 600]), prop::sample::select(vec![0_u64, 5_000]), any::<bool>());
    let settings = (any::<bool>(), prop::option::weighted(0.3, 0..10_u64), any::<bool>());
    let run = (prop::sample::select(vec![1_u32, 2, 5]), 1..4_usize, prop::option::weighted(0.1, 0..3_000_u64));
    let faults =
        (any::<u64>(), prop::sample::select(vec![0_u32, 5, 20, 60]), prop::sample::select(vec![0_u64, 50, 2_000]));
    (what, clock, settings, run, faults, ending).prop_map(|(what, clock, settings, run, faults, ending)| {
        let (before, steps, kind) = what;
        let (clock, margin, ordering_id) = clock;
        let (despite_refused, at_least, has_handler) = settings;
        let (attempts, concurrency, start_patience) = run;
        let (seed, level, latency) = faults;
        let faults = Faults { seed, level, latency };
        Case {
            before,
            steps,
            kind,
            clock,
            margin,
            ordering_id,
            despite_refused,
            at_least,
            has_handler,
            attempts,
            concurrency,
            faults,
            start_patience,
            ending,
        }
    })
}

/// What is known of a run when it has ended.
#[derive(Debug)]
enum Outcome {
    NotStarted(RefreshError),
    Report(Box<RefreshReport>),
    /// Whether it said that the deletion was being sent.
    Dropped(bool),
}

/// How often each id was pushed in the run, by the numbers of the pushes that were taken.
type Taken = BTreeMap<&'static str, Vec<u64>>;

async fn run(case: &Case, fake: &FakePushApi) -> (Outcome, Taken) {
    let mut taken = Taken::new();
    let retry = RetryPolicy::default().max_attempts(case.attempts);
    let mut builder = fake.client().items(SOURCE).refresh(case.kind).margin(ms(case.margin)).pusher(|pusher| {
        let pusher = pusher.batch_bytes(1_024).concurrency(case.concurrency).retry(retry);
        if case.has_handler { pusher.on_failed_batch(drop) } else { pusher }
    });
    if case.ordering_id {
        builder = builder.ordering_id(now(fake));
    }
    if let Some(items) = case.at_least {
        builder = builder.expect_at_least(items);
    }
    let start = builder.delete_despite_refused(case.despite_refused).start();
    let patience = case.start_patience.map_or(secs(1_000_000), ms);
    let run = match tokio::time::timeout(patience, start).await {
        Ok(Ok(run)) => run,
        Ok(Err(error)) => return (Outcome::NotStarted(error), taken),
        Err(_) => return (Outcome::Dropped(false), taken),
    };
    let mut number = 0;
    for step in &case.steps {
        number += 1;
        match step {
            Step::Push(id) => {
                if run.pusher().add_or_update(IDS[*id], &document(number)).await.is_ok() {
                    taken.entry(IDS[*id]).or_default().push(number);
                }
            }
            Step::Impatient(id, patience) => {
                let item = document(number);
                let push = run.pusher().add_or_update(IDS[*id], &item);
                if let Ok(Ok(_)) = tokio::time::timeout(ms(*patience), push).await {
                    taken.entry(IDS[*id]).or_default().push(number);
                }
            }
            Step::Refused => {
                let pushed = run.pusher().add_or_update("no uri", &document(number)).await;
                assert!(pushed.is_err() || !pushed.unwrap().is_queued());
            }
            Step::Wait(time) => tokio::time::sleep(ms(*time)).await,
            Step::Flush => {
                // A run that has stopped says so in its report.
                let _ = run.pusher().flush().await;
            }
        }
    }
    let sent = run.deletion_sent();
    let outcome = match case.ending {
        Ending::Finish => Outcome::Report(Box::new(run.finish().await)),
        Ending::Abort => Outcome::Report(Box::new(run.abort().await)),
        Ending::Drop => {
            drop(run);
            Outcome::Dropped(false)
        }
        Ending::DropWhileFinishing(after) => match tokio::time::timeout(ms(after), run.finish()).await {
            Ok(report) => Outcome::Report(Box::new(report)),
            Err(_) => Outcome::Dropped(*sent.borrow()),
        },
    };
    (outcome, taken)
}

fn held(fake: &FakePushApi) -> BTreeMap<String, u64> {
    let number = |item: &coveo_push::fake::FakeItem| item.metadata("n").unwrap().as_u64().unwrap();
    fake.source(SOURCE).items().iter().map(|item| (item.document_id().to_owned(), number(item))).collect()
}

fn check(case: &Case) {
    block_on(async {
        let by = secs(case.clock.unsigned_abs());
        let offset = if case.clock < 0 { ClockOffset::Behind(by) } else { ClockOffset::Ahead(by) };
        let fake = FakePushApi::builder().source(SOURCE).clock_offset(offset).build();
        for id in &case.before {
            fake.client().items(SOURCE).add_or_update(IDS[*id], &document(0)).await.unwrap();
        }
        tokio::time::sleep(secs(60)).await;
        fake.inject_random(case.faults.rates());
        let (outcome, taken) = run(case, &fake).await;
        // What is under way comes to its end, the call among it that sets the source to idle.
        tokio::time::sleep(secs(10_000)).await;
        let deletions = requests_of(&fake, Operation::DeleteOldItems).len();
        let asked = !requests_of(&fake, Operation::SetSourceStatus).is_empty();
        let before_deletion = held(&fake);
        fake.pass_time(secs(10_000));
        let after = held(&fake);

        // What was pushed in the run, and got there, is still there.
        let pushed = |held: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
            held.iter().filter(|(_, number)| **number > 0).map(|(id, number)| (id.clone(), *number)).collect()
        };
        assert_eq!(pushed(&before_deletion), pushed(&after));

        // What was there before goes only where all was accepted and the deletion was sent.
        let old = |held: &BTreeMap<String, u64>| held.values().filter(|number| **number == 0).count();
        let is_gone = old(&after) < old(&before_deletion);
        let may_be_gone = match &outcome {
            Outcome::NotStarted(error) => {
                let RefreshError::NotStarted { idle, .. } = error else { panic!("{error:?}") };
                // Without a status that was set there is none to end.
                assert!(!matches!(idle, IdleOutcome::Set) || is_idle(&fake));
                assert!(!matches!(idle, IdleOutcome::NotNeeded) || fake.source(SOURCE).status().is_none());
                false
            }
            Outcome::Dropped(sent) => *sent,
            Outcome::Report(report) => {
                matches!(report.deletion, DeletionOutcome::Accepted | DeletionOutcome::Unknown(_))
            }
        };
        assert!(may_be_gone || !is_gone, "{outcome:?}");
        if !may_be_gone {
            let failed =
                matches!(&outcome, Outcome::Report(report) if matches!(report.deletion, DeletionOutcome::Failed(_)));
            assert!(failed || deletions == 0, "{outcome:?}");
        }
        if may_be_gone {
            assert_ne!(case.kind, RefreshKind::Incremental);
            for (id, numbers) in &taken {
                assert_eq!(after.get(*id), numbers.last(), "{id} was not accepted");
            }
        }
        if let Outcome::Report(report) = &outcome {
            check_report(case, report, &after, &taken);
            match &report.idle {
                IdleOutcome::Set => assert!(is_idle(&fake)),
                IdleOutcome::Failed(_) => assert!(!report.is_complete()),
                other => panic!("{other:?}"),
            }
        }
        // The source ends idle wherever the run could still speak.
        if case.faults.level == 0 && asked {
            assert_eq!(fake.source(SOURCE).status(), Some(SourceStatus::Idle), "{outcome:?}");
        }
    });
}

fn check_report(case: &Case, report: &RefreshReport, after: &BTreeMap<String, u64>, taken: &Taken) {
    let push = &report.push;
    assert_eq!(
        push.totals.pushed,
        push.totals.accepted + push.totals.failed + push.totals.refused + push.totals.unsent + push.totals.replaced
    );
    assert_eq!(
        taken.values().map(|numbers| numbers.len() as u64).sum::<u64>(),
        push.totals.pushed - push.totals.refused
    );
    if matches!(report.deletion, DeletionOutcome::Accepted) {
        assert!(after.values().all(|number| *number > 0), "something old is left: {after:?}");
        assert_eq!((push.totals.failed, push.totals.unsent, push.totals.cancelled), (0, 0, 0));
        assert!(push.totals.refused == 0 || case.despite_refused);
        assert!(push.totals.accepted >= case.at_least.unwrap_or(1));
    }
    if case.faults.level == 0 && case.ending == Ending::Finish && case.kind != RefreshKind::Incremental {
        // Nothing went wrong: what forbids the deletion is in the run itself.
        let is_all = push.totals.cancelled == 0 && (push.totals.refused == 0 || case.despite_refused);
        let expected = is_all && push.totals.accepted >= case.at_least.unwrap_or(1);
        assert_eq!(matches!(report.deletion, DeletionOutcome::Accepted), expected, "{report}");
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn guarantee_11_a_refresh_deletes_too_little_rather_than_too_much(case in case()) {
        check(&case);
    }
}
