//! Panics of the code that a user gives to a client, and calls outside of a runtime.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::report::FailureReason;
use coveo_push::transport::{Body, BoxFuture, SendError, SendErrorKind, Transport};
use coveo_push::{ApiKey, BoxError, Content, Credentials, CredentialsProvider, DocumentBody, Error, PushError, http};

use super::support::{SOURCE, fake, push};

/// Panics at the requests whose path ends like this, before or after the fake has them.
struct Panics {
    fake: FakePushApi,
    at: &'static str,
    is_sent: bool,
}

impl Transport for Panics {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        let panics = request.uri().path().ends_with(self.at);
        assert!(!panics || self.is_sent, "a bug before the request");
        Box::pin(async move {
            let response = self.fake.send(request).await;
            if panics {
                std::panic::panic_any("a bug after the request".to_owned());
            }
            response
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_transport_is_an_error_that_says_so_and_is_not_retried() {
    for (is_sent, message) in [(false, "a bug before the request"), (true, "a bug after the request")] {
        let fake = fake();
        let transport = Panics { fake: fake.clone(), at: "/documents", is_sent };
        let client = fake.client_builder().transport(transport).build().unwrap();
        let error = push(&client).await.unwrap_err();
        assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Panic), "{error}");
        assert!(error.to_string().ends_with(&format!(": the transport panicked: {message}")), "{error}");
        assert!(error.attempts() == 1 && error.may_have_been_applied() && !error.is_retryable());
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_panic_of_a_transport_fails_its_batch_once_and_says_so() {
    for at in ["/files", "/documents/batch"] {
        let fake = fake();
        let transport = Panics { fake: fake.clone(), at, is_sent: true };
        let client = fake.client_builder().transport(transport).build().unwrap();
        let run = client.items(SOURCE).pusher().start();
        run.add_or_update("https://example.com/a", &DocumentBody::text("words")).await.unwrap();
        let report = run.finish().await;
        let totals = report.totals;
        assert_eq!((totals.pushed, totals.failed, totals.unsent, totals.accepted), (1, 1, 0, 0), "{report}");
        let FailureReason::Error(error) = report.failed_batches[0].reason() else { panic!("{report}") };
        assert!(error.to_string().contains("the transport panicked: a bug after the request"), "{error}");
    }
}

struct Bug;

impl CredentialsProvider for Bug {
    fn token<'a>(&'a self, _: Option<&'a ApiKey>) -> BoxFuture<'a, Result<ApiKey, BoxError>> {
        Box::pin(async { std::panic::panic_any("a bug of the provider") })
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_credentials_provider_is_an_error_that_says_so() {
    let fake = fake();
    let client = fake.client().with_credentials(Credentials::provider(Bug));
    let error = push(&client).await.unwrap_err();
    let Error::Credentials(failure) = &error else { panic!("{error}") };
    let source = std::error::Error::source(&**failure).unwrap().to_string();
    assert_eq!(source, "it panicked: a bug of the provider");
    assert!(fake.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn guarantee_5_a_panic_of_a_handler_stops_the_run_says_so_and_counts_its_operation_once() {
    let fake = fake();
    let items = fake.client().items(SOURCE);
    let doc = DocumentBody::text("words");
    let run = items.pusher().on_refused(|_| std::panic::panic_any("a bug of the handler")).start();
    assert!(run.add_or_update("no uri", &doc).await.unwrap().refused().is_some());
    let stopped = run.add_or_update("https://example.com/a", &doc).await.unwrap_err();
    assert!(stopped.to_string().contains("the handler of refused items panicked"), "{stopped}");
    let totals = run.finish().await.totals;
    assert_eq!((totals.pushed, totals.refused, totals.cancelled), (1, 1, 0));

    let run = items.pusher().on_accepted(|_| std::panic::panic_any("a bug of the handler")).start();
    run.add_or_update("https://example.com/a", &doc).await.unwrap();
    let stopped = run.flush().await.unwrap_err();
    assert!(stopped.to_string().contains("the handler of accepted batches panicked"), "{stopped}");
    let totals = run.finish().await.totals;
    assert_eq!((totals.pushed, totals.accepted, totals.failed, totals.unsent), (1, 1, 0, 0));
}

/// Polls a future once, outside of a runtime.
fn poll<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for a runtime that is not there"),
    }
}

#[test]
fn a_call_or_a_push_outside_of_a_runtime_is_an_error_and_takes_nothing() {
    let fake = fake();
    let client = fake.client();
    let error = poll(push(&client).into_future()).unwrap_err();
    assert!(matches!(&error, Error::Config(_)) && error.to_string().contains("needs a tokio runtime"), "{error}");
    let run = client.items(SOURCE).pusher().start();
    let doc = DocumentBody::new();
    for push in [
        run.add_or_update("https://example.com/a", &doc).into_future(),
        run.add_or_update("https://example.com/a", &doc).content(Content::bytes("words")).into_future(),
        run.delete("https://example.com/a").into_future(),
    ] {
        let error = poll(push).unwrap_err();
        assert!(matches!(&error, PushError::Call(_)) && error.to_string().contains("a tokio runtime"), "{error}");
    }
    let totals = poll(run.finish()).totals;
    assert_eq!((totals.pushed, totals.cancelled), (0, 0));
    assert!(fake.requests().is_empty());
}
