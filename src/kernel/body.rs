//! The body of a request: bytes in memory, or a stream that can be reopened for a retry.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http_body::{Body as _, Frame, SizeHint};

use super::progress::Progress;
use crate::error::BoxError;

/// A stream of the bytes of a body.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, BoxError>> + Send>>;

type Opener = Arc<dyn Fn() -> ByteStream + Send + Sync>;

/// The body of a request. Its length is known, and it can be sent more than once.
///
/// Cloning it copies no bytes. A [`Transport`](crate::transport::Transport) sends it as an [`http_body::Body`]
/// ([`into_http_body`](Self::into_http_body)), or takes all bytes at once ([`into_bytes`](Self::into_bytes)).
#[derive(Clone)]
pub struct Body {
    content: Content,
    /// Gets the number of bytes that were taken.
    progress: Option<Arc<Progress>>,
}

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    Chunks { length: u64, chunks: Arc<[Bytes]> },
    Stream { length: u64, open: Opener },
}

impl Body {
    fn new(content: Content) -> Self {
        Self { content, progress: None }
    }

    /// The same body, which tells how much of it was taken.
    pub(crate) fn watched(&self, progress: &Arc<Progress>) -> Self {
        Self { content: self.content.clone(), progress: Some(Arc::clone(progress)) }
    }

    /// An empty body.
    #[must_use]
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// Bytes in several buffers, to be sent one after another.
    pub(crate) fn chunks(chunks: impl IntoIterator<Item = Bytes>) -> Self {
        let mut chunks: Vec<Bytes> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        if chunks.len() <= 1 {
            return Self::from(chunks.pop().unwrap_or_default());
        }
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self::new(Content::Chunks { length, chunks: chunks.into() })
    }

    /// `length` bytes from a stream, which `open` opens for each attempt.
    ///
    /// The attempt fails when the stream is shorter or longer, or returns an error.
    ///
    /// ```
    /// use coveo_push::bytes::Bytes;
    /// use coveo_push::transport::{Body, ByteStream};
    /// use coveo_push::BoxError;
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
        Self::new(Content::Stream { length, open: Arc::new(open) })
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Chunks { length, .. } | Content::Stream { length, .. } => *length,
        }
    }

    /// Whether the body has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes in one piece, for transports that do not send the body in slices. Without a copy when they
    /// are in one piece already.
    ///
    /// After this, nobody knows how much of the body was sent: an upload has 30 s and the time of its bytes at
    /// 32 KiB/s.
    ///
    /// # Errors
    ///
    /// The body is a stream that failed, or that is shorter or longer than it was said to be.
    pub async fn into_bytes(self) -> Result<Bytes, BoxError> {
        let Self { content, progress } = self;
        if let Some(progress) = progress {
            progress.took_whole();
        }
        if let Content::Bytes(bytes) = content {
            return Ok(bytes);
        }
        let mut body = Self::new(content).into_http_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            bytes.extend(frame?.into_data());
        }
        Ok(bytes.freeze())
    }

    /// The body in the form in which HTTP clients send it: in slices of 64 KiB or less, each of which counts
    /// as progress when it is taken.
    #[must_use]
    pub fn into_http_body(self) -> HttpBody {
        let left = self.len();
        if let Some(progress) = &self.progress {
            progress.takes_slices();
        }
        let (chunk, unsent) = match self.content {
            Content::Bytes(bytes) => (bytes, Unsent::Nothing),
            Content::Chunks { chunks, .. } => (Bytes::new(), Unsent::Chunks { chunks, next: 0 }),
            Content::Stream { open, .. } => (Bytes::new(), Unsent::Stream(Mutex::new(open()))),
        };
        HttpBody { chunk, unsent, left, progress: self.progress }
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::new(Content::Bytes(bytes.into()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len())
    }
}

/// A [`Body`] that is being sent. Its remaining length is known.
pub struct HttpBody {
    /// The rest of the current chunk.
    chunk: Bytes,
    unsent: Unsent,
    left: u64,
    progress: Option<Arc<Progress>>,
}

enum Unsent {
    Nothing,
    Chunks {
        chunks: Arc<[Bytes]>,
        next: usize,
    },
    /// Never locked: the mutex makes the body `Sync`, which HTTP clients need.
    Stream(Mutex<ByteStream>),
}

impl HttpBody {
    /// The most that is handed out at once.
    const SLICE: usize = 64 * 1024;
}

impl http_body::Body for HttpBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        while self.chunk.is_empty() {
            let next = match &mut self.unsent {
                Unsent::Nothing => None,
                Unsent::Chunks { chunks, next } => {
                    *next += 1;
                    chunks.get(*next - 1).cloned().map(Ok)
                }
                Unsent::Stream(stream) => {
                    let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                    ready!(stream.as_mut().poll_next(context))
                }
            };
            match next {
                Some(Ok(chunk)) if chunk.len() as u64 > self.left => {
                    return Poll::Ready(Some(Err("the body is longer than it was said to be".into())));
                }
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None if self.left > 0 => {
                    let missing = std::mem::take(&mut self.left);
                    return Poll::Ready(Some(Err(format!("the body ended {missing} bytes early").into())));
                }
                None => return Poll::Ready(None),
            }
        }
        let length = self.chunk.len().min(Self::SLICE);
        let slice = self.chunk.split_to(length);
        self.left = self.left.saturating_sub(length as u64);
        if let Some(progress) = &self.progress {
            progress.took(length);
        }
        Poll::Ready(Some(Ok(Frame::data(slice))))
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
    fn a_body_knows_its_length() {
        assert_eq!((Body::from("abc").len(), Body::from("abc").is_empty()), (3, false));
        assert_eq!((Body::empty().len(), Body::empty().is_empty()), (0, true));
        assert_eq!((stream(7, []).len(), stream(7, []).is_empty()), (7, false));
    }
}
