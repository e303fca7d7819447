//! The items of the fake.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::decompress;
use super::json::{Object, malformed};
use super::response::Refusal;
use crate::access::verdict::Access;
use crate::access::viewer::Viewer;
use crate::model::{CompressionType, OrderingId, Permissions, document_keys as key};

/// An item in a source of the fake. It is cheap to clone.
#[derive(Clone, PartialEq)]
pub struct FakeItem(Arc<Inner>);

#[derive(PartialEq)]
struct Inner {
    document_id: String,
    ordering_id: OrderingId,
    compression_type: Option<CompressionType>,
    json: Value,
    permissions: Option<Permissions>,
    /// Its binary data, from the file container or from base64.
    binary: Option<Bytes>,
}

/// An item that was pushed and has not been judged.
#[derive(Debug)]
pub(super) struct PushedItem {
    pub(super) document_id: String,
    pub(super) ordering_id: OrderingId,
    pub(super) json: Value,
    pub(super) permissions: Option<Permissions>,
    /// The compression type as text. It is parsed last.
    pub(super) compression: Option<String>,
}

impl PushedItem {
    /// Reads an item without its `documentId`.
    pub(super) fn read(
        document_id: String,
        ordering_id: OrderingId,
        item: Object<Value>,
        compression: Option<String>,
    ) -> Result<Self, Refusal> {
        let json = Value::Object(item.into_json());
        let permissions = match property(&json, key::PERMISSIONS) {
            None | Some(Value::Null) => None,
            Some(value) => Some(Permissions::deserialize(value).map_err(|error| malformed(&error))?),
        };
        Ok(Self { document_id, ordering_id, json, permissions, compression })
    }

    /// The bytes of the base64 in the item. An error if it is not base64.
    pub(super) fn inline(&self) -> Option<Result<Bytes, base64::DecodeError>> {
        let base64 = property(&self.json, key::COMPRESSED_BINARY_DATA)?.as_str()?;
        Some(STANDARD.decode(base64).map(Bytes::from))
    }

    /// The number of bytes of data in the item itself.
    pub(super) fn data_bytes(&self) -> usize {
        [key::DATA, key::COMPRESSED_BINARY_DATA]
            .into_iter()
            .filter_map(|name| property(&self.json, name)?.as_str())
            .map(str::len)
            .sum()
    }

    /// The file container of its data.
    pub(super) fn file_id(&self) -> Option<&str> {
        property(&self.json, key::COMPRESSED_BINARY_DATA_FILE_ID)?.as_str()
    }

    pub(super) fn into_item(self, binary: Option<Bytes>, compression: CompressionType) -> FakeItem {
        let Self { document_id, ordering_id, json, permissions, compression: _ } = self;
        let compression_type = binary.is_some().then_some(compression);
        FakeItem(Arc::new(Inner { document_id, ordering_id, compression_type, json, permissions, binary }))
    }
}

impl FakeItem {
    /// The item with other JSON, and all else as it was.
    pub(super) fn with_json(&self, json: Value) -> Self {
        let Inner { document_id, ordering_id, compression_type, json: _, permissions, binary } = &*self.0;
        Self(Arc::new(Inner {
            document_id: document_id.clone(),
            ordering_id: *ordering_id,
            compression_type: *compression_type,
            json,
            permissions: permissions.clone(),
            binary: binary.clone(),
        }))
    }

    /// Its id: the URI of the item.
    #[must_use]
    pub fn document_id(&self) -> &str {
        &self.0.document_id
    }

    /// The ordering id of its push. Without one in the request, the service's clock in milliseconds.
    #[must_use]
    pub fn ordering_id(&self) -> OrderingId {
        self.0.ordering_id
    }

    /// The JSON object as it was pushed, with its original keys. It does not include `documentId`, nor the
    /// `compressionType` of an item in a batch, so that it is the same for every way to push an item.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0.json
    }

    /// A value of the object by its key, in any case: metadata or another property.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&Value> {
        property(&self.0.json, key)
    }

    /// Its title, if it is text.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.text("title")
    }

    /// Its `data`, if it is text.
    #[must_use]
    pub fn data(&self) -> Option<&str> {
        self.text(key::DATA)
    }

    /// The extension of its data's format.
    #[must_use]
    pub fn file_extension(&self) -> Option<&str> {
        self.text(key::FILE_EXTENSION)
    }

    /// The document id of the item to which it is an attachment.
    #[must_use]
    pub fn parent_id(&self) -> Option<&str> {
        self.text(key::PARENT_ID)
    }

    /// Its permissions, if it has any.
    #[must_use]
    pub fn permissions(&self) -> Option<&Permissions> {
        self.0.permissions.as_ref()
    }

    /// Whether a viewer sees it, and why: the result of [`Permissions::evaluate`]. Everybody sees an item
    /// without permissions. A secured source holds no such items.
    ///
    /// ```
    /// use coveo_push::fake::FakePushApi;
    /// use coveo_push::{DocumentBody, Identity, IdentityBody, PermissionIdentity, PermissionSet, Viewer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), coveo_push::Error> {
    /// let fake = FakePushApi::builder().secured_source("my-source").provider("My Provider").build();
    /// # let client = fake.client();
    /// # let staff = IdentityBody::group("Staff").member(Identity::user("asmith@example.com"));
    /// # let _ = client.identities("My Provider").add_or_update(&staff).await?;
    /// # let set = PermissionSet::new().allow(PermissionIdentity::group("Staff"));
    /// # let doc = DocumentBody::text("Words.").permissions(set);
    /// # let _ = client.items("my-source").add_or_update("https://example.com/a", &doc).await?;
    /// // … run the connector under test …
    ///
    /// let alice = fake.identity_graph().viewer(Identity::user("asmith@example.com"));
    /// let item = fake.source("my-source").item("https://example.com/a").unwrap();
    /// assert!(item.visible_to(&alice).is_allowed());
    /// assert!(!item.visible_to(&Viewer::unauthenticated()).is_allowed());
    /// # Ok(()) }
    /// ```
    pub fn visible_to(&self, viewer: &Viewer) -> Access {
        match self.permissions() {
            Some(permissions) => permissions.evaluate(viewer),
            None => Permissions::public().evaluate(viewer),
        }
    }

    /// The compression of its binary data. Default: [`ZLib`](CompressionType::ZLib). `None` without binary
    /// data.
    #[must_use]
    pub fn compression_type(&self) -> Option<CompressionType> {
        self.0.compression_type
    }

    /// The file container of its data (`compressedBinaryDataFileId`).
    #[must_use]
    pub fn file_id(&self) -> Option<&str> {
        self.text(key::COMPRESSED_BINARY_DATA_FILE_ID)
    }

    /// Its data, decompressed: from the file container, from base64, or its text. `None` without data.
    #[must_use]
    pub fn content(&self) -> Option<Bytes> {
        match (&self.0.binary, self.0.compression_type) {
            (Some(binary), Some(compression)) => decompress::all(binary, compression).ok().map(Bytes::from),
            _ => self.data().map(|text| Bytes::copy_from_slice(text.as_bytes())),
        }
    }

    /// The bytes of its binary data as they were pushed, still compressed: from the file container or from
    /// base64. `None` without binary data.
    #[must_use]
    pub fn compressed_content(&self) -> Option<Bytes> {
        self.0.binary.clone()
    }

    fn text(&self, key: &str) -> Option<&str> {
        property(&self.0.json, key)?.as_str()
    }
}

fn property<'a>(json: &'a Value, key: &str) -> Option<&'a Value> {
    let object = json.as_object()?;
    object.get(key).or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value))
}

impl fmt::Debug for FakeItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { document_id, ordering_id, compression_type, json, permissions: _, binary } = &*self.0;
        f.debug_struct("FakeItem")
            .field("document_id", document_id)
            .field("ordering_id", &ordering_id.get())
            .field("compression_type", compression_type)
            .field("json", json)
            .field("binary_bytes", &binary.as_ref().map(Bytes::len))
            .finish()
    }
}
