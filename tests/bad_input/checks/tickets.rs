//! Any tickets of a refresh, and any reports of its workers.

use std::fmt::Debug;
use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::report::{PushReport, WorkerReport};
use coveo_push::{
    CatalogItems, DocumentBody, Identities, Items, Operation, Permissions, PushClient, RefreshKind, RefreshTarget,
    RefreshTicket, WholeItems,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::models::is_kept;
use super::{block_on, split};

const SOURCE: &str = "s";
const CATALOG: &str = "c";
const OLD: &str = "a://old";
const WORKERS: u32 = 2;

/// One change a line: `t` changes the ticket before the workers join, `0` and `1` give the report of that worker to the
/// refresh. Behind a tab is the JSON of an object, whose values take the place of those of the ticket or the report;
/// without one, nothing changes.
///
/// What is read is kept. The refresh deletes only if each worker has one report of this run that accounts for its
/// whole part, and nothing speaks against it.
pub(crate) fn check(lines: &[u8]) {
    for json in lines.split(|byte| *byte == b'\n').map(|line| split(line, b"\t").1) {
        is_kept::<RefreshTicket<Items>>(json);
        is_kept::<RefreshTicket<Identities>>(json);
        is_kept::<RefreshTicket<CatalogItems>>(json);
        is_kept_as_json::<WorkerReport>(json);
        is_kept_as_json::<PushReport>(json);
    }
    block_on(async {
        of_a_source(lines).await;
        of_a_catalog(lines).await;
    });
}

/// What reports and tickets do not compare by themselves, their JSON compares.
fn is_kept_as_json<T: serde::Serialize + DeserializeOwned + Debug + std::fmt::Display>(json: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(json) else { return };
    assert!(!read.to_string().is_empty());
    let written = serde_json::to_value(&read).unwrap();
    let again = serde_json::from_value::<T>(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), written);
}

async fn of_a_source(lines: &[u8]) {
    let fake = FakePushApi::builder().source(SOURCE).build();
    let items = fake.client().items(SOURCE);
    items.add_or_update(OLD, &item()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut run = items.refresh(RefreshKind::Rebuild).start().await.unwrap();
    let ticket = run.ticket(WORKERS);
    let reports = reports(&fake, &ticket, lines).await;
    let boundary = ticket.boundary().unwrap().ordering_id.get();
    let report = run.finish_with(&read(&reports)).await;
    assert!(!report.to_string().is_empty());
    if let Some(below) = deleted_below(&fake, Operation::DeleteOldItems) {
        assert!(below <= boundary, "deleted below {below}, and the boundary is {boundary}");
        is_accounted_for(&ticket, &reports, &["failed", "unsent", "cancelled", "refused", "without_permissions"]);
    }
}

async fn of_a_catalog(lines: &[u8]) {
    let fake = FakePushApi::builder().catalog_source(CATALOG).build();
    let mut run = fake.client().catalog(CATALOG).refresh().start().await.unwrap();
    let ticket = run.ticket(WORKERS);
    let reports = reports(&fake, &ticket, lines).await;
    let report = run.finish_with(&read(&reports)).await;
    assert!(!report.to_string().is_empty());
    if let Some(below) = deleted_below(&fake, Operation::DeleteOldCatalogItems) {
        // A catalog has no permissions.
        is_accounted_for(&ticket, &reports, &["failed", "unsent", "cancelled", "refused"]);
        for report in &reports {
            let has_accepted = number(report, &["push", "accepted"]) > 0;
            let lowest = report["push"]["lowest_ordering_id"].as_u64();
            assert!(!has_accepted || lowest.is_some_and(|lowest| below <= lowest), "deleted below {below}: {report}");
        }
    }
}

/// The reports that the lines give to the refresh, as JSON. Only what can be read as a report is one.
async fn reports<T: RefreshTarget + WholeItems>(
    fake: &FakePushApi,
    ticket: &RefreshTicket<T>,
    lines: &[u8],
) -> Vec<Value> {
    let lines = || lines.split(|byte| *byte == b'\n').map(|line| split(line, b"\t"));
    let mut json = serde_json::to_value(ticket).unwrap();
    for (_, changes) in lines().filter(|(whose, _)| *whose == b"t") {
        change(&mut json, changes);
    }
    let Ok(ticket) = serde_json::from_value::<RefreshTicket<T>>(json) else { return Vec::new() };
    let mut own = Vec::new();
    for index in 0..WORKERS {
        own.push(work(&fake.client(), &ticket, index).await);
    }
    let given = lines().filter_map(|(whose, changes)| {
        let index = whose.first()?.checked_sub(b'0').filter(|_| whose.len() == 1)?;
        let mut report = own.get(usize::from(index))?.clone()?;
        change(&mut report, changes);
        serde_json::from_value::<WorkerReport>(report).ok().map(|report| serde_json::to_value(report).unwrap())
    });
    given.take(8).collect()
}

/// The report of one worker, which pushes one item; none if the ticket lets it not join.
async fn work<T: RefreshTarget + WholeItems>(
    client: &PushClient,
    ticket: &RefreshTicket<T>,
    index: u32,
) -> Option<Value> {
    let worker = client.join(ticket, index).start().ok()?;
    let _ = worker.add_or_update(format!("a://new/{index}"), &item()).await;
    Some(serde_json::to_value(worker.finish().await).unwrap())
}

fn item() -> DocumentBody {
    DocumentBody::text("x").permissions(Permissions::public())
}

/// Puts the values of an object in the place of others, objects in it likewise.
fn change(json: &mut Value, changes: &[u8]) {
    fn put(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                from.into_iter().for_each(|(key, value)| put(into.entry(key).or_insert(Value::Null), value));
            }
            (into, from) => *into = from,
        }
    }

    if let Ok(changes @ Value::Object(_)) = serde_json::from_slice(changes) {
        put(json, changes);
    }
}

fn read(reports: &[Value]) -> Vec<WorkerReport> {
    reports.iter().map(|report| serde_json::from_value(report.clone()).unwrap()).collect()
}

/// The ordering id of the one deletion, if one was sent.
fn deleted_below(fake: &FakePushApi, operation: Operation) -> Option<u64> {
    let requests = fake.requests();
    let mut sent = requests.iter().filter(|request| request.operation() == Some(operation));
    let request = sent.next()?;
    assert_eq!(sent.count(), 0);
    let id = request.parameter("orderingId").unwrap_or_else(|| request.path().rsplit('/').next().unwrap());
    Some(id.parse().unwrap())
}

fn number(json: &Value, path: &[&str]) -> u128 {
    path.iter().fold(json, |json, key| &json[*key]).as_u64().unwrap().into()
}

/// Each worker has a report that says that its whole part was accepted, with none of the `troubles`, and no report says
/// otherwise of the same attempt.
fn is_accounted_for<T>(ticket: &RefreshTicket<T>, reports: &[Value], troubles: &[&str]) {
    let run = serde_json::to_value(ticket).unwrap()["run"].clone();
    let all = json!(reports);
    for report in reports {
        assert_eq!(report["run"], run, "a report of another run: {all}");
        assert!(number(report, &["index"]) < u128::from(WORKERS), "a report of nobody: {all}");
    }
    for index in 0..WORKERS {
        let own = || reports.iter().filter(move |report| report["index"] == index);
        let complete: Vec<_> = own().filter(|report| is_complete(report, troubles)).collect();
        let [first, others @ ..] = complete.as_slice() else { panic!("no complete report of worker {index}: {all}") };
        let says_the_same = |other: &Value| {
            other["attempt"] == first["attempt"]
                && ["pushed", "accepted", "failed", "unsent"].iter().all(|key| other["push"][key] == first["push"][key])
        };
        assert!(others.iter().all(|other| says_the_same(other)), "two attempts of worker {index}: {all}");
        assert!(own().filter(|other| other["attempt"] == first["attempt"]).all(says_the_same), "contradicted: {all}");
    }
}

/// Whether a report accounts for all that was pushed, and nothing was left out.
fn is_complete(report: &Value, troubles: &[&str]) -> bool {
    let count = |key: &str| number(report, &["push", key]);
    report["is_finished"] == true
        && troubles.iter().all(|key| count(key) == 0)
        && count("accepted") + count("replaced") == count("pushed")
}
