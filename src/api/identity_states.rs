use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::{ApiRequest, query, request_builder};
use super::identities::Identities;
use crate::error::Error;
use crate::kernel::call_settings::CallSettings;
use crate::kernel::decode;
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::platform::{IdentityCacheState, IdentityState};
use crate::model::{DateTime, Identity};
use crate::operation::Operation;

/// The largest page of identities.
const PER_PAGE: u32 = 100;

impl Identities {
    /// Gets the state of an identity in the security cache: whether a push of it has arrived
    /// ([article 1728](https://docs.coveo.com/en/1728/)). A deleted identity stays there as
    /// [`Disabled`](IdentityCacheState::Disabled).
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::Identity;
    ///
    /// let state = client.identities("My Provider").state(&Identity::group("Staff")).await?;
    /// println!("{}: {} {}", state.name(), state.state(), state.error_detail().unwrap_or_default());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the provider, or the identity in it, is not known.
    pub fn state(&self, identity: &Identity) -> GetIdentityState {
        let Identity { name, identity_type, additional_info } = identity;
        let infos = additional_info.iter().flatten();
        let infos: Vec<Value> = infos.map(|(key, value)| json!({"key": key, "value": value})).collect();
        // Unlike the Push API, the cache has the type as in permissions.
        let body = json!({
            "name": name,
            "provider": self.provider_id(),
            "type": identity_type.in_permission(),
            "infos": infos,
        });
        let params = PathParams::provider(Arc::clone(&self.provider_id));
        let request = ApiRequest::new(&self.kernel, Operation::GetIdentityState, params);
        GetIdentityState { request: request.json(serde_json::to_vec(&body), name) }
    }

    /// Lists the identities of the provider whose last update failed, with the reasons.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::IdentityBody;
    ///
    /// let identities = client.identities("My Provider");
    /// let accepted = identities.add_or_update(&IdentityBody::group("Staff")).await?;
    /// // … minutes later …
    /// let mut errors = identities.in_error();
    /// if let Some(pushed) = accepted.server_time() {
    ///     errors = errors.since(pushed);
    /// }
    /// for identity in errors.await? {
    ///     eprintln!("{}: {}", identity.name(), identity.error_detail().unwrap_or_default());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the provider is not known.
    pub fn in_error(&self) -> ListIdentitiesInError {
        let (kernel, provider_id) = (self.kernel.clone(), Arc::clone(&self.provider_id));
        ListIdentitiesInError { kernel, provider_id, since: None, settings: CallSettings::default() }
    }
}

request_builder! {
    /// Gets the state of an identity: [`Identities::state`](crate::Identities::state).
    GetIdentityState -> IdentityState { request: ApiRequest }
    settings: request.settings;
}

impl GetIdentityState {
    async fn send(self) -> Result<IdentityState, Error> {
        let (success, _) = self.request.send().await?;
        decode::json(&success)
    }
}

request_builder! {
    /// Lists identities whose last update failed: [`Identities::in_error`](crate::Identities::in_error).
    ///
    /// [`timeout`](Self::timeout) and [`retry`](Self::retry) apply to the request of each page.
    ListIdentitiesInError -> Vec<IdentityState> {
        kernel: Kernel, provider_id: Arc<str>, since: Option<SystemTime>, pub(crate) settings: CallSettings
    }
    settings: settings;
}

/// A page: an object, or a list where the service does not page.
#[derive(Deserialize)]
#[serde(untagged)]
enum Page {
    #[serde(rename_all = "camelCase")]
    Object {
        items: Vec<IdentityState>,
        #[serde(default)]
        total_pages: u32,
    },
    List(Vec<IdentityState>),
}

impl ListIdentitiesInError {
    /// Only identities whose last update was at that time or later, by the service's clock. Default: all.
    pub fn since(mut self, time: SystemTime) -> Self {
        self.since = Some(time);
        self
    }

    async fn send(self) -> Result<Vec<IdentityState>, Error> {
        let Self { kernel, provider_id, since, settings } = self;
        let (mut seen, mut all) = (HashSet::new(), Vec::new());
        for page in 0_u32.. {
            let params = PathParams::provider(Arc::clone(&provider_id));
            let mut request = ApiRequest::new(&kernel, Operation::ListIdentityStates, params);
            request.settings = settings.clone();
            request.set(query::STATES, IdentityCacheState::InError);
            request.set(query::PAGE, page);
            request.set(query::PER_PAGE, PER_PAGE);
            request.set(query::USE_PAGE_MODEL, true);
            if let Some(since) = since {
                request.set(query::FROM, DateTime::from(since));
            }
            let (success, _) = request.send().await?;
            let (items, total_pages) = match decode::json(&success)? {
                Page::Object { items, total_pages } => (items, Some(total_pages)),
                Page::List(items) => (items, None),
            };
            let before = seen.len();
            for identity in items {
                if seen.insert((identity.name().to_owned(), identity.identity_type())) {
                    all.push(identity);
                }
            }
            // A page without a new identity is the last one in any case.
            if seen.len() == before || total_pages.is_some_and(|total| page + 1 >= total) {
                break;
            }
        }
        all.retain(|identity| is_in_error_since(identity, since));
        Ok(all)
    }
}

/// Whether an identity matches the request, in case the service ignores a filter.
fn is_in_error_since(identity: &IdentityState, since: Option<SystemTime>) -> bool {
    let updated = identity.last_update().and_then(|date| date.to_system_time());
    let is_recent = match (since, updated) {
        (Some(since), Some(updated)) => updated >= since,
        _ => true,
    };
    identity.state() == IdentityCacheState::InError && is_recent
}
