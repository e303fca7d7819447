//! A Push API whose storage is one that verifies signatures: the upload path of `coveo-push` against
//! more than a fake. See `tests/upload.rs`.

mod service;
mod storage;

pub use service::{SOURCE, Service};
pub use storage::{REQUIRED_HEADERS, Storage, Upload};
