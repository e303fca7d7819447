//! What is read a chunk at a time: on a thread for blocking work while a future waits for it, or by a
//! future itself.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Weak;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at a time.
pub(super) const CHUNK: usize = 128 * 1024;

/// Fills the buffer as far as there is something, and says how far.
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

/// Reads as long as somebody waits for it.
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

/// Nobody waits any more: nobody will see this error.
fn abandoned() -> io::Error {
    io::Error::other("it was given up")
}

/// What a user gives to be read.
pub(super) type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// Reads a whole chunk, or at the end what is left.
pub(super) async fn read_chunk(reader: &mut Reader) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    reader.take(CHUNK as u64).read_to_end(&mut chunk).await?;
    Ok(chunk)
}
