//! The example `push_directory` as a program: what it leaves in a source.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

#[path = "shared/program.rs"]
mod program;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use coveo_push::fake::{ClockOffset, FakePushApi};
use coveo_push::file_uri;
use program::program;

const ORGANIZATION: &str = "my-org";
const KEY: &str = "my-key";
const SOURCE: &str = "files";

async fn push(fake: &FakePushApi, folder: &Path, arguments: &[&str]) -> Output {
    let server = fake.serve().await.unwrap();
    let mut command = Command::new(program("push_directory"));
    command
        .arg("--quiet")
        .args(arguments)
        .arg(folder)
        .stdin(Stdio::null())
        .env("COVEO_BASE_URL", server.base_url())
        .env("COVEO_API_KEY", KEY)
        .env("COVEO_ORGANIZATION_ID", ORGANIZATION)
        .env("COVEO_SOURCE_ID", SOURCE);
    tokio::task::spawn_blocking(move || command.output().expect("`cargo test` builds the examples")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_refresh_removes_what_has_gone_from_the_folder() {
    let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| fs::canonicalize(folder.path()).unwrap().join(name);
    fs::write(path("a.txt"), "the first").unwrap();
    fs::write(path("b.txt"), "the second").unwrap();
    let first = push(&fake, folder.path(), &["--refresh", "--public"]).await;
    assert!(first.status.success(), "{first:?}");
    let uris = [file_uri(path("a.txt")).unwrap(), file_uri(path("b.txt")).unwrap()];
    assert_eq!(fake.source(SOURCE).document_ids(), uris);

    fake.set_clock_offset(ClockOffset::Ahead(Duration::from_secs(3_600)));
    fs::remove_file(path("a.txt")).unwrap();
    let second = push(&fake, folder.path(), &["--refresh", "--public"]).await;
    assert!(second.status.success(), "{second:?}");
    fake.pass_time(std::time::Duration::from_secs(15 * 60));
    assert_eq!(fake.source(SOURCE).document_ids(), uris[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_wants_to_know_who_may_see_the_items() {
    for (options, code) in [(vec![], 2), (vec!["--no-permissions"], 0), (vec!["--public"], 0)] {
        let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "words").unwrap();
        let pushed = push(&fake, folder.path(), &[&["--refresh"], &options[..]].concat()).await;
        assert_eq!(pushed.status.code(), Some(code), "{pushed:?}");
        assert_eq!(fake.source(SOURCE).len(), usize::from(code == 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_suddenly_empty_does_not_empty_the_source() {
    let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "the first").unwrap();
    assert!(push(&fake, folder.path(), &["--refresh", "--public"]).await.status.success());
    fake.set_clock_offset(ClockOffset::Ahead(Duration::from_secs(3_600)));
    fs::remove_file(folder.path().join("a.txt")).unwrap();
    assert!(!push(&fake, folder.path(), &["--refresh", "--public"]).await.status.success());
    fake.pass_time(std::time::Duration::from_secs(15 * 60));
    assert_eq!(fake.source(SOURCE).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_from_before_1970_is_pushed_without_a_date() {
    let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("a.txt");
    fs::write(&path, "words").unwrap();
    let old = std::time::UNIX_EPOCH - Duration::from_secs(86_400);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    let pushed = push(&fake, folder.path(), &[]).await;
    assert!(pushed.status.success(), "{pushed:?}");
    let item = fake.source(SOURCE).item(&file_uri(&path).unwrap()).unwrap();
    assert_eq!((item.title(), item.metadata("date")), (Some("a.txt"), None));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_regular_file_is_told_and_keeps_a_refresh_from_deleting() {
    let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| fs::canonicalize(folder.path()).unwrap().join(name);
    fs::write(path("a.txt"), "the first").unwrap();
    std::os::unix::fs::symlink(path("a.txt"), path("link.txt")).unwrap();
    let told = push(&fake, folder.path(), &["--refresh", "--public"]).await;
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    let complained = String::from_utf8(told.stderr).unwrap();
    assert!(complained.contains("link.txt: a symbolic link") && complained.contains("--follow-links"), "{complained}");
    assert!(!fake.requests().iter().any(|request| request.path().ends_with("olderthan")));

    let followed = push(&fake, folder.path(), &["--follow-links"]).await;
    assert!(followed.status.success(), "{followed:?}");
    assert_eq!(fake.source(SOURCE).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_is_named() {
    let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
    let told = push(&fake, Path::new("no/such/folder"), &[]).await;
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    assert!(String::from_utf8(told.stderr).unwrap().contains("no/such/folder: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn confirm_ends_with_3_and_the_reason_when_an_item_was_dropped_and_with_0_when_all_are_indexed() {
    let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY).source(SOURCE).build();
    let folder = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(folder.path()).unwrap().join("a.txt");
    fs::write(&path, "words").unwrap();
    let all = push(&fake, folder.path(), &["--fake", "--confirm", "1", "--public"]).await;
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    let said = String::from_utf8(all.stdout).unwrap();
    let told = "outcomes of 1 items in my-source: 1 indexed, 0 removed, 0 failed, 0 skipped, 0 warned, 0 unknown\n";
    assert!(said.ends_with(told), "{said}");

    // The source of the program's own fake is secured.
    let dropped = push(&fake, folder.path(), &["--fake", "--confirm", "1"]).await;
    assert_eq!(dropped.status.code(), Some(3), "{dropped:?}");
    let said = String::from_utf8(dropped.stdout).unwrap();
    let told = format!("{:?}: failed at VALIDATION: no permissions in a secured source\n", file_uri(&path).unwrap());
    assert!(said.ends_with(&told), "{said}");
}
