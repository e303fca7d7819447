//! Ways to a host: names, addresses, proxies, and TLS that does not begin.

use std::time::Duration;

use coveo_push::transport::SendErrorKind;
use coveo_push::{ApiKey, DocumentBody, Error, PushClient, PushClientBuilder, RetryPolicy, reqwest};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::proxy::{Fate, KEY, Proxy, SOURCE, address, served, through};

fn builder(base_url: String) -> PushClientBuilder {
    PushClient::builder("my-org", ApiKey::new(KEY))
        .base_url(base_url)
        .http_client(reqwest::Client::builder().no_proxy())
        .retry(RetryPolicy::none())
}

async fn push(client: PushClient) -> Result<(), Error> {
    let items = client.items(SOURCE);
    let call = items.add_or_update("https://example.com/a", &DocumentBody::text("words"));
    timeout(Duration::from_secs(30), call.into_future()).await.expect("the call hangs").map(drop)
}

#[tokio::test]
async fn the_ipv6_address_of_this_machine_is_a_base_url() {
    let (fake, server) = served().await;
    let proxy = Proxy::on("[::1]:0", address(&server), |_| Fate::Carries).await;
    let client = builder(format!("http://[::1]:{}/push/v1", proxy.address().port())).build().unwrap();
    push(client).await.unwrap();
    assert_eq!(fake.source(SOURCE).len(), 1);
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn all_requests_of_a_client_go_through_the_forward_proxy_that_it_is_given() {
    let (fake, server) = served().await;
    let proxy = Proxy::start(address(&server), |_| Fate::Carries).await;
    push(through(&server, proxy.address()).build().unwrap()).await.unwrap();
    assert_eq!(fake.source(SOURCE).len(), 1);
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_with_its_cause() {
    let error = push(builder("https://push.invalid/push/v1".to_owned()).build().unwrap()).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(transport) if transport.kind() == SendErrorKind::Connect), "{error}");
    assert!(!error.may_have_been_applied());
    let text = error.to_string();
    assert!(text.contains("lookup") || text.contains("resolve") || text.contains("dns"), "{text}");
    assert!(!text.contains(KEY), "{text}");
}

#[tokio::test]
async fn a_tls_handshake_that_stalls_ends_with_the_time_to_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            silent.push(stream);
        }
    });
    let client = builder(format!("https://{address}/push/v1")).connect_timeout(Duration::from_millis(200));
    let error = push(client.build().unwrap()).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(_)), "{error}");
    assert!(!error.may_have_been_applied(), "{error}");
    assert!(error.to_string().contains("timed out") || error.to_string().contains("timeout"), "{error}");
}
