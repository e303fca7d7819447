//! Guarantee 2: runs and calls through outages of every length, and the requests meanwhile.

use std::time::Duration;

use coveo_push::DocumentBody;
use coveo_push::transport::SendErrorKind;
use tokio::task::JoinSet;

use super::network::{Answer, Network, REFUSES};
use super::support::{SOURCE, fake, millis};
use crate::cases::cases;

const LENGTHS: [u64; 8] = [250, 500, 1_000, 2_000, 4_000, 30_000, 120_000, 600_000];
const ITEMS: u64 = 40;

/// The ways in which a service is not there.
const ANSWERS: [Answer; 5] =
    [REFUSES, Answer::Status(503), Answer::Fails(SendErrorKind::Closed), Answer::Status(502), Answer::Hangs];

async fn run(length: u64, concurrency: usize, seed: u64) -> Result<u64, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (from, answer) = (random.u64(0..400), ANSWERS[random.usize(..ANSWERS.len())]);
    let fake = fake();
    let network = Network::new(&fake, millis(random.u64(1..60)), move |ms| {
        if (from..from + length).contains(&ms) { answer } else { Answer::Fake }
    });
    let client = network.client(seed).build().unwrap();
    let pusher = client.items(SOURCE).pusher().batch_bytes(1_024).concurrency(concurrency).start();
    for n in 0..ITEMS {
        let document = DocumentBody::text("x".repeat(250));
        let pushed = pusher.add_or_update(format!("https://example.com/{n}"), &document).await;
        pushed.map_err(|error| format!("{answer:?}: {error:?}"))?;
    }
    let report = pusher.finish().await.into_result().map_err(|error| format!("{answer:?}: {error:?}"))?;
    assert_eq!((report.totals.accepted, fake.source(SOURCE).len() as u64), (ITEMS, ITEMS));
    Ok(network.times().len() as u64)
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_no_run_stops_in_an_outage_of_ten_minutes_or_less() {
    let seeds = u64::from(cases(1).cases);
    let mut failures = Vec::new();
    for (row, length) in (0..).zip(LENGTHS) {
        for (column, concurrency) in (0..).zip([1, 2, 4, 8, 16]) {
            let mut most = 0;
            for seed in (row * 5 + column) * seeds..(row * 5 + column + 1) * seeds {
                match run(length, concurrency, seed).await {
                    Ok(sent) => most = most.max(sent),
                    Err(error) => failures.push(format!("{length} ms, {concurrency}, seed {seed}: {error}")),
                }
            }
            println!("{length:>7} ms, concurrency {concurrency:>2}, {seeds} seeds: at most {most} requests");
        }
    }
    assert!(failures.is_empty(), "{} stopped:\n{}", failures.len(), failures.join("\n"));
}

/// The results of a thousand calls at once.
async fn thousand(network: &Network) -> usize {
    let client = network.client(1).build().unwrap();
    let mut calls = JoinSet::new();
    for n in 0..1_000 {
        let item = client.items(SOURCE).add_or_update(format!("https://example.com/{n}"), &DocumentBody::text("x"));
        calls.spawn(item.into_future());
    }
    calls.join_all().await.iter().filter(|result| result.is_ok()).count()
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_none_of_a_thousand_single_calls_fails_in_an_outage_of_30_seconds() {
    for answer in [REFUSES, Answer::Status(503)] {
        let fake = fake();
        let network = Network::new(&fake, millis(20), move |ms| if ms < 30_000 { answer } else { Answer::Fake });
        assert_eq!(thousand(&network).await, 1_000);
        assert_eq!(fake.source(SOURCE).len(), 1_000);
    }
}

#[tokio::test(start_paused = true)]
async fn guarantee_2_a_dead_host_is_sent_little_more_than_one_attempt_a_call() {
    let network = Network::new(&fake(), Duration::from_millis(20), |_| REFUSES);
    assert_eq!(thousand(&network).await, 0);
    let times = network.times();
    let in_the_first_minute = times.iter().filter(|time| **time < 60_000).count();
    assert!(in_the_first_minute < 1_200, "{in_the_first_minute}");
    let later: Vec<_> = times.into_iter().filter(|time| *time >= 60_000).collect();
    assert!(!later.is_empty() && later.windows(2).all(|pair| pair[1] - pair[0] >= 30_000), "{later:?}");
}
