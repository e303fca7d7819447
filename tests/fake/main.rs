//! The fake keeps the contract that the service documents.

mod drops;
mod holds;
mod rules;
mod support;
mod time;
mod uploads;
