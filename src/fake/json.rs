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
    pub(super) add_or_update: Vec<(String, Object<Value>)>,
    pub(super) delete: Vec<(String, bool)>,
}

pub(super) fn item_batch(json: &[u8]) -> Result<ItemBatch, Refusal> {
    let mut batch: Object<&RawValue> = read(json)?;
    let mut list = |key| -> Result<Vec<Object<Value>>, Refusal> {
        match batch.take(key) {
            None => Ok(Vec::new()),
            Some(list) => Ok(read::<Option<_>>(list.get().as_bytes())?.unwrap_or_default()),
        }
    };
    let add_or_update = list("addOrUpdate")?.into_iter().map(|mut item| Ok((document_id(&mut item)?, item)));
    let add_or_update = add_or_update.collect::<Result<_, Refusal>>()?;
    let delete = list("delete")?.into_iter().map(|mut item| {
        let id = document_id(&mut item)?;
        match item.take("deleteChildren") {
            None | Some(Value::Null) => Ok((id, false)),
            Some(Value::Bool(children)) => Ok((id, children)),
            Some(_) => Err(Refusal::invalid_json("A deleteChildren is neither true nor false.")),
        }
    });
    let delete = delete.collect::<Result<_, Refusal>>()?;
    Ok(ItemBatch { add_or_update, delete })
}

fn document_id(item: &mut Object<Value>) -> Result<String, Refusal> {
    match item.take("documentId") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        _ => Err(Refusal::invalid_json("An item of the batch has no documentId.")),
    }
}
