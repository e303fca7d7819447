//! Random operations, random faults: whatever happens, every item is accounted for, and the source
//! holds what it should.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::report::{FailedBatch, Progress, PushReport};
use coveo_push::{ItemOperation, ItemPusher, OrderingId, PushError, Pushed, RetryPolicy};
use futures_util::{StreamExt, stream};
use proptest::prelude::*;
use serde::Serializer;
use serde::ser::{Error as _, SerializeMap};
use serde_json::json;

use super::cases::cases;
use super::model::Model;
use super::support::{Faults, Handed, Held, Item, SOURCE, block_on, commits, faults, held, ms, push_again, uploads};

/// A small tree with shared prefixes, and some leaves apart.
const IDS: [&str; 16] = [
    "a://p",
    "a://p/1",
    "a://p/1/x",
    "a://p/1/y",
    "a://p/2",
    "a://pq",
    "a://q",
    "a://q/1",
    "b://0",
    "b://1",
    "b://2",
    "b://3",
    "b://4",
    "b://5",
    "b://6",
    "b://7",
];

#[derive(Debug, Clone)]
enum Step {
    Add { id: usize, bytes: usize, form: Form },
    Delete { id: usize },
    DeleteChildren { id: usize },
    Refused(Refused),
    Wait(u64),
    Flush,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Typed,
    Json,
    JsonWithId,
}

#[derive(Debug, Clone, Copy)]
enum Refused {
    NoUri,
    KeyTwice,
    NoJson,
    OtherId,
    TooLarge,
    Fails,
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
    /// Each with how long it is waited for, where that is limited.
    steps: Vec<(Step, Option<u64>)>,
    batch_bytes: usize,
    concurrency: usize,
    linger: u64,
    attempts: u32,
    has_handler: bool,
    ordering_id: bool,
    refuses_second_commit: bool,
    container_lifetime: u64,
    api_calls: Option<u32>,
    faults: Faults,
    /// Whether operations replace earlier ones of their batch.
    replaces: bool,
    /// Whether the steps are one stream, without their limits of time, and what its own one is.
    stream: Option<u64>,
    ending: Ending,
}

fn step() -> impl Strategy<Value = Step> {
    let id = || 0..IDS.len();
    let form = prop::sample::select(vec![Form::Typed, Form::Typed, Form::Json, Form::JsonWithId]);
    let refused = prop::sample::select(vec![
        Refused::NoUri,
        Refused::KeyTwice,
        Refused::NoJson,
        Refused::OtherId,
        Refused::TooLarge,
        Refused::Fails,
    ]);
    prop_oneof![
        12 => (id(), 0..900_usize, form).prop_map(|(id, bytes, form)| Step::Add { id, bytes, form }),
        3 => id().prop_map(|id| Step::Delete { id }),
        2 => id().prop_map(|id| Step::DeleteChildren { id }),
        1 => refused.prop_map(Step::Refused),
        2 => (0..4_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Flush),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let steps = prop::collection::vec((step(), prop::option::weighted(0.1, 0..3_000_u64)), 1..48);
    let ending = prop_oneof![
        8 => Just(Ending::Finish),
        2 => Just(Ending::Abort),
        1 => Just(Ending::Drop),
        1 => (0..20_000_u64).prop_map(Ending::DropWhileFinishing),
    ];
    let settings = (1_024..4_096_usize, 1..6_usize, prop::sample::select(vec![0_u64, 1, 700, 5_000, 86_400_000]));
    let retry = (prop::sample::select(vec![1_u32, 2, 3, 5]), any::<bool>(), any::<bool>(), any::<bool>());
    let service =
        (any::<bool>(), prop::sample::select(vec![3_600_u64, 3_600, 20]), prop::option::weighted(0.1, 1..10_u32));
    let ending = (ending, prop::option::of(prop_oneof![Just(u64::from(u32::MAX)), 0..8_000_u64]));
    (steps, settings, retry, service, faults(), ending).prop_map(|(steps, settings, retry, service, faults, ending)| {
        let (ending, stream) = ending;
        let (batch_bytes, concurrency, linger) = settings;
        let (attempts, has_handler, ordering_id, replaces) = retry;
        let (refuses_second_commit, container_lifetime, api_calls) = service;
        let is_dropped = matches!(ending, Ending::Drop | Ending::DropWhileFinishing(_));
        Case {
            steps,
            batch_bytes,
            concurrency,
            linger,
            attempts,
            has_handler: has_handler || is_dropped,
            ordering_id,
            refuses_second_commit,
            container_lifetime,
            api_calls,
            faults,
            replaces,
            stream: stream.filter(|_| !is_dropped),
            ending,
        }
    })
}

/// What became of a case.
struct Outcome {
    fake: FakePushApi,
    before: Model,
    /// What was taken, in order.
    taken: Vec<Held>,
    refused: u64,
    /// Pushes whose patience ran out before they were taken.
    cancelled: u64,
    account: Account,
    failed: Vec<FailedBatch>,
}

enum Account {
    Report(Box<PushReport>),
    /// A run that was dropped has no report.
    Progress(Progress),
}

struct Fails;

impl serde::Serialize for Fails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("n", &1)?;
        map.serialize_entry("data", "half of it")?;
        Err(S::Error::custom("it fails"))
    }
}

/// What an id is that no other operation is about.
fn own_id(n: u64) -> String {
    format!("c://{n}")
}

/// An item of a stream, or one that is refused.
enum Body {
    Item(Item),
    Fails,
}

impl serde::Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Item(item) => item.serialize(serializer),
            Self::Fails => Fails.serialize(serializer),
        }
    }
}

/// What a stream has at a step, after how long, and what is to be taken of it.
fn operation(((step, _), n): (&(Step, Option<u64>), u64)) -> ((Duration, Option<ItemOperation>), Option<Held>) {
    let add = |id: &str, bytes| Some(ItemOperation::add_or_update(id, &Body::Item(Item::new(n, bytes))));
    let json = |text: &str| Some(ItemOperation::add_or_update_json(text).document_id("a://p"));
    let mut wait = 0;
    let (operation, held) = match step {
        Step::Add { id, bytes, form } => {
            let id = IDS[*id];
            let item = Item::new(n, *bytes);
            let operation = match form {
                Form::Typed => ItemOperation::add_or_update(id, &Body::Item(item)),
                Form::Json => {
                    ItemOperation::add_or_update_json(serde_json::to_string_pretty(&item).unwrap()).document_id(id)
                }
                Form::JsonWithId => {
                    let text = json!({"n": n, "documentId": id, "data": item.data});
                    ItemOperation::add_or_update_json(text.to_string())
                }
            };
            (Some(operation), Some(Held::Add(id.to_owned(), n)))
        }
        Step::Delete { id } => (Some(ItemOperation::delete(IDS[*id])), Some(Held::Delete(IDS[*id].to_owned()))),
        Step::DeleteChildren { id } => {
            let operation = ItemOperation::delete(IDS[*id]).delete_children(true);
            (Some(operation), Some(Held::DeleteChildren(IDS[*id].to_owned())))
        }
        Step::Refused(Refused::NoUri) => (add("no uri", 1), None),
        Step::Refused(Refused::TooLarge) => (add("a://p", 5_000), None),
        Step::Refused(Refused::Fails) => (Some(ItemOperation::add_or_update("a://p", &Body::Fails)), None),
        Step::Refused(Refused::KeyTwice) => (json(r#"{"n":1,"N":2}"#), None),
        Step::Refused(Refused::NoJson) => (json(r#"{"n":1,"#), None),
        Step::Refused(Refused::OtherId) => (json(r#"{"documentId":"a://q"}"#), None),
        Step::Wait(time) => {
            wait = *time;
            (None, None)
        }
        Step::Flush => (None, None),
    };
    ((ms(wait), operation), held)
}

async fn push(
    pusher: &ItemPusher,
    step: &Step,
    n: u64,
    has_own_ids: bool,
) -> Result<(Pushed, Option<Held>), PushError> {
    if has_own_ids && !matches!(step, Step::Refused(_)) {
        let id = own_id(n);
        return Ok((pusher.add_or_update(&id, &Item::new(n, 300)).await?, Some(Held::Add(id, n))));
    }
    let pushed = match step {
        Step::Add { id, bytes, form } => {
            let id = IDS[*id];
            let item = Item::new(n, *bytes);
            let pushed = match form {
                Form::Typed => pusher.add_or_update(id, &item).await?,
                Form::Json => {
                    pusher.add_or_update_json(serde_json::to_string_pretty(&item).unwrap()).document_id(id).await?
                }
                Form::JsonWithId => {
                    let text = json!({"n": n, "documentId": id, "data": item.data}).to_string();
                    pusher.add_or_update_json(&text).await?
                }
            };
            return Ok((pushed, Some(Held::Add(id.to_owned(), n))));
        }
        Step::Delete { id } => {
            return Ok((pusher.delete(IDS[*id]).await?, Some(Held::Delete(IDS[*id].to_owned()))));
        }
        Step::DeleteChildren { id } => {
            let pushed = pusher.delete(IDS[*id]).delete_children(true).await?;
            return Ok((pushed, Some(Held::DeleteChildren(IDS[*id].to_owned()))));
        }
        Step::Refused(Refused::NoUri) => pusher.add_or_update("no uri", &Item::new(n, 1)).await?,
        Step::Refused(Refused::KeyTwice) => pusher.add_or_update_json(r#"{"n":1,"N":2}"#).document_id("a://p").await?,
        Step::Refused(Refused::NoJson) => pusher.add_or_update_json(r#"{"n":1,"#).document_id("a://p").await?,
        Step::Refused(Refused::OtherId) => {
            pusher.add_or_update_json(r#"{"documentId":"a://q"}"#).document_id("a://p").await?
        }
        Step::Refused(Refused::TooLarge) => pusher.add_or_update("a://p", &Item::new(n, 5_000)).await?,
        Step::Refused(Refused::Fails) => pusher.add_or_update("a://p", &Fails).await?,
        Step::Wait(_) | Step::Flush => unreachable!(),
    };
    Ok((pushed, None))
}

async fn run(case: &Case) -> Outcome {
    let fake = FakePushApi::builder()
        .source(SOURCE)
        .refuse_second_commit(case.refuses_second_commit)
        .container_lifetime(std::time::Duration::from_secs(case.container_lifetime))
        .build();
    let random = Mutex::new(fastrand::Rng::with_seed(case.batch_bytes as u64));
    let client = fake.client_builder().random(move || random.lock().unwrap().f64()).build().unwrap();
    let items = client.items(SOURCE);
    let there: Vec<_> = IDS.iter().step_by(2).map(|id| json!({"documentId": id, "n": 0, "data": ""})).collect();
    let _ = items.push_batch_json(json!({ "addOrUpdate": there }).to_string()).await.unwrap();
    let own = (1..=case.steps.len() as u64).map(own_id);
    let before = Model::of(&fake, IDS.iter().map(|id| (*id).to_owned()).chain(own));
    fake.clear_requests();
    fake.inject_random(case.faults.rates());

    let handed = Handed::default();
    let mut builder = items
        .pusher()
        .batch_bytes(case.batch_bytes)
        .concurrency(case.concurrency)
        .linger(ms(case.linger))
        .throttle_patience(ms(300_000))
        .replace_queued(case.replaces)
        .retry(RetryPolicy::default().max_attempts(case.attempts));
    if case.has_handler {
        builder = builder.on_failed_batch(handed.handler());
    }
    if case.ordering_id {
        builder = builder.ordering_id(OrderingId::new(u64::MAX / 2));
    }
    if let Some(calls) = case.api_calls {
        builder = builder.max_api_calls(calls, ms(10_000));
    }
    let pusher = builder.start();
    let mut progress = pusher.progress();
    let has_own_ids = matches!(case.ending, Ending::Drop | Ending::DropWhileFinishing(_));
    let (mut taken, mut refused, mut cancelled) = (Vec::new(), 0, 0);
    let mut of_stream = Vec::new();
    let (read, mut is_left) = (AtomicU64::new(0), false);
    if let Some(limit) = case.stream {
        let (operations, expected): (Vec<_>, Vec<_>) = case.steps.iter().zip(1..).map(operation).unzip();
        of_stream = expected.into_iter().flatten().collect();
        let operations = stream::iter(operations).filter_map(|(wait, operation)| async move {
            tokio::time::sleep(wait).await;
            operation
        });
        let operations = operations.inspect(|_| {
            read.fetch_add(1, Ordering::Relaxed);
        });
        let pushed = tokio::time::timeout(ms(limit), pusher.push_stream(operations)).await;
        cancelled = u64::from(!matches!(pushed, Ok(Ok(_))));
        is_left = pushed.is_err();
    } else {
        for (number, (step, patience)) in case.steps.iter().enumerate() {
            let n = number as u64 + 1;
            match step {
                Step::Wait(time) => {
                    tokio::time::sleep(ms(*time)).await;
                    continue;
                }
                Step::Flush => {
                    if pusher.flush().await.is_err() {
                        break;
                    }
                    continue;
                }
                _ => {}
            }
            let pushing = push(&pusher, step, n, has_own_ids);
            let pushed = match patience {
                None => pushing.await,
                Some(patience) => match tokio::time::timeout(ms(*patience), pushing).await {
                    Ok(pushed) => pushed,
                    Err(_) => {
                        cancelled += 1;
                        continue;
                    }
                },
            };
            match pushed {
                Ok((Pushed::Queued(_), operation)) => taken.push(operation.expect("what is refused is not taken")),
                Ok((Pushed::Refused(why), operation)) => {
                    assert!(operation.is_none(), "{why} {operation:?}");
                    refused += 1;
                }
                Err(PushError::Stopped(_)) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    let report = match case.ending {
        Ending::Finish => Some(pusher.finish().await),
        Ending::Abort => Some(pusher.abort().await),
        Ending::Drop => None,
        Ending::DropWhileFinishing(time) => tokio::time::timeout(ms(time), pusher.finish()).await.ok(),
    };
    drop(pusher);
    let mut failed = handed.take();
    let account = match report {
        Some(mut report) => {
            failed.append(&mut report.failed_batches);
            if case.stream.is_some() {
                refused = report.totals.refused;
                let taken_of_stream = usize::try_from(report.totals.pushed - refused).unwrap();
                let is_whole = cancelled == 0;
                assert!(taken_of_stream <= of_stream.len() && (!is_whole || taken_of_stream == of_stream.len()));
                taken = of_stream.into_iter().take(taken_of_stream).collect();
                if is_left {
                    // Beside the stream the operation that it was read for.
                    cancelled += read.into_inner() - report.totals.pushed;
                }
            }
            Account::Report(Box::new(report))
        }
        None => {
            // The channel closes when the last task is gone.
            while progress.changed().await.is_ok() {}
            failed.append(&mut handed.take());
            Account::Progress(*progress.borrow())
        }
    };
    failed.sort_by_key(FailedBatch::number);
    Outcome { fake, before, taken, refused, cancelled, account, failed }
}

/// The operations of each batch in the order of the run, and the failed ones among them.
fn batches(outcome: &Outcome) -> Vec<(&[Held], Option<&FailedBatch>)> {
    let Outcome { taken, account, failed, .. } = outcome;
    match account {
        Account::Report(report) => {
            let accepted = report.batch_samples.iter().map(|batch| (batch.number, batch.operations as usize, None));
            let failed = failed.iter().map(|batch| (batch.number(), batch.operations(), Some(batch)));
            let mut all: Vec<_> = accepted.chain(failed).collect();
            all.sort_by_key(|(number, ..)| *number);
            assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0), "a batch came twice");
            let mut rest = taken.as_slice();
            let batches = all.into_iter().map(|(_, operations, failed)| {
                let (batch, others) = rest.split_at(operations);
                rest = others;
                (batch, failed)
            });
            let batches = batches.collect();
            assert_eq!(rest, [], "taken and in no batch");
            batches
        }
        Account::Progress(_) => {
            // Each operation has an id of its own.
            let mut batches = Vec::new();
            let mut rest = taken.as_slice();
            for batch in failed {
                let first = batch.ids().next().unwrap();
                let at = rest.iter().position(|operation| operation.id() == first);
                let at = at.expect("handed over twice, or never taken");
                batches.push((&rest[..at], None));
                batches.push((&rest[at..at + batch.operations()], Some(batch)));
                rest = &rest[at + batch.operations()..];
            }
            batches.push((rest, None));
            batches
        }
    }
}

fn check(case: &Case) {
    block_on(async {
        let outcome = run(case).await;
        if case.replaces {
            return check_end(case, &outcome).await;
        }
        let batches = batches(&outcome);
        let Outcome { fake, before, taken, refused, cancelled, account, failed } = &outcome;

        // The account adds up.
        let count = |wanted: fn(&FailedBatch) -> bool| {
            let failed = failed.iter().filter(|batch| wanted(batch));
            failed.map(|batch| batch.operations() as u64).sum::<u64>()
        };
        let unsent = count(FailedBatch::is_unsent);
        let failed_batches = failed.iter().filter(|batch| !batch.is_unsent()).count() as u64;
        let pushed = taken.len() as u64 + refused;
        let (accepted, in_failed) = match account {
            Account::Report(report) => {
                assert_eq!(
                    (report.totals.pushed, report.totals.refused, report.totals.unsent),
                    (pushed, *refused, unsent)
                );
                assert_eq!((report.is_complete(), report.totals.cancelled), (failed.is_empty(), *cancelled));
                assert_eq!(report.totals.batches_accepted, report.batch_samples.len() as u64);
                assert_eq!(report.totals.batches_failed, failed_batches);
                assert!((report.totals.accepted..=taken.len() as u64).contains(&report.totals.uploaded));
                (report.totals.accepted, report.totals.failed)
            }
            Account::Progress(progress) => {
                assert_eq!((progress.pushed, progress.refused), (pushed, *refused));
                assert_eq!(progress.batches_failed, failed_batches);
                assert!((progress.accepted..=taken.len() as u64).contains(&progress.uploaded));
                (progress.accepted, progress.failed)
            }
        };
        assert_eq!(in_failed, count(|batch| !batch.is_unsent()));
        assert_eq!(pushed, accepted + in_failed + refused + unsent);
        let in_accepted: usize = batches.iter().filter(|(_, failed)| failed.is_none()).map(|(ops, _)| ops.len()).sum();
        assert_eq!(accepted, in_accepted as u64);

        // Each batch hands back what was pushed in it.
        for (operations, batch) in &batches {
            if let Some(batch) = batch {
                assert!(batch.ids().eq(operations.iter().map(Held::id)));
            }
        }
        check_uploads(case, &outcome, &batches);

        // What was accepted is there, and what may have been applied is there or not.
        let mut model = before.clone();
        for (operations, batch) in &batches {
            match batch {
                None => operations.iter().for_each(|operation| model.apply(operation)),
                Some(batch) if batch.may_have_been_applied() => {
                    operations.iter().for_each(|operation| model.maybe_apply(operation));
                }
                Some(_) => {}
            }
        }
        assert_eq!(model.difference(fake), None);

        push_the_rest(&outcome, &batches, model).await;
    });
}

/// Some operations are in no batch, as later ones replaced them: the account adds up all the same, and in the end all is
/// as if each had been applied.
async fn check_end(case: &Case, outcome: &Outcome) {
    let Outcome { fake, before, taken, refused, account, failed, .. } = outcome;
    let totals = match account {
        Account::Report(report) => &report.totals,
        Account::Progress(progress) => progress,
    };
    let in_failed: u64 = failed.iter().map(|batch| batch.operations() as u64).sum();
    assert_eq!((totals.pushed, totals.refused), (taken.len() as u64 + refused, *refused));
    assert_eq!(totals.pushed, totals.accepted + totals.replaced + refused + in_failed);
    assert_eq!(in_failed, totals.failed + totals.unsent);
    for upload in uploads(fake).iter().filter(|upload| !upload.body.is_empty()) {
        assert!(upload.body.len() <= case.batch_bytes && !held(&upload.body).is_empty());
    }
    fake.clear_faults();
    tokio::time::sleep(ms(300_000)).await;
    let mut model = before.clone();
    taken.iter().for_each(|operation| model.apply(operation));
    for batch in failed {
        for conflicting in batch.to_conflicting_ids() {
            assert!(taken.contains(&Held::DeleteChildren(conflicting.to_owned())), "{conflicting}");
            // It would delete an item that was pushed later, and so it is not pushed again.
            model.leave_out(|id| id.starts_with(conflicting));
        }
        push_again(batch).await;
    }
    assert_eq!(model.difference(fake), None, "as if nothing had failed");
}

fn check_uploads(case: &Case, outcome: &Outcome, batches: &[(&[Held], Option<&FailedBatch>)]) {
    let uploads = uploads(&outcome.fake);
    for upload in uploads.iter().filter(|upload| !upload.body.is_empty()) {
        assert!(upload.body.len() <= case.batch_bytes);
        assert!(!held(&upload.body).is_empty());
    }
    let Account::Report(report) = &outcome.account else { return };
    let mut accepted: Vec<_> = report.batch_samples.iter().collect();
    accepted.sort_by_key(|batch| batch.number);
    let operations = batches.iter().filter(|(_, failed)| failed.is_none());
    for (batch, (operations, _)) in accepted.into_iter().zip(operations) {
        let upload = uploads.iter().rfind(|upload| upload.file_id == batch.file_id).unwrap();
        assert_eq!(upload.body.len() as u64, batch.bytes);
        let (mut there, mut meant) = (held(&upload.body), operations.to_vec());
        there.sort();
        meant.sort();
        assert_eq!(there, meant);
    }
    assert!(report.batch_samples.iter().all(|batch| commits(&outcome.fake).contains(&batch.file_id)));
}

/// Pushes the failed batches again, in order: then all is as if nothing had failed.
async fn push_the_rest(outcome: &Outcome, batches: &[(&[Held], Option<&FailedBatch>)], mut model: Model) {
    let fake = &outcome.fake;
    fake.clear_faults();
    // What the service asked to wait for is over.
    tokio::time::sleep(ms(300_000)).await;
    let mut without_failures = outcome.before.clone();
    for (at, (operations, batch)) in batches.iter().enumerate() {
        operations.iter().for_each(|operation| without_failures.apply(operation));
        let Some(batch) = batch else { continue };
        let (superseded, conflicting) = (batch.to_superseded_ids(), batch.to_conflicting_ids());
        let mut is_left = false;
        for operation in *operations {
            let says_all = |later: &Held| later.says_all_of(operation);
            let undoes = |later: &Held| later.covers(operation.id()) || operation.covers(later.id());
            let later = || batches[at + 1..].iter();
            let accepted = || later().filter(|(_, failed)| failed.is_none());
            if superseded.contains(&operation.id()) {
                assert!(later().any(|(later, _)| later.iter().any(says_all)), "{operation:?} is not superseded");
            } else if conflicting.contains(&operation.id()) {
                assert!(later().any(|(later, _)| later.iter().any(undoes)), "{operation:?} undoes nothing");
                assert!(!accepted().any(|(later, _)| later.iter().any(says_all)), "{operation:?} is superseded");
                // It would delete what was pushed later below it, and so it is not pushed again.
                without_failures.leave_out(|id| operation.covers(id));
            } else {
                assert!(!accepted().any(|(later, _)| later.iter().any(undoes)), "{operation:?} undoes a later one");
                model.apply(operation);
                is_left = true;
            }
        }
        assert_eq!(push_again(batch).await, is_left);
    }
    assert_eq!(model.difference(fake), None, "pushed again");
    assert_eq!(without_failures.difference(fake), None, "as if nothing had failed");
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn guarantee_5_and_6_nothing_is_lost_and_the_order_holds_whatever_goes_wrong(case in case()) {
        check(&case);
    }
}
