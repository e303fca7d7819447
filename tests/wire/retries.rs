//! Attempts: what each of them carries, and whose token.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use coveo_push::transport::BoxFuture;
use coveo_push::{ApiKey, BoxError, Credentials, CredentialsProvider, DocumentBody, Error, PushClient, RetryPolicy};
use serde_json::json;
use wiremock::ResponseTemplate;

use super::support::{BATCH, DOCUMENTS, FILES, KEY, Reply, Service, Socket, builder, fast, with_settings};

/// Gives `token-1`, `token-2`, … and remembers whether it was told of a refused one.
#[derive(Clone, Default)]
struct Rotating(Arc<Mutex<Vec<bool>>>);

impl CredentialsProvider for Rotating {
    fn token<'a>(&'a self, refused: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        Box::pin(async move {
            let mut asked = self.0.lock().unwrap();
            asked.push(refused.is_some());
            Ok(ApiKey::new(format!("token-{}", asked.len())))
        })
    }
}

/// Gives one token and then none.
#[derive(Default)]
struct Once(Mutex<bool>);

impl CredentialsProvider for Once {
    fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        Box::pin(async move {
            if std::mem::replace(&mut *self.0.lock().unwrap(), true) {
                return Err("the vault is closed".into());
            }
            Ok(ApiKey::new("token-1"))
        })
    }
}

fn with_provider(service: &Service, provider: impl CredentialsProvider) -> PushClient {
    with_settings(PushClient::builder("my-org", Credentials::provider(provider)), &service.server.uri())
        .build()
        .unwrap()
}

fn invalid_token() -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({"errorCode": "INVALID_TOKEN", "message": "m"}))
}

async fn tokens(service: &Service) -> Vec<String> {
    service.sent().await.iter().map(|sent| sent.header("authorization").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_retry_carries_the_whole_body_and_a_fresh_token() {
    let service = Service::start().await;
    service.first("PUT", DOCUMENTS, [503, 500].map(ResponseTemplate::new)).await;
    let client = with_provider(&service, Rotating::default());
    let accepted = client.items("my-source").add_or_update("https://a", &DocumentBody::text("w")).await.unwrap();
    assert_eq!(accepted.attempts(), 3);
    assert_eq!(tokens(&service).await, ["Bearer token-1", "Bearer token-2", "Bearer token-3"]);
    assert!(service.sent().await.iter().all(|sent| sent.body == br#"{"data":"w"}"#));
}

#[tokio::test]
async fn a_refused_token_is_given_back_to_the_provider_for_another_one() {
    let service = Service::start().await;
    service.first("PUT", BATCH, [invalid_token()]).await;
    let provider = Rotating::default();
    let accepted = with_provider(&service, provider.clone()).items("my-source").push_container("f").await.unwrap();
    assert_eq!(accepted.attempts(), 2);
    assert_eq!(*provider.0.lock().unwrap(), [false, true]);
    assert_eq!(tokens(&service).await, ["Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn a_provider_is_asked_for_another_token_only_once() {
    let service = Service::start().await;
    service.always("PUT", BATCH, invalid_token()).await;
    let provider = Rotating::default();
    let error = with_provider(&service, provider.clone()).items("my-source").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!(error.attempts(), 2);
    assert_eq!(provider.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_provider_is_not_asked_again_for_another_reason_or_without_retries() {
    let unauthorized = ResponseTemplate::new(401).set_body_json(json!({"errorCode": "UNAUTHORIZED", "message": "m"}));
    for (answer, policy) in [(invalid_token(), RetryPolicy::none()), (unauthorized, fast())] {
        let service = Service::start().await;
        service.always("PUT", BATCH, answer).await;
        let call = with_provider(&service, Rotating::default()).items("my-source").push_container("f");
        assert_eq!(call.retry(policy).await.unwrap_err().attempts(), 1);
    }
}

#[tokio::test]
async fn a_static_key_that_is_refused_is_not_sent_again() {
    let service = Service::start().await;
    service.always("PUT", BATCH, invalid_token()).await;
    let error = service.client().items("my-source").push_container("f").await.unwrap_err();
    assert_eq!(error.attempts(), 1);
    assert_eq!(service.sent().await.len(), 1);
}

#[tokio::test]
async fn a_provider_that_gives_no_token_is_an_error_before_anything_is_sent() {
    let service = Service::start().await;
    let client = with_provider(&service, Once(Mutex::new(true)));
    let error = client.items("my-source").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    assert_eq!(error.to_string(), "items.push_container: the credentials provider gave no token");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the vault is closed");
    assert!(!error.may_have_been_applied() && error.attempts() == 0);
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn a_provider_that_fails_on_a_retry_leaves_open_whether_the_first_attempt_was_carried_out() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(503)).await;
    let error = with_provider(&service, Once::default()).items("my-source").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    assert_eq!(error.attempts(), 1);
    assert!(error.may_have_been_applied());
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_an_error_without_the_token() {
    struct Broken;

    impl CredentialsProvider for Broken {
        fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
            Box::pin(async { Ok(ApiKey::new("tok\nen")) })
        }
    }

    let service = Service::start().await;
    let error = with_provider(&service, Broken).items("my-source").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    assert!(!format!("{error:?}").contains("tok\\n"));
    assert!(service.sent().await.is_empty());
}

#[tokio::test]
async fn a_client_with_other_credentials_sends_the_other_key() {
    let service = Service::start().await;
    let client = service.client();
    let other = client.with_credentials(ApiKey::new(" xx-other\n"));
    let _ = client.items("my-source").push_container("f").await.unwrap();
    let _ = other.items("my-source").push_container("f").await.unwrap();
    assert_eq!(tokens(&service).await, [format!("Bearer {KEY}"), "Bearer xx-other".to_owned()]);
}

#[tokio::test]
async fn a_client_with_other_credentials_shares_the_throttle() {
    let service = Service::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "3600");
    service.first("PUT", BATCH, [busy]).await;
    let client = service.client();
    client.items("my-source").push_container("f").await.unwrap_err();
    let other = client.with_credentials(ApiKey::new("xx-other"));
    let error = other.items("my-source").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::RateLimited(_)), "{error}");
    assert_eq!(error.attempts(), 0);
    assert!(error.retry_after().unwrap() > Duration::from_secs(890));
    assert_eq!(service.sent().await.len(), 1);
}

#[tokio::test]
async fn attempts_used_up_are_a_number_on_the_last_error() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(503)).await;
    let error = service.client().items("my-source").push_container("f").await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.attempts()), (503, 5));
    assert_eq!(error.to_string(), "items.push_container: 503 Service Unavailable (after 5 attempts)");
    assert_eq!(service.sent().await.len(), 5);
}

#[tokio::test]
async fn every_status_that_may_pass_is_tried_again_and_no_other() {
    for status in [400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 429, 500, 501, 502, 503, 504, 505] {
        let service = Service::start().await;
        service.first("PUT", BATCH, [ResponseTemplate::new(status)]).await;
        let outcome = service.client().items("my-source").push_container("f").await;
        let passes = matches!(status, 408 | 429 | 500 | 502 | 503 | 504);
        assert_eq!((outcome.is_ok(), service.sent().await.len()), (passes, 1 + usize::from(passes)), "{status}");
    }
}

#[tokio::test]
async fn the_policy_of_a_call_prevails_over_that_of_the_client() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(503)).await;
    let call = service.client().items("my-source").push_container("f");
    assert_eq!(call.retry(fast().max_attempts(2)).await.unwrap_err().attempts(), 2);
}

#[tokio::test]
async fn the_daily_quota_is_final() {
    let service = Service::start().await;
    let answer = ResponseTemplate::new(429)
        .set_body_json(json!({"errorCode": "TOO_MANY_DOCUMENTS_DAILY", "message": "m"}))
        .insert_header("retry-after", "1");
    service.always("PUT", BATCH, answer).await;
    let client = service.client();
    let error = client.items("my-source").push_container("f").await.unwrap_err();
    assert!(!error.is_retryable());
    assert_eq!(error.attempts(), 1);
    // And it holds back nobody else.
    let _ = client.items("other").push_container("f").await.unwrap();
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_does_not_begin_is_tried_again() {
    let cut = Reply::Bytes(b"HTTP/1.1 202 Accepted\r\ncontent-length: 10\r\n\r\n{".to_vec());
    for broken in [Reply::Close, cut] {
        let socket = Socket::start([broken, Reply::answer("202 Accepted", "null")]).await;
        let accepted = builder(&socket.host).build().unwrap().items("s").push_container("f").await.unwrap();
        assert_eq!(accepted.attempts(), 2);
    }
}

#[tokio::test]
async fn an_error_that_may_have_been_carried_out_stays_one_when_the_retry_is_refused() {
    let service = Service::start().await;
    service.first("PUT", BATCH, [503, 404].map(ResponseTemplate::new)).await;
    let error = service.client().items("my-source").push_container("f").await.unwrap_err();
    assert!(matches!(error, Error::NotFound(_)), "{error}");
    assert!(error.may_have_been_applied());
}

#[tokio::test]
async fn a_token_that_is_echoed_in_an_answer_that_cannot_be_read_is_taken_out() {
    let service = Service::start().await;
    let echo = ResponseTemplate::new(201).set_body_json(json!({"fileId": "token-1", "uploadUri": ["token-1"]}));
    service.always("POST", FILES, echo).await;
    let error = with_provider(&service, Rotating::default()).file_containers().create().await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error}") };
    assert!(!decode.body().contains("token-1"), "{}", decode.body());
}

#[tokio::test]
async fn all_calls_of_a_client_have_twelve_retries_together_while_nothing_succeeds() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(500)).await;
    let items = service.client().items("my-source");
    let mut attempts = Vec::new();
    for _ in 0..4 {
        attempts.push(items.push_container("f").await.unwrap_err().attempts());
    }
    assert_eq!(attempts, [5, 5, 5, 1]);
}

#[tokio::test]
async fn five_successes_of_a_client_pay_for_another_retry() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(500)).await;
    let items = service.client().items("my-source");
    for _ in 0..3 {
        items.push_container("f").await.unwrap_err();
    }
    for _ in 0..5 {
        let _ = items.delete("https://a").await.unwrap();
    }
    assert_eq!(items.push_container("f").await.unwrap_err().attempts(), 2);
}

#[tokio::test]
async fn a_retry_after_a_429_is_not_paid_for() {
    let service = Service::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "0");
    service.always("PUT", BATCH, busy).await;
    let items = service.client().items("my-source");
    for _ in 0..4 {
        assert_eq!(items.push_container("f").await.unwrap_err().attempts(), 5);
    }
}

#[tokio::test]
async fn a_call_that_would_wait_past_its_deadline_returns_at_once_with_what_was_asked() {
    let service = Service::start().await;
    service.always("PUT", BATCH, ResponseTemplate::new(503).insert_header("retry-after", "1")).await;
    let call = service.client().items("my-source").push_container("f");
    let error = call.retry(fast().deadline(Duration::from_millis(900))).await.unwrap_err();
    assert_eq!((error.attempts(), error.retry_after()), (1, Some(Duration::from_secs(1))));
}
