//! The source files of `src`, as lines and tokens.

use std::fs;
use std::path::{Path, PathBuf};

/// A line of code: not empty, not a comment, not a test.
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
}

/// A token, with the number of its line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A path of names, as `a::b` or as a part of `use a::{b as c}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NamePath {
    /// `a::b`. It ends with `*` for a glob.
    pub(super) text: String,
    /// The name behind `as`.
    pub(super) alias: Option<String>,
    pub(super) line: usize,
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files except tests.
pub(super) fn source_files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                files.push(path);
            }
        }
    }

    let mut files = Vec::new();
    collect(&root(), &mut files);
    files.sort();
    assert!(files.len() > 10, "no source files in {}", root().display());
    files
}

/// The path of a file below `src`.
pub(super) fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

pub(super) fn code(file: &Path) -> Vec<Line> {
    code_of(&fs::read_to_string(file).unwrap())
}

pub(super) fn code_of(text: &str) -> Vec<Line> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().enumerate().map(|(index, line)| {
        // A comment in this crate follows nothing or a space; the `//` of a URL does not.
        let line = if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap() };
        Line { number: index + 1, text: line.to_owned() }
    });
    lines.filter(|line| !line.text.trim().is_empty()).collect()
}

/// Names, `::`, and every other character by itself. Strings and character literals are left out.
pub(super) fn tokens(lines: &[Line]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut is_in_string = false;
    for line in lines {
        let mut rest = line.text.as_str();
        while let Some(first) = rest.chars().next() {
            if is_in_string {
                let escaped = rest.replace("\\\\", "__").replace("\\\"", "__");
                let Some(end) = escaped.find('"') else { break };
                rest = &rest[end + 1..];
                is_in_string = false;
                continue;
            }
            let length = if is_of_name(first) {
                rest.find(|c| !is_of_name(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                character_literal(rest).unwrap_or(first.len_utf8())
            };
            let (token, after) = rest.split_at(length);
            rest = after;
            is_in_string = first == '"';
            if !first.is_whitespace() && first != '"' && first != '\'' {
                tokens.push(Token { text: token.to_owned(), line: line.number });
            }
        }
    }
    tokens
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_name(text: &str) -> bool {
    text.chars().all(is_of_name)
}

/// The length of a character literal at the start of a text. A lifetime is not one.
fn character_literal(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return Some(inside[2..].find('\'')? + 4);
    }
    let length = inside.chars().next()?.len_utf8();
    inside[length..].starts_with('\'').then_some(length + 2)
}

/// The paths of a `use`, or a single path, from token `at` on.
pub(super) fn paths_at(tokens: &[Token], at: usize) -> Vec<NamePath> {
    let mut paths = Vec::new();
    read_tree(tokens, at, "", &mut paths);
    paths
}

/// Reads one tree of a `use`, and returns the index of the token behind it. Groups in braces are taken
/// apart: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn read_tree(tokens: &[Token], mut at: usize, before: &str, paths: &mut Vec<NamePath>) -> usize {
    let Some(Token { line, .. }) = tokens.get(at) else { return at + 1 };
    let mut text = before.to_owned();
    while let Some(token) = tokens.get(at) {
        // Behind a name only `::` continues the path.
        let may_be_name = text == before || tokens[at - 1].text == "::";
        match token.text.as_str() {
            "::" => {}
            "{" if may_be_name => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = read_tree(tokens, at, &text, paths);
                    if tokens.get(at).is_some_and(|token| token.text == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            name if may_be_name && (is_name(name) || name == "*") => {
                text = if text.is_empty() { name.to_owned() } else { format!("{text}::{name}") };
            }
            _ => break,
        }
        at += 1;
    }
    let alias = tokens.get(at).filter(|token| token.text == "as").and_then(|_| tokens.get(at + 1));
    let end = if alias.is_some() { at + 2 } else { at };
    paths.push(NamePath { text, alias: alias.map(|name| name.text.clone()), line: *line });
    end.max(1)
}

/// Every path that starts with `crate`, without the `crate::`.
pub(super) fn crate_paths(tokens: &[Token]) -> Vec<NamePath> {
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "crate" && pair[1].text == "::");
    starts.flat_map(|(at, _)| paths_at(tokens, at + 2)).collect()
}
