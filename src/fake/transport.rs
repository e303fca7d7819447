//! The first door: a transport, without a port.

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;

use super::FakePushApi;
use crate::error::{BoxError, SendError, SendErrorKind};
use crate::kernel::BoxFuture;
use crate::kernel::body::Body;
use crate::kernel::transport::{AttemptLimits, Transport};

/// The origin of a request that names none.
pub(super) const ORIGIN: &str = "http://127.0.0.1:1";

impl Transport for FakePushApi {
    fn send(&self, request: http::Request<Body>) -> BoxFuture<'_, Result<Response<Bytes>, SendError>> {
        Box::pin(async move {
            let most = AttemptLimits::of(&request).max_answer_bytes;
            let (parts, body) = request.into_parts();
            let origin = match (parts.uri.scheme(), parts.uri.authority()) {
                (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
                _ => ORIGIN.to_owned(),
            };
            let answer = self.shared.exchange(parts, &origin, collect(body)).await;
            let mut answer = answer.map_err(|(kind, why)| broken(kind, why))?;
            answer.body_mut().truncate(most);
            Ok(answer)
        })
    }
}

fn broken(kind: SendErrorKind, why: BoxError) -> SendError {
    SendError::new(kind, why)
}

async fn collect(body: Body) -> Result<Bytes, BoxError> {
    match body.as_bytes() {
        Some(bytes) => Ok(bytes.clone()),
        None => Ok(body.into_http_body().collect().await?.to_bytes()),
    }
}
