//! What has to hold whatever comes in: of any bytes. The property tests call it, and so do the fuzz
//! targets in `fuzz/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

pub(crate) mod answers;
pub(crate) mod framing;
pub(crate) mod item_text;
pub(crate) mod logs;
pub(crate) mod models;
pub(crate) mod partial_updates;
pub(crate) mod permissions;
pub(crate) mod platform;
pub(crate) mod push_api_url;
pub(crate) mod retry_after;
pub(crate) mod stream_answers;
pub(crate) mod tickets;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use coveo_push::bytes::Bytes;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{ApiKey, Error, PushClient, RetryPolicy};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

/// The key of every client: long enough not to come up by chance.
pub(crate) const KEY: &str = "kanary-5f0a";

/// The line between two answers.
pub(crate) const BETWEEN: &[u8] = b"\n----\n";

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

    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut answer = Response::new(self.body.clone());
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
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
        Box::pin(std::future::ready(Ok(self.response())))
    }
}

/// A transport that gives one answer after the other, and then 400.
#[derive(Clone)]
pub(crate) struct InTurn {
    left: Arc<Mutex<VecDeque<Answering>>>,
    /// The answers that were given to requests.
    pub(crate) given: Arc<Mutex<Vec<Answering>>>,
}

impl InTurn {
    /// The answers that a text describes, with a line of four dashes between them.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        let (mut left, mut rest) = (VecDeque::new(), text);
        while !rest.is_empty() && left.len() < 16 {
            let (one, others) = split(rest, BETWEEN);
            left.push_back(Answering::of_text(one));
            rest = others;
        }
        Self { left: Arc::new(Mutex::new(left)), given: Arc::default() }
    }

    /// The bodies of all answers, as JSON.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        let left = self.left.lock().unwrap();
        left.iter().map(|answer| readable(&answer.body)).collect()
    }
}

impl Transport for InTurn {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        let answer = self.left.lock().unwrap().pop_front().unwrap_or_else(|| Answering::new(StatusCode::BAD_REQUEST));
        drop(request);
        let response = answer.response();
        self.given.lock().unwrap().push(answer);
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// A client whose calls are tried once.
pub(crate) fn client(transport: impl Transport) -> PushClient {
    PushClient::builder("my-org", ApiKey::new(KEY)).transport(transport).retry(RetryPolicy::none()).build().unwrap()
}

/// The line of an error. Neither it nor anything else that the error says shows the key.
pub(crate) fn line_without_key(error: &Error) -> String {
    let line = error.to_string();
    assert!(!line.contains(char::is_control), "{line:?}");
    let mut chain = format!("{error:?}{error:#?}{line}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        chain += &format!("{error}{error:?}");
        cause = error.source();
    }
    assert!(!chain.contains(KEY), "the key shows: {chain}");
    line
}

/// The readable part of some JSON. Models skip unknown properties, even those with invalid UTF-8, numbers out of range, or
/// too many levels. Such values are null here.
pub(crate) fn readable(json: &[u8]) -> Value {
    readable_text(&String::from_utf8_lossy(json))
}

fn readable_text(json: &str) -> Value {
    if let Ok(value) = serde_json::from_str(json) {
        return value;
    }
    if let Ok(object) = serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(json) {
        return object.into_iter().map(|(key, value)| (key, readable_text(value.get()))).collect();
    }
    let list = serde_json::from_str::<Vec<Box<RawValue>>>(json).ok();
    list.map_or(Value::Null, |list| list.iter().map(|value| readable_text(value.get())).collect())
}

/// The value of an object, by its key in any case, if it has the key once.
pub(crate) fn property<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    let mut named = json.as_object()?.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value).filter(|_| named.next().is_none())
}
