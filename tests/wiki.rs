//! The tests that end the example `wiki`.
//!
//! They run from here, and not by `test = true` of the example: that would build the example as a test only, and other
//! tests run it as a program.

#![allow(dead_code, missing_docs)]

#[path = "../examples/wiki.rs"]
mod wiki;
