//! TLS by the crypto provider that the program installs: one test, because the provider is that of the process.

#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use coveo_push::transport::ReqwestTransport;
use coveo_push::{ApiKey, Error, PushClient, PushClientBuilder, RetryPolicy, reqwest};

fn builder() -> PushClientBuilder {
    PushClient::builder("my-org", ApiKey::new("xx-key"))
}

#[tokio::test]
async fn without_a_provider_a_client_is_an_error_and_with_one_it_speaks_tls() {
    // Over plain http too: reqwest prepares TLS for every client.
    for without in [
        builder().build().map(drop),
        builder().base_url("http://127.0.0.1:1/push/v1").build().map(drop),
        builder().http_client(reqwest::Client::builder()).build().map(drop),
        ReqwestTransport::new(reqwest::Client::builder()).map(drop),
    ] {
        let error = without.unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error:?}");
        assert!(error.to_string().contains("install_default"), "{error}");
    }

    rustls::crypto::ring::default_provider().install_default().unwrap();
    assert!(builder().build().is_ok());
    // A server that answers in plain text: the handshake is tried, and fails.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};

        let (mut stream, _) = listener.accept().unwrap();
        let mut first = [0; 3];
        stream.read_exact(&mut first).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        first
    });
    let client = builder()
        .base_url(format!("https://{address}/push/v1"))
        .retry(RetryPolicy::none())
        .call_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let error = client.items("s").delete("https://example.com/a").await.unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "{error:?}");
    // A handshake of TLS 1.x.
    assert_eq!(server.join().unwrap()[..2], [0x16, 0x03]);
}
