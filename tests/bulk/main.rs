//! Bulk: nothing is lost, the order holds, memory is bounded, sizes are exact, and a push that is
//! dropped has taken its operation whole or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod again;
mod any_again;
mod any_identities;
mod any_items;
mod cancel;
#[path = "../shared/cases.rs"]
mod cases;
mod commit;
mod containers;
mod ending;
mod framing;
mod handles;
mod known;
mod memory;
mod model;
mod order;
mod pace;
mod producers;
mod refused;
mod report;
mod saved;
mod settings;
mod settled;
mod streams;
mod support;
