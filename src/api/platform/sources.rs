use std::collections::HashSet;

use serde::Deserialize;

use super::create_once::{Creation, create_once};
use crate::api::call::{ApiRequest, query, request_builder};
use crate::error::{Error, InvalidError};
use crate::finding::{Finding, Rule};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::platform::{NewSource, SourceModel};
use crate::operation::Operation;
use crate::preflight;

/// The largest page of sources.
const PER_PAGE: u32 = 100;

request_builder! {
    /// Creates a source: [`Platform::create_source`](crate::Platform::create_source).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of its requests.
    CreateSource -> SourceModel { kernel: Kernel, source: NewSource, settings: CallSettings }
    settings: settings;
}

impl CreateSource {
    pub(super) fn new(kernel: &Kernel, source: NewSource) -> Self {
        Self { kernel: kernel.clone(), source, settings: CallSettings::default() }
    }

    fn request(&self) -> ApiRequest {
        let mut request = ApiRequest::new(&self.kernel, Operation::CreateSource, PathParams::organization());
        request.settings = self.settings.clone();
        request.found(preflight::required_name(self.source.name(), "the name of the source"))
    }

    async fn send(self) -> Result<SourceModel, Error> {
        self.request().check()?;
        match self.find().await? {
            Some(found) => Ok(found),
            None => create_once(&self).await,
        }
    }
}

impl Creation for CreateSource {
    type Created = SourceModel;

    async fn create(&self) -> Result<SourceModel, Error> {
        let json = serde_json::to_vec(&self.source.to_json());
        let (success, _) = self.request().json(json, self.source.name()).send().await?;
        decode::json(&success)
    }

    async fn find(&self) -> Result<Option<SourceModel>, Error> {
        match find(&self.kernel, &self.settings, self.source.name()).await? {
            Some(found) => same(&self.source, found).map(Some),
            None => Ok(None),
        }
    }

    fn settings(&self) -> (&Kernel, &CallSettings) {
        (&self.kernel, &self.settings)
    }
}

/// The source with this name.
async fn find(kernel: &Kernel, settings: &CallSettings, name: &str) -> Result<Option<SourceModel>, Error> {
    let sources = list(kernel, settings, Some(name)).await?;
    Ok(sources.into_iter().find(|source| source.name() == Some(name)))
}

/// A source that was found, if it is as a new one would be: items in another one might be visible to everybody.
fn same(wanted: &NewSource, found: SourceModel) -> Result<SourceModel, Error> {
    let name = wanted.name();
    if let Some(found_type) = found.source_type().filter(|found| !found.eq_ignore_ascii_case(wanted.source_type())) {
        return Err(refusal(name, "type", found_type, wanted.source_type()));
    }
    match found.visibility().filter(|found| found != wanted.visibility()) {
        Some(visibility) => Err(refusal(name, "visibility", visibility.as_str(), wanted.visibility().as_str())),
        None => Ok(found),
    }
}

fn refusal(name: &str, what: &str, found: &str, wanted: &str) -> Error {
    let message = format!("a source of this name exists, and its {what} is {found} and not {wanted}; use another name");
    InvalidError::new(Some(Operation::CreateSource), vec![Finding::new(name, Rule::SourceDiffers, message)]).into()
}

/// Lists all sources, or those whose name is like this.
async fn list(kernel: &Kernel, settings: &CallSettings, name: Option<&str>) -> Result<Vec<SourceModel>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        #[serde(default)]
        source_models: Vec<SourceModel>,
        #[serde(default)]
        total_pages: u32,
    }

    let (mut seen, mut sources) = (HashSet::new(), Vec::new());
    for page in 0_u32.. {
        let mut request = ApiRequest::new(kernel, Operation::ListSources, PathParams::organization());
        request.settings = settings.clone();
        request.set(query::PAGE, page);
        request.set(query::PER_PAGE, PER_PAGE);
        // The service takes filters of two characters or more.
        if let Some(name) = name.filter(|name| name.chars().nth(1).is_some()) {
            request.set(query::FILTER, name);
            request.set(query::STRING_FILTER_TYPE, "EXACTMATCH");
        }
        let (success, _) = request.send().await?;
        let Page { source_models, total_pages } = decode::json(&success)?;
        let before = seen.len();
        sources.extend(source_models.into_iter().filter(|source| seen.insert(source.id().to_owned())));
        // A page without a new source is the last one in any case.
        if seen.len() == before || page + 1 >= total_pages {
            break;
        }
    }
    Ok(sources)
}

request_builder! {
    /// Lists the sources: [`Platform::sources`](crate::Platform::sources).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to the request of each page.
    ListSources -> Vec<SourceModel> { kernel: Kernel, settings: CallSettings }
    settings: settings;
}

impl ListSources {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self { kernel: kernel.clone(), settings: CallSettings::default() }
    }

    async fn send(self) -> Result<Vec<SourceModel>, Error> {
        list(&self.kernel, &self.settings, None).await
    }
}

request_builder! {
    /// Gets a source: [`Platform::source`](crate::Platform::source).
    GetSource -> SourceModel { request: ApiRequest }
    settings: request.settings;
}

impl GetSource {
    pub(super) fn new(kernel: &Kernel, id: String) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::GetSource, PathParams::source(id)) }
    }

    async fn send(self) -> Result<SourceModel, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Updates a source: [`Platform::update_source`](crate::Platform::update_source).
    UpdateSource -> SourceModel { request: ApiRequest }
    settings: request.settings;
}

impl UpdateSource {
    pub(super) fn new(kernel: &Kernel, source: &SourceModel) -> Self {
        let request = ApiRequest::new(kernel, Operation::UpdateSource, PathParams::source(source.id()));
        let request = request.with(query::REBUILD, false);
        Self { request: request.json(serde_json::to_vec(source), source.id()) }
    }

    async fn send(self) -> Result<SourceModel, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Deletes a source: [`Platform::delete_source`](crate::Platform::delete_source).
    DeleteSource -> () { request: ApiRequest }
    settings: request.settings;
}

impl DeleteSource {
    pub(super) fn new(kernel: &Kernel, id: String) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::DeleteSource, PathParams::source(id)) }
    }

    async fn send(self) -> Result<(), Error> {
        self.request.send_deletion().await
    }
}
