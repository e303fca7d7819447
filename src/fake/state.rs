//! What the service holds, and the requests that come to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, DATE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};

use super::answer::{Answer, Refusal};
use super::clock::Clock;
use super::containers::Containers;
use super::fault::{DateHeader, Effect, Faults, RetryAfter, Touches};
use super::provider::Provider;
use super::query;
use super::record::{Head, Number, Record};
use super::router::{Target, route};
use super::source::Source;
use crate::model::OrderingId;

pub(super) struct State {
    pub(super) organization: String,
    /// What clients of the fake's own are given, valid or not.
    pub(super) client_key: String,
    pub(super) keys: Vec<String>,
    pub(super) refuses_second_commit: bool,
    pub(super) clock: Clock,
    pub(super) sources: BTreeMap<String, Source>,
    pub(super) providers: BTreeMap<String, Provider>,
    /// The first of them: that of every identity that is named without one.
    pub(super) default_provider: String,
    pub(super) containers: Containers,
    pub(super) delayed: Vec<Delayed>,
    pub(super) faults: Faults,
    pub(super) record: Record,
}

/// What is to be done later.
pub(super) struct Delayed {
    /// Counted as the clock counts, from when the fake was built.
    pub(super) due: Duration,
    pub(super) task: Task,
}

pub(super) enum Task {
    DeleteOldItems {
        source: String,
        older_than: OrderingId,
    },
    DisableOldIdentities {
        provider: String,
        older_than: OrderingId,
    },
    /// A request that something on the way has held back.
    Carry {
        call: Arc<Call>,
        body: Bytes,
        origin: String,
    },
}

/// A request that has come in, and what is to happen to it.
pub(super) struct Call {
    pub(super) target: Target,
    pub(super) head: Arc<Head>,
    pub(super) effect: Effect,
}

impl State {
    /// Finds out what a request asks for, and what is to go wrong with it.
    pub(super) fn arrive(&mut self, parts: Parts) -> Call {
        let path = parts.uri.path();
        let target = route(&parts.method, path);
        let operation = target.operation();
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
        Call { target, head: Arc::new(head), effect }
    }

    /// Does what was delayed and whose time has come.
    pub(super) fn settle(&mut self) {
        if !self.delayed.is_empty() {
            let now = self.clock.elapsed();
            self.run_delayed(|delayed| delayed.due <= now);
        }
    }

    pub(super) fn run_delayed(&mut self, is_due: impl Fn(&Delayed) -> bool) {
        let mut due: Vec<Delayed> = self.delayed.extract_if(.., |delayed| is_due(delayed)).collect();
        due.sort_by_key(|delayed| delayed.due);
        for Delayed { task, .. } in due {
            match task {
                Task::DeleteOldItems { source, older_than } => {
                    self.sources.entry(source).and_modify(|source| source.delete_older(older_than));
                }
                Task::DisableOldIdentities { provider, older_than } => {
                    self.providers.entry(provider).and_modify(|provider| provider.disable_older(older_than));
                }
                Task::Carry { call, body, origin } => {
                    // Nobody waits for the answer any more.
                    let _ = self.work(&call, &body, &origin);
                }
            }
        }
    }

    /// What a fault answers in place of the service.
    pub(super) fn faulty_answer(&self, call: &Call, status: StatusCode) -> Answer {
        let storage = call.target.is_storage();
        let code = call.effect.touches.error_code.as_deref().or_else(|| usual_code(status, storage));
        let message = status.canonical_reason().unwrap_or("An injected fault");
        let refusal = match code {
            Some(code) => Refusal::new(status, code, message),
            None => Refusal::without_code(status, message),
        };
        if storage { refusal.as_xml(call.signature()) } else { refusal.as_json() }
    }

    /// Puts the last touches on an answer, the `Date` among them.
    pub(super) fn finish(&mut self, answer: Answer, touches: &Touches, number: Number) -> Response<Bytes> {
        let Answer { status, mut headers, body } = answer;
        self.record.answered(number, status);
        let date = match &touches.date {
            DateHeader::Clock => HeaderValue::try_from(self.clock.http_date(Duration::ZERO)).ok(),
            DateHeader::None => None,
            DateHeader::Text(text) => Some(text.clone()),
        };
        headers.extend(date.map(|date| (DATE, date)));
        let retry_after = touches.retry_after.map(|retry_after| match retry_after {
            RetryAfter::Seconds(seconds) => seconds.to_string(),
            RetryAfter::DateIn(wait) => self.clock.http_date(wait),
        });
        headers.extend(retry_after.and_then(|text| Some((RETRY_AFTER, HeaderValue::try_from(text).ok()?))));
        for (name, value) in &touches.headers {
            headers.insert(name, value.clone());
        }
        let mut response = Response::new(touches.body.clone().unwrap_or(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

impl Call {
    /// The signature of the upload URI that was used.
    pub(super) fn signature(&self) -> &str {
        query::get(&self.head.query, "X-Amz-Signature").unwrap_or_default()
    }
}

/// The code that goes with a status where a fault gives none.
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
