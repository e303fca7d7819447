//! How many attempts of a host are in flight at once, and which of them go first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::request::AddOrUpdateItem;
use coveo_push::transport::{Body, BoxFuture, SendError, SendErrorKind, Transport};
use coveo_push::{DocumentBody, Error, PushClient, RetryPolicy, SourceStatus, http};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::support::{SOURCE, fake, millis, seconds, timed};

/// Takes a second for each request, and knows how many there were at once.
struct Counting {
    fake: FakePushApi,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Transport for Counting {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            sleep(seconds(1)).await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            self.fake.send(request).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_64_attempts_are_in_flight_at_most_and_the_calls_that_steer_a_run_go_first() {
    let fake = fake();
    let counting = Arc::new(Counting { fake: fake.clone(), now: AtomicUsize::new(0), most: AtomicUsize::new(0) });
    let client = fake.client_builder().transport(Arc::clone(&counting)).build().unwrap();
    let mut calls = JoinSet::new();
    for n in 0..1_000 {
        let item = client.items(SOURCE).add_or_update(format!("https://example.com/{n}"), &DocumentBody::text("x"));
        calls.spawn(item.into_future());
    }
    sleep(seconds(0)).await;
    let (status, took) = timed(client.sources().set_status(SOURCE, SourceStatus::Idle)).await;
    assert!(status.is_ok() && took == 1_000, "{took}");
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert_eq!(counting.most.load(Ordering::SeqCst), 65);
}

/// Takes ten seconds for each request, and answers with 503 to those for items whose id ends with a `b`.
struct Busy {
    fake: FakePushApi,
    sent: Mutex<Vec<(u64, String)>>,
    begin: Instant,
}

impl Transport for Busy {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
        Box::pin(async move {
            let id = request.uri().query().unwrap().rsplit("%2F").next().unwrap().to_owned();
            self.sent.lock().unwrap().push((self.begin.elapsed().as_secs(), id.clone()));
            sleep(seconds(10)).await;
            if id.ends_with('b') {
                let mut response = http::Response::new(Bytes::new());
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                return Ok(response);
            }
            self.fake.send(request).await
        })
    }
}

fn busy() -> (Arc<Busy>, PushClient) {
    let fake = fake();
    let busy = Arc::new(Busy { fake: fake.clone(), sent: Mutex::default(), begin: Instant::now() });
    let client = fake.client_builder().transport(Arc::clone(&busy)).random(|| 1.0).build().unwrap();
    (busy, client)
}

fn item(client: &PushClient, id: impl std::fmt::Display) -> AddOrUpdateItem {
    client.items(SOURCE).add_or_update(format!("https://example.com/{id}"), &DocumentBody::text("x"))
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_places_are_taken_first_come_first_served_and_given_back_before_a_back_off() {
    let (busy, client) = busy();
    let mut calls = JoinSet::new();
    // The first one fails, and has a back-off of half a second; 70 others want its place.
    calls.spawn(item(&client, "b").retry(RetryPolicy::default().max_attempts(2)).into_future());
    for n in 0..133 {
        sleep(millis(1)).await;
        calls.spawn(item(&client, n).into_future());
    }
    calls.join_all().await;
    let sent = busy.sent.lock().unwrap().clone();
    let ids: Vec<&str> = sent.iter().map(|(_, id)| id.as_str()).collect();
    let expected: Vec<String> = std::iter::once("b".to_owned()).chain((0..133).map(|n| n.to_string())).collect();
    // Its second attempt is the last in the line.
    assert_eq!(ids[..134], expected);
    assert_eq!((ids[134], sent[134].0), ("b", 20));
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_waiting_for_a_place_counts_in_no_limit_but_the_timeout_of_the_call_itself() {
    let (_, client) = busy();
    let mut calls = JoinSet::new();
    for n in 0..64 * 30 {
        calls.spawn(item(&client, n).into_future());
    }
    sleep(millis(1)).await;
    // Five minutes are more than any limit of the client.
    let policy = RetryPolicy::none();
    let (waits, times_out) = (item(&client, "waits"), item(&client, "times-out").timeout(seconds(30)));
    let (waits, times_out) = tokio::join!(timed(waits.retry(policy).into_future()), timed(times_out.into_future()));
    assert!(waits.0.is_ok() && waits.1 > 300_000 - 10_000, "{waits:?}");
    let error = times_out.0.unwrap_err();
    assert!(matches!(&error, Error::Transport(failure) if failure.kind() == SendErrorKind::Timeout), "{error}");
    assert_eq!((error.attempts(), times_out.1), (0, 30_000));
    assert!(error.to_string().contains("as many requests as may be in flight"), "{error}");
    assert!(calls.join_all().await.iter().all(Result::is_ok));
}
