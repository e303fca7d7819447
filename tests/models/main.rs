//! The models as JSON, both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod casing;
mod catalogs;
mod properties;
mod reference;
mod refused;
mod round_trips;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The value is written as this JSON, and the JSON is read as this value.
#[track_caller]
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &Value) {
    assert_eq!(&serde_json::to_value(value).unwrap(), json);
    assert_eq!(&read::<T>(json).unwrap(), value);
    assert_eq!(&serde_json::from_slice::<T>(&serde_json::to_vec(json).unwrap()).unwrap(), value);
}

fn read<T: DeserializeOwned>(json: &Value) -> Result<T, serde_json::Error> {
    serde_json::from_str(&json.to_string())
}
