//! The facts of the calls of the logs, which have no machine-readable contract.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use coveo_push::fake::Fault;
use coveo_push::transport::{Body, Transport};
use coveo_push::{DocumentIdMatching, Host, LogOperation, LogResult, LogTask, Operation, RetryPolicy, http};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::exchanges::{Exchange, SOURCE, Watched};

/// One call.
struct Fact {
    operation: Operation,
    method: &'static str,
    path: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    body: &'static [&'static str],
    success: u16,
    refusals: &'static [u16],
}

const RANGE: &[&str] = &["from", "to"];
const FILTER: &[&str] = &[
    "tasks",
    "operations",
    "results",
    "sourcesIds",
    "resourceIds",
    "excludeTasks",
    "excludeOperations",
    "excludeResults",
    "excludeSourceIds",
    "excludeResourceIds",
];
const REFUSALS: &[u16] = &[400, 401, 403, 404, 412, 415, 429, 500, 504];

const FACTS: [Fact; 2] = [
    Fact {
        operation: Operation::SearchLogs,
        method: "POST",
        path: "/logs/v1/organizations/my-org",
        required: RANGE,
        optional: &["documentId", "documentIdMatching", "page", "perPage"],
        body: FILTER,
        success: 200,
        refusals: REFUSALS,
    },
    Fact {
        operation: Operation::CountLogs,
        method: "POST",
        path: "/logs/v1/organizations/my-org/facetsStats",
        required: RANGE,
        optional: &["documentId", "documentIdMatching"],
        body: FILTER,
        success: 200,
        refusals: REFUSALS,
    },
];

/// Every call of the logs, with and without all of its filters.
async fn every_call() -> (Watched, Vec<Exchange>) {
    let watched = Watched::new();
    let builder = watched.fake.client_builder().transport(watched.clone()).retry(RetryPolicy::none());
    let client = builder.logs_calls(1_000, Duration::from_secs(1)).build().unwrap();
    let to = UNIX_EPOCH + Duration::from_secs(2 * 86_400);
    let from = to - Duration::from_secs(3_600);
    macro_rules! filtered {
        ($call:expr) => {
            $call
                .source(SOURCE)
                .task(LogTask::Indexing)
                .operation(LogOperation::Add)
                .result(LogResult::Completed)
                .resource("extension")
                .exclude_source("other")
                .exclude_task(LogTask::Crawling)
                .exclude_operation(LogOperation::Delete)
                .exclude_result(LogResult::Skipped)
                .exclude_resource("other")
                .document_id_like("https://example.com/*", DocumentIdMatching::Wildcard)
        };
    }
    let logs = client.logs();
    logs.search(from, to).await.unwrap();
    logs.counts(from, to).await.unwrap();
    filtered!(logs.search(from, to)).per_page(50).await.unwrap();
    filtered!(logs.counts(from, to)).await.unwrap();
    let exchanges = watched.take();
    (watched, exchanges)
}

fn fact(operation: Operation) -> &'static Fact {
    FACTS.iter().find(|fact| fact.operation == operation).unwrap()
}

#[test]
fn every_operation_of_the_logs_has_its_facts() {
    let of_the_logs: Vec<_> = Operation::ALL.iter().filter(|operation| operation.host() == Host::Logs).collect();
    assert_eq!(of_the_logs, FACTS.iter().map(|fact| &fact.operation).collect::<Vec<_>>());
    for Fact { operation, method, path, .. } in &FACTS {
        let own = format!("/logs/v1{}", operation.path().replace("{organizationId}", "my-org"));
        assert_eq!((operation.method().as_str(), own.as_str()), (*method, *path));
    }
}

#[tokio::test]
async fn a_request_of_the_logs_has_what_is_known_and_nothing_else() {
    let (_, exchanges) = every_call().await;
    let (mut parameters, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for Exchange { request, .. } in &exchanges {
        let fact = fact(request.operation().unwrap());
        assert_eq!((request.method().as_str(), request.path()), (fact.method, fact.path));
        for header in [ACCEPT, CONTENT_TYPE] {
            assert_eq!(request.headers()[&header], "application/json", "{header}");
        }
        assert!(request.headers().contains_key(AUTHORIZATION));
        let names: BTreeSet<&str> = request.query().iter().map(|(name, _)| name.as_str()).collect();
        assert!(fact.required.iter().all(|name| names.contains(name)), "{names:?}");
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        for name in names {
            assert!(fact.required.contains(&name) || fact.optional.contains(&name), "{name}");
            parameters.insert((fact.path, name.to_owned()));
        }
        for key in body.as_object().unwrap().keys() {
            assert!(fact.body.contains(&key.as_str()), "{key}");
            keys.insert((fact.path, key.clone()));
        }
    }
    for fact in &FACTS {
        for name in fact.required.iter().chain(fact.optional) {
            assert!(parameters.contains(&(fact.path, (*name).to_owned())), "`{name}` is never sent");
        }
        for key in fact.body {
            assert!(keys.contains(&(fact.path, (*key).to_owned())), "`{key}` is never sent");
        }
    }
}

#[tokio::test]
async fn the_fake_answers_a_request_of_the_logs_with_the_known_statuses() {
    let (watched, exchanges) = every_call().await;
    for fact in &FACTS {
        let of = |exchange: &&Exchange| exchange.request.operation() == Some(fact.operation);
        let answered: Vec<u16> =
            exchanges.iter().filter(of).map(|exchange| exchange.answer.status().as_u16()).collect();
        assert_eq!(answered, [fact.success; 2]);
        let good = &exchanges.iter().find(of).unwrap().request;
        let send = |query: &str, without: Option<http::HeaderName>, body: &'static str| {
            let request = http::Request::builder().method(fact.method);
            let mut request =
                request.uri(format!("http://127.0.0.1:1{}?{query}", fact.path)).body(Body::from(body)).unwrap();
            *request.headers_mut() = good.headers().clone();
            without.map(|header| request.headers_mut().remove(header));
            let fake = watched.fake.clone();
            async move { fake.send(request).await.unwrap().status().as_u16() }
        };
        let range = "from=1970-01-02T00:00:00Z&to=1970-01-03T00:00:00Z";
        let week = "from=1970-01-02T00:00:00Z&to=1970-01-09T00:00:01Z";
        let refused = [
            send(range, None, "no json").await,
            send(range, Some(AUTHORIZATION), "{}").await,
            send(range, Some(CONTENT_TYPE), "{}").await,
            send("from=1970-01-02T00:00:00Z", None, "{}").await,
            send("from=1970-01-02T00:00:00Z&to=tomorrow", None, "{}").await,
            send(week, None, "{}").await,
        ];
        assert_eq!(refused, [400, 401, 415, 412, 412, 412]);
        assert_eq!(send(range, None, "{}").await, 200);
        for status in fact.refusals {
            watched.fake.inject(Fault::on(fact.operation).status(*status));
            assert_eq!(send(range, None, "{}").await, *status);
        }
    }
}
