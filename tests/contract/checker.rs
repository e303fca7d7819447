//! A check that finds nothing has to be one that could find something: each kind of difference, found
//! against a small contract that was made up for it.

use coveo_push::{Identity, RetryPolicy, SourceStatus};
use serde_json::{Value, json};

use crate::contract::{Contract, Schema};
use crate::exchanges::{Exchange, PROVIDER, SOURCE, Watched};
use crate::schema::{Found, Names};
use crate::{answers, operations, requests};

const DELETE: &str = "/organizations/{organizationId}/sources/{sourceId}/documents";

/// A contract of one operation.
fn contract(path: &str, method: &str, call: Value) -> Contract {
    let mut call = call;
    call["tags"] = json!(["A tag"]);
    // JSON is YAML.
    Contract::parse(
        &json!({
            "schemes": ["https"],
            "host": "api.cloud.coveo.com/push",
            "basePath": "/v1",
            "paths": {path: {method: call}},
            "definitions": {"Deleted": {
                "type": "object",
                "properties": {"identity": {"type": "object", "properties": {"name": {"type": "string"}}}},
            }},
        })
        .to_string(),
    )
}

/// The exchange of one call.
async fn passed<R: IntoFuture>(call: impl FnOnce(&coveo_push::PushClient) -> R) -> Vec<Exchange> {
    let watched = Watched::new();
    let builder = watched.fake.client_builder().transport(watched.clone()).retry(RetryPolicy::none());
    let _ = call(&builder.build().unwrap()).await;
    watched.take()
}

async fn deletion() -> Vec<Exchange> {
    passed(|client| client.items(SOURCE).delete("https://a").delete_children(true).ordering_id(7)).await
}

fn whats(differences: &Names) -> Vec<&str> {
    differences.iter().map(|(_, what)| what.as_str()).collect()
}

fn query(name: &str, kind: &str) -> Value {
    json!({"name": name, "in": "query", "type": kind})
}

#[tokio::test]
async fn a_path_or_a_method_that_the_contract_does_not_have_is_found() {
    let anything = json!({"responses": {}});
    for (path, method) in [("/organizations/{organizationId}/documents", "delete"), (DELETE, "put")] {
        let found = requests::check(&contract(path, method, anything.clone()), &deletion().await);
        assert_eq!(whats(&found.differences), ["is no operation of the contract"]);
    }
}

#[tokio::test]
async fn a_name_or_a_value_of_the_query_that_the_contract_does_not_have_is_found() {
    let parameters = json!([
        query("documentId", "integer"),
        {"name": "deleteChildren", "in": "query", "type": "string", "enum": ["yes", "no"]},
        {"name": "x", "in": "query", "type": "string", "required": true},
    ]);
    let contract = contract(DELETE, "delete", json!({"responses": {}, "parameters": parameters}));
    let found = requests::check(&contract, &deletion().await);
    assert_eq!(
        whats(&found.differences),
        [
            "`deleteChildren` is none of its words: true",
            "`documentId` is not of the type integer: https://a",
            "the query has an unknown `orderingId`",
            "the query lacks `x`",
        ]
    );
}

#[tokio::test]
async fn a_number_of_the_query_that_is_out_of_its_range_is_found() {
    for (limit, value) in [("format", json!("int32")), ("minimum", json!(4_294_967_297_i64))] {
        let mut ordering_id = query("orderingId", "integer");
        ordering_id["format"] = json!("int64");
        ordering_id[limit] = value;
        let parameters = json!([query("documentId", "string"), query("deleteChildren", "boolean"), ordering_id]);
        let contract = contract(DELETE, "delete", json!({"responses": {}, "parameters": parameters}));
        let deletion =
            passed(|client| client.items(SOURCE).delete("https://a").delete_children(true).ordering_id(4_294_967_296));
        let found = requests::check(&contract, &deletion.await);
        assert_eq!(whats(&found.differences), ["`orderingId` is out of its range: 4294967296"]);
    }
}

#[tokio::test]
async fn what_the_contract_declares_and_nothing_sends_is_found() {
    let parameters = json!([
        query("documentId", "string"),
        query("deleteChildren", "boolean"),
        query("orderingId", "integer"),
        {"name": "x", "in": "query", "type": "string", "enum": ["y"]},
    ]);
    let contract = contract(DELETE, "delete", json!({"responses": {}, "parameters": parameters}));
    let found = requests::check(&contract, &deletion().await);
    assert_eq!(whats(&found.differences), [""; 0]);
    assert_eq!(whats(&requests::unsent(&contract, &found).differences), ["`x=y` is never sent", "`x` is never sent"]);
}

#[tokio::test]
async fn a_body_that_the_contract_does_not_have_or_that_it_requires_is_found() {
    let identity = || passed(|client| client.identities(PROVIDER).delete(&Identity::user("u")));
    let path = "/organizations/{organizationId}/providers/{providerId}/permissions";
    let found = requests::check(&contract(path, "delete", json!({"responses": {}})), &identity().await);
    assert_eq!(whats(&found.differences), ["has a body"]);

    let body = json!([{"name": "b", "in": "body", "required": true, "schema": {"$ref": "#/definitions/Deleted"}}]);
    let call = json!({"responses": {}, "parameters": body, "produces": ["text/xml"]});
    let found = requests::check(&contract(path, "delete", call), &identity().await);
    assert_eq!(
        whats(&found.differences),
        [
            "`type` is unknown",
            "does not accept what the operation produces",
            "has a content type that the operation does not consume"
        ]
    );

    let path = "/organizations/{organizationId}/sources/{sourceId}/status";
    let status = passed(|client| client.sources().set_status(SOURCE, SourceStatus::Idle)).await;
    let parameters = json!([body[0], query("statusType", "string")]);
    let call = json!({"responses": {}, "parameters": parameters, "consumes": ["application/json"]});
    let found = requests::check(&contract(path, "post", call), &status);
    assert_eq!(whats(&found.differences), ["has no body"]);
}

#[tokio::test]
async fn a_key_in_a_batch_that_the_contract_does_not_have_is_found() {
    let path = "/organizations/{organizationId}/sources/{sourceId}/documents/batch";
    let call = json!({"responses": {}, "parameters": [query("fileId", "string")]});
    let batch = r#"{"DELETE":[{"documentId":"https://a"}]}"#;
    let found = requests::check(
        &contract(path, "put", call),
        &passed(|client| client.items(SOURCE).push_batch_json(batch)).await,
    );
    let batch: Vec<&str> = whats(&found.differences).into_iter().filter(|what| !what.starts_with("is no")).collect();
    assert_eq!(batch, ["the batch has an unknown `DELETE`"]);
}

#[test]
fn a_value_that_is_not_that_of_its_schema_is_found() {
    let schema: Schema = serde_json::from_value(json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string", "enum": ["A"]}},
            "count": {"type": "integer", "format": "int32"},
            "inner": {"$ref": "#/definitions/Deleted"},
        },
    }))
    .unwrap();
    let contract = contract("/", "get", json!({"responses": {}}));
    for (value, expected) in [
        (json!({"name": "n", "list": ["A"], "count": 1, "inner": {"identity": {"name": "i"}}}), ""),
        (json!([]), "`body` is of the type array and not object"),
        (json!({}), "`name` is missing"),
        (json!({"name": null}), "`name` is of the type null and not string"),
        (json!({"name": "n", "list": "A"}), "`list` is of the type string and not array"),
        (json!({"name": "n", "list": ["a"]}), "`list` is none of its words: a"),
        (json!({"name": "n", "count": 1.5}), "`count` is of the type number and not integer"),
        (json!({"name": "n", "count": 2_147_483_648_i64}), "`count` is out of its range: 2147483648"),
        (json!({"name": "n", "more": 1}), "`more` is unknown"),
        (json!({"name": "n", "inner": {"identity": {"name": 1}}}), "`name` is of the type number and not string"),
    ] {
        let mut found = Found::default();
        found.json(&contract, &schema, &value, "place", "body");
        assert_eq!(whats(&found.differences).join("; "), expected, "{value}");
    }
}

#[tokio::test]
async fn an_answer_that_the_contract_does_not_declare_is_found() {
    let found = answers::check(&contract(DELETE, "delete", json!({"responses": {"201": {}}})), &deletion().await);
    assert_eq!(whats(&found.differences), ["is answered with 202"]);

    let declared = json!({"responses": {"202": {"schema": {"type": "object"}}}});
    let found = answers::check(&contract(DELETE, "delete", declared), &deletion().await);
    assert_eq!(whats(&found.differences), ["`body` is of the type null and not object"]);
}

#[test]
fn an_operation_that_only_one_of_the_two_has_is_found() {
    let found = operations(&contract("/nowhere", "get", json!({"responses": {}})));
    assert!(found.differences.contains(&("A tag".to_owned(), "is no operation of the crate".to_owned())));
    assert!(found.differences.contains(&("items.delete".to_owned(), "is no operation of the contract".to_owned())));
}
