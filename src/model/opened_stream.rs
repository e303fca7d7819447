use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::FileContainer;
use super::any_case::deserialize_any_case;

/// A stream that the service opened, with its first file container: the response of
/// [`Catalog::open_stream`](crate::Catalog::open_stream).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenedStream {
    stream_id: String,
    container: FileContainer,
}

impl OpenedStream {
    /// The id by which further chunks are asked for, and by which the stream is closed.
    #[must_use]
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The stream's first file container. Nothing commits it but closing the stream.
    #[must_use]
    pub fn container(&self) -> &FileContainer {
        &self.container
    }
}

/// The response as the service writes it: the container's properties are beside the id.
struct Response {
    stream_id: String,
    upload_uri: String,
    file_id: String,
    required_headers: BTreeMap<String, String>,
}

deserialize_any_case!(Response, ignored _ {
    stream_id: required "streamId",
    upload_uri: required "uploadUri",
    file_id: required "fileId",
    required_headers: optional "requiredHeaders",
});

impl<'de> Deserialize<'de> for OpenedStream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Response { stream_id, upload_uri, file_id, required_headers } = Response::deserialize(deserializer)?;
        Ok(Self { stream_id, container: FileContainer::new(file_id, upload_uri, required_headers) })
    }
}
