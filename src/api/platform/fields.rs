use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::create_once::{Creation, create_once};
use crate::api::call::{ApiRequest, request_builder};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::document_keys;
use crate::model::platform::{FieldModel, FieldOutcome, FieldResult};
use crate::operation::Operation;
use crate::preflight;

/// The largest page of fields.
const PER_PAGE: u32 = 1000;
/// So many fields are created, and so many names are asked for, by one request.
const AT_ONCE: usize = 500;

/// The fields with these names, or all.
async fn search(kernel: &Kernel, settings: &CallSettings, names: Option<&[String]>) -> Result<Vec<FieldModel>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        items: Vec<FieldModel>,
        #[serde(default)]
        total_pages: u32,
    }

    let (mut seen, mut fields) = (HashSet::new(), Vec::new());
    for page in 0_u32.. {
        let mut filters = json!({"origin": "ALL"});
        if let (Some(names), Some(filters)) = (names, filters.as_object_mut()) {
            filters.insert("fieldNames".to_owned(), names.into());
        }
        let body = json!({"page": page, "perPage": PER_PAGE, "filters": filters});
        let mut request = ApiRequest::new(kernel, Operation::SearchFields, PathParams::organization());
        request.settings = settings.clone();
        let (success, _) = request.json(serde_json::to_vec(&body), "fields").send().await?;
        let Page { items, total_pages } = decode::json(&success)?;
        let before = seen.len();
        fields.extend(items.into_iter().filter(|field| seen.insert(field.name().to_owned())));
        // A page without a new field is the last one in any case.
        if seen.len() == before || page + 1 >= total_pages {
            break;
        }
    }
    Ok(fields)
}

/// The fields with these names, by their names.
async fn named(
    kernel: &Kernel,
    settings: &CallSettings,
    names: &[String],
) -> Result<BTreeMap<String, FieldModel>, Error> {
    let mut found = BTreeMap::new();
    for names in names.chunks(AT_ONCE) {
        let fields = search(kernel, settings, Some(names)).await?;
        found.extend(fields.into_iter().map(|field| (field.name().to_lowercase(), field)));
    }
    Ok(found)
}

request_builder! {
    /// Lists the fields: [`Platform::fields`](crate::Platform::fields).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to the request of each page.
    ListFields -> Vec<FieldModel> { kernel: Kernel, settings: CallSettings }
    settings: settings;
}

impl ListFields {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self { kernel: kernel.clone(), settings: CallSettings::default() }
    }

    async fn send(self) -> Result<Vec<FieldModel>, Error> {
        search(&self.kernel, &self.settings, None).await
    }
}

request_builder! {
    /// Lists metadata keys without a field: [`Platform::missing_fields`](crate::Platform::missing_fields).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of its requests.
    ListMissingFields -> Vec<String> { kernel: Kernel, keys: Vec<String>, settings: CallSettings }
    settings: settings;
}

impl ListMissingFields {
    pub(super) fn new(kernel: &Kernel, keys: Vec<String>) -> Self {
        Self { kernel: kernel.clone(), keys, settings: CallSettings::default() }
    }

    async fn send(self) -> Result<Vec<String>, Error> {
        let Self { kernel, mut keys, settings } = self;
        let mut seen = BTreeSet::new();
        keys.retain(|key| document_keys::property(key.as_bytes()).is_none() && seen.insert(key.to_lowercase()));
        let names: Vec<String> = seen.into_iter().collect();
        let found = named(&kernel, &settings, &names).await?;
        keys.retain(|key| !found.contains_key(&key.to_lowercase()));
        Ok(keys)
    }
}

request_builder! {
    /// Creates fields: [`Platform::create_fields`](crate::Platform::create_fields).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of its requests.
    CreateFields -> Vec<FieldResult> { kernel: Kernel, fields: Vec<FieldModel>, settings: CallSettings }
    settings: settings;
}

impl CreateFields {
    pub(super) fn new(kernel: &Kernel, fields: Vec<FieldModel>) -> Self {
        Self { kernel: kernel.clone(), fields, settings: CallSettings::default() }
    }

    async fn send(self) -> Result<Vec<FieldResult>, Error> {
        let Self { kernel, mut fields, settings } = self;
        let request = ApiRequest::new(&kernel, Operation::CreateFields, PathParams::organization());
        request.found(fields.iter().filter_map(|field| preflight::field_name(field.name()))).check()?;
        let mut seen = BTreeSet::new();
        fields.retain(|field| seen.insert(field.name().to_owned()));
        let names: Vec<String> = seen.into_iter().collect();
        let found = named(&kernel, &settings, &names).await?;
        let missing: Vec<&FieldModel> = fields.iter().filter(|field| !found.contains_key(field.name())).collect();
        let mut created = BTreeMap::new();
        for missing in missing.chunks(AT_ONCE) {
            created.extend(create_once(&NewFields { kernel: &kernel, settings: &settings, fields: missing }).await?);
        }
        let result = |field: &FieldModel| {
            let outcome = match found.get(field.name()) {
                Some(found) if found.field_type() == field.field_type() => FieldOutcome::Exists,
                Some(found) => found.field_type().map_or(FieldOutcome::Exists, FieldOutcome::ExistsAs),
                None => created.remove(field.name()).unwrap_or(FieldOutcome::Unknown),
            };
            FieldResult::new(field.name(), outcome)
        };
        Ok(fields.iter().map(result).collect())
    }
}

/// Fields that are not there, for one request.
struct NewFields<'a> {
    kernel: &'a Kernel,
    settings: &'a CallSettings,
    fields: &'a [&'a FieldModel],
}

impl Creation for NewFields<'_> {
    type Created = BTreeMap<String, FieldOutcome>;

    async fn create(&self) -> Result<Self::Created, Error> {
        let mut request = ApiRequest::new(self.kernel, Operation::CreateFields, PathParams::organization());
        request.settings = self.settings.clone();
        let (success, _) = request.json(serde_json::to_vec(self.fields), "fields").send().await?;
        Ok(decode::json::<Created>(&success)?.outcomes())
    }

    async fn find(&self) -> Result<Option<Self::Created>, Error> {
        let names: Vec<String> = self.fields.iter().map(|field| field.name().to_owned()).collect();
        let found = named(self.kernel, self.settings, &names).await?;
        let are_there = names.iter().all(|name| found.contains_key(name));
        Ok(are_there.then(|| names.into_iter().map(|name| (name, FieldOutcome::Created)).collect()))
    }

    fn settings(&self) -> (&Kernel, &CallSettings) {
        (self.kernel, self.settings)
    }
}

/// The response to a creation of fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    #[serde(default)]
    batch_operation_resources_status: Vec<ResourceStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceStatus {
    resource_model: FieldModel,
    operation_result: Option<String>,
    error_details: Option<Value>,
    successful: Option<bool>,
}

impl Created {
    fn outcomes(self) -> BTreeMap<String, FieldOutcome> {
        let outcome = |status: ResourceStatus| {
            let ResourceStatus { resource_model, operation_result, error_details, successful } = status;
            let outcome = match (operation_result.as_deref(), successful) {
                (Some("SUCCESS"), None | Some(true)) | (None, Some(true)) => FieldOutcome::Created,
                (None, None) => FieldOutcome::Unknown,
                _ => FieldOutcome::Failed(match error_details {
                    Some(Value::String(text)) => text,
                    Some(Value::Null) | None => "the service gave no reason".to_owned(),
                    Some(other) => other.to_string(),
                }),
            };
            (resource_model.name().to_owned(), outcome)
        };
        self.batch_operation_resources_status.into_iter().map(outcome).collect()
    }
}
