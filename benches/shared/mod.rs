//! What the benches have in common: the items that they push, and how they measure and print.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod corpus;
pub(crate) mod measure;
pub(crate) mod nowhere;
