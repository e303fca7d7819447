//! Neither the API key nor a presigned URL shows anywhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/canary.rs"]
mod canary;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, SendError, SendErrorKind, Transport};
use coveo_push::{
    ApiKey, BatchDocumentBody, BatchIdentityBody, BoxError, Credentials, CredentialsProvider, DocumentBody, Error,
    FileContainer, Identity, IdentityBody, MappedIdentityBody, PushClient, PushClientBuilder, RetryPolicy,
    SourceStatus, reqwest,
};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use self::canary::{
    ESCAPED_KEY, KEY, SIGNATURE, debug_is_clean, display_is_clean, error_is_clean, is_clean, presigned,
};

fn container(host: &str) -> FileContainer {
    let headers = [("x-amz-security-token".to_owned(), SIGNATURE.to_owned())];
    FileContainer::new("file", presigned(host), headers)
}

fn builder(host: &str) -> PushClientBuilder {
    without_http_client(host).http_client(reqwest::Client::builder().no_proxy())
}

fn without_http_client(host: &str) -> PushClientBuilder {
    PushClient::builder("my-org", ApiKey::new(KEY))
        .base_url(format!("{host}/push/v1"))
        .retry(RetryPolicy::default().max_attempts(2).base_delay(Duration::from_millis(1)))
}

/// Answers every request with one status and one body.
struct Always(u16, String);

impl Transport for Always {
    fn send(&self, _: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        let answer = Response::builder().status(self.0).header("x-amz-request-id", format!("id {KEY}"));
        let answer = answer.body(Bytes::from(self.1.clone())).unwrap();
        Box::pin(async { Ok(answer) })
    }
}

fn client_that_is_told(status: u16, body: impl Into<String>) -> PushClient {
    without_http_client("http://127.0.0.1:1").transport(Always(status, body.into())).build().unwrap()
}

/// Everything that a server might say with both canaries in it.
fn echoes() -> Vec<String> {
    let url = presigned("https://s3.example.com");
    let escaped = url.replace('/', "\\/");
    vec![
        format!(r#"{{"errorCode":"{KEY}","message":"the key {KEY} is unknown, see {url}"}}"#),
        format!(r#"{{"errorCode":"{ESCAPED_KEY}","message":"the key {ESCAPED_KEY}, see {escaped}"}}"#),
        format!(r#"{{"message":{{"key":"{KEY}","url":["{url}"]}}}}"#),
        format!("<html>\n<a href=\"{url}\">{KEY}</a></html>"),
        format!("{KEY}\n{url}"),
        // Where the kept part of the body ends.
        format!("{}{KEY}", "x".repeat(16 * 1024 - 5)),
        format!("{}{url}", "x".repeat(16 * 1024 - 30)),
    ]
}

#[test]
fn the_key_does_not_show() {
    debug_is_clean(&ApiKey::new(KEY));
    debug_is_clean(&Some(ApiKey::from(KEY)));
}

#[test]
fn the_builder_and_the_client_do_not_show_the_key() {
    debug_is_clean(&builder("http://127.0.0.1:1"));
    let client = builder("http://127.0.0.1:1").build().unwrap();
    debug_is_clean(&client);
    debug_is_clean(&client.with_credentials(ApiKey::new(SIGNATURE)));
}

#[test]
fn the_handles_do_not_show_the_key() {
    let client = builder("http://127.0.0.1:1").build().unwrap();
    debug_is_clean(&client.sources());
    debug_is_clean(&client.items("s"));
    debug_is_clean(&client.identities("p"));
    debug_is_clean(&client.file_containers());
}

#[tokio::test]
async fn what_is_printed_of_pushes_names_their_ids_and_the_organization_and_shows_no_key() {
    let client = builder("http://127.0.0.1:1").build().unwrap();
    let (items, identities) = (client.items("s").pusher().start(), client.identities("p").pusher().start());
    let (item, identity) = (DocumentBody::text("w"), IdentityBody::user("someone"));
    let names = |value: &dyn std::fmt::Debug, name: &str| {
        debug_is_clean(&value);
        assert!(format!("{value:?}").contains(name), "{value:?}");
    };
    names(&client, "my-org");
    names(&items.add_or_update("https://a", &item), "https://a");
    names(&items.delete("https://a"), "https://a");
    names(&identities.add_or_update(&identity), "PushIdentity");
    names(&identities.delete(&Identity::user("someone")), "PushIdentity");
}

#[test]
fn the_requests_do_not_show_the_key_or_a_presigned_url() {
    let client = builder("http://127.0.0.1:1").build().unwrap();
    let (items, identities, containers) = (client.items("s"), client.identities("p"), client.file_containers());
    debug_is_clean(&client.sources().set_status("s", SourceStatus::Idle));
    debug_is_clean(&items.add_or_update("https://a", &DocumentBody::text("w")).ordering_id(1));
    debug_is_clean(&items.add_or_update_json(KEY));
    debug_is_clean(&items.add_or_update_json(format!(r#"{{"data":"{KEY}"}}"#)).document_id("https://a"));
    debug_is_clean(&items.delete("https://a"));
    debug_is_clean(&items.push_container("f"));
    debug_is_clean(&items.push_batch(&BatchDocumentBody::new().delete("https://a")));
    debug_is_clean(&items.push_batch_json(format!(r#"{{"delete":["{KEY}"]}}"#)));
    debug_is_clean(&items.delete_older_than(1));
    debug_is_clean(&identities.add_or_update(&IdentityBody::user("u")));
    debug_is_clean(&identities.add_or_update_json(KEY));
    debug_is_clean(&identities.add_or_update_alias(&MappedIdentityBody::user("u")));
    debug_is_clean(&identities.delete(&Identity::user("u")));
    debug_is_clean(&identities.push_container("f"));
    debug_is_clean(&identities.push_batch(&BatchIdentityBody::new().delete(Identity::user("u"))));
    debug_is_clean(&identities.delete_older_than(1));
    debug_is_clean(&containers.create());
    debug_is_clean(&containers.upload(&container("https://s3.example.com"), SIGNATURE));
    debug_is_clean(&containers.store(KEY));
}

#[test]
fn a_container_does_not_show_its_url_or_the_values_of_its_headers() {
    debug_is_clean(&container("https://s3.example.com"));
}

#[test]
fn a_body_does_not_show_its_bytes() {
    let body = Body::from(format!("{KEY} {SIGNATURE}"));
    debug_is_clean(&body);
    debug_is_clean(&body.into_http_body());
}

#[tokio::test]
async fn a_key_that_comes_back_as_the_id_of_the_request_does_not_show() {
    const PLAIN: &str = "plain-key-5f0a";

    /// Has the key as the id of each request, in one place or the other.
    struct Echo(u16, bool);

    impl Transport for Echo {
        fn send(&self, _: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
            let Self(status, in_header) = *self;
            let answer = Response::builder().status(status);
            let answer = if in_header { answer.header("x-request-id", PLAIN) } else { answer };
            let body = format!(r#"{{"requestId":"{PLAIN}","orderingId":7}}"#);
            let answer = answer.body(if in_header { Bytes::new() } else { Bytes::from(body) }).unwrap();
            Box::pin(async { Ok(answer) })
        }
    }

    for (status, in_header) in [(202, true), (202, false), (400, true), (400, false)] {
        let client = PushClient::builder("my-org", ApiKey::new(PLAIN)).transport(Echo(status, in_header));
        let result = client.build().unwrap().catalog("c").update_container("f").await;
        let shown = match &result {
            Ok(accepted) => format!("{accepted:?} {:?}", accepted.request_id()),
            Err(error) => format!("{error} {error:?} {:?}", error.api().unwrap().request_id()),
        };
        assert_eq!(result.is_ok(), status == 202);
        assert!(!shown.contains(PLAIN), "{shown}");
    }
}

#[test]
fn a_transport_error_shows_its_kind() {
    debug_is_clean(&SendError::from(SendErrorKind::Disconnected));
    display_is_clean(&SendError::new(SendErrorKind::Disconnected, "a cause"));
}

#[tokio::test]
async fn a_request_that_a_transport_prints_does_not_show_the_key() {
    #[derive(Clone, Default)]
    struct Printing(Arc<Mutex<String>>);

    impl Transport for Printing {
        fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
            *self.0.lock().unwrap() = format!("{request:?}\n{request:#?}");
            Box::pin(async { Err(SendErrorKind::Request.into()) })
        }
    }

    let printing = Printing::default();
    let client = without_http_client("http://127.0.0.1:1").transport(printing.clone()).build().unwrap();
    client.items("s").add_or_update("https://a", &DocumentBody::text("w")).await.unwrap_err();
    let printed = printing.0.lock().unwrap().clone();
    assert!(printed.contains("authorization"), "{printed}");
    is_clean("a request", &printed);
}

#[tokio::test]
async fn no_error_of_the_push_api_shows_what_the_service_echoes() {
    for status in [206, 302, 400, 401, 403, 404, 412, 413, 415, 418, 429, 500, 503] {
        for echo in echoes() {
            let error = client_that_is_told(status, echo).items("s").push_container("f").await.unwrap_err();
            assert_eq!(error.status().unwrap().as_u16(), status);
            error_is_clean(&error);
        }
    }
}

#[tokio::test]
async fn no_error_of_the_storage_shows_what_it_echoes() {
    let container = container("https://s3.example.com");
    let url = presigned("https://s3.example.com");
    let xml = format!(
        "<Error><Code>{KEY}</Code><RequestId>{url}</RequestId><StringToSign>{SIGNATURE}</StringToSign></Error>"
    );
    for status in [206, 307, 400, 403, 404, 500] {
        for echo in echoes().into_iter().chain([xml.clone()]) {
            let client = client_that_is_told(status, echo);
            let error = client.file_containers().upload(&container, SIGNATURE).await.unwrap_err();
            assert!(matches!(error, Error::Upload(_)), "{error}");
            error_is_clean(&error);
        }
    }
}

#[tokio::test]
async fn no_container_that_cannot_be_read_shows_in_the_error() {
    let url = presigned("https://s3.example.com");
    let escaped = url.replace('/', "\\/");
    let mut answers = echoes();
    for url in [url, escaped] {
        answers.push(format!(r#"{{"uploadUri":"{url}"}}"#));
        answers.push(format!(r#"{{"uploadUri":"{url}","fileId":["{KEY}"]}}"#));
        answers.push(format!(r#"{{"uploadUri":"{url}","fileId":"f","requiredHeaders":"{url}"}}"#));
        answers.push(format!(r#"{{"uploadUri":"{url}","fileId":"f","requiredHeaders":{{"{url}":3}}}}"#));
        answers.push(format!(r#"{{"uploadUri":"{url}","uploadUri":"{url}"}}"#));
        answers.push(format!(r#"{{"uploadUri":"{url}"#));
        answers.push(format!(r#""{url}""#));
    }
    for answer in answers {
        let error = client_that_is_told(201, answer).file_containers().create().await.unwrap_err();
        assert!(matches!(error, Error::Decode(_) | Error::UnexpectedStatus(_)), "{error}");
        error_is_clean(&error);
    }
}

#[tokio::test]
async fn no_upload_that_is_refused_shows_its_url() {
    let client = builder("http://127.0.0.1:1").build().unwrap();
    let sign = |name: &str, value: &str| {
        let headers = [(name.to_owned(), value.to_owned())];
        FileContainer::new("file", presigned("http://127.0.0.1:1"), headers)
    };
    let refused = [
        container("http://example.com"),
        container("https://user:word@example.com"),
        container("ftp://example.com"),
        container("not a url"),
        sign("x-amz-token", &format!("{SIGNATURE}\n")),
        sign(&format!("{SIGNATURE} "), "x"),
        sign("authorization", KEY),
    ];
    for container in refused {
        let error = client.file_containers().upload(&container, "b").await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error}");
        error_is_clean(&error);
    }
}

#[tokio::test]
async fn no_transport_error_of_reqwest_shows_the_url_of_an_upload() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let answers: [Option<&'static [u8]>; 4] =
        [None, Some(b""), Some(b"220 smtp\r\n"), Some(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx")];
    let mut hosts = vec![format!("http://{closed}")];
    for answer in answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        hosts.push(format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                match answer {
                    // No answer at all.
                    None => std::mem::forget(stream),
                    Some(bytes) => {
                        let _ = stream.write_all(bytes).await;
                    }
                }
            }
        });
    }
    for host in hosts {
        let client = builder(&host).upload_timeout(Duration::from_millis(30)).build().unwrap();
        let error = client.file_containers().upload(&container(&host), Body::empty()).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error}");
        error_is_clean(&error);
    }
}

#[test]
fn no_configuration_error_shows_the_key() {
    for key in [format!("{KEY}\n{KEY}"), format!("{KEY}\u{7f}"), String::new()] {
        let error = PushClient::builder("o", ApiKey::new(key)).build().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
        error_is_clean(&error);
    }
    for base in ["nowhere", "http://example.com", "https://example.com/?x"] {
        error_is_clean(&builder("x").base_url(base).build().unwrap_err());
    }
}

#[tokio::test]
async fn a_provider_and_the_token_that_it_gave_do_not_show() {
    struct Vault(String);

    impl CredentialsProvider for Vault {
        fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
            Box::pin(async { Ok(ApiKey::new(self.0.as_str())) })
        }
    }

    let client = |token: &str, status, body: &str| {
        PushClient::builder("o", Credentials::provider(Vault(token.to_owned())))
            .base_url("http://127.0.0.1:1")
            .transport(Always(status, body.to_owned()))
            .retry(RetryPolicy::none())
            .build()
            .unwrap()
    };
    debug_is_clean(&client(KEY, 202, ""));
    for echo in echoes() {
        error_is_clean(&client(KEY, 401, &echo).items("s").push_container("f").await.unwrap_err());
        error_is_clean(&client(KEY, 201, &echo).file_containers().create().await.unwrap_err());
    }
    let error = client(&format!("{KEY}\n{KEY}"), 202, "").items("s").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    error_is_clean(&error);
}
