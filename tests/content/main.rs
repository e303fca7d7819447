//! Content of items: round trips through the fake service, where content goes, and what goes wrong
//! with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any_content;
#[path = "../shared/cases.rs"]
mod cases;
mod compressed;
mod expired;
mod pushers;
mod round_trips;
mod routes;
mod slots;
mod spool;
mod stalled;
mod support;
mod unusable;
