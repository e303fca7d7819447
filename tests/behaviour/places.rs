//! How many attempts of a host are in flight at once, and which of them go first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{DocumentBody, SourceStatus, http};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::support::{SOURCE, fake, seconds, timed};

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
