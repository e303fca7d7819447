//! A run keeps to the pace that the service asks for, and to its own.

use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault, FaultRates};
use coveo_push::{Error, Operation, RetryPolicy, SourceStatus};

use super::support::{SOURCE, fake, full, ms, pusher, requests_of, secs};

fn api_calls(fake: &FakePushApi) -> Vec<Duration> {
    let requests = fake.requests().into_iter();
    let calls = requests.filter(|request| request.operation() != Some(Operation::UploadToContainer));
    calls.map(|request| request.received_after()).collect()
}

#[tokio::test(start_paused = true)]
async fn no_interval_holds_more_api_calls_than_the_limit() {
    for seed in 0..20 {
        let fake = fake();
        let rates = FaultRates::seeded(seed).status(503, 0.1).throttled_for(0.05, secs(3)).latency(ms(0)..=ms(300));
        fake.inject_random(rates);
        let pusher = pusher(&fake).max_api_calls(5, secs(10)).on_failed_batch(|_| {}).start();
        for n in 0..20 {
            pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
        }
        let report = pusher.finish().await;
        let calls = api_calls(&fake);
        assert_eq!(report.totals.api_calls, calls.len() as u64);
        assert!(calls.len() > 20);
        assert!(calls.windows(6).all(|six| six[5] - six[0] >= secs(10)), "{calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_throttle_is_waited_out_and_is_neither_an_attempt_nor_part_of_the_deadline() {
    let fake = fake();
    let throttled = || Fault::on(Operation::PushItemContainer).status(429).retry_after(secs(240));
    fake.inject(throttled());
    fake.inject(throttled());
    fake.inject(Fault::on(Operation::PushItemContainer).status(503));
    fake.inject(throttled());
    let pusher = pusher(&fake).retry(RetryPolicy::default().max_attempts(2)).start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.batch_samples[0].attempts, report.totals.retries), (1, 7, 4));
    assert!(
        report.totals.throttled >= secs(720) && report.totals.throttled < secs(780),
        "{:?}",
        report.totals.throttled
    );
    let calls = requests_of(&fake, Operation::PushItemContainer);
    let waits: Vec<_> = calls.windows(2).map(|two| two[1].received_after() - two[0].received_after()).collect();
    assert!(waits[0] >= secs(240) && waits[1] >= secs(240) && waits[2] < secs(3) && waits[3] >= secs(240), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_are_waited_for_and_twenty_fail_the_batch() {
    for (minutes, is_accepted) in [(10, true), (20, false)] {
        let fake = fake();
        fake.inject(Fault::on(Operation::PushItemContainer).status(429).retry_after(secs(60 * minutes)));
        let pusher = pusher(&fake).start();
        pusher.add_or_update("a://1", &full(1)).await.unwrap();
        let report = pusher.finish().await;
        assert_eq!(report.is_complete(), is_accepted);
        if is_accepted {
            assert!(report.elapsed >= secs(600));
        } else {
            let failed = &report.failed_batches[0];
            assert!(matches!(failed.error(), Some(Error::RateLimited(_))));
            assert_eq!(failed.error().unwrap().retry_after(), Some(secs(1_200)));
            assert!(!failed.may_have_been_applied());
            assert!(report.elapsed < secs(60));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_back_all_calls_of_the_run() {
    let fake = fake();
    fake.inject(Fault::on(Operation::CreateFileContainer).skip(1).status(429).retry_after(secs(30)));
    let pusher = pusher(&fake).concurrency(4).start();
    for n in 0..8 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    pusher.finish().await.into_result().unwrap();
    let throttled = fake.requests().iter().position(|request| request.status().is_some_and(|it| it == 429)).unwrap();
    let at = fake.requests()[throttled].received_after();
    // What was sent at that very moment could not know.
    assert!(api_calls(&fake).iter().all(|call| *call <= at || *call >= at + secs(30)), "{:?}", api_calls(&fake));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_comes_while_the_service_holds_calls_back_is_waited_for_anew() {
    let fake = fake();
    // The third call is told to wait until after the turn of the fourth has come.
    fake.inject(Fault::on(Operation::CreateFileContainer).skip(2).latency(secs(1)).status(429).retry_after(secs(25)));
    let pusher = pusher(&fake).linger(secs(30)).concurrency(4).max_api_calls(3, secs(10)).start();
    for n in 0..6 {
        pusher.add_or_update(format!("a://{n}"), &full(n)).await.unwrap();
    }
    pusher.finish().await.into_result().unwrap();
    let calls = api_calls(&fake);
    assert!(calls.iter().skip(3).all(|call| *call >= secs(26)), "{calls:?}");
    assert!(calls.windows(4).all(|four| four[3] - four[0] >= secs(10)), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_before_the_first_attempt_of_a_call_is_no_part_of_its_deadline() {
    let fake = fake();
    let client = fake.client();
    // Another call is told to wait, which holds back those of the run before they are sent once.
    fake.inject(Fault::on(Operation::SetSourceStatus).status(429).retry_after(secs(300)));
    client.sources().set_status(SOURCE, SourceStatus::Rebuild).await.unwrap_err();
    fake.inject(Fault::on(Operation::PushItemContainer).status(503));
    let pusher = client.items(SOURCE).pusher().start();
    pusher.add_or_update("a://1", &full(1)).await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!((report.totals.accepted, report.totals.retries), (1, 1));
    assert!(report.totals.throttled >= secs(295), "{:?}", report.totals.throttled);
}
