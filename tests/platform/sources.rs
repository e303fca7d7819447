//! Sources: created once, read, updated with all that was read, deleted.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::platform::{NewSource, SourceModel, SourceState, SourceVisibility};
use coveo_push::{DocumentBody, Error, Operation, Permissions, Rule, SourceStatus};
use serde_json::json;

use super::support::{count, empty, sent};

#[tokio::test(start_paused = true)]
async fn a_created_source_takes_pushes_and_tells_its_state_and_its_number_of_items() {
    let (fake, client) = empty();
    let platform = client.platform();
    let source = platform.create_source(NewSource::push("wiki").secured()).await.unwrap();
    assert!(source.id().starts_with("my-org-"), "{source:?}");
    let items = client.items(source.id());
    let doc = DocumentBody::text("words");
    let _ = items.add_or_update("https://a", &doc.clone().permissions(Permissions::public())).await.unwrap();
    let _ = items.add_or_update("https://b", &doc).await.unwrap();
    assert_eq!(fake.source(source.id()).dropped().len(), 1, "it is secured");
    let read = platform.source(source.id()).await.unwrap();
    assert_eq!((read.name(), read.source_type()), (Some("wiki"), Some("PUSH")));
    assert_eq!(read.visibility(), Some(SourceVisibility::Secured));
    assert_eq!((read.state(), read.number_of_documents()), (Some(SourceState::PushReady), Some(1)));
    assert_eq!(read.created().unwrap().to_system_time().map(seconds), Some(seconds(fake.now())));
    let _ = client.sources().set_status(source.id(), SourceStatus::Rebuild).await.unwrap();
    assert_eq!(platform.source(source.id()).await.unwrap().state(), Some(SourceState::Refreshing));
}

fn seconds(time: std::time::SystemTime) -> u64 {
    time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_created_catalog_source_takes_streams() {
    let (_fake, client) = empty();
    let source = client.platform().create_source(NewSource::catalog("shop").shared()).await.unwrap();
    let _ = client.catalog(source.id()).open_stream().await.unwrap();
    let error = client.items(source.id()).delete("https://a").await.unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "SOURCE_IS_STREAM_ENABLED");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_the_name_is_found_and_not_created_again() {
    let (fake, client) = empty();
    let platform = client.platform();
    // One character is too short for the service's filter.
    for name in ["wiki", "w"] {
        let first = platform.create_source(NewSource::push(name)).await.unwrap();
        let second = platform.create_source(NewSource::push(name)).await.unwrap();
        assert_eq!(first.id(), second.id());
    }
    platform.create_source(NewSource::push("wiki-2")).await.unwrap();
    assert_eq!(count(&fake, Operation::CreateSource), 3);
    let names: Vec<_> =
        platform.sources().await.unwrap().iter().filter_map(|it| it.name().map(str::to_owned)).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_of_the_name_with_another_type_or_visibility_is_an_error_that_says_so() {
    let (fake, client) = empty();
    let platform = client.platform();
    platform.create_source(NewSource::push("wiki").shared()).await.unwrap();
    for (wanted, differs) in [
        (NewSource::push("wiki").secured(), "its visibility is SHARED and not SECURED"),
        (NewSource::push("wiki").private(), "its visibility is SHARED and not PRIVATE"),
        (NewSource::catalog("wiki").shared(), "its type is PUSH and not CATALOG"),
    ] {
        let error = platform.create_source(wanted).await.unwrap_err();
        let Error::Invalid(invalid) = &error else { panic!("{error}") };
        assert_eq!(invalid.findings()[0].rule(), Rule::SourceDiffers);
        assert!(error.to_string().contains(differs), "{error}");
    }
    assert_eq!(count(&fake, Operation::CreateSource), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_without_a_name_is_not_sent() {
    let (fake, client) = empty();
    for name in ["", " \t"] {
        let error = client.platform().create_source(NewSource::push(name)).await.unwrap_err();
        assert!(error.to_string().contains("the name of the source is empty"), "{error}");
    }
    assert_eq!(sent(&fake), []);
}

#[tokio::test(start_paused = true)]
async fn an_update_writes_back_every_key_that_was_read() {
    let (fake, client) = empty();
    let platform = client.platform();
    let id = platform.create_source(NewSource::push("wiki")).await.unwrap().id().to_owned();
    let mapping = json!([{"kind": "COMMON", "fieldName": "a", "content": ["%[b]"]}]);
    let changed = platform.source(&id).await.unwrap().set("mappings", mapping.clone()).set("owner", 12);
    platform.update_source(&changed).await.unwrap();
    let read = platform.source(&id).await.unwrap();
    platform.update_source(&read.clone().set("sourceVisibility", "SHARED")).await.unwrap();
    let updated = platform.source(&id).await.unwrap();
    assert_eq!((updated.get("mappings"), updated.get("owner")), (Some(&mapping), Some(&json!(12))));
    assert_eq!(updated.set("sourceVisibility", "SECURED"), read);
    let update = fake.requests().into_iter().rfind(|it| it.operation() == Some(Operation::UpdateSource)).unwrap();
    assert_eq!(update.parameter("rebuild"), Some("false"));
}

#[test]
fn a_source_keeps_what_it_was_read_from_and_needs_its_id() {
    let text = r#"{"id":"a","large":18446744073709551615,"fraction":0.1,"nothing":null,"deep":{"list":[1,"b"]}}"#;
    let source: SourceModel = serde_json::from_str(text).unwrap();
    let expected: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&source).unwrap(), expected);
    assert_eq!((source.get("nothing"), source.name(), source.state()), (None, None, None));
    for (text, why) in [("{}", "missing field `id`"), (r#"{"id":1}"#, "not text"), ("[]", "JSON object")] {
        let error = serde_json::from_str::<SourceModel>(text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let dates = [r#"{"id":"a","createdDate":1510143521666}"#, r#"{"id":"a","createdDate":"2017-11-08T12:18:41.666Z"}"#];
    for text in dates {
        let source: SourceModel = serde_json::from_str(text).unwrap();
        assert_eq!(source.created().unwrap().as_str(), "2017-11-08T12:18:41.666Z");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_source_is_gone_with_its_items() {
    let (fake, client) = empty();
    let platform = client.platform();
    let id = platform.create_source(NewSource::push("wiki").shared()).await.unwrap().id().to_owned();
    let _ = client.items(&id).add_or_update("https://a", &DocumentBody::text("words")).await.unwrap();
    let view = fake.source(&id);
    platform.delete_source(&id).await.unwrap();
    assert!(view.is_empty());
    assert!(platform.sources().await.unwrap().is_empty());
    for error in [platform.source(&id).await.unwrap_err(), platform.delete_source(&id).await.unwrap_err()] {
        assert!(matches!(error, Error::NotFound(_)), "{error}");
    }
    assert!(client.items(&id).delete("https://a").await.unwrap_err().code().is_some());
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_sources_are_listed() {
    let fake = (0..250).fold(FakePushApi::builder(), |fake, number| fake.source(format!("source-{number:03}")));
    let fake = fake.build();
    let sources = fake.client().platform().sources().await.unwrap();
    let ids: Vec<_> = sources.iter().map(|source| source.id().to_owned()).collect();
    assert_eq!(ids, (0..250).map(|number| format!("source-{number:03}")).collect::<Vec<_>>());
    assert_eq!(count(&fake, Operation::ListSources), 3);
}

#[tokio::test(start_paused = true)]
async fn the_same_page_of_sources_again_is_the_end() {
    let fake = FakePushApi::builder().build();
    let page = r#"{"sourceModels":[{"id":"a","name":"wiki"},{"id":"b"}],"totalPages":4294967295}"#;
    fake.inject(Fault::on(Operation::ListSources).status(200).body(page).always());
    let sources = fake.client().platform().sources().await.unwrap();
    assert_eq!(sources.iter().map(SourceModel::id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(count(&fake, Operation::ListSources), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_beyond_the_licence_is_refused() {
    let fake = FakePushApi::builder().source("a").content_limit("numberOfSourcesLimit", 2).build();
    let platform = fake.client().platform();
    platform.create_source(NewSource::push("wiki")).await.unwrap();
    let error = platform.create_source(NewSource::push("shop")).await.unwrap_err();
    assert!(matches!(error, Error::PreconditionFailed(_)), "{error}");
    assert!(error.to_string().contains("numberOfSourcesLimit"), "{error}");
}
