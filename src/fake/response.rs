//! The responses of the service and its storage.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// A response without its `Date`.
#[derive(Debug)]
pub(super) struct ServiceResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: Option<String>,
    pub(super) message: String,
    /// The methods of the path, if the request had another.
    pub(super) allow: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: Some(code.to_owned()), message: message.into(), allow: None }
    }

    /// A refusal for which no documentation names a code.
    pub(super) fn without_code(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, code: None, message: message.into(), allow: None }
    }

    pub(super) fn missing_parameter(name: &str) -> Self {
        let message = format!("Required parameter '{name}' is missing.");
        Self::new(StatusCode::PRECONDITION_FAILED, "MISSING_PARAMETER", message)
    }

    pub(super) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "INVALID_PARAMETER", message)
    }

    pub(super) fn invalid_json(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_JSON", message)
    }

    /// A request of the platform API that is invalid. No documentation names its codes.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::without_code(StatusCode::BAD_REQUEST, message)
    }

    /// The licence does not allow one more.
    pub(super) fn limit_exceeded(key: &str) -> Self {
        Self::without_code(StatusCode::PRECONDITION_FAILED, format!("The limit '{key}' of the licence is reached."))
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::without_code(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// In the format of the Push API.
    pub(super) fn as_json(&self) -> ServiceResponse {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            error_code: Option<&'a str>,
            message: &'a str,
        }

        let body = Body { error_code: self.code.as_deref(), message: &self.message };
        self.with_allow(ServiceResponse::json(self.status, serde_json::to_vec(&body).unwrap_or_default()))
    }

    /// In the format of the storage. Like the real storage it repeats the signature, which must not appear
    /// in any log.
    pub(super) fn as_xml(&self, signature: &str) -> ServiceResponse {
        let code = self.code.as_deref().unwrap_or("InternalError");
        let message = &self.message;
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             <SignatureProvided>{signature}</SignatureProvided><RequestId>FAKE0123456789AB</RequestId>\
             <HostId>ZmFrZS1zdG9yYWdl</HostId></Error>",
        );
        let mut response = ServiceResponse::new(self.status, body.into(), HeaderValue::from_static("application/xml"));
        response.headers.insert("x-amz-request-id", HeaderValue::from_static("FAKE0123456789AB"));
        self.with_allow(response)
    }

    fn with_allow(&self, mut response: ServiceResponse) -> ServiceResponse {
        let allow = self.allow.as_deref().and_then(|methods| HeaderValue::try_from(methods).ok());
        response.headers.extend(allow.map(|methods| (ALLOW, methods)));
        response
    }
}

impl ServiceResponse {
    fn new(status: StatusCode, body: Bytes, content_type: HeaderValue) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        Self { status, headers, body }
    }

    pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(status, body.into(), HeaderValue::from_static("application/json"))
    }

    /// The request was carried out or queued.
    pub(super) fn of(status: StatusCode, json: &'static str) -> Self {
        Self::json(status, Bytes::from_static(json.as_bytes()))
    }

    /// The request was carried out, and there is nothing to say.
    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// The storage has stored the bytes.
    pub(super) fn stored() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() }
    }
}
