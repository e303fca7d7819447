//! A refresh that workers on other machines push.

use std::collections::BTreeSet;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::{DeletionOutcome, RefreshReport, WorkerReport};
use coveo_push::{
    ApiKey, CatalogItems, Error, Identities, Identity, IdentityBody, Items, Operation, PushError, Refresh, RefreshKind,
    RefreshTicket, RetryPolicy,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cases::cases;
use super::support::{OLD, PROVIDER, SOURCE, document, fake, is_idle, left, rebuild, requests_of};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// A ticket or a report after its way to another machine.
fn travel<T: serde::Serialize + serde::de::DeserializeOwned>(thing: &T) -> T {
    serde_json::from_str(&serde_json::to_string(thing).unwrap()).unwrap()
}

/// How an attempt of a worker ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Finish,
    Abort,
    /// There is no report.
    Die,
    /// A batch fails.
    Fail,
}

/// The items of a worker.
fn part(index: u32) -> Vec<String> {
    (0..3).map(|number| format!("a://new/{index}/{number}")).collect()
}

/// One attempt of a worker, on a machine of its own: a client of its own, and the ticket as JSON.
async fn attempt(fake: &FakePushApi, ticket: &RefreshTicket<Items>, index: u32, end: End) -> Option<WorkerReport> {
    let client = fake.client_builder().retry(RetryPolicy::none()).build().unwrap();
    let worker = client.join(&travel(ticket), index).pusher(|pusher| pusher.batch_bytes(1_024).concurrency(1));
    let worker = worker.start().unwrap();
    if end == End::Fail {
        fake.inject(Fault::on(Operation::PushItemContainer).skip(1).status(400));
    }
    for id in part(index) {
        if worker.add_or_update(id, &document(1)).await.is_err() {
            break;
        }
        if matches!(end, End::Abort | End::Die) {
            let _ = worker.flush().await;
            break;
        }
    }
    let report = match end {
        End::Finish | End::Fail => worker.finish().await,
        End::Abort => worker.abort().await,
        End::Die => {
            drop(worker);
            return None;
        }
    };
    fake.clear_faults();
    assert_eq!(report.is_complete(), end == End::Finish, "{report}");
    Some(travel(&report))
}

fn reason(report: &RefreshReport) -> &'static str {
    match &report.deletion {
        DeletionOutcome::Skipped(reason) => reason.code(),
        DeletionOutcome::Accepted => "deleted",
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn four_workers_push_a_refresh_and_what_none_of_them_pushed_is_deleted() {
    let fake = fake().await;
    let mut run = rebuild(&fake).expect_at_least(13).start().await.unwrap();
    let ticket = run.ticket(4);
    assert_eq!((ticket.target(), ticket.workers(), ticket.kind()), (SOURCE, 4, Some(RefreshKind::Rebuild)));
    assert_eq!(travel(&ticket), ticket);
    assert_eq!((ticket.boundary(), ticket.boundary().is_some()), (run.boundary(), true));
    // The machine that started the run may push, too.
    run.pusher().add_or_update("a://shared", &document(1)).await.unwrap();
    let mut reports = Vec::new();
    for index in 0..4 {
        reports.extend(attempt(&fake, &ticket, index, End::Finish).await);
    }
    let report = run.finish_with(&reports).await.into_result().unwrap();
    assert_eq!((report.push.totals.accepted, report.push.batch_samples.len()), (13, 13));
    let mut expected: Vec<String> = (0..4).flat_map(part).collect();
    expected.push("a://shared".to_owned());
    assert_eq!(left(&fake), expected);
    // One status at the start, and one at the end.
    assert_eq!(requests_of(&fake, Operation::SetSourceStatus).len(), 2);
    assert!(is_idle(&fake));
}

#[tokio::test(start_paused = true)]
async fn guarantee_11_a_worker_that_died_or_failed_keeps_the_refresh_from_deleting() {
    for (end, expected) in
        [(End::Die, "report-missing"), (End::Abort, "report-incomplete"), (End::Fail, "report-incomplete")]
    {
        let fake = fake().await;
        let mut run = rebuild(&fake).start().await.unwrap();
        let ticket = run.ticket(4);
        let mut reports = Vec::new();
        for index in 0..4 {
            reports.extend(attempt(&fake, &ticket, index, if index == 2 { end } else { End::Finish }).await);
        }
        let report = run.finish_with(&reports).await;
        assert_eq!(reason(&report), expected, "{report}");
        assert!(report.to_string().contains("because worker 2 has no"), "{report}");
        assert!(report.into_result().is_err());
        assert!(OLD.iter().all(|id| left(&fake).iter().any(|left| left == id)));
        assert!(is_idle(&fake));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_11_a_run_with_a_ticket_deletes_nothing_without_reports() {
    let fake = fake().await;
    let mut run = rebuild(&fake).start().await.unwrap();
    let _ticket = run.ticket(1);
    run.pusher().add_or_update("a://shared", &document(1)).await.unwrap();
    assert_eq!(reason(&run.finish().await), "report-missing");
    assert_eq!(left(&fake), OLD);
}

#[tokio::test(start_paused = true)]
async fn a_second_ticket_replaces_the_first_one() {
    let fake = fake().await;
    let mut run = rebuild(&fake).start().await.unwrap();
    let (first, second) = (run.ticket(1), run.ticket(1));
    let old = attempt(&fake, &first, 0, End::Finish).await.unwrap();
    let new = attempt(&fake, &second, 0, End::Finish).await.unwrap();
    let report = run.finish_with(&[new, old]).await;
    assert_eq!(reason(&report), "report-of-another-run", "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_incremental_run_is_incomplete_when_a_worker_is() {
    let fake = fake().await;
    let items = fake.client().items(SOURCE);
    for (end, is_complete) in [(End::Finish, true), (End::Die, false), (End::Abort, false)] {
        let mut run = items.refresh(RefreshKind::Incremental).start().await.unwrap();
        let ticket = run.ticket(1);
        let reports: Vec<_> = attempt(&fake, &ticket, 0, end).await.into_iter().collect();
        assert_eq!(run.finish_with(&reports).await.is_complete(), is_complete, "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_conditions_of_a_refresh_hold_for_the_sum_of_its_workers() {
    for (at_least, expected) in [(6, "deleted"), (7, "too-few")] {
        let fake = fake().await;
        let mut run = rebuild(&fake).expect_at_least(at_least).start().await.unwrap();
        let ticket = run.ticket(2);
        let mut reports = Vec::new();
        for index in 0..2 {
            reports.extend(attempt(&fake, &ticket, index, End::Finish).await);
        }
        assert_eq!(reason(&run.finish_with(&reports).await), expected);
    }
    for (item, id, expected) in
        [(json!({"data": "x"}), "a://1", "permissions-missing"), (json!({"data": "x"}), "no uri", "refused")]
    {
        let fake = fake().await;
        let mut run = rebuild(&fake).start().await.unwrap();
        let worker = fake.client().join(&run.ticket(1), 0).start().unwrap();
        let _ = worker.add_or_update(id, &item).await.unwrap();
        let report = travel(&worker.finish().await);
        assert_eq!(reason(&run.finish_with(&[report]).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_pushes_with_the_ordering_id_of_the_run_whatever_its_settings() {
    let fake = fake().await;
    let builder = fake.client().items(SOURCE).refresh(RefreshKind::Rebuild);
    let now = fake.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64 - 1_000;
    let mut run = builder.ordering_id(now).start().await.unwrap();
    let ticket = run.ticket(1);
    let worker = fake.client().join(&ticket, 0).pusher(|pusher| pusher.ordering_id(5)).start().unwrap();
    worker.add_or_update("a://1", &document(1)).await.unwrap();
    let report = worker.finish().await;
    assert_eq!(fake.source(SOURCE).item("a://1").unwrap().ordering_id().get(), now);
    run.finish_with(&[report]).await.into_result().unwrap();
    assert_eq!(left(&fake), ["a://1"]);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_of_another_kind_organization_or_size_is_refused() {
    let fake = fake().await;
    let mut run = rebuild(&fake).start().await.unwrap();
    let ticket = run.ticket(4);
    let json = serde_json::to_string(&ticket).unwrap();
    assert!(!json.contains("key"), "{json}");
    let of_others = [
        serde_json::from_str::<RefreshTicket<Identities>>(&json).map(drop).unwrap_err(),
        serde_json::from_str::<RefreshTicket<CatalogItems>>(&json).map(drop).unwrap_err(),
    ];
    assert!(of_others.iter().all(|error| error.to_string().contains("the ticket is for a push source")));
    let Err(Error::Config(error)) = fake.client().join(&ticket, 4).start() else { panic!() };
    assert!(error.to_string().contains("worker 4 is not one of the ticket's: its 4 workers count from 0"), "{error}");
    let elsewhere = coveo_push::PushClient::builder("other-org", ApiKey::new("k")).transport(fake.clone()).build();
    let Err(Error::Config(error)) = elsewhere.unwrap().join(&ticket, 0).start() else { panic!() };
    assert!(error.to_string().contains("and the client of other-org"), "{error}");
    run.abort().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_keeps_everything_but_the_bytes_of_failed_batches_on_its_way() {
    let fake = fake().await;
    let mut run = rebuild(&fake).start().await.unwrap();
    let worker = fake.client().join(&run.ticket(1), 0).start().unwrap();
    fake.inject(Fault::on(Operation::PushItemContainer).status(400));
    worker.add_or_update("a://1", &document(1)).await.unwrap();
    let _ = worker.add_or_update("no uri", &document(1)).await.unwrap();
    let report = worker.finish().await;
    assert_eq!(report.push.failed_batches.len(), 1, "the worker itself has the bytes");
    let json: Value = serde_json::to_value(&report).unwrap();
    let read: WorkerReport = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json);
    let [failed] = &read.failed[..] else { panic!("{read:?}") };
    assert_eq!(
        (failed.number, failed.step.as_str(), &failed.ids[..]),
        (1, "pushing the file container", &["a://1".to_owned()][..])
    );
    assert!(failed.reason.contains("400"), "{failed}");
    assert_eq!((read.run, read.index, read.attempt), (report.run, 0, report.attempt));
    assert_eq!(read.push.refused_samples[0].id(), "no uri");
    run.abort().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_has_stopped_is_not_complete() {
    let fake = fake().await;
    fake.inject(Fault::on(Operation::PushItemContainer).status(403).always());
    let mut run = rebuild(&fake).start().await.unwrap();
    let worker = fake.client().join(&run.ticket(1), 0).start().unwrap();
    worker.add_or_update("a://1", &document(1)).await.unwrap();
    let _ = worker.flush().await;
    assert!(matches!(worker.add_or_update("a://2", &document(1)).await, Err(PushError::Stopped(_))));
    let report = worker.finish().await;
    assert!(!report.is_finished && !report.is_complete(), "{report}");
    run.abort().await;
}

#[tokio::test(start_paused = true)]
async fn identities_are_refreshed_by_workers_too() {
    let fake = fake().await;
    let identities = fake.client().identities(PROVIDER);
    let group = |name: &str| IdentityBody::group(name).member(Identity::user("a"));
    identities.add_or_update(&group("old")).await.unwrap();
    tokio::time::sleep(super::support::secs(60)).await;
    let mut run: Refresh<Identities> = identities.refresh().start().await.unwrap();
    let ticket = run.ticket(2);
    let mut reports = Vec::new();
    for index in 0..2 {
        let worker = fake.client().join(&travel(&ticket), index).start().unwrap();
        worker.add_or_update(&group(&format!("new {index}"))).await.unwrap();
        reports.push(travel(&worker.finish().await));
    }
    run.finish_with(&reports).await.into_result().unwrap();
    fake.pass_time(super::support::secs(10_000));
    let enabled: BTreeSet<String> = fake
        .provider(PROVIDER)
        .identities()
        .into_iter()
        .filter(|identity| !identity.is_disabled())
        .map(|identity| identity.identity().name.clone())
        .collect();
    assert_eq!(enabled, BTreeSet::from(["new 0".to_owned(), "new 1".to_owned()]));
}

/// Attempts of four workers one after another, and which of their reports arrive, how often.
async fn run_case(attempts: Vec<(u32, End, usize)>, order: u64) {
    const WORKERS: u32 = 4;
    let fake = fake().await;
    let mut run = rebuild(&fake).start().await.unwrap();
    let ticket = run.ticket(WORKERS);
    let mut reports = Vec::new();
    let mut complete = [0; WORKERS as usize];
    for (index, end, times) in attempts {
        let report = attempt(&fake, &ticket, index, end).await;
        complete[index as usize] += usize::from(end == End::Finish && times > 0);
        reports.extend(report.into_iter().flat_map(|report| (0..times).map(move |_| travel(&report))));
    }
    fastrand::Rng::with_seed(order).shuffle(&mut reports);
    let pushed: BTreeSet<String> =
        fake.source(SOURCE).document_ids().into_iter().filter(|id| id.contains("new")).collect();
    let report = run.finish_with(&reports).await;
    let is_deleted = matches!(report.deletion, DeletionOutcome::Accepted);
    assert_eq!(is_deleted, complete == [1; WORKERS as usize], "{report}");
    let held: BTreeSet<String> = left(&fake).into_iter().collect();
    let old: BTreeSet<String> = OLD.iter().filter(|_| !is_deleted).map(|id| (*id).to_owned()).collect();
    assert_eq!(held, &pushed | &old);
    if is_deleted {
        assert!((0..WORKERS).flat_map(part).all(|id| held.contains(&id)));
    }
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![6 => Just(End::Finish), 1 => Just(End::Abort), 1 => Just(End::Die), 1 => Just(End::Fail)]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn guarantee_11_workers_delete_too_little_rather_than_too_much(
        // Each worker once, so that many cases are whole, and some more.
        first in prop::array::uniform4((end(), prop::sample::select(vec![1_usize, 1, 1, 1, 1, 2, 0]))),
        more in prop::collection::vec((0..4_u32, end(), 0..3_usize), 0..3),
        order in any::<u64>(),
    ) {
        let first = (0..).zip(first).map(|(index, (end, times))| (index, end, times));
        block_on(run_case(first.chain(more).collect(), order));
    }
}
