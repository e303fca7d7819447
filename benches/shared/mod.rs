//! What the benches have in common: the items that they push, and how they measure and print.

pub(crate) mod corpus;
pub(crate) mod measure;
