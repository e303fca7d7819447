//! Guarantee 14 with real processes: `push_jsonl --ledger` is killed at random times, and started again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "shared/cases.rs"]
mod cases;
#[path = "shared/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use program::program;
use serde_json::Value;
use tempfile::TempDir;

const ITEMS: usize = 40;

/// `fake_server` as a process.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(program("fake_server"))
            .args(["--until-eof", "--source", "lines"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`cargo test` builds the examples");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        output.read_line(&mut url).unwrap();
        Self { child, output, url: url.trim().to_owned() }
    }

    /// Ends it, with an idle source; returns the versions of the items that it holds.
    fn end(mut self) -> BTreeMap<String, u64> {
        drop(self.child.stdin.take());
        let mut held = String::new();
        self.output.read_to_string(&mut held).unwrap();
        let held: Value = serde_json::from_str(&held).unwrap();
        assert_eq!(held["sources"]["lines"]["status"], "IDLE");
        let items = held["sources"]["lines"]["items"].as_array().unwrap().iter();
        items.map(|item| (text(&item["documentId"]), item["item"]["version"].as_u64().unwrap())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The source system: the versions of the items, by their ids.
type Corpus = BTreeMap<String, u64>;

/// Changes, adds and removes some items.
fn change(corpus: &mut Corpus, random: &mut fastrand::Rng) {
    for _ in 0..random.usize(0..8) {
        let id = format!("a://{}", random.usize(0..ITEMS));
        match random.u8(0..4) {
            0 => drop(corpus.remove(&id)),
            _ => drop(corpus.insert(id, random.u64(0..3))),
        }
    }
}

struct Connector {
    folder: TempDir,
    url: String,
}

impl Connector {
    fn start(&self, corpus: &Corpus) -> Child {
        let mut lines = String::new();
        for (id, version) in corpus {
            let filler = "x".repeat(400);
            writeln!(lines, r#"{{"documentId":"{id}","version":{version},"data":"{filler}"}}"#).unwrap();
        }
        let path = self.folder.path().join("items.jsonl");
        fs::write(&path, lines).unwrap();
        Command::new(program("push_jsonl"))
            .args(["--quiet", "--batch-bytes", "1024", "--concurrency", "2", "--expect-at-least", "0"])
            .args(["--allow-deleting", "1000", "--ledger"])
            .arg(self.folder.path().join("ledger"))
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .env("COVEO_BASE_URL", &self.url)
            .env("COVEO_API_KEY", "fake-key")
            .env("COVEO_ORGANIZATION_ID", "my-org")
            .env("COVEO_SOURCE_ID", "lines")
            .spawn()
            .expect("`cargo test` builds the examples")
    }

    /// Runs it to its end, and returns what it says.
    fn run(&self, corpus: &Corpus) -> String {
        let ended = self.start(corpus).wait_with_output().unwrap();
        let output = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{output}");
        output
    }
}

#[test]
fn guarantee_14_a_connector_that_is_killed_at_any_time_leaves_the_source_right_in_the_end() {
    let kills = cases::cases(50).cases;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let server = Server::start();
    let connector = Connector { folder: tempfile::tempdir().unwrap(), url: server.url.clone() };
    let mut corpus: Corpus = (0..ITEMS).map(|number| (format!("a://{number}"), 0)).collect();
    let (mut killed, mut longest) = (0, 400);
    while killed < kills {
        change(&mut corpus, &mut random);
        let mut child = connector.start(&corpus);
        thread::sleep(Duration::from_millis(random.u64(0..longest)));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            killed += 1;
            longest += 20;
        } else {
            // It had ended: the next one is killed earlier.
            longest = (longest * 3 / 4).max(20);
        }
        child.wait().unwrap();
    }
    change(&mut corpus, &mut random);
    connector.run(&corpus);
    let last = connector.run(&corpus);
    let expected = format!("0 added, 0 updated, {} unchanged, 0 deleted", corpus.len());
    assert!(last.contains(&expected) && last.contains("; 0 API calls"), "seed {seed}: {last}");
    assert_eq!(server.end(), corpus, "seed {seed}");
}
