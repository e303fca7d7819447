//! What became of the identities of a run.

use coveo_push::fake::FakePushApi;
use coveo_push::report::{IdentityOutcomes, PushReport, RunTarget};
use coveo_push::{Error, IdentityBody, Operation, PushClient};

use super::support::{SOURCE, doc, secs};

const PROVIDER: &str = "My Provider";

/// A fake that fails to process users whose names begin with `bad`.
fn fake() -> FakePushApi {
    let fake = FakePushApi::builder().source(SOURCE).provider(PROVIDER).provider("other").build();
    fake.reject_identities(|_, identity| {
        identity.name.starts_with("bad").then(|| format!("`{}` is no account", identity.name))
    });
    fake
}

async fn run(client: &PushClient, names: &[&str]) -> PushReport {
    let pusher = client.identities(PROVIDER).pusher().start();
    for name in names {
        pusher.add_or_update(&IdentityBody::user(*name)).await.unwrap();
    }
    pusher.finish().await.into_result().unwrap()
}

fn names(outcomes: &IdentityOutcomes) -> Vec<&str> {
    outcomes.in_error.iter().map(|identity| identity.name()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_report_tells_which_identities_are_in_error_since_its_run_and_why() {
    let fake = fake();
    let client = fake.client();
    let earlier = run(&client, &["bad-earlier"]).await;
    fake.pass_time(secs(3_600));
    let report = run(&client, &["good", "bad-1", "bad-2"]).await;
    fake.pass_time(secs(600));
    let outcomes = report.outcomes(&client.identities(PROVIDER)).await.unwrap();
    assert_eq!((outcomes.provider.as_str(), outcomes.accepted), (PROVIDER, 3));
    assert_eq!(names(&outcomes), ["bad-1", "bad-2"]);
    let printed = "identities in error in My Provider since the run of 3 accepted operations: 2\n    \
                   User bad-1: `bad-1` is no account\n    User bad-2: `bad-2` is no account";
    assert_eq!(outcomes.to_string(), printed);
    // Whoever pushed it: the cache does not tell.
    let all = earlier.outcomes(&client.identities(PROVIDER)).await.unwrap();
    assert_eq!(names(&all), ["bad-1", "bad-2", "bad-earlier"]);
    let read: IdentityOutcomes = serde_json::from_str(&serde_json::to_string(&outcomes).unwrap()).unwrap();
    assert_eq!(read, outcomes);
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_refresh_of_identities_tells_as_well() {
    let fake = fake();
    let identities = fake.client().identities(PROVIDER);
    let refresh = identities.refresh().start().await.unwrap();
    refresh.pusher().add_or_update(&IdentityBody::user("bad-1")).await.unwrap();
    let outcomes = refresh.finish().await.outcomes(&identities).await.unwrap();
    assert_eq!(names(&outcomes), ["bad-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_errors_prints_no_success() {
    let fake = fake();
    let client = fake.client();
    let report = run(&client, &["good"]).await;
    let outcomes = report.outcomes(&client.identities(PROVIDER)).await.unwrap();
    assert_eq!(outcomes.to_string(), "identities in error in My Provider since the run of 1 accepted operations: 0");
}

#[tokio::test(start_paused = true)]
async fn a_run_of_which_nothing_was_accepted_asks_nothing() {
    let fake = fake();
    let client = fake.client();
    let _ = client.identities(PROVIDER).add_or_update(&IdentityBody::user("bad-other")).await.unwrap();
    let report = run(&client, &[]).await;
    let outcomes = report.outcomes(&client.identities(PROVIDER)).await.unwrap();
    assert_eq!((outcomes.accepted, names(&outcomes)), (0, vec![]));
    let asked =
        |request: &coveo_push::fake::RecordedRequest| request.operation() == Some(Operation::ListIdentityStates);
    assert!(!fake.requests().iter().any(asked));
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_cannot_tell_of_a_run_says_whom_to_ask() {
    let fake = fake();
    let client = fake.client();
    let report = run(&client, &["good"]).await;
    assert_eq!(report.target, Some(RunTarget::Provider(PROVIDER.to_owned())));
    let pusher = client.items(SOURCE).pusher().start();
    pusher.add_or_update("https://example.com/a", &doc()).await.unwrap();
    let items = pusher.finish().await.into_result().unwrap();
    let errors = [
        (report.outcomes(&client).await.unwrap_err(), "`report.outcomes(&identities)`"),
        (
            report.outcomes(&client.identities("other")).await.unwrap_err(),
            "the provider `My Provider`, and not of `other`",
        ),
        (items.outcomes(&client.identities(PROVIDER)).await.unwrap_err(), "`report.outcomes(&client)`"),
    ];
    for (error, told) in errors {
        assert!(matches!(error, Error::Config(_)) && error.to_string().contains(told), "{error}");
    }
}
