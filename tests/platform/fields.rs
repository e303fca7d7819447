//! Fields: those that are missing are told and created, each with its result.

use coveo_push::fake::Fault;
use coveo_push::platform::{FieldModel, FieldOutcome, FieldType};
use coveo_push::{DocumentBody, Error, Operation, Rule};

use super::support::{count, empty, sent};

#[tokio::test(start_paused = true)]
async fn missing_fields_are_created_and_each_has_its_result() {
    let (fake, client) = empty();
    let platform = client.platform();
    let fields = [
        FieldModel::string("wikitags").multi_value_facet(true).description("The tags"),
        FieldModel::string("author"),
        FieldModel::string("size"),
        FieldModel::date("wikidate"),
        FieldModel::string("wikitags"),
    ];
    let results = platform.create_fields(fields.clone()).await.unwrap();
    let told: Vec<String> = results.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["wikitags: created", "author: exists", "size: exists with the type LONG", "wikidate: created"]);
    assert_eq!(results.iter().filter(|result| result.is_ready()).count(), 3);
    let again = platform.create_fields(fields).await.unwrap();
    assert_eq!(again[0].outcome(), &FieldOutcome::Exists);
    assert_eq!(count(&fake, Operation::CreateFields), 1, "nothing was missing the second time");
    let all = platform.fields().await.unwrap();
    let tags = all.iter().find(|field| field.name() == "wikitags").unwrap();
    assert_eq!(tags.field_type(), Some(FieldType::String));
    assert_eq!(tags.get("multiValueFacet"), Some(&true.into()));
}

#[tokio::test(start_paused = true)]
async fn keys_without_a_field_are_named_in_any_case_and_properties_are_none() {
    let (_fake, client) = empty();
    let platform = client.platform();
    let doc = DocumentBody::text("words")
        .title("title")
        .author("author")
        .metadata("WikiTags", "a")
        .metadata("pages", 12)
        .clickable_uri("https://a");
    let keys: Vec<&str> = doc.metadata.iter().map(|(key, _)| key).collect();
    let missing = platform.missing_fields(keys.iter().copied()).await.unwrap();
    assert_eq!(missing, ["pages", "WikiTags"]);
    platform.create_fields([FieldModel::string("wikitags")]).await.unwrap();
    assert_eq!(platform.missing_fields(keys).await.unwrap(), ["pages"]);
    let others = ["pages", "PAGES", "permissions", "Data", "documentId", "Title"];
    assert_eq!(platform.missing_fields(others).await.unwrap(), ["pages"]);
    assert_eq!(platform.missing_fields([""; 0]).await.unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn many_names_are_asked_for_in_parts() {
    let (fake, client) = empty();
    let fields: Vec<_> = (0..1_200).map(|number| FieldModel::string(format!("field{number}"))).collect();
    let results = client.platform().create_fields(fields).await.unwrap();
    assert!(results.len() == 1_200 && results.iter().all(|result| *result.outcome() == FieldOutcome::Created));
    assert_eq!((count(&fake, Operation::SearchFields), count(&fake, Operation::CreateFields)), (3, 3));
    assert_eq!(client.platform().fields().await.unwrap().len(), 1_214);
    let keys = (0..1_300).map(|number| format!("Field{number}"));
    assert_eq!(client.platform().missing_fields(keys).await.unwrap().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_field_can_have_is_not_sent() {
    let (fake, client) = empty();
    let fields = ["wikitags", "WikiTags", "1a", "a-b"].map(FieldModel::string);
    let error = client.platform().create_fields(fields).await.unwrap_err();
    let Error::Invalid(invalid) = &error else { panic!("{error}") };
    let wrong: Vec<_> = invalid.findings().iter().map(|finding| (finding.item(), finding.rule())).collect();
    assert_eq!(wrong, [("WikiTags", Rule::FieldName), ("1a", Rule::FieldName), ("a-b", Rule::FieldName)]);
    assert_eq!(sent(&fake), []);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_the_service_refuses_has_its_reason_and_one_that_it_does_not_mention_is_unknown() {
    let (fake, client) = empty();
    let body = r#"{"status":"IN_PROGRESS","batchOperationResourcesStatus":[
        {"resourceModel":{"name":"a"},"operationResult":"ERROR","errorDetails":"too many fields","successful":false},
        {"resourceModel":{"name":"b"},"operationResult":"ERROR","errorDetails":{"code":7}},
        {"resourceModel":{"name":"c"},"operationResult":"ERROR"},
        {"resourceModel":{"name":"d"},"successful":true},
        {"resourceModel":{"name":"e"}}]}"#;
    fake.inject(Fault::on(Operation::CreateFields).status(200).body(body));
    let fields = ["a", "b", "c", "d", "e", "f"].map(FieldModel::string);
    let results = client.platform().create_fields(fields).await.unwrap();
    let outcomes: Vec<String> = results.iter().map(|result| result.outcome().to_string()).collect();
    let expected =
        ["failed: too many fields", r#"failed: {"code":7}"#, "failed: the service gave no reason", "created"];
    assert_eq!(outcomes[..4], expected);
    assert_eq!(outcomes[4..], ["unknown", "unknown"]);
}

#[tokio::test(start_paused = true)]
async fn the_same_page_of_fields_again_is_the_end() {
    let (fake, client) = empty();
    let page = r#"{"items":[{"name":"wikitags"},{"name":"wikipages"}],"totalPages":4294967295}"#;
    fake.inject(Fault::on(Operation::SearchFields).status(200).body(page).always());
    let fields = client.platform().fields().await.unwrap();
    assert_eq!(fields.iter().map(FieldModel::name).collect::<Vec<_>>(), ["wikitags", "wikipages"]);
    assert_eq!(count(&fake, Operation::SearchFields), 2);
}
