//! Reads content in chunks: on a blocking thread while a future waits for it, or in a future.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Weak;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The size of a chunk, in bytes.
pub(super) const CHUNK: usize = 128 * 1024;

/// Fills the buffer, and returns the number of bytes. Less than the buffer means the end.
pub(super) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads until the waiting future is dropped.
pub(super) struct Watched<R> {
    pub(super) from: R,
    pub(super) waiting: Weak<()>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.waiting.strong_count() == 0 {
            return Err(abandoned());
        }
        self.from.read(buffer)
    }
}

/// The future is dropped, so this error is never seen.
fn abandoned() -> io::Error {
    io::Error::other("the caller stopped waiting")
}

/// The reader of a [`Content`](super::Content).
pub(super) type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// Reads a whole chunk, or less at the end.
pub(super) async fn read_chunk(reader: &mut Reader) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    reader.take(CHUNK as u64).read_to_end(&mut chunk).await?;
    Ok(chunk)
}
