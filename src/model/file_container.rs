use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::any_case::deserialize_any_case;

/// A container for one upload, created by the service ([article 43](https://docs.coveo.com/en/43/)).
///
/// Upload the bytes to [`upload_uri`](Self::upload_uri) with all of
/// [`required_headers`](Self::required_headers). A batch or an item then refers to them by
/// [`file_id`](Self::file_id). The URI works for about an hour, and its owner may upload without a key.
/// `Debug` hides it; serde writes it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FileContainer {
    upload_uri: String,
    file_id: String,
    required_headers: BTreeMap<String, String>,
}

deserialize_any_case!(FileContainer, ignored _ {
    upload_uri: required "uploadUri",
    file_id: required "fileId",
    required_headers: optional "requiredHeaders",
});

impl FileContainer {
    /// A container from its parts: one that you saved, or one for a test.
    pub fn new(
        file_id: impl Into<String>,
        upload_uri: impl Into<String>,
        required_headers: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self {
            upload_uri: upload_uri.into(),
            file_id: file_id.into(),
            required_headers: required_headers.into_iter().collect(),
        }
    }

    /// The id by which a batch (`fileId`) or an item (`compressedBinaryDataFileId`) refers to the container.
    #[must_use]
    pub fn file_id(&self) -> &str {
        &self.file_id
    }

    /// The presigned URI to upload to. Use it unchanged, and keep it secret until it expires.
    #[must_use]
    pub fn upload_uri(&self) -> &str {
        &self.upload_uri
    }

    /// The headers that the upload must carry, with exactly these values.
    #[must_use]
    pub fn required_headers(&self) -> &BTreeMap<String, String> {
        &self.required_headers
    }
}

impl fmt::Debug for FileContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without `..`, so that whoever adds a field must decide whether it is secret.
        let Self { upload_uri: _, file_id, required_headers } = self;
        f.debug_struct("FileContainer")
            .field("file_id", file_id)
            .field("upload_uri", &"[redacted]")
            .field("required_headers", &required_headers.keys().collect::<Vec<_>>())
            .finish()
    }
}
