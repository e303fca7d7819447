//! Security identity providers: created once for a source, and deleted.

use coveo_push::fake::FakePushApi;
use coveo_push::platform::{NewSecurityProvider, SecurityProviderModel};
use coveo_push::{Error, IdentityBody, Operation};
use serde_json::{Value, json};

use super::support::{count, empty, sent};

fn wiki() -> NewSecurityProvider {
    NewSecurityProvider::for_source("Wiki users", "source-1")
}

#[tokio::test(start_paused = true)]
async fn a_created_provider_takes_identities() {
    let (fake, client) = empty();
    let provider = client.platform().create_provider(wiki().display_name("The users")).await.unwrap();
    assert_eq!((provider.id(), provider.display_name()), ("Wiki users", Some("The users")));
    assert_eq!((provider.provider_type(), provider.identities_in_error()), (Some("EXPANDED"), Some(0)));
    assert_eq!(provider.source_ids().collect::<Vec<_>>(), ["source-1"]);
    let _ = client.identities("Wiki users").add_or_update(&IdentityBody::user("a")).await.unwrap();
    assert_eq!(fake.provider("Wiki users").identities().len(), 1);
    let request = fake.requests().into_iter().find(|it| it.operation() == Some(Operation::CreateSecurityProvider));
    let body: Value = serde_json::from_slice(request.unwrap().body()).unwrap();
    let email = json!({"id": "Email Security Provider", "name": "Email Security Provider", "type": "EMAIL"});
    assert_eq!(
        body,
        json!({
            "id": "Wiki users",
            "displayName": "The users",
            "type": "EXPANDED",
            "nodeRequired": false,
            "caseSensitive": false,
            "referencedBy": [{"id": "source-1", "type": "SOURCE"}],
            "cascadingSecurityProviders": {"EmailSecurityProvider": email},
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_has_the_id_is_found_and_not_written() {
    let (fake, client) = empty();
    let first = client.platform().create_provider(wiki()).await.unwrap();
    let second = client.platform().create_provider(wiki()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(count(&fake, Operation::CreateSecurityProvider), 1);
    assert_eq!(count(&fake, Operation::UpdateSecurityProvider), 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_of_another_source_gets_the_source_and_loses_nothing() {
    let (_fake, client) = empty();
    let platform = client.platform();
    platform.create_provider(wiki().display_name("The users").case_sensitive(true)).await.unwrap();
    let both = platform.create_provider(NewSecurityProvider::for_source("Wiki users", "source-2")).await.unwrap();
    assert_eq!(both.source_ids().collect::<Vec<_>>(), ["source-1", "source-2"]);
    assert_eq!(both.display_name(), Some("The users"));
    assert_eq!(both.get("caseSensitive"), Some(&json!(true)));
    assert!(both.get("cascadingSecurityProviders").is_some());
}

#[test]
fn a_reference_to_something_else_than_a_source_is_not_a_source() {
    let text = r#"{"id":"p","referencedBy":[{"id":"a","type":"SOURCE"},{"id":"b","type":"OTHER"},{"id":"c"},7]}"#;
    let provider: SecurityProviderModel = serde_json::from_str(text).unwrap();
    assert_eq!(provider.source_ids().collect::<Vec<_>>(), ["a"]);
    let provider: SecurityProviderModel = serde_json::from_str(r#"{"id":"p","referencedBy":null}"#).unwrap();
    assert_eq!(provider.source_ids().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_provider_is_gone() {
    let (_fake, client) = empty();
    let platform = client.platform();
    platform.create_provider(wiki()).await.unwrap();
    platform.delete_provider("Wiki users").await.unwrap();
    let push = client.identities("Wiki users").add_or_update(&IdentityBody::user("a")).await;
    for error in [
        platform.provider("Wiki users").await.unwrap_err(),
        platform.delete_provider("Wiki users").await.unwrap_err(),
        push.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotFound(_)), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_an_id_is_not_sent() {
    let (fake, client) = empty();
    let error = client.platform().create_provider(NewSecurityProvider::for_source("", "s")).await.unwrap_err();
    assert!(error.to_string().contains("the id of the provider is empty"), "{error}");
    assert_eq!(sent(&fake), []);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_organization_is_not_taken_for_a_provider_that_is_not_there() {
    let (fake, client) = empty();
    drop(client);
    let other = coveo_push::PushClient::builder("other", coveo_push::ApiKey::new("fake-key"));
    let client = other.base_url(fake.base_url()).transport(fake.clone()).build().unwrap();
    let error = client.platform().create_provider(wiki()).await.unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "ORGANIZATION_NOT_FOUND");
    assert_eq!(sent(&fake), [Operation::GetSecurityProvider]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_beyond_the_licence_is_refused() {
    let fake = FakePushApi::builder().provider("p").content_limit("numberOfSecurityProvidersLimit", 1).build();
    let error = fake.client().platform().create_provider(wiki()).await.unwrap_err();
    assert!(error.to_string().contains("numberOfSecurityProvidersLimit"), "{error}");
}
