//! A refresh: whatever happens, no item that was pushed in a run is gone, none is deleted by a run
//! that failed, and the source ends idle wherever the run could still speak.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any;
#[path = "../shared/cases.rs"]
mod cases;
mod checks;
mod cut;
mod delete;
mod dropped;
mod identities;
mod report;
mod start;
mod steps;
mod support;
