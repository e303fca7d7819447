//! The outcome of accepted items, by the logs of the indexing pipeline, and of identities, by the security
//! cache. Silence is never success.

pub(crate) mod ask;
pub(crate) mod asked;
mod fold;
mod identities;
mod item;
mod run;
mod table;
mod verdict;

pub use ask::{AsksOutcomes, OutcomesOf};
pub use identities::{FindIdentityOutcomes, IdentityOutcomes};
pub use item::FindOutcome;
pub use run::FindOutcomes;
pub use table::{Counts, ItemOutcome, OutcomeProgress, Outcomes};
pub use verdict::Outcome;
