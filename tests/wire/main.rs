//! What goes over the wire, byte for byte, and what is made of the answers.
//!
//! Real sockets and real time, with waits in milliseconds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod addresses;
mod answers;
#[path = "../shared/calls.rs"]
mod calls;
mod content;
mod platform;
mod requests;
mod retries;
mod streams;
mod support;
#[cfg(feature = "rustls")]
mod tls;
mod upload;
