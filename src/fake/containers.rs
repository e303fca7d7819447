//! The file containers, and the storage behind them.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::response::{Refusal, ServiceResponse};
use super::router::STORAGE_PATH;
use crate::preflight::limit;

/// The headers that the storage requires on an upload.
const REQUIRED_HEADERS: [(&str, &str); 2] =
    [("x-amz-server-side-encryption", "AES256"), ("content-type", "application/octet-stream")];

/// Counts of the file containers: [`FakePushApi::containers`](super::FakePushApi::containers).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerCounts {
    /// Created.
    pub created: usize,
    /// Filled by at least one upload.
    pub filled: usize,
    /// Pushed as a batch at least once, or part of a stream that was closed.
    pub committed: usize,
}

#[derive(Debug)]
struct Container {
    created: Duration,
    signature: String,
    content: Option<Bytes>,
    is_committed: bool,
    /// A fault made it expire early, or it is used up.
    is_expired: bool,
}

#[derive(Debug)]
pub(super) struct Containers {
    by_id: HashMap<String, Container>,
    lifetime: Duration,
    counts: ContainerCounts,
    random: fastrand::Rng,
}

/// How the storage reports an expired upload URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// 403: the URI is too old.
    AccessDenied,
    /// 400: the token of its signature is too old.
    ExpiredToken,
}

impl Containers {
    pub(super) fn new(lifetime: Duration) -> Self {
        // The same ids in every run, so that a test can expect them.
        let random = fastrand::Rng::with_seed(0xC0E0);
        Self { by_id: HashMap::new(), lifetime, counts: ContainerCounts::default(), random }
    }

    pub(super) fn counts(&self) -> ContainerCounts {
        self.counts
    }

    /// Creates a container, and returns its id and its description.
    pub(super) fn create(&mut self, origin: &str, now: Duration) -> (String, Value) {
        let id = self.random.u128(..);
        let signature = format!("{:064x}", self.random.u128(..));
        let file_id = uuid(id);
        let expires = self.lifetime.as_secs();
        let description = serde_json::json!({
            "uploadUri": format!("{origin}{STORAGE_PATH}{file_id}?X-Amz-Expires={expires}&X-Amz-Signature={signature}"),
            "fileId": file_id,
            "requiredHeaders": {
                "x-amz-server-side-encryption": "AES256",
                "Content-Type": "application/octet-stream",
            },
        });
        let container = Container { created: now, signature, content: None, is_committed: false, is_expired: false };
        self.by_id.insert(file_id.clone(), container);
        self.counts.created += 1;
        (file_id, description)
    }

    /// An id that nothing else has.
    pub(super) fn another_id(&mut self) -> String {
        uuid(self.random.u128(..))
    }

    /// Makes a container expire at once.
    pub(super) fn expire(&mut self, file_id: &str) {
        if let Some(container) = self.by_id.get_mut(file_id) {
            container.is_expired = true;
        }
    }

    /// The content of a container that is filled and has not expired.
    pub(super) fn content(&self, file_id: &str, now: Duration) -> Option<Bytes> {
        let container = self.by_id.get(file_id)?;
        container.content.clone().filter(|_| !container.is_over(now, self.lifetime))
    }

    /// Notes that a container was pushed as a batch, and may use it up.
    pub(super) fn committed(&mut self, file_id: &str, is_used_up: bool) {
        if let Some(container) = self.by_id.get_mut(file_id) {
            self.counts.committed += usize::from(!container.is_committed);
            container.is_committed = true;
            if is_used_up {
                container.is_expired = true;
                container.content = None;
            }
        }
    }

    pub(super) fn upload(
        &mut self,
        file_id: &str,
        signature: Option<&str>,
        headers: &HeaderMap,
        body: &Bytes,
        now: Duration,
        expiry: Expiry,
    ) -> Result<ServiceResponse, Refusal> {
        let lifetime = self.lifetime;
        if headers.contains_key(AUTHORIZATION) {
            let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query \
                           string parameter or the Authorization header should be specified";
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "InvalidArgument", message));
        }
        if !headers.contains_key(CONTENT_LENGTH) {
            let message = "You must provide the Content-Length HTTP header.";
            return Err(Refusal::new(StatusCode::LENGTH_REQUIRED, "MissingContentLength", message));
        }
        let signed = self.by_id.get_mut(file_id).filter(|container| signature == Some(&container.signature));
        let container = signed.ok_or_else(|| does_not_match("The signature is not that of this URI."))?;
        if container.is_over(now, lifetime) {
            return Err(match expiry {
                Expiry::AccessDenied => denied("Request has expired"),
                Expiry::ExpiredToken => {
                    Refusal::new(StatusCode::BAD_REQUEST, "ExpiredToken", "The provided token has expired.")
                }
            });
        }
        for (name, value) in REQUIRED_HEADERS {
            if headers.get(name).is_none_or(|given| given.as_bytes() != value.as_bytes()) {
                return Err(does_not_match(&format!("The header {name} is not the one that was signed.")));
            }
        }
        let is_signed = |name: &str| REQUIRED_HEADERS.iter().any(|(signed, _)| *signed == name);
        if let Some(name) = headers.keys().find(|name| name.as_str().starts_with("x-amz-") && !is_signed(name.as_str()))
        {
            return Err(denied(&format!("There were headers present in the request which were not signed: {name}")));
        }
        if body.len() as u64 > limit::CONTAINER_BYTES {
            let message = "Your proposed upload exceeds the maximum allowed object size.";
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "EntityTooLarge", message));
        }
        self.counts.filled += usize::from(container.content.is_none());
        container.content = Some(body.clone());
        Ok(ServiceResponse::stored())
    }
}

impl Container {
    fn is_over(&self, now: Duration, lifetime: Duration) -> bool {
        self.is_expired || now.saturating_sub(self.created) >= lifetime
    }
}

fn denied(message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "AccessDenied", message)
}

fn does_not_match(message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message)
}

fn uuid(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
