//! `push_directory --refresh`.

use std::fs;
use std::process::Child;
use std::time::Duration;

use coveo_push::{Operation, file_uri};

use super::support::{Aim, OLD, Service, shoot, wait};

const FILES: usize = 10;

fn start(service: &Service) -> Child {
    let mut command = service.command("push_directory");
    command.args(["--quiet", "--refresh", "--public"]).arg(service.path("files"));
    command.spawn().expect("`cargo test` builds the examples")
}

/// Makes the files, and returns their URIs.
fn make_files(service: &Service) -> Vec<String> {
    fs::create_dir(service.path("files")).unwrap();
    let folder = fs::canonicalize(service.path("files")).unwrap();
    let mut uris: Vec<String> = (0..FILES)
        .map(|number| {
            let path = folder.join(format!("{number}.txt"));
            fs::write(&path, "words ".repeat(100)).unwrap();
            file_uri(path).unwrap()
        })
        .collect();
    uris.sort();
    uris
}

#[tokio::test(flavor = "multi_thread")]
async fn guarantee_11_push_directory_that_is_ended_at_any_time_deletes_nothing_before_everything_is_pushed() {
    let mut aim = Aim::new(500);
    while let Some(shot) = aim.next() {
        let service = Service::start(&mut aim.random, Duration::from_millis(60)).await;
        let uris = make_files(&service);
        let ended = shoot(start(&service), shot);
        aim.hit(ended.was_running);
        let at = format!("{}: {ended:?}", aim.at(shot));
        service.check_deletion(&uris, &at);
        if ended.is_too_early() {
            assert!(shot.is_kill() || service.fake.requests().is_empty(), "{at}");
        } else {
            assert!(service.is_idle(), "{at}");
            let is_deleted = service.calls(Operation::DeleteOldItems) > 0;
            assert_eq!(ended.status.code(), Some(i32::from(!is_deleted)), "{at}");
            assert_eq!(ended.said.contains("nothing is deleted, because the run was aborted"), !is_deleted, "{at}");
        }

        service.fake.clear_faults();
        let last = wait(start(&service), true);
        assert!(last.status.success() && service.is_idle(), "{at}: {last:?}");
        service.fake.pass_time(Duration::from_secs(3_600));
        let held: Vec<String> = service.held().into_keys().collect();
        assert_eq!(held, uris, "{at}: {last:?}");
        assert!(!held.contains(&OLD.to_owned()));
    }
}
