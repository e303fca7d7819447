//! What JSON is written into.

use std::ops::{Deref, DerefMut};

use bytes::{Bytes, BytesMut};

/// Bytes that are written into room that somebody lends, and into memory of their own once that is too small.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffer {
    bytes: BytesMut,
    /// The room, once it was too small.
    outgrown: Option<BytesMut>,
}

impl Buffer {
    /// An empty buffer in room that is lent.
    pub(crate) fn lent(room: BytesMut) -> Self {
        Self { bytes: room, outgrown: None }
    }

    /// The room with what was written, or what was written in memory of its own and the room.
    pub(crate) fn into_parts(self) -> Result<BytesMut, (BytesMut, BytesMut)> {
        let Self { bytes, outgrown } = self;
        match outgrown {
            None => Ok(bytes),
            Some(room) => Err((bytes, room)),
        }
    }

    #[inline]
    pub(crate) fn extend_from_slice(&mut self, bytes: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.grow(bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        /// Less is not worth asking for.
        const LEAST: usize = 4 * 1024;
        if self.outgrown.is_some() {
            self.bytes.reserve(more);
            return;
        }
        let mut bytes = BytesMut::with_capacity(LEAST.max(self.bytes.len() + more));
        bytes.extend_from_slice(&self.bytes);
        let mut room = std::mem::replace(&mut self.bytes, bytes);
        room.clear();
        self.outgrown = Some(room);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// What was written, wherever it is.
impl From<Buffer> for Bytes {
    fn from(buffer: Buffer) -> Self {
        buffer.bytes.freeze()
    }
}

impl From<Bytes> for Buffer {
    fn from(bytes: Bytes) -> Self {
        Self { bytes: bytes.into(), outgrown: None }
    }
}

impl From<&str> for Buffer {
    fn from(text: &str) -> Self {
        Self { bytes: text.into(), outgrown: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_into_the_room_stays_there() {
        let room = BytesMut::with_capacity(10);
        let at = room.as_ptr();
        let mut buffer = Buffer::lent(room);
        buffer.extend_from_slice(b"0123456789");
        let room = buffer.into_parts().unwrap();
        assert_eq!((room.as_ptr(), &room[..]), (at, &b"0123456789"[..]));
    }

    #[test]
    fn what_does_not_fit_is_whole_and_the_room_comes_back_empty() {
        let room = BytesMut::with_capacity(10);
        let at = room.as_ptr();
        let mut buffer = Buffer::lent(room);
        for part in [&b"012345678"[..], b"9a", &[b'x'; 9_000], b"end"] {
            buffer.extend_from_slice(part);
        }
        let (bytes, room) = buffer.into_parts().unwrap_err();
        assert_eq!(bytes, [b"0123456789a", &[b'x'; 9_000][..], b"end"].concat());
        assert_eq!((room.as_ptr(), room.len(), room.capacity()), (at, 0, 10));
    }
}
