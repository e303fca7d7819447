//! Any answer of the platform API and of the security cache.

use std::fmt::Debug;
use std::time::SystemTime;

use coveo_push::platform::{
    FieldModel, IdentityState, LicenceLimits, NewSecurityProvider, NewSource, OrganizationStatus, Privilege,
    SecurityProviderModel, SourceModel,
};
use coveo_push::{Error, Identity};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::models::is_kept;
use super::{Answering, InTurn, block_on, client, line_without_key};

/// The first answer of a text as each model; and all of them, one after the other, to each kind of call.
pub(crate) fn check(text: &[u8]) {
    let (first, _) = super::split(text, super::BETWEEN);
    let json = Answering::of_text(first).body;
    models(&json);
    block_on(async {
        if let Ok(source) = serde_json::from_slice::<SourceModel>(&json) {
            update_keeps_all_keys(&source, &json).await;
        }
        calls(text).await;
    });
}

fn models(json: &[u8]) {
    if let Some(source) = all_is_kept::<SourceModel>(json) {
        let _ = (source.name(), source.source_type(), source.visibility(), source.state(), source.created());
        assert_eq!(source.get("id").unwrap(), source.id());
    }
    if let Some(provider) = all_is_kept::<SecurityProviderModel>(json) {
        let _ = (provider.identities_in_error(), format!("{provider:?}"));
    }
    if let Some(field) = all_is_kept::<FieldModel>(json) {
        assert_eq!(field.get("name").unwrap(), field.name());
        let _ = field.field_type();
    }
    if let Some(limits) = all_is_kept::<LicenceLimits>(json) {
        for limit in limits.iter() {
            assert_eq!(limits.get(&limit.section, &limit.key), Some(limit));
        }
    }
    if let Some(status) = all_is_kept::<OrganizationStatus>(json) {
        let _ = (status.is_paused(), status.is_resuming(), status.is_read_only(), status.health());
    }
    if let Some(identity) = all_is_kept::<IdentityState>(json) {
        let _ = (identity.identity_type(), identity.last_result(), identity.error_detail());
        // What was never updated is not up to date.
        assert!(identity.last_update().is_some() || !identity.is_up_to_date_since(SystemTime::UNIX_EPOCH));
    }
}

/// What a model reads it keeps: every key, known or not.
fn all_is_kept<T: Serialize + DeserializeOwned + Debug + PartialEq>(json: &[u8]) -> Option<T> {
    is_kept::<T>(json);
    let read: T = serde_json::from_slice(json).ok()?;
    let told: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), told);
    Some(read)
}

/// An update writes back what was read, and the key that was set.
async fn update_keeps_all_keys(source: &SourceModel, json: &[u8]) {
    let service = Answering::new(StatusCode::BAD_REQUEST);
    let changed = source.clone().set("sourceVisibility", "PRIVATE");
    drop(client(service.clone()).platform().update_source(&changed).await);
    let mut told: Value = serde_json::from_slice(json).unwrap();
    told["sourceVisibility"] = "PRIVATE".into();
    let sent = std::mem::take(&mut *service.sent.lock().unwrap());
    for request in sent {
        let body = request.into_body().into_bytes().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), told);
    }
}

async fn calls(text: &[u8]) {
    let platform = || client(InTurn::of_text(text)).platform();
    if let Some(source) = reply(platform().source("s").await) {
        assert!(source.get("id").is_some());
    }
    reply(platform().sources().await);
    if let Some(source) = reply(platform().create_source(NewSource::push("wiki")).await) {
        // One that was found is as the new one would be, as far as it says.
        assert!(source.get("id").is_some());
    }
    reply(platform().provider("p").await);
    reply(platform().create_provider(NewSecurityProvider::for_source("Wiki users", "s")).await);
    reply(platform().fields().await);
    if let Some(missing) = reply(platform().missing_fields(["wikitags"]).await) {
        assert!(missing.is_empty() || missing == ["wikitags"]);
    }
    if let Some(results) = reply(platform().create_fields([FieldModel::string("wikitags")]).await) {
        assert_eq!(results.iter().map(|result| result.name()).collect::<Vec<_>>(), ["wikitags"]);
    }
    reply(platform().limits().await);
    reply(platform().organization_status().await);
    reply(platform().has_privilege(Privilege::new("SOURCE", "VIEW")).await);
    let identities = || client(InTurn::of_text(text)).identities("p");
    reply(identities().state(&Identity::user("a")).await);
    reply(identities().in_error().await);
}

fn reply<T>(result: Result<T, Error>) -> Option<T> {
    result.map_err(|error| line_without_key(&error)).ok()
}
