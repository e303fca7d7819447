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

use coveo_push::Operation;
use coveo_push::fake::FakePushApi;

const README: &str = include_str!("../README.md");

#[test]
fn the_readme_has_every_operation_with_its_request_and_its_article() {
    for &operation in Operation::ALL {
        let name = operation.name();
        let (handle, method) = name.split_once('.').unwrap();
        let of = match handle {
            "items" => "s",
            "identities" => "p",
            "catalog" => "s",
            "data_collection" => "d",
            _ => "",
        };
        let path = operation.path();
        let request = match operation {
            Operation::UploadToContainer => format!("`{}` to the URI of the container", operation.method()),
            _ => format!("`{} {path}`", operation.method())
                .replace("{organizationId}", "{o}")
                .replace("{sourceId}", "{s}")
                .replace("{providerId}", "{p}")
                .replace("{dataCollectionId}", "{d}")
                .replace("{streamId}", "{t}")
                .replace("{epochMilliseconds}", "{n}"),
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

#[test]
fn the_readme_has_every_setting_of_a_pusher() {
    for code in [
        include_str!("../src/push/settings.rs"),
        include_str!("../src/push/items.rs"),
        include_str!("../src/push/identities.rs"),
    ] {
        let blocks = code.split("\nimpl").filter(|block| block.split('{').next().unwrap().contains(" PusherBuilder<"));
        let setters = blocks.flat_map(|block| block.split("pub fn ").skip(1));
        let setters: Vec<_> =
            setters.map(|rest| rest.split(['(', '<']).next().unwrap()).filter(|it| *it != "start").collect();
        assert!(!setters.is_empty());
        setters.into_iter().for_each(|setter| drop(row(setter)));
    }
}

#[test]
fn the_readme_has_the_defaults_and_ranges_that_the_documentation_of_the_pusher_has() {
    let documentation = include_str!("../src/push/settings.rs").lines().filter_map(|line| line.strip_prefix("/// "));
    let documented: Vec<_> = documentation.filter_map(cells).skip(2).collect();
    assert!(documented.len() > 5, "{documented:?}");
    for documented in documented {
        // The name is a link.
        let name = documented[0].trim_start_matches('[').split(']').next().unwrap();
        assert_eq!(row(name)[1..3], documented[1..3], "{name}");
    }
}

#[test]
fn the_readme_has_the_defaults_that_the_pusher_has() {
    let fake = FakePushApi::builder().source("s").build();
    let settings = format!("{:?}", fake.client().items("s").pusher());
    for (name, told, is) in [
        ("batch_bytes", "16 MiB", "batch_bytes: 16777216,"),
        ("linger", "5 s", "linger: 5s,"),
        ("concurrency", "4", "concurrency: 4,"),
        ("max_api_calls", "no limit of ours", "max_api_calls: None,"),
        ("throttle_patience", "15 minutes", "throttle_patience: 900s,"),
        ("outage_patience", "15 minutes", "outage_patience: 900s,"),
    ] {
        assert_eq!(row(name)[1], told);
        assert!(settings.contains(is), "{settings} lacks {is}");
    }
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
