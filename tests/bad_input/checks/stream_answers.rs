//! Any answer of the Stream API.

use std::sync::{Arc, Mutex};

use coveo_push::bytes::Bytes;
use coveo_push::report::DeletionOutcome;
use coveo_push::transport::{Body, BoxFuture, SendError, Transport};
use coveo_push::{Accepted, DocumentBody, Operation};
use http::{Request, Response, StatusCode};
use serde_json::Value;

use super::answers::seen;
use super::{Answering, InTurn, block_on, client, property};

/// The first answer of a text, to each kind of call; and all of them, to the batches of a refresh.
pub(crate) fn check(text: &[u8]) {
    let (first, _) = super::split(text, super::BETWEEN);
    let transport = Answering::of_text(first);
    let json = super::readable(&transport.body);
    // Each call has a client of its own: no answer holds back the next call.
    let catalog = || client(transport.clone()).catalog("c");
    block_on(async {
        if let Some(opened) = seen(&transport, Operation::OpenStream, catalog().open_stream().await) {
            assert_eq!(property(&json, "streamId").unwrap(), opened.stream_id());
            assert_eq!(property(&json, "fileId").unwrap(), opened.container().file_id());
        }
        if let Some(chunk) = seen(&transport, Operation::CreateStreamChunk, catalog().create_chunk("t").await) {
            assert_eq!(property(&json, "fileId").unwrap(), chunk.file_id());
        }
        let accepted = [
            seen(&transport, Operation::CloseStream, catalog().close_stream("t").await),
            seen(&transport, Operation::UpdateCatalog, catalog().update_container("f").await),
            seen(&transport, Operation::MergeCatalog, catalog().merge_container("f").await),
            seen(&transport, Operation::DeleteOldCatalogItems, catalog().delete_older_than(1).await),
        ];
        accepted.iter().flatten().for_each(|accepted| is_as_told(accepted, &json));
        refresh(InTurn::of_text(text)).await;
    });
}

/// A reply has no ordering id, or that of the answer, and a request id that is short and plain, if any.
fn is_as_told(accepted: &Accepted, answer: &Value) {
    if let Some(id) = accepted.ordering_id() {
        let named = answer.as_object().unwrap().iter().filter(|(key, _)| key.eq_ignore_ascii_case("orderingId"));
        assert!(named.into_iter().any(|(_, told)| ordering_id(told) == Some(id.get())), "{id} is not in {answer}");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    assert!(accepted.request_id().is_none_or(|id| id.len() <= 64 && id.chars().all(plain)), "{accepted:?}");
}

/// An ordering id, by its digits.
fn ordering_id(told: &Value) -> Option<u64> {
    let digits = match told {
        Value::String(text) => text.trim().strip_prefix('+').unwrap_or(text.trim()).to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    if digits.is_empty() || digits.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    let id = digits.bytes().try_fold(0_u128, |id, byte| id.checked_mul(10)?.checked_add(u128::from(byte - b'0')))?;
    u64::try_from(id).ok()
}

/// A refresh of two batches, each of which is answered by the next answer. It deletes only if both were
/// accepted, each with an ordering id that can be read, and nothing that is not older than both.
async fn refresh(updates: InTurn) {
    const BATCHES: usize = 2;
    let deleted_below = Arc::new(Mutex::new(None));
    let service = Service { updates: updates.clone(), deleted_below: Arc::clone(&deleted_below) };
    let run = client(service).catalog("c").refresh().pusher(|pusher| pusher.batch_bytes(1_024).concurrency(1));
    let run = run.start().await.unwrap();
    for number in 0..BATCHES {
        let item = DocumentBody::new().metadata("text", "x".repeat(600));
        let _ = run.pusher().add_or_update(format!("a://{number}"), &item).await;
    }
    let report = run.finish().await;
    let deleted_below = deleted_below.lock().unwrap().take();
    assert_eq!(
        deleted_below.is_some(),
        !matches!(report.deletion, DeletionOutcome::Skipped(_) | DeletionOutcome::Failed(_))
    );
    let Some(below) = deleted_below else { return };
    let given = updates.given.lock().unwrap();
    let accepted: Vec<u64> = given.iter().filter(|answer| answer.status.is_success()).filter_map(readable_id).collect();
    assert_eq!(accepted.len(), BATCHES, "deleted below {below} by {accepted:?}");
    assert!(accepted.iter().all(|id| below <= *id), "deleted below {below} by {accepted:?}");
}

/// The ordering id in an answer, if there is one.
fn readable_id(answer: &Answering) -> Option<u64> {
    super::readable(&answer.body)
        .as_object()?
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("orderingId"))
        .find_map(|(_, id)| ordering_id(id))
}

/// A service that works, but for its answers to updates.
#[derive(Clone)]
struct Service {
    updates: InTurn,
    deleted_below: Arc<Mutex<Option<u64>>>,
}

impl Transport for Service {
    fn send(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        let path = request.uri().path();
        if path.ends_with("/stream/update") {
            return self.updates.send(request);
        }
        let mut answer = Answering::new(StatusCode::CREATED);
        if let Some((_, id)) = path.split_once("/deleteolderthan/") {
            assert_eq!(self.deleted_below.lock().unwrap().replace(id.parse().unwrap()), None, "deleted twice");
            answer.status = StatusCode::ACCEPTED;
        } else if path.ends_with("/files") {
            answer.body =
                Bytes::from_static(br#"{"uploadUri":"https://s3.example.com/f","fileId":"f","requiredHeaders":{}}"#);
        } else {
            answer.status = StatusCode::OK;
        }
        Box::pin(std::future::ready(Ok(answer.response())))
    }
}
