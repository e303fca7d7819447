//! Responses that come too early, or never end.

use std::net::SocketAddr;
use std::time::Duration;

use coveo_push::{ApiKey, DocumentBody, Error, FileContainer, PushClient, RetryPolicy, reqwest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::proxy::{KEY, SOURCE};

/// Answers each connection as soon as its first bytes arrive, without reading more, and closes it if asked to.
async fn early(response: Vec<u8>, repeat: Vec<u8>, closes: bool) -> SocketAddr {
    async fn answer(mut stream: TcpStream, response: &[u8], repeat: &[u8], closes: bool) {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(response).await;
        while !repeat.is_empty() && stream.write_all(repeat).await.is_ok() {}
        if !closes {
            // Reads and discards, so that the client can send its body.
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (response, repeat) = (response.clone(), repeat.clone());
            tokio::spawn(async move { answer(stream, &response, &repeat, closes).await });
        }
    });
    address
}

fn client(address: SocketAddr) -> PushClient {
    PushClient::builder("my-org", ApiKey::new(KEY))
        .base_url(format!("http://{address}/push/v1"))
        .http_client(reqwest::Client::builder().no_proxy())
        .retry(RetryPolicy::none())
        .build()
        .unwrap()
}

fn large() -> DocumentBody {
    DocumentBody::text("words ".repeat(800_000))
}

/// Sends an item of almost 5 MB.
async fn push_large(address: SocketAddr) -> Result<(), Error> {
    let items = client(address).items(SOURCE);
    let call = items.add_or_update("https://example.com/a", &large());
    timeout(Duration::from_secs(60), call.into_future()).await.expect("the call hangs").map(drop)
}

/// Uploads 20 MB.
async fn upload_large(address: SocketAddr) -> Result<(), Error> {
    let files = client(address).file_containers();
    let container = FileContainer::new("f", format!("http://{address}/bucket/f?X-Amz-Signature=5ec4e7"), []);
    let call = files.upload(&container, vec![b' '; 20_000_000]);
    timeout(Duration::from_secs(60), call.into_future()).await.expect("the call hangs").map(drop)
}

#[tokio::test]
async fn a_413_before_the_body_was_read_is_told_or_is_a_broken_connection() {
    let response = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    for closes in [true, false] {
        let address = early(response.clone(), Vec::new(), closes).await;
        for error in [push_large(address).await.unwrap_err(), upload_large(address).await.unwrap_err()] {
            // A closed connection can take the response with it.
            let is_told = error.status().is_some_and(|status| status.as_u16() == 413);
            assert!(is_told || (closes && matches!(error, Error::Transport(_))), "{error}");
            assert!(!format!("{error:?}{error}").contains("5ec4e7"), "{error:?}");
            assert!(!format!("{error:?}{error}").contains(KEY), "{error:?}");
        }
    }
}

#[tokio::test]
async fn an_upload_is_broken_when_its_success_arrives_before_its_body_was_taken() {
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    let address = early(response, Vec::new(), true).await;
    let error = upload_large(address).await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error}");
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn a_response_of_a_gigabyte_is_read_up_to_its_limit() {
    for status in ["202 Accepted", "500 Internal Server Error"] {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 1073741824\r\n\r\n").into_bytes();
        let address = early(head, vec![b'x'; 64 * 1024], true).await;
        let items = client(address).items(SOURCE);
        let call = items.add_or_update("https://example.com/a", &DocumentBody::text("words"));
        // The body of a success is not needed.
        let result = timeout(Duration::from_secs(20), call.into_future()).await.expect("the call hangs");
        assert_eq!(result.is_ok(), status.starts_with('2'), "{result:?}");
    }
}
