//! Models that keep the JSON object of the service, so that an update writes back every key that was read.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::model::DateTime;
use crate::model::exact_json;
use crate::model::words::shortened;

/// Reads an object that has these keys, each with a text.
pub(super) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    needed: &[&str],
) -> Result<Map<String, Value>, D::Error> {
    let Value::Object(object) = exact_json::read(deserializer)? else {
        return Err(D::Error::custom("expected a JSON object"));
    };
    for key in needed {
        match object.get(*key) {
            Some(Value::String(_)) => {}
            Some(other) => {
                let other = shortened(&other.to_string());
                return Err(D::Error::custom(format_args!("`{key}` is {other}, and not text")));
            }
            None => return Err(D::Error::custom(format_args!("missing field `{key}`"))),
        }
    }
    Ok(object)
}

/// A date as the service writes it: text, or a number of milliseconds.
pub(super) fn date(value: &Value) -> Option<DateTime> {
    DateTime::deserialize(value).ok()
}

/// Defines a model that holds a JSON object, with methods for any of its keys.
macro_rules! object_model {
    ($(#[$doc:meta])* $name:ident needs [$($needed:literal),*]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(serde_json::Map<String, serde_json::Value>);

        impl $name {
            /// The value of a key, known to this crate or not; `None` when the key is absent or `null`.
            #[must_use]
            pub fn get(&self, key: &str) -> Option<&serde_json::Value> {
                self.0.get(key).filter(|value| !value.is_null())
            }

            /// Sets the value of a key, known to this crate or not.
            #[must_use]
            pub fn set(mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
                self.0.insert(key.into(), value.into());
                self
            }

            /// The text of a key.
            #[allow(dead_code, reason = "not every model has one")]
            fn text(&self, key: &str) -> Option<&str> {
                self.get(key)?.as_str()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::object::read(deserializer, &[$($needed),*]).map(Self)
            }
        }
    };
}

pub(super) use object_model;
