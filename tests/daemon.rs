//! The example `daemon` as a program: changes from many tasks, faults, SIGTERM, and the content of the source after it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/listening.rs"]
mod listening;
#[path = "shared/program.rs"]
mod program;
#[path = "shared/signal.rs"]
mod signal;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coveo_push::fake::{FakePushApi, FakeServer, Fault, FaultRates};
use coveo_push::report::SavedBatch;
use coveo_push::{Operation, reqwest};
use program::program;
use serde_json::json;
use tokio::task::JoinSet;

const SOURCE: &str = "my-source";
/// How long anything may take before the test has failed.
const LIMIT: Duration = Duration::from_secs(120);

fn fake() -> FakePushApi {
    FakePushApi::builder().organization("my-org").api_key("my-key").source(SOURCE).build()
}

/// The program while it runs.
struct Daemon {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    fn start(server: &FakeServer, folder: &Path, options: &[&str]) -> Self {
        let mut child = Command::new(program("daemon"))
            .args(["--listen", "127.0.0.1:0", "--linger-ms", "50", "--again-after", "1"])
            .args(["--failed-dir", folder.to_str().unwrap()])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env("COVEO_BASE_URL", server.base_url())
            .env("COVEO_API_KEY", "my-key")
            .env("COVEO_ORGANIZATION_ID", "my-org")
            .env("COVEO_SOURCE_ID", SOURCE)
            .spawn()
            .expect("`cargo test` builds the examples");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let url = listening::url(&mut output);
        Self { child, output, url }
    }

    /// Sends SIGTERM, waits for the end, and returns its output, and whether it succeeded.
    async fn stop(mut self) -> (String, bool) {
        signal::send("TERM", self.child.id());
        tokio::task::spawn_blocking(move || {
            let begin = Instant::now();
            while self.child.try_wait().unwrap().is_none() {
                assert!(begin.elapsed() < LIMIT, "it does not end");
                std::thread::sleep(Duration::from_millis(20));
            }
            let mut said = String::new();
            self.output.read_to_string(&mut said).unwrap();
            (said, self.child.wait().unwrap().success())
        })
        .await
        .unwrap()
    }
}

async fn metrics(daemon: &Daemon) -> BTreeMap<String, f64> {
    let text = reqwest::get(format!("{}/metrics", daemon.url)).await.unwrap().text().await.unwrap();
    let values = text.lines().filter(|line| !line.starts_with('#'));
    values
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// The last version of each item that the daemon took; `None` after a deletion.
type Taken = Arc<Mutex<BTreeMap<String, Option<u64>>>>;

/// Eight clients, each with items of its own, whose versions follow each other.
async fn change(daemon: &Daemon, taken: &Taken, changes: u64) {
    let mut clients = JoinSet::new();
    for client in 0..8_u64 {
        let (url, taken) = (daemon.url.clone(), Arc::clone(taken));
        clients.spawn(async move {
            let http = reqwest::Client::new();
            for n in 1..=changes {
                let id = format!("a://{client}/{}", n % 5);
                let deletes = n % 7 == 0;
                let request = if deletes {
                    http.delete(format!("{url}/item?documentId={id}"))
                } else {
                    http.put(format!("{url}/item"))
                        .body(json!({ "documentId": id, "n": n, "data": "words" }).to_string())
                };
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status().as_u16(), 202);
                taken.lock().unwrap().insert(id, (!deletes).then_some(n));
            }
        });
    }
    clients.join_all().await;
}

fn held(fake: &FakePushApi, id: &str) -> Option<u64> {
    fake.source(SOURCE).item(id).map(|item| item.metadata("n").unwrap().as_u64().unwrap())
}

/// The differences of a source from its expected content.
fn differences(fake: &FakePushApi, taken: &Taken) -> Vec<String> {
    let taken = taken.lock().unwrap();
    let differs = taken.iter().filter(|(id, version)| held(fake, id) != **version);
    differs.map(|(id, version)| format!("{id} should be {version:?}, and is {:?}", held(fake, id))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_stopped_by_sigterm_has_pushed_all_changes_through_faults() {
    let fake = fake();
    let server = fake.serve().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let taken = Taken::default();
    fake.inject_random(
        FaultRates::seeded(18).status(503, 0.05).status(500, 0.05).throttled(0.05).reset_after(0.05).reset_before(0.05),
    );
    // A batch that fails for good, and is pushed again.
    fake.inject(Fault::on(Operation::PushItemContainer).status(401).error_code("INVALID_TOKEN").skip(1));
    let daemon = Daemon::start(&server, folder.path(), &["--grace", "100"]);
    change(&daemon, &taken, 40).await;
    let values = metrics(&daemon).await;
    assert_eq!(values["coveo_push_pushed_total"], 320.0, "{values:?}");
    assert!(values["coveo_push_attempts_total{host=\"push\"}"] > 2.0, "{values:?}");
    let refused = reqwest::Client::new().put(format!("{}/item", daemon.url)).body(r#"{"documentId":"no uri"}"#);
    assert_eq!(refused.send().await.unwrap().status().as_u16(), 422);
    assert_eq!(reqwest::get(format!("{}/health", daemon.url)).await.unwrap().status().as_u16(), 200);
    let (said, is_clean) = daemon.stop().await;
    assert!(is_clean && said.contains("321 pushed") && said.contains("0 batches are in files"), "{said}");
    assert!(said.contains("0 failed") && said.contains("0 unsent"), "{said}");
    assert!(differences(&fake, &taken).is_empty(), "{:?}\n{said}", differences(&fake, &taken));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_daemon_could_not_push_before_its_end_is_pushed_by_the_next_one() {
    let fake = fake();
    let server = fake.serve().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let taken = Taken::default();
    let daemon = Daemon::start(&server, folder.path(), &["--grace", "2"]);
    change(&daemon, &taken, 10).await;
    // The service is down from here on.
    fake.inject(Fault::on(Operation::PushItemContainer).status(503).always());
    change(&daemon, &taken, 20).await;
    let (said, is_clean) = daemon.stop().await;
    assert!(is_clean && !said.contains(" 0 batches are in files"), "{said}");
    assert!(!differences(&fake, &taken).is_empty());
    assert!(!SavedBatch::files(folder.path()).unwrap().is_empty());
    fake.clear_faults();
    let daemon = Daemon::start(&server, folder.path(), &[]);
    let (said, is_clean) = daemon.stop().await;
    assert!(is_clean && said.contains("0 batches are in files"), "{said}");
    assert!(differences(&fake, &taken).is_empty(), "{:?}", differences(&fake, &taken));
    assert!(SavedBatch::files(folder.path()).unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_the_service_rejects_is_in_a_file_and_does_not_stop_the_others() {
    let fake = fake();
    let server = fake.serve().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let taken = Taken::default();
    let daemon = Daemon::start(&server, folder.path(), &[]);
    fake.inject(Fault::on(Operation::PushItemContainer).status(413));
    change(&daemon, &taken, 20).await;
    let begin = Instant::now();
    // A batch in a file counts as settled.
    while metrics(&daemon).await["coveo_push_open"] > 0.0 {
        assert!(begin.elapsed() < LIMIT, "{:?}", metrics(&daemon).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(metrics(&daemon).await["coveo_push_operations{result=\"failed\"}"] > 0.0);
    let (said, is_clean) = daemon.stop().await;
    assert!(is_clean && said.contains("1 batches are in files"), "{said}");
    // Later versions have taken the place of most of it.
    let left = SavedBatch::files(folder.path()).unwrap().into_iter().map(|path| SavedBatch::open(path).unwrap());
    let left: Vec<_> = left.filter_map(|saved| saved.body().unwrap()).collect();
    for body in left {
        let batch: serde_json::Value = serde_json::from_slice(&body).unwrap();
        for operation in batch.as_object().unwrap().values().flat_map(|list| list.as_array().unwrap()) {
            let id = operation["documentId"].as_str().unwrap();
            assert_eq!(operation["n"].as_u64(), taken.lock().unwrap()[id], "{id} is older than what was taken later");
        }
    }
}
