//! The logs of the indexing pipeline, and what they tell of accepted items.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod any;
#[path = "../shared/cases.rs"]
mod cases;
mod identities;
mod item;
mod logs;
mod pipeline;
mod reasons;
mod runs;
mod support;
