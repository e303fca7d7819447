//! Circles of files: files that use each other's names, directly or through others.
//!
//! A file's arrows are the names that it uses from other files, found by their paths. A name that a
//! `mod.rs` re-exports belongs to the file that defines it. Methods are not followed.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Line, NamePath, Token, code, code_of, name, paths_at, source_files, tokens};

const ITEMS: [&str; 9] = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "macro_rules"];

/// The names that one file uses from another, by the two files.
type Arrows = BTreeMap<(String, String), BTreeSet<String>>;

/// A file as a module: `a/b.rs` and `a/b/mod.rs` are `a::b`.
struct Module {
    file: String,
    /// The names of its own items.
    defined: BTreeSet<String>,
    /// The names that a `use` brings into it, with their paths.
    imported: BTreeMap<String, String>,
    /// The paths that it uses.
    used: Vec<String>,
}

impl Module {
    fn read(file: &str, lines: &[Line], children: &BTreeSet<String>) -> Self {
        let tokens = tokens(lines);
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        let mut module =
            Self { file: file.to_owned(), defined: BTreeSet::new(), imported: BTreeMap::new(), used: Vec::new() };
        let mut depth = 0_usize;
        for (at, Token { text: token, .. }) in tokens.iter().enumerate() {
            let before = if at == 0 { "" } else { text(at - 1) };
            match token.as_str() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                "use" => {
                    for NamePath { text, alias, .. } in paths_at(&tokens, at + 1) {
                        let path = text.strip_suffix("::self").unwrap_or(&text).to_owned();
                        let bound = alias.unwrap_or_else(|| last(&path).to_owned());
                        if depth == 0 {
                            module.imported.insert(bound, path.clone());
                        }
                        module.used.push(path);
                    }
                }
                item if depth == 0 && ITEMS.contains(&item) => {
                    let name = if text(at + 1) == "!" { text(at + 2) } else { text(at + 1) };
                    let is_child = item == "mod" && children.contains(name);
                    if !is_child {
                        module.defined.insert(name.to_owned());
                    }
                }
                // A path in code. The one in `pub(in crate::a)` uses nothing.
                start
                    if text(at + 1) == "::"
                        && !matches!(before, "::" | "in")
                        && (matches!(start, "crate" | "super" | "self") || children.contains(start)) =>
                {
                    module.used.extend(paths_at(&tokens, at).into_iter().map(|path| path.text));
                }
                _ => {}
            }
        }
        module
    }
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap()
}

/// The path of a file as a module: `a::b`; empty for `lib.rs`.
fn module_path(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { String::new() } else { path.replace('/', "::") }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// The modules of the crate, by their paths.
struct Modules(BTreeMap<String, Module>);

impl Modules {
    fn read(files: &BTreeMap<String, Vec<Line>>) -> Self {
        let paths: BTreeSet<String> = files.keys().map(|file| module_path(file)).collect();
        let modules = files.iter().map(|(file, lines)| {
            let path = module_path(file);
            let children = paths.iter().filter(|child| !child.is_empty() && parent(child) == path);
            let children = children.map(|child| last(child).to_owned()).collect();
            let module = Module::read(file, lines, &children);
            (path, module)
        });
        Self(modules.collect())
    }

    /// The file that defines what a path names, and the name there. `None` for other crates.
    fn resolve(&self, from: &str, path: &str) -> Option<(&str, String)> {
        let mut module = from.to_owned();
        let mut names = path.split("::").peekable();
        let mut is_here = false;
        while let Some(step) = names.next_if(|name| matches!(*name, "crate" | "self" | "super")) {
            is_here = true;
            module = match step {
                "crate" => String::new(),
                "super" => parent(&module).to_owned(),
                _ => module,
            };
        }
        while let Some(name) = names.next() {
            let child = join(&module, name);
            if self.0.contains_key(&child) {
                module = child;
                is_here = true;
                continue;
            }
            let found = self.0.get(&module)?;
            match found.imported.get(name).filter(|_| !found.defined.contains(name)) {
                // Another crate, as in `pub use bytes;`.
                Some(import) if import.split("::").next() == Some(name) => return None,
                Some(import) => {
                    let rest: Vec<&str> = names.collect();
                    let import = [&[import.as_str()], rest.as_slice()].concat().join("::");
                    return self.resolve(&module, &import);
                }
                None if is_here || found.defined.contains(name) => return Some((&found.file, name.to_owned())),
                None => return None,
            }
        }
        Some((&self.0.get(&module)?.file, last(path).to_owned()))
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (path, module) in &self.0 {
            for (to, name) in module.used.iter().filter_map(|used| self.resolve(path, used)) {
                if to != module.file {
                    arrows.entry((module.file.clone(), to.to_owned())).or_default().insert(name);
                }
            }
        }
        arrows
    }
}

/// The files that can be reached from one by arrows.
fn reachable(from: &str, arrows: &Arrows) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(file) = open.pop() {
        for (_, to) in arrows.keys().filter(|(from, _)| *from == file) {
            if reached.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    reached
}

/// The circles of files, each as the set of its files.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<String>> {
    let files: BTreeSet<&String> = arrows.keys().map(|(from, _)| from).collect();
    let reached: BTreeMap<&String, BTreeSet<String>> =
        files.iter().map(|file| (*file, reachable(file, arrows))).collect();
    let circle_of = |file: &String| -> BTreeSet<String> {
        let is_back = |other: &&String| reached.get(other).is_some_and(|reached| reached.contains(file));
        reached[file].iter().filter(is_back).cloned().collect()
    };
    files.into_iter().map(circle_of).filter(|circle| !circle.is_empty()).collect()
}

/// A circle with the names that tie it.
fn describe(circle: &BTreeSet<String>, arrows: &Arrows) -> String {
    let files: Vec<&str> = circle.iter().map(String::as_str).collect();
    let ties = arrows.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
    let ties = ties.map(|((from, to), names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("\n    {from} -> {to}: {}", names.join(", "))
    });
    format!("a circle of {}{}", files.join(", "), ties.collect::<String>())
}

#[test]
fn no_files_form_a_circle() {
    let files = source_files().iter().map(|file| (name(file), code(file))).collect();
    let arrows = Modules::read(&files).arrows();
    let found: Vec<String> = circles(&arrows).iter().map(|circle| describe(circle, &arrows)).collect();
    assert!(found.is_empty(), "{}\nMove what both sides need to the lowest of them.", found.join("\n"));
}

/// Made-up files, each with its text.
type Files<'a> = &'a [(&'a str, &'a str)];

/// The descriptions of the circles of made-up files.
fn found(files: Files<'_>) -> Vec<String> {
    let files = files.iter().map(|(file, text)| ((*file).to_owned(), code_of(text))).collect();
    let arrows = Modules::read(&files).arrows();
    circles(&arrows).iter().map(|circle| describe(circle, &arrows)).collect()
}

#[test]
fn a_circle_is_named_with_its_files_and_the_names_that_tie_it() {
    let files = [
        ("lib.rs", "mod a;\nmod z;\npub use z::Other;"),
        ("a/mod.rs", "mod x;\nmod y;\npub(crate) use x::X;\npub(crate) use y::{Y as Renamed, y};"),
        ("a/x.rs", "use std::fmt;\nuse super::{Renamed, y};\npub(crate) struct X(Renamed);"),
        ("a/y.rs", "use crate::a::X;\npub(crate) struct Y(X);\npub(crate) fn y() -> crate::Other {}"),
        ("z.rs", "pub struct Other;"),
    ];
    let expected = "a circle of a/x.rs, a/y.rs\n    a/x.rs -> a/y.rs: Y, y\n    a/y.rs -> a/x.rs: X";
    assert_eq!(found(&files), [expected]);
}

#[test]
fn circles_are_found_however_their_names_are_reached() {
    let table: [(&str, Files<'_>, &str); 6] = [
        (
            "by paths in code, through a third file",
            &[
                ("a/mod.rs", "mod x; mod y; mod z;"),
                ("a/x.rs", "pub(super) const X: u8 = super::y::Y;"),
                ("a/y.rs", "pub(super) const Y: u8 = crate::a::z::Z;"),
                ("a/z.rs", "use super::x;\npub(super) const Z: u8 = x::X;"),
            ],
            "a circle of a/x.rs, a/y.rs, a/z.rs",
        ),
        (
            "between rooms, through the re-exports of `lib.rs`",
            &[
                ("lib.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
                ("a.rs", "pub struct A(crate::B);"),
                ("b/mod.rs", "pub use b::B; mod b;"),
                ("b/b.rs", "pub struct B(Option<Box<crate::A>>);"),
            ],
            "a circle of a.rs, b/b.rs",
        ),
        (
            "with a `mod.rs` that defines something",
            &[
                ("a/mod.rs", "mod x;\npub use x::X;\npub struct Own(X);"),
                ("a/x.rs", "use super::Own;\npub struct X(Box<Own>);"),
            ],
            "a circle of a/mod.rs, a/x.rs",
        ),
        (
            "with a `mod.rs` whose code names its child",
            &[("a/mod.rs", "mod x;\npub fn own() { x::go() }"), ("a/x.rs", "pub(super) fn go() { super::own() }")],
            "a circle of a/mod.rs, a/x.rs",
        ),
        (
            "by macros and by a `use` in a function",
            &[
                ("a/mod.rs", "mod x; mod y;"),
                ("a/x.rs", "macro_rules! x { () => {} }\npub(super) use x;\nfn go() { use super::y::Y; }"),
                ("a/y.rs", "use super::x::x;\npub(super) struct Y;"),
            ],
            "a circle of a/x.rs, a/y.rs",
        ),
        (
            "behind text that looks like the end of a block",
            &[
                ("a/mod.rs", "mod x; mod y;"),
                ("a/x.rs", "fn go() { ('}', '\\'', \"}\\\n }\") }\nuse super::y::Y;\npub(super) struct X<'a>(&'a Y);"),
                ("a/y.rs", "pub(super) struct Y;\nfn go() { super::x::X }"),
            ],
            "a circle of a/x.rs, a/y.rs",
        ),
    ];
    for (way, files, expected) in table {
        let found = found(files);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{expected}\n")), "{way}: {found:?}");
    }
}

#[test]
fn files_that_use_each_other_one_way_are_not_a_circle() {
    let table: [(&str, Files<'_>); 4] = [
        (
            "a `mod.rs` that only declares and re-exports",
            &[
                ("a/mod.rs", "mod x; mod y;\npub use x::X;\npub(crate) use y::Y;"),
                ("a/x.rs", "use super::Y;\npub struct X(Y);"),
                ("a/y.rs", "pub struct Y;"),
            ],
        ),
        (
            "an `impl` of a lower type",
            &[
                ("a/mod.rs", "mod x; mod y;"),
                ("a/x.rs", "pub struct X;"),
                ("a/y.rs", "use super::x::X;\npub struct Y;\nimpl X { pub fn y(self) -> Y { Y } }"),
            ],
        ),
        (
            "names in tests, comments, strings and visibilities",
            &[
                ("a/mod.rs", "mod x; mod y;"),
                (
                    "a/x.rs",
                    "// super::y::Y\npub(in crate::a::y) struct X; const S: &str = \"super::y::Y\";\n#[cfg(test)]\n\
                     mod tests { use super::super::y::Y; }",
                ),
                ("a/y.rs", "use super::x::X;\npub struct Y(X);"),
            ],
        ),
        (
            "names of other crates that are called like a room",
            &[
                ("lib.rs", "mod http; mod x;"),
                ("http.rs", "pub struct Own(crate::x::X);"),
                ("x.rs", "use http::Method;\npub struct X(Method);"),
            ],
        ),
    ];
    for (way, files) in table {
        assert_eq!(found(files), [""; 0], "{way}");
    }
}
