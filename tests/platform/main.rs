//! The platform API and the security cache against the fake, with a paused clock.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod fields;
mod identities;
mod organization;
mod providers;
mod retries;
mod sources;
mod support;
