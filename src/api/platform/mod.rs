//! The platform API: the few calls that a connector needs around its pushing.

mod create_once;
mod fields;
mod organization;
mod providers;
mod sources;

pub use fields::{CreateFields, ListFields, ListMissingFields};
pub use organization::{EvaluatePrivilege, GetLimits, GetOrganizationStatus, ResumeOrganization};
pub use providers::{CreateSecurityProvider, DeleteSecurityProvider, GetSecurityProvider};
pub use sources::{CreateSource, DeleteSource, GetSource, ListSources, UpdateSource};

use crate::kernel::shared::Kernel;
use crate::model::platform::{FieldModel, NewSecurityProvider, NewSource, SourceModel};
use crate::privilege::Privilege;

/// The organization itself, by the platform API: [`PushClient::platform`](crate::PushClient::platform).
///
/// It creates the targets of a connector: a source, its security identity provider, and the fields of its metadata.
/// [`guide::setting_up`](crate::guide::setting_up) has a program.
///
/// Each call needs a privilege, which [`Operation::privilege`](crate::Operation::privilege) tells. The key that the
/// administration console creates together with a source has none of them. An error with 401 or 403 names the privilege.
///
/// It is owned and cheap to clone, and shares everything with the client it came from.
#[derive(Debug, Clone)]
pub struct Platform {
    kernel: Kernel,
}

impl Platform {
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel }
    }

    /// Creates a source, or finds the one that has its name ([article 94](https://docs.coveo.com/en/94/)). Calling it
    /// again is safe: two sources of one name are never created, also after an attempt of unknown fate.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::platform::NewSource;
    ///
    /// let source = client.platform().create_source(NewSource::push("wiki").secured()).await?;
    /// let items = client.items(source.id());
    /// # let _ = items; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when the name is empty, or a source of that name has another type or
    /// visibility. The service refuses more sources than the licence allows (`numberOfSourcesLimit`).
    pub fn create_source(&self, source: NewSource) -> CreateSource {
        CreateSource::new(&self.kernel, source)
    }

    /// Gets a source, with its state and its number of items.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when it does not exist.
    pub fn source(&self, id: impl Into<String>) -> GetSource {
        GetSource::new(&self.kernel, id.into())
    }

    /// Lists all sources of the organization.
    pub fn sources(&self) -> ListSources {
        ListSources::new(&self.kernel)
    }

    /// Updates a source: writes it as it is given, with all keys that were read. It does not start a rebuild.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// let platform = client.platform();
    /// let source = platform.source("source-id").await?.set("sourceVisibility", "SECURED");
    /// platform.update_source(&source).await?;
    /// # Ok(()) }
    /// ```
    pub fn update_source(&self, source: &SourceModel) -> UpdateSource {
        UpdateSource::new(&self.kernel, source)
    }

    /// Deletes a source **with all of its items**.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when it does not exist.
    pub fn delete_source(&self, id: impl Into<String>) -> DeleteSource {
        DeleteSource::new(&self.kernel, id.into())
    }

    /// Creates a security identity provider for a source, or finds the one that has its id
    /// ([article 85](https://docs.coveo.com/en/85/)). If that one is not of the source yet, the source is added to it.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient, source_id: &str) -> Result<(), coveo_push::Error> {
    /// use coveo_push::IdentityBody;
    /// use coveo_push::platform::NewSecurityProvider;
    ///
    /// client.platform().create_provider(NewSecurityProvider::for_source("Wiki users", source_id)).await?;
    /// client.identities("Wiki users").add_or_update(&IdentityBody::user("asmith@example.com")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when its id is empty. The service refuses more providers than the licence
    /// allows (`numberOfSecurityProvidersLimit`).
    pub fn create_provider(&self, provider: NewSecurityProvider) -> CreateSecurityProvider {
        CreateSecurityProvider::new(&self.kernel, provider)
    }

    /// Gets a security identity provider.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when it does not exist.
    pub fn provider(&self, id: impl Into<String>) -> GetSecurityProvider {
        GetSecurityProvider::new(&self.kernel, id.into())
    }

    /// Deletes a security identity provider with all of its identities. Nobody sees the items then whose permissions name
    /// them.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`](crate::Error::NotFound) when it does not exist.
    pub fn delete_provider(&self, id: impl Into<String>) -> DeleteSecurityProvider {
        DeleteSecurityProvider::new(&self.kernel, id.into())
    }

    /// Lists all fields of the organization, those of the system included.
    pub fn fields(&self) -> ListFields {
        ListFields::new(&self.kernel)
    }

    /// Creates the fields that the organization does not have, and tells the result for each
    /// ([article 1833](https://docs.coveo.com/en/1833/)). Fields that are there are left as they are.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::platform::{FieldModel, FieldType};
    ///
    /// let fields = [FieldModel::string("wikitags").multi_value_facet(true), FieldModel::new("wikipages", FieldType::Long)];
    /// for result in client.platform().create_fields(fields).await? {
    ///     println!("{result}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when a name cannot be that of a field; nothing is sent then. A field
    /// that the service refuses is not an error of the call: see [`FieldOutcome`](crate::platform::FieldOutcome).
    pub fn create_fields(&self, fields: impl IntoIterator<Item = FieldModel>) -> CreateFields {
        CreateFields::new(&self.kernel, fields.into_iter().collect())
    }

    /// The metadata keys for which the organization has no field. The service accepts values under such a key and
    /// loses them without a word, unless a mapping of the source uses them.
    ///
    /// Upper and lower case make no difference, and properties of an item such as `permissions` do not count as metadata.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::DocumentBody;
    ///
    /// let doc = DocumentBody::text("Words.").title("A page").metadata("wikitags", ["a", "b"]);
    /// let missing = client.platform().missing_fields(doc.metadata.iter().map(|(key, _)| key)).await?;
    /// assert!(missing.is_empty(), "no field takes {}", missing.join(", "));
    /// # Ok(()) }
    /// ```
    pub fn missing_fields(&self, keys: impl IntoIterator<Item = impl Into<String>>) -> ListMissingFields {
        ListMissingFields::new(&self.kernel, keys.into_iter().map(Into::into).collect())
    }

    /// Gets the limits of the licence and their use ([article 1562](https://docs.coveo.com/en/1562/)), such as the number
    /// of items that may be pushed in a day.
    pub fn limits(&self) -> GetLimits {
        GetLimits::new(&self.kernel)
    }

    /// Gets the status of the organization: whether it is paused.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// let platform = client.platform();
    /// if platform.organization_status().await?.is_paused() {
    ///     platform.resume_organization().await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub fn organization_status(&self) -> GetOrganizationStatus {
        GetOrganizationStatus::new(&self.kernel)
    }

    /// Wakes the organization when it is paused. That takes minutes:
    /// [`organization_status`](Self::organization_status) tells when it is done.
    pub fn resume_organization(&self) -> ResumeOrganization {
        ResumeOrganization::new(&self.kernel)
    }

    /// Asks whether the key has a privilege, for everything in its domain.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::Operation;
    ///
    /// if let Some(needed) = Operation::CreateSource.privilege() {
    ///     if !client.platform().has_privilege(needed).await? {
    ///         eprintln!("the key lacks the privilege {needed}");
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn has_privilege(&self, privilege: Privilege) -> EvaluatePrivilege {
        EvaluatePrivilege::new(&self.kernel, privilege)
    }
}
