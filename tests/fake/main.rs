//! The fake keeps the contract that the service documents.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests are tests, too")]

mod arbitrary;
#[path = "../shared/cases.rs"]
mod cases;
mod drops;
mod faults;
mod holds;
mod page;
mod record;
mod rules;
mod server;
mod streams;
mod support;
mod time;
mod uploads;
