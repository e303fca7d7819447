use serde::Serialize;

use super::any_case::deserialize_any_case;
use super::{BatchDocument, DeletedDocument, DocumentBody, PartialUpdate};

/// A batch of updates of a catalog, for a file container
/// ([article p4eb0129](https://docs.coveo.com/en/p4eb0129/)).
///
/// Each id must occur only once in a batch, because the service does not document the order in which it applies
/// the lists. Only partial updates of different fields may share an id.
///
/// ```
/// use coveo_push::{BatchUpdateBody, DocumentBody, PartialUpdate};
///
/// let shoe = DocumentBody::new().object_type("Product").metadata("ec_name", "Shoe").metadata("ec_price", 49.0);
/// let batch = BatchUpdateBody::new()
///     .add_or_update("product://1", shoe)
///     .partial_update(PartialUpdate::replace("product://2", "ec_price", 28.0))
///     .delete("product://3");
/// # let _ = batch;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchUpdateBody {
    /// Items to add or replace whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_or_update: Vec<BatchDocument>,
    /// Changes of single fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partial_update: Vec<PartialUpdate>,
    /// Items to delete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<DeletedDocument>,
}

deserialize_any_case!(BatchUpdateBody {
    add_or_update: optional "addOrUpdate",
    partial_update: optional "partialUpdate",
    delete: optional "delete",
});

impl BatchUpdateBody {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an item to add or replace whole.
    #[must_use]
    pub fn add_or_update(mut self, document_id: impl Into<String>, body: DocumentBody) -> Self {
        self.add_or_update.push(BatchDocument::new(document_id, body));
        self
    }

    /// Adds a change of one field of an item.
    #[must_use]
    pub fn partial_update(mut self, update: PartialUpdate) -> Self {
        self.partial_update.push(update);
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
        self.add_or_update.len() + self.partial_update.len() + self.delete.len()
    }

    /// Whether the batch has no operations. An empty batch is rejected before it is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A batch of partial items of a catalog, for a file container: of each item only the given keys change, and an item
/// that does not exist is added ([article o64d1129](https://docs.coveo.com/en/o64d1129/)).
///
/// The merge is shallow: a dictionary is replaced whole. Each id must occur only once.
///
/// The service does not document the key of its list: it is known from other clients.
///
/// ```
/// use coveo_push::{BatchMergeBody, DocumentBody};
///
/// let batch = BatchMergeBody::new().add_or_merge("product://1", DocumentBody::new().metadata("ec_in_stock", false));
/// # let _ = batch;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchMergeBody {
    /// The partial items.
    pub add_or_merge: Vec<BatchDocument>,
}

deserialize_any_case!(BatchMergeBody {
    add_or_merge: optional "addOrMerge",
});

impl BatchMergeBody {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a partial item.
    #[must_use]
    pub fn add_or_merge(mut self, document_id: impl Into<String>, body: DocumentBody) -> Self {
        self.add_or_merge.push(BatchDocument::new(document_id, body));
        self
    }

    /// The number of items in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.add_or_merge.len()
    }

    /// Whether the batch has no items. An empty batch is rejected before it is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add_or_merge.is_empty()
    }
}
