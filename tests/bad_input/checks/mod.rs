//! What has to hold whatever comes in: of any bytes. The property tests call it, and so do the fuzz
//! targets in `fuzz/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

pub(crate) mod answers;
pub(crate) mod framing;
pub(crate) mod models;
pub(crate) mod permissions;
pub(crate) mod push_api_url;
pub(crate) mod retry_after;

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use coveo_push::bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_time().start_paused(true).build().unwrap());
}

/// Runs a future in paused time.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}

/// A transport that answers every request alike, and keeps the requests.
#[derive(Clone)]
pub(crate) struct Answering {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) sent: Arc<Mutex<Vec<Request<Body>>>>,
}

impl Answering {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), sent: Arc::default() }
    }

    /// The answer that a text describes: a line with the status, headers, an empty line, the body. What
    /// cannot stand in an answer is left out, and a status that is none is 500.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        let (head, body) = split(text, b"\n\n");
        let mut lines = head.split(|byte| *byte == b'\n');
        let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok());
        let mut answering = Self::new(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        for line in lines {
            let (name, value) = split(line, b": ");
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                answering.headers.append(name, value);
            }
        }
        answering.body = Bytes::copy_from_slice(body);
        answering
    }
}

/// What stands before the first mark, and what behind it.
pub(crate) fn split<'a>(text: &'a [u8], mark: &[u8]) -> (&'a [u8], &'a [u8]) {
    let at = text.windows(mark.len()).position(|part| part == mark);
    at.map_or((text, b"".as_slice()), |at| (&text[..at], &text[at + mark.len()..]))
}

impl Transport for Answering {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        self.sent.lock().unwrap().push(request);
        let mut answer = Response::new(self.body.clone());
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        Box::pin(std::future::ready(Ok(answer)))
    }
}
