//! Programs that push are ended at random times, by SIGKILL and by SIGTERM: nothing that they reported as accepted is
//! missing, nothing is deleted that should stay, and after SIGTERM the source is idle.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "../shared/cases.rs"]
mod cases;
mod daemon;
mod directory;
mod jsonl;
#[path = "../shared/listening.rs"]
mod listening;
#[path = "../shared/program.rs"]
mod program;
mod sharded;
#[path = "../shared/signal.rs"]
mod signal;
mod support;
