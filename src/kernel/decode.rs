//! Converts responses into models or errors: JSON, the storage's XML, a gateway's HTML, or nothing.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::hint;
use super::request::RequestTemplate;
use super::retry::{retry_after, server_time};
use crate::credentials::ApiKey;
use crate::error::{ApiError, CallRecord, DecodeError, Error, ErrorCode, Redactor, UploadError};
use crate::model::OrderingId;
use crate::operation::Operation;

/// How much of a response an error keeps.
const KEPT_BYTES: usize = 16 * 1024;

/// A response with a status of success.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) record: CallRecord,
    pub(crate) status: StatusCode,
    pub(crate) server_time: Option<SystemTime>,
    pub(crate) body: Bytes,
    /// The service's id of the request, from a header.
    request_id: Option<String>,
    /// The token of the request, to keep it out of errors about the body.
    token: Option<ApiKey>,
}

/// Tells a success from an error: every status that says so is one, unless the body is a web page.
pub(crate) fn read(
    response: Response<Bytes>,
    template: &RequestTemplate,
    record: CallRecord,
    token: Option<&ApiKey>,
    now: SystemTime,
) -> Result<Success, Error> {
    let (head, body) = response.into_parts();
    let operation = record.operation;
    let is_success = matches!(head.status.as_u16(), 200 | 201 | 202 | 204) && !hint::is_html(&head.headers, &body);
    let redactor = Redactor::new(token.map(ApiKey::expose));
    let request_id = request_id(&head.headers).and_then(|id| without_key(id, redactor));
    if is_success {
        let server_time = server_time(&head.headers);
        return Ok(Success { record, status: head.status, server_time, body, request_id, token: token.cloned() });
    }
    let record = CallRecord {
        may_have_been_applied: record.may_have_been_applied || may_have_been_applied(head.status),
        ..record
    };
    Err(match operation {
        Operation::UploadToContainer => upload_error(record, template.uri(), head.status, &head.headers, &body, now),
        _ => {
            let hint = hint::of(operation, template.uri(), head.status, &head.headers, &body);
            let hint = hint.map(|hint| redactor.redact(hint));
            let request_id = request_id.or_else(|| request_id_in(&body).and_then(|id| without_key(id, redactor)));
            api_error(record, head.status, &head.headers, &body, redactor, now).explained(hint, request_id).into()
        }
    })
}

/// Whether the request may have been carried out, after a response that is not a success.
fn may_have_been_applied(status: StatusCode) -> bool {
    status.is_server_error() || status.is_success() || status == StatusCode::REQUEST_TIMEOUT
}

fn api_error(
    record: CallRecord,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    redactor: Redactor<'_>,
    now: SystemTime,
) -> ApiError {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| match property(&json, name)? {
        Value::String(text) => Some(redactor.redact(text.clone())),
        Value::Null => None,
        other => Some(redactor.redact(other.to_string())),
    };
    ApiError::new(
        record,
        status,
        // The platform API has more than one form of an error.
        text("errorCode").or_else(|| text("code")).map(|code| ErrorCode::from(code.as_str())),
        text("message").or_else(|| text("detail")).or_else(|| text("title")),
        kept(body, redactor),
        retry_after(headers, now),
    )
}

/// The service's id of a request, from its response.
fn request_id(headers: &HeaderMap) -> Option<String> {
    token(headers.get("x-request-id")?.to_str().ok()?)
}

/// The service's id of a request, from the body of an error: the platform API writes it there.
fn request_id_in(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    token(property(&json, "requestID")?.as_str()?)
}

/// The id of a request, unless the service echoes the key as one.
fn without_key(id: String, redactor: Redactor<'_>) -> Option<String> {
    (redactor.redact(id.clone()) == id).then_some(id)
}

fn upload_error(
    record: CallRecord,
    uri: &Uri,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: SystemTime,
) -> Error {
    let xml = String::from_utf8_lossy(body);
    let header = || headers.get("x-amz-request-id").and_then(|id| id.to_str().ok()).and_then(token);
    let code = element(&xml, "Code").and_then(token);
    let request_id = element(&xml, "RequestId").and_then(token).or_else(header);
    let message = element(&xml, "Message").map(|text| without_signature(unescaped(text), uri));
    UploadError::new(record, status, code, request_id, retry_after(headers, now)).saying(message).into()
}

/// The text of the first element of that name. The storage's errors are flat, so this is enough of XML.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text)
}

fn unescaped(text: &str) -> String {
    const ENTITIES: [(&str, &str); 5] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}

/// The text without the values in the query of the presigned URI, encoded or not.
fn without_signature(text: String, uri: &Uri) -> String {
    /// Shorter texts are not secrets.
    const SHORTEST: usize = 6;
    let query = uri.query().unwrap_or_default();
    let encoded = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.to_owned());
    let decoded = url::form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
    let secrets = encoded.chain(decoded).filter(|value| value.len() >= SHORTEST);
    let text = secrets.fold(text, |text, secret| Redactor::new(Some(&secret)).redact(text));
    Redactor::new(None).redact(text)
}

/// The text, if it is a short name, which can hold neither a URL nor a signature.
fn token(text: &str) -> Option<String> {
    const LONGEST: usize = 64;
    let is_short = !text.is_empty() && text.len() <= LONGEST;
    (is_short && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .then(|| text.to_owned())
}

/// A value of a JSON object, by its key in any case.
fn property<'a>(json: &'a Value, name: &str) -> Option<&'a Value> {
    json.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// How the service refers to a request that it accepted: by the ordering id, and by an id of the request.
/// A property that is missing or unreadable is `None`.
pub(crate) fn receipt(success: &Success) -> (Option<OrderingId>, Option<String>) {
    let json: Value = serde_json::from_slice(&success.body).unwrap_or_default();
    let ordering_id = property(&json, "orderingId").and_then(|id| OrderingId::deserialize(id).ok());
    let redactor = Redactor::new(success.token.as_ref().map(ApiKey::expose));
    let request_id = property(&json, "requestId").and_then(|id| without_key(token(id.as_str()?)?, redactor));
    let request_id = request_id.or_else(|| success.request_id.clone());
    (ordering_id, request_id)
}

/// Reads the model in a response. Anything behind it is an error.
pub(crate) fn json<T: DeserializeOwned>(success: &Success) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(&success.body);
    let mut track = serde_path_to_error::Track::new();
    T::deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track))
        .and_then(|model| json.end().map(|()| model))
        .map_err(|error| {
            let redactor = Redactor::new(success.token.as_ref().map(ApiKey::expose));
            DecodeError::new(
                // It was carried out, although the response cannot be read.
                CallRecord { may_have_been_applied: true, ..success.record },
                success.status,
                redactor.redact(track.path().to_string()),
                kept(&success.body, redactor),
                redactor.redact(error.to_string()),
            )
            .into()
        })
}

fn kept(body: &[u8], redactor: Redactor<'_>) -> String {
    // Redacted before it is cut, so that no part of a secret stays at the end.
    let mut text = redactor.redact(String::from_utf8_lossy(body).into_owned());
    let end = (0..=KEPT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    text
}
