//! Where requests go.

use coveo_push::{ApiKey, Error, PushApiUrl, PushClient, RetryPolicy, SourceStatus, reqwest};

use super::support::{BATCH, Reply, Service, Socket, builder, fast};

#[tokio::test]
async fn a_slash_at_the_end_of_the_base_url_makes_no_difference() {
    let service = Service::start().await;
    for end in ["", "/", "///"] {
        let base = format!("{}/push/v1{end}", service.server.uri());
        let client = service.builder().base_url(base).build().unwrap();
        let _ = client.items("my-source").push_container("f").await.unwrap();
    }
    for sent in service.sent().await {
        assert_eq!(sent.target, format!("{BATCH}?fileId=f"));
    }
}

#[tokio::test]
async fn a_client_for_a_push_api_url_goes_to_its_host_and_organization() {
    let service = Service::start().await;
    let url = format!("{}/push/v1/organizations/my%20org/sources/my-source/documents", service.server.uri());
    let url: PushApiUrl = url.parse().unwrap();
    let client = PushClient::builder_for(&url, ApiKey::new("k"))
        .http_client(reqwest::Client::builder().no_proxy())
        .retry(fast())
        .build()
        .unwrap();
    let _ = client.sources().set_status(url.source_id(), SourceStatus::Idle).await.unwrap();
    let target = "/push/v1/organizations/my%20org/sources/my-source/status?statusType=IDLE";
    assert_eq!(service.only().await.target, target);
}

#[tokio::test]
async fn ids_that_are_a_step_in_the_path_or_nothing_are_refused() {
    let service = Service::start().await;
    for id in ["", ".", ".."] {
        let client = service.client();
        let errors = [
            client.items(id).push_container("f").await.unwrap_err(),
            client.identities(id).push_container("f").await.unwrap_err(),
            client.sources().set_status(id, SourceStatus::Idle).await.unwrap_err(),
        ];
        for error in errors {
            assert!(matches!(&error, Error::Invalid(e) if e.findings()[0].rule().code() == "path-segment"), "{error}");
        }
    }
    assert!(service.sent().await.is_empty());
}

#[test]
fn plain_http_is_refused_unless_it_is_loopback_or_allowed() {
    for host in ["http://example.com", "http://10.0.0.1:80", "http://localhost.example.com", "http://127.0.0.1.nip.io"]
    {
        let error = builder(host).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains("plain http"), "{error}");
        assert!(builder(host).allow_plain_http(true).build().is_ok());
    }
    for host in
        ["http://127.0.0.1:1", "http://127.8.8.8", "http://localhost:1", "http://[::1]:1", "https://example.com"]
    {
        assert!(builder(host).build().is_ok(), "{host}");
    }
}

/// The environment is that of the process, so this test runs itself in another one.
#[tokio::test]
async fn guarantee_10_no_proxy_of_the_environment_sees_plain_http() {
    const BASE_URL: &str = "COVEO_PUSH_TEST_BASE_URL";
    if let Ok(base_url) = std::env::var(BASE_URL) {
        let client = PushClient::builder("my-org", ApiKey::new("key")).base_url(base_url).build().unwrap();
        let _ = client.items("my-source").push_container("f").await.unwrap();
        return;
    }
    let service = Service::start().await;
    let proxy = Socket::start([Reply::answer("202 Accepted", "null")]).await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "addresses::guarantee_10_no_proxy_of_the_environment_sees_plain_http"]);
    child.env(BASE_URL, format!("{}/push/v1", service.server.uri()));
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        child.env(variable, &proxy.host);
    }
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!((service.sent().await.len(), proxy.heads()), (1, Vec::new()));
}

/// The environment is that of the process, so this test runs itself in another one.
#[tokio::test]
async fn guarantee_10_the_proxy_of_the_environment_only_connects_for_https() {
    const IS_CHILD: &str = "COVEO_PUSH_TEST_HTTPS_PROXY";
    if std::env::var(IS_CHILD).is_ok() {
        let client = PushClient::builder("my-org", ApiKey::new("xx-proxied-key")).retry(RetryPolicy::none());
        let client = client.base_url("https://push.example.com/push/v1").build().unwrap();
        assert!(client.items("my-source").push_container("f").await.is_err());
        return;
    }
    let proxy = Socket::start([Reply::answer("502 Bad Gateway", "")]).await;
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "addresses::guarantee_10_the_proxy_of_the_environment_only_connects_for_https"]);
    child.env(IS_CHILD, "yes");
    for variable in ["https_proxy", "HTTPS_PROXY"] {
        child.env(variable, &proxy.host);
    }
    for variable in ["no_proxy", "NO_PROXY"] {
        child.env_remove(variable);
    }
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let heads = proxy.heads();
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert!(heads[0].starts_with("CONNECT push.example.com:443 HTTP/1.1\r\n"), "{heads:?}");
    assert!(!heads[0].contains("xx-proxied-key"), "{heads:?}");
}
