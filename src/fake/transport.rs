//! The fake as a transport of a client, without a socket.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::handle::FakePushApi;
use crate::client::{PushClient, PushClientBuilder};
use crate::credentials::ApiKey;
use crate::error::SendError;
use crate::kernel::BoxFuture;
use crate::kernel::body::Body;
use crate::kernel::transport::{AttemptLimits, Transport};
use crate::operation::Host;

/// The origin of a request without one.
const ORIGIN: &str = "http://127.0.0.1:1";

impl FakePushApi {
    /// A client of this fake, with default settings.
    ///
    /// # Panics
    ///
    /// If the client cannot be built: the organization or the first key is empty, or the key is invalid in
    /// a header. To test such a client use [`client_builder`](Self::client_builder).
    #[must_use]
    #[track_caller]
    #[expect(clippy::expect_used, reason = "for tests only: it fails at the line of the test")]
    pub fn client(&self) -> PushClient {
        self.client_builder().build().expect("the organization and the first key of the fake are valid")
    }

    /// The builder of a client of this fake, with the organization, the key, the base URL and the transport.
    /// [`build`](PushClientBuilder::build) rejects settings of reqwest, such as
    /// [`http_client`](PushClientBuilder::http_client), beside this transport.
    #[must_use]
    pub fn client_builder(&self) -> PushClientBuilder {
        let (organization, key, clock) = {
            let state = self.shared.lock();
            (state.organization.clone(), state.client_key.clone(), state.clock)
        };
        let mut builder = PushClient::builder(organization, ApiKey::new(key)).base_url(self.base_url());
        builder.local_now = Arc::new(move || clock.local_now());
        builder.transport(self.clone())
    }

    /// The base URL of requests through the transport. No socket listens there.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{ORIGIN}{}", Host::Push.base_path())
    }
}

impl Transport for FakePushApi {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(async move {
            let most = AttemptLimits::of(&request).max_response_bytes;
            let (parts, body) = request.into_parts();
            let origin = match (parts.uri.scheme(), parts.uri.authority()) {
                (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
                _ => ORIGIN.to_owned(),
            };
            let response = self.shared.exchange(parts, &origin, body.into_bytes()).await;
            let mut response = response.map_err(|(kind, cause)| SendError::new(kind, cause))?;
            response.body_mut().truncate(most);
            Ok(response)
        })
    }
}
