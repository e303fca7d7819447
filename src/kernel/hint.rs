//! Hints from an error response beyond its code and message: its origin, and the solution.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode, Uri};

use crate::error::FIREWALL;
use crate::model::words::line_of;
use crate::operation::Operation;

/// Whether the body is a web page, which no service of ours answers with.
pub(crate) fn is_html(headers: &HeaderMap, body: &[u8]) -> bool {
    let is_declared = header(headers, CONTENT_TYPE.as_str()).is_some_and(|text| text.trim().starts_with("text/html"));
    let start = body.trim_ascii_start();
    is_declared || [&b"<!doctype html"[..], b"<html"].iter().any(|tag| starts_with(start, tag))
}

fn starts_with(text: &[u8], tag: &[u8]) -> bool {
    text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The hint of a response to a request for `uri`; `None` when there is nothing to add.
pub(crate) fn of(
    operation: Operation,
    uri: &Uri,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<String> {
    if header(headers, "x-coveo-waf-action").is_some_and(|action| action.eq_ignore_ascii_case("block")) {
        return Some(FIREWALL.to_owned());
    }
    match (status.as_u16(), header(headers, LOCATION.as_str())) {
        (200..=299, _) if is_html(headers, body) => {
            let expected = operation.spec().success.first().copied().unwrap_or_default();
            Some(format!("with text/html instead of {expected}: something between here and the service answered"))
        }
        (300..=399, Some(target)) => Some(format!("no redirect is followed, here one to {target}")),
        (404, _) if !uri.path().contains(&format!("{}/", operation.host().base_path())) => {
            let (name, end) = (operation.host().url_name(), operation.host().base_path());
            Some(format!("the {name} does not end with `{end}`: check it"))
        }
        (401 | 403, _) if operation.privilege().is_some() => {
            let needed = operation.privilege()?;
            Some(match operation.second_privilege() {
                Some(second) => {
                    format!("the call needs a key with the privileges {needed} and {second}, on all sources")
                }
                None => format!("the call needs a key with the privilege {needed}"),
            })
        }
        (414 | 431, _) => Some(match document_id(uri) {
            Some(id) => format!("the id `{id}` is too long for a URL: push it in a batch"),
            None => "the request line or a header is too long".to_owned(),
        }),
        _ => header(headers, CONTENT_ENCODING.as_str())
            .filter(|encoding| *encoding != "identity")
            .map(|encoding| format!("the body of the response is compressed ({encoding}) and was not read")),
    }
}

/// The beginning of the id in the query.
fn document_id(uri: &Uri) -> Option<String> {
    let query = url::form_urlencoded::parse(uri.query()?.as_bytes());
    let (_, id) = query.into_iter().find(|(name, _)| name == "documentId")?;
    Some(line_of(100, &id))
}
