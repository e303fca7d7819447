//! Places content in the item, or in a file container to which the item refers.

use super::Content;
use super::prepare::Prepared;
use super::uploaded::Uploaded;
use crate::api::file_containers;
use crate::error::{Error, InvalidError};
use crate::finding::{Finding, Rule};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::shared::Kernel;
use crate::model::{CompressionType, document_keys as key};
use crate::operation::Operation;
use crate::preflight::ItemText;

/// As long as the id of a file container.
const PLACEHOLDER_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The properties for the data of an item.
const DATA: [&str; 3] = [key::DATA, key::COMPRESSED_BINARY_DATA, key::COMPRESSED_BINARY_DATA_FILE_ID];

impl Content {
    /// Prepares an item for this content. An item that has data itself is refused.
    pub(crate) fn make_room(&self, document_id: &str, item: &mut ItemText<'_>) -> Result<(), Finding> {
        if let Some(data) = DATA.into_iter().find(|data| item.get(data).is_some()) {
            let message = format!("the item has `{data}` and is pushed with content; keep one");
            return Err(Finding::new(document_id, Rule::SeveralData, message));
        }
        for data in DATA {
            item.take_out(data);
        }
        if item.get(key::FILE_EXTENSION).is_none()
            && let Some(extension) = self.file_extension()
        {
            item.put(key::FILE_EXTENSION, serde_json::Value::from(extension).to_string().as_bytes());
        }
        Ok(())
    }
}

/// Placed content: the property of the item that holds it or refers to it.
pub(crate) struct Placed {
    property: &'static str,
    json: Vec<u8>,
    compression: Option<CompressionType>,
    /// The container that holds it, with its age.
    pub(crate) uploaded: Option<Uploaded>,
}

impl Placed {
    fn in_container(file_id: &str, compression: CompressionType, uploaded: Option<Uploaded>) -> Self {
        let json = serde_json::Value::from(file_id).to_string().into_bytes();
        Self { property: key::COMPRESSED_BINARY_DATA_FILE_ID, json, compression: Some(compression), uploaded }
    }

    /// Writes the property into an item.
    pub(crate) fn write(&self, item: &mut ItemText<'_>) {
        item.put(self.property, &self.json);
        match self.compression {
            Some(compression) => item.put(key::COMPRESSION_TYPE, format!("\"{compression}\"").as_bytes()),
            None => drop(item.take_out(key::COMPRESSION_TYPE)),
        }
    }
}

/// Why content could not be placed.
pub(crate) enum NotPlaced {
    /// It has changed, or can no longer be read.
    Content(Finding),
    /// The upload failed. The content is returned for another try.
    Upload(Error, Prepared),
}

impl From<NotPlaced> for Error {
    fn from(not_placed: NotPlaced) -> Self {
        match not_placed {
            NotPlaced::Content(finding) => InvalidError::new(Some(Operation::UploadToContainer), vec![finding]).into(),
            NotPlaced::Upload(error, _) => error,
        }
    }
}

impl Prepared {
    /// The reference to an uploaded content, with a placeholder of the same length for the id of its
    /// container. `None` for content that goes into the item itself.
    pub(crate) fn reference(&self) -> Option<Placed> {
        match self {
            Self::Inline { .. } => None,
            Self::Container { compression, .. } => Some(Placed::in_container(PLACEHOLDER_ID, *compression, None)),
        }
    }

    /// The number of bytes that are uploaded beside the item.
    pub(crate) fn uploaded_bytes(&self) -> u64 {
        match self {
            Self::Inline { .. } => 0,
            Self::Container { content, .. } => content.len(),
        }
    }

    /// Uploads content that does not go into the item itself.
    pub(crate) async fn place(
        self,
        document_id: &str,
        kernel: &Kernel,
        settings: &CallSettings,
    ) -> Result<Placed, NotPlaced> {
        match self {
            Self::Inline { property, json, compression } => Ok(Placed { property, json, compression, uploaded: None }),
            Self::Container { content, compression, file } => {
                let upload = file_containers::store(kernel, content.body(), settings);
                let stored = match content.uploading(upload).await {
                    Ok(Ok(stored)) => stored,
                    Ok(Err(error)) => {
                        return Err(NotPlaced::Upload(error, Self::Container { content, compression, file }));
                    }
                    Err(failure) => return Err(NotPlaced::Content(failure.finding(document_id))),
                };
                let uploaded = Uploaded { created: stored.created, file: file.map(|file| *file) };
                Ok(Placed::in_container(stored.container.file_id(), compression, Some(uploaded)))
            }
        }
    }
}
