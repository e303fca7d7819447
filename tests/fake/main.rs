//! The fake keeps the contract that the service documents.

mod holds;
mod support;
