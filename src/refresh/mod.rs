//! A refresh as a unit: everything is pushed again, and what was not in it is deleted, unless
//! something stands in the way of knowing what that is.
//!
//! Two pure functions decide all that can do harm: [`boundary`] which items are old, and
//! [`deletion`] whether they may be deleted.

mod boundary;
mod builder;
mod deletion;
mod idle;
mod kind;
mod report;
mod run;
mod target;

pub use boundary::{Boundary, BoundarySource, LocalClock, NotBegun};
pub use builder::RefreshBuilder;
pub use deletion::{DeletionOutcome, DeletionSkipped};
pub use idle::IdleOutcome;
pub use kind::RefreshKind;
pub use report::{RefreshError, RefreshReport};
pub use run::Refresh;
