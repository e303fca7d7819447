//! The fields of the organization.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::json;
use super::platform::{Page, ok, text};
use super::response::{Refusal, ServiceResponse};
use super::state::ServiceState;
use crate::preflight::field_name;

impl ServiceState {
    pub(super) fn search_fields(&self, body: &Bytes) -> Result<ServiceResponse, Refusal> {
        let body: Map<String, Value> = json::read(body)?;
        let number = |key: &str, default: u64| body.get(key).and_then(Value::as_u64).unwrap_or(default);
        let (page, per_page) = (number("page", 0), number("perPage", 100));
        if !(1..=1000).contains(&per_page) {
            return Err(Refusal::bad_request("perPage must be from 1 to 1000."));
        }
        let filters = body.get("filters").and_then(Value::as_object);
        let names = filters.and_then(|filters| filters.get("fieldNames")).and_then(Value::as_array);
        let names: Option<BTreeSet<&str>> = names.map(|names| names.iter().filter_map(Value::as_str).collect());
        let origin = filters.and_then(|filters| text(filters, "origin")).unwrap_or("ALL");
        let is_wanted = |(name, field): &(&String, &Map<String, Value>)| {
            let is_system = field.get("system") == Some(&Value::Bool(true));
            let is_of_origin = origin == "ALL" || (origin == "SYSTEM") == is_system;
            is_of_origin && names.as_ref().is_none_or(|names| names.contains(name.as_str()))
        };
        let fields = self.organization_state.fields.iter().filter(is_wanted);
        let fields: Vec<Value> = fields.map(|(_, field)| Value::Object(field.clone())).collect();
        let total = fields.len();
        let as_size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let page = Page::new(as_size(page), as_size(per_page), total);
        let total_pages = page.total_pages;
        Ok(ok(json!({"items": page.take(fields), "totalEntries": total, "totalPages": total_pages})))
    }

    pub(super) fn create_fields(&mut self, body: &Bytes) -> Result<ServiceResponse, Refusal> {
        let fields: Vec<Map<String, Value>> = json::read(body)?;
        let results = fields.into_iter().map(|field| {
            let refused = self.create_field(&field).err();
            json!({
                "resourceModel": field,
                "operationResult": if refused.is_none() { "SUCCESS" } else { "ERROR" },
                "successful": refused.is_none(),
                "errorDetails": refused,
            })
        });
        let results: Vec<Value> = results.collect();
        let id = self.containers.another_id();
        let batch = json!({"batchOperationId": id, "status": "COMPLETED", "batchOperationResourcesStatus": results});
        Ok(ok(batch))
    }

    fn create_field(&mut self, field: &Map<String, Value>) -> Result<(), String> {
        let name = text(field, "name").unwrap_or_default();
        if let Some(finding) = field_name(name) {
            return Err(finding.message().to_owned());
        }
        if !matches!(text(field, "type"), Some("STRING" | "LONG" | "LONG_64" | "DOUBLE" | "DATE" | "VECTOR")) {
            return Err(format!("The type of the field '{name}' is not valid."));
        }
        if self.organization_state.fields.contains_key(name) {
            return Err(format!("The field '{name}' exists."));
        }
        self.organization_state.fields.insert(name.to_owned(), field.clone());
        Ok(())
    }
}
