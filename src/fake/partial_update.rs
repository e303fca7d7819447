//! The operators of partial updates.

use serde_json::{Map, Value};

use super::json::Object;

/// Applies a partial update to the JSON of an item. `None` when it is invalid, or does not fit the item.
pub(super) fn apply(item: &mut Map<String, Value>, mut update: Object<Value>) -> Option<()> {
    let (Value::String(operator), Value::String(field)) = (update.take("operator")?, update.take("field")?) else {
        return None;
    };
    let value = update.take("value").unwrap_or_default();
    let key = item.keys().find(|key| key.eq_ignore_ascii_case(&field)).cloned().unwrap_or(field);
    let held = item.get(&key);
    let changed = match (operator.to_ascii_lowercase().as_str(), value) {
        ("arrayappend", Value::Array(values)) => Value::Array([array(held)?, values].concat()),
        ("arrayremove", Value::Array(values)) => {
            Value::Array(array(held)?.into_iter().filter(|value| !values.contains(value)).collect())
        }
        ("fieldvaluereplace", value) => value,
        ("dictionaryput", Value::Object(entries)) => {
            let mut dictionary = dictionary(held)?;
            dictionary.extend(entries);
            Value::Object(dictionary)
        }
        ("dictionaryremove", keys @ (Value::String(_) | Value::Array(_))) => {
            let mut dictionary = dictionary(held)?;
            let is_named = |key: &str| match &keys {
                Value::Array(keys) => keys.iter().any(|named| named == key),
                named => named == key,
            };
            dictionary.retain(|key, _| !is_named(key));
            Value::Object(dictionary)
        }
        _ => return None,
    };
    match changed {
        Value::Null => drop(item.remove(&key)),
        changed => drop(item.insert(key, changed)),
    }
    Some(())
}

fn array(held: Option<&Value>) -> Option<Vec<Value>> {
    match held {
        None => Some(Vec::new()),
        Some(Value::Array(values)) => Some(values.clone()),
        Some(_) => None,
    }
}

fn dictionary(held: Option<&Value>) -> Option<Map<String, Value>> {
    match held {
        None => Some(Map::new()),
        Some(Value::Object(entries)) => Some(entries.clone()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_operator_changes_its_field_and_no_other() {
        #[rustfmt::skip]
        let table = [
            ("arrayAppend",       "list", json!([3]),              Some(json!({"list": [1, 2, 3], "map": {"a": 1, "b": 2}}))),
            ("arrayAppend",       "new",  json!([3]),              Some(json!({"list": [1, 2], "map": {"a": 1, "b": 2}, "new": [3]}))),
            ("arrayAppend",       "map",  json!([3]),              None),
            ("arrayAppend",       "list", json!(3),                None),
            ("arrayRemove",       "list", json!([1, 7]),           Some(json!({"list": [2], "map": {"a": 1, "b": 2}}))),
            ("fieldValueReplace", "LIST", json!("x"),              Some(json!({"list": "x", "map": {"a": 1, "b": 2}}))),
            ("FIELDVALUEREPLACE", "map",  json!(null),             Some(json!({"list": [1, 2]}))),
            ("dictionaryPut",     "map",  json!({"b": 3, "c": 4}), Some(json!({"list": [1, 2], "map": {"a": 1, "b": 3, "c": 4}}))),
            ("dictionaryPut",     "list", json!({"b": 3}),         None),
            ("dictionaryRemove",  "map",  json!("a"),              Some(json!({"list": [1, 2], "map": {"b": 2}}))),
            ("dictionaryRemove",  "map",  json!(["a", "b"]),       Some(json!({"list": [1, 2], "map": {}}))),
            ("upsert",            "map",  json!({}),               None),
        ];
        for (operator, field, value, expected) in table {
            let mut item = json!({"list": [1, 2], "map": {"a": 1, "b": 2}}).as_object().unwrap().clone();
            let update = json!({"operator": operator, "field": field, "value": value}).to_string();
            let applied = apply(&mut item, serde_json::from_str(&update).unwrap());
            assert_eq!(applied.map(|()| Value::Object(item)), expected, "{update}");
        }
    }
}
