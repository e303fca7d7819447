//! A value against a schema.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contract::{Contract, Schema};

/// Pairs of a place, which is the name of an operation or of a definition, and of something there.
pub(crate) type Names = BTreeSet<(String, String)>;

/// What was found of some values.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What differs.
    pub(crate) differences: Names,
    /// Every parameter, every property and every word of an enum that was there.
    pub(crate) seen: Names,
}

impl Found {
    pub(crate) fn differs(&mut self, place: &str, what: impl Into<String>) {
        self.differences.insert((place.to_owned(), what.into()));
    }

    /// Checks JSON against a schema. `place` is the definition that the schema stands in, and `at`
    /// the name of the value in it.
    pub(crate) fn json(&mut self, contract: &Contract, schema: &Schema, value: &Value, place: &str, at: &str) {
        let (name, schema) = contract.resolve(schema);
        let (place, at) = name.map_or((place, at), |name| (name, ""));
        if let Some(expected) = &schema.kind
            && !is_kind(expected, value)
        {
            return self.differs(place, format!("`{at}` is of the type {} and not {expected}", kind(value)));
        }
        match value {
            Value::Object(properties) => {
                for name in schema.required.iter().filter(|name| !properties.contains_key(*name)) {
                    self.differs(place, format!("`{name}` is missing"));
                }
                for (name, value) in properties {
                    let further = schema.additional_properties.as_deref();
                    match schema.properties.get(name) {
                        Some(property) => {
                            self.seen.insert((place.to_owned(), name.clone()));
                            self.json(contract, property, value, place, name);
                        }
                        None => match further {
                            Some(further) => self.json(contract, further, value, place, "*"),
                            None => self.differs(place, format!("`{name}` is unknown")),
                        },
                    }
                }
            }
            Value::Array(values) => {
                if let Some(items) = &schema.items {
                    values.iter().for_each(|value| self.json(contract, items, value, place, at));
                }
            }
            Value::String(text) => self.word(schema, text, place, at),
            Value::Number(number) => self.number(schema, &number.to_string(), place, at),
            Value::Bool(_) | Value::Null => {}
        }
    }

    /// Checks the text of a query parameter or of a header.
    pub(crate) fn text(&mut self, schema: &Schema, text: &str, place: &str, at: &str) {
        let is_kind = match schema.kind.as_deref() {
            Some("integer") => text.parse::<i128>().is_ok(),
            Some("number") => text.parse::<f64>().is_ok_and(f64::is_finite),
            Some("boolean") => matches!(text, "true" | "false"),
            Some("string") => true,
            other => panic!("a parameter of the type {other:?} is not understood"),
        };
        if !is_kind {
            return self.differs(place, format!("`{at}` is not of the type {}: {text}", schema.kind.as_ref().unwrap()));
        }
        self.word(schema, text, place, at);
        self.number(schema, text, place, at);
    }

    fn word(&mut self, schema: &Schema, word: &str, place: &str, at: &str) {
        if schema.words.iter().any(|known| known == word) {
            self.seen.insert((place.to_owned(), format!("{at}={word}")));
        } else if !schema.words.is_empty() {
            self.differs(place, format!("`{at}` is none of its words: {word}"));
        }
    }

    fn number(&mut self, schema: &Schema, text: &str, place: &str, at: &str) {
        let range = match schema.format.as_deref() {
            Some("int32") => i128::from(i32::MIN)..=i128::from(i32::MAX),
            Some("int64") => i128::from(i64::MIN)..=i128::from(i64::MAX),
            _ => return,
        };
        let number: i128 = text.parse().unwrap();
        if !range.contains(&number) || schema.minimum.is_some_and(|minimum| number < minimum.into()) {
            self.differs(place, format!("`{at}` is out of its range: {text}"));
        }
    }
}

fn is_kind(expected: &str, value: &Value) -> bool {
    match expected {
        "integer" => value.is_i64() || value.is_u64(),
        expected => expected == kind(value),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Contract {
    /// Every property that a schema declares, and every word of an enum; not what is in a property
    /// that is not among those `seen`.
    pub(crate) fn declared(&self, schema: &Schema, place: &str, at: &str, seen: &Names, all: &mut Names) {
        let (name, schema) = self.resolve(schema);
        let (place, at) = name.map_or((place, at), |name| (name, ""));
        all.extend(schema.words.iter().map(|word| (place.to_owned(), format!("{at}={word}"))));
        for (name, property) in &schema.properties {
            let key = (place.to_owned(), name.clone());
            if seen.contains(&key) {
                self.declared(property, place, name, seen, all);
            }
            all.insert(key);
        }
        if let Some(items) = &schema.items {
            self.declared(items, place, at, seen, all);
        }
    }
}
