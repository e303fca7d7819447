//! Content that lies in a file container: how old it is, and whether it can be uploaded again.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::input::Compression;
use super::source::Stamp;

/// Content that was uploaded into a file container.
#[derive(Debug, Clone)]
pub(crate) struct Uploaded {
    /// When the container was created.
    pub(super) created: Instant,
    /// From where it can be read again.
    pub(super) file: Option<ContentFile>,
}

/// A file whose content was uploaded, and how.
#[derive(Debug, Clone)]
pub(crate) struct ContentFile {
    pub(super) path: PathBuf,
    pub(super) compression: Compression,
    pub(super) level: Option<u32>,
    pub(super) temp_dir: Option<PathBuf>,
    /// Its state when it was read: a file that has changed since belongs to another version of the item.
    pub(super) stamp: Stamp,
}

impl Uploaded {
    /// The service does not say how long containers last. Those of batches can be filled for an hour, and the content
    /// must be there when the service carries out the batch.
    pub(crate) const LONGEST: Duration = Duration::from_secs(45 * 60);
    /// Content of this age is uploaded again along with older content.
    const OLD: Duration = Duration::from_secs(30 * 60);

    /// Until when a batch or an item that refers to it may be pushed.
    pub(crate) fn latest_push(&self) -> Instant {
        self.created + Self::LONGEST
    }

    /// Whether it is too old to be referred to.
    pub(crate) fn has_expired(&self) -> bool {
        self.created.elapsed() > Self::LONGEST
    }

    /// How old it is.
    pub(crate) fn age(&self) -> Duration {
        self.created.elapsed()
    }

    pub(crate) fn is_old(&self) -> bool {
        self.created.elapsed() > Self::OLD
    }

    /// Whether it comes from a file, which can be read again unless it has changed.
    pub(crate) fn is_from_file(&self) -> bool {
        self.file.is_some()
    }

    /// Takes note that its file has changed, or is gone.
    pub(crate) fn forget_file(&mut self) {
        self.file = None;
    }
}
