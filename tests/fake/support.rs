//! What the tests of the fake have in common.

use coveo_push::bytes::Bytes;
use coveo_push::fake::FakePushApi;
use coveo_push::transport::{Body, SendError, Transport};
use coveo_push::{PushClient, RetryPolicy};
use serde_json::Value;

pub(crate) const SOURCE: &str = "my-source";
pub(crate) const SECURED: &str = "secured-source";
pub(crate) const PROVIDER: &str = "My Provider";

/// A fake with one of each.
pub(crate) fn fake() -> FakePushApi {
    FakePushApi::builder().source(SOURCE).secured_source(SECURED).provider(PROVIDER).build()
}

/// A client that sends everything once.
pub(crate) fn once(fake: &FakePushApi) -> PushClient {
    fake.client_builder().retry(RetryPolicy::none()).build().unwrap()
}

/// A request as no client of this crate would make it.
pub(crate) struct Raw(http::request::Builder, Body);

/// A request with the headers of every call; `path` is below the organization.
pub(crate) fn raw(method: &str, path: &str) -> Raw {
    raw_at(method, &format!("http://127.0.0.1:1/push/v1/organizations/my-org{path}"))
        .header("authorization", "Bearer fake-key")
        .header("content-type", "application/json")
}

/// A request with nothing.
pub(crate) fn raw_at(method: &str, uri: &str) -> Raw {
    Raw(http::Request::builder().method(method).uri(uri), Body::empty())
}

impl Raw {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name = http::HeaderName::try_from(name).unwrap();
        self.0.headers_mut().unwrap().insert(name, value.parse().unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.headers_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn json(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").bytes(body)
    }

    /// A body of which nothing is said.
    pub(crate) fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.1 = Body::from(body);
        self
    }

    /// Says the body's length.
    pub(crate) fn with_length(self) -> Self {
        let length = self.1.len().to_string();
        self.header("content-length", &length)
    }

    pub(crate) async fn try_send(self, to: &FakePushApi) -> Result<Got, SendError> {
        Ok(Got(to.send(self.0.body(self.1).unwrap()).await?))
    }

    pub(crate) async fn send(self, to: &FakePushApi) -> Got {
        self.try_send(to).await.unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct Got(http::Response<Bytes>);

impl Got {
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.0.body()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.0.body()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The status and the code of a refusal: of the API in JSON, of the storage in XML.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let code = match self.text().split_once("<Code>") {
            Some((_, rest)) => rest.split_once("</Code>").unwrap().0.to_owned(),
            None => {
                let json = self.json();
                assert!(json["message"].is_string(), "{json}");
                json["errorCode"].as_str().unwrap_or("no code").to_owned()
            }
        };
        (self.status(), code)
    }
}

/// What `refusal` gives, written shorter.
pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
