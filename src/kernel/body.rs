//! The body of a request: bytes in hand, or a stream that can be opened again for a retry.

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

/// The body of a request: its length is known, and it can be sent more than once.
///
/// Cloning one copies no bytes. A [`Transport`](crate::Transport) sends it as an
/// [`http_body::Body`] ([`into_http_body`](Self::into_http_body)), or takes the bytes themselves
/// where it has them ([`as_bytes`](Self::as_bytes)).
#[derive(Clone)]
pub struct Body(Inner);

#[derive(Clone)]
enum Inner {
    Bytes(Bytes),
    Chunks { length: u64, chunks: Arc<[Bytes]> },
    Stream { length: u64, open: Opener },
}

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self(Inner::Bytes(Bytes::new()))
    }

    /// Bytes that stand in several places, to be sent one after another.
    pub(crate) fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let mut chunks: Vec<Bytes> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        if chunks.len() <= 1 {
            return Self(Inner::Bytes(chunks.pop().unwrap_or_default()));
        }
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self(Inner::Chunks { length, chunks: chunks.into() })
    }

    /// `length` bytes from a stream that `open` opens anew for each attempt.
    ///
    /// A stream that ends early, goes on for longer, or reports an error fails the attempt.
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
        Self(Inner::Stream { length, open: Arc::new(open) })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Inner::Bytes(bytes) => bytes.len() as u64,
            Inner::Chunks { length, .. } | Inner::Stream { length, .. } => *length,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, when they are in memory and in one piece.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Chunks { .. } | Inner::Stream { .. } => None,
        }
    }

    /// The body as a transport sends it.
    #[must_use]
    pub fn into_http_body(self) -> HttpBody {
        match self.0 {
            Inner::Bytes(bytes) => HttpBody { left: bytes.len() as u64, source: Source::Bytes(Some(bytes)) },
            Inner::Chunks { length, chunks } => HttpBody { left: length, source: Source::Chunks { chunks, next: 0 } },
            Inner::Stream { length, open } => HttpBody { left: length, source: Source::Stream(Mutex::new(open())) },
        }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Inner::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// A [`Body`] on its way out, of a length that is known.
pub struct HttpBody {
    source: Source,
    left: u64,
}

enum Source {
    Bytes(Option<Bytes>),
    Chunks {
        chunks: Arc<[Bytes]>,
        next: usize,
    },
    /// Never locked: the mutex makes the body `Sync`, which HTTP clients ask for.
    Stream(Mutex<ByteStream>),
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let next = match &mut self.source {
            Source::Bytes(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()).map(Ok),
            Source::Chunks { chunks, next } => {
                *next += 1;
                chunks.get(*next - 1).cloned().map(Ok)
            }
            Source::Stream(stream) => {
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
        self.left == 0 && !matches!(self.source, Source::Stream(_))
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

    /// What comes out, up to the end or the first error.
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
