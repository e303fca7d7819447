//! The outcome of accepted items, by the logs of the indexing pipeline. Silence is never success.

pub(crate) mod ask;
pub(crate) mod asked;
mod fold;
mod item;
mod run;
mod table;
mod verdict;

pub use ask::{AsksOutcomes, OutcomesOf};
pub use item::FindOutcome;
pub use run::FindOutcomes;
pub use table::{Counts, ItemOutcome, OutcomeProgress, Outcomes};
pub use verdict::Outcome;
