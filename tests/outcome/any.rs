//! Guarantee 13, with random pipelines.

use std::collections::BTreeMap;
use std::time::Duration;

use coveo_push::fake::FakePushApi;
use coveo_push::{LogEntry, LogOperation, LogResult, LogTask, Outcome};
use proptest::prelude::*;

use super::cases::cases;
use super::support::{SOURCE, doc, secs, uri};

/// How many ids a run may have; the log also has entries of others.
const IDS: usize = 6;

/// An entry that some pipeline wrote.
#[derive(Debug, Clone)]
struct Written {
    id: usize,
    source: &'static str,
    task: LogTask,
    operation: LogOperation,
    result: LogResult,
    /// Seconds after the run. Some come after the last look.
    after: u64,
    copies: usize,
}

fn written() -> impl Strategy<Value = Written> {
    let tasks = [LogTask::Streaming, LogTask::Consuming, LogTask::Processing, LogTask::Indexing, LogTask::Indexing];
    let operations = [
        LogOperation::Add,
        LogOperation::AddByReference,
        LogOperation::Update,
        LogOperation::Delete,
        LogOperation::BatchFile,
        LogOperation::Other("NEW".to_owned()),
    ];
    let results = [
        LogResult::Completed,
        LogResult::Completed,
        LogResult::Completed,
        LogResult::Warning,
        LogResult::Error,
        LogResult::Rejected,
        LogResult::Skipped,
        LogResult::Other("NEW".to_owned()),
    ];
    let source = prop::sample::select(vec![SOURCE, SOURCE, SOURCE, "other"]);
    (
        0..IDS + 2,
        source,
        prop::sample::select(tasks.to_vec()),
        prop::sample::select(operations.to_vec()),
        prop::sample::select(results.to_vec()),
        prop_oneof![3 => 1..100_u64, 1 => 5_000..9_000_u64],
        1..3_usize,
    )
        .prop_map(|(id, source, task, operation, result, after, copies)| Written {
            id,
            source,
            task,
            operation,
            result,
            after,
            copies,
        })
}

/// What the log says of an id, by a second reading of the rules.
fn expected(id: usize, deletes: bool, entries: &[Written]) -> Outcome {
    let seen = entries.iter().filter(|entry| entry.id == id && entry.source == SOURCE && entry.after < 1_000);
    let of_items: Vec<_> = seen.filter(|entry| entry.operation != LogOperation::BatchFile).collect();
    let has = |results: &[LogResult]| of_items.iter().any(|entry| results.contains(&entry.result));
    let reason = String::new;
    if has(&[LogResult::Error, LogResult::Rejected]) {
        return Outcome::Failed { stage: LogTask::Indexing, reason: reason() };
    } else if has(&[LogResult::Skipped]) {
        return Outcome::Skipped { reason: reason() };
    } else if has(&[LogResult::Warning]) {
        return Outcome::Warned { stage: LogTask::Indexing, reason: reason() };
    }
    let is_confirmed = of_items.iter().any(|entry| {
        let is_own = match entry.operation {
            LogOperation::Delete => deletes,
            LogOperation::Add | LogOperation::AddByReference | LogOperation::Update => !deletes,
            _ => false,
        };
        entry.task == LogTask::Indexing && entry.result == LogResult::Completed && is_own
    });
    match (is_confirmed, deletes) {
        (true, false) => Outcome::Indexed,
        (true, true) => Outcome::Removed,
        (false, _) => Outcome::Unknown,
    }
}

fn check(operations: &[(usize, bool)], entries: &[Written]) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let fake = FakePushApi::builder().source(SOURCE).source("other").build();
        // Nothing but the entries below.
        fake.indexing_delay(Duration::MAX);
        let client = fake.client();
        let pusher = client.items(SOURCE).pusher().track_outcomes().start();
        let mut last = BTreeMap::new();
        for (id, deletes) in operations {
            if *deletes {
                pusher.delete(uri(*id)).await.unwrap();
            } else {
                pusher.add_or_update(uri(*id), &doc()).await.unwrap();
            }
            last.insert(*id, *deletes);
        }
        let report = pusher.finish().await.into_result().unwrap();
        let begin = fake.now();
        for (number, entry) in entries.iter().enumerate() {
            let Written { id, source, task, operation, result, after, copies } = entry.clone();
            let entry = LogEntry::new(uri(id), task, operation, result).guid(number.to_string());
            let entry = entry.source_id(source).datetime(begin + secs(after));
            (0..copies).for_each(|_| fake.write_log(entry.clone()));
        }
        // An item that is told is not asked for again: what is to be seen is there at the first look.
        tokio::time::advance(secs(100)).await;
        let outcomes = report.outcomes(&client).wait(secs(900)).await.unwrap();
        let names: Vec<&str> = last.iter().map(|(id, deletes)| expected(*id, *deletes, entries).name()).collect();
        let count = |name: &str| names.iter().filter(|known| **known == name).count() as u64;
        let counts = &outcomes.counts;
        prop_assert_eq!(
            (counts.indexed, counts.removed, counts.failed, counts.skipped, counts.warned, counts.unknown),
            (count("indexed"), count("removed"), count("failed"), count("skipped"), count("warned"), count("unknown"))
        );
        for told in &outcomes.told {
            let id: usize = told.id.rsplit('/').next().unwrap().parse().unwrap();
            let deletes = last.get(&id).copied();
            prop_assert!(deletes.is_some(), "an item of another writer is told");
            prop_assert_eq!(told.outcome.name(), expected(id, deletes.unwrap(), entries).name());
        }
        prop_assert_eq!(outcomes.told.len() as u64, counts.failed + counts.skipped + counts.warned);
        prop_assert_eq!(outcomes.is_settled, counts.unknown == 0);
        Ok(())
    })
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn guarantee_13_an_item_is_indexed_only_when_the_log_says_so(
        operations in prop::collection::vec((0..IDS, prop::bool::weighted(0.2)), 1..10),
        entries in prop::collection::vec(written(), 0..16),
    ) {
        check(&operations, &entries)?;
    }
}
