//! Containers as a hostile service would hand them out.

use coveo_push::{ApiKey, Error, FileContainer, PushClient};
use http::StatusCode;

use super::checks::{Answering, block_on};

/// Uploads into a container of this URI and these headers, and returns what was sent.
fn sent(base: &str, uri: &str, headers: &[(&str, &str)]) -> Result<http::Request<coveo_push::transport::Body>, Error> {
    let transport = Answering::new(StatusCode::OK);
    let builder = PushClient::builder("my-org", ApiKey::new("key")).base_url(base).transport(transport.clone());
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let container = FileContainer::new("f", uri, headers);
    block_on(builder.build().unwrap().file_containers().upload(&container, "bytes").into_future())?;
    let mut sent = transport.sent.lock().unwrap();
    assert_eq!(sent.len(), 1);
    Ok(sent.remove(0))
}

const CLOUD: &str = "https://api.cloud.coveo.com/push/v1";
const HERE: &str = "http://127.0.0.1:8080/push/v1";

#[test]
fn no_bytes_go_over_plain_http_to_a_host_that_only_looks_like_this_machine() {
    let hosts = [
        "127.0.0.1.example.com",
        "localhost.example.com",
        "localhost.",
        "example.com",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "[::]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "%6cocalhost",
        "metadata.google.internal",
    ];
    for host in hosts {
        for base in [CLOUD, HERE] {
            let error = sent(base, &format!("http://{host}/f?X-Amz-Signature=1"), &[]).unwrap_err();
            assert!(matches!(error, Error::Invalid(_)), "{error}");
        }
    }
}

#[test]
fn bytes_go_over_plain_http_to_this_machine_only_when_the_service_is_there() {
    for host in ["127.0.0.1", "127.0.0.2:9000", "localhost:9000", "LOCALHOST", "[::1]:9000"] {
        let uri = format!("http://{host}/f");
        assert!(matches!(sent(CLOUD, &uri, &[]), Err(Error::Invalid(_))), "{host}");
        assert_eq!(sent(HERE, &uri, &[]).unwrap().uri().to_string().to_lowercase(), uri.to_lowercase());
    }
}

#[test]
fn no_bytes_go_by_another_scheme_or_to_a_uri_that_is_none() {
    let uris = [
        "",
        "/f",
        "f",
        "//example.com/f",
        "example.com/f",
        "ftp://example.com/f",
        "file:///etc/passwd",
        "ws://a/f",
        "javascript:alert(1)",
        "data:,x",
        "https://",
        "https:///f",
        "https:example.com",
        "https://a b/f",
        "https://a/f\r\nx: y",
        "https://a/f\0",
        "https://[::1/f",
        "https://user@a/f",
        "https://user:word@a/f",
        "https://@a/f",
        "https://a%0d%0a@b/f",
        "\u{feff}https://a/f",
    ];
    for uri in uris {
        let error = sent(CLOUD, uri, &[]).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{uri:?}: {error}");
        assert!(!error.to_string().contains("word"), "{error}");
    }
}

#[test]
fn a_uri_of_any_length_is_used_whole_or_refused() {
    for length in [1_000, 60_000, 70_000, 2_000_000] {
        let uri = format!("https://a/f?X-Amz-Signature={}", "5".repeat(length));
        match sent(CLOUD, &uri, &[]) {
            Ok(request) => assert_eq!(request.uri().to_string(), uri),
            Err(Error::Invalid(error)) => assert!(length > 60_000 && error.to_string().len() < 500, "{error}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_fragment_is_not_sent() {
    assert_eq!(sent(CLOUD, "https://a/f?b=1#c", &[]).unwrap().uri().to_string(), "https://a/f?b=1");
}

#[test]
fn no_required_header_becomes_two_or_takes_the_place_of_one_of_ours() {
    let bad = [
        ("x-a", "b\r\nx-c: d"),
        ("x-a", "b\nx-c: d"),
        ("x-a", "b\rx-c: d"),
        ("x-a", "b\0"),
        ("x-a\r\nx-c", "d"),
        ("x-a: b\r\nx-c", "d"),
        ("x-a:", "b"),
        (" x-a", "b"),
        ("x-a ", "b"),
        ("", "b"),
        ("é", "b"),
        (":authority", "example.com"),
        (":path", "/"),
        ("AUTHORIZATION", "Bearer x"),
        ("hOST", "example.com"),
        ("content-LENGTH", "0"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-amz-server-side-encryption"),
    ];
    for header in bad {
        let error = sent(CLOUD, "https://a/f", &[("x-first", "1"), header]).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{header:?}: {error}");
        let shown = error.to_string();
        assert!(!shown.contains(char::is_control) && !shown.contains("x-c"), "{shown}");
    }
}

#[test]
fn a_required_header_is_sent_byte_for_byte() {
    for value in ["", " a ", "\ta\t", "a, b;c=\"d\"", "é", "a\u{80}b"] {
        let request = sent(CLOUD, "https://a/f", &[("x-amz-meta", value)]).unwrap();
        assert_eq!(request.headers()["x-amz-meta"].as_bytes(), value.as_bytes());
        assert_eq!(request.headers().get("authorization"), None);
    }
}
