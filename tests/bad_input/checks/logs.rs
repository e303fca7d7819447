//! Any answer of the logs.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use coveo_push::fake::FakePushApi;
use coveo_push::report::PushReport;
use coveo_push::{DocumentBody, LogCounts, LogEntry, Outcomes, Permissions};
use serde_json::Value;

use super::models::is_kept;
use super::{InTurn, block_on, client, line_without_key};

const ADDED: [&str; 2] = ["a://1", "a://2"];
const DELETED: &str = "a://3";

/// The answers of a text, to a search, to counts, and to the question for the outcomes of a run.
pub(crate) fn check(text: &[u8]) {
    let answers = || InTurn::of_text(text);
    let bodies = answers().bodies();
    for json in &bodies {
        each_is_kept(json);
    }
    block_on(async {
        let (to, hour) = (SystemTime::now(), Duration::from_secs(3_600));
        match client(answers()).logs().search(to - hour, to).await {
            Ok(entries) => {
                assert!(entries.iter().all(|entry| bodies.iter().any(|json| told(json).any(|it| is_of(entry, it)))))
            }
            Err(error) => drop(line_without_key(&error)),
        }
        match client(answers()).logs().counts(to - hour, to).await {
            Ok(counts) => assert!(counts.troubles() <= counts.total(), "{counts:?}"),
            Err(error) => drop(line_without_key(&error)),
        }
        let report = run().await;
        // Asked once, and until everything is told.
        for wait in [0, 300] {
            let service = client(answers());
            match report.outcomes(&service).wait(Duration::from_secs(wait)).await {
                Ok(outcomes) => are_of(&outcomes, &bodies),
                Err(error) => drop(line_without_key(&error)),
            }
        }
    });
}

/// The report of a run that added two items and deleted a third.
async fn run() -> PushReport {
    let fake = FakePushApi::builder().source("s").build();
    let pusher = fake.client().items("s").pusher().track_outcomes().start();
    for id in ADDED {
        pusher.add_or_update(id, &DocumentBody::text("x").permissions(Permissions::public())).await.unwrap();
    }
    pusher.delete(DELETED).await.unwrap();
    pusher.finish().await.into_result().unwrap()
}

/// What says that it is indexed, or removed, was told to be so by an entry that says it in the service's words.
fn are_of(outcomes: &Outcomes, bodies: &[Value]) {
    let ends = |operations: &[&str]| -> BTreeSet<&str> {
        let entries = bodies.iter().flat_map(told).filter(|entry| {
            let is = |key: &str, words: &[&str]| {
                entry[key].as_str().is_some_and(|told| words.iter().any(|word| word.eq_ignore_ascii_case(told)))
            };
            is("task", &["INDEXING"]) && is("result", &["COMPLETED"]) && is("operation", operations)
        });
        entries.filter_map(|entry| entry["id"].as_str()).collect()
    };
    let (added, deleted) = (ends(&["ADD", "ADD_BY_REFERENCE", "UPDATE"]), ends(&["DELETE", "DELETE_AND_CHILDREN"]));
    let indexed = ADDED.iter().filter(|id| added.contains(*id)).count() as u64;
    let removed = u64::from(deleted.contains(DELETED));
    assert!(outcomes.counts.indexed <= indexed, "{outcomes:?}");
    assert!(outcomes.counts.removed <= removed, "{outcomes:?}");
    assert!(!outcomes.is_all_indexed() || indexed + removed == 3, "{outcomes:?}");
    let counts = outcomes.counts;
    let all = [counts.indexed, counts.removed, counts.failed, counts.skipped, counts.warned, counts.unknown];
    assert_eq!(all.iter().sum::<u64>(), 3, "{outcomes:?}");
}

/// The entries in an answer.
fn told(answer: &Value) -> impl Iterator<Item = &Value> {
    answer.get("documentLogEntries").and_then(Value::as_array).into_iter().flatten()
}

fn is_of(entry: &LogEntry, told: &Value) -> bool {
    let is = |key: &str, word: &str| told[key].as_str().unwrap_or_default().eq_ignore_ascii_case(word);
    told["id"].as_str().unwrap_or_default() == entry.id
        && is("task", entry.task.as_str())
        && is("operation", entry.operation.as_str())
        && is("result", entry.result.as_str())
}

fn each_is_kept(answer: &Value) {
    let json = answer.to_string();
    is_kept::<LogCounts>(json.as_bytes());
    is_kept::<Outcomes>(json.as_bytes());
    if let Ok(counts) = serde_json::from_str::<LogCounts>(&json) {
        assert!(counts.troubles() <= counts.total(), "{counts:?}");
    }
    if let Ok(outcomes) = serde_json::from_str::<Outcomes>(&json) {
        assert!(!outcomes.to_string().is_empty());
        assert!(!outcomes.is_all_indexed() || outcomes.is_tracked);
        assert!(outcomes.dropped() >= outcomes.counts.failed);
    }
    for entry in told(answer) {
        let json = entry.to_string();
        is_kept::<LogEntry>(json.as_bytes());
        if let Ok(entry) = serde_json::from_str::<LogEntry>(&json) {
            let _ = (entry.reason(), entry.ordering_id(), entry.time(), entry.is_trouble());
        }
    }
}
