//! The example `soak` as a program: its seed decides all that happens.

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

use std::process::Command;

/// The figures of some rounds.
fn figures(seed: &str) -> String {
    let mut soak = Command::new(program::program("soak"));
    let output = soak.args(["--rounds", "6", "--seed", seed]).output().expect("`cargo test` builds the examples");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find(|line| line.starts_with("6 rounds")).expect("the figures").to_owned()
}

#[test]
fn two_runs_of_one_seed_are_the_same_in_every_figure() {
    assert_eq!(figures("5"), figures("5"));
}

#[test]
fn two_runs_of_different_seeds_are_not() {
    assert_ne!(figures("5"), figures("6"));
}
