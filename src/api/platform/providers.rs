use super::create_once::{Creation, create_once};
use crate::api::call::{ApiRequest, request_builder};
use crate::error::{Error, ErrorCode};
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::platform::{NewSecurityProvider, SecurityProviderModel};
use crate::operation::Operation;
use crate::preflight;

request_builder! {
    /// Creates a security identity provider: [`Platform::create_provider`](crate::Platform::create_provider).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to each of its requests.
    CreateSecurityProvider -> SecurityProviderModel {
        kernel: Kernel, provider: NewSecurityProvider, settings: CallSettings
    }
    settings: settings;
}

impl CreateSecurityProvider {
    pub(super) fn new(kernel: &Kernel, provider: NewSecurityProvider) -> Self {
        Self { kernel: kernel.clone(), provider, settings: CallSettings::default() }
    }

    fn request(&self, operation: Operation, params: PathParams) -> ApiRequest {
        let mut request = ApiRequest::new(&self.kernel, operation, params);
        request.settings = self.settings.clone();
        request.found(preflight::required_name(self.provider.id(), "the id of the provider"))
    }

    async fn send(self) -> Result<SecurityProviderModel, Error> {
        self.request(Operation::CreateSecurityProvider, PathParams::organization()).check()?;
        let Some(found) = self.find().await? else { return create_once(&self).await };
        let (id, source_id) = (self.provider.id(), self.provider.source_id());
        if found.source_ids().any(|known| known == source_id) {
            return Ok(found);
        }
        let request = self.request(Operation::UpdateSecurityProvider, PathParams::provider(id));
        let (success, _) = request.json(serde_json::to_vec(&found.with_source(source_id)), id).send().await?;
        decode::json(&success)
    }
}

impl Creation for CreateSecurityProvider {
    type Created = SecurityProviderModel;

    async fn create(&self) -> Result<SecurityProviderModel, Error> {
        let request = self.request(Operation::CreateSecurityProvider, PathParams::organization());
        let json = serde_json::to_vec(&self.provider.to_json());
        let (success, _) = request.json(json, self.provider.id()).send().await?;
        decode::json(&success)
    }

    async fn find(&self) -> Result<Option<SecurityProviderModel>, Error> {
        find(&self.kernel, &self.settings, self.provider.id()).await
    }

    fn settings(&self) -> (&Kernel, &CallSettings) {
        (&self.kernel, &self.settings)
    }
}

/// The provider with this id.
async fn find(kernel: &Kernel, settings: &CallSettings, id: &str) -> Result<Option<SecurityProviderModel>, Error> {
    let mut request = GetSecurityProvider::new(kernel, id.to_owned());
    request.request.settings = settings.clone();
    match request.send().await {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound(error)) if error.code() != Some(&ErrorCode::OrganizationNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

request_builder! {
    /// Gets a security identity provider: [`Platform::provider`](crate::Platform::provider).
    GetSecurityProvider -> SecurityProviderModel { request: ApiRequest }
    settings: request.settings;
}

impl GetSecurityProvider {
    pub(super) fn new(kernel: &Kernel, id: String) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::GetSecurityProvider, PathParams::provider(id)) }
    }

    async fn send(self) -> Result<SecurityProviderModel, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Deletes a security identity provider: [`Platform::delete_provider`](crate::Platform::delete_provider).
    DeleteSecurityProvider -> () { request: ApiRequest }
    settings: request.settings;
}

impl DeleteSecurityProvider {
    pub(super) fn new(kernel: &Kernel, id: String) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::DeleteSecurityProvider, PathParams::provider(id)) }
    }

    async fn send(self) -> Result<(), Error> {
        self.request.send_deletion().await
    }
}
