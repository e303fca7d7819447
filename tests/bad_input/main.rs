//! What comes in may be anything: answers, headers, containers, URLs, texts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any_bytes;
#[path = "../shared/calls.rs"]
mod calls;
#[path = "../shared/cases.rs"]
mod cases;
mod checks;
mod containers;
mod sockets;
