//! Bulk: nothing is lost, the order holds, memory is bounded, sizes are exact, and a push that is
//! dropped has taken its operation whole or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any_items;
mod model;
mod support;
