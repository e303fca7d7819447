//! The examples of the reference, where there is a copy of it.

use std::env;
use std::fs;
use std::path::Path;

use coveo_push::{BatchDocumentBody, BatchIdentityBody, DocumentBody, IdentityBody, MappedIdentityBody, Permissions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Names the folder that holds `examples/*_<model>.json`.
const FOLDER: &str = "PUSH_API_REFERENCE";

#[test]
fn every_example_of_the_reference_reads_into_its_model_and_writes_back() {
    let Some(folder) = env::var_os(FOLDER) else {
        println!("{FOLDER} is not set: no example was read");
        return;
    };
    let mut read = 0;
    for file in fs::read_dir(Path::new(&folder).join("examples")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        // The longer name first, where one ends with the other.
        let models: [(&str, Through); 6] = [
            ("_mapped_identity_body", through::<MappedIdentityBody>),
            ("_batch_identity_body", through::<BatchIdentityBody>),
            ("_batch_document_body", through::<BatchDocumentBody>),
            ("_identity_body", through::<IdentityBody>),
            ("_document_body", through::<DocumentBody>),
            ("_permissions", |json| serde_json::json!({"permissions": through::<Permissions>(&json["permissions"])})),
        ];
        let (_, model) = models.iter().find(|(suffix, _)| name.ends_with(suffix)).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(lower(&model(&json)), lower(&json), "{name}");
        read += 1;
    }
    assert!(read > 0, "there is no example");
    println!("{read} examples were read");
}

/// Reads JSON into a model and writes it back.
type Through = fn(&Value) -> Value;

fn through<T: Serialize + DeserializeOwned>(json: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(json.clone()).unwrap()).unwrap()
}

/// The JSON with its keys in lower case: one of the examples writes a key as no other does.
fn lower(json: &Value) -> Value {
    match json {
        Value::Object(object) => object.iter().map(|(key, value)| (key.to_lowercase(), lower(value))).collect(),
        Value::Array(values) => values.iter().map(lower).collect(),
        other => other.clone(),
    }
}
