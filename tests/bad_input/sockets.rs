//! What only a socket can do: redirects that could be followed, answers that do not end.

use std::time::{Duration, Instant};

use coveo_push::transport::SendErrorKind;
use coveo_push::{ApiKey, Error, FileContainer, Host, Operation, PushClient, PushClientBuilder, RetryPolicy, reqwest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::calls::call;

fn builder(host: &str) -> PushClientBuilder {
    PushClient::builder("my-org", ApiKey::new("key"))
        .base_url(format!("{host}/push/v1"))
        .http_client(reqwest::Client::builder().no_proxy())
        .retry(RetryPolicy::none())
        .logs_calls(1_000, Duration::from_millis(1))
}

fn container(host: &str) -> FileContainer {
    FileContainer::new("f", format!("{host}/bucket/f?X-Amz-Signature=5ec4e7"), [])
}

#[tokio::test]
async fn no_redirect_of_any_kind_of_call_is_followed() {
    let target = MockServer::start().await;
    let service = MockServer::start().await;
    let client = builder(&service.uri()).build().unwrap();
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/elsewhere?from=here", target.uri());
        let away = ResponseTemplate::new(status).insert_header("location", location);
        let _redirects = Mock::given(any()).respond_with(away).mount_as_scoped(&service).await;
        for &operation in Operation::ALL {
            let error = call(&client, operation, &container(&service.uri())).await.unwrap_err();
            assert!(matches!(error, Error::UnexpectedStatus(_) | Error::Upload(_)), "{error}");
            assert_eq!(error.status().unwrap().as_u16(), status, "{error}");
            assert!(!error.is_retryable() && !error.may_have_been_applied(), "{error}");
            assert!(!format!("{error:?}").contains("from=here"), "{error:?}");
        }
    }
    assert!(target.received_requests().await.unwrap().is_empty());
}

/// Answers each connection with the head, and then with the parts, over and over, as fast as they are read
/// or one every so often.
async fn endless(head: &'static str, part: Vec<u8>, pause: Duration) -> String {
    async fn answer(mut stream: TcpStream, head: &str, part: &[u8], pause: Duration) {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(head.as_bytes()).await;
        while stream.write_all(part).await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let part = part.clone();
            tokio::spawn(async move { answer(stream, head, &part, pause).await });
        }
    });
    host
}

/// A chunk of so many bytes.
fn chunk(bytes: usize) -> Vec<u8> {
    format!("{bytes:x}\r\n{}\r\n", "x".repeat(bytes)).into_bytes()
}

#[tokio::test]
async fn chunks_without_end_are_read_up_to_1_mib_whatever_the_call() {
    let head = "HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n";
    let host = endless(head, chunk(60_000), Duration::ZERO).await;
    let client = builder(&host).build().unwrap();
    // Pages of the other hosts may be larger.
    let is_small = |operation: &&Operation| matches!(operation.host(), Host::Push | Host::Storage);
    for &operation in Operation::ALL.iter().filter(is_small) {
        let error = call(&client, operation, &container(&host)).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 500, "{error}");
        assert!(error.api().is_none_or(|api| api.body().len() == 16 * 1024), "{error}");
    }
}

#[tokio::test]
async fn a_container_that_does_not_end_is_an_error_and_not_waited_for() {
    let host = endless("HTTP/1.1 201 Created\r\n\r\n{\"fileId\":\"", vec![b'f'; 10_000], Duration::ZERO).await;
    let error = builder(&host).build().unwrap().file_containers().create().await.unwrap_err();
    assert!(matches!(&error, Error::Decode(decode) if decode.body().len() <= 16 * 1024), "{error}");
}

#[tokio::test]
async fn an_answer_that_comes_byte_by_byte_ends_with_the_time_of_the_attempt() {
    let drips = [
        ("HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n", chunk(1)),
        ("HTTP/1.1 202 Accepted\r\nx: ", b"y".to_vec()),
    ];
    for (head, drip) in drips {
        let host = endless(head, drip, Duration::from_millis(20)).await;
        let begin = Instant::now();
        let client = builder(&host).call_timeout(Duration::from_millis(300)).build().unwrap();
        let error = client.items("s").push_container("f").await.unwrap_err();
        assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Timeout), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn headers_without_end_are_an_error() {
    let host = endless("HTTP/1.1 202 Accepted\r\n", b"x-filler: y\r\n".repeat(500), Duration::ZERO).await;
    let error = builder(&host).build().unwrap().items("s").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(error.may_have_been_applied());
}

#[tokio::test]
async fn what_is_not_http_is_an_error_whatever_the_call() {
    let answers: [&'static str; 6] = [
        "HTTP/1.1 999999 Oh\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "HTTP/1.1 202 Accepted\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\na b: c\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nx: \0\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\nnot a length\r\n",
    ];
    for answer in answers {
        let host = endless(answer, b"\xff\xfe".to_vec(), Duration::from_millis(1)).await;
        let client =
            builder(&host).call_timeout(Duration::from_secs(20)).logs_timeout(Duration::from_secs(20)).build().unwrap();
        for &operation in Operation::ALL {
            let error = call(&client, operation, &container(&host)).await.unwrap_err();
            assert!(matches!(error, Error::Transport(_)), "{answer:?}: {error}");
            assert!(!format!("{error:?}").contains("5ec4e7"), "{error:?}");
        }
    }
}
