//! The client's behaviour over time, to the millisecond: the fake as transport, with a paused clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../shared/cases.rs"]
mod cases;

mod accepted;
mod back_off;
mod budget;
mod cancellation;
mod clock;
mod credentials;
mod flapping;
mod longest;
mod network;
mod outages;
mod outages_table;
mod panics;
mod places;
mod retry_after;
mod secrets;
mod stats;
mod storage;
mod support;
mod throttle;
mod timeouts;
