//! The organization: its limits, whether it is paused, and the privileges of the key.

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::platform::{NewSource, OrganizationStatus, Privilege};
use coveo_push::{ApiKey, DocumentBody, Error, ErrorCode, Host, Identity, Operation};

use super::support::empty;

#[tokio::test(start_paused = true)]
async fn the_limits_are_told_with_their_use() {
    let fake = FakePushApi::builder().source("a").content_limit("pushApiMaximumDailyDocumentLimit", 7_000).build();
    let limits = fake.client().platform().limits().await.unwrap();
    let sources = limits.get("content", "numberOfSourcesLimit").unwrap();
    assert_eq!((sources.limit, sources.actual_count), (25, Some(1)));
    assert!(sources.last_update.unwrap().to_system_time().is_some());
    assert_eq!(limits.daily_items().unwrap().limit, 7_000);
    assert_eq!(limits.get("content", "other"), None);
    assert_eq!(limits.iter().count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_paused_organization_is_told_and_woken() {
    let (fake, client) = empty();
    let platform = client.platform();
    let source = platform.create_source(NewSource::push("wiki").shared()).await.unwrap();
    assert!(!platform.organization_status().await.unwrap().is_paused());
    fake.pause_organization();
    let push = || client.items(source.id()).add_or_update("https://a", &DocumentBody::text("words"));
    assert_eq!(push().await.unwrap_err().code(), Some(&ErrorCode::OrganizationIsPaused));
    let status = platform.organization_status().await.unwrap();
    assert!(status.is_paused() && !status.is_read_only());
    assert_eq!((status.health(), status.pause_state()), (Some("HEALTHY"), Some("PAUSED")));
    platform.resume_organization().await.unwrap();
    let _ = push().await.unwrap();
}

#[test]
fn the_status_is_read_with_and_without_its_flags() {
    for (text, paused, resuming) in [
        (r#"{"pauseState":"PAUSED"}"#, true, false),
        (r#"{"pauseState":"RESUMING","paused":false}"#, false, true),
        (r#"{"paused":true}"#, true, false),
        (r#"{"paused":null}"#, false, false),
        ("{}", false, false),
    ] {
        let status: OrganizationStatus = serde_json::from_str(text).unwrap();
        assert_eq!((status.is_paused(), status.is_resuming()), (paused, resuming), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_without_a_privilege_is_told_which_one_the_call_needs() {
    let fake = FakePushApi::builder().source("a").provider("p").push_key("push-key").build();
    let client = fake.client().with_credentials(ApiKey::new("push-key"));
    let platform = client.platform();
    let _ = client.items("a").delete("https://a").await.unwrap();
    let create = Privilege::new("SOURCE", "CREATE");
    assert!(!platform.has_privilege(create).await.unwrap());
    assert!(fake.client_builder().build().unwrap().platform().has_privilege(create).on("a").await.is_ok());
    let errors = [
        (platform.sources().await.unwrap_err(), "SOURCE VIEW"),
        (platform.delete_source("a").await.unwrap_err(), "SOURCE EDIT"),
        (platform.provider("p").await.unwrap_err(), "SECURITY_PROVIDER VIEW"),
        (platform.delete_provider("p").await.unwrap_err(), "SECURITY_PROVIDER EDIT"),
        (platform.missing_fields(["a"]).await.unwrap_err(), "FIELD VIEW"),
        (platform.limits().await.unwrap_err(), "ORGANIZATION VIEW"),
        (platform.organization_status().await.unwrap_err(), "ORGANIZATION VIEW"),
        (client.identities("p").state(&Identity::user("u")).await.unwrap_err(), "SECURITY_PROVIDER VIEW"),
        (client.identities("p").in_error().await.unwrap_err(), "SECURITY_PROVIDER VIEW"),
    ];
    for (error, privilege) in errors {
        assert!(matches!(error, Error::AccessDenied(_)), "{error}");
        let needed = format!("the call needs a key with the privilege {privilege}");
        assert!(error.to_string().contains(&needed), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_told_the_privilege_as_well_and_a_firewall_is_not_one() {
    let (fake, client) = empty();
    let unknown = client.with_credentials(ApiKey::new("unknown"));
    let error = unknown.platform().create_source(NewSource::push("wiki")).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)) && error.to_string().contains("SOURCE VIEW"), "{error}");
    fake.inject(Fault::on(Operation::CreateSource).status(403).header("x-coveo-waf-action", "block"));
    let error = client.platform().create_source(NewSource::push("wiki")).await.unwrap_err();
    assert!(error.to_string().contains("firewall") && !error.to_string().contains("privilege"), "{error}");
}

#[test]
fn every_call_of_the_platform_api_but_two_names_its_privilege() {
    let of_platform = Operation::ALL.iter().filter(|operation| operation.host() == Host::Platform);
    let unnamed: Vec<_> = of_platform.filter(|operation| operation.privilege().is_none()).collect();
    assert_eq!(unnamed, [&Operation::ResumeOrganization, &Operation::EvaluatePrivilege]);
}

#[tokio::test(start_paused = true)]
async fn every_form_of_an_error_is_read() {
    for (body, code, message, request_id) in [
        (r#"{"message":"No.","errorCode":"A_CODE","requestID":"ab-1"}"#, Some("A_CODE"), "No.", Some("ab-1")),
        (r#"{"title":"Bad","detail":"No.","status":400,"type":"x"}"#, None, "No.", None),
        (r#"{"title":"Bad","code":"B_CODE"}"#, Some("B_CODE"), "Bad", None),
    ] {
        let (fake, client) = empty();
        fake.inject(Fault::on(Operation::GetLimits).status(400).body(body));
        let error = client.platform().limits().await.unwrap_err();
        assert_eq!(error.code().map(ErrorCode::as_str), code);
        let api = error.api().unwrap();
        assert_eq!((api.message(), api.request_id()), (Some(message), request_id));
    }
}
