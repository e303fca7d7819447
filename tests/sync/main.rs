//! Syncs with a ledger: what changed is pushed, what is gone is deleted, and a crash at any point leads to a second push
//! and never to a missing one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any;
mod any_identities;
#[path = "../shared/cases.rs"]
mod cases;
mod check;
mod content;
mod files;
mod finish;
mod histories;
mod support;
mod targets;
mod verify;
