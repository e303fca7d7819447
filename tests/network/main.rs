//! Networks that misbehave: a faulty proxy in front of the fake's HTTP server. Each case is a success, or an error that
//! names its cause; nothing hangs, and no item is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../shared/cases.rs"]
mod cases;
mod hosts;
mod proxy;
mod responses;
mod runs;
