//! What the fake answers, against the contract.

use std::time::Duration;

use coveo_push::Operation;
use coveo_push::fake::{Fault, RecordedRequest};
use coveo_push::transport::{Body, Transport};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request};
use serde_json::Value;
use url::Url;

use crate::contract::{Call, Contract};
use crate::exchanges::{CATALOG, COLLECTION, Exchange, SOURCE, Watched};
use crate::schema::Found;

/// Checks every answer of an operation: its status, and what it says in its body and headers.
pub(crate) fn check(contract: &Contract, exchanges: &[Exchange]) -> Found {
    let mut found = Found::default();
    for Exchange { request, answer } in exchanges {
        let Some(operation) = request.operation() else { continue };
        let Some(call) = contract.call(operation) else { continue };
        let status = answer.status().as_u16();
        let Some(declared) = call.responses.get(&status.to_string()) else {
            found.differs(operation.name(), format!("is answered with {status}"));
            continue;
        };
        let place = format!("{} {status}", operation.name());
        if let Some(schema) = &declared.schema {
            let body: Value = serde_json::from_slice(answer.body()).unwrap();
            found.json(contract, schema, &body, &place, "body");
        }
        if let Some(value) = answer.headers().get(RETRY_AFTER) {
            match declared.headers.get("Retry-After") {
                Some(schema) => found.text(schema, value.to_str().unwrap(), &place, "Retry-After"),
                None => found.differs(&place, "is answered with a Retry-After"),
            }
        }
    }
    found
}

/// Sends every operation of the contract with all that can be wrong with it, one thing at a time,
/// and gives back what was refused.
pub(crate) async fn refusals(contract: &Contract, exchanges: &[Exchange]) -> Vec<Exchange> {
    let watched = Watched::new();
    for &operation in Operation::ALL {
        let Some(call) = contract.call(operation) else { continue };
        let of = |exchange: &&Exchange| exchange.request.operation() == Some(operation);
        let good = Mangled::from(&exchanges.iter().find(of).unwrap().request);
        for mangled in mangled(call, &good) {
            mangled.send(&watched).await;
        }
        // What has no rule in the fake is injected.
        for status in call.responses.keys().map(|status| status.parse::<u16>().unwrap()).filter(|it| *it >= 400) {
            let fault = Fault::on(operation).status(status);
            let is_throttled = status == 429;
            watched.fake.inject(if is_throttled { fault.retry_after(Duration::from_millis(1_500)) } else { fault });
            good.clone().send(&watched).await;
        }
    }
    let mut refusals = watched.take();
    refusals.retain(|exchange| !exchange.answer.status().is_success());
    refusals
}

/// Those of the operations that the fake answers with 415 when they have no content type.
pub(crate) async fn refused_without_content_type(operations: &[Operation], exchanges: &[Exchange]) -> Vec<Operation> {
    let watched = Watched::new();
    let mut refused = vec![];
    for &operation in operations {
        let good = exchanges.iter().find(|exchange| exchange.request.operation() == Some(operation)).unwrap();
        Mangled::from(&good.request).with(|it| drop(it.headers.remove(CONTENT_TYPE))).send(&watched).await;
        if watched.take().iter().any(|exchange| exchange.answer.status() == 415) {
            refused.push(operation);
        }
    }
    refused
}

/// A request that was good, to be spoiled.
#[derive(Clone)]
struct Mangled {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl From<&RecordedRequest> for Mangled {
    fn from(request: &RecordedRequest) -> Self {
        Self {
            method: request.method().clone(),
            path: request.path().to_owned(),
            query: request.query().to_vec(),
            headers: request.headers().clone(),
            body: request.body().to_vec(),
        }
    }
}

impl Mangled {
    fn with(&self, mangle: impl FnOnce(&mut Self)) -> Self {
        let mut mangled = self.clone();
        mangle(&mut mangled);
        mangled
    }

    async fn send(self, to: &Watched) {
        let mut url = Url::parse("http://127.0.0.1:1").unwrap();
        url.set_path(&self.path);
        url.query_pairs_mut().extend_pairs(self.query);
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = url.as_str().parse().unwrap();
        *request.headers_mut() = self.headers;
        to.send(request).await.unwrap();
    }
}

fn mangled(call: &Call, good: &Mangled) -> Vec<Mangled> {
    let mut all = vec![
        good.with(|it| drop(it.headers.remove(AUTHORIZATION))),
        good.with(|it| drop(it.headers.insert(AUTHORIZATION, "Bearer other".parse().unwrap()))),
        good.with(|it| it.path = it.path.replace("/my-org/", "/other/")),
        good.with(|it| {
            for id in [SOURCE, CATALOG, COLLECTION, "My%20Provider"] {
                it.path = it.path.replace(&format!("/{id}/"), "/other/");
            }
        }),
        good.with(|it| drop(it.headers.remove(CONTENT_LENGTH))),
        good.with(|it| drop(it.headers.remove(CONTENT_TYPE))),
    ];
    for parameter in call.query() {
        all.push(good.with(|it| it.query.retain(|(name, _)| *name != parameter.name)));
        for value in ["", "?!", "-1", "99999999999999999999"] {
            all.push(good.with(|it| {
                it.query.retain(|(name, _)| *name != parameter.name);
                it.query.push((parameter.name.clone(), value.to_owned()));
            }));
        }
    }
    if call.body().is_some() {
        let too_large = format!(r#"{{"a":"{}"}}"#, "x".repeat(6_000_000));
        for body in ["", "{", "[]", r#"{"identity":{"type":"ROBOT"}}"#, r#"{"permissions":12}"#, &too_large] {
            all.push(good.with(|it| it.body = body.as_bytes().to_vec()));
        }
    }
    all
}
