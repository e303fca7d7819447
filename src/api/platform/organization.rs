use serde::Deserialize;
use serde_json::json;

use crate::api::call::{ApiRequest, request_builder};
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::platform::{LicenceLimits, OrganizationStatus};
use crate::operation::Operation;
use crate::privilege::Privilege;

request_builder! {
    /// Gets the limits of the licence: [`Platform::limits`](crate::Platform::limits).
    GetLimits -> LicenceLimits { request: ApiRequest }
    settings: request.settings;
}

impl GetLimits {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::GetLimits, PathParams::organization()) }
    }

    async fn send(self) -> Result<LicenceLimits, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Gets the status of the organization: [`Platform::organization_status`](crate::Platform::organization_status).
    GetOrganizationStatus -> OrganizationStatus { request: ApiRequest }
    settings: request.settings;
}

impl GetOrganizationStatus {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::GetOrganizationStatus, PathParams::organization()) }
    }

    async fn send(self) -> Result<OrganizationStatus, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Wakes the organization: [`Platform::resume_organization`](crate::Platform::resume_organization).
    ResumeOrganization -> () { request: ApiRequest }
    settings: request.settings;
}

impl ResumeOrganization {
    pub(super) fn new(kernel: &Kernel) -> Self {
        Self { request: ApiRequest::new(kernel, Operation::ResumeOrganization, PathParams::organization()) }
    }

    async fn send(self) -> Result<(), Error> {
        self.request.send().await.map(drop)
    }
}

request_builder! {
    /// Asks whether the key has a privilege: [`Platform::has_privilege`](crate::Platform::has_privilege).
    EvaluatePrivilege -> bool {
        kernel: Kernel, privilege: Privilege, target_id: String, settings: CallSettings
    }
    settings: settings;
}

impl EvaluatePrivilege {
    pub(super) fn new(kernel: &Kernel, privilege: Privilege) -> Self {
        Self { kernel: kernel.clone(), privilege, target_id: "*".to_owned(), settings: CallSettings::default() }
    }

    /// Asks for one resource, such as the source with this id. Default: for all in the domain.
    pub fn on(mut self, id: impl Into<String>) -> Self {
        self.target_id = id.into();
        self
    }

    async fn send(self) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Evaluated {
            approved: bool,
        }

        let Self { kernel, privilege, target_id, settings } = self;
        let requested = json!({
            "owner": privilege.owned_by(),
            "targetDomain": privilege.domain(),
            "type": privilege.level(),
            "targetId": target_id,
        });
        let body = json!({"organizationId": &*kernel.shared.organization_id, "requestedPrivilege": requested});
        let mut request = ApiRequest::new(&kernel, Operation::EvaluatePrivilege, PathParams::organization());
        request.settings = settings;
        let (success, _) = request.json(serde_json::to_vec(&body), privilege.domain()).send().await?;
        decode::json::<Evaluated>(&success).map(|evaluated| evaluated.approved)
    }
}
