//! `push_jsonl` without a ledger.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use coveo_push::Operation;
use coveo_push::fake::Fault;
use coveo_push::report::SavedBatch;

use super::support::{Aim, Ended, OLD, Service, shoot, wait};

const LINES: u64 = 120;

fn id(number: u64) -> String {
    format!("a://{number}")
}

/// Items, of which two fill a batch.
fn lines() -> String {
    (1..=LINES).fold(String::new(), |mut lines, number| {
        let filler = "x".repeat(400);
        writeln!(lines, r#"{{"documentId":"{}","n":{number},"data":"{filler}"}}"#, id(number)).unwrap();
        lines
    })
}

/// The ids of the operations in the files of failed batches.
fn saved(folder: &Path) -> BTreeSet<String> {
    let files = SavedBatch::files(folder).unwrap().into_iter();
    let whole = files.filter(|path| SavedBatch::is_whole(path).unwrap());
    let bodies = whole.filter_map(|path| SavedBatch::open(path).unwrap().body().unwrap());
    let ids = bodies.flat_map(|body| {
        let batch: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let entries = batch["addOrUpdate"].as_array().unwrap().clone();
        entries.into_iter().map(|entry| entry["documentId"].as_str().unwrap().to_owned())
    });
    ids.collect()
}

/// A number in what the program says, after this text.
fn number_after(said: &str, text: &str) -> Option<u64> {
    let rest = said.split_once(text)?.1;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The program tells the truth after SIGTERM: accepted items are there, failed ones are in files, and nothing was pushed
/// after the line that it names.
fn check_report(service: &Service, failed: &Path, file: &Path, ended: &Ended, at: &str) {
    let at = format!("{at}: {ended:?}");
    if ended.is_too_early() {
        assert!(service.fake.requests().is_empty(), "{at}");
        return;
    }
    let held: BTreeSet<String> = service.held().into_keys().filter(|id| id != OLD).collect();
    let saved = saved(failed);
    let accepted = number_after(&ended.said, "pushed: ").unwrap_or_else(|| panic!("{at}"));
    // A batch that failed may have been applied, by an attempt that got no answer.
    let without_saved = (&held - &saved).len() as u64;
    assert!((without_saved..=held.len() as u64).contains(&accepted), "{at}");
    let last = number_after(&ended.said, &format!("stopped after {}:", file.display()));
    let last = last.unwrap_or(if ended.said.contains("stopped before the first line") { 0 } else { LINES });
    let expected: BTreeSet<String> = (1..=last).map(id).collect();
    assert_eq!(&held | &saved, expected, "{at}");
    let is_clean = last == LINES && saved.is_empty();
    assert_eq!(ended.status.code(), Some(i32::from(!is_clean)), "{at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn push_jsonl_that_is_ended_at_any_time_has_pushed_what_it_reports_and_the_next_run_pushes_the_rest() {
    let mut aim = Aim::new(600);
    while let Some(shot) = aim.next() {
        let service = Service::start(&mut aim.random, Duration::from_millis(10)).await;
        // Some batches are rejected, and go into files.
        service.fake.inject(Fault::on(Operation::PushItemContainer).skip(aim.random.usize(..40)).status(400).times(2));
        let (file, failed) = (service.path("items.jsonl"), service.path("failed"));
        fs::write(&file, lines()).unwrap();
        let command = |options: &[&str]| {
            let mut command = service.command("push_jsonl");
            command
                .args(["--quiet", "--batch-bytes", "1024", "--concurrency", "2"])
                .args(options)
                .arg(&failed)
                .arg(&file);
            command.spawn().expect("`cargo test` builds the examples")
        };
        let ended = shoot(command(&["--failed-dir"]), shot);
        aim.hit(ended.was_running);
        let at = aim.at(shot);
        let number = |id: &str| id.rsplit('/').next().unwrap().parse().ok();
        let held = service.held();
        assert!(held.contains_key(OLD), "{at}: {ended:?}");
        assert!(held.iter().all(|(id, held)| id == OLD || *held == number(id)), "{at}: {held:?}");
        if !shot.is_kill() {
            check_report(&service, &failed, &file, &ended, &at);
        }

        service.fake.clear_faults();
        fs::create_dir_all(&failed).unwrap();
        let last = wait(command(&["--retry"]), true);
        assert!(last.status.success(), "{at}: {last:?}");
        let held: BTreeSet<String> = service.held().into_keys().collect();
        let everything: BTreeSet<String> = (1..=LINES).map(id).chain([OLD.to_owned()]).collect();
        assert_eq!(held, everything, "{at}: {last:?}");
        assert!(saved(&failed).is_empty(), "{at}: {last:?}");
    }
}
