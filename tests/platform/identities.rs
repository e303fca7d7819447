//! What became of pushed identities, by the security cache.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::platform::{IdentityCacheState, IdentityState, IdentityUpdateResult};
use coveo_push::{Error, Identity, IdentityBody, Operation, SecurityIdentityType};
use serde_json::Value;

use super::support::count;

fn fake() -> FakePushApi {
    FakePushApi::builder().provider("p").build()
}

#[tokio::test(start_paused = true)]
async fn the_state_of_an_identity_tells_whether_a_push_has_arrived() {
    let fake = fake();
    let identities = fake.client().identities("p");
    let staff = Identity::group("Staff");
    let before = fake.now();
    let body = IdentityBody::new(staff.clone()).member(Identity::user("asmith"));
    let _ = identities.add_or_update(&body).await.unwrap();
    fake.pass_time(Duration::from_secs(10));
    let after = fake.now();
    let state = identities.state(&staff).await.unwrap();
    assert_eq!((state.name(), state.identity_type()), ("Staff", Some(SecurityIdentityType::Group)));
    assert_eq!((state.state(), state.error_detail()), (IdentityCacheState::UpToDate, None));
    assert_eq!(state.last_result(), Some(IdentityUpdateResult::Success));
    // The cache tells milliseconds.
    assert!(state.is_up_to_date_since(before - Duration::from_millis(1)) && !state.is_up_to_date_since(after));
    let member = identities.state(&Identity::user("asmith")).await.unwrap();
    assert_eq!((member.state(), member.last_update()), (IdentityCacheState::NotUpdated, None));
    assert!(!member.is_up_to_date_since(before));
    let _ = identities.delete(&staff).await.unwrap();
    assert_eq!(identities.state(&staff).await.unwrap().state(), IdentityCacheState::Disabled);
    let error = identities.state(&Identity::user("Staff")).await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_question_names_the_identity_as_permissions_do() {
    let fake = fake();
    let identities = fake.client().identities("p");
    let group = Identity::virtual_group("g").additional_info("k", "v");
    let _ = identities.add_or_update(&IdentityBody::new(group.clone())).await.unwrap();
    identities.state(&group).await.unwrap();
    let body: Value = serde_json::from_slice(fake.requests()[1].body()).unwrap();
    let infos = serde_json::json!([{"key": "k", "value": "v"}]);
    assert_eq!(body, serde_json::json!({"name": "g", "provider": "p", "type": "VirtualGroup", "infos": infos}));
}

#[tokio::test(start_paused = true)]
async fn identities_in_error_are_listed_with_their_reasons_since_a_time() {
    let fake = fake();
    fake.reject_identities(|provider, identity| {
        assert_eq!(provider, "p");
        identity.name.starts_with("bad").then(|| format!("`{}` is no account", identity.name))
    });
    let identities = fake.client().identities("p");
    for name in ["bad-1", "good", "bad-2"] {
        let _ = identities.add_or_update(&IdentityBody::user(name)).await.unwrap();
        fake.pass_time(Duration::from_secs(60));
    }
    let told = |all: Vec<IdentityState>| -> Vec<String> {
        all.iter().map(|it| format!("{}: {}", it.name(), it.error_detail().unwrap())).collect()
    };
    let all = told(identities.in_error().await.unwrap());
    assert_eq!(all, ["bad-1: `bad-1` is no account", "bad-2: `bad-2` is no account"]);
    let recent = identities.in_error().since(fake.now() - Duration::from_secs(90)).await.unwrap();
    assert_eq!(told(recent), ["bad-2: `bad-2` is no account"]);
    let state = identities.state(&Identity::user("bad-1")).await.unwrap();
    assert_eq!(state.state(), IdentityCacheState::InError);
    assert_eq!(fake.provider("p").identities()[0].error(), Some("`bad-1` is no account"));
    // It counts as unknown for the permissions of items.
    fake.reject_identities(|_, _| None);
    let _ = identities.add_or_update(&IdentityBody::user("bad-1")).await.unwrap();
    assert_eq!(told(identities.in_error().await.unwrap()).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_identities_in_error_are_listed() {
    let fake = fake();
    fake.reject_identities(|_, _| Some("no".to_owned()));
    let identities = fake.client().identities("p");
    let batch = (0..250).fold(coveo_push::BatchIdentityBody::new(), |batch, number| {
        batch.add_or_update(IdentityBody::user(format!("user-{number}")))
    });
    let _ = identities.push_batch(&batch).await.unwrap();
    assert_eq!(identities.in_error().await.unwrap().len(), 250);
    assert_eq!(count(&fake, Operation::ListIdentityStates), 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_a_plain_list_or_ignores_the_filters_is_read_as_well() {
    let all = r#"[{"name":"a","type":"User","state":"IN_ERROR","lastUpdateDate":1000},
        {"name":"b","type":"User","state":"UP_TO_DATE","lastUpdateDate":9000},
        {"name":"c","type":"Group","state":"IN_ERROR","lastUpdateDate":"1970-01-01T00:00:09Z"},
        {"name":"d","type":"Group","state":"IN_ERROR"}]"#;
    let fake = fake();
    fake.inject(Fault::on(Operation::ListIdentityStates).status(200).body(all).always());
    let since = std::time::UNIX_EPOCH + Duration::from_secs(5);
    let found = fake.client().identities("p").in_error().since(since).await.unwrap();
    let names: Vec<_> = found.iter().map(IdentityState::name).collect();
    assert_eq!(names, ["c", "d"], "one without a date might be recent");
    assert_eq!(count(&fake, Operation::ListIdentityStates), 2, "the same page again is the end");
}

#[test]
fn a_state_that_the_service_does_not_tell_is_unknown_and_a_new_word_is_kept() {
    for (text, state) in [
        (r#"{"name":"a"}"#, IdentityCacheState::Unknown),
        (r#"{"name":"a","state":null}"#, IdentityCacheState::Unknown),
        (r#"{"name":"a","state":"out_of_date"}"#, IdentityCacheState::OutOfDate),
        (r#"{"name":"a","state":"LOST"}"#, IdentityCacheState::Other("LOST".to_owned())),
    ] {
        let identity: IdentityState = serde_json::from_str(text).unwrap();
        assert_eq!(identity.state(), state);
        assert!(!identity.is_up_to_date_since(std::time::UNIX_EPOCH));
    }
}
