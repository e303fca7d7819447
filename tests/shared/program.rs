//! The examples as programs.

use std::path::PathBuf;

/// Where an example is. `cargo test` builds it; `cargo test --test NAME` leaves it as it was, or lacking.
pub(crate) fn program(example: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let built = here.ancestors().nth(2).unwrap().join("examples").join(example);
    built.with_extension(std::env::consts::EXE_EXTENSION)
}
