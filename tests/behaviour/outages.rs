//! Guarantee 2: a host that is down is held, and waited for.

use std::time::Duration;

use coveo_push::fake::Fault;
use coveo_push::transport::SendErrorKind;
use coveo_push::{DocumentBody, PushClient, RetryPolicy};
use tokio::time::sleep;

use super::network::{Answer, Network, REFUSES};
use super::support::{CREATE, PUSH, SOURCE, fake, millis, once, push, seconds, starts, timed};

fn push_item(client: &PushClient, name: &str) -> coveo_push::request::AddOrUpdateItem {
    client.items(SOURCE).add_or_update(format!("https://example.com/{name}"), &DocumentBody::text("words"))
}

/// Five calls without retries that all fail: the host is held from then on.
async fn hold(client: &PushClient) {
    for _ in 0..5 {
        let error = push_item(client, "hold").retry(RetryPolicy::none()).await.unwrap_err();
        assert_eq!((error.attempts(), error.held()), (1, false), "{error}");
    }
}

fn names(network: &Network) -> Vec<(u64, String)> {
    network.sent().into_iter().filter(|(_, name)| name != "hold").collect()
}

fn sent<const N: usize>(expected: [(u64, &str); N]) -> Vec<(u64, String)> {
    expected.into_iter().map(|(time, name)| (time, name.to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_after_five_outages_a_host_is_sent_one_probe_after_each_back_off() {
    for answer in [REFUSES, Answer::Fails(SendErrorKind::Disconnected), Answer::Status(502), Answer::Status(504)] {
        let fake = fake();
        let network = Network::new(&fake, Duration::ZERO, move |_| answer);
        let client = network.client(1).build().unwrap();
        hold(&client).await;
        let (result, took) = timed(push_item(&client, "a").into_future()).await;
        let error = result.unwrap_err();
        let probes = [500, 1_500, 3_500, 7_500, 15_500, 31_500, 61_500, 91_500];
        assert_eq!(network.times()[5..], probes, "{answer:?}");
        assert_eq!((error.attempts(), error.held(), took), (8, true, 120_000), "{error}");
        assert_eq!(error.elapsed(), seconds(120));
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_the_calls_that_wait_take_turns_to_probe() {
    let fake = fake();
    let network = Network::new(&fake, Duration::ZERO, |ms| if ms < 10_000 { REFUSES } else { Answer::Fake });
    let client = network.client(1).build().unwrap();
    hold(&client).await;
    let (a, b, c) = (push_item(&client, "a"), push_item(&client, "b"), push_item(&client, "c"));
    let (a, b, c) = tokio::join!(a.into_future(), b.into_future(), c.into_future());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    let expected = sent([(500, "a"), (1_500, "b"), (3_500, "c"), (7_500, "a"), (15_500, "b")]);
    assert_eq!(names(&network)[..5], expected);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_probe_that_is_dropped_lets_the_next_one_go() {
    let fake = fake();
    let network = Network::new(&fake, Duration::ZERO, |ms| match ms {
        0 => REFUSES,
        1..=999 => Answer::Hangs,
        _ => Answer::Fake,
    });
    let client = network.client(1).build().unwrap();
    hold(&client).await;
    let a = tokio::spawn(push_item(&client, "a").into_future());
    sleep(millis(1)).await;
    let b = tokio::spawn(push_item(&client, "b").into_future());
    sleep(millis(999)).await;
    a.abort();
    assert_eq!(b.await.unwrap().unwrap().attempts(), 1);
    assert_eq!(names(&network), sent([(500, "a"), (1_000, "b")]));
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_the_first_answer_ends_a_hold_and_the_others_go_on_within_a_second() {
    // Whatever the answer is: the host is there.
    for answer in [Answer::Fake, Answer::Status(500), Answer::Status(400)] {
        let fake = fake();
        let network = Network::new(&fake, Duration::ZERO, move |ms| match ms {
            0..=1_000 => REFUSES,
            1_500 => answer,
            _ => Answer::Fake,
        });
        let client = network.client(1).build().unwrap();
        hold(&client).await;
        let calls: Vec<_> = (0..100).map(|n| tokio::spawn(push_item(&client, &n.to_string()).into_future())).collect();
        for call in calls {
            let result = call.await.unwrap();
            assert!(result.is_ok() || answer == Answer::Status(400));
        }
        let after: Vec<u64> = network.times().into_iter().filter(|time| *time > 1_500).collect();
        let (first, last) = (*after.iter().min().unwrap(), *after.iter().max().unwrap());
        assert!(first < 1_600 && (2_300..=2_500).contains(&last), "{first} {last}");
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_an_answer_to_an_earlier_attempt_ends_a_hold_at_once() {
    let fake = fake();
    fake.inject(Fault::on(CREATE).latency(seconds(10)));
    let network = Network::new(&fake, Duration::ZERO, |ms| match ms {
        0 => Answer::Fake,
        1..=3_600 => REFUSES,
        _ => Answer::Hangs,
    });
    let client = network.client(1).build().unwrap();
    let earlier = tokio::spawn(client.file_containers().create().into_future());
    sleep(millis(10)).await;
    hold(&client).await;
    // One hangs as the probe of 7.51 s, the other waits for its turn.
    let waiting: Vec<_> = ["a", "b"].map(|name| tokio::spawn(push_item(&client, name).into_future())).into();
    earlier.await.unwrap().unwrap();
    sleep(seconds(2)).await;
    let last = names(&network).last().cloned().unwrap();
    assert!((10_000..=11_000).contains(&last.0), "{last:?}");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_call_that_was_never_sent_tells_the_last_outage_of_its_host() {
    for (answer, status) in [(REFUSES, None), (Answer::Status(503), Some(503))] {
        let fake = fake();
        let network = Network::new(&fake, Duration::ZERO, move |_| answer);
        let client = network.client(1).build().unwrap();
        hold(&client).await;
        for policy in [RetryPolicy::none(), RetryPolicy::default().deadline(millis(400))] {
            let (result, took) = timed(push(&client).retry(policy)).await;
            let error = result.unwrap_err();
            assert_eq!((error.attempts(), error.held(), error.operation()), (0, true, Some(PUSH)));
            assert_eq!(error.status().map(|status| status.as_u16()), status);
            assert!(error.is_retryable() && !error.may_have_been_applied());
            assert_eq!(took, if policy == RetryPolicy::none() { 0 } else { 400 });
            assert!(error.to_string().contains("not sent: the host did not answer earlier calls"), "{error}");
            if answer == REFUSES {
                let cause = std::error::Error::source(&error).and_then(|error| error.source()).unwrap();
                assert_eq!(cause.to_string(), "the network is down (127.0.0.1:1)");
            }
        }
        assert_eq!(network.times().len(), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_retries_probes_when_it_is_time() {
    let fake = fake();
    let network = Network::new(&fake, Duration::ZERO, |ms| if ms < 10 { REFUSES } else { Answer::Fake });
    let client = network.client(1).build().unwrap();
    hold(&client).await;
    sleep(millis(500)).await;
    assert_eq!(push(&client).retry(RetryPolicy::none()).await.unwrap().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn failures_that_the_service_answers_for_itself_hold_nothing() {
    for status in [400, 408, 500] {
        let fake = fake();
        fake.inject(Fault::on(PUSH).status(status).times(20));
        for _ in 0..20 {
            assert_eq!(push(&once(&fake)).await.unwrap_err().attempts(), 1);
        }
        let client = once(&fake);
        assert_eq!(push(&client).await.unwrap().attempts(), 1);
        assert_eq!(starts(&fake), [0; 21]);
    }
}

#[tokio::test(start_paused = true)]
async fn failures_that_no_later_attempt_can_change_hold_nothing() {
    for kind in [SendErrorKind::Request, SendErrorKind::Certificate] {
        let network = Network::new(&fake(), Duration::ZERO, move |_| Answer::Fails(kind));
        let client = network.client(1).build().unwrap();
        for _ in 0..20 {
            let error = push(&client).await.unwrap_err();
            assert_eq!((error.attempts(), error.held()), (1, false), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_host_that_is_down_does_not_hold_the_other_one() {
    let fake = fake();
    let client = once(&fake);
    let container = client.file_containers().create().await.unwrap();
    fake.inject(Fault::on(PUSH).no_connection().times(5));
    hold(&client).await;
    client.file_containers().upload(&container, "bytes").await.unwrap();
    assert!(push(&client).await.unwrap_err().held());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_is_replaced_at_once_but_not_twice_in_a_row() {
    for (closed, expected) in [(1, vec![0, 0]), (2, vec![0, 0, 1_000]), (3, vec![0, 0, 1_000, 3_000])] {
        let left = std::sync::Mutex::new(closed);
        let network = Network::new(&fake(), Duration::ZERO, move |_| {
            let mut left = left.lock().unwrap();
            *left -= 1;
            if *left >= 0 { Answer::Fails(SendErrorKind::Closed) } else { Answer::Fake }
        });
        let client = network.client(1).random(|| 1.0).build().unwrap();
        assert_eq!(push(&client).await.unwrap().attempts(), expected.len() as u32);
        assert_eq!(network.times(), expected);
    }
    let network = Network::new(&fake(), Duration::ZERO, |_| Answer::Fails(SendErrorKind::Closed));
    assert_eq!(push(&network.client(1).build().unwrap()).retry(RetryPolicy::none()).await.unwrap_err().attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_bulk_run_waits_as_long_as_its_outage_patience() {
    for (patience, expected) in [(None, 900), (Some(seconds(60)), 60), (Some(Duration::ZERO), 0)] {
        let network = Network::new(&fake(), Duration::ZERO, |_| REFUSES);
        let client = network.client(1).build().unwrap();
        let pusher = client.items(SOURCE).pusher();
        let pusher = patience.into_iter().fold(pusher, |pusher, patience| pusher.outage_patience(patience)).start();
        pusher.delete("https://example.com/a").await.unwrap();
        let (report, took) = timed(async { pusher.finish().await }).await;
        assert!(report.into_result().is_err());
        assert_eq!(took / 1_000, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_without_retries_does_not_wait_for_a_host_that_is_held() {
    let network = Network::new(&fake(), Duration::ZERO, |_| REFUSES);
    let client = network.client(1).build().unwrap();
    hold(&client).await;
    let pusher = client.items(SOURCE).pusher().retry(RetryPolicy::none()).start();
    pusher.delete("https://example.com/a").await.unwrap();
    let (report, took) = timed(async { pusher.finish().await }).await;
    assert!(report.failed_batches[0].error().unwrap().held());
    assert_eq!((took, network.times().len()), (0, 5));
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_run_of_calls_that_get_no_answer_waits_beyond_its_deadline() {
    let network = Network::new(&fake(), Duration::ZERO, |ms| if ms < 600_000 { Answer::Hangs } else { Answer::Fake });
    let client = network.client(1).build().unwrap();
    let pusher = client.items(SOURCE).pusher().concurrency(1).start();
    pusher.delete("https://example.com/a").await.unwrap();
    let report = pusher.finish().await.into_result().unwrap();
    assert_eq!(report.totals.accepted, 1);
}

/// A call that is told to come again in more than 15 minutes, and what others do then.
#[tokio::test(start_paused = true)]
async fn guarantee_2_no_answer_holds_back_others_for_more_than_15_minutes_and_a_probe() {
    for text in ["86400000", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let fake = fake();
        let network = Network::new(&fake, millis(500), |_| Answer::Fake);
        let client = network.client(1).random(|| 1.0).build().unwrap();
        fake.inject(Fault::on(PUSH).status(429).header("retry-after", text));
        let (result, took) = timed(push_item(&client, "told").into_future()).await;
        let error = result.unwrap_err();
        assert!(error.retry_after().unwrap() > seconds(24 * 3_600) && took == 500);
        assert!(error.to_string().contains("implausible retry-after"), "{error}");
        let patient = RetryPolicy::default().deadline(seconds(20 * 60));
        let (a, b) = (push_item(&client, "a").retry(patient), push_item(&client, "b").retry(patient));
        let (a, b) = tokio::join!(a.into_future(), b.into_future());
        assert!(a.is_ok() && b.is_ok(), "{text}");
        // Held back until 900.5 s, spread over a second; the other waits for the answer to the probe.
        assert_eq!(network.times(), [0, 901_500, 903_000], "{text}");
    }
}
