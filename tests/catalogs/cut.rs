//! Cancellation at each await: a whole run into a catalog is cut off after so many polls, or so much time.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, FaultRates};
use coveo_push::report::{FailedBatch, Progress};
use coveo_push::{Catalog, Operation, PartialUpdate, PushError, Pushed, PusherBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use super::cut_off::CutOff;
use super::support::{CATALOG, DAY, block_on, fake, ids, requests_of};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Update,
    Refresh,
    Load,
}

const KINDS: [Kind; 3] = [Kind::Update, Kind::Refresh, Kind::Load];

/// The items that a run pushes. There are more than fit into the batches under way, so that pushes wait.
const NEW: Range<u32> = 2..7;

/// The events of a run before it was cut off, and while it was dropped. Ids are those of operations.
#[derive(Default)]
struct Told {
    taken: Vec<String>,
    accepted: Vec<String>,
    handed: Vec<FailedBatch>,
    progress: Option<watch::Receiver<Progress>>,
    is_finishing: bool,
}

type Log = Arc<Mutex<Told>>;

fn with_handlers<T>(builder: PusherBuilder<T>, log: &Log) -> PusherBuilder<T> {
    let (accepted, handed) = (Arc::clone(log), Arc::clone(log));
    builder
        .batch_bytes(1_024)
        .concurrency(2)
        // Its own test has the whole second; here each point in it would be a run.
        .commit_spacing(Duration::from_millis(10))
        .on_accepted(move |receipt| accepted.lock().unwrap().accepted.extend(receipt.ids().map(str::to_owned)))
        .on_failed_batch(move |failed| handed.lock().unwrap().handed.push(failed))
}

fn note(log: &Log, id: &str, pushed: Result<Pushed, PushError>) {
    assert!(pushed.unwrap().is_queued());
    log.lock().unwrap().taken.push(id.to_owned());
}

/// An item that fills a batch.
fn new_item() -> Value {
    json!({"filler": "x".repeat(700)})
}

/// A whole run over a catalog that holds the items 0 to 2. It pushes the new items; an update also appends to a list
/// of item 0, and deletes item 1.
async fn whole_run(kind: Kind, catalog: Catalog, log: Log) {
    let begin_finish = || log.lock().unwrap().is_finishing = true;
    match kind {
        Kind::Update => {
            let updater = with_handlers(catalog.updater(), &log).start();
            log.lock().unwrap().progress = Some(updater.progress());
            for (value, id) in ids(NEW).iter().enumerate() {
                note(&log, id, updater.add_or_update(id, &new_item()).await);
                let append = PartialUpdate::array_append("product://00", "list", [value as u64]);
                note(&log, "product://00", updater.partial_update(append).await);
            }
            note(&log, "product://01", updater.delete("product://01").await);
            begin_finish();
            updater.finish().await.into_result().unwrap();
        }
        Kind::Refresh => {
            let run = catalog.refresh().pusher(|pusher| with_handlers(pusher, &log)).start().await.unwrap();
            log.lock().unwrap().progress = Some(run.pusher().progress());
            for id in &ids(NEW) {
                note(&log, id, run.pusher().add_or_update(id, &new_item()).await);
            }
            begin_finish();
            run.finish().await.into_result().unwrap();
        }
        Kind::Load => {
            let load = catalog.load().pusher(|pusher| with_handlers(pusher, &log)).start().await.unwrap();
            log.lock().unwrap().progress = Some(load.pusher().progress());
            for id in &ids(NEW) {
                note(&log, id, load.pusher().add_or_update(id, &new_item()).await);
            }
            begin_finish();
            load.finish().await.into_result().unwrap();
        }
    }
}

/// A fake that holds the items 0 to 2, and whose calls each take a while, both on their way there and on their way back.
async fn slow_fake() -> FakePushApi {
    let fake = fake();
    let updater = fake.client().catalog(CATALOG).updater().start();
    for id in ids(0..3) {
        updater.add_or_update(id, &json!({"list": []})).await.unwrap();
    }
    updater.finish().await.into_result().unwrap();
    tokio::time::sleep(DAY).await;
    fake.clear_requests();
    let each = Duration::from_millis(10);
    fake.inject_random(FaultRates::seeded(1).latency(each..=each).late_answer(each..=each));
    fake
}

fn list(fake: &FakePushApi) -> Vec<u64> {
    let Some(item) = fake.source(CATALOG).item("product://00") else { return Vec::new() };
    item.json()["list"].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
}

/// How often operations on an item took effect.
fn effects(fake: &FakePushApi, id: &str) -> usize {
    let item = fake.source(CATALOG).item(id);
    match id {
        "product://00" => list(fake).len(),
        "product://01" => usize::from(item.is_none()),
        _ => usize::from(item.is_some_and(|item| item.json().get("filler").is_some())),
    }
}

fn count<'a>(ids: impl IntoIterator<Item = &'a str>, id: &str) -> usize {
    ids.into_iter().filter(|it| *it == id).count()
}

/// Each operation that was taken is accepted or handed over, once.
async fn check_account(told: &mut Told, at: &str) {
    if let Some(mut progress) = told.progress.take() {
        while progress.changed().await.is_ok() {}
        let totals = *progress.borrow();
        let sum = totals.accepted + totals.replaced + totals.failed + totals.refused + totals.unsent;
        assert_eq!((totals.pushed, sum), (told.taken.len() as u64, totals.pushed), "{at}: {totals:?}");
    }
    told.handed.sort_by_key(FailedBatch::number);
    let mut accounted = told.accepted.clone();
    accounted.extend(told.handed.iter().flat_map(FailedBatch::ids).map(str::to_owned));
    accounted.sort();
    let mut taken = told.taken.clone();
    taken.sort();
    assert_eq!(accounted, taken, "{at}");
}

/// Each operation took effect once at most: accepted ones did, batches that were never sent had none. When these are
/// pushed again, each of their operations takes effect, except those that they name as superseded.
async fn check_effects(fake: &FakePushApi, told: &Told, at: &str) {
    let (unclear, unsent): (Vec<_>, Vec<_>) = told.handed.iter().partition(|batch| batch.may_have_been_applied());
    let mut expected = BTreeMap::new();
    for id in &told.taken {
        let accepted = count(told.accepted.iter().map(String::as_str), id);
        let unclear = count(unclear.iter().flat_map(|batch| batch.ids()), id);
        let before = effects(fake, id);
        assert!((accepted..=accepted + unclear).contains(&before), "{at}: {id} {accepted} {unclear} {before}");
        let again = count(unsent.iter().flat_map(|batch| batch.ids()), id);
        let superseded = count(unsent.iter().flat_map(|batch| batch.to_superseded_ids()), id);
        expected.insert(id, before + again - superseded);
    }
    for batch in unsent {
        batch.push_again().await.unwrap();
    }
    for (id, expected) in expected {
        assert_eq!(effects(fake, id), expected, "{at}: {id}");
    }
    let list = list(fake);
    assert!(list.is_sorted_by(|one, next| one < next), "{at}: {list:?}");
}

/// What holds after a run that was cut off somewhere.
async fn check(kind: Kind, fake: &FakePushApi, mut told: Told, is_done: bool, at: &str) {
    tokio::time::sleep(2 * DAY).await;
    let at = format!("{kind:?}, {at}");
    check_account(&mut told, &at).await;
    told.accepted.sort();
    let is_everything_accepted = told.is_finishing && told.accepted == ids(NEW);
    let held = fake.source(CATALOG).document_ids();
    let is_sent = |operation| !requests_of(fake, operation).is_empty();
    match kind {
        Kind::Update => {
            assert!(!is_done || told.handed.is_empty(), "{at}");
            check_effects(fake, &told, &at).await;
        }
        Kind::Refresh => {
            if is_sent(Operation::DeleteOldCatalogItems) {
                assert!(is_everything_accepted, "{at}: what is old was deleted before everything was accepted");
                assert!(held == ids(NEW) || (!is_done && held == ids(0..NEW.end)), "{at}: {held:?}");
            } else {
                assert!(!is_done && ids(0..3).iter().all(|id| held.contains(id)), "{at}: {held:?}");
                check_effects(fake, &told, &at).await;
            }
        }
        Kind::Load => {
            if is_sent(Operation::CloseStream) {
                assert!(is_everything_accepted, "{at}: the stream was closed before everything was in it");
                assert!(held == ids(NEW) || (!is_done && held == ids(0..3)), "{at}: {held:?}");
            } else {
                assert!(!is_done && held == ids(0..3), "{at}: {held:?}");
            }
        }
    }
}

/// Cuts off runs of a kind at later and later points, until one is done. Returns how many there were.
fn cut_off_at_each_point(kind: Kind, is_done_at: impl AsyncFn(u64, FakePushApi, Log) -> bool) -> u64 {
    for point in 0..1_000 {
        let is_done = block_on(async {
            let (fake, log) = (slow_fake().await, Log::default());
            let is_done = is_done_at(point, fake.clone(), Arc::clone(&log)).await;
            // The handlers of a run that has ended are gone, and hold nothing more of the log.
            tokio::time::sleep(DAY).await;
            let told = std::mem::take(&mut *log.lock().unwrap());
            check(kind, &fake, told, is_done, &format!("point {point}")).await;
            is_done
        });
        if is_done {
            return point;
        }
    }
    panic!("{kind:?}: it does not end");
}

#[test]
fn guarantee_9_a_run_into_a_catalog_that_is_cut_off_at_any_await_keeps_its_promises() {
    for kind in KINDS {
        let points = cut_off_at_each_point(kind, async |polls, fake, log| {
            let future = Box::pin(whole_run(kind, fake.client().catalog(CATALOG), log));
            CutOff { future, polls: polls as usize }.await.is_some()
        });
        assert!(points > 2, "{kind:?}: there were {points} awaits");
    }
}

#[test]
fn guarantee_9_a_run_into_a_catalog_that_is_cut_off_at_any_time_keeps_its_promises() {
    for kind in KINDS {
        let points = cut_off_at_each_point(kind, async |point, fake, log| {
            let time = Duration::from_millis(3 * point);
            timeout(time, whole_run(kind, fake.client().catalog(CATALOG), log)).await.is_ok()
        });
        assert!(points > 20, "{kind:?}: it took {points} times 3 ms");
    }
}
