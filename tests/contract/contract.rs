//! The service's contract as far as it is checked: Swagger 2.0, in YAML.

use std::collections::BTreeMap;

use coveo_push::{Host, Operation};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contract {
    pub(crate) schemes: Vec<String>,
    pub(crate) host: String,
    pub(crate) base_path: String,
    /// By path, and then by method in lower case.
    pub(crate) paths: BTreeMap<String, BTreeMap<String, Call>>,
    pub(crate) definitions: BTreeMap<String, Schema>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) consumes: Vec<String>,
    #[serde(default)]
    pub(crate) produces: Vec<String>,
    #[serde(default)]
    pub(crate) parameters: Vec<Parameter>,
    /// By status.
    pub(crate) responses: BTreeMap<String, Declared>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    #[serde(rename = "in")]
    pub(crate) place: String,
    #[serde(default)]
    pub(crate) required: bool,
    /// That of a body.
    pub(crate) schema: Option<Schema>,
    /// That of all others, which stands beside the name.
    #[serde(flatten)]
    pub(crate) value: Schema,
}

/// An answer.
#[derive(Debug, Deserialize)]
pub(crate) struct Declared {
    pub(crate) schema: Option<Schema>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Schema>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Schema {
    #[serde(rename = "$ref")]
    pub(crate) reference: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) format: Option<String>,
    #[serde(rename = "enum")]
    pub(crate) words: Vec<String>,
    pub(crate) minimum: Option<i64>,
    pub(crate) required: Vec<String>,
    pub(crate) properties: BTreeMap<String, Schema>,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) additional_properties: Option<Box<Schema>>,
}

impl Contract {
    pub(crate) fn parse(yaml: &str) -> Self {
        let documents = Yaml::load_from_str(yaml).unwrap();
        serde_json::from_value(json(&documents[0])).unwrap()
    }

    pub(crate) fn call(&self, operation: Operation) -> Option<&Call> {
        // The contract is that of the Push API.
        let of_it = Some(operation).filter(|operation| operation.host() == Host::Push)?;
        self.paths.get(of_it.path())?.get(&operation.method().as_str().to_lowercase())
    }

    pub(crate) fn base_url(&self) -> String {
        format!("{}://{}{}", self.schemes[0], self.host, self.base_path)
    }

    /// What a reference stands for, with its name; the schema itself where it is none.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Schema) -> (Option<&'a str>, &'a Schema) {
        match &schema.reference {
            None => (None, schema),
            Some(reference) => {
                let name = reference.strip_prefix("#/definitions/").unwrap();
                (Some(name), &self.definitions[name])
            }
        }
    }
}

impl Call {
    pub(crate) fn query(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.place == "query")
    }

    pub(crate) fn body(&self) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.place == "body")
    }
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.0.into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Sequence(values) => values.iter().map(json).collect(),
        Yaml::Mapping(entries) => entries.iter().map(|(key, value)| (name(key), json(value))).collect(),
        other => panic!("the contract has YAML that is not understood: {other:?}"),
    }
}

/// A status is a number in some contracts and text in others.
fn name(key: &Yaml<'_>) -> String {
    match json(key) {
        Value::String(name) => name,
        other => other.to_string(),
    }
}
