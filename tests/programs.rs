//! The small examples as programs: their errors, and their end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/program.rs"]
mod program;
#[cfg(unix)]
#[path = "shared/signal.rs"]
mod signal;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

use coveo_push::{ApiKey, DocumentBody, PushClient, RetryPolicy};
use program::program;

/// A fake server that runs, with its base URL.
fn start_server(options: &[&str]) -> (Child, String) {
    let mut command = Command::new(program("fake_server"));
    let command = command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("`cargo test` builds the examples");
    let mut base_url = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut base_url).unwrap();
    (child, base_url.trim().to_owned())
}

#[test]
fn a_fake_server_until_eof_ends_with_its_input_and_tells_what_it_holds() {
    let (mut child, _) = start_server(&["--until-eof"]);
    drop(child.stdin.take());
    let mut held = String::new();
    child.stdout.take().unwrap().read_to_string(&mut held).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(held.contains("\"my-source\""), "{held}");
}

#[cfg(unix)]
#[test]
fn a_fake_server_without_input_runs_until_a_signal() {
    for signal in ["INT", "TERM"] {
        let (mut child, _) = start_server(&[]);
        drop(child.stdin.take());
        thread::sleep(std::time::Duration::from_millis(200));
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        signal::send(signal, child.id());
        let mut held = String::new();
        child.stdout.take().unwrap().read_to_string(&mut held).unwrap();
        assert!(child.wait().unwrap().success(), "{signal}");
        assert!(held.contains("\"my-source\""), "{held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fake_server_serves_a_data_collection_and_tells_what_it_holds() {
    let (mut child, base_url) = start_server(&["--until-eof", "--data-collection", "shops"]);
    let client = PushClient::builder("my-org", ApiKey::new("fake-key")).base_url(base_url).build().unwrap();
    let load = client.data_collection("shops").load().start().await.unwrap();
    load.pusher().add_or_update("shop://1", &DocumentBody::new().metadata("city", "Bern")).await.unwrap();
    load.finish().await.into_result().unwrap();
    let unknown = client.data_collection("other").open_stream().await.unwrap_err();
    assert_eq!(unknown.status().map(|status| status.as_u16()), Some(404), "{unknown}");
    drop(child.stdin.take());
    let mut held = String::new();
    child.stdout.take().unwrap().read_to_string(&mut held).unwrap();
    assert!(child.wait().unwrap().success());
    let held: serde_json::Value = serde_json::from_str(&held).unwrap();
    assert_eq!(held["dataCollections"]["shops"]["items"][0]["documentId"], "shop://1", "{held}");
}

#[tokio::test]
async fn a_fake_server_fails_the_part_of_the_calls_that_it_is_told_to() {
    let (mut child, base_url) = start_server(&["--until-eof", "--faults", "1", "--seed", "7"]);
    let builder = PushClient::builder("my-org", ApiKey::new("fake-key")).base_url(base_url);
    let client = builder.retry(RetryPolicy::none()).build().unwrap();
    let doc = DocumentBody::text("words");
    for number in 0..8 {
        let pushed = client.items("my-source").add_or_update(format!("https://example.com/{number}"), &doc).await;
        assert!(pushed.is_err(), "{pushed:?}");
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_quickstart_deletes_nothing_at_a_service_where_nobody_can_answer() {
    let mut command = Command::new(program("quickstart"));
    for (name, value) in
        [("BASE_URL", "http://127.0.0.1:9"), ("API_KEY", "k"), ("ORGANIZATION_ID", "o"), ("SOURCE_ID", "s")]
    {
        command.env(format!("COVEO_{name}"), value);
    }
    let output = command.stdin(Stdio::null()).output().expect("`cargo test` builds the examples");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("give `--yes` where nobody can answer"));
}

#[test]
fn the_quickstart_says_how_to_make_a_source_where_none_is_named() {
    let mut command = Command::new(program("quickstart"));
    for (name, value) in [("BASE_URL", "http://127.0.0.1:9"), ("API_KEY", "k"), ("ORGANIZATION_ID", "o")] {
        command.env(format!("COVEO_{name}"), value);
    }
    let output = command.stdin(Stdio::null()).output().expect("`cargo test` builds the examples");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("COVEO_SOURCE_ID is not set: `cargo run --example setup -- --keep NAME`"), "{error}");
}

/// Runs `setup` against a served fake organization, and returns its output.
fn set_up(base_url: &str, options: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program("setup"));
    let settings = [("BASE_URL", base_url), ("API_KEY", "fake-key"), ("ORGANIZATION_ID", "my-org")];
    command.envs(settings.map(|(name, value)| (format!("COVEO_{name}"), value)));
    let output = command.args(options).output().expect("`cargo test` builds the examples");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_keeps_a_source_that_it_is_told_to_keep_and_deletes_what_it_made_for_trying() {
    let fake = coveo_push::fake::FakePushApi::builder().build();
    let server = fake.serve().await.unwrap();
    let run = |options: &'static [&'static str]| {
        let base_url = server.base_url();
        tokio::task::spawn_blocking(move || set_up(&base_url, options))
    };
    let first = run(&["--keep", "wiki"]).await.unwrap().unwrap();
    let kept = |output: &str| output.lines().find(|line| line.starts_with("COVEO_SOURCE_ID=")).map(str::to_owned);
    assert!(kept(&first).is_some(), "{first}");
    assert_eq!(kept(&run(&["--keep", "wiki"]).await.unwrap().unwrap()), kept(&first));
    run(&["--keep", "coveo-push-setup"]).await.unwrap().unwrap();
    let error = run(&[]).await.unwrap().unwrap_err();
    assert!(error.contains("would delete it"), "{error}");
    let sources = fake.client().platform().sources().await.unwrap();
    assert_eq!(sources.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_tells_what_became_of_its_item_by_the_logs() {
    for (reason, told) in
        [(None, "the item is indexed"), (Some("not today"), "the item is failed at EXTENSION: not today")]
    {
        let fake = coveo_push::fake::FakePushApi::builder().build();
        fake.reject_in_pipeline(move |_| reason.map(str::to_owned));
        let server = fake.serve().await.unwrap();
        let base_url = server.base_url();
        let said = tokio::task::spawn_blocking(move || set_up(&base_url, &[])).await.unwrap().unwrap();
        assert!(said.contains(&format!("the user is UP_TO_DATE, {told}\n")), "{said}");
        assert_eq!(fake.client().platform().sources().await.unwrap().len(), 0);
    }
}

#[test]
fn who_can_see_says_when_its_files_hold_no_items() {
    let folder = tempfile::tempdir().unwrap();
    let (identities, items) = (folder.path().join("identities.json"), folder.path().join("items.json"));
    fs::write(&identities, r#"[{"provider":"p","members":[]}]"#).unwrap();
    fs::write(&items, "{}").unwrap();
    let output = Command::new(program("who_can_see")).args([&identities, &items]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("nothing in `addOrUpdate`"));
}
