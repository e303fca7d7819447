//! Where the key of each attempt comes from, and what becomes of it when the service refuses it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::transport::BoxFuture;
use coveo_push::{ApiKey, BoxError, Credentials, CredentialsProvider, Error, PushClient, RetryPolicy, SourceStatus};

use super::support::{CREATE, PUSH, SOURCE, UPLOAD, fake, millis, push, seconds, starts};

/// Gives these tokens one after another, the last one from then on; notes what it was asked.
#[derive(Debug, Clone)]
struct Tokens {
    left: Arc<Mutex<VecDeque<Result<&'static str, &'static str>>>>,
    refused: Arc<Mutex<Vec<Option<ApiKey>>>>,
}

impl CredentialsProvider for Tokens {
    fn token<'a>(&'a self, refused: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        self.refused.lock().unwrap().push(refused.cloned());
        let mut left = self.left.lock().unwrap();
        let next = if left.len() > 1 { left.pop_front().unwrap() } else { left[0] };
        Box::pin(async move { next.map(ApiKey::new).map_err(BoxError::from) })
    }
}

impl Tokens {
    fn new<const N: usize>(tokens: [Result<&'static str, &'static str>; N]) -> Self {
        Self { left: Arc::new(Mutex::new(tokens.into())), refused: Arc::default() }
    }

    /// A client that asks here; the fake takes all tokens but those that are stale.
    fn client(&self, fake: &FakePushApi) -> PushClient {
        for token in self.left.lock().unwrap().iter().flatten().filter(|token| !token.starts_with("stale")) {
            fake.allow_key(*token);
        }
        let builder = PushClient::builder("my-org", Credentials::provider(self.clone())).base_url(fake.base_url());
        builder.transport(fake.clone()).random(|| 1.0).build().unwrap()
    }

    /// For each time it was asked, whether it was told that a token had been refused.
    fn asked(&self) -> Vec<bool> {
        self.refused.lock().unwrap().iter().map(Option::is_some).collect()
    }
}

/// What each request had for a key.
fn keys(fake: &FakePushApi) -> Vec<String> {
    let key = |value: &http::HeaderValue| value.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    fake.requests().iter().filter_map(|request| request.headers().get("authorization").map(key)).collect()
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_a_retry_carries_a_fresh_authorization() {
    let fake = fake();
    let tokens = Tokens::new([Ok("one"), Ok("two"), Ok("three")]);
    fake.inject(Fault::on(PUSH).status(503));
    fake.inject(Fault::on(PUSH).reset_before());
    let _ = push(&tokens.client(&fake)).await.unwrap();
    assert_eq!(keys(&fake), ["one", "two", "three"]);
    assert_eq!(tokens.asked(), [false; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_exchanged_is_used_by_the_next_call() {
    let fake = fake();
    let tokens = Tokens::new([Ok("one"), Ok("two")]);
    let client = tokens.client(&fake);
    let _ = push(&client).await.unwrap();
    fake.revoke_key("one");
    let _ = push(&client).await.unwrap();
    assert_eq!(keys(&fake), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_asked_once_more_at_once_when_its_token_is_refused() {
    let fake = fake();
    let tokens = Tokens::new([Ok("stale"), Ok("fresh")]);
    let accepted = push(&tokens.client(&fake)).await.unwrap();
    assert_eq!(accepted.attempts(), 2);
    assert_eq!(keys(&fake), ["stale", "fresh"]);
    assert_eq!(starts(&fake), [0, 0]);
    assert_eq!(tokens.asked(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_told_which_token_was_refused() {
    let fake = fake();
    let tokens = Tokens::new([Ok("stale"), Ok("fresh")]);
    let client = tokens.client(&fake);
    let _ = push(&client).await.unwrap();
    fake.clear_requests();
    let refused = tokens.refused.lock().unwrap()[1].clone().unwrap();
    push(&client.with_credentials(refused)).await.unwrap_err();
    assert_eq!(keys(&fake), ["stale"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_token_that_is_refused_ends_the_call() {
    let fake = fake();
    let tokens = Tokens::new([Ok("stale"), Ok("stale-too"), Ok("fresh")]);
    let error = push(&tokens.client(&fake)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!((error.attempts(), starts(&fake)), (2, vec![0, 0]));
    assert_eq!(tokens.asked(), [false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_told_of_a_refused_token_once() {
    let fake = fake();
    let tokens = Tokens::new([Ok("stale"), Ok("fresh")]);
    fake.inject(Fault::on(PUSH).skip(1).status(503).times(2));
    let _ = push(&tokens.client(&fake)).await.unwrap();
    assert_eq!(keys(&fake), ["stale", "fresh", "fresh", "fresh"]);
    assert_eq!(tokens.asked(), [false, true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn the_next_call_may_ask_for_another_token_again() {
    let fake = fake();
    let tokens = Tokens::new([Ok("stale"), Ok("one"), Ok("stale"), Ok("two")]);
    let client = tokens.client(&fake);
    let _ = push(&client).await.unwrap();
    let _ = push(&client).await.unwrap();
    assert_eq!(tokens.asked(), [false, true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn only_an_invalid_token_is_worth_another_one() {
    for (status, code) in
        [(401, "UNAUTHORIZED"), (401, "EXPIRED_API_KEY"), (403, "INVALID_TOKEN"), (403, "ACCESS_DENIED")]
    {
        let fake = fake();
        let tokens = Tokens::new([Ok("fresh")]);
        fake.inject(Fault::on(PUSH).status(status).error_code(code).always());
        assert_eq!(push(&tokens.client(&fake)).await.unwrap_err().attempts(), 1, "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_refused_is_sent_once() {
    let fake = fake();
    fake.revoke_key("fake-key");
    let error = push(&fake.client()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!(keys(&fake), ["fake-key"]);
}

#[tokio::test(start_paused = true)]
async fn without_retries_no_other_token_is_asked_for() {
    let fake = fake();
    let tokens = Tokens::new([Ok("stale"), Ok("fresh")]);
    let error = push(&tokens.client(&fake)).retry(RetryPolicy::none()).await.unwrap_err();
    assert_eq!((error.attempts(), tokens.asked()), (1, vec![false]));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_another_token_does_not_make_one_attempt_more() {
    let fake = fake();
    let tokens = Tokens::new([Ok("fresh"), Ok("fresh"), Ok("fresh"), Ok("fresh"), Ok("stale"), Ok("fresh")]);
    fake.inject(Fault::on(PUSH).status(503).times(4));
    let policy = RetryPolicy::default().max_attempts(5);
    let error = push(&tokens.client(&fake)).retry(policy).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!((error.attempts(), keys(&fake).len()), (5, 5));
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_another_token_does_not_come_after_the_deadline() {
    let fake = fake();
    let tokens = Tokens::new([Ok("fresh"), Ok("stale"), Ok("fresh")]);
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(119)));
    fake.inject(Fault::on(PUSH).latency(millis(1_001)));
    let error = push(&tokens.client(&fake)).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized(_)), "{error}");
    assert_eq!(starts(&fake), [0, 119_000]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_an_error_and_nothing_is_sent() {
    let fake = fake();
    let tokens = Tokens::new([Err("the vault is locked")]);
    let error = push(&tokens.client(&fake)).await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    assert_eq!((error.operation(), error.attempts()), (Some(PUSH), 0));
    assert!(!error.may_have_been_applied() && !error.is_retryable());
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "the vault is locked");
    assert_eq!(tokens.asked(), [false]);
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_before_a_retry_does_not_hide_what_was_sent() {
    let fake = fake();
    let tokens = Tokens::new([Ok("fresh"), Err("the vault is locked")]);
    fake.inject(Fault::on(PUSH).reset_after());
    let error = push(&tokens.client(&fake)).await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    assert_eq!(fake.source(SOURCE).len(), 1);
    assert_eq!((error.attempts(), error.may_have_been_applied()), (1, true));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_no_header_can_hold_is_an_error_and_nothing_is_sent() {
    for token in ["", "  ", "two\nlines"] {
        let fake = fake();
        let error = push(&Tokens::new([Ok(token)]).client(&fake)).await.unwrap_err();
        assert!(matches!(error, Error::Credentials(_)), "{error}");
        assert_eq!((error.attempts(), fake.requests().len()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_is_asked_for_to_upload() {
    let fake = fake();
    let tokens = Tokens::new([Ok("fresh")]);
    fake.inject(Fault::on(UPLOAD).status(503).times(3));
    tokens.client(&fake).file_containers().store("bytes").await.unwrap();
    assert_eq!(tokens.asked(), [false]);
    assert_eq!(keys(&fake).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn clients_with_other_credentials_send_their_own_key_alone() {
    let fake = fake();
    fake.allow_key("other-key");
    let client = fake.client();
    let other = client.with_credentials(ApiKey::new("other-key"));
    let _ = client.sources().set_status(SOURCE, SourceStatus::Idle).await.unwrap();
    let _ = other.sources().set_status(SOURCE, SourceStatus::Idle).await.unwrap();
    fake.inject(Fault::on(CREATE).status(503));
    other.file_containers().create().await.unwrap();
    assert_eq!(keys(&fake), ["fake-key", "other-key", "other-key", "other-key"]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_1_an_attempt_whose_token_comes_after_the_deadline_is_not_made() {
    /// Takes longer for each token.
    #[derive(Debug, Default)]
    struct Slow(AtomicU64);

    impl CredentialsProvider for Slow {
        fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
            let taken = self.0.fetch_add(14, Ordering::Relaxed);
            Box::pin(async move {
                tokio::time::sleep(seconds(taken)).await;
                Ok(ApiKey::new("fake-key"))
            })
        }
    }

    let fake = fake();
    fake.inject(Fault::on(PUSH).status(503).retry_after(seconds(90)));
    fake.inject(Fault::on(PUSH).status(500).retry_after(seconds(1)));
    let client = fake.client().with_credentials(Credentials::provider(Slow::default()));
    let error = push(&client).await.unwrap_err();
    // The third token is there after the two minutes.
    assert_eq!((error.status().map(|status| status.as_u16()), error.attempts()), (Some(500), 2));
    assert_eq!(starts(&fake), [0, 104_000]);
}

#[tokio::test(start_paused = true)]
async fn guarantee_3_a_provider_that_does_not_answer_has_the_time_of_an_attempt() {
    #[derive(Debug)]
    struct Silent;

    impl CredentialsProvider for Silent {
        fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
            Box::pin(std::future::pending())
        }
    }

    let fake = fake();
    let client = fake.client().with_credentials(Credentials::provider(Silent));
    let begin = tokio::time::Instant::now();
    let error = client.sources().set_status(SOURCE, SourceStatus::Idle).await.unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
    assert_eq!(begin.elapsed(), seconds(30));
    assert!(fake.requests().is_empty());
}

#[test]
fn two_keys_are_equal_when_their_text_is() {
    assert_eq!(ApiKey::new("key"), ApiKey::new(" key\n"));
    assert_ne!(ApiKey::new("key"), ApiKey::new("kez"));
    assert_ne!(ApiKey::new("key"), ApiKey::new("ke"));
}
