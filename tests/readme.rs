//! What the README says in tables is what the code says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use coveo_push::fake::FakePushApi;
use coveo_push::{Operation, PusherBuilder};

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_has_every_operation_with_its_request_and_its_article() {
    for &operation in Operation::ALL {
        let name = operation.name();
        let (handle, method) = name.split_once('.').unwrap();
        let of = match handle {
            "items" => "s",
            "identities" => "p",
            _ => "",
        };
        let path = operation.path();
        let request = match operation {
            Operation::UploadToContainer => format!("`{}` to the URI of the container", operation.method()),
            _ => format!("`{} {path}`", operation.method())
                .replace("{organizationId}", "{o}")
                .replace("{sourceId}", "{s}")
                .replace("{providerId}", "{p}"),
        };
        let article = operation.article();
        let row =
            format!("| `{handle}({of}).{method}` | {request} | [{article}](https://docs.coveo.com/en/{article}/) |");
        assert!(README.contains(&row), "the README lacks the row\n{row}");
    }
}

#[test]
fn the_readme_names_the_minimum_rust_version_of_the_manifest() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    assert!(README.contains(&format!("## Minimum Rust version\n\n{version},")));
}

/// The cells of a table's row, without what marks code.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(|cell| cell.trim().replace('`', "")).collect())
}

/// The row that begins with a name, or with some of which it is one.
#[track_caller]
fn row(name: &str) -> Vec<String> {
    let mut rows = README.lines().filter_map(cells).filter(|cells| cells[0].split(", ").any(|first| first == name));
    let row = rows.next().unwrap_or_else(|| panic!("the README lacks a row for `{name}`"));
    assert_eq!(rows.next(), None, "the README has two rows for `{name}`");
    row
}

/// The rows of the table with these heads.
fn table(heads: &[&str]) -> Vec<Vec<String>> {
    let lines = README.lines().skip_while(|line| cells(line).is_none_or(|cells| cells != heads));
    lines.skip(2).map_while(cells).collect()
}

/// The setters of the pusher's builder, each with its documentation as one line.
fn settings() -> Vec<(String, String)> {
    let mut settings = Vec::new();
    for code in [include_str!("../src/push/settings.rs"), include_str!("../src/push/checks.rs")] {
        let mut documentation = String::new();
        for line in code.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                documentation += text;
            } else if let Some(rest) = line.strip_prefix("pub fn ") {
                let name = rest.split('(').next().unwrap();
                settings.push((name.to_owned(), std::mem::take(&mut documentation)));
            } else {
                documentation.clear();
            }
        }
    }
    settings
}

#[test]
fn the_readme_has_every_setting_of_a_pusher_with_its_documented_default() {
    let settings = settings();
    assert!(settings.len() > 10, "{settings:?}");
    for (name, documentation) in settings {
        let [_, default, ..] = &row(&name)[..] else { panic!("`{name}` has no default") };
        if let Some((_, documented)) = documentation.split_once("Default: ") {
            assert!(documented.starts_with(default.as_str()), "{name}: {default} is not {documented}");
        }
    }
}

#[test]
fn the_readme_has_the_sizes_and_ranges_that_the_pusher_keeps() {
    let fake = FakePushApi::builder().source("s").build();
    let items = fake.client().items("s");
    let is = |builder: PusherBuilder<_>, setting: String| {
        let settings = format!("{builder:?}");
        assert!(settings.contains(&setting), "{settings} lacks {setting}");
    };

    assert_eq!(row("batch_bytes")[1..3], ["16 MiB", "1 KiB to 256 MB"]);
    is(items.pusher(), format!("batch_bytes: {}", 16 << 20));
    is(items.pusher().batch_bytes(0), "batch_bytes: 1024".to_owned());
    is(items.pusher().batch_bytes(usize::MAX), "batch_bytes: 256000000".to_owned());

    assert_eq!(row("concurrency")[1..3], ["4", "1 to 64"]);
    is(items.pusher(), "concurrency: 4".to_owned());
    is(items.pusher().concurrency(0), "concurrency: 1".to_owned());
    is(items.pusher().concurrency(usize::MAX), "concurrency: 64".to_owned());
}

#[test]
fn the_readme_has_every_feature_and_says_which_are_on() {
    let manifest = include_str!("../Cargo.toml");
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let features = features.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with('#'));
    let (mut all, mut on) = (BTreeSet::new(), None);
    for (name, needs) in features.map(|line| line.split_once(" = ").unwrap()) {
        match name {
            "default" => on = Some(needs),
            _ => assert!(all.insert(name)),
        }
    }
    let told = table(&["Feature", "Default", ""]);
    assert_eq!(told.iter().map(|cells| cells[0].as_str()).collect::<BTreeSet<_>>(), all);
    for cells in told {
        let is_on = on.unwrap().contains(&format!("\"{}\"", cells[0]));
        assert_eq!(cells[1], if is_on { "yes" } else { "" }, "{}", cells[0]);
    }
}

#[test]
fn the_readme_has_every_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let programs: BTreeSet<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let told = table(&["Example", "What it shows", "Real service"]);
    assert_eq!(told.into_iter().map(|cells| cells[0].clone()).collect::<BTreeSet<_>>(), programs);
}
