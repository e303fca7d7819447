//! The tables of the README and the guide are those of the code.

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

const README: &str = include_str!("../README.md");

#[test]
fn the_guide_has_every_operation_with_its_request_and_its_article() {
    let guide = include_str!("../src/guide/operations.md");
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
        let article = format!("[{article}](https://docs.coveo.com/en/{article}/)");
        let row = format!("| `{handle}({of}).{method}` | `{operation:?}` | {request} | {article} |");
        assert!(guide.contains(&row), "the guide lacks the row\n{row}");
    }
}

#[test]
fn the_readme_names_the_minimum_rust_version_of_the_manifest() {
    let version = env!("CARGO_PKG_RUST_VERSION");
    assert!(README.contains(&format!("The minimum Rust version is {version}.")));
    assert!(README.contains(&format!("/badge/rust-{version}%2B-blue")));
}

/// The cells of a table's row, without what marks code.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(|cell| cell.trim().replace('`', "")).collect())
}

/// The rows of the table with these heads.
fn table(text: &str, heads: &[&str]) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| cells(line).is_none_or(|cells| cells != heads));
    lines.skip(2).map_while(cells).collect()
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
    let told = table(README, &["Feature", "Default", ""]);
    assert_eq!(told.iter().map(|cells| cells[0].as_str()).collect::<BTreeSet<_>>(), all);
    for cells in told {
        let is_on = on.unwrap().contains(&format!("\"{}\"", cells[0]));
        assert_eq!(cells[1], if is_on { "yes" } else { "" }, "{}", cells[0]);
    }
}

#[test]
fn the_guide_has_every_example() {
    let guide = include_str!("../src/guide/mod.rs").replace("//! ", "");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let programs: BTreeSet<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let told = table(&guide, &["Example", ""]);
    let told = told.iter().flat_map(|cells| cells[0].split(", ")).map(str::to_owned);
    assert_eq!(told.collect::<BTreeSet<_>>(), programs);
}
