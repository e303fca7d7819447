//! What is made of every answer, and of the lack of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use coveo_push::{
    ApiKey, Body, BoxFuture, Error, ErrorCode, Operation, PushClient, ReqwestTransport, RetryPolicy, SendError,
    SendErrorKind, Transport, reqwest,
};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::support::{BATCH, FILES, KEY, Reply, SIGNATURE, Service, Socket, builder};

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

/// Holds an error against what its accessors should say.
#[track_caller]
fn holds(error: &Error, status: u16, code: Option<&ErrorCode>, is_retryable: bool, may_have_been_applied: bool) {
    assert_eq!(error.status().unwrap().as_u16(), status);
    assert_eq!(error.code(), code);
    assert_eq!(error.operation(), Some(Operation::PushItemContainer));
    assert_eq!(error.attempts(), 1);
    assert_eq!(error.is_retryable(), is_retryable);
    assert_eq!(error.may_have_been_applied(), may_have_been_applied);
    let line = error.to_string();
    assert!(line.starts_with("items.push_container: ") && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn a_400_with_invalid_json_is_a_bad_request() {
    let error = error_of(coded(400, "INVALID_JSON")).await;
    assert!(matches!(error, Error::BadRequest(_)));
    holds(&error, 400, Some(&ErrorCode::InvalidJson), false, false);
    assert_eq!(error.to_string(), "items.push_container: 400 INVALID_JSON: a message");
}

#[tokio::test]
async fn a_400_of_a_paused_organization_is_a_bad_request_with_that_code() {
    let error = error_of(coded(400, "ORGANIZATION_IS_PAUSED")).await;
    assert!(matches!(error, Error::BadRequest(_)));
    holds(&error, 400, Some(&ErrorCode::OrganizationIsPaused), false, false);
}

#[tokio::test]
async fn a_401_without_a_key_is_unauthorized() {
    let error = error_of(coded(401, "UNAUTHORIZED")).await;
    assert!(matches!(error, Error::Unauthorized(_)));
    holds(&error, 401, Some(&ErrorCode::Unauthorized), false, false);
}

#[tokio::test]
async fn a_401_with_an_unknown_key_is_unauthorized() {
    let error = error_of(coded(401, "INVALID_TOKEN")).await;
    assert!(matches!(error, Error::Unauthorized(_)));
    holds(&error, 401, Some(&ErrorCode::InvalidToken), false, false);
}

#[tokio::test]
async fn a_403_is_access_denied() {
    let error = error_of(coded(403, "ACCESS_DENIED")).await;
    assert!(matches!(error, Error::AccessDenied(_)));
    holds(&error, 403, Some(&ErrorCode::AccessDenied), false, false);
}

#[tokio::test]
async fn a_403_of_a_gateway_is_access_denied_without_a_code() {
    let error = error_of(said(403, json!({"message": "Forbidden"}))).await;
    assert!(matches!(error, Error::AccessDenied(_)));
    holds(&error, 403, None, false, false);
    assert_eq!(error.api().unwrap().message(), Some("Forbidden"));
    assert_eq!(error.to_string(), "items.push_container: 403 Forbidden: Forbidden");
}

#[tokio::test]
async fn a_404_is_not_found() {
    let error = error_of(coded(404, "ORGANIZATION_NOT_FOUND")).await;
    assert!(matches!(error, Error::NotFound(_)));
    holds(&error, 404, Some(&ErrorCode::OrganizationNotFound), false, false);
}

#[tokio::test]
async fn a_412_is_a_failed_precondition_with_one_of_four_codes() {
    let codes = [
        ("SOURCE_DOES_NOT_EXIST", ErrorCode::SourceDoesNotExist),
        ("MISSING_PARAMETER", ErrorCode::MissingParameter),
        ("INVALID_PARAMETER", ErrorCode::InvalidParameter),
        ("DOCUMENT_LIMIT_EXCEEDED", ErrorCode::DocumentLimitExceeded),
    ];
    for (text, code) in codes {
        let error = error_of(coded(412, text)).await;
        assert!(matches!(error, Error::PreconditionFailed(_)));
        holds(&error, 412, Some(&code), false, false);
    }
}

#[tokio::test]
async fn a_413_with_nothing_in_it_is_payload_too_large() {
    let error = error_of(ResponseTemplate::new(413)).await;
    assert!(matches!(error, Error::PayloadTooLarge(_)));
    holds(&error, 413, None, false, false);
    assert_eq!(error.api().unwrap().body(), "");
    assert_eq!(error.api().unwrap().message(), None);
}

#[tokio::test]
async fn a_415_is_unsupported_media_type() {
    let error = error_of(coded(415, "UNSUPPORTED_MEDIA_TYPE")).await;
    assert!(matches!(error, Error::UnsupportedMediaType(_)));
    holds(&error, 415, Some(&ErrorCode::UnsupportedMediaType), false, false);
}

#[tokio::test]
async fn a_429_is_rate_limited_and_says_when_to_come_back() {
    let error = error_of(coded(429, "TOO_MANY_REQUESTS").insert_header("retry-after", "7")).await;
    assert!(matches!(error, Error::RateLimited(_)));
    holds(&error, 429, Some(&ErrorCode::TooManyRequests), true, false);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(error.to_string().ends_with("(retry after 7 s)"), "{error}");
}

#[tokio::test]
async fn a_429_for_the_daily_quota_is_rate_limited_and_final() {
    let error = error_of(coded(429, "TOO_MANY_DOCUMENTS_DAILY")).await;
    assert!(matches!(error, Error::RateLimited(_)));
    holds(&error, 429, Some(&ErrorCode::TooManyDocumentsDaily), false, false);
}

#[tokio::test]
async fn a_500_is_the_server() {
    let error = error_of(coded(500, "INTERNAL_SERVER_ERROR")).await;
    assert!(matches!(error, Error::Server(_)));
    holds(&error, 500, Some(&ErrorCode::InternalServerError), true, true);
}

#[tokio::test]
async fn a_502_in_html_keeps_its_status_and_its_text_and_shows_neither_tags_nor_lines() {
    let html = "<html>\n<body>Bad Gateway</body>\n</html>";
    let error = error_of(ResponseTemplate::new(502).set_body_raw(html, "text/html")).await;
    assert!(matches!(error, Error::Server(_)));
    holds(&error, 502, None, true, true);
    assert_eq!(error.api().unwrap().body(), html);
    assert_eq!(error.to_string(), "items.push_container: 502 Bad Gateway");
}

#[tokio::test]
async fn a_503_is_the_server() {
    let error = error_of(ResponseTemplate::new(503).insert_header("retry-after", "2")).await;
    assert!(matches!(error, Error::Server(_)));
    holds(&error, 503, None, true, true);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
}

#[tokio::test]
async fn a_504_of_a_gateway_is_the_server() {
    let error = error_of(said(504, json!({"message": "Endpoint request timed out"}))).await;
    assert!(matches!(error, Error::Server(_)));
    holds(&error, 504, None, true, true);
    assert_eq!(error.api().unwrap().message(), Some("Endpoint request timed out"));
}

#[tokio::test]
async fn a_501_is_the_server_and_does_not_pass() {
    let error = error_of(ResponseTemplate::new(501)).await;
    assert!(matches!(error, Error::Server(_)));
    holds(&error, 501, None, false, true);
}

#[tokio::test]
async fn a_408_is_unexpected_and_passes() {
    let error = error_of(ResponseTemplate::new(408)).await;
    assert!(matches!(error, Error::UnexpectedStatus(_)));
    holds(&error, 408, None, true, true);
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
async fn a_200_where_202_is_due_is_no_success() {
    let portal = "<html>Please log in</html>";
    let error = error_of(ResponseTemplate::new(200).set_body_raw(portal, "text/html")).await;
    assert!(matches!(error, Error::UnexpectedStatus(_)));
    holds(&error, 200, None, false, true);
}

#[tokio::test]
async fn a_200_for_a_container_that_is_a_web_page_is_no_success() {
    let service = Service::start().await;
    service.always("POST", FILES, ResponseTemplate::new(200).set_body_raw("<html>", "text/html")).await;
    let error = service.client().file_containers().create().await.unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error}");
}

#[tokio::test]
async fn a_code_that_is_not_documented_is_kept_as_text() {
    let error = error_of(coded(409, "SOMETHING_NEW")).await;
    holds(&error, 409, Some(&ErrorCode::Other("SOMETHING_NEW".to_owned())), false, false);
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
    for body in ["{}", "null", "", "garbage", "[1", "<html>"] {
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
    assert_eq!(error.to_string(), "items.push_container: no usable response (after 5 attempts)");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "no connection");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_been_carried_out() {
    let socket = Socket::start([Reply::Close]).await;
    let client = builder(&socket.host).build().unwrap();
    let error = client.items("s").push_container("f").retry(RetryPolicy::none()).await.unwrap_err();
    let Error::Transport(failure) = &error else { panic!("{error}") };
    assert_eq!(failure.kind(), SendErrorKind::Disconnected);
    assert!(error.is_retryable() && error.may_have_been_applied());
    assert_eq!(error.to_string(), "items.push_container: no usable response");
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_have_been_carried_out() {
    let socket = Socket::start([Reply::Bytes(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n{".to_vec())]).await;
    let client = builder(&socket.host).build().unwrap();
    let error = client.items("s").push_container("f").retry(RetryPolicy::none()).await.unwrap_err();
    let Error::Transport(failure) = &error else { panic!("{error}") };
    assert_eq!(failure.kind(), SendErrorKind::Body);
    assert!(error.is_retryable() && error.may_have_been_applied());
}

#[tokio::test]
async fn what_is_not_http_is_a_transport_error() {
    let socket = Socket::start([Reply::Bytes(b"220 smtp.example.com ESMTP\r\n".to_vec())]).await;
    let client = builder(&socket.host).build().unwrap();
    let error = client.items("s").push_container("f").retry(RetryPolicy::none()).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Disconnected), "{error}");
}

#[tokio::test]
async fn a_call_that_gets_no_answer_in_time_may_have_been_carried_out() {
    let socket = Socket::start([Reply::Silence]).await;
    let client = builder(&socket.host).call_timeout(Duration::from_millis(50)).build().unwrap();
    let error = client.items("s").push_container("f").retry(RetryPolicy::none()).await.unwrap_err();
    let Error::Transport(failure) = &error else { panic!("{error}") };
    assert_eq!(failure.kind(), SendErrorKind::Timeout);
    assert!(error.is_retryable() && error.may_have_been_applied());
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
