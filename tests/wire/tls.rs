//! TLS with a server on this machine: which certificates are trusted, and what is said of the others.

use std::sync::Arc;

use coveo_push::transport::SendErrorKind;
use coveo_push::{Error, reqwest};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use reqwest::Certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::support::builder;

/// A certificate for a host, signed by itself.
struct Own {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Own {
    fn new(host: &str, last_year: i32) -> Self {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_after = date_time_ymd(last_year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, key }
    }

    /// As a client trusts it.
    fn trusted(&self) -> Certificate {
        Certificate::from_der(&self.certificate).unwrap()
    }

    /// Serves with it, and accepts each request. Returns the address.
    async fn serve(self) -> String {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![self.certificate], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that does not trust it ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
                while !request.ends_with(b"}") {
                    let count = stream.read(&mut buffer).await.unwrap();
                    request.extend_from_slice(&buffer[..count]);
                }
                let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        address
    }
}

/// A call of a client that trusts this certificate alone.
async fn push(address: &str, trusted: Certificate) -> Result<(), Error> {
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]);
    let client = builder(address).http_client(http).build()?;
    let doc = coveo_push::DocumentBody::text("words");
    client.items("my-source").add_or_update("https://example.com/a", &doc).await.map(drop)
}

#[tokio::test]
async fn a_certificate_authority_of_ones_own_is_trusted_by_the_builder_of_the_http_client() {
    let own = Own::new("127.0.0.1", 2090);
    let trusted = own.trusted();
    push(&own.serve().await, trusted).await.unwrap();
}

#[tokio::test]
async fn a_server_whose_certificate_is_not_trusted_is_sent_nothing_and_not_asked_again() {
    let unknown = Own::new("127.0.0.1", 2090);
    let other_host = Own::new("other.example.com", 2090);
    let expired = Own::new("127.0.0.1", 2020);
    let trusted = [Own::new("127.0.0.1", 2090).trusted(), other_host.trusted(), expired.trusted()];
    for (own, trusted) in [unknown, other_host, expired].into_iter().zip(trusted) {
        let error = push(&own.serve().await, trusted).await.unwrap_err();
        let Error::Transport(failure) = &error else { panic!("{error}") };
        assert_eq!((failure.kind(), error.attempts()), (SendErrorKind::Certificate, 1), "{error}");
        assert!(!error.is_retryable() && !error.may_have_been_applied());
        let line = error.to_string();
        assert!(line.contains("no usable response: the certificate of the service is not trusted: "), "{line}");
        assert!(line.ends_with("; for a certificate authority of your own, see `PushClientBuilder::http_client`"));
    }
}
