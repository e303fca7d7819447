//! Searching and counting.

use std::time::{Duration, SystemTime};

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::transport::SendErrorKind;
use coveo_push::{
    ApiKey, DocumentIdMatching, Error, LogEntry, LogOperation, LogResult, LogTask, Operation, RetryPolicy,
};
use tokio::time::Instant;

use super::support::{SOURCE, doc, log_requests, push, secs, uri};

fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).source("other").build()
}

fn indexed(id: &str, guid: usize, time: SystemTime) -> LogEntry {
    let entry = LogEntry::new(id, LogTask::Indexing, LogOperation::Add, LogResult::Completed);
    entry.guid(format!("{guid}")).source_id(SOURCE).datetime(time)
}

#[tokio::test(start_paused = true)]
async fn a_search_gets_page_after_page_at_most_one_in_30_s() {
    let fake = fake();
    let begin = fake.now();
    for number in 0..5 {
        fake.write_log(indexed(&uri(number), number, begin));
    }
    let started = Instant::now();
    let mut entries = fake.client().logs().search(begin - secs(60), begin + secs(60)).per_page(2).entries();
    let mut ids = Vec::new();
    while let Some(entry) = entries.next().await {
        ids.push(entry.unwrap().id);
    }
    assert_eq!(ids, (0..5).map(uri).collect::<Vec<_>>());
    assert_eq!(started.elapsed(), secs(60));
    let requests = log_requests(&fake);
    assert_eq!(requests.iter().map(|request| request.parameter("page").unwrap()).collect::<Vec<_>>(), ["0", "1", "2"]);
    assert!(requests.iter().all(|request| request.parameter("perPage") == Some("2")));
}

#[tokio::test(start_paused = true)]
async fn all_clones_of_a_client_share_the_pace_of_the_logs_and_pushes_do_not() {
    let fake = fake();
    let client = fake.client_builder().logs_calls(2, secs(10)).build().unwrap();
    let now = fake.now();
    let started = Instant::now();
    for _ in 0..5 {
        client.clone().logs().counts(now - secs(60), now).await.unwrap();
    }
    assert_eq!(started.elapsed(), secs(20));
    push(&client, "https://example.com/a").await;
    assert_eq!(started.elapsed(), secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_range_of_more_than_a_week_is_split_and_each_entry_comes_once() {
    let fake = fake();
    let now = fake.now();
    let day = secs(86_400);
    for number in 0..13 {
        fake.write_log(indexed(&uri(number), number, now - day * u32::try_from(number).unwrap()));
    }
    // On the border of two ranges.
    let from = now - day * 10;
    fake.write_log(indexed("https://example.com/border", 99, from + day * 7));
    let found = fake.client().logs().search(from, now).await.unwrap();
    assert_eq!(found.len(), 12, "{found:?}");
    let requests = log_requests(&fake);
    assert_eq!(requests.len(), 2);
    let border = |at: usize, name| coveo_push::DateTime::from(requests[at].parameter(name).unwrap()).to_system_time();
    assert_eq!(border(0, "to").unwrap() + Duration::from_millis(1), border(1, "from").unwrap());
    let counts = fake.client().logs().counts(from - day * 12, now).await.unwrap();
    assert_eq!(counts.task(&LogTask::Indexing), 14);
    assert_eq!(log_requests(&fake).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn entries_that_come_twice_are_told_once_and_the_range_ends_now() {
    let fake = fake();
    let client = fake.client();
    push(&client, "https://example.com/a").await;
    let now = fake.now();
    for _ in 0..2 {
        fake.write_log(indexed("https://example.com/twice", 7, now));
    }
    let search = client.logs().search(now - secs(60), now + secs(3_600)).task(LogTask::Indexing).per_page(2);
    let entries = search.await.unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["https://example.com/a", "https://example.com/twice"]);
    let to: coveo_push::DateTime = log_requests(&fake)[1].parameter("to").unwrap().into();
    assert!(to.to_system_time().unwrap() <= now + secs(1), "{to}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_with_entries_of_other_sources_is_filtered_again() {
    let fake = fake();
    let now = fake.now();
    let entry = |source: &str| {
        serde_json::json!({"guid": source, "id": "a://1", "sourceId": source, "task": "INDEXING", "operation": "ADD",
            "result": "COMPLETED", "datetime": "2026-01-01T00:00:00.000Z"})
    };
    let body = serde_json::json!({"documentLogEntries": [entry("other"), entry(SOURCE)], "hasNextPage": false});
    fake.inject(Fault::on(Operation::SearchLogs).body(body.to_string()));
    let found = fake.client().logs().search(now - secs(60), now).source(SOURCE).await.unwrap();
    assert_eq!(found.iter().map(|entry| entry.source_id.as_str()).collect::<Vec<_>>(), [SOURCE]);
    let body: serde_json::Value = serde_json::from_slice(log_requests(&fake)[0].body()).unwrap();
    assert_eq!(body, serde_json::json!({"sourcesIds": [SOURCE]}));
}

#[tokio::test(start_paused = true)]
async fn each_filter_leaves_out_what_it_says() {
    let fake = fake();
    let client = fake.client_builder().logs_calls(1_000, secs(1)).build().unwrap();
    push(&client, "https://example.com/a").await;
    push(&client, "https://example.com/b").await;
    let _ = client.items("other").delete("https://example.com/a").await.unwrap();
    let _ = client.items(SOURCE).add_or_update("https://example.com/a", &doc()).ordering_id(1).await.unwrap();
    let now = fake.now();
    let search = || client.logs().search(now - secs(60), now);
    let all = search().await.unwrap().len();
    let indexing = |task: &LogEntry| task.task == LogTask::Indexing;
    #[rustfmt::skip]
    let table: [(_, usize); 9] = [
        (search().source("other"), 3),
        (search().exclude_source("other"), all - 3),
        (search().source(SOURCE).errors(), 1),
        (search().task(LogTask::Indexing), 3),
        (search().operation(LogOperation::Delete), 3),
        (search().exclude_operation(LogOperation::Add), 3),
        (search().exclude_result(LogResult::Completed), 1),
        (search().document_id("https://example.com/b"), 6),
        (search().document_id_like("*/?", DocumentIdMatching::Wildcard).task(LogTask::Indexing).exclude_task(LogTask::Indexing), 3),
    ];
    for (at, (search, expected)) in table.into_iter().enumerate() {
        let found = search.await.unwrap();
        assert_eq!(found.len(), expected, "row {at}: {found:?}");
    }
    assert_eq!(search().await.unwrap().iter().filter(|entry| indexing(entry)).count(), 3);
    let counts = client.logs().counts(now - secs(60), now).await.unwrap();
    assert_eq!((counts.total(), counts.troubles()), (all as u64, 1));
    assert_eq!((counts.result(&LogResult::Skipped), counts.source_ids["other"]), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_has_90_s_and_504_is_tried_again() {
    let fake = fake();
    let now = fake.now();
    fake.inject(Fault::on(Operation::SearchLogs).status(504));
    fake.client().logs().search(now - secs(60), now).await.unwrap();
    assert_eq!(log_requests(&fake).len(), 2);
    fake.inject(Fault::on(Operation::CountLogs).hang());
    let client = fake.client_builder().retry(RetryPolicy::none()).build().unwrap();
    let started = Instant::now();
    let error = client.logs().counts(now - secs(60), now).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Timeout), "{error}");
    assert_eq!(started.elapsed(), secs(90));
}

#[tokio::test(start_paused = true)]
async fn a_429_of_the_logs_holds_no_push_back() {
    let fake = fake();
    let client = fake.client();
    fake.inject(Fault::on(Operation::CountLogs).status(429).retry_after(secs(100)));
    let now = fake.now();
    let started = Instant::now();
    let counts = tokio::spawn(client.logs().counts(now - secs(60), now).into_future());
    tokio::time::sleep(secs(1)).await;
    push(&client, "https://example.com/a").await;
    assert_eq!(started.elapsed(), secs(1));
    counts.await.unwrap().unwrap();
    assert!(started.elapsed() >= secs(100));
}

#[tokio::test(start_paused = true)]
async fn a_range_that_ends_before_it_begins_or_a_host_that_is_not_known_is_an_error() {
    let fake = fake();
    let now = fake.now();
    let error = fake.client().logs().search(now, now - secs(1)).await.unwrap_err();
    assert!(error.to_string().contains("after its end"), "{error}");
    let client = fake.client_builder().base_url("http://127.0.0.1:1/elsewhere").build().unwrap();
    let error = client.logs().search(now - secs(1), now).await.unwrap_err();
    assert!(matches!(error, Error::Config(_)) && error.to_string().contains("`logs_url`"), "{error}");
    assert_eq!(log_requests(&fake).len(), 0);
    let client = fake.client_builder().base_url("http://127.0.0.1:1/elsewhere");
    let client = client.logs_url("http://127.0.0.1:1/logs/v1").build().unwrap();
    client.logs().search(now - secs(1), now).await.unwrap();
    assert_eq!(log_requests(&fake).len(), 1);
}

#[test]
fn a_log_entry_is_read_with_words_and_dates_of_any_kind() {
    let text = r#"{"guid":"g","id":"a://1","organizationId":"o","sourceId":"s","resourceId":null,"task":"indexing",
        "operation":"NEW_ONE","result":"Rejected","datetime":1510143521666,"more":1,
        "meta":{"error":" too large ","orderingId":"18446744073709551615"}}"#;
    let entry: LogEntry = serde_json::from_str(text).unwrap();
    assert_eq!((&entry.task, &entry.result), (&LogTask::Indexing, &LogResult::Rejected));
    assert_eq!(entry.operation, LogOperation::Other("NEW_ONE".to_owned()));
    assert_eq!(entry.datetime.as_str(), "2017-11-08T12:18:41.666Z");
    assert_eq!((entry.reason().as_str(), entry.ordering_id().unwrap().get()), ("too large", u64::MAX));
    let read: LogEntry = serde_json::from_value(serde_json::to_value(&entry).unwrap()).unwrap();
    assert_eq!(read, entry);
    let bare =
        r#"{"task":"X","operation":"ADD","result":"ERROR","datetime":"2026","meta":{"logs":["a"],"orderingid":0}}"#;
    let entry: LogEntry = serde_json::from_str(bare).unwrap();
    assert_eq!((entry.time(), entry.ordering_id(), entry.is_trouble()), (None, None, true));
    assert_eq!(entry.reason(), r#"{"logs":["a"],"orderingid":0}"#);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_not_read_the_logs_is_told_the_privileges_that_it_needs() {
    let fake = FakePushApi::builder().source(SOURCE).push_key("push-key").build();
    let client = fake.client().with_credentials(ApiKey::new("push-key"));
    push(&client, "https://example.com/a").await;
    let (from, to) = (fake.now() - secs(60), fake.now());
    let refused = [
        client.logs().search(from, to).await.unwrap_err(),
        client.logs().counts(from, to).await.unwrap_err(),
        client.items(SOURCE).outcome("https://example.com/a").await.unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, Error::AccessDenied(_)), "{error}");
        let needed = "the call needs a key with the privileges ORGANIZATION VIEW and SOURCE VIEW, on all sources";
        assert!(error.to_string().contains(needed), "{error}");
    }
    let unknown = fake.client().with_credentials(ApiKey::new("unknown"));
    let error = unknown.logs().counts(from, to).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)) && error.to_string().contains("ORGANIZATION VIEW"), "{error}");
}
