//! Whatever time a caller or the service names, it is waited for, or for a year: nothing overflows.

use std::time::Duration;

use coveo_push::fake::Fault;
use coveo_push::{Items, PushClientBuilder, PusherBuilder, RetryPolicy};

use super::support::{CREATE, PUSH, SOURCE, fake, push, seconds};

struct Row {
    client: fn(PushClientBuilder) -> PushClientBuilder,
    run: fn(PusherBuilder<Items>) -> PusherBuilder<Items>,
    retry_after: Duration,
    status: u16,
}

const ROW: Row = Row { client: |client| client, run: |run| run, retry_after: Duration::ZERO, status: 503 };

#[tokio::test(start_paused = true)]
async fn no_setting_is_too_long_a_time() {
    const MAX: Duration = Duration::MAX;
    let patient = |client: PushClientBuilder| client.retry(RetryPolicy::default().deadline(MAX));
    let rows = [
        ("call_timeout", Row { client: |client| client.call_timeout(MAX), ..ROW }),
        ("upload_timeout", Row { client: |client| client.upload_timeout(MAX), ..ROW }),
        ("base_delay", Row { client: |c| c.retry(RetryPolicy::default().base_delay(MAX)), ..ROW }),
        (
            "base_delay, max_delay and deadline",
            Row {
                client: |c| c.retry(RetryPolicy::default().base_delay(MAX).max_delay(MAX).deadline(MAX)),
                run: |run| run.outage_patience(MAX),
                ..ROW
            },
        ),
        ("deadline", Row { client: patient, ..ROW }),
        ("linger", Row { run: |run| run.linger(MAX), ..ROW }),
        ("api_calls", Row { run: |run| run.max_api_calls(3, MAX), ..ROW }),
        ("throttle_patience", Row { run: |run| run.throttle_patience(MAX), ..ROW }),
        (
            "Retry-After, waited for",
            Row { client: patient, run: |run| run.throttle_patience(MAX), retry_after: MAX, status: 429 },
        ),
        (
            "Retry-After after a failure",
            Row { client: patient, run: |run| run.outage_patience(MAX), retry_after: MAX, status: 503 },
        ),
    ];
    for (name, Row { client, run, retry_after, status }) in rows {
        let fake = fake();
        let client = client(fake.client_builder().random(|| 1.0)).build().unwrap();
        for operation in [PUSH, CREATE] {
            fake.inject(Fault::on(operation).status(status).retry_after(retry_after));
        }
        let accepted = push(&client).timeout(MAX).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(accepted.attempts(), 2, "{name}");
        let pusher = run(client.items(SOURCE).pusher()).start();
        for id in ["https://example.com/1", "https://example.com/2"] {
            pusher.delete(id).await.unwrap();
            pusher.flush().await.unwrap();
            tokio::time::sleep(seconds(1)).await;
        }
        let report = pusher.finish().await.into_result().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((report.totals.accepted, report.totals.retries), (2, 1), "{name}");
    }
}
