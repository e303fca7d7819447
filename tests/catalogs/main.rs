//! Bulk runs into catalogs, by the Stream API.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests are tests, too")]

mod again;
#[path = "../shared/cases.rs"]
mod cases;
mod cut;
#[path = "../shared/cut_off.rs"]
mod cut_off;
mod load;
mod operations;
mod peers;
mod readings;
mod refresh;
mod support;
mod updates;
mod workers;
