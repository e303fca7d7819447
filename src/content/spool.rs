//! Collects compressed content: in memory up to a size, then in a temporary file.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use tempfile::{SpooledData, SpooledTempFile, spooled_tempfile, spooled_tempfile_in};

use crate::preflight::limit;

/// The content is larger than the limit of a file container.
#[derive(Debug)]
pub(super) struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the content is larger than the limit of a file container")
    }
}

impl std::error::Error for TooLarge {}

/// Its temporary file never has a name, or the system removes it when it is closed.
pub(super) struct Spool {
    file: SpooledTempFile,
    length: u64,
}

pub(super) enum Spooled {
    Memory(Bytes),
    File(File, u64),
}

impl Spool {
    /// Keeps up to `most` bytes in memory.
    pub(super) fn new(most: usize, folder: Option<&Path>) -> Self {
        let file = folder.map_or_else(|| spooled_tempfile(most), |folder| spooled_tempfile_in(most, folder));
        Self { file, length: 0 }
    }

    pub(super) fn finish(self) -> Spooled {
        match self.file.into_inner() {
            SpooledData::InMemory(bytes) => Spooled::Memory(bytes.into_inner().into()),
            SpooledData::OnDisk(file) => Spooled::File(file, self.length),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.length + bytes.len() as u64 > limit::CONTAINER_BYTES {
            return Err(io::Error::other(TooLarge));
        }
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
