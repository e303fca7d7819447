//! The upload into a file container.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use coveo_push::transport::{Body, ByteStream};
use coveo_push::{BatchDocumentBody, BoxError, Error, FileContainer, Operation, RetryPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wiremock::ResponseTemplate;

use super::support::{BATCH, FILES, OURS, Reply, SIGNATURE, Service, Socket, builder};

/// What the storage answers.
fn xml(status: u16, code: &str) -> ResponseTemplate {
    saying(status, code, "m")
}

/// What the storage answers for a presigned URI that has expired.
fn expired() -> ResponseTemplate {
    saying(403, "AccessDenied", "Request has expired")
}

fn saying(status: u16, code: &str, message: &str) -> ResponseTemplate {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>REQ-1</RequestId><HostId>h</HostId></Error>"
    );
    ResponseTemplate::new(status).set_body_raw(body, "application/xml")
}

/// A body of three chunks that counts how often it is opened.
fn stream(opened: &Arc<AtomicU32>) -> Body {
    let opened = Arc::clone(opened);
    Body::reopenable(9, move || {
        opened.fetch_add(1, Ordering::SeqCst);
        chunks(["abc", "def", "ghi"].map(|part| Ok(Bytes::from_static(part.as_bytes()))))
    })
}

fn chunks<const N: usize>(chunks: [Result<Bytes, BoxError>; N]) -> ByteStream {
    Box::pin(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn an_upload_has_the_required_headers_its_length_and_nothing_that_was_not_asked_for() {
    let service = Service::start().await;
    service.client().file_containers().upload(&service.container(), "bytes").await.unwrap();
    let sent = service.only().await;
    assert_eq!((sent.method.as_str(), &*sent.target), ("PUT", &*format!("/bucket/file-1?{SIGNATURE}")));
    assert_eq!(sent.body, b"bytes");
    let headers = [
        ("accept", "*/*"),
        ("content-length", "5"),
        ("content-type", "application/octet-stream"),
        ("user-agent", OURS),
        ("x-amz-server-side-encryption", "AES256"),
    ];
    assert_eq!(sent.all_headers(), headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn an_upload_of_a_container_that_asks_for_no_header_has_none_but_its_length() {
    let service = Service::start().await;
    let container = FileContainer::new("f", service.container().upload_uri(), []);
    service.client().file_containers().upload(&container, "bytes").await.unwrap();
    let names: Vec<String> = service.only().await.all_headers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accept", "content-length", "user-agent"]);
}

#[tokio::test]
async fn a_required_user_agent_is_sent_as_it_was_asked_for() {
    let service = Service::start().await;
    let headers = [("User-Agent".to_owned(), "signed/1".to_owned())];
    let container = FileContainer::new("f", service.container().upload_uri(), headers);
    service.client().file_containers().upload(&container, "bytes").await.unwrap();
    assert_eq!(service.only().await.header("user-agent"), Some("signed/1"));
}

#[tokio::test]
async fn an_upload_goes_over_the_socket_with_its_length_without_a_key_and_not_in_chunks() {
    for (body, expected) in
        [(Body::from("123456789"), &b"123456789"[..]), (stream(&Arc::default()), b"abcdefghi"), (Body::empty(), b"")]
    {
        let socket = Socket::start([Reply::answer("200 OK", "")]).await;
        let container = FileContainer::new("f", format!("{}/b/f?{SIGNATURE}", socket.host), []);
        builder(&socket.host).build().unwrap().file_containers().upload(&container, body).await.unwrap();
        let head = socket.heads()[0].to_lowercase();
        assert!(head.contains(&format!("\r\ncontent-length: {}", expected.len())), "{head}");
        assert!(!head.contains("transfer-encoding") && !head.contains("authorization"), "{head}");
        assert_eq!(socket.bodies(), [expected]);
    }
}

#[tokio::test]
async fn a_presigned_uri_is_used_as_it_is() {
    let socket = Socket::start([Reply::answer("200 OK", "")]).await;
    let target = "/b/a%2Fb%2fc~d%20e+f?X-Amz-Credential=AK%2F2026%2fs3&X-Amz-SignedHeaders=host%3Bx&sig=a%2Bb%3D=&x";
    let container = FileContainer::new("f", format!("{}{target}", socket.host), []);
    builder(&socket.host).build().unwrap().file_containers().upload(&container, "b").await.unwrap();
    assert_eq!(socket.heads()[0].lines().next(), Some(&*format!("PUT {target} HTTP/1.1")));
}

#[tokio::test]
async fn a_stream_is_opened_again_and_sent_whole_on_a_retry() {
    let refused = Reply::answer("503 Service Unavailable", "");
    let socket = Socket::start([refused.clone(), refused, Reply::answer("200 OK", "")]).await;
    let container = FileContainer::new("f", format!("{}/b/f", socket.host), []);
    let opened = Arc::default();
    builder(&socket.host).build().unwrap().file_containers().upload(&container, stream(&opened)).await.unwrap();
    assert_eq!(socket.bodies(), [b"abcdefghi"; 3]);
    assert_eq!(opened.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn bytes_are_sent_whole_on_a_retry() {
    let service = Service::start().await;
    service.first("PUT", "/bucket/file-1", [xml(500, "InternalError")]).await;
    service.client().file_containers().upload(&service.container(), "bytes").await.unwrap();
    assert!(
        service.sent().await.iter().all(|sent| sent.body == b"bytes" && sent.header("content-length") == Some("5"))
    );
}

#[tokio::test]
async fn a_stream_that_is_not_as_long_as_it_said_fails_the_attempt() {
    for (length, reply) in [(4, Reply::answer("200 OK", "")), (2, Reply::Silence)] {
        let socket = Socket::start([reply]).await;
        let container = FileContainer::new("f", format!("{}/b/f", socket.host), []);
        let body = Body::reopenable(length, || chunks([Ok(Bytes::from_static(b"abc"))]));
        let client = builder(&socket.host).build().unwrap();
        let error = client.file_containers().upload(&container, body).retry(RetryPolicy::none()).await.unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{length}: {error}");
    }
}

#[tokio::test]
async fn only_an_expired_or_unknown_container_takes_a_fresh_one_and_that_once() {
    for refusal in [expired(), xml(400, "ExpiredToken"), xml(403, "ExpiredToken"), xml(404, "NoSuchBucket")] {
        let service = Service::start().await;
        service.first("PUT", "/bucket/file-1", [refusal]).await;
        let container = service.client().file_containers().store("bytes").await.unwrap();
        assert_eq!(container.file_id(), "file-2");
        let files = format!("POST {FILES}");
        assert_eq!(service.steps().await, [&*files, "PUT /bucket/file-1", &*files, "PUT /bucket/file-2"]);
    }
    for refusal in [
        xml(403, "AccessDenied"),
        xml(403, "SignatureDoesNotMatch"),
        ResponseTemplate::new(403),
        ResponseTemplate::new(403).set_body_string("<html>Your session has expired</html>"),
        saying(400, "InvalidArgument", "the header has expired"),
    ] {
        let service = Service::start().await;
        service.first("PUT", "/bucket/file-1", [refusal]).await;
        let error = service.client().file_containers().store("bytes").await.unwrap_err();
        assert!(matches!(&error, Error::Upload(upload) if !upload.needs_fresh_container()), "{error}");
        assert_eq!(service.steps().await.len(), 2);
    }
}

#[tokio::test]
async fn a_batch_goes_on_with_the_fresh_container() {
    for refusal in [expired(), xml(400, "ExpiredToken")] {
        let service = Service::start().await;
        service.first("PUT", "/bucket/file-1", [refusal]).await;
        let batch = BatchDocumentBody::new().delete("https://a");
        let pushed = service.client().items("my-source").push_batch(&batch).await.unwrap();
        assert_eq!(pushed.file_id(), Some("file-2"));
        assert_eq!(service.sent().await.last().unwrap().target, format!("{BATCH}?fileId=file-2"));
    }
}

#[tokio::test]
async fn a_second_403_is_an_upload_error() {
    let service = Service::start().await;
    service.first("PUT", "/bucket/file-1", [expired()]).await;
    service.first("PUT", "/bucket/file-2", [expired()]).await;
    let error = service.client().file_containers().store("bytes").await.unwrap_err();
    let Error::Upload(upload) = &error else { panic!("{error}") };
    assert_eq!((upload.status().as_u16(), upload.code(), upload.call().attempts()), (403, Some("AccessDenied"), 1));
    assert!(upload.needs_fresh_container());
    assert_eq!(service.sent().await.len(), 4);
}

#[tokio::test]
async fn a_fresh_container_is_not_taken_when_nothing_may_be_tried_again() {
    let service = Service::start().await;
    service.first("PUT", "/bucket/file-1", [expired()]).await;
    let error = service.client().file_containers().store("bytes").retry(RetryPolicy::none()).await.unwrap_err();
    assert!(matches!(error, Error::Upload(_)), "{error}");
    assert_eq!(service.sent().await.len(), 2);
}

#[tokio::test]
async fn a_403_of_an_upload_alone_is_not_tried_again() {
    let service = Service::start().await;
    service.first("PUT", "/bucket/file-1", [xml(403, "SignatureDoesNotMatch")]).await;
    let error = service.client().file_containers().upload(&service.container(), "b").await.unwrap_err();
    assert!(!error.is_retryable() && !error.may_have_been_applied());
    assert_eq!((error.attempts(), error.operation()), (1, Some(Operation::UploadToContainer)));
}

#[tokio::test]
async fn what_the_storage_says_will_pass_is_tried_again_and_nothing_else() {
    for (status, code, passes) in [
        (500, "InternalError", true),
        (502, "x", true),
        (503, "ServiceUnavailable", true),
        (503, "SlowDown", true),
        (504, "x", true),
        (400, "RequestTimeout", true),
        (429, "SlowDown", true),
        (400, "EntityTooLarge", false),
        (404, "NoSuchBucket", false),
        (411, "MissingContentLength", false),
        (501, "x", false),
    ] {
        let service = Service::start().await;
        service.first("PUT", "/bucket/file-1", [xml(status, code)]).await;
        let uploaded = service.client().file_containers().upload(&service.container(), "b").await;
        assert_eq!(
            (uploaded.is_ok(), service.sent().await.len()),
            (passes, 1 + usize::from(passes)),
            "{status} {code}"
        );
        assert!(uploaded.err().is_none_or(|error| matches!(error, Error::Upload(_))), "{status} {code}");
    }
}

#[tokio::test]
async fn a_redirect_of_the_storage_is_an_error_and_is_not_followed() {
    let target = Socket::start([Reply::answer("200 OK", "")]).await;
    let service = Service::start().await;
    let away = ResponseTemplate::new(307).insert_header("location", format!("{}/x", target.host));
    service.always("PUT", "/bucket/file-1", away).await;
    let error = service.client().file_containers().upload(&service.container(), "b").await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 307);
    assert!(target.heads().is_empty());
}

#[tokio::test]
async fn an_error_of_the_storage_has_its_code_message_and_request_id_on_one_line() {
    let (short, long) = ("A".repeat(64), "A".repeat(65));
    let header = ResponseTemplate::new(404).insert_header("x-amz-request-id", "REQ-2");
    for (answer, code, id) in [
        (xml(404, "NoSuchBucket"), Some("NoSuchBucket"), "REQ-1"),
        (xml(404, "A"), Some("A"), "REQ-1"),
        (xml(404, &short), Some(&*short), "REQ-1"),
        // Too long for a name.
        (xml(404, &long), None, "REQ-1"),
        (header, None, "REQ-2"),
    ] {
        let service = Service::start().await;
        service.always("PUT", "/bucket/file-1", answer).await;
        let error = service.client().file_containers().upload(&service.container(), "b").await.unwrap_err();
        let Error::Upload(upload) = &error else { panic!("{error}") };
        assert_eq!((upload.code(), upload.request_id()), (code, Some(id)));
        assert_eq!(upload.message(), (id == "REQ-1").then_some("m"));
        let code = code.map_or_else(String::new, |code| format!(" {code}"));
        let code = if id == "REQ-1" { code + ": m" } else { code };
        let line = format!("the storage answered 404{code} (request id {id})");
        assert_eq!(error.to_string(), format!("file_containers.upload: {line}"));
    }
}

#[tokio::test]
async fn guarantee_10_the_message_of_the_storage_is_shown_without_the_signature() {
    let service = Service::start().await;
    let signature = SIGNATURE.rsplit('=').next().unwrap();
    let message = format!("The signature {signature} of https://s3/x?{SIGNATURE} &amp; others\n&lt;has&gt; expired");
    service.always("PUT", "/bucket/file-1", saying(403, "AccessDenied", &message)).await;
    let error = service.client().file_containers().upload(&service.container(), "b").await.unwrap_err();
    let Error::Upload(upload) = &error else { panic!("{error}") };
    let shown = format!("{error} {error:?} {upload:?}");
    assert!(!shown.contains(signature), "{shown}");
    let line = "403 AccessDenied: The signature [redacted] of https://s3/x?[redacted] & others <has> expired (request";
    assert!(error.to_string().contains(line), "{error}");
}

#[tokio::test]
async fn an_upload_waits_as_long_as_the_storage_asks() {
    let service = Service::start().await;
    let patience = RetryPolicy::default().base_delay(Duration::from_millis(1));
    service.always("PUT", "/bucket/file-1", xml(503, "SlowDown").insert_header("retry-after", "3600")).await;
    let upload = service.client().file_containers().upload(&service.container(), "b");
    let error = upload.retry(patience).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(error.attempts(), 1);
}

#[tokio::test]
async fn a_throttled_storage_does_not_hold_back_the_push_api() {
    let service = Service::start().await;
    service.always("PUT", "/bucket/file-1", xml(429, "SlowDown").insert_header("retry-after", "3600")).await;
    let client = service.client();
    client.file_containers().upload(&service.container(), "b").await.unwrap_err();
    let _ = client.items("my-source").push_container("f").await.unwrap();
}

#[tokio::test]
async fn an_upload_that_is_larger_than_a_container_is_refused_with_its_size() {
    let service = Service::start().await;
    let large = Body::reopenable(256_000_001, || chunks([]));
    let error = service.client().file_containers().store(large).await.unwrap_err();
    assert!(error.to_string().contains("256000001") && error.to_string().contains("[container-too-large]"), "{error}");
    assert!(service.sent().await.is_empty());
}

/// Whether a container with such a URI and such headers is refused before anything is sent.
async fn refused(base: &str, uri: &str, headers: &[(&str, &str)]) -> bool {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let container = FileContainer::new("f", uri, headers);
    let client = builder(base).retry(RetryPolicy::none()).build().unwrap();
    match client.file_containers().upload(&container, "b").await {
        Err(Error::Invalid(error)) => {
            assert_eq!(error.findings()[0].rule().code(), "upload-target");
            assert!(!error.to_string().contains("X-Amz"), "{error}");
            true
        }
        _ => false,
    }
}

#[tokio::test]
async fn an_upload_goes_to_https_or_to_loopback_when_the_base_is() {
    let socket = Socket::start([Reply::answer("200 OK", "")]).await;
    let here = socket.host.clone();
    assert!(!refused(&here, &format!("{here}/b?{SIGNATURE}"), &[]).await);
    let with_user = here.replace("http://", "http://user:word@");
    for uri in [&with_user, "http://example.com/b", "http://10.0.0.1/b", "ftp://127.0.0.1/b", "/b", "b", "", "https://"]
    {
        assert!(refused(&here, uri, &[]).await, "{uri}");
    }
    assert!(refused("https://api.cloud.coveo.com", &format!("{here}/b?{SIGNATURE}"), &[]).await);
    assert_eq!(socket.heads().len(), 1);
}

#[tokio::test]
async fn required_headers_that_are_none_or_may_not_be_asked_for_are_refused() {
    let socket = Socket::start([Reply::answer("200 OK", "")]).await;
    let bad = [
        ("x-amz-meta", "a\r\nx: y"),
        ("x-amz\n", "a"),
        ("", "a"),
        ("a b", "a"),
        ("Authorization", "Bearer x"),
        ("authorization", "Bearer x"),
        ("Content-Length", "1"),
        ("Host", "example.com"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
    ];
    for header in bad {
        assert!(refused(&socket.host, &format!("{}/b", socket.host), &[header]).await, "{header:?}");
    }
    let twice = [("x-amz-meta", "a"), ("X-Amz-Meta", "b")];
    assert!(refused(&socket.host, &format!("{}/b", socket.host), &twice).await);
    assert!(socket.heads().is_empty());
}

#[tokio::test]
async fn guarantee_3_an_upload_over_a_slow_link_takes_many_times_its_timeout() {
    const BYTES: usize = 16 << 20;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let reader = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut buffer, mut read) = (vec![0; 64 * 1024], 0);
        while read < BYTES {
            read += stream.read(&mut buffer).await.unwrap();
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    let client = builder(&host).retry(RetryPolicy::none()).upload_timeout(Duration::from_millis(500)).build().unwrap();
    let container = FileContainer::new("f", format!("{host}/f"), []);
    client.file_containers().upload(&container, vec![7; BYTES]).await.unwrap();
    reader.await.unwrap();
}
