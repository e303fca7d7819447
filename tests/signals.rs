//! Ctrl-C and SIGTERM: an example that sets the status of a source leaves it idle.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/program.rs"]
mod program;
#[path = "shared/signal.rs"]
mod signal;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, Fault};
use coveo_push::{Operation, SourceStatus};
use program::program;

const SOURCE: &str = "my-source";
const PROVIDER: &str = "My Provider";

/// Runs an example until the service has got a request that it never answers, and then stops it.
async fn stopped(fake: &FakePushApi, example: &str, arguments: &[&str], signal: &str) -> Output {
    let (server, folder) = (fake.serve().await.unwrap(), tempfile::tempdir().unwrap());
    let mut child = Command::new(program(example))
        .args(arguments)
        // It may write a file.
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("COVEO_BASE_URL", server.base_url())
        .env("COVEO_API_KEY", "my-key")
        .env("COVEO_ORGANIZATION_ID", "my-org")
        .env("COVEO_SOURCE_ID", SOURCE)
        .env("COVEO_PROVIDER_ID", PROVIDER)
        .spawn()
        .expect("`cargo test` builds the examples");
    while fake.faults_left() > 0 {
        assert!(child.try_wait().unwrap().is_none(), "{example} has ended");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    signal::send(signal, child.id());
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_example_that_is_stopped_by_a_signal_leaves_the_source_idle_and_says_so() {
    let item = || Fault::on(Operation::AddOrUpdateItem).hang();
    let commit = || Fault::on(Operation::PushItemContainer).hang();
    let upload = || Fault::on(Operation::UploadToContainer).hang();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "words").unwrap();
    let folder = folder.path().to_str().unwrap();
    for (example, arguments, fault, says) in [
        ("sources", vec![], item(), "stopped by a signal"),
        ("quickstart", vec!["--yes"], item(), "stopped by a signal"),
        ("refresh", vec![], upload(), "nothing is deleted, because the run was aborted"),
        // A sync sets the status right before it commits.
        ("wiki", vec![], commit(), "missing items are not deleted, because the run was aborted"),
        ("push_directory", vec!["--refresh", "--public", folder], upload(), "nothing is deleted"),
        // Its workers push, and are stopped, too.
        ("sharded", vec!["--workers", "2"], upload(), "nothing is deleted, because the run was aborted"),
    ] {
        for signal in ["INT", "TERM"] {
            let fake = FakePushApi::builder().organization("my-org").api_key("my-key");
            let fake = fake.secured_source(SOURCE).provider(PROVIDER).build();
            fake.inject(fault.clone());
            let ended = stopped(&fake, example, &arguments, signal).await;
            assert_eq!(ended.status.code(), Some(1), "{example}: {ended:?}");
            assert_eq!(fake.source(SOURCE).status(), Some(SourceStatus::Idle), "{example}: {ended:?}");
            let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
            assert!(said.contains(says), "{example}: {said}");
        }
    }
}
