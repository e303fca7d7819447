//! The outcomes of runs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::report::PushReport;
use coveo_push::{
    DocumentBody, Error, IdentityBody, LogEntry, LogOperation, LogResult, LogTask, Operation, Outcomes, PartialUpdate,
    PushClient, RefreshKind,
};
use tokio::time::Instant;

use super::cases::cases;
use super::support::{SOURCE, doc, log_requests, secs, uri};

fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).build()
}

/// Rejects items whose title is `reject`.
fn rejecting(fake: &FakePushApi) {
    fake.reject_in_pipeline(|item| (item.title()? == "reject").then(|| "it says so".to_owned()));
}

fn bad() -> DocumentBody {
    doc().title("reject")
}

/// Pushes these items in a run, the bad ones as such.
async fn run(client: &PushClient, ids: impl IntoIterator<Item = (usize, bool)>, is_tracked: bool) -> PushReport {
    let builder = client.items(SOURCE).pusher();
    let pusher = if is_tracked { builder.track_outcomes() } else { builder }.start();
    let (good, bad) = (doc(), bad());
    for (id, is_bad) in ids {
        pusher.add_or_update(uri(id), if is_bad { &bad } else { &good }).await.unwrap();
    }
    pusher.finish().await.into_result().unwrap()
}

/// Pushes items in a tracked run, and 95 s later a bad version of the first one.
async fn with_a_bad_version(client: &PushClient, ids: &[usize]) -> PushReport {
    let pusher = client.items(SOURCE).pusher().track_outcomes().start();
    for id in ids {
        pusher.add_or_update(uri(*id), &doc()).await.unwrap();
    }
    pusher.flush().await.unwrap();
    tokio::time::sleep(secs(95)).await;
    pusher.add_or_update(uri(ids[0]), &bad()).await.unwrap();
    pusher.finish().await.into_result().unwrap()
}

fn told(outcomes: &Outcomes) -> Vec<&str> {
    outcomes.told.iter().map(|told| told.id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_tracked_run_beside_another_writer_finds_exactly_its_dropped_items_with_few_requests() {
    // 100,000 items, 137 of them dropped, with five times the cases.
    let items = cases(20_000).cases as usize;
    let fake = FakePushApi::builder().source(SOURCE).keep_request_bodies(false).build();
    rejecting(&fake);
    fake.indexing_delay(secs(300));
    let client = fake.client();
    let is_bad = |number: usize| number % 729 == 728;
    let expected: Vec<String> = (0..items).filter(|number| is_bad(*number)).map(uri).collect();
    let own = run(&client, (0..items).map(|number| (number, is_bad(number))), true);
    let others = run(&client, (items..items + 5_000).map(|number| (number, number % 10 == 0)), false);
    let (report, _) = tokio::join!(own, others);
    let outcomes = report.outcomes(&client).await.unwrap();
    let mut found = told(&outcomes);
    found.sort_unstable();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let (items, failed) = (items as u64, expected.len() as u64);
    assert_eq!((outcomes.items, outcomes.counts.indexed, outcomes.counts.failed), (items, items - failed, failed));
    assert!(outcomes.is_settled && !outcomes.is_all_indexed());
    assert!(log_requests(&fake).len() <= 20, "{} requests", log_requests(&fake).len());
    assert_eq!(outcomes.calls as usize, log_requests(&fake).len());
}

#[tokio::test(start_paused = true)]
async fn an_untracked_run_tells_all_troubles_in_its_source_and_nothing_of_before() {
    let fake = fake();
    rejecting(&fake);
    let client = fake.client();
    run(&client, [(1, true)], false).await;
    fake.pass_time(secs(60));
    let report = run(&client, [(2, true), (3, false)], false).await;
    run(&client, [(4, true)], false).await;
    let outcomes = report.outcomes(&client).await.unwrap();
    assert_eq!(told(&outcomes), [uri(2), uri(4)]);
    assert_eq!((outcomes.counts.indexed, outcomes.counts.unknown, outcomes.is_tracked), (0, 0, false));
    assert!(!outcomes.is_all_indexed() && outcomes.is_settled);
}

#[tokio::test(start_paused = true)]
async fn it_asks_for_entries_only_when_the_counts_say_that_there_are_some() {
    let fake = fake();
    fake.indexing_delay(secs(600));
    let client = fake.client();
    let report = run(&client, [(1, false)], true).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let progress = Arc::clone(&seen);
    let tell = move |now: &coveo_push::report::OutcomeProgress| {
        progress.lock().unwrap().push((now.calls, now.indexed_in_source, now.known.indexed));
    };
    let outcomes = report.outcomes(&client).on_progress(tell).await.unwrap();
    assert!(outcomes.is_all_indexed() && outcomes.is_settled, "{outcomes}");
    let operations: Vec<_> = log_requests(&fake).iter().map(|request| request.operation().unwrap()).collect();
    let (last, before) = operations.split_last().unwrap();
    assert_eq!(*last, Operation::SearchLogs);
    assert!(before.iter().all(|operation| *operation == Operation::CountLogs));
    let seen = seen.lock().unwrap();
    assert_eq!((seen[0], *seen.last().unwrap()), ((1, 0, 0), (u32::try_from(operations.len()).unwrap(), 1, 1)));
}

#[tokio::test(start_paused = true)]
async fn silence_is_unknown_when_the_wait_is_over() {
    let fake = fake();
    fake.indexing_delay(Duration::MAX);
    let client = fake.client();
    let report = run(&client, [(1, false), (2, false)], true).await;
    let started = Instant::now();
    let find = report.outcomes(&client).wait(secs(200));
    assert!(format!("{find:?}").contains(SOURCE), "{find:?}");
    let outcomes = find.await.unwrap();
    assert!((secs(200)..secs(260)).contains(&started.elapsed()), "{:?}", started.elapsed());
    assert_eq!((outcomes.counts.unknown, outcomes.counts.indexed, outcomes.is_settled), (2, 0, false));
    assert!(outcomes.to_string().ends_with("2 unknown; the log has not told everything yet"), "{outcomes}");
    let once = report.outcomes(&client).wait(Duration::ZERO).await.unwrap();
    assert_eq!((once.calls, once.counts.unknown), (1, 2));
    let for_long = report.outcomes(&client).wait(secs(24 * 3_600)).await.unwrap();
    assert!((300..400).contains(&for_long.calls), "one in four minutes: {}", for_long.calls);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_told_as_soon_as_everything_is_indexed() {
    let fake = fake();
    fake.indexing_delay(secs(100));
    let client = fake.client();
    let report = run(&client, (0..10).map(|number| (number, false)), true).await;
    let started = Instant::now();
    let outcomes = report.outcomes(&client).wait(secs(24 * 3_600)).await.unwrap();
    assert!(outcomes.is_settled && outcomes.is_all_indexed());
    assert!(started.elapsed() < secs(300), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_removed_and_the_last_operation_on_an_id_counts() {
    let fake = fake();
    let client = fake.client();
    let pusher = client.items(SOURCE).pusher().track_outcomes().start();
    pusher.add_or_update(uri(1), &doc()).await.unwrap();
    pusher.add_or_update(uri(2), &doc()).await.unwrap();
    pusher.flush().await.unwrap();
    pusher.delete(uri(2)).await.unwrap();
    pusher.delete(uri(3)).delete_children(true).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    let outcomes = report.outcomes(&client).await.unwrap();
    assert_eq!((outcomes.items, outcomes.counts.indexed, outcomes.counts.removed), (3, 1, 2), "{outcomes}");
    assert!(outcomes.is_all_indexed());
}

#[tokio::test(start_paused = true)]
async fn guarantee_13_an_item_whose_last_version_is_dropped_after_a_look_at_the_log_is_told_as_dropped() {
    let fake = fake();
    rejecting(&fake);
    fake.indexing_delay(secs(100));
    let client = fake.client();
    let report = with_a_bad_version(&client, &[1]).await;
    // At the second look the first version is indexed, and the second one is under way.
    let outcomes = report.outcomes(&client).await.unwrap();
    assert_eq!((told(&outcomes), outcomes.counts.indexed), (vec![&*uri(1)], 0), "{outcomes}");
    assert!(outcomes.is_settled);
}

#[tokio::test(start_paused = true)]
async fn guarantee_13_entries_of_a_batch_that_was_applied_twice_are_not_taken_for_those_of_a_later_one() {
    let fake = fake();
    rejecting(&fake);
    fake.indexing_delay(secs(100));
    fake.inject(Fault::on(Operation::PushItemContainer).reset_after());
    let client = fake.client();
    let report = with_a_bad_version(&client, &[1, 2]).await;
    // At the second look there are four entries of the first batch, and none of the second one.
    let outcomes = report.outcomes(&client).await.unwrap();
    assert_eq!((told(&outcomes), outcomes.counts.indexed), (vec![&*uri(1)], 1), "{outcomes}");
    // How many entries there will be is not known.
    assert!(!outcomes.is_settled);
}

#[test]
fn guarantee_13_entries_of_a_batch_that_was_cut_off_with_its_runtime_and_pushed_again_are_told_apart() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let fake = fake();
    rejecting(&fake);
    fake.indexing_delay(secs(100));
    fake.inject(Fault::on(Operation::PushItemContainer).late_answer(secs(30)));
    let client = fake.client();
    let cut_off = Arc::new(Mutex::new(None));
    // Their clocks begin together.
    let (first, second) = (runtime(), runtime());
    let pusher = first.block_on(async {
        let pusher = client.items(SOURCE).pusher().track_outcomes().linger(secs(1));
        let cut_off = Arc::clone(&cut_off);
        let pusher = pusher.on_failed_batch(move |failed| drop(cut_off.lock().unwrap().replace(failed))).start();
        for number in [1, 2] {
            pusher.add_or_update(uri(number), &doc()).await.unwrap();
        }
        tokio::time::sleep(secs(10)).await;
        pusher
    });
    drop(first);
    let outcomes = second.block_on(async {
        let failed = cut_off.lock().unwrap().take().unwrap();
        pusher.push_again(failed).await.unwrap();
        pusher.flush().await.unwrap();
        tokio::time::sleep(secs(95)).await;
        pusher.add_or_update(uri(1), &bad()).await.unwrap();
        let report = pusher.finish().await.into_result().unwrap();
        report.outcomes(&client).await.unwrap()
    });
    assert_eq!((told(&outcomes), outcomes.counts.indexed), (vec![&*uri(1)], 1), "{outcomes}");
    assert!(!outcomes.is_settled);
}

#[tokio::test(start_paused = true)]
async fn batches_of_a_catalog_are_told_from_others_by_their_ordering_ids() {
    let fake = FakePushApi::builder().catalog_source("my-catalog").build();
    let client = fake.client();
    let updater = || client.catalog("my-catalog").updater();
    let missing = |id: &str| PartialUpdate::replace(id, "ec_price", 1.0);
    let own = updater().start();
    own.partial_update(missing("product://own")).await.unwrap();
    let report = own.finish().await.into_result().unwrap();
    let other = updater().start();
    other.partial_update(missing("product://other")).await.unwrap();
    other.finish().await.into_result().unwrap();
    let outcomes = report.outcomes(&client).await.unwrap();
    assert_eq!(told(&outcomes), ["product://own"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_and_a_load_tell_their_outcomes() {
    let fake = FakePushApi::builder().source(SOURCE).catalog_source("my-catalog").build();
    rejecting(&fake);
    let client = fake.client();
    let refresh = client.items(SOURCE).refresh(RefreshKind::Rebuild);
    let refresh = refresh.pusher(|pusher| pusher.track_outcomes()).start().await.unwrap();
    refresh.pusher().add_or_update(uri(1), &bad()).await.unwrap();
    let report = refresh.finish().await;
    assert_eq!(told(&report.outcomes(&client).await.unwrap()), [uri(1)]);

    let load = client.catalog("my-catalog").load().pusher(|pusher| pusher.track_outcomes()).start().await.unwrap();
    load.pusher().add_or_update("product://1", &bad()).await.unwrap();
    load.pusher().add_or_update("product://2", &doc()).await.unwrap();
    let report = load.finish().await.into_result().unwrap();
    let outcomes = report.outcomes(&client).await.unwrap();
    assert_eq!((told(&outcomes), outcomes.counts.indexed), (vec!["product://1"], 1));

    let load = client.catalog("my-catalog").load().start().await.unwrap();
    load.pusher().add_or_update("product://1", &doc()).await.unwrap();
    let report = load.abort().await;
    let before = log_requests(&fake).len();
    assert_eq!(report.outcomes(&client).await.unwrap().calls, 0);
    assert_eq!(log_requests(&fake).len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_failed_as_a_whole_is_told_and_its_items_are_unknown() {
    let fake = fake();
    fake.indexing_delay(Duration::MAX);
    let client = fake.client();
    let report = run(&client, [(1, false)], true).await;
    let file_id = &report.batch_samples[0].file_id;
    for (id, guid) in [(format!("s3://bucket/{file_id}?x=1"), "1"), ("s3://bucket/another".to_owned(), "2")] {
        let entry = LogEntry::new(id, LogTask::ConsumingBatch, LogOperation::BatchFile, LogResult::Error);
        let entry = entry.guid(guid).source_id(SOURCE).datetime(fake.now());
        fake.write_log(entry.meta("error", "the file is broken"));
    }
    let outcomes = report.outcomes(&client).wait(Duration::ZERO).await.unwrap();
    assert_eq!((outcomes.failed_batches.len(), outcomes.counts.unknown), (1, 1));
    assert!(outcomes.to_string().contains("batch failed at CONSUMING_BATCH: the file is broken"), "{outcomes}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_large_pages_is_asked_for_smaller_ones() {
    let fake = fake();
    let client = fake.client();
    let report = run(&client, [(1, false)], true).await;
    fake.inject(Fault::on(Operation::SearchLogs).status(412).parameter("perPage", "10000").always());
    let outcomes = report.outcomes(&client).await.unwrap();
    assert!(outcomes.is_all_indexed());
    let sizes: Vec<_> =
        log_requests(&fake).iter().filter_map(|request| request.parameter("perPage").map(str::to_owned)).collect();
    assert_eq!(sizes, ["10000", "1000"]);
}

#[tokio::test(start_paused = true)]
async fn a_report_of_identities_or_of_nowhere_says_why_it_has_no_outcomes_in_the_log() {
    let fake = FakePushApi::builder().provider("My Provider").build();
    let client = fake.client();
    let pusher = client.identities("My Provider").pusher().start();
    pusher.add_or_update(&IdentityBody::user("a@example.com")).await.unwrap();
    for report in [pusher.finish().await, PushReport::default()] {
        let error = report.outcomes(&client).await.unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains("security identities"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_print_as_a_table_and_are_read_back_from_json() {
    let fake = fake();
    fake.reject_in_pipeline(|item| Some(format!("because of\n{}", item.title().unwrap_or("nothing"))));
    let client = fake.client();
    let report = run(&client, [(1, false), (2, false), (3, true)], true).await;
    let outcomes = report.outcomes(&client).await.unwrap();
    let table = "outcomes of 3 items in my-source: 0 indexed, 0 removed, 3 failed, 0 skipped, 0 warned, 0 unknown
       2  failed at EXTENSION: because of nothing
          such as https://example.com/1
       1  failed at EXTENSION: because of reject
          such as https://example.com/3";
    assert_eq!(outcomes.to_string(), table);
    let json = serde_json::to_string(&outcomes).unwrap();
    assert!(json.contains(r#""outcome":"failed","stage":"EXTENSION""#), "{json}");
    assert_eq!(serde_json::from_str::<Outcomes>(&json).unwrap(), outcomes);
    let read: PushReport = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    let outcomes = read.outcomes(&client).await.unwrap();
    assert!(!outcomes.is_tracked && outcomes.counts.failed == 3, "a report that is read back has no ids");
}
