//! The body of a request: bytes in memory, or a stream that can be reopened for a retry.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};

use crate::error::BoxError;

/// A stream of the bytes of a body.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

type Opener = Arc<dyn Fn() -> ByteStream + Send + Sync>;

/// The body of a request. Its length is known, and it can be sent more than once.
///
/// Cloning it copies no bytes. A [`Transport`](crate::Transport) sends it as an [`http_body::Body`]
/// ([`into_http_body`](Self::into_http_body)), or sends the bytes when they are in memory
/// ([`as_bytes`](Self::as_bytes)).
#[derive(Clone)]
pub struct Body(Content);

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    Chunks { length: u64, chunks: Arc<[Bytes]> },
    Stream { length: u64, open: Opener },
}

impl Body {
    /// An empty body.
    #[must_use]
    pub fn empty() -> Self {
        Self(Content::Bytes(Bytes::new()))
    }

    /// Bytes in several buffers, to be sent one after another.
    pub(crate) fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let mut chunks: Vec<Bytes> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        if chunks.len() <= 1 {
            return Self(Content::Bytes(chunks.pop().unwrap_or_default()));
        }
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self(Content::Chunks { length, chunks: chunks.into() })
    }

    /// `length` bytes from a stream, which `open` opens for each attempt.
    ///
    /// The attempt fails when the stream is shorter or longer, or returns an error.
    ///
    /// ```
    /// use coveo_push::bytes::Bytes;
    /// use coveo_push::{Body, BoxError, ByteStream};
    ///
    /// # struct Chunks(std::vec::IntoIter<Bytes>);
    /// # impl futures_core::Stream for Chunks {
    /// #     type Item = Result<Bytes, BoxError>;
    /// #     fn poll_next(
    /// #         mut self: std::pin::Pin<&mut Self>,
    /// #         _: &mut std::task::Context<'_>,
    /// #     ) -> std::task::Poll<Option<Self::Item>> {
    /// #         std::task::Poll::Ready(self.0.next().map(Ok))
    /// #     }
    /// # }
    /// # let parts = vec![Bytes::from_static(b"two "), Bytes::from_static(b"parts")];
    /// // `Chunks` is any `futures_core::Stream` of `Result<Bytes, BoxError>`.
    /// let body = Body::reopenable(9, move || -> ByteStream { Box::pin(Chunks(parts.clone().into_iter())) });
    /// assert_eq!(body.len(), 9);
    /// ```
    pub fn reopenable(length: u64, open: impl Fn() -> ByteStream + Send + Sync + 'static) -> Self {
        Self(Content::Stream { length, open: Arc::new(open) })
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Chunks { length, .. } | Content::Stream { length, .. } => *length,
        }
    }

    /// Whether the body has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, when they are in memory in one piece.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::Chunks { .. } | Content::Stream { .. } => None,
        }
    }

    /// The body in the form in which HTTP clients send it.
    #[must_use]
    pub fn into_http_body(self) -> HttpBody {
        match self.0 {
            Content::Bytes(bytes) => HttpBody { left: bytes.len() as u64, unsent: Unsent::Bytes(Some(bytes)) },
            Content::Chunks { length, chunks } => HttpBody { left: length, unsent: Unsent::Chunks { chunks, next: 0 } },
            Content::Stream { length, open } => HttpBody { left: length, unsent: Unsent::Stream(Mutex::new(open())) },
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Content::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// A [`Body`] that is being sent. Its remaining length is known.
pub struct HttpBody {
    unsent: Unsent,
    left: u64,
}

enum Unsent {
    Bytes(Option<Bytes>),
    Chunks {
        chunks: Arc<[Bytes]>,
        next: usize,
    },
    /// Never locked: the mutex makes the body `Sync`, which HTTP clients need.
    Stream(Mutex<ByteStream>),
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match &mut self.unsent {
            Unsent::Bytes(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok),
            Unsent::Chunks { chunks, next } => {
                *next += 1;
                chunks.get(*next - 1).cloned().map(Ok)
            }
            Unsent::Stream(stream) => {
                let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                ready!(stream.as_mut().poll_next(context))
            }
        };
        Poll::Ready(match next {
            Some(Ok(bytes)) => Some(match self.left.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Ok(Frame::data(bytes))
                }
                None => Err("the body is longer than it was said to be".into()),
            }),
            Some(Err(error)) => Some(Err(error)),
            None if self.left > 0 => {
                let missing = std::mem::take(&mut self.left);
                Some(Err(format!("the body ended {missing} bytes early").into()))
            }
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && !matches!(self.unsent, Unsent::Stream(_))
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpBody({} bytes left)", self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;

    struct Chunks(Vec<Result<&'static str, &'static str>>);

    impl Stream for Chunks {
        type Item = Result<Bytes, BoxError>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            let next = (!self.0.is_empty()).then(|| self.0.remove(0));
            Poll::Ready(next.map(|chunk| chunk.map(Bytes::from).map_err(Into::into)))
        }
    }

    fn stream<const N: usize>(length: u64, chunks: [Result<&'static str, &'static str>; N]) -> Body {
        Body::reopenable(length, move || Box::pin(Chunks(chunks.to_vec())))
    }

    /// The chunks, up to the end or the first error.
    fn read(body: Body) -> Result<String, String> {
        let mut body = body.into_http_body();
        let mut text = String::new();
        loop {
            let before = body.size_hint().exact().unwrap();
            let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) else {
                panic!("it waits")
            };
            match frame {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap();
                    assert_eq!(body.size_hint().exact(), Some(before - data.len() as u64));
                    text += std::str::from_utf8(&data).unwrap();
                }
                Some(Err(error)) => return Err(error.to_string()),
                None => return Ok(text),
            }
        }
    }

    #[test]
    fn bytes_come_out_as_they_are() {
        assert_eq!(read(Body::from("abc")), Ok("abc".to_owned()));
        assert_eq!(read(Body::empty()), Ok(String::new()));
    }

    #[test]
    fn a_stream_comes_out_as_often_as_it_is_opened() {
        let body = stream(5, [Ok("abc"), Ok(""), Ok("de")]);
        assert_eq!(read(body.clone()), Ok("abcde".to_owned()));
        assert_eq!(read(body), Ok("abcde".to_owned()));
    }

    #[test]
    fn a_stream_that_ends_early_is_an_error() {
        assert_eq!(read(stream(5, [Ok("abc")])), Err("the body ended 2 bytes early".to_owned()));
        assert_eq!(read(stream(1, [])), Err("the body ended 1 bytes early".to_owned()));
    }

    #[test]
    fn a_stream_that_goes_on_is_an_error() {
        assert_eq!(read(stream(2, [Ok("abc")])), Err("the body is longer than it was said to be".to_owned()));
        assert!(read(stream(3, [Ok("abc"), Ok("d")])).is_err());
    }

    #[test]
    fn a_stream_that_fails_is_an_error() {
        assert_eq!(read(stream(5, [Ok("abc"), Err("the disk")])), Err("the disk".to_owned()));
    }

    #[test]
    fn a_body_knows_its_length_and_whether_it_is_in_memory() {
        assert_eq!((Body::from("abc").len(), Body::from("abc").is_empty()), (3, false));
        assert_eq!((Body::empty().len(), Body::empty().is_empty()), (0, true));
        assert_eq!((stream(7, []).len(), stream(7, []).is_empty()), (7, false));
        assert_eq!(Body::from("abc").as_bytes(), Some(&Bytes::from("abc")));
        assert_eq!(stream(7, []).as_bytes(), None);
    }
}
