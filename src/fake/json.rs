//! Reads pushed JSON as strictly as the service does.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::response::Refusal;

/// A JSON object without duplicate keys. Keys are compared in any case.
pub(super) struct Object<T>(Vec<(String, T)>);

impl<T> Object<T> {
    /// Takes out a value by its key in any case.
    pub(super) fn take(&mut self, key: &str) -> Option<T> {
        let index = self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(key))?;
        Some(self.0.swap_remove(index).1)
    }
}

impl Object<Value> {
    pub(super) fn into_json(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Read<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<T>, A::Error> {
                let mut entries = Vec::new();
                let mut seen = HashSet::new();
                while let Some((key, value)) = map.next_entry::<String, T>()? {
                    if !seen.insert(key.to_lowercase()) {
                        return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
                    }
                    entries.push((key, value));
                }
                Ok(Object(entries))
            }
        }

        deserializer.deserialize_map(Read(PhantomData))
    }
}

pub(super) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(json).map_err(|error| malformed(&error))
}

pub(super) fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::invalid_json(format!("The JSON is malformed: {error}"))
}

/// The batch of items in a file container.
pub(super) struct ItemBatch {
    pub(super) add_or_update: Vec<BatchItem>,
    pub(super) delete: Vec<(String, bool)>,
    pub(super) partial_update: Vec<BatchItem>,
    pub(super) add_or_merge: Vec<BatchItem>,
}

/// An entry of a batch, without its `documentId`.
pub(super) struct BatchItem {
    pub(super) document_id: String,
    pub(super) json: Object<Value>,
    /// The length of its text, with the `documentId`.
    pub(super) bytes: usize,
}

pub(super) fn item_batch(json: &[u8]) -> Result<ItemBatch, Refusal> {
    let mut batch: Object<&RawValue> = read(json)?;
    let mut list = |key| -> Result<Vec<BatchItem>, Refusal> {
        let Some(list) = batch.take(key) else { return Ok(Vec::new()) };
        let texts = read::<Option<Vec<&RawValue>>>(list.get().as_bytes())?.unwrap_or_default();
        let items = texts.into_iter().map(|text| {
            let mut json: Object<Value> = read(text.get().as_bytes())?;
            Ok(BatchItem { document_id: document_id(&mut json)?, json, bytes: text.get().len() })
        });
        items.collect()
    };
    let add_or_update = list("addOrUpdate")?;
    let partial_update = list("partialUpdate")?;
    let add_or_merge = list("addOrMerge")?;
    let delete =
        list("delete")?.into_iter().map(|BatchItem { document_id, mut json, .. }| match json.take("deleteChildren") {
            None | Some(Value::Null) => Ok((document_id, false)),
            Some(Value::Bool(children)) => Ok((document_id, children)),
            Some(_) => Err(Refusal::invalid_json("A deleteChildren is neither true nor false.")),
        });
    let delete = delete.collect::<Result<_, Refusal>>()?;
    Ok(ItemBatch { add_or_update, delete, partial_update, add_or_merge })
}

fn document_id(item: &mut Object<Value>) -> Result<String, Refusal> {
    match item.take("documentId") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        _ => Err(Refusal::invalid_json("An item of the batch has no documentId.")),
    }
}
