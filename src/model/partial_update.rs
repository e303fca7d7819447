use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::MetadataValue;
use super::any_case::deserialize_any_case;
use super::document_keys::DOCUMENT_ID;
use super::words::words;

/// A change of one field of an item of a catalog ([article p4eb0515](https://docs.coveo.com/en/p4eb0515/)). The item
/// must exist: the service drops a partial update of another one.
///
/// ```
/// use std::collections::BTreeMap;
/// use coveo_push::PartialUpdate;
///
/// let updates = [
///     PartialUpdate::replace("product://1", "ec_price", 28.0),
///     PartialUpdate::clear("product://1", "ec_promo_price"),
///     PartialUpdate::array_append("store://1", "ec_available_items", ["variant://1-s", "variant://1-m"]),
///     PartialUpdate::array_remove("store://1", "ec_available_items", ["variant://1-l"]),
///     PartialUpdate::dictionary_put("product://1", "price_by_country", BTreeMap::from([("ca", 38.5)])),
///     PartialUpdate::dictionary_remove("product://1", "price_by_country", ["us"]),
/// ];
/// # let _ = updates;
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartialUpdate {
    /// The item's URI.
    pub document_id: String,
    /// What to do with the field.
    pub operator: PartialUpdateOperator,
    /// The field: a key of the item's metadata.
    pub field: String,
    /// The operand; `None` clears the field, and is written as null.
    pub value: Option<MetadataValue>,
}

/// The operator of a [`PartialUpdate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PartialUpdateOperator {
    /// Appends values to a list.
    ArrayAppend,
    /// Removes values from a list.
    ArrayRemove,
    /// Replaces or clears the whole field.
    FieldValueReplace,
    /// Adds keys to a dictionary, or replaces their values.
    DictionaryPut,
    /// Removes keys from a dictionary.
    DictionaryRemove,
}

words!(PartialUpdateOperator: "operator" {
    ArrayAppend => "arrayAppend",
    ArrayRemove => "arrayRemove",
    FieldValueReplace => "fieldValueReplace",
    DictionaryPut => "dictionaryPut",
    DictionaryRemove => "dictionaryRemove",
});

deserialize_any_case!(PartialUpdate {
    document_id: required "documentId",
    operator: required "operator",
    field: required "field",
    value: optional "value",
});

impl PartialUpdate {
    /// Replaces the value of a field. NaN, infinite numbers and null are refused: null would clear the field,
    /// for which there is [`clear`](Self::clear).
    pub fn replace(document_id: impl Into<String>, field: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        Self::new(document_id, PartialUpdateOperator::FieldValueReplace, field, Some(value.into()))
    }

    /// Clears a field.
    pub fn clear(document_id: impl Into<String>, field: impl Into<String>) -> Self {
        Self::new(document_id, PartialUpdateOperator::FieldValueReplace, field, None)
    }

    /// Appends values to a list. A request whose response was lost is sent again, and may then have appended them
    /// twice.
    pub fn array_append(
        document_id: impl Into<String>,
        field: impl Into<String>,
        values: impl IntoIterator<Item: Into<MetadataValue>>,
    ) -> Self {
        Self::new(document_id, PartialUpdateOperator::ArrayAppend, field, Some(array(values)))
    }

    /// Removes values from a list.
    pub fn array_remove(
        document_id: impl Into<String>,
        field: impl Into<String>,
        values: impl IntoIterator<Item: Into<MetadataValue>>,
    ) -> Self {
        Self::new(document_id, PartialUpdateOperator::ArrayRemove, field, Some(array(values)))
    }

    /// Adds keys to a dictionary, or replaces their values; other keys stay.
    pub fn dictionary_put<K: Into<String>, V: Into<MetadataValue>>(
        document_id: impl Into<String>,
        field: impl Into<String>,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let value = MetadataValue::Dictionary(entries);
        Self::new(document_id, PartialUpdateOperator::DictionaryPut, field, Some(value))
    }

    /// Removes keys from a dictionary.
    pub fn dictionary_remove(
        document_id: impl Into<String>,
        field: impl Into<String>,
        keys: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        let keys = array(keys.into_iter().map(Into::into));
        Self::new(document_id, PartialUpdateOperator::DictionaryRemove, field, Some(keys))
    }

    fn new(
        document_id: impl Into<String>,
        operator: PartialUpdateOperator,
        field: impl Into<String>,
        value: Option<MetadataValue>,
    ) -> Self {
        Self { document_id: document_id.into(), operator, field: field.into(), value }
    }
}

fn array(values: impl IntoIterator<Item: Into<MetadataValue>>) -> MetadataValue {
    MetadataValue::Array(values.into_iter().map(Into::into).collect())
}

impl Serialize for PartialUpdate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("PartialUpdate", 4)?;
        object.serialize_field(DOCUMENT_ID, &self.document_id)?;
        object.serialize_field("operator", &self.operator)?;
        object.serialize_field("field", &self.field)?;
        object.serialize_field("value", &self.value)?;
        object.end()
    }
}
