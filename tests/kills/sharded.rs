//! `sharded`: its coordinator, or one of its workers.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout};
use std::time::Duration;

use coveo_push::Operation;

use super::support::{Aim, Ended, Service, shoot_at, wait};

const WORKERS: usize = 3;
const ITEMS: usize = 240;

fn start(service: &Service) -> Child {
    let mut command = service.command("sharded");
    command.args(["--workers", &WORKERS.to_string(), "--items", &ITEMS.to_string()]);
    command.spawn().expect("`cargo test` builds the examples")
}

fn id(number: usize) -> String {
    format!("https://example.com/{number}")
}

/// The process of a worker, once it has one; `None` when the program ended before.
fn process_of(output: &mut BufReader<ChildStdout>, worker: usize) -> Option<u32> {
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if let Some(process) = line.trim().strip_prefix(&format!("worker {worker} is process ")) {
            return process.parse().ok();
        }
    }
}

/// Everything that a worker says was accepted is there.
fn check_reports(service: &Service, ended: &Ended, at: &str) {
    let held = service.held();
    for worker in 0..WORKERS {
        let part = ITEMS / WORKERS;
        if ended.said.contains(&format!("worker {worker}: {part} pushed: {part} accepted")) {
            let is_there = |number: usize| held.contains_key(&id(number));
            assert!((worker..ITEMS).step_by(WORKERS).all(is_there), "{at}: an item of worker {worker} is missing");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guarantee_11_sharded_deletes_nothing_when_its_coordinator_or_a_worker_is_ended_at_any_time() {
    let everything: Vec<String> = (0..ITEMS).map(id).collect();
    let mut aim = Aim::new(800);
    while let Some(shot) = aim.next() {
        let service = Service::start(&mut aim.random, Duration::from_millis(60)).await;
        let mut child = start(&service);
        let of_worker = aim.random.bool().then(|| aim.random.usize(..WORKERS));
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let process = match of_worker {
            Some(worker) => process_of(&mut output, worker).expect("no worker starts"),
            None => child.id(),
        };
        let mut ended = shoot_at(child, process, shot);
        // Workers that lost their coordinator push on, and hold its output open until they end.
        output.read_to_string(&mut ended.said).unwrap();
        aim.hit(ended.was_running);
        let at = format!("{}, of {of_worker:?}: {ended:?}", aim.at(shot));
        check_reports(&service, &ended, &at);
        service.check_deletion(&everything, &at);
        if of_worker.is_none() && ended.is_too_early() {
            assert!(shot.is_kill() || service.fake.requests().is_empty(), "{at}");
        } else {
            assert!(service.is_idle(), "{at}");
            let is_deleted = service.calls(Operation::DeleteOldItems) > 0;
            assert_eq!(ended.status.code(), Some(i32::from(!is_deleted)), "{at}");
            assert_eq!(ended.said.contains("nothing is deleted, because "), !is_deleted, "{at}");
        }

        service.fake.clear_faults();
        let last = wait(start(&service), true);
        assert!(last.status.success() && service.is_idle(), "{at}: {last:?}");
        service.fake.pass_time(Duration::from_secs(3_600));
        let mut expected = everything.clone();
        expected.sort();
        assert_eq!(service.held().into_keys().collect::<Vec<_>>(), expected, "{at}");
    }
}
