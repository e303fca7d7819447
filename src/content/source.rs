//! Reads content in chunks: on a blocking thread while a future waits for it, or in a future.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout, timeout_at};

/// The size of a chunk, in bytes.
pub(super) const CHUNK: usize = 128 * 1024;

/// Opens a regular file. A pipe or a device might never end, or never begin.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // Before it is opened: opening a pipe waits for its writer.
    check_regular(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() { "is a folder" } else { "is not a regular file: use `Content::reader`" };
    Err(io::Error::new(io::ErrorKind::InvalidInput, kind))
}

/// The state of a file, by which a change shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

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

/// Since when a blocking thread waits for a read. Dropped by the future that waits for the thread.
#[derive(Debug, Default)]
pub(super) struct ReadWatch(Mutex<Option<Instant>>);

impl ReadWatch {
    fn set(&self, since: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn get(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the work of a blocking thread; `None` when one read takes longer than `silence`.
    pub(super) async fn within<F: Future + Unpin>(&self, silence: Duration, mut work: F) -> Option<F::Output> {
        loop {
            let since = self.get();
            let until = since.unwrap_or_else(Instant::now) + silence;
            if since.is_some() && until <= Instant::now() {
                return None;
            }
            if let Ok(output) = timeout_at(until, &mut work).await {
                return Some(output);
            }
        }
    }
}

/// Reads until the waiting future is dropped.
pub(super) struct Watched<R> {
    from: R,
    watch: Weak<ReadWatch>,
}

impl<R: Read> Watched<R> {
    pub(super) fn new(from: R, watch: &Weak<ReadWatch>) -> Self {
        Self { from, watch: Weak::clone(watch) }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let note = |since| self.watch.upgrade().map(|watch| watch.set(since)).ok_or_else(abandoned);
        note(Some(Instant::now()))?;
        let read = self.from.read(buffer);
        note(None)?;
        read
    }
}

/// The future is dropped, so this error is never seen.
fn abandoned() -> io::Error {
    io::Error::other("the caller stopped waiting")
}

/// The reader of a [`Content`](super::Content).
pub(super) type Reader = Pin<Box<dyn AsyncRead + Send>>;

/// Reads a whole chunk, or less at the end; `None` when the reader gives nothing for `silence`.
pub(super) async fn read_chunk(reader: &mut Reader, silence: Duration) -> io::Result<Option<Vec<u8>>> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let mut rest = reader.take(CHUNK as u64);
    while rest.limit() > 0 {
        match timeout(silence, rest.read_buf(&mut chunk)).await {
            Ok(Ok(0)) => break,
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(chunk))
}
