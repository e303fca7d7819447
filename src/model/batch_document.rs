use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::DocumentBody;
use super::any_case::deserialize_any_case;
use super::document_keys::DOCUMENT_ID;

/// A batch of items for a file container ([article 90](https://docs.coveo.com/en/90/)): items to add or
/// update, and items to delete.
///
/// Each id must occur only once in a batch, because the service does not document the order in which it
/// applies the two lists.
///
/// ```
/// use coveo_push::{BatchDocumentBody, DeletedDocument, DocumentBody};
///
/// let batch = BatchDocumentBody::new()
///     .add_or_update("https://example.com/a", DocumentBody::text("one"))
///     .delete("https://example.com/b")
///     .delete(DeletedDocument::new("https://example.com/c/").delete_children(true));
/// # let _ = batch;
/// ```
///
/// `collect` and `extend` take items to add or update:
///
/// ```
/// use coveo_push::{BatchDocument, BatchDocumentBody, DocumentBody};
///
/// let page = |number| BatchDocument::new(format!("https://example.com/{number}"), DocumentBody::text("words"));
/// let mut batch: BatchDocumentBody = (0..3).map(page).collect();
/// batch.extend((3..5).map(page));
/// assert_eq!(batch.len(), 5);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchDocumentBody {
    /// Items to add or update.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_or_update: Vec<BatchDocument>,
    /// Items to delete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<DeletedDocument>,
}

deserialize_any_case!(BatchDocumentBody {
    add_or_update: optional "addOrUpdate",
    delete: optional "delete",
});

impl BatchDocumentBody {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item to add or update.
    #[must_use]
    pub fn add_or_update(mut self, document_id: impl Into<String>, body: DocumentBody) -> Self {
        self.add_or_update.push(BatchDocument::new(document_id, body));
        self
    }

    /// Adds an item to delete: its URI, or a [`DeletedDocument`] to delete its children as well.
    #[must_use]
    pub fn delete(mut self, item: impl Into<DeletedDocument>) -> Self {
        self.delete.push(item.into());
        self
    }

    /// The number of operations in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.add_or_update.len() + self.delete.len()
    }

    /// Whether the batch has no operations. An empty batch is rejected before it is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Extend<BatchDocument> for BatchDocumentBody {
    fn extend<I: IntoIterator<Item = BatchDocument>>(&mut self, items: I) {
        self.add_or_update.extend(items);
    }
}

impl FromIterator<BatchDocument> for BatchDocumentBody {
    fn from_iter<I: IntoIterator<Item = BatchDocument>>(items: I) -> Self {
        Self { add_or_update: items.into_iter().collect(), delete: Vec::new() }
    }
}

/// An item of a batch: its URI and its body.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BatchDocument {
    /// The item's URI.
    pub document_id: String,
    /// The item itself.
    pub body: DocumentBody,
}

impl BatchDocument {
    /// An item of a batch.
    pub fn new(document_id: impl Into<String>, body: DocumentBody) -> Self {
        Self { document_id: document_id.into(), body }
    }
}

impl Serialize for BatchDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(DOCUMENT_ID, &self.document_id)?;
        self.body.serialize_entries(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for BatchDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (document_id, body) = DocumentBody::deserialize_with_id(deserializer)?;
        let document_id = document_id.ok_or_else(|| D::Error::missing_field(DOCUMENT_ID))?;
        Ok(Self { document_id, body })
    }
}

/// An item to delete.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeletedDocument {
    /// The item's URI.
    pub document_id: String,
    /// Whether to delete its children as well: the items whose URI begins with this one. Default: false.
    pub delete_children: bool,
}

impl DeletedDocument {
    /// An item to delete without its children.
    pub fn new(document_id: impl Into<String>) -> Self {
        Self { document_id: document_id.into(), delete_children: false }
    }

    /// Whether to delete its children as well: the items whose URI begins with this one. Default: no.
    ///
    /// End the URI with a `/`: without one it also takes the neighbours that begin like it.
    #[must_use]
    pub fn delete_children(mut self, delete: bool) -> Self {
        self.delete_children = delete;
        self
    }
}

/// The item of that URI, without its children.
impl From<String> for DeletedDocument {
    fn from(document_id: String) -> Self {
        Self::new(document_id)
    }
}

/// The item of that URI, without its children.
impl From<&str> for DeletedDocument {
    fn from(document_id: &str) -> Self {
        Self::new(document_id)
    }
}

deserialize_any_case!(DeletedDocument {
    document_id: required "documentId",
    delete_children: optional "deleteChildren",
});
