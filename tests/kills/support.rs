//! A service for the programs, and when they are ended.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use coveo_push::fake::{FakePushApi, FakeServer, FaultRates};
use coveo_push::{DocumentBody, Operation, SourceStatus};
use fastrand::Rng;
use tempfile::TempDir;

use super::cases::cases;
use super::program::program;
use super::signal;

pub(crate) const SOURCE: &str = "my-source";
/// An item that no program pushes.
pub(crate) const OLD: &str = "https://example.com/old";
/// How long anything may take before the test has failed.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The fake service behind HTTP, and a folder for files.
pub(crate) struct Service {
    pub(crate) fake: FakePushApi,
    pub(crate) server: FakeServer,
    folder: TempDir,
}

impl Service {
    /// Holds an old item. Calls take a while each, and some get a response that asks for a retry.
    pub(crate) async fn start(random: &mut Rng, slowest: Duration) -> Self {
        let fake = FakePushApi::builder().organization("my-org").api_key("my-key").source(SOURCE).build();
        let old = DocumentBody::text("old").metadata("n", 0);
        fake.client().items(SOURCE).add_or_update(OLD, &old).ordering_id(1_000).await.unwrap();
        fake.clear_requests();
        fake.inject_random(Self::rates(random, slowest));
        let server = fake.serve().await.unwrap();
        Self { fake, server, folder: tempfile::tempdir().unwrap() }
    }

    /// The faults of every run.
    pub(crate) fn rates(random: &mut Rng, slowest: Duration) -> FaultRates {
        FaultRates::seeded(random.u64(..)).latency(Duration::ZERO..=slowest).status(503, 0.01)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that pushes into this service.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_remove("COVEO_REGION")
            .env("COVEO_BASE_URL", self.server.base_url())
            .env("COVEO_API_KEY", "my-key")
            .env("COVEO_ORGANIZATION_ID", "my-org")
            .env("COVEO_SOURCE_ID", SOURCE);
        command
    }

    /// The numbers of the items, by their ids.
    pub(crate) fn held(&self) -> BTreeMap<String, Option<u64>> {
        let number = |item: &coveo_push::fake::FakeItem| item.metadata("n").and_then(|number| number.as_u64());
        self.fake.source(SOURCE).items().iter().map(|item| (item.document_id().to_owned(), number(item))).collect()
    }

    pub(crate) fn calls(&self, operation: Operation) -> usize {
        self.fake.requests().iter().filter(|request| request.operation() == Some(operation)).count()
    }

    /// Whether no program has left a status behind.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.fake.source(SOURCE).status(), None | Some(SourceStatus::Idle))
    }

    /// A refresh that is over deleted the old item only when it had pushed everything.
    pub(crate) fn check_deletion(&self, everything: &[String], at: &str) {
        let is_sent = self.calls(Operation::DeleteOldItems) > 0;
        self.fake.pass_time(Duration::from_secs(3_600));
        let held = self.held();
        assert!(is_sent || held.contains_key(OLD), "{at}: the old item is gone");
        assert!(!is_sent || everything.iter().all(|id| held.contains_key(id)), "{at}: deleted before it was whole");
    }
}

/// When programs are ended, and by which signal.
pub(crate) struct Aim {
    pub(crate) random: Rng,
    seed: u64,
    /// The latest, in milliseconds. It follows the time that the runs take.
    latest: u64,
    /// Later than this it never is: some programs run until they are ended.
    most: u64,
    left: u32,
}

/// One end of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shot {
    pub(crate) signal: &'static str,
    pub(crate) after: Duration,
}

impl Shot {
    pub(crate) fn is_kill(&self) -> bool {
        self.signal == "KILL"
    }
}

impl Aim {
    pub(crate) fn new(latest: u64) -> Self {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        Self { random: Rng::with_seed(seed), seed, latest, most: 2 * latest, left: cases(6).cases }
    }

    /// The next one, until there were enough.
    pub(crate) fn next(&mut self) -> Option<Shot> {
        let signal = if self.left.is_multiple_of(2) { "KILL" } else { "TERM" };
        let after = Duration::from_millis(self.random.u64(..self.latest));
        (self.left > 0).then_some(Shot { signal, after })
    }

    /// Whether the program was still running when its end came. If not, the shot does not count.
    pub(crate) fn hit(&mut self, was_running: bool) {
        if was_running {
            self.left -= 1;
            self.latest = (self.latest + self.latest / 10).min(self.most);
        } else {
            self.latest = (self.latest * 3 / 4).max(20);
        }
    }

    /// Names a shot in the message of a failure.
    pub(crate) fn at(&self, shot: Shot) -> String {
        format!("seed {}, {} more, {shot:?}", self.seed, self.left)
    }
}

/// A program after its end.
#[derive(Debug)]
#[expect(dead_code, reason = "all of it is in the messages of failures")]
pub(crate) struct Ended {
    pub(crate) was_running: bool,
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
    pub(crate) complained: String,
}

impl Ended {
    /// Whether the signal came before the program listens to it.
    pub(crate) fn is_too_early(&self) -> bool {
        self.was_running && self.status.code().is_none()
    }
}

/// Ends a program at the time of the shot, and waits for its end.
pub(crate) fn shoot(child: Child, shot: Shot) -> Ended {
    let process = child.id();
    shoot_at(child, process, shot)
}

/// Ends this process, and waits for the end of the program.
pub(crate) fn shoot_at(mut child: Child, process: u32, shot: Shot) -> Ended {
    thread::sleep(shot.after);
    let was_running = child.try_wait().unwrap().is_none();
    // A worker may have ended before its program.
    let was_running = was_running && signal::is_sent(shot.signal, process);
    wait(child, was_running)
}

/// Waits for the end of a program and of all that have its output.
pub(crate) fn wait(mut child: Child, was_running: bool) -> Ended {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("it does not end: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(5));
    }
    let (mut said, mut complained) = (String::new(), String::new());
    child.stdout.take().map(|mut output| output.read_to_string(&mut said).unwrap());
    child.stderr.take().map(|mut output| output.read_to_string(&mut complained).unwrap());
    Ended { was_running, status: child.wait().unwrap(), said, complained }
}
