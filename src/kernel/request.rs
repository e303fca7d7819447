//! A request as a template, from which each attempt is made. No I/O: tested as strings.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use percent_encoding::utf8_percent_encode;

use super::body::Body;
use super::progress::Progress;
use super::transport::AttemptLimits;
use crate::error::{Error, InvalidError};
use crate::finding::{Finding, Rule};
use crate::model::FileContainer;
use crate::operation::{Host, Operation, Segment};
use crate::region::{BaseUrl, ENCODED, is_loopback};

/// The values of the placeholders in an operation's path, beside the organization.
#[derive(Debug, Clone, Default)]
pub(crate) struct PathParams(Vec<(&'static str, Arc<str>)>);

impl PathParams {
    /// None: the operation is about the organization itself.
    pub(crate) fn organization() -> Self {
        Self::default()
    }

    pub(crate) fn source(id: impl Into<Arc<str>>) -> Self {
        Self::default().with("sourceId", id)
    }

    pub(crate) fn provider(id: impl Into<Arc<str>>) -> Self {
        Self::default().with("providerId", id)
    }

    pub(crate) fn data_collection(id: impl Into<Arc<str>>) -> Self {
        Self::default().with("dataCollectionId", id)
    }

    /// One more value, by the name of its placeholder.
    pub(crate) fn with(mut self, placeholder: &'static str, value: impl Into<Arc<str>>) -> Self {
        self.0.push((placeholder, value.into()));
        self
    }

    /// The first value: the id of the source, the provider or the data collection.
    pub(crate) fn resource(&self) -> Option<&Arc<str>> {
        self.0.first().map(|(_, id)| id)
    }

    fn get(&self, placeholder: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == placeholder).map(|(_, value)| &**value)
    }
}

/// One request, from which each attempt is made anew: a retry carries the whole body and a fresh
/// Authorization header.
#[derive(Clone)]
pub(crate) struct RequestTemplate {
    operation: Operation,
    /// The source, provider or data collection in its path.
    resource: Option<Arc<str>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
}

impl RequestTemplate {
    /// A call of the Push API, the logs or the platform API. The body, where there is one, is JSON.
    pub(crate) fn api(
        operation: Operation,
        base: &BaseUrl,
        organization_id: &str,
        params: &PathParams,
        query: &[(&'static str, String)],
        json: Option<Bytes>,
    ) -> Result<Self, Error> {
        let mut text = base.as_str().to_owned();
        push_path(&mut text, operation, organization_id, params)?;
        for (index, (name, value)) in query.iter().enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            text.push_str(name);
            text.push('=');
            text.extend(utf8_percent_encode(value, ENCODED));
        }
        let uri = text.parse().map_err(|error: http::uri::InvalidUri| {
            invalid(operation, "request", Rule::PathSegment, format!("the ids do not make a URL: {error}"))
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Without a body too: the contract declares it for such calls, and 415 where it is absent.
        if operation.method() != Method::GET {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let template = Self::new(operation, uri, headers, json.map_or_else(Body::empty, Body::from));
        Ok(Self { resource: params.resource().map(Arc::clone), ..template })
    }

    /// An upload into a file container: to the URI that the service gave, with the headers that it
    /// gave and none but those.
    pub(crate) fn upload(container: &FileContainer, body: Body, base: &BaseUrl) -> Result<Self, Error> {
        let operation = Operation::UploadToContainer;
        let refuse = |why: &str| {
            let why = format!("{why}; the bytes were not sent");
            invalid(operation, container.file_id(), Rule::UploadTarget, why)
        };
        let uri: Uri = container.upload_uri().parse().map_err(|_| refuse("the uploadUri is no URI"))?;
        let authority = uri.authority().ok_or_else(|| refuse("the uploadUri has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("the uploadUri has user info"));
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_loopback(authority.host()) && base.is_loopback() => {}
            _ => return Err(refuse("the uploadUri is not https")),
        }
        let mut headers = HeaderMap::new();
        for (name, value) in container.required_headers() {
            let header = HeaderName::try_from(name).map_err(|_| refuse("a required header has an invalid name"))?;
            if [AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING].contains(&header) {
                return Err(refuse("a required header is not one that the service may set"));
            }
            let value = HeaderValue::try_from(value).map_err(|_| refuse("a required header has an invalid value"))?;
            if headers.insert(header, value).is_some() {
                return Err(refuse("a required header comes twice, in two spellings"));
            }
        }
        Ok(Self::new(operation, uri, headers, body))
    }

    fn new(operation: Operation, uri: Uri, mut headers: HeaderMap, body: Body) -> Self {
        // HTTP clients leave it out of a POST or PUT without a body, and servers then respond with 411.
        if !body.is_empty() || !matches!(operation.method(), Method::DELETE | Method::GET) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Self { operation, resource: None, uri, headers, body }
    }

    pub(crate) fn operation(&self) -> Operation {
        self.operation
    }

    pub(crate) fn resource(&self) -> Option<&Arc<str>> {
        self.resource.as_ref()
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// How many bytes the body has.
    pub(crate) fn body_length(&self) -> u64 {
        self.body.len()
    }

    /// Whether this goes to an API of the service, with a key, and not to the storage behind it.
    pub(crate) fn is_api(&self) -> bool {
        self.operation.spec().host != Host::Storage
    }

    /// The request of one attempt.
    pub(crate) fn request(
        &self,
        authorization: Option<HeaderValue>,
        user_agent: &HeaderValue,
        limits: AttemptLimits,
        progress: Option<&Arc<Progress>>,
    ) -> http::Request<Body> {
        let mut request = http::Request::new(match progress {
            Some(progress) => self.body.watched(progress),
            None => self.body.clone(),
        });
        *request.method_mut() = self.operation.method();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        // A container may ask for one of its own, which is then part of its signature.
        request.headers_mut().entry(USER_AGENT).or_insert_with(|| user_agent.clone());
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        request.extensions_mut().insert(limits);
        request
    }
}

fn push_path(text: &mut String, operation: Operation, organization_id: &str, params: &PathParams) -> Result<(), Error> {
    for segment in operation.segments() {
        text.push('/');
        let name = match segment {
            Segment::Literal(literal) => {
                text.push_str(literal);
                continue;
            }
            Segment::Placeholder(name) => name,
        };
        let id = if name == "organizationId" { organization_id } else { params.get(name).unwrap_or_default() };
        if matches!(id, "" | "." | "..") {
            return Err(invalid(operation, id, Rule::PathSegment, format!("this cannot be the {name}; check the id")));
        }
        text.extend(utf8_percent_encode(id, ENCODED));
    }
    Ok(())
}

fn invalid(operation: Operation, item: &str, rule: Rule, message: String) -> Error {
    InvalidError::new(Some(operation), vec![Finding::new(item, rule, message)]).into()
}
