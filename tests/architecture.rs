//! The arrows between the rooms of `src`, held to a table.
//!
//! A room is a folder or a file directly under `src`. It may name another room, as `crate::room`
//! or by a name that `lib.rs` re-exports from it, only where the table has an arrow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};

use source::{Line, NamePath, code, code_of, crate_paths, name, paths_at, root, source_files, tokens};

/// The rooms that a room may name, from the rooms that a user calls down to the pure ones;
/// nothing but `fake` may name `client`.
const ARROWS: [(&str, &[&str]); 19] = [
    ("fake", &["client", "access", "kernel", "error", "operation", "model", "preflight", "credentials"]),
    ("client", &["outcome", "refresh", "api", "kernel", "error", "finding", "region", "credentials"]),
    ("sync", &["outcome", "refresh", "push", "content", "api", "kernel", "error", "model"]),
    ("outcome", &["refresh", "push", "api", "kernel", "error", "model"]),
    ("refresh", &["push", "api", "kernel", "error", "model"]),
    ("push", &["content", "api", "kernel", "error", "finding", "operation", "model", "preflight"]),
    ("content", &["api", "kernel", "error", "finding", "operation", "model", "preflight"]),
    ("api", &["kernel", "error", "finding", "operation", "model", "preflight", "privilege"]),
    ("kernel", &["region", "credentials", "error", "finding", "operation", "model"]),
    ("region", &["error", "operation", "model"]),
    ("credentials", &["kernel", "error"]),
    ("error", &["finding", "operation", "model"]),
    ("access", &["model"]),
    ("preflight", &["finding", "model"]),
    ("finding", &["model"]),
    ("guide", &[]),
    ("operation", &["privilege"]),
    ("privilege", &[]),
    ("model", &[]),
];

/// Arrows against the others, each for one name alone.
const EXCEPTIONS: [(&str, &str); 1] = [
    // The form of the future that the provider's trait returns, which all object-safe traits share.
    ("credentials", "kernel::BoxFuture"),
];

const MOST_LINES: usize = 400;

fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// The rooms behind the names that `lib.rs` re-exports.
fn re_exports() -> BTreeMap<String, String> {
    let lines = code(&root().join("lib.rs"));
    let tokens = tokens(&lines);
    let mut names = BTreeMap::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair[0].text == "pub" && pair[1].text == "use" {
            for NamePath { text, .. } in paths_at(&tokens, at + 2) {
                if let (Some((room, _)), Some((_, last))) = (text.split_once("::"), text.rsplit_once("::")) {
                    names.insert(last.to_owned(), room.to_owned());
                }
            }
        }
    }
    assert!(names.get("Error").is_some_and(|room| room == "error"), "the re-exports are not understood: {names:?}");
    names
}

/// What breaks the table in some file.
fn broken_arrows(file: &str, lines: &[Line], re_exports: &BTreeMap<String, String>) -> Vec<String> {
    let from = room(file);
    let Some((_, allowed)) = ARROWS.iter().find(|(room, _)| *room == from) else {
        return vec![format!("src/{file}: the room `{from}` is not in the table")];
    };
    let mut broken = Vec::new();
    for NamePath { text: path, line: number, .. } in crate_paths(&tokens(lines)) {
        let first = path.split("::").next().unwrap();
        let to = re_exports.get(first).map_or(first, String::as_str);
        if to == from {
            continue;
        }
        let is_exception = EXCEPTIONS.contains(&(from, path.as_str()));
        let is_excepted_room = EXCEPTIONS.iter().any(|(room, path)| *room == from && room_of(path) == to);
        if !allowed.contains(&to) || (is_excepted_room && !is_exception) {
            broken.push(format!("src/{file}:{number}: {from} -> {to} (crate::{path})"));
        }
    }
    // A path upwards out of the room would be an arrow that is not seen.
    let depth = file.matches('/').count();
    let upwards = vec!["super"; depth + 1].join("::");
    for line in lines {
        let goes_on = |c: char| c.is_alphanumeric() || c == '_';
        let is_upwards = |(at, _): (usize, &str)| !line.text[at + upwards.len()..].starts_with(goes_on);
        if line.text.match_indices(&upwards).any(is_upwards) {
            broken.push(format!("src/{file}:{}: `{upwards}` leaves the room; write `crate::`", line.number));
        }
    }
    broken
}

fn room_of(path: &str) -> &str {
    path.split("::").next().unwrap()
}

#[test]
fn no_room_names_one_that_it_may_not() {
    let re_exports = re_exports();
    let mut broken = Vec::new();
    for file in source_files() {
        if name(&file) != "lib.rs" {
            broken.extend(broken_arrows(&name(&file), &code(&file), &re_exports));
        }
    }
    assert!(broken.is_empty(), "arrows that are not in the table:\n{}", broken.join("\n"));
}

#[test]
fn every_arrow_of_the_table_is_used() {
    let re_exports = re_exports();
    let mut used = BTreeSet::new();
    for file in source_files() {
        for path in crate_paths(&tokens(&code(&file))) {
            let first = room_of(&path.text);
            let to = re_exports.get(first).map_or(first, String::as_str).to_owned();
            used.insert((room(&name(&file)).to_owned(), to));
        }
    }
    let is_unused = |from: &str, to: &str| !used.contains(&(from.to_owned(), to.to_owned()));
    let unused: Vec<_> = ARROWS
        .iter()
        .flat_map(|(from, all)| all.iter().map(move |to| (*from, *to)))
        .filter(|(from, to)| is_unused(from, to))
        .collect();
    assert!(unused.is_empty(), "the table allows what nobody uses: {unused:?}");
}

#[test]
fn the_table_has_no_circle_but_for_its_exceptions() {
    let is_exception =
        |from: &str, to: &str| EXCEPTIONS.iter().any(|(room, path)| *room == from && room_of(path) == to);
    let mut done: BTreeSet<&str> = BTreeSet::new();
    while done.len() < ARROWS.len() {
        let ready: Vec<&str> = ARROWS
            .iter()
            .filter(|(from, to)| {
                !done.contains(from) && to.iter().all(|to| done.contains(to) || is_exception(from, to))
            })
            .map(|(from, _)| *from)
            .collect();
        assert!(!ready.is_empty(), "a circle among the rooms that are not {done:?}");
        done.extend(ready);
    }
}

/// The files that ARCHITECTURE.md shows below a room, with the room's name before each.
fn listed() -> BTreeSet<String> {
    let text = include_str!("../ARCHITECTURE.md");
    let list = text.split("```").find(|block| block.contains("src/lib.rs ")).unwrap();
    let (mut room, mut files) = ("", BTreeSet::new());
    for line in list.lines() {
        if let Some(rest) = line.strip_prefix("src/") {
            room = rest.split([' ', '/', '.']).next().unwrap();
        } else {
            let names = line.split([' ', ',', '`', '(', ')']).filter(|word| word.ends_with(".rs"));
            files.extend(names.map(|name| format!("{room}/{name}")));
        }
    }
    files
}

#[test]
fn a_room_that_is_shown_with_its_files_is_shown_with_all_of_them() {
    let listed = listed();
    let rooms: BTreeSet<&str> = listed.iter().map(|file| room(file)).collect();
    assert!(rooms.contains("kernel") && rooms.contains("push"), "the list is not understood: {listed:?}");
    // The list has the files of a folder in a room beside those of the room.
    let flat = |file: &str| format!("{}/{}", room(file), file.rsplit('/').next().unwrap());
    let there: BTreeSet<String> = source_files()
        .iter()
        .map(|file| name(file))
        .filter(|file| file.contains('/') && !file.ends_with("mod.rs") && rooms.contains(room(file)))
        .map(|file| flat(&file))
        .collect();
    let lacking: Vec<_> = there.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&there).collect();
    assert!(lacking.is_empty() && gone.is_empty(), "ARCHITECTURE.md lacks {lacking:?}, and has {gone:?}");
}

#[test]
fn only_the_transport_names_reqwest() {
    let mut found = Vec::new();
    for file in source_files() {
        let file_name = name(&file);
        let lines = code(&file);
        let tokens = tokens(&lines);
        for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "reqwest") {
            // In `lib.rs` and `client.rs` it may be named as what the transport re-exports.
            let is_re_export = matches!(file_name.as_str(), "lib.rs" | "client.rs")
                && tokens[..at]
                    .iter()
                    .rev()
                    .take_while(|token| token.text != ";")
                    .any(|t| t.text == "reqwest_transport");
            if file_name != "kernel/reqwest_transport.rs" && !is_re_export {
                found.push(format!("src/{file_name}:{}: {} -> reqwest", token.line, room(&file_name)));
            }
        }
    }
    assert!(found.is_empty(), "reqwest is named outside of its file:\n{}", found.join("\n"));
}

#[test]
fn no_file_is_longer_than_400_lines_of_code() {
    let long: Vec<String> = source_files()
        .iter()
        .map(|file| (name(file), code(file).len()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("src/{file}: {lines} lines of code"))
        .collect();
    assert!(long.is_empty(), "files over {MOST_LINES} lines of code:\n{}", long.join("\n"));
}

/// Holds some lines, as those of a file, against the table.
fn check(file: &str, text: &str) -> Vec<String> {
    broken_arrows(file, &code_of(text), &re_exports())
}

#[test]
fn a_broken_arrow_is_named_with_its_file_and_line() {
    assert_eq!(
        check("model/x.rs", "use std::fmt;\nuse crate::error::{self, Error};"),
        [
            "src/model/x.rs:2: model -> error (crate::error::self)",
            "src/model/x.rs:2: model -> error (crate::error::Error)"
        ]
    );
    assert_eq!(
        check("api/x.rs", "let a = crate::client::PushClient;"),
        ["src/api/x.rs:1: api -> client (crate::client::PushClient)"]
    );
    assert_eq!(
        check("kernel/x.rs", "use crate::PushClient;"),
        ["src/kernel/x.rs:1: kernel -> client (crate::PushClient)"]
    );
    assert_eq!(check("model/x.rs", "use crate::{model::Identity,\n finding::{Rule, Finding as l}, Region};").len(), 3);
    assert_eq!(check("credentials.rs", "use crate::kernel::send::X;").len(), 1);
    assert_eq!(check("kernel/x.rs", "use super::super::client;").len(), 1);
    assert_eq!(check("kernel/x.rs", "use super::superseded::Superseded;"), [""; 0]);
    assert_eq!(check("region.rs", "use super::client;").len(), 1);
    assert_eq!(check("cellar.rs", "").len(), 1);
}

#[test]
fn an_arrow_of_the_table_is_no_broken_one() {
    assert_eq!(check("credentials.rs", "use crate::kernel::BoxFuture;\nuse crate::error::BoxError;"), [""; 0]);
    assert_eq!(check("api/x.rs", "fn a() -> Result<(), crate::Error> { \"crate::client\" }"), [""; 0]);
    assert_eq!(check("fake/x.rs", "use crate::{PushClient, ApiKey};\nuse crate::access::Who;"), [""; 0]);
    assert_eq!(
        check("kernel/x.rs", "use super::body::Body;\npub(crate) fn a() {}\npub(in crate::kernel) fn b() {}"),
        [""; 0]
    );
}
