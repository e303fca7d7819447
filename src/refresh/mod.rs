//! A refresh as a unit: everything is pushed again, and everything that was not pushed again is deleted,
//! unless the run may be incomplete.
//!
//! Two pure functions make every decision that could delete too much: [`boundary`] decides which items
//! are old, [`deletion`] whether they are deleted.

mod boundary;
mod builder;
mod catalog;
mod deletion;
pub(crate) mod idle;
mod kind;
mod load;
mod report;
mod reports;
mod run;
mod settings;
mod target;
mod ticket;
mod worker;
mod worker_report;

pub use boundary::{Boundary, BoundarySource, LocalClock, StartError};
pub use builder::RefreshBuilder;
pub use catalog::{CatalogRefresh, CatalogRefreshBuilder};
pub use deletion::{DeletionOutcome, DeletionSkipped};
pub use idle::IdleOutcome;
pub use kind::RefreshKind;
pub use load::{Load, LoadBuilder, LoadError, LoadOutcome, LoadReport};
pub use report::{RefreshError, RefreshReport};
pub use run::Refresh;
pub use ticket::{RefreshTarget, RefreshTicket};
pub use worker::{JoinBuilder, RefreshWorker};
pub use worker_report::WorkerReport;
