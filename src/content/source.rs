//! What is read on a thread for blocking work, while a future waits for it.

use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Weak;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

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

/// What an async reader gave, piece by piece; an empty piece is its end.
type Piece = io::Result<Bytes>;

/// Carries what a reader gives to a thread that reads it as a [`Read`].
pub(super) struct Pipe {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    sender: mpsc::Sender<Piece>,
}

pub(super) struct PipeEnd {
    receiver: mpsc::Receiver<Piece>,
    current: Bytes,
    is_over: bool,
}

pub(super) fn pipe(reader: Pin<Box<dyn AsyncRead + Send>>) -> (Pipe, PipeEnd) {
    let (sender, receiver) = mpsc::channel(1);
    (Pipe { reader, sender }, PipeEnd { receiver, current: Bytes::new(), is_over: false })
}

impl Pipe {
    /// Reads to the end, or until nobody listens.
    pub(super) async fn run(mut self) {
        loop {
            let mut piece = BytesMut::with_capacity(CHUNK);
            let piece = self.reader.read_buf(&mut piece).await.map(|_| piece.freeze());
            let is_last = piece.as_ref().map_or(true, Bytes::is_empty);
            if self.sender.send(piece).await.is_err() || is_last {
                return;
            }
        }
    }
}

impl Read for PipeEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !self.is_over {
            // Without an end there was none: the reader is gone before its time.
            self.current = self.receiver.blocking_recv().unwrap_or_else(|| Err(abandoned()))?;
            self.is_over = self.current.is_empty();
        }
        let count = self.current.len().min(buffer.len());
        if let Some(buffer) = buffer.get_mut(..count) {
            self.current.copy_to_slice(buffer);
        }
        Ok(count)
    }
}
