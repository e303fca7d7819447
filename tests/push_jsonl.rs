//! The example `push_jsonl` as a program: what it leaves in a source, what it says, how it ends.

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
#[cfg(unix)]
#[path = "shared/signal.rs"]
mod signal;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use coveo_push::Operation;
use coveo_push::fake::{FakePushApi, FakeServer, Fault};
use program::program;
use tempfile::TempDir;

const ORGANIZATION: &str = "my-org";
const KEY: &str = "my-key";
const SOURCE: &str = "lines";
const CATALOG: &str = "shop";
/// How long anything may take before the test has failed.
const LIMIT: Duration = Duration::from_secs(60);
/// With these every line of [`line`] is a batch, which goes out when the next line comes.
const LINE_A_BATCH: [&str; 4] = ["--batch-bytes", "1024", "--concurrency", "1"];

/// The fake service behind HTTP, and a folder for the files.
struct Service {
    fake: FakePushApi,
    /// The source that the program pushes into.
    source: &'static str,
    server: FakeServer,
    folder: TempDir,
}

impl Service {
    async fn start() -> Self {
        Self::of(SOURCE).await
    }

    async fn of(source: &'static str) -> Self {
        let fake = FakePushApi::builder().organization(ORGANIZATION).api_key(KEY);
        let fake = fake.source(SOURCE).catalog_source(CATALOG).build();
        let server = fake.serve().await.unwrap();
        Self { fake, source, server, folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The program, with these options and then these files.
    fn run(&self, options: &[&str], files: &[&Path]) -> Program {
        let mut command = Command::new(program("push_jsonl"));
        let command = command
            .arg("--quiet")
            .args(options)
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("COVEO_BASE_URL", self.server.base_url())
            .env("COVEO_API_KEY", KEY)
            .env("COVEO_ORGANIZATION_ID", ORGANIZATION)
            .env("COVEO_SOURCE_ID", self.source);
        let mut child = command.spawn().expect("`cargo test` builds the examples");
        let input = child.stdin.take();
        Program { child, input }
    }

    /// What became of the program with these options and files.
    fn push(&self, options: &[&str], files: &[&Path]) -> Ended {
        self.run(options, files).end()
    }

    fn ids(&self) -> Vec<String> {
        self.fake.source(self.source).document_ids()
    }

    fn refuse_batches(&self) {
        self.fake.inject(Fault::on(Operation::PushItemContainer).status(400).always());
    }
}

/// The program while it runs.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn write(&mut self, lines: &str) {
        self.input.as_mut().unwrap().write_all(lines.as_bytes()).unwrap();
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        signal::send(name, self.child.id());
    }

    /// Waits for its end, with its standard input closed.
    fn end(mut self) -> Ended {
        self.input = None;
        self.end_by_itself()
    }

    /// Waits for its end, whatever there is on its standard input.
    fn end_by_itself(&mut self) -> Ended {
        wait_until("the program ends", || self.child.try_wait().unwrap().is_some());
        let status = self.child.wait().unwrap();
        let (mut said, mut complained) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
        Ended { status, said, complained }
    }
}

/// The program after its end.
#[derive(Debug)]
struct Ended {
    status: ExitStatus,
    /// Its standard output.
    said: String,
    /// Its standard error.
    complained: String,
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn id(number: usize) -> String {
    format!("https://example.com/{number:04}")
}

/// A line of some 700 bytes.
fn line(number: usize) -> String {
    format!("{{\"documentId\":\"{}\",\"data\":\"{}\"}}\n", id(number), "x".repeat(650))
}

fn lines(numbers: impl Iterator<Item = usize>) -> String {
    numbers.map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_run_pushes_all_files_and_says_so() {
    let service = Service::start().await;
    let files = [service.file("a.jsonl", lines(0..900)), service.file("b.jsonl", lines(900..1_000))];
    let ended = service.push(&[], &[&files[0], &files[1]]);
    assert!(ended.status.success(), "{ended:?}");
    assert!(ended.said.starts_with("1000 pushed: 1000 accepted, 0 failed"), "{ended:?}");
    assert_eq!(ended.complained, "");
    assert_eq!(service.ids(), (0..1_000).map(id).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_reported_with_their_place_and_the_rest_is_pushed() {
    let service = Service::start().await;
    let good = service.file("good.jsonl", line(0));
    // The bad ones stand behind what is read at a time.
    let mut text = lines(1..800).into_bytes();
    text.extend_from_slice(b"\nno item\n\xff\n");
    text.extend_from_slice(line(800).as_bytes());
    let bad = service.file("bad.jsonl", text);
    let ended = service.push(&[], &[&good, &bad]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let places = [format!("{}:801: ", bad.display()), format!("{}:802: ", bad.display())];
    let complaints: Vec<_> = ended.complained.lines().collect();
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    assert!(complaints.iter().zip(&places).all(|(complaint, place)| complaint.starts_with(place)), "{complaints:?}");
    assert!(ended.said.contains("1 refused") && ended.said.contains("1 lines or files could not be read"), "{ended:?}");
    assert_eq!(service.ids(), (0..=800).map(id).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_longer_than_what_is_read_at_a_time_is_pushed_whole() {
    let service = Service::start().await;
    let words = "words ".repeat(150_000);
    let long = format!("{{\"documentId\":\"{}\",\"data\":\"{words}\"}}\n", id(1));
    let file = service.file("long.jsonl", [line(0), long, line(2).trim_end().to_owned()].concat());
    let ended = service.push(&[], &[&file]);
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(service.ids(), [id(0), id(1), id(2)]);
    assert_eq!(service.fake.source(SOURCE).item(&id(1)).unwrap().content().unwrap(), words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uri_stands_for_a_document_id_that_is_not_there() {
    let service = Service::start().await;
    let file = service.file(
        "uris.jsonl",
        r#"{"uri":"https://example.com/a","title":"A"}
{"uri":"https://example.com/b","about":{"documentId":"https://example.com/other"}}
{"title":"it says \"documentId\"","uri":"https://example.com/c"}
{"uri":"https://example.com/other","documentId":"https://example.com/d"}
{"documentId":"https://example.com/e","uri":"https://example.com/other"}
{"DocumentId":"https://example.com/f","uri":"https://example.com/other"}
{"DOCUMENTID":"https://example.com/g","Uri":"https://example.com/other"}
{"URI":"https://example.com/h"}
{"documentid":null,"Uri":"https://example.com/i"}
"#,
    );
    let ended = service.push(&[], &[&file]);
    assert!(ended.status.success(), "{ended:?}");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    assert_eq!(service.ids(), names.map(|name| format!("https://example.com/{name}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_begin_with_a_byte_order_mark_and_utf_16_is_named() {
    let service = Service::start().await;
    let uri = "\u{feff}{\"uri\":\"https://example.com/u\"}\n".to_owned();
    let marked = service.file("marked.jsonl", format!("\u{feff}{}", lines(0..2)));
    let both = service.file("both.jsonl", uri + &lines(2..3));
    let ended = service.push(&[], &[&marked, &both]);
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(service.ids().len(), 4);
    for (encode, mark) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], "\u{feff}"), (u16::to_be_bytes, "")] {
        let bytes: Vec<u8> = format!("{mark}{}", lines(0..2)).encode_utf16().flat_map(encode).collect();
        let file = service.file("utf16.jsonl", bytes);
        let ended = service.push(&[], &[&file]);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert_eq!(ended.complained, format!("{}: the text is UTF-16; encode it as UTF-8\n", file.display()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_of_lines_is_named_once_with_what_to_do() {
    let service = Service::start().await;
    for (text, advice) in [
        (format!("[\n{}]", lines(0..9).replace('\n', ",\n")), "this is one JSON array; write one item a line"),
        (format!("  [{}]", line(0).trim()), "this is one JSON array; write one item a line"),
        ("{\n  \"documentId\": \"https://example.com/a\"\n}\n".to_owned(), "one item takes several lines"),
        (format!("{{\"addOrUpdate\":[{}]}}", line(0).trim()), "the line holds a list of items (`addOrUpdate`)"),
        (format!("{{\"Items\":[{}]}}", line(0).trim()), "the line holds a list of items (`items`)"),
    ] {
        let ended = service.push(&[], &[&service.file("a.jsonl", text)]);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.complained.lines().count() == 1 && ended.complained.contains(advice), "{ended:?}");
    }
    assert_eq!(service.ids(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_items_are_summed_up_with_their_places_and_the_options_of_the_program() {
    let service = Service::start().await;
    let large = format!("{{\"documentId\":\"{}\",\"data\":\"{}\"}}\n", id(1), "x".repeat(2_000));
    let file = service.file("a.jsonl", [line(0), large].concat());
    let ended = service.push(&["--batch-bytes", "1024"], &[&file]);
    let summed_up = ended.said.lines().find(|line| line.starts_with("refused ")).unwrap();
    assert!(summed_up.starts_with(&format!("refused {}:2: ", file.display())), "{ended:?}");
    assert!(summed_up.contains("set a larger `--batch-bytes`"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ids_and_lines_of_what_failed_are_told_where_no_file_holds_them() {
    let service = Service::start().await;
    service.refuse_batches();
    let file = service.file("a.jsonl", lines(0..25));
    let ended = service.push(&["--concurrency", "1"], &[&file]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let told: Vec<&str> = ended.said.lines().filter(|line| line.ends_with('"')).collect();
    let expected = |number: usize| format!("    {}:{}: \"{}\"", file.display(), number + 1, id(number));
    assert_eq!(told, (0..20).map(expected).collect::<Vec<_>>());
    assert!(ended.said.contains("and 5 more: `--failed-dir` writes all of them into files"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_out_of_range_are_errors() {
    let service = Service::start().await;
    let file = service.file("a.jsonl", line(0));
    for options in [["--concurrency", "0"], ["--concurrency", "65"], ["--batch-bytes", "1"]] {
        let ended = service.push(&options, &[&file]);
        assert!(ended.status.code() == Some(2) && ended.complained.contains("is not in"), "{ended:?}");
    }
}

#[test]
fn without_credentials_all_variables_that_are_missing_are_named() {
    let output = without_credentials(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let complained = String::from_utf8(output.stderr).unwrap();
    let missing = "COVEO_API_KEY, COVEO_ORGANIZATION_ID, COVEO_SOURCE_ID (`--fake` pushes into a fake service instead)";
    assert!(complained.contains(missing), "{complained}");
}

#[test]
fn a_fake_service_tells_what_it_dropped_and_why() {
    let output = without_credentials(&["--fake"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(&format!("dropped {}: no permissions in a secured source", id(0))), "{said}");
}

/// One line, pushed without any variable of the environment.
fn without_credentials(options: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jsonl");
    fs::write(&file, line(0)).unwrap();
    let mut command = Command::new(program("push_jsonl"));
    for name in ["COVEO_API_KEY", "COVEO_ORGANIZATION_ID", "COVEO_REGION", "COVEO_BASE_URL", "COVEO_SOURCE_ID"] {
        command.env_remove(name);
    }
    command.arg("--quiet").args(options).arg(&file).stdin(Stdio::null()).output().unwrap()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_nobody_reads_costs_no_item() {
    let service = Service::start().await;
    let mut program = service.run(&[], &[&service.file("a.jsonl", lines(0..9))]);
    drop(program.child.stdout.take());
    wait_until("the program ends", || program.child.try_wait().unwrap().is_some());
    assert!(program.child.wait().unwrap().success());
    assert_eq!(service.ids().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_do_not_keep_the_others_from_being_pushed() {
    let service = Service::start().await;
    let (none, folder) = (service.path("none.jsonl"), service.folder.path());
    let file = service.file("a.jsonl", line(0));
    let ended = service.push(&[], &[&none, folder, &file]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    for name in [&none, folder] {
        assert!(ended.complained.contains(&format!("{}: ", name.display())), "{ended:?}");
    }
    assert!(ended.said.contains("2 lines or files could not be read"), "{ended:?}");
    assert_eq!(service.ids(), [id(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_batches_are_written_and_pushed_again() {
    let service = Service::start().await;
    service.fake.inject(Fault::on(Operation::PushItemContainer).status(400).times(2));
    let file = service.file("a.jsonl", lines(0..4));
    let failed = service.path("failed");
    let folder = failed.to_str().unwrap();
    let ended = service.push(&[&LINE_A_BATCH[..], &["--failed-dir", folder]].concat(), &[&file]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.said.starts_with("4 pushed: 2 accepted, 2 failed"), "{ended:?}");
    assert_eq!(fs::read_dir(&failed).unwrap().count(), 2);

    let retried = service.push(&["--retry", folder], &[]);
    assert!(retried.status.success(), "{retried:?}");
    assert!(retried.said.contains("2 batches accepted, 0 left"), "{retried:?}");
    assert_eq!(fs::read_dir(&failed).unwrap().count(), 0);
    assert_eq!(service.ids(), (0..4).map(id).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_ends_at_the_first_batch_that_fails_and_names_what_is_left() {
    let service = Service::start().await;
    let files = ["batch-000001.json", "batch-000002.json", "batch-000003.json"].map(|name| {
        let batch = format!("{{\"addOrUpdate\":[{}],\"delete\":[]}}", line(0));
        service.file(name, batch)
    });
    service.fake.inject(Fault::on(Operation::PushItemContainer).skip(1).status(400));
    let later = service.file("later.jsonl", line(1));
    let ended = service.push(&["--retry", service.folder.path().to_str().unwrap()], &[&later]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.said.contains("1 batches accepted, 2 left"), "{ended:?}");
    assert_eq!(files.each_ref().map(|file| file.exists()), [false, true, true]);
    assert!(files[1..].iter().all(|file| ended.said.contains(&format!("left {}", file.display()))), "{ended:?}");
    assert!(ended.said.contains("the files were not pushed"), "{ended:?}");
    assert_eq!(service.ids(), [id(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_off_is_told_by_name_and_keeps_no_other_from_being_pushed() {
    let service = Service::start().await;
    let folder = service.path("failed");
    fs::create_dir(&folder).unwrap();
    for (name, text) in [("batch-000001.json", String::new()), ("batch-000002.json", "{\"addOrUpdate\":[".to_owned())] {
        fs::write(folder.join(name), text).unwrap();
    }
    fs::write(folder.join("batch-000003.json"), format!("{{\"addOrUpdate\":[{}]}}", line(3))).unwrap();
    let name = folder.to_str().unwrap();
    let retried = service.push(&["--retry", name], &[]);
    assert!(retried.status.success(), "{retried:?}");
    assert!(retried.said.contains("1 batches accepted, 0 left"), "{retried:?}");
    for cut_off in ["batch-000001.json", "batch-000002.json"] {
        assert!(retried.said.contains(&format!("{cut_off} is cut off and holds no batch: passed over")), "{retried:?}");
    }
    assert_eq!(service.ids(), [id(3)]);
    // Nor does it keep a run from writing into the folder.
    service.fake.inject(Fault::on(Operation::PushItemContainer).status(413));
    let file = service.file("a.jsonl", line(0));
    let failed = service.push(&["--failed-dir", name], &[&file]);
    assert!(failed.said.starts_with("1 pushed: 0 accepted, 1 failed"), "{failed:?}");
    assert!(fs::read_to_string(folder.join("batch-000001.json")).unwrap().contains(&id(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_there_or_cannot_be_written_is_told_before_anything_is_pushed() {
    let service = Service::start().await;
    let (none, in_the_way) = (service.path("none"), service.file("in the way", "words"));
    let file = service.file("a.jsonl", line(0));
    for (option, folder) in [("--retry", &none), ("--failed-dir", &in_the_way)] {
        let ended = service.push(&[option, folder.to_str().unwrap()], &[&file]);
        assert!(!ended.status.success(), "{ended:?}");
        assert!(ended.complained.contains(folder.to_str().unwrap()), "{ended:?}");
    }
    assert!(service.fake.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_batch_that_cannot_be_written_is_told_at_the_end() {
    let service = Service::start().await;
    let failed = service.path("failed");
    let mut program = service.run(&[&LINE_A_BATCH[..], &["--failed-dir", failed.to_str().unwrap()]].concat(), &[]);
    program.write(&lines(0..2));
    wait_until("the first line is pushed", || service.ids() == [id(0)]);
    // It has looked into the folder by now.
    fs::remove_dir(&failed).unwrap();
    fs::write(&failed, "in the way").unwrap();
    service.refuse_batches();
    let ended = program.end();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let last = ended.said.lines().last().unwrap();
    let lost = format!("its items, from {} to {}, are in no file", id(1), id(1));
    assert!(last.starts_with("batch 2 (1 operation)") && last.contains(&lost), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_slow_standard_input_are_pushed_before_its_end() {
    let service = Service::start().await;
    let mut program = service.run(&LINE_A_BATCH, &[]);
    let third = line(2);
    let (begin, rest) = third.split_at(100);
    program.write(&(lines(0..2) + begin));
    wait_until("the first line is pushed", || service.ids() == [id(0)]);
    program.write(rest);
    wait_until("the second line is pushed", || service.ids() == [id(0), id(1)]);
    let ended = program.end();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(service.ids(), [id(0), id(1), id(2)]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_on_an_idle_standard_input_pushes_what_was_read_and_says_where_it_stopped() {
    for signal in ["INT", "TERM"] {
        let service = Service::start().await;
        let mut program = service.run(&LINE_A_BATCH, &[]);
        program.write(&lines(0..2));
        wait_until("the first line is pushed", || service.ids() == [id(0)]);
        program.signal(signal);
        let ended = program.end_by_itself();
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.said.starts_with("2 pushed: 2 accepted"), "{ended:?}");
        assert!(ended.said.contains("stopped after standard input:2: "), "{ended:?}");
        assert_eq!(service.ids(), [id(0), id(1)]);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_finishes_what_is_under_way_and_says_after_which_line_nothing_was_pushed() {
    let service = Service::start().await;
    // The whole file would take a while.
    service.fake.inject(Fault::on(Operation::UploadToContainer).latency(Duration::from_millis(250)).always());
    let file = service.file("a.jsonl", lines(0..100));
    let mut program = service.run(&LINE_A_BATCH, &[&file]);
    wait_until("the first line is pushed", || !service.ids().is_empty());
    program.signal("TERM");
    let ended = program.end_by_itself();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let held = service.ids();
    assert!((1..100).contains(&held.len()), "{held:?}");
    assert_eq!(held, (0..held.len()).map(id).collect::<Vec<_>>());
    let stopped = format!("stopped after {}:{}: nothing that follows was pushed (", file.display(), held.len());
    assert!(ended.said.contains(&stopped), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_stopped_ends_although_standard_input_is_idle() {
    let service = Service::start().await;
    service.refuse_batches();
    let mut program = service.run(&LINE_A_BATCH, &[]);
    program.write(&lines(0..2));
    let ended = program.end_by_itself();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.said.contains("failed batch 1 (1 operation)"), "{ended:?}");
    assert!(ended.said.contains("stopped after standard input:2: "), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_stopped_ends_although_standard_input_does_not() {
    let service = Service::start().await;
    service.refuse_batches();
    let mut program = service.run(&LINE_A_BATCH, &[]);
    let mut input = program.input.take().unwrap();
    // Until the program has gone.
    let endless = thread::spawn(move || (0..).find_map(|number| input.write_all(line(number).as_bytes()).err()));
    let ended = program.end_by_itself();
    assert!(endless.join().unwrap().is_some());
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.said.contains("failed batch 1 (1 operation)"), "{ended:?}");
    assert!(ended.said.contains("stopped after standard input:"), "{ended:?}");
}

/// A line of a catalog: an item with a price.
fn product(number: usize, price: u32) -> String {
    format!("{{\"documentId\":\"product://{number}\",\"ec_name\":\"Shoe\",\"ec_price\":{price}}}\n")
}

/// What the catalog holds.
fn held(service: &Service) -> Vec<String> {
    let items = service.fake.source(CATALOG).items();
    items.iter().map(|item| format!("{} {}", item.document_id(), item.json())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_catalog_are_items_or_partial_updates() {
    let service = Service::of(CATALOG).await;
    let items = service.file("items.jsonl", [product(1, 10), product(2, 20), product(3, 30)].concat());
    let ended = service.push(&["--catalog"], &[&items]);
    assert!(ended.status.success() && ended.said.starts_with("3 pushed: 3 accepted"), "{ended:?}");
    let changes = service.file(
        "changes.jsonl",
        r#"{"documentId":"product://1","operator":"fieldValueReplace","field":"ec_price","value":11}
{"operator":"FIELDVALUEREPLACE","documentId":"product://2","field":"ec_price","value":null}
{"documentId":"product://3","operator":"Acme Mining","field":"gold","ec_price":31}
"#,
    );
    let ended = service.push(&["--catalog", "--mode", "update"], &[&changes]);
    assert!(ended.status.success(), "{ended:?}");
    let expected = [
        r#"product://1 {"ec_name":"Shoe","ec_price":11}"#,
        r#"product://2 {"ec_name":"Shoe"}"#,
        // An item with such keys is an item.
        r#"product://3 {"ec_price":31,"field":"gold","operator":"Acme Mining"}"#,
    ];
    assert_eq!(held(&service), expected);
    let wrong = r#"{"documentId":"product://1","operator":"add","field":"ec_price","value":11}"#;
    let ended = service.push(&["--catalog"], &[&service.file("wrong.jsonl", wrong)]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.complained.contains(":1: no partial update: ") && ended.complained.contains("`add`"), "{ended:?}");
    assert_eq!(held(&service), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_a_merge_change_their_keys_only() {
    let service = Service::of(CATALOG).await;
    let items = service.file("items.jsonl", [product(1, 10), product(2, 20)].concat());
    assert!(service.push(&["--catalog"], &[&items]).status.success());
    let merges = service.file(
        "merges.jsonl",
        "{\"documentId\":\"product://1\",\"ec_price\":11}\n{\"uri\":\"product://3\",\"ec_price\":30}\n",
    );
    let ended = service.push(&["--catalog", "--mode", "merge"], &[&merges]);
    assert!(ended.status.success(), "{ended:?}");
    let expected = [
        r#"product://1 {"ec_name":"Shoe","ec_price":11}"#,
        r#"product://2 {"ec_name":"Shoe","ec_price":20}"#,
        r#"product://3 {"ec_price":30,"uri":"product://3"}"#,
    ];
    assert_eq!(held(&service), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn guarantee_12_a_load_of_files_replaces_everything_only_when_every_line_was_pushed() {
    let service = Service::of(CATALOG).await;
    let closed = || service.fake.requests().iter().filter(|it| it.operation() == Some(Operation::CloseStream)).count();
    let load =
        |options: &[&str], files: &[&Path]| service.push(&[&["--catalog", "--mode", "load"], options].concat(), files);
    let (first, second) = (service.file("first.jsonl", product(1, 10)), service.file("second.jsonl", product(2, 20)));
    let ended = load(&[], &[&first, &second]);
    assert!(ended.status.success() && ended.said.contains("the stream is closed"), "{ended:?}");
    assert_eq!(closed(), 1);
    let none = service.path("none.jsonl");
    let not_utf_8 = service.file("bad.jsonl", b"\xff\n");
    let no_item = service.file("no.jsonl", "no item\n");
    let few: &[&str] = &["--expect-at-least", "2"];
    for (options, files) in
        [(&[][..], [&first, &none]), (&[], [&first, &not_utf_8]), (&[], [&first, &no_item]), (&[], [&first, &first])]
    {
        let ended = load(options, &files.map(|file| file.as_path()));
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.said.contains("the stream is not closed, and the index is unchanged"), "{ended:?}");
    }
    let ended = load(few, &[&first]);
    assert!(ended.status.code() == Some(1) && ended.said.contains("at least 2 were expected"), "{ended:?}");
    let ended = load(&["--failed-dir", "failed"], &[&first]);
    assert!(ended.status.code() == Some(1) && ended.complained.contains("without --failed-dir"), "{ended:?}");
    assert_eq!((closed(), service.ids().len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_program_with_the_ledger_is_told_so_and_the_first_one_goes_on() {
    let service = Service::start().await;
    let ledger = service.path("items.ledger");
    let options = [&["--ledger", ledger.to_str().unwrap()], &LINE_A_BATCH[..]].concat();
    let mut first = service.run(&options, &[]);
    first.write(&lines(0..3));
    // It records them in the ledger, which it has open until its input ends.
    wait_until("the first program pushes", || !service.ids().is_empty());
    let other = service.file("other.jsonl", lines(100..103));
    let second = service.push(&options, &[&other]);
    assert_eq!((second.status.code(), second.said.as_str()), (Some(1), ""), "{second:?}");
    let told = format!("Error: the ledger {} is open already; end the other program, or", ledger.display());
    assert!(second.complained.starts_with(&told), "{second:?}");
    first.write(&lines(3..6));
    let ended = first.end();
    assert!(ended.status.success() && ended.said.contains(": 6 added, 0 updated, 0 unchanged, 0 deleted"), "{ended:?}");
    assert_eq!(service.ids(), (0..6).map(id).collect::<Vec<_>>());
    // It is free again, and has all that the first one pushed.
    let all = service.file("all.jsonl", lines(0..6));
    let third = service.push(&options, &[&all]);
    assert!(third.status.success() && third.said.contains(": 0 added, 0 updated, 6 unchanged, 0 deleted"), "{third:?}");
    assert!(third.said.contains("; 0 API calls"), "{third:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn guarantee_12_a_load_that_a_signal_stops_is_not_closed() {
    let service = Service::of(CATALOG).await;
    let mut program = service.run(&["--catalog", "--mode", "load"], &[]);
    program.write(&product(1, 10));
    wait_until("the program runs", || {
        // The first batch is sent after it has waited for more.
        service.fake.requests().iter().any(|request| request.operation() == Some(Operation::OpenStream))
    });
    program.signal("TERM");
    let ended = program.end_by_itself();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.said.contains("the index is unchanged, because the run was aborted"), "{ended:?}");
    assert_eq!(service.ids(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_batches_of_a_catalog_are_written_and_pushed_again() {
    for (mode, operation) in [("update", Operation::UpdateCatalog), ("merge", Operation::MergeCatalog)] {
        let service = Service::of(CATALOG).await;
        service.fake.inject(Fault::on(operation).status(400));
        let (file, failed) = (service.file("a.jsonl", product(1, 10)), service.path("failed"));
        let (options, folder) = (["--catalog", "--mode", mode], failed.to_str().unwrap());
        let ended = service.push(&[&options[..], &["--failed-dir", folder]].concat(), &[&file]);
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        let ended = service.push(&[&options[..], &["--retry", folder]].concat(), &[]);
        assert!(ended.status.success() && ended.said.contains("1 batches accepted, 0 left"), "{ended:?}");
        assert_eq!(held(&service), [r#"product://1 {"ec_name":"Shoe","ec_price":10}"#]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirm_ends_with_3_and_the_reason_when_an_item_was_dropped_and_with_0_when_all_are_indexed() {
    let service = Service::start().await;
    let allowed = |id: &str| format!(r#"{{"documentId":"{id}","permissions":[{{"allowAnonymous":true}}]}}"#);
    let good = service.file("good.jsonl", [allowed(&id(1)), allowed(&id(2))].join("\n"));
    // The fake's source is secured.
    let bad = service.file("bad.jsonl", format!(r#"{{"documentId":"{}"}}"#, id(3)));
    let options = ["--fake", "--confirm", "1"];

    let all = service.push(&options, &[&good]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    let told = "outcomes of 2 items in my-source: 2 indexed, 0 removed, 0 failed, 0 skipped, 0 warned, 0 unknown\n";
    assert!(all.said.ends_with(told), "{all:?}");

    let dropped = service.push(&options, &[&good, &bad]);
    assert_eq!(dropped.status.code(), Some(3), "{dropped:?}");
    let told = format!("    \"{}\": failed at VALIDATION: no permissions in a secured source\n", id(3));
    assert!(dropped.said.contains("outcomes of 3 items in my-source: 2 indexed, 0 removed, 1 failed"), "{dropped:?}");
    assert!(dropped.said.ends_with(&told), "{dropped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_ledger_an_item_that_was_dropped_is_pushed_again_by_the_next_run() {
    let service = Service::start().await;
    let allowed = format!(r#"{{"documentId":"{}","permissions":[{{"allowAnonymous":true}}]}}"#, id(1));
    // The fake's source is secured.
    let file = service.file("items.jsonl", format!("{allowed}\n{{\"documentId\":\"{}\"}}", id(2)));
    let ledger = service.path("items.ledger");
    let options = ["--fake", "--ledger", ledger.to_str().unwrap(), "--confirm", "1"];
    let first = service.push(&options, &[&file]);
    assert_eq!(first.status.code(), Some(3), "{first:?}");
    assert!(first.said.contains(": 2 added, 0 updated, 0 unchanged, 0 deleted"), "{first:?}");
    let second = service.push(&options[..3], &[&file]);
    assert!(second.said.contains(": 0 added, 1 updated, 1 unchanged, 0 deleted"), "{second:?}");
}
