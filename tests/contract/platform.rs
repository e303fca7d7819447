//! The platform API, without a contract: a table of facts from the service's documentation, and what the
//! crate sends and its fake answers.

use std::collections::BTreeSet;

use coveo_push::platform::{FieldModel, FieldType, NewSecurityProvider, NewSource, Privilege};
use coveo_push::{DocumentBody, Host, Identity, IdentityBody, Operation, RetryPolicy};
use http::Method;
use serde_json::Value;

use crate::exchanges::{Exchange, Watched};
use crate::facts::is_of;

/// The request and the responses of one operation.
struct Fact {
    operation: Operation,
    method: Method,
    path: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    /// The keys of the body that are always sent; `None` without a body.
    body: Option<&'static [&'static str]>,
    success: u16,
    /// The keys of the response that the crate reads; `None` for one without content.
    reply: Option<&'static [&'static str]>,
}

macro_rules! facts {
    ($($operation:ident: $method:ident $path:literal, $required:expr, $optional:expr, $body:expr, $success:literal, $reply:expr;)+) => {
        const FACTS: &[Fact] = &[$(Fact {
            operation: Operation::$operation,
            method: Method::$method,
            path: $path,
            required: &$required,
            optional: &$optional,
            body: $body,
            success: $success,
            reply: $reply,
        }),+];
    };
}

const PAGE: [&str; 2] = ["page", "perPage"];
const SOURCE: &[&str] = &["id", "name", "sourceType", "sourceVisibility", "information"];
const PROVIDER: &[&str] = &["id", "displayName", "type", "referencedBy", "statistics"];

facts! {
    ListSources: GET "/organizations/{organizationId}/sources/pages", PAGE, ["filter", "stringFilterType"], None, 200, Some(&["sourceModels", "totalEntries", "totalPages"]);
    CreateSource: POST "/organizations/{organizationId}/sources", [], [], Some(&["sourceType", "name", "sourceVisibility"]), 201, Some(SOURCE);
    GetSource: GET "/organizations/{organizationId}/sources/{sourceId}", [], [], None, 200, Some(SOURCE);
    UpdateSource: PUT "/organizations/{organizationId}/sources/{sourceId}", ["rebuild"], [], Some(&["id", "name", "sourceType", "sourceVisibility"]), 200, Some(SOURCE);
    DeleteSource: DELETE "/organizations/{organizationId}/sources/{sourceId}", [], [], None, 200, Some(SOURCE);
    CreateSecurityProvider: POST "/organizations/{organizationId}/securityproviders", [], [], Some(&["id", "displayName", "type", "nodeRequired", "caseSensitive", "referencedBy", "cascadingSecurityProviders"]), 200, Some(PROVIDER);
    GetSecurityProvider: GET "/organizations/{organizationId}/securityproviders/{providerId}", [], [], None, 200, Some(PROVIDER);
    UpdateSecurityProvider: PUT "/organizations/{organizationId}/securityproviders/{providerId}", [], [], Some(&["id", "type", "referencedBy"]), 200, Some(PROVIDER);
    DeleteSecurityProvider: DELETE "/organizations/{organizationId}/securityproviders/{providerId}", [], [], None, 204, None;
    SearchFields: POST "/organizations/{organizationId}/indexes/fields/search", [], [], Some(&["page", "perPage", "filters"]), 200, Some(&["items", "totalEntries", "totalPages"]);
    CreateFields: POST "/organizations/{organizationId}/indexes/fields/batch/create/results", [], [], Some(&[]), 200, Some(&["batchOperationId", "status", "batchOperationResourcesStatus"]);
    GetLimits: GET "/organizations/{organizationId}/limits", [], [], None, 200, Some(&["content"]);
    GetOrganizationStatus: GET "/organizations/{organizationId}/status", [], [], None, 200, Some(&["status", "pauseState", "paused", "readOnly"]);
    ResumeOrganization: POST "/organizations/{organizationId}/resume", [], [], None, 200, None;
    EvaluatePrivilege: POST "/privilege/evaluate", [], [], Some(&["organizationId", "requestedPrivilege"]), 200, Some(&["approved"]);
    GetIdentityState: POST "/organizations/{organizationId}/securitycache/entities/{providerId}/entity", [], [], Some(&["name", "provider", "type", "infos"]), 200, Some(&["name", "type", "provider", "infos", "state", "lastUpdateResult"]);
    ListIdentityStates: GET "/organizations/{organizationId}/securitycache/entities/{providerId}/members", ["states", "page", "perPage"], ["from", "usePageModel"], None, 200, Some(&["items", "totalEntries", "totalPages"]);
}

/// Makes every call of the platform API, in an organization that is empty at first.
async fn every_call() -> Vec<Exchange> {
    let watched = Watched::empty();
    let client = watched.fake.client_builder().transport(watched.clone()).retry(RetryPolicy::none()).build().unwrap();
    let platform = client.platform();
    let source = platform.create_source(NewSource::push("wiki").secured()).await.unwrap();
    let other = platform.create_source(NewSource::catalog("shop").shared()).await.unwrap();
    assert_eq!(platform.sources().await.unwrap().len(), 2);
    let read = platform.source(source.id()).await.unwrap().set("unknown", 1);
    platform.update_source(&read).await.unwrap();
    for id in [source.id(), other.id()] {
        platform.create_provider(NewSecurityProvider::for_source("My Provider", id)).await.unwrap();
    }
    platform.provider("My Provider").await.unwrap();
    let fields = [FieldModel::string("wikitags"), FieldModel::new("wikipages", FieldType::Long)];
    platform.create_fields(fields).await.unwrap();
    platform.fields().await.unwrap();
    platform.limits().await.unwrap();
    platform.organization_status().await.unwrap();
    platform.resume_organization().await.unwrap();
    platform.has_privilege(Privilege::new("SOURCE", "CREATE")).on(source.id()).await.unwrap();
    let identities = client.identities("My Provider");
    let user = Identity::user("asmith").additional_info("key", "value");
    let _ = identities.add_or_update(&IdentityBody::new(user.clone())).await.unwrap();
    identities.state(&user).await.unwrap();
    identities.in_error().since(std::time::UNIX_EPOCH).await.unwrap();
    let doc = DocumentBody::text("words");
    let _ = client.items(source.id()).add_or_update("https://example.com/a", &doc).await.unwrap();
    platform.delete_provider("My Provider").await.unwrap();
    platform.delete_source(source.id()).await.unwrap();
    watched.take()
}

#[test]
fn the_table_has_each_operation_of_the_platform_api_as_the_crate_has_it() {
    let of_platform = Operation::ALL.iter().filter(|operation| operation.host() == Host::Platform);
    let facts: Vec<Operation> = FACTS.iter().map(|fact| fact.operation).collect();
    assert_eq!(facts, of_platform.copied().collect::<Vec<_>>());
    for fact in FACTS {
        let operation = fact.operation;
        assert_eq!((operation.method(), operation.path()), (fact.method.clone(), fact.path), "{operation}");
    }
}

#[tokio::test]
async fn the_crate_sends_and_its_fake_answers_what_the_table_says() {
    let exchanges = every_call().await;
    for fact in FACTS {
        let of = |exchange: &&Exchange| exchange.request.operation() == Some(fact.operation);
        let of_it: Vec<&Exchange> = exchanges.iter().filter(of).collect();
        let mut sent = BTreeSet::new();
        for exchange in &of_it {
            check_request(fact, exchange);
            sent.extend(exchange.request.query().iter().map(|(name, _)| name.as_str()));
        }
        let unsent: Vec<_> = fact.optional.iter().filter(|name| !sent.contains(*name)).collect();
        assert!(unsent.is_empty(), "{}: {unsent:?} is never sent", fact.operation);
        let success = of_it.iter().find(|exchange| exchange.answer.status() == fact.success);
        let success = success.unwrap_or_else(|| panic!("{} is never answered with {}", fact.operation, fact.success));
        check_reply(fact, success);
    }
}

fn check_request(fact: &Fact, Exchange { request, answer }: &Exchange) {
    let what = fact.operation;
    assert_eq!(request.method(), fact.method, "{what}");
    assert!(is_of(&format!("/rest{}", fact.path), request.path()), "{what}: {}", request.path());
    let names: BTreeSet<&str> = request.query().iter().map(|(name, _)| name.as_str()).collect();
    let known: BTreeSet<&str> = fact.required.iter().chain(fact.optional).copied().collect();
    assert!(fact.required.iter().all(|name| names.contains(name)) && names.is_subset(&known), "{what}: {names:?}");
    assert_eq!(request.headers()["accept"], "application/json", "{what}");
    assert!(request.headers()["authorization"].to_str().unwrap().starts_with("Bearer "), "{what}");
    let content_type = request.headers().get("content-type").map(|it| it.to_str().unwrap());
    assert_eq!(content_type, (fact.method != Method::GET).then_some("application/json"), "{what}");
    match fact.body {
        None => assert!(request.body().is_empty(), "{what}: {request:?}"),
        Some(keys) => has_keys(what, request.body(), keys),
    }
    let is_search = what == Operation::GetSecurityProvider && answer.status() == 404;
    assert!(is_search || answer.status() == fact.success, "{what}: {answer:?}");
}

fn check_reply(fact: &Fact, Exchange { answer, .. }: &Exchange) {
    if let Some(keys) = fact.reply {
        assert_eq!(answer.headers()["content-type"], "application/json", "{}", fact.operation);
        has_keys(fact.operation, answer.body(), keys);
    }
}

/// An object has these keys, or each object of a list.
fn has_keys(what: Operation, json: &[u8], keys: &[&str]) {
    let json: Value = serde_json::from_slice(json).unwrap();
    let objects = json.as_array().cloned().unwrap_or_else(|| vec![json]);
    for object in objects {
        let missing: Vec<_> = keys.iter().filter(|key| object.get(**key).is_none()).collect();
        assert!(missing.is_empty(), "{what}: {missing:?} is missing in {object}");
    }
}
