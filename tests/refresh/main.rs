//! A refresh never deletes an item of its own run, deletes nothing when it fails, and sets the source back to
//! idle whenever it still can.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any;
#[path = "../shared/cases.rs"]
mod cases;
mod checks;
mod cut;
#[path = "../shared/cut_off.rs"]
mod cut_off;
mod delete;
mod dropped;
mod identities;
mod report;
mod start;
mod steps;
mod support;
mod workers;
