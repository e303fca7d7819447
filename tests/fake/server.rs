//! The HTTP server, with the client's own transport.

use std::time::Duration;

use coveo_push::fake::{ClockOffset, FakePushApi, FakeServer, Fault};
use coveo_push::transport::SendErrorKind;
use coveo_push::{
    ApiKey, BatchDocumentBody, DocumentBody, Error, IdentityBody, Operation, PushClient, PushClientBuilder,
    RetryPolicy, SecurityIdentityType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{PROVIDER, SOURCE, fake};

fn builder(server: &FakeServer) -> PushClientBuilder {
    PushClient::builder("my-org", ApiKey::new("fake-key")).base_url(server.base_url())
}

fn once(server: &FakeServer) -> PushClient {
    builder(server).retry(RetryPolicy::none()).build().unwrap()
}

async fn open() -> (FakePushApi, FakeServer) {
    let fake = fake();
    let server = fake.serve().await.unwrap();
    (fake, server)
}

#[tokio::test]
async fn the_http_server_takes_items_batches_and_identities() {
    let (fake, server) = open().await;
    let client = once(&server);
    let items = client.items(SOURCE);
    let _ = items.add_or_update("https://a/ü b", &DocumentBody::text("words")).await.unwrap();
    let _ = items.push_batch(&BatchDocumentBody::new().add_or_update("https://b", DocumentBody::new())).await.unwrap();
    let _ = items.delete("https://b").await.unwrap();
    let _ = client.identities(PROVIDER).add_or_update(&IdentityBody::group("g")).await.unwrap();
    assert_eq!(fake.source(SOURCE).document_ids(), ["https://a/ü b"]);
    assert!(fake.provider(PROVIDER).identity("g", SecurityIdentityType::Group).is_some());
    assert!(fake.requests().iter().all(|request| request.status().unwrap().is_success()));
}

#[tokio::test]
async fn the_transport_and_the_http_server_share_one_state() {
    let (fake, server) = open().await;
    let _ = once(&server).items(SOURCE).add_or_update("https://a", &DocumentBody::new()).await.unwrap();
    let _ = fake.client().items(SOURCE).delete("https://a").await.unwrap();
    assert!(fake.source(SOURCE).is_empty());
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn an_upload_goes_to_the_same_port() {
    let (_, server) = open().await;
    let container = once(&server).file_containers().create().await.unwrap();
    assert!(container.upload_uri().starts_with(&format!("http://{}/storage/", server.address())));
    once(&server).file_containers().upload(&container, vec![7; 1 << 20]).await.unwrap();
}

#[tokio::test]
async fn refusals_are_the_same_over_http() {
    let (_, server) = open().await;
    let error = once(&server).items("other").delete("https://a").await.unwrap_err();
    assert_eq!(error.code().unwrap().as_str(), "SOURCE_DOES_NOT_EXIST");
}

#[tokio::test]
async fn a_reset_breaks_the_connection_before_or_after_the_work() {
    for (fault, held) in
        [(Fault::on_any().reset_before(), 0), (Fault::on_any().no_connection(), 0), (Fault::on_any().reset_after(), 1)]
    {
        let (fake, server) = open().await;
        let client = once(&server);
        // A connection that was used before is one that a client may hold for dead.
        let _ = client.items(SOURCE).delete("https://a").await.unwrap();
        fake.inject(fault);
        let error = client.items(SOURCE).add_or_update("https://a", &DocumentBody::new()).await.unwrap_err();
        let Error::Transport(error) = error else { panic!("{error}") };
        assert_eq!(error.kind(), SendErrorKind::Closed);
        assert_eq!(fake.source(SOURCE).len(), held);
    }
}

#[tokio::test]
async fn a_client_that_retries_gets_through() {
    let (fake, server) = open().await;
    fake.inject(Fault::on_any().reset_before());
    fake.inject(Fault::on_any().status(503));
    let quick = RetryPolicy::default().base_delay(Duration::from_millis(1));
    let client = builder(&server).retry(quick).build().unwrap();
    let accepted = client.items(SOURCE).add_or_update("https://a", &DocumentBody::new()).await.unwrap();
    assert_eq!(accepted.attempts(), 3);
}

#[tokio::test]
async fn the_date_over_http_is_by_the_service_s_clock_or_left_out() {
    let (fake, server) = open().await;
    let day = Duration::from_secs(86_400);
    fake.set_clock_offset(ClockOffset::Ahead(day));
    let delete = || once(&server).items(SOURCE).delete("https://a");
    let date = delete().await.unwrap().server_time().unwrap();
    assert!(date > std::time::SystemTime::now() + day - Duration::from_secs(60));
    fake.inject(Fault::on_any().without_date());
    assert_eq!(delete().await.unwrap().server_time(), None);
}

#[tokio::test]
async fn a_dropped_server_no_longer_answers() {
    let (_, server) = open().await;
    let client = once(&server);
    let _ = client.items(SOURCE).delete("https://a").await.unwrap();
    drop(server);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let error = client.items(SOURCE).delete("https://a").await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
}

#[tokio::test]
async fn any_client_can_talk_to_it() {
    let (fake, server) = open().await;
    let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let request = "POST /push/v1/organizations/my-org/sources/my-source/status?statusType=REBUILD HTTP/1.1\r\n\
                   Host: localhost\r\nAuthorization: Bearer fake-key\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n") && answer.ends_with("\r\n\r\n{}"), "{answer}");
    assert_eq!(fake.requests()[0].operation(), Some(Operation::SetSourceStatus));
}

#[tokio::test]
async fn a_bodyless_request_without_its_length_is_refused_over_http() {
    let (_, server) = open().await;
    let mut socket = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let request = "POST /push/v1/organizations/my-org/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                   Authorization: Bearer fake-key\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411 "), "{answer}");
}
