//! The example `sharded` as a program: a coordinator, and workers that are processes of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/program.rs"]
mod program;
#[cfg(unix)]
#[path = "shared/signal.rs"]
mod signal;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use coveo_push::fake::{FakePushApi, FakeServer, Fault};
use coveo_push::{DocumentBody, Operation};
use program::program;

const SOURCE: &str = "my-source";
const OLD: &str = "https://example.com/old";
/// How long anything may take before the test has failed.
const LIMIT: Duration = Duration::from_secs(120);

/// The fake service behind HTTP, whose source holds an old item.
async fn service() -> (FakePushApi, FakeServer) {
    let fake = FakePushApi::builder().organization("my-org").api_key("my-key").source(SOURCE).build();
    let old = fake.client_builder().build().unwrap();
    old.items(SOURCE).add_or_update(OLD, &DocumentBody::text("old")).ordering_id(1_000).await.unwrap();
    fake.clear_requests();
    let server = fake.serve().await.unwrap();
    (fake, server)
}

fn start(server: &FakeServer) -> Child {
    let mut command = Command::new(program("sharded"));
    command.args(["--workers", "4", "--items", "400"]).stdin(Stdio::null()).stdout(Stdio::piped());
    command.env("COVEO_BASE_URL", server.base_url()).env("COVEO_API_KEY", "my-key").env_remove("COVEO_REGION");
    command.env("COVEO_ORGANIZATION_ID", "my-org").env("COVEO_SOURCE_ID", SOURCE);
    command.spawn().expect("`cargo test` builds the examples")
}

fn count(fake: &FakePushApi, operation: Operation) -> usize {
    fake.requests().iter().filter(|request| request.operation() == Some(operation)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_refresh_a_source() {
    let (fake, server) = service().await;
    let output = tokio::task::spawn_blocking(move || {
        let output = start(&server).wait_with_output().unwrap();
        drop(server);
        output
    });
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for index in 0..4 {
        assert!(said.contains(&format!("worker {index}: 100 pushed: 100 accepted")), "{said}");
    }
    assert!(said.contains("REBUILD of my-source: 400 pushed: 400 accepted"), "{said}");
    assert_eq!(count(&fake, Operation::SetSourceStatus), 2);
    fake.pass_time(Duration::from_secs(3_600));
    assert_eq!(fake.source(SOURCE).len(), 400);
    assert!(fake.source(SOURCE).item(OLD).is_none());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn guarantee_11_when_one_of_four_processes_is_killed_nothing_is_deleted() {
    let (fake, server) = service().await;
    // No worker ends before the kill.
    fake.inject(Fault::on(Operation::UploadToContainer).status(503).always());
    let mut coordinator = start(&server);
    let mut lines = BufReader::new(coordinator.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.starts_with("worker 2 is process ")).unwrap();
    let process = line.rsplit(' ').next().unwrap();
    let begin = Instant::now();
    while count(&fake, Operation::UploadToContainer) == 0 {
        assert!(begin.elapsed() < LIMIT, "no worker uploads anything");
        thread::sleep(Duration::from_millis(10));
    }
    signal::send("KILL", process.parse().unwrap());
    fake.clear_faults();
    let said = lines.collect::<Vec<_>>().join("\n");
    assert_eq!(coordinator.wait().unwrap().code(), Some(1), "{said}");
    for index in [0, 1, 3] {
        assert!(said.contains(&format!("worker {index}: 100 pushed: 100 accepted")), "{said}");
    }
    assert!(said.contains("worker 2: no report"), "{said}");
    assert!(said.contains("nothing is deleted, because worker 2 has no report"), "{said}");
    assert_eq!(count(&fake, Operation::DeleteOldItems), 0);
    fake.pass_time(Duration::from_secs(3_600));
    assert!(fake.source(SOURCE).item(OLD).is_some());
    assert!(fake.source(SOURCE).len() > 300);
}
