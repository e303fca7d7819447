//! The calls of the platform API and the security cache: method, path, query, every header, body, and the decoded
//! responses.

use std::time::{Duration, UNIX_EPOCH};

use coveo_push::platform::{
    FieldModel, FieldOutcome, FieldType, IdentityCacheState, NewSecurityProvider, NewSource, Privilege,
    SourceVisibility,
};
use coveo_push::{Error, Identity};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer};

use super::support::{Sent, Service};

const ORGANIZATION: &str = "/rest/organizations/my-org";

fn answer(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn no_sources() -> Value {
    json!({"sourceModels": [], "totalEntries": 0, "totalPages": 0})
}

/// The requests so far, each held against its method, its target below the organization, and its body.
#[track_caller]
fn are(sent: Vec<Sent>, expected: Vec<(&str, &str, Option<Value>)>) {
    assert_eq!(sent.len(), expected.len(), "{sent:#?}");
    for (sent, (method, target, body)) in sent.iter().zip(expected) {
        sent.is(method, &format!("{ORGANIZATION}{target}"), body);
    }
}

#[tokio::test]
async fn a_source_is_looked_for_by_its_name_and_created() {
    let service = Service::start().await;
    service.always("GET", &format!("{ORGANIZATION}/sources/pages"), answer(200, no_sources())).await;
    // One client knows a response of the id alone.
    service.always("POST", &format!("{ORGANIZATION}/sources"), answer(201, json!({"id": "my-org-abc"}))).await;
    let platform = service.client().platform();
    assert_eq!(platform.create_source(NewSource::push("a&b").secured()).await.unwrap().id(), "my-org-abc");
    platform.create_source(NewSource::catalog("shop").shared()).await.unwrap();
    platform.create_source(NewSource::push("x").private()).await.unwrap();
    let push = |name: &str, visibility: &str| json!({"sourceType": "PUSH", "name": name, "sourceVisibility": visibility, "pushEnabled": true});
    let catalog = json!({"sourceType": "CATALOG", "name": "shop", "sourceVisibility": "SHARED", "streamEnabled": true});
    are(
        service.sent().await,
        vec![
            ("GET", "/sources/pages?page=0&perPage=100&filter=a%26b&stringFilterType=EXACTMATCH", None),
            ("POST", "/sources", Some(push("a&b", "SECURED"))),
            ("GET", "/sources/pages?page=0&perPage=100&filter=shop&stringFilterType=EXACTMATCH", None),
            ("POST", "/sources", Some(catalog)),
            ("GET", "/sources/pages?page=0&perPage=100", None),
            ("POST", "/sources", Some(push("x", "PRIVATE"))),
        ],
    );
}

#[tokio::test]
async fn sources_are_listed_page_by_page_read_updated_and_deleted() {
    let service = Service::start().await;
    let list = format!("{ORGANIZATION}/sources/pages");
    page(&service.server, &list, "0", json!({"sourceModels": [{"id": "a"}, {"id": "b"}], "totalPages": 2})).await;
    page(&service.server, &list, "1", json!({"sourceModels": [{"id": "c"}], "totalPages": 2})).await;
    let model = json!({
        "id": "a/b",
        "name": "wiki",
        "sourceVisibility": "SECURED",
        "createdDate": 1_510_143_521_666_u64,
        "information": {"numberOfDocuments": 12, "sourceStatus": {"type": "PUSH_READY"}},
        "other": {"kept": [1.5, null]},
    });
    let one = format!("{ORGANIZATION}/sources/a%2Fb");
    for verb in ["GET", "PUT", "DELETE"] {
        service.always(verb, &one, answer(200, model.clone())).await;
    }
    let platform = service.client().platform();
    let ids: Vec<_> = platform.sources().await.unwrap().iter().map(|source| source.id().to_owned()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    let source = platform.source("a/b").await.unwrap();
    assert_eq!((source.visibility(), source.number_of_documents()), (Some(SourceVisibility::Secured), Some(12)));
    assert_eq!(platform.update_source(&source).await.unwrap(), source);
    platform.delete_source("a/b").await.unwrap();
    are(
        service.sent().await,
        vec![
            ("GET", "/sources/pages?page=0&perPage=100", None),
            ("GET", "/sources/pages?page=1&perPage=100", None),
            ("GET", "/sources/a%2Fb", None),
            ("PUT", "/sources/a%2Fb?rebuild=false", Some(model)),
            ("DELETE", "/sources/a%2Fb", None),
        ],
    );
}

async fn page(server: &MockServer, place: &str, number: &str, body: Value) {
    let mock = Mock::given(method("GET")).and(path(place)).and(query_param("page", number));
    mock.respond_with(answer(200, body)).with_priority(50).mount(server).await;
}

#[tokio::test]
async fn a_provider_is_looked_for_created_extended_and_deleted() {
    let service = Service::start().await;
    let one = format!("{ORGANIZATION}/securityproviders/Wiki%20users");
    let found = json!({
        "id": "Wiki users",
        "referencedBy": [{"id": "other", "type": "SOURCE", "attributes": {"name": "o"}}],
        "statistics": {"numberOfEntitiesInError": 3},
        "kept": 1,
    });
    service.first("GET", &one, [answer(404, json!({"message": "not found"})), answer(200, found.clone())]).await;
    service.always("GET", &one, answer(200, found.clone())).await;
    service.always("PUT", &one, answer(200, found.clone())).await;
    service.always("DELETE", &one, ResponseTemplate::new(204)).await;
    let created = format!("{ORGANIZATION}/securityproviders");
    service.always("POST", &created, answer(200, json!({"id": "Wiki users"}))).await;
    let platform = service.client().platform();
    let wanted = || NewSecurityProvider::for_source("Wiki users", "s").case_sensitive(true);
    platform.create_provider(wanted()).await.unwrap();
    platform.create_provider(wanted()).await.unwrap();
    assert_eq!(platform.provider("Wiki users").await.unwrap().identities_in_error(), Some(3));
    platform.delete_provider("Wiki users").await.unwrap();
    let email = json!({"id": "Email Security Provider", "name": "Email Security Provider", "type": "EMAIL"});
    let new = json!({
        "id": "Wiki users",
        "displayName": "Wiki users",
        "type": "EXPANDED",
        "nodeRequired": false,
        "caseSensitive": true,
        "referencedBy": [{"id": "s", "type": "SOURCE"}],
        "cascadingSecurityProviders": {"EmailSecurityProvider": email},
    });
    let mut extended = found;
    extended["referencedBy"].as_array_mut().unwrap().push(json!({"id": "s", "type": "SOURCE"}));
    are(
        service.sent().await,
        vec![
            ("GET", "/securityproviders/Wiki%20users", None),
            ("POST", "/securityproviders", Some(new)),
            ("GET", "/securityproviders/Wiki%20users", None),
            ("PUT", "/securityproviders/Wiki%20users", Some(extended)),
            ("GET", "/securityproviders/Wiki%20users", None),
            ("DELETE", "/securityproviders/Wiki%20users", None),
        ],
    );
}

#[tokio::test]
async fn fields_are_searched_by_name_and_created_in_one_request() {
    let service = Service::start().await;
    let search = format!("{ORGANIZATION}/indexes/fields/search");
    let known = json!({"items": [{"name": "author", "type": "STRING"}], "totalEntries": 1, "totalPages": 1});
    service.always("POST", &search, answer(200, known)).await;
    let created = json!({"status": "COMPLETED", "batchOperationResourcesStatus": [
        {"resourceModel": {"name": "wikipages"}, "operationResult": "SUCCESS", "successful": true},
    ]});
    let create = format!("{ORGANIZATION}/indexes/fields/batch/create/results");
    service.always("POST", &create, answer(200, created)).await;
    let platform = service.client().platform();
    let pages = FieldModel::new("wikipages", FieldType::Long64).sort(true).facet(true);
    let results = platform.create_fields([FieldModel::string("author"), pages]).await.unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| (result.name(), result.outcome())).collect();
    assert_eq!(outcomes, [("author", &FieldOutcome::Exists), ("wikipages", &FieldOutcome::Created)]);
    assert_eq!(platform.missing_fields(["Author", "x"]).await.unwrap(), ["x"]);
    assert_eq!(platform.fields().await.unwrap().len(), 1);
    let body = |filters: Value| Some(json!({"page": 0, "perPage": 1000, "filters": filters}));
    let field = json!([{"name": "wikipages", "type": "LONG_64", "sort": true, "facet": true}]);
    are(
        service.sent().await,
        vec![
            ("POST", "/indexes/fields/search", body(json!({"origin": "ALL", "fieldNames": ["author", "wikipages"]}))),
            ("POST", "/indexes/fields/batch/create/results", Some(field)),
            ("POST", "/indexes/fields/search", body(json!({"origin": "ALL", "fieldNames": ["author", "x"]}))),
            ("POST", "/indexes/fields/search", body(json!({"origin": "ALL"}))),
        ],
    );
}

#[tokio::test]
async fn the_calls_about_the_organization_itself() {
    let service = Service::start().await;
    let limit =
        json!({"content": {"pushApiMaximumDailyDocumentLimit": {"actualCount": 3, "limit": 9, "lastUpdate": 1000}}});
    service.always("GET", &format!("{ORGANIZATION}/limits"), answer(200, limit)).await;
    let status = json!({"status": "HEALTHY", "pauseState": "PAUSED", "paused": true});
    service.always("GET", &format!("{ORGANIZATION}/status"), answer(200, status)).await;
    service.always("POST", &format!("{ORGANIZATION}/resume"), ResponseTemplate::new(204)).await;
    service.always("POST", "/rest/privilege/evaluate", answer(200, json!({"approved": true}))).await;
    let platform = service.client().platform();
    let items = platform.limits().await.unwrap().daily_items().unwrap();
    assert_eq!((items.limit, items.actual_count), (9, Some(3)));
    assert_eq!(items.last_update.unwrap().as_str(), "1970-01-01T00:00:01.000Z");
    assert!(platform.organization_status().await.unwrap().is_paused());
    platform.resume_organization().await.unwrap();
    assert!(platform.has_privilege(Privilege::new("SOURCE", "EDIT")).on("s/1").await.unwrap());
    assert!(platform.has_privilege(Privilege::new("QUERY", "VIEW").owner("SEARCH_API")).await.unwrap());
    let mut sent = service.sent().await;
    let evaluate = |owner: &str, domain: &str, level: &str, target: &str| {
        let privilege = json!({"owner": owner, "targetDomain": domain, "type": level, "targetId": target});
        Some(json!({"organizationId": "my-org", "requestedPrivilege": privilege}))
    };
    let place = "/rest/privilege/evaluate";
    sent.pop().unwrap().is("POST", place, evaluate("SEARCH_API", "QUERY", "VIEW", "*"));
    sent.pop().unwrap().is("POST", place, evaluate("PLATFORM", "SOURCE", "EDIT", "s/1"));
    are(sent, vec![("GET", "/limits", None), ("GET", "/status", None), ("POST", "/resume", None)]);
}

#[tokio::test]
async fn the_security_cache_is_asked_for_one_identity_and_for_those_in_error() {
    let service = Service::start().await;
    let cache = format!("{ORGANIZATION}/securitycache/entities/My%20Provider");
    let state = json!({"name": "g", "type": "VIRTUAL_GROUP", "state": "UP_TO_DATE", "lastUpdateDate": 5_000});
    service.always("POST", &format!("{cache}/entity"), answer(200, state)).await;
    let errors = |name: &str| json!({"items": [{"name": name, "type": "User", "state": "IN_ERROR"}], "totalPages": 2});
    page(&service.server, &format!("{cache}/members"), "0", errors("a")).await;
    page(&service.server, &format!("{cache}/members"), "1", errors("b")).await;
    let identities = service.client().identities("My Provider");
    let state = identities.state(&Identity::virtual_group("g").additional_info("k", "v")).await.unwrap();
    assert_eq!(state.state(), IdentityCacheState::UpToDate);
    assert!(state.is_up_to_date_since(UNIX_EPOCH + Duration::from_secs(5)));
    let since = UNIX_EPOCH + Duration::from_millis(1_510_143_521_666);
    let names: Vec<_> =
        identities.in_error().since(since).await.unwrap().iter().map(|it| it.name().to_owned()).collect();
    assert_eq!(names, ["a", "b"]);
    let infos = json!([{"key": "k", "value": "v"}]);
    let body = json!({"name": "g", "provider": "My Provider", "type": "VirtualGroup", "infos": infos});
    let place = "/securitycache/entities/My%20Provider";
    let query = |page: u32| {
        format!(
            "{place}/members?states=IN_ERROR&page={page}&perPage=100&usePageModel=true&from=2017-11-08T12%3A18%3A41.666Z"
        )
    };
    are(
        service.sent().await,
        vec![("POST", &format!("{place}/entity"), Some(body)), ("GET", &query(0), None), ("GET", &query(1), None)],
    );
}

#[tokio::test]
async fn a_response_that_cannot_be_read_is_an_error_with_its_reason() {
    let service = Service::start().await;
    service.always("GET", &format!("{ORGANIZATION}/sources/a"), answer(200, json!({"id": 7}))).await;
    let error = service.client().platform().source("a").await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "`id` is 7, and not text");
}

#[tokio::test]
async fn a_platform_url_of_its_own_gets_the_calls_and_others_stay_where_they_were() {
    let (push, platform) = (Service::start().await, Service::start().await);
    let url = format!("{}/somewhere", platform.server.uri());
    let client = push.builder().platform_url(url).build().unwrap();
    platform.always("POST", "/somewhere/organizations/my-org/resume", ResponseTemplate::new(200)).await;
    client.platform().resume_organization().await.unwrap();
    let _ = client.items("s").push_container("f").await.unwrap();
    assert_eq!((platform.sent().await.len(), push.sent().await.len()), (1, 1));
}
