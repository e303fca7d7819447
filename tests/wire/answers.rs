//! What is made of every answer, and of the lack of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, ReqwestTransport, SendError, SendErrorKind, Transport};
use coveo_push::{ApiKey, Error, ErrorCode, Operation, PushClient, RetryPolicy, reqwest};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::support::{BATCH, DOCUMENTS, FILES, KEY, Reply, SIGNATURE, Service, Socket, builder};

/// The error that a call ends with when it gets this answer, without a retry.
async fn error_of(answer: ResponseTemplate) -> Error {
    let service = Service::start().await;
    service.always("PUT", BATCH, answer).await;
    service.client().items("my-source").push_container("f").retry(RetryPolicy::none()).await.unwrap_err()
}

fn said(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn coded(status: u16, code: &str) -> ResponseTemplate {
    said(status, json!({"errorCode": code, "message": "a message"}))
}

/// The variant of an error.
fn variant(error: &Error) -> String {
    format!("{error:?}").split('(').next().unwrap().to_owned()
}

/// Holds an error against what its accessors should say.
#[track_caller]
fn holds(error: &Error, status: u16, code: Option<&ErrorCode>, is_retryable: bool, may_have_been_applied: bool) {
    assert_eq!((error.status().unwrap().as_u16(), error.code()), (status, code));
    assert_eq!((error.operation(), error.attempts()), (Some(Operation::PushItemContainer), 1));
    assert_eq!((error.is_retryable(), error.may_have_been_applied()), (is_retryable, may_have_been_applied), "{error}");
    let line = error.to_string();
    assert!(line.starts_with("items.push_container: ") && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn every_documented_code_is_an_error_of_its_kind() {
    for (status, code, expected, is_retryable, may_have_been_applied) in [
        (400, ErrorCode::InvalidJson, "BadRequest", false, false),
        (400, ErrorCode::OrganizationIsPaused, "BadRequest", false, false),
        (401, ErrorCode::Unauthorized, "Unauthorized", false, false),
        (401, ErrorCode::InvalidToken, "Unauthorized", false, false),
        (403, ErrorCode::AccessDenied, "AccessDenied", false, false),
        (404, ErrorCode::OrganizationNotFound, "NotFound", false, false),
        (412, ErrorCode::SourceDoesNotExist, "PreconditionFailed", false, false),
        (412, ErrorCode::SourceIsStreamEnabled, "PreconditionFailed", false, false),
        (412, ErrorCode::MissingParameter, "PreconditionFailed", false, false),
        (412, ErrorCode::InvalidParameter, "PreconditionFailed", false, false),
        (412, ErrorCode::DocumentLimitExceeded, "PreconditionFailed", false, false),
        (415, ErrorCode::UnsupportedMediaType, "UnsupportedMediaType", false, false),
        (429, ErrorCode::TooManyRequests, "RateLimited", true, false),
        (429, ErrorCode::TooManyDocumentsDaily, "RateLimited", false, false),
        (500, ErrorCode::InternalServerError, "Server", true, true),
        (409, ErrorCode::Other("SOMETHING_NEW".to_owned()), "UnexpectedStatus", false, false),
    ] {
        let error = error_of(coded(status, code.as_str())).await;
        assert_eq!(variant(&error), expected, "{error}");
        holds(&error, status, Some(&code), is_retryable, may_have_been_applied);
        assert!(error.to_string().ends_with(&format!("{status} {code}: a message")), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_an_error_of_its_status() {
    let html = "<html>\n<body>Bad Gateway</body>\n</html>";
    let text = |status, body: &str| ResponseTemplate::new(status).set_body_raw(body, "text/html");
    let message = |status, text: &str| said(status, json!({"message": text}));
    for (answer, status, expected, is_retryable, may_have_been_applied, line) in [
        (message(403, "Forbidden"), 403, "AccessDenied", false, false, "403 Forbidden: Forbidden"),
        (ResponseTemplate::new(413), 413, "PayloadTooLarge", false, false, "413 Payload Too Large"),
        // Neither tags nor lines are shown.
        (text(502, html), 502, "Server", true, true, "502 Bad Gateway"),
        (ResponseTemplate::new(503), 503, "Server", true, true, "503 Service Unavailable"),
        (message(504, "timed out"), 504, "Server", true, true, "504 Gateway Timeout: timed out"),
        (ResponseTemplate::new(501), 501, "Server", false, true, "501 Not Implemented"),
        (ResponseTemplate::new(408), 408, "UnexpectedStatus", true, true, "408 Request Timeout"),
    ] {
        let error = error_of(answer).await;
        assert_eq!(variant(&error), expected, "{error}");
        holds(&error, status, None, is_retryable, may_have_been_applied);
        assert_eq!(error.to_string(), format!("items.push_container: {line}"));
        let api = error.api().unwrap();
        assert_eq!(api.message(), line.split_once(": ").map(|(_, message)| message));
        assert!(status != 413 || api.body().is_empty());
        assert!(status != 502 || api.body() == html);
    }
}

#[tokio::test]
async fn an_error_says_when_to_come_back() {
    for (status, seconds) in [(429, 7), (503, 2)] {
        let error = error_of(coded(status, "CODE").insert_header("retry-after", seconds.to_string())).await;
        assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
        assert!(error.to_string().ends_with(&format!("(retry after {seconds} s)")), "{error}");
    }
}

#[tokio::test]
async fn a_302_is_unexpected_and_its_target_hears_nothing() {
    let target = Socket::start([Reply::answer("202 Accepted", "")]).await;
    let error = error_of(ResponseTemplate::new(302).insert_header("location", format!("{}/x", target.host))).await;
    assert!(matches!(error, Error::UnexpectedStatus(_)));
    holds(&error, 302, None, false, false);
    assert!(target.heads().is_empty());
}

#[tokio::test]
async fn a_307_of_a_put_with_a_body_is_unexpected_and_its_target_hears_nothing() {
    let target = Socket::start([Reply::answer("202 Accepted", "")]).await;
    let service = Service::start().await;
    let away = ResponseTemplate::new(307).insert_header("location", format!("{}/x", target.host));
    service.always("PUT", "/push/v1/organizations/my-org/sources/s/documents", away).await;
    let error = service.client().items("s").add_or_update("https://a", &json!({"data": "w"})).await.unwrap_err();
    assert!(matches!(error, Error::UnexpectedStatus(_)), "{error}");
    assert!(target.heads().is_empty());
}

#[tokio::test]
async fn a_web_page_is_no_success_and_every_other_body_is_one_whatever_the_status_of_success() {
    for status in [200, 201, 202, 204] {
        let service = Service::start().await;
        service.first("PUT", BATCH, [ResponseTemplate::new(status)]).await;
        assert_eq!(service.client().items("my-source").push_container("f").await.unwrap().attempts(), 1, "{status}");
    }
    let page = "\n<!DOCTYPE html><html>Please log in</html>";
    for kind in ["text/html; charset=utf-8", "text/plain"] {
        let error = error_of(ResponseTemplate::new(200).set_body_raw(page, kind)).await;
        assert_eq!(variant(&error), "UnexpectedStatus");
        holds(&error, 200, None, false, true);
        assert_eq!(
            error.to_string(),
            "items.push_container: 200 OK with text/html instead of 202: something between here and the service answered"
        );
    }
}

#[tokio::test]
async fn an_error_says_where_it_came_from_and_what_to_do() {
    let to = "https://login.example.com/x?token=secret";
    for (answer, expected) in [
        (
            ResponseTemplate::new(302).insert_header("location", to),
            "302 Found: no redirect is followed, here one to https://login.example.com/x?[redacted]",
        ),
        (
            ResponseTemplate::new(403).insert_header("x-coveo-waf-action", "block"),
            "403 Forbidden: a firewall before the service blocked the request",
        ),
        (
            ResponseTemplate::new(400).insert_header("content-encoding", "gzip"),
            "400 Bad Request: the body of the response is compressed (gzip) and was not read",
        ),
        (ResponseTemplate::new(431), "431 Request Header Fields Too Large: the request line or a header is too long"),
        (
            coded(400, "INVALID_JSON").insert_header("x-request-id", "req-1"),
            "400 INVALID_JSON: a message (request id req-1)",
        ),
    ] {
        assert_eq!(error_of(answer).await.to_string(), format!("items.push_container: {expected}"));
    }
    let service = Service::start().await;
    service.always("PUT", DOCUMENTS, ResponseTemplate::new(414)).await;
    let id = format!("https://example.com/{}", "x".repeat(9_000));
    let error = service.client().items("my-source").add_or_update(id, &json!({"data": "w"})).await.unwrap_err();
    assert!(
        error.to_string().contains("the id `https://example.com/xxx")
            && error.to_string().ends_with("x…` is too long for a URL: push it in a batch"),
        "{error}"
    );
    let socket = Socket::start([Reply::answer("404 Not Found", "")]).await;
    let client = builder("").base_url(&socket.host).build().unwrap();
    let error = client.items("s").push_container("f").await.unwrap_err();
    assert!(
        error.to_string().ends_with("404 Not Found: the base URL does not end with `/push/v1`: check it"),
        "{error}"
    );
}

#[tokio::test]
async fn a_success_keeps_the_id_of_its_request() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(202).insert_header("x-request-id", "req-1")).await;
    let accepted = service.client().items("my-source").push_container("f").await.unwrap();
    assert_eq!(accepted.request_id(), Some("req-1"));
}

#[tokio::test]
async fn an_error_says_that_the_retry_budget_ended_it() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(500)).await;
    let items = service.client().items("my-source");
    let mut last = String::new();
    for _ in 0..4 {
        last = items.push_container("f").await.unwrap_err().to_string();
    }
    let expected = "items.push_container: 500 Internal Server Error (after 1 attempt, and the retry budget is used up)";
    assert_eq!(last, expected);
}

/// Trusts nobody.
struct Distrustful;

impl Transport for Distrustful {
    fn send(&self, _: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async {
            Err(SendError::new(SendErrorKind::Certificate, format!("UnknownIssuer {KEY} https://a/b?c=d")))
        })
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_final_and_the_error_says_what_to_do() {
    let builder = PushClient::builder("my-org", ApiKey::new(KEY));
    let error = builder.transport(Distrustful).build().unwrap().items("s").push_container("f").await.unwrap_err();
    assert_eq!((error.attempts(), error.is_retryable(), error.may_have_been_applied()), (1, false, false));
    let expected = "items.push_container: no usable response: the certificate of the service is not trusted: UnknownIssuer \
                    [redacted] https://a/b?[redacted] (api.cloud.coveo.com); for a certificate authority of your own, see \
                    `PushClientBuilder::http_client`";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn code_and_message_are_read_in_any_case_and_of_any_type() {
    let error = error_of(said(400, json!({"ErrorCode": "invalid_json", "MESSAGE": {"a": 1}}))).await;
    holds(&error, 400, Some(&ErrorCode::InvalidJson), false, false);
    assert_eq!(error.api().unwrap().message(), Some(r#"{"a":1}"#));
}

#[tokio::test]
async fn a_message_of_many_lines_is_shown_on_one_that_ends() {
    let message = format!("first\nsecond\t{}", "x".repeat(1000));
    let error = error_of(said(400, json!({"errorCode": "A\nB", "message": message}))).await;
    let line = error.to_string();
    assert!(line.starts_with("items.push_container: 400 A B: first second x") && line.ends_with('…'), "{line}");
    assert!(line.chars().count() < 400);
    assert_eq!(error.api().unwrap().message(), Some(&*message));
}

#[tokio::test]
async fn an_error_keeps_the_first_16_kib_of_the_body() {
    let body = "ü".repeat(20_000);
    let error = error_of(ResponseTemplate::new(500).set_body_raw(body, "text/plain")).await;
    assert_eq!(error.api().unwrap().body(), "ü".repeat(8 * 1024));
}

#[tokio::test]
async fn a_body_that_is_no_text_is_kept_as_far_as_it_goes() {
    let error = error_of(ResponseTemplate::new(500).set_body_raw(vec![0xff, b'a', 0xfe], "text/plain")).await;
    assert_eq!(error.api().unwrap().body(), "\u{fffd}a\u{fffd}");
}

#[tokio::test]
async fn a_success_is_one_whatever_its_body_is() {
    for body in ["{}", "null", "", "garbage", "[1"] {
        let service = Service::start().await;
        service.always("PUT", BATCH, ResponseTemplate::new(202).set_body_string(body)).await;
        let accepted = service.client().items("my-source").push_container("f").await.unwrap();
        assert_eq!(accepted.attempts(), 1);
    }
}

#[tokio::test]
async fn a_success_tells_the_clock_of_the_service() {
    let service = Service::start().await;
    let answer = ResponseTemplate::new(202).insert_header("date", "Thu, 01 Jan 1970 00:01:00 GMT");
    service.always("PUT", BATCH, answer).await;
    let accepted = service.client().items("my-source").push_container("f").await.unwrap();
    assert_eq!(accepted.server_time(), Some(std::time::UNIX_EPOCH + Duration::from_secs(60)));
}

#[tokio::test]
async fn a_container_that_cannot_be_read_is_a_decode_error_that_shows_no_presigned_query() {
    let uri = format!("https://s3.example.com/b?{SIGNATURE}");
    let answers = [
        (json!({"uploadUri": uri}), "fileId"),
        (json!({"uploadUri": uri, "fileId": 3}), "fileId"),
        (json!({"uploadUri": [uri], "fileId": "f"}), "uploadUri"),
        (json!({"uploadUri": uri, "fileId": {"a": uri}}), "fileId"),
        (json!({"uploadUri": uri, "fileId": "f", "requiredHeaders": {"a": [uri]}}), "requiredHeaders"),
        (json!({"uploadUri": uri, "fileId": "f", "requiredHeaders": uri}), "requiredHeaders"),
        (json!(uri), "object"),
    ];
    for (answer, place) in answers {
        let service = Service::start().await;
        service.always("POST", FILES, said(201, answer.clone())).await;
        let error = service.client().file_containers().create().await.unwrap_err();
        let Error::Decode(decode) = &error else { panic!("{error}") };
        assert_eq!((decode.status().as_u16(), decode.call().attempts()), (201, 1));
        assert!(!error.is_retryable());
        let mut shown = format!("{error}\n{error:?}\n{error:#?}\n{}\n{}", decode.path(), decode.body());
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown += &format!("\n{cause}\n{cause:?}");
            source = cause.source();
        }
        assert!(shown.contains(place), "{shown}");
        assert!(!shown.contains("X-Amz-Signature"), "{shown}");
        assert!(error.to_string().starts_with("file_containers.create: "), "{error}");
    }
}

#[tokio::test]
async fn a_decode_error_names_the_place_in_the_json_and_that_the_work_was_done() {
    let service = Service::start().await;
    service
        .always("POST", FILES, said(201, json!({"uploadUri": "u", "fileId": "f", "requiredHeaders": {"a": 1}})))
        .await;
    let error = service.client().file_containers().create().await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error}") };
    assert_eq!(decode.path(), "requiredHeaders.a");
    assert!(error.may_have_been_applied(), "there is a container now");
    assert_eq!(
        error.to_string(),
        "file_containers.create: the call succeeded (201), but its response cannot be read at `requiredHeaders.a`"
    );
}

#[tokio::test]
async fn an_answer_with_more_behind_its_json_cannot_be_read() {
    let service = Service::start().await;
    let two =
        r#"{"uploadUri":"u","fileId":"f","requiredHeaders":{}}{"uploadUri":"v","fileId":"g","requiredHeaders":{}}"#;
    service.always("POST", FILES, ResponseTemplate::new(201).set_body_string(two)).await;
    let error = service.client().file_containers().create().await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error}") };
    assert!(std::error::Error::source(decode).unwrap().to_string().starts_with("trailing characters"), "{error:?}");
}

#[tokio::test]
async fn a_place_in_the_json_that_is_many_lines_is_shown_on_one_that_ends() {
    let service = Service::start().await;
    let headers = json!({ format!("a\r\n{}", "b".repeat(1_000)): 1 });
    let answer = said(201, json!({"uploadUri": "u", "fileId": "f", "requiredHeaders": headers}));
    service.always("POST", FILES, answer).await;
    let line = service.client().file_containers().create().await.unwrap_err().to_string();
    assert!(line.contains("requiredHeaders.a  bbb") && line.len() < 500, "{line}");
}

/// Notes how many bytes of the answer were read.
struct Watching(ReqwestTransport, Arc<AtomicUsize>);

impl Transport for Watching {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async {
            let answer = self.0.send(request).await?;
            self.1.store(answer.body().len(), Ordering::SeqCst);
            Ok(answer)
        })
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_cut_at_1_mib() {
    let socket = Socket::start([Reply::Endless(b"HTTP/1.1 500 Oh\r\nconnection: close\r\n\r\n".to_vec())]).await;
    let read = Arc::new(AtomicUsize::new(0));
    let transport = ReqwestTransport::new(reqwest::Client::builder().no_proxy()).unwrap();
    let builder = PushClient::builder("my-org", ApiKey::new(KEY)).base_url(&socket.host);
    let client = builder.transport(Watching(transport, Arc::clone(&read))).build().unwrap();
    let error = client.items("s").push_container("f").retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!(read.load(Ordering::SeqCst), 1 << 20);
    assert_eq!(error.api().unwrap().body().len(), 16 * 1024);
}

#[tokio::test]
async fn an_answer_that_says_it_is_large_is_not_waited_for() {
    let large = Reply::Endless(b"HTTP/1.1 202 Accepted\r\ncontent-length: 999999999999\r\n\r\n".to_vec());
    let socket = Socket::start([large]).await;
    let _ = builder(&socket.host).build().unwrap().items("s").push_container("f").await.unwrap();
}

#[tokio::test]
async fn a_refused_connection_is_a_transport_error_and_nothing_was_carried_out() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = builder(&format!("http://{closed}")).build().unwrap();
    let error = client.items("s").push_container("f").await.unwrap_err();
    let Error::Transport(failure) = &error else { panic!("{error}") };
    assert_eq!((failure.kind(), failure.call().attempts()), (SendErrorKind::Connect, 5));
    assert!(error.is_retryable() && !error.may_have_been_applied());
    assert_eq!((error.status(), error.code(), error.operation()), (None, None, Some(Operation::PushItemContainer)));
    assert_eq!(
        error.to_string(),
        format!(
            "items.push_container: no usable response after 5 attempts: no connection: Connection refused (os error 111) \
             ({closed})"
        )
    );
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "no connection");
}

#[tokio::test]
async fn a_call_without_a_usable_answer_may_have_been_carried_out() {
    let cut = b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n{";
    for (reply, kind) in [
        (Reply::Close, SendErrorKind::Closed),
        (Reply::Bytes(cut.to_vec()), SendErrorKind::Body),
        (Reply::Bytes(b"220 smtp.example.com ESMTP\r\n".to_vec()), SendErrorKind::Disconnected),
        (Reply::Silence, SendErrorKind::Timeout),
    ] {
        let socket = Socket::start([reply]).await;
        let client = builder(&socket.host).call_timeout(Duration::from_millis(50)).build().unwrap();
        let error = client.items("s").push_container("f").retry(RetryPolicy::none()).await.unwrap_err();
        let Error::Transport(failure) = &error else { panic!("{error}") };
        assert_eq!(failure.kind(), kind);
        assert!(error.is_retryable() && error.may_have_been_applied(), "{kind:?}");
        let line = format!("items.push_container: no usable response: {kind}");
        assert!(error.to_string().starts_with(&line), "{error}");
    }
}

#[tokio::test]
async fn the_timeout_of_a_call_prevails_and_holds_for_each_attempt() {
    let socket = Socket::start([Reply::Silence, Reply::answer("202 Accepted", "null")]).await;
    let client = builder(&socket.host).build().unwrap();
    let accepted = client.items("s").push_container("f").timeout(Duration::from_millis(100)).await.unwrap();
    assert_eq!(accepted.attempts(), 2);
}

#[tokio::test]
async fn a_key_that_the_service_echoes_is_taken_out() {
    let error = error_of(said(401, json!({"errorCode": KEY, "message": format!("unknown key {KEY}")}))).await;
    assert_eq!(error.to_string(), "items.push_container: 401 [redacted]: unknown key [redacted]");
    assert!(!error.api().unwrap().body().contains(KEY));
}
