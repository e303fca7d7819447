//! `daemon`.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use coveo_push::fake::Fault;
use coveo_push::{Operation, reqwest};
use serde_json::json;
use tokio::task::JoinSet;

use super::listening;
use super::support::{Aim, LIMIT, Service, Shot, shoot};

/// The program, once it listens.
struct Daemon {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    url: String,
}

impl Daemon {
    fn start(service: &Service) -> Self {
        let mut command = service.command("daemon");
        command.args(["--listen", "127.0.0.1:0", "--linger-ms", "20", "--again-after", "1", "--grace", "60"]);
        command.arg("--failed-dir").arg(service.path("failed"));
        // It names each failed batch, and nobody reads that before its end.
        command.stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("`cargo test` builds the examples");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let url = listening::url(&mut output);
        Self { child, output, url }
    }
}

/// A change that was sent.
#[derive(Debug, Clone, Copy)]
struct Change {
    version: u64,
    /// The number that the daemon gave it when it took it.
    taken: Option<u64>,
}

/// The changes of each item, in their order.
type Sent = Arc<Mutex<BTreeMap<String, Vec<Change>>>>;

/// Sends changes of the items of one client, one after the other, until the daemon answers no more.
async fn change(url: String, client: u64, sent: Sent) {
    let http = reqwest::Client::new();
    for version in 1.. {
        // Some items change once, others again and again.
        let item = if version % 2 == 0 { format!("once/{version}") } else { (version % 5).to_string() };
        let id = format!("a://{client}/{item}");
        let body = json!({ "documentId": id, "n": version, "data": "words" }).to_string();
        sent.lock().unwrap().entry(id.clone()).or_default().push(Change { version, taken: None });
        let Ok(answer) = http.put(format!("{url}/item")).body(body).send().await else { return };
        if answer.status().as_u16() != 202 {
            return;
        }
        let Ok(number) = answer.text().await else { return };
        let mut sent = sent.lock().unwrap();
        sent.get_mut(&id).unwrap().last_mut().unwrap().taken = Some(number.trim().parse().unwrap());
    }
}

/// Asks up to which change everything is settled, until the daemon answers no more. Returns the last answer.
async fn settled_to(url: String) -> u64 {
    let mut settled = 0;
    loop {
        let Ok(answer) = reqwest::get(format!("{url}/metrics")).await else { return settled };
        let Ok(text) = answer.text().await else { return settled };
        let line = text.lines().find_map(|line| line.strip_prefix("coveo_push_settled_to "));
        settled = line.unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each item has the last version that had to arrive, or a later one. A change counts as settled, too, when a later one
/// replaced it: of an item whose last change need not have arrived nothing is known.
fn check(service: &Service, sent: &Sent, may_be_replaced: bool, has_arrived: impl Fn(u64) -> bool, at: &str) {
    let held = service.held();
    for (id, changes) in sent.lock().unwrap().iter() {
        let is_certain = |change: &&Change| change.taken.is_some_and(&has_arrived);
        // One without an answer may have been taken.
        let last = changes.iter().rfind(|change| may_be_replaced || change.taken.is_some());
        let Some(last) = last.filter(is_certain) else { continue };
        let version = held.get(id).copied().flatten();
        assert!(version >= Some(last.version), "{at}: {id} is {version:?} and should be {last:?} or later");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_ended_at_any_time_loses_no_change_that_it_called_settled() {
    let mut aim = Aim::new(1_000);
    while let Some(shot) = aim.next() {
        let service = Service::start(&mut aim.random, Duration::from_millis(20)).await;
        // A batch that is rejected, and goes into a file.
        service.fake.inject(Fault::on(Operation::PushItemContainer).skip(aim.random.usize(..10)).status(413));
        let Daemon { child, mut output, url } = Daemon::start(&service);
        let (sent, mut clients) = (Sent::default(), JoinSet::new());
        for client in 0..4 {
            clients.spawn(change(url.clone(), client, Arc::clone(&sent)));
        }
        let settled = tokio::spawn(settled_to(url));
        let mut ended = tokio::task::spawn_blocking(move || shoot(child, shot)).await.unwrap();
        output.read_to_string(&mut ended.said).unwrap();
        clients.join_all().await;
        let settled = settled.await.unwrap();
        aim.hit(ended.was_running);
        let at = format!("{}, settled to {settled}: {ended:?}", aim.at(shot));
        if !shot.is_kill() {
            assert!(ended.status.success() && ended.said.contains("batches are in files"), "{at}");
        }

        // The next one pushes the files.
        service.fake.clear_faults();
        let begin = Instant::now();
        let next = Daemon::start(&service);
        let last = shoot(next.child, Shot { signal: "TERM", after: Duration::ZERO });
        assert!(last.status.success() && begin.elapsed() < LIMIT, "{at}: {last:?}");
        // After SIGTERM everything that was taken has arrived.
        check(&service, &sent, shot.is_kill(), |number| !shot.is_kill() || number <= settled, &at);
    }
}
