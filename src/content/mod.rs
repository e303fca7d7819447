//! The content of an item: from bytes, a file or a reader to the right property of the right request.

mod compress;
mod detect;
mod file_uri;
mod input;
mod items;
mod place;
mod prepare;
mod prepared_body;
mod source;
mod spool;
mod uploaded;

pub use file_uri::file_uri;
pub use input::Content;
#[cfg(feature = "ledger")]
pub(crate) use input::KnownBytes;
pub(crate) use input::ReadBytes;
pub use items::AddOrUpdateItemWithContent;
pub(crate) use place::NotPlaced;
pub(crate) use prepare::Prepared;
pub(crate) use uploaded::Uploaded;
