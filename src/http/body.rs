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
