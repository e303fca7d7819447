//! Any answer to any kind of call.

use coveo_push::{Error, FileContainer, Operation, PushClient, SourceStatus};
use http::header::{AUTHORIZATION, HOST};
use url::Url;

use super::{Answering, block_on, line_without_key};

/// The answer of a text, to each kind of call.
pub(crate) fn check(text: &[u8]) {
    let transport = Answering::of_text(text);
    // Each call has a client of its own: no answer holds back the next call.
    let client = || super::client(transport.clone());
    block_on(async {
        let pushed = client().items("s").push_container("f").await;
        seen(&transport, Operation::PushItemContainer, pushed);
        let status = client().sources().set_status("s", SourceStatus::Idle).await;
        seen(&transport, Operation::SetSourceStatus, status);

        let created = client().file_containers().create().await;
        if let Some(container) = seen(&transport, Operation::CreateFileContainer, created) {
            uploads_where_it_may(&client(), &transport, &container).await;
        }
        let container = FileContainer::new("f", "https://s3.example.com/f?X-Amz-Signature=s", []);
        let uploaded = client().file_containers().upload(&container, "bytes").await;
        seen(&transport, Operation::UploadToContainer, uploaded);
    });
}

/// The reply of a call. An error tells what the answer was, in one line, and shows no secret.
pub(crate) fn seen<T>(transport: &Answering, operation: Operation, result: Result<T, Error>) -> Option<T> {
    let status = transport.status;
    let error = match result {
        Ok(reply) => {
            assert!(status.is_success(), "{operation}: {status} was taken for a success");
            return Some(reply);
        }
        Err(error) => error,
    };
    assert_eq!((error.operation(), error.attempts()), (Some(operation), 1));
    assert_eq!(error.status(), Some(status));
    // The answer of a storage may say anything: it got no key.
    let line = if operation == Operation::UploadToContainer { error.to_string() } else { line_without_key(&error) };
    assert!(line.starts_with(operation.name()) && line.len() < 4_096, "{line}");
    assert!(!line.contains(char::is_control), "{line:?}");
    if let Some(api) = error.api() {
        assert!(api.body().len() <= 16 * 1024);
    }
    let unknown = status.is_server_error() || status.is_success() || status.as_u16() == 408;
    assert_eq!(error.may_have_been_applied(), unknown, "{line}");
    None
}

/// Bytes go to the place that an answer names only over https, without user info, and with no header
/// that is not the answer's to give.
async fn uploads_where_it_may(client: &PushClient, transport: &Answering, container: &FileContainer) {
    transport.sent.lock().unwrap().clear();
    let uploaded = client.file_containers().upload(container, "bytes").await;
    let sent = std::mem::take(&mut *transport.sent.lock().unwrap());
    let [request] = sent.as_slice() else {
        assert!(sent.is_empty());
        let refused = uploaded.unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)), "{refused}");
        // Unless the answer says it where it is no secret, too.
        let (_, query) = container.upload_uri().split_once('?').unwrap_or_default();
        let is_shown = query.len() > 8 && refused.to_string().contains(query);
        assert!(!is_shown || container.file_id().contains(query), "{refused}");
        return;
    };
    // As an HTTP client reads it.
    let uri = request.uri().to_string();
    if let Ok(url) = Url::parse(&uri) {
        assert_eq!(url.scheme(), "https");
        assert!(url.username().is_empty() && url.password().is_none(), "{uri}");
    }
    assert_eq!(request.headers().get(AUTHORIZATION), None);
    assert_eq!(request.headers().get(HOST), None);
    assert_eq!(request.headers()["content-length"], "5");
    for (name, value) in container.required_headers() {
        assert_eq!(request.headers().get(name).unwrap().as_bytes(), value.as_bytes(), "{name}");
    }
}
