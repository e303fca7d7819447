//! How the client behaves in time, shown through the fake's first door with a paused clock, to the millisecond.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod accepted;
mod back_off;
mod budget;
mod cancellation;
mod clock;
mod credentials;
mod longest;
mod retry_after;
mod secrets;
mod storage;
mod support;
mod throttle;
mod timeouts;
