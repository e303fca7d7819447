//! A request from its arrival to its response, the same for the transport and the HTTP server.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, DATE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::effect::{DateHeader, End, ResponseChanges, RetryAfter};
use super::query;
use super::record::{Head, Number};
use super::response::{Refusal, ServiceResponse};
use super::router::route;
use super::state::{Delayed, DelayedTask, ReceivedRequest, ServiceState};
use crate::error::{BoxError, SendErrorKind};

/// The state that all handles of a fake share.
#[derive(Clone)]
pub(super) struct SharedState(pub(super) Arc<Mutex<ServiceState>>);

/// Without keys and without the held items.
impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl SharedState {
    pub(super) fn lock(&self) -> MutexGuard<'_, ServiceState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state, after all delayed tasks that are due.
    pub(super) fn look<T>(&self, at: impl FnOnce(&mut ServiceState) -> T) -> T {
        let mut state = self.lock();
        state.settle();
        at(&mut state)
    }

    /// Responds to a request, or breaks the connection as the kind of the error says.
    ///
    /// The work is one step that nothing can interrupt. If the future is dropped, all of the work is done
    /// or nothing.
    pub(super) async fn exchange(
        &self,
        parts: Parts,
        origin: &str,
        body: impl Future<Output = Result<Bytes, BoxError>>,
    ) -> Result<Response<Bytes>, (SendErrorKind, BoxError)> {
        let (request, number) = {
            let mut state = self.lock();
            let request = state.receive(parts);
            let arrives = request.effect.end != End::NoConnection;
            let number = arrives.then(|| state.record.begin(Arc::clone(&request.head)));
            (Arc::new(request), number)
        };
        let Some(number) = number else {
            wait(request.effect.latency).await;
            return Err((SendErrorKind::Connect, "the fake refuses the connection".into()));
        };
        let body = body.await.map_err(|error| (SendErrorKind::Disconnected, error))?;
        self.lock().record.body(number, &body);
        wait(request.effect.latency).await;
        let response = self.lock().respond(&request, &body, origin);
        wait(request.effect.late_answer).await;
        match response {
            Some(response) => Ok(self.lock().finish(response, &request.effect.changes, number)),
            None => Err((SendErrorKind::Disconnected, "the fake broke the connection".into())),
        }
    }
}

impl ServiceState {
    /// Routes a request and takes the fault that affects it.
    fn receive(&mut self, parts: Parts) -> ReceivedRequest {
        let path = parts.uri.path();
        let route = route(&parts.method, path);
        let operation = route.operation();
        let mut headers = parts.headers;
        if let Some(key) = headers.get_mut(AUTHORIZATION) {
            key.set_sensitive(true);
        }
        let query = query::pairs(parts.uri.query());
        let effect = self.faults.next(operation, &query);
        let head = Head {
            operation,
            path: path.to_owned(),
            query,
            method: parts.method,
            headers,
            received: self.clock.elapsed(),
        };
        ReceivedRequest { route, head: Arc::new(head), effect }
    }

    /// Does the work of a request as far as its fault allows. `None`: the connection breaks.
    fn respond(&mut self, request: &Arc<ReceivedRequest>, body: &Bytes, origin: &str) -> Option<ServiceResponse> {
        self.settle();
        let effect = &request.effect;
        if let Some(by) = effect.applied_later {
            let due = self.clock.elapsed().saturating_add(by);
            let (request, body, origin) = (Arc::clone(request), body.clone(), origin.to_owned());
            self.delayed.push(Delayed { due, task: DelayedTask::Request { request, body, origin } });
        }
        let is_done = effect.is_applied || effect.end == End::Answered;
        let response = is_done.then(|| self.work(request, body, origin));
        match effect.end {
            End::Answered => response,
            End::Status(status) => Some(fault_response(request, status)),
            End::NoConnection | End::Reset => None,
        }
    }

    /// Adds the `Date` and the changes of a fault to a response, and records its status.
    fn finish(&mut self, response: ServiceResponse, changes: &ResponseChanges, number: Number) -> Response<Bytes> {
        let ServiceResponse { status, mut headers, body } = response;
        self.record.answered(number, status);
        let date = match &changes.date {
            DateHeader::Clock => HeaderValue::try_from(self.clock.http_date(Duration::ZERO)).ok(),
            DateHeader::None => None,
            DateHeader::Text(text) => Some(text.clone()),
        };
        headers.extend(date.map(|date| (DATE, date)));
        let retry_after = changes.retry_after.map(|retry_after| match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::DateIn(wait) => self.clock.http_date(wait),
        });
        headers.extend(retry_after.and_then(|text| Some((RETRY_AFTER, HeaderValue::try_from(text).ok()?))));
        for (name, value) in &changes.headers {
            headers.insert(name, value.clone());
        }
        let mut response = Response::new(changes.body.clone().unwrap_or(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

/// The response of a fault with a status.
fn fault_response(request: &ReceivedRequest, status: StatusCode) -> ServiceResponse {
    let storage = request.route.is_storage();
    let code = request.effect.changes.error_code.as_deref().or_else(|| usual_code(status, storage));
    let message = status.canonical_reason().unwrap_or("An injected fault");
    let refusal = match code {
        Some(code) => Refusal::new(status, code, message),
        None => Refusal::without_code(status, message),
    };
    if storage { refusal.as_xml(request.signature()) } else { refusal.as_json() }
}

/// The usual error code for a status.
fn usual_code(status: StatusCode, storage: bool) -> Option<&'static str> {
    match (status.as_u16(), storage) {
        (401, false) => Some("INVALID_TOKEN"),
        (403, false) => Some("ACCESS_DENIED"),
        (415, false) => Some("UNSUPPORTED_MEDIA_TYPE"),
        (429, false) => Some("TOO_MANY_REQUESTS"),
        (500, false) => Some("INTERNAL_SERVER_ERROR"),
        (403, true) => Some("AccessDenied"),
        (400, true) => Some("RequestTimeout"),
        (429 | 503, true) => Some("SlowDown"),
        (_, true) => Some("InternalError"),
        _ => None,
    }
}

async fn wait(time: Option<Duration>) {
    match time {
        None | Some(Duration::ZERO) => {}
        // A timer would end at some time, and at once with paused time.
        Some(Duration::MAX) => std::future::pending().await,
        Some(time) => tokio::time::sleep(time).await,
    }
}
