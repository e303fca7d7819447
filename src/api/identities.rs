use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::PushBatch;
use super::call::{ApiRequest, request_builder};
use crate::kernel::request::PathParams;
use crate::kernel::shared::Kernel;
use crate::model::{BatchIdentityBody, Identity, IdentityBody, MappedIdentityBody, OrderingId};
use crate::operation::Operation;
use crate::preflight;

/// The security identities of one provider: [`PushClient::identities`](crate::PushClient::identities).
///
/// The paths of these calls end with `permissions`, because identities are what permissions of items name: nothing of
/// an item is changed here.
///
/// It is owned and cheap to clone, and shares everything with the client it came from.
#[derive(Debug, Clone)]
pub struct Identities {
    pub(crate) kernel: Kernel,
    pub(crate) provider_id: Arc<str>,
}

impl Identities {
    pub(crate) fn new(kernel: Kernel, provider_id: Arc<str>) -> Self {
        Self { kernel, provider_id }
    }

    /// The security identity provider.
    #[must_use]
    pub fn provider_id(&self) -> &str {
        &self.provider_id
    }

    fn request(&self, operation: Operation) -> ApiRequest {
        ApiRequest::new(&self.kernel, operation, PathParams::provider(Arc::clone(&self.provider_id)))
    }

    /// Adds or updates a security identity ([article 167](https://docs.coveo.com/en/167/)).
    ///
    /// It replaces the identity as the provider has it: members that you leave out are removed from the
    /// group.
    /// A request may have 6 MB. For many identities use a batch: the service limits calls per day.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{Identity, IdentityBody};
    ///
    /// let group = IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com"));
    /// client.identities("My Provider").add_or_update(&group).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when an identity or a member has no name; nothing is sent then.
    pub fn add_or_update(&self, body: &IdentityBody) -> AddOrUpdateIdentity {
        let request = self.request(Operation::AddOrUpdateIdentity).found(preflight::identity(body));
        AddOrUpdateIdentity { request: request.json(serde_json::to_vec(body), &body.identity.name) }
    }

    /// Adds or updates a security identity from its JSON text, which is read as an [`IdentityBody`]: keys
    /// in any case, and an unknown key is an error. In all other ways this is
    /// [`add_or_update`](Self::add_or_update).
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// let text = r#"{
    ///     "identity": {"name": "SampleGroup", "type": "GROUP"},
    ///     "members": [{"name": "asmith@example.com", "type": "USER"}]
    /// }"#;
    /// client.identities("My Provider").add_or_update_json(text).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when the text cannot be read as an identity, or when an
    /// identity or a member has no name; nothing is sent then.
    pub fn add_or_update_json(&self, json: impl AsRef<[u8]>) -> AddOrUpdateIdentity {
        match preflight::read_model(json.as_ref()) {
            Ok(body) => self.add_or_update(&body),
            Err(invalid) => {
                let request = self.request(Operation::AddOrUpdateIdentity).found([invalid.finding("identity")]);
                AddOrUpdateIdentity { request }
            }
        }
    }

    /// Adds or updates the aliases of a security identity
    /// ([article 142](https://docs.coveo.com/en/142/)).
    ///
    /// An alias says that an identity of this provider and one of another are the same person or group.
    /// Most aliases link a user to an e-mail address. For many aliases use a batch, and not this call again and
    /// again. Give the same granted identities (`wellKnowns`) in
    /// every call for an identity, or the grants are lost.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{MappedIdentity, MappedIdentityBody};
    ///
    /// let alias = MappedIdentityBody::user("asmith")
    ///     .alias(MappedIdentity::user("asmith@example.com").provider("Email Security Provider"));
    /// client.identities("My Provider").add_or_update_alias(&alias).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when an identity or an alias has no name; nothing is sent then.
    pub fn add_or_update_alias(&self, body: &MappedIdentityBody) -> AddOrUpdateAlias {
        let request = self.request(Operation::AddOrUpdateAlias).found(preflight::alias(body));
        AddOrUpdateAlias { request: request.json(serde_json::to_vec(body), &body.identity.name) }
    }

    /// Deletes a security identity, which the service calls disabling it
    /// ([article 84](https://docs.coveo.com/en/84/)). Items that name it are not deleted. For many deletions use a
    /// batch, and not this call again and again.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when it has no name; nothing is sent then.
    pub fn delete(&self, identity: &Identity) -> DeleteIdentity {
        #[derive(Serialize)]
        struct Deleted<'a> {
            identity: &'a Identity,
        }

        let request = self.request(Operation::DeleteIdentity).found(preflight::names(identity, []));
        DeleteIdentity { request: request.json(serde_json::to_vec(&Deleted { identity }), &identity.name) }
    }

    /// Pushes a batch ([article 55](https://docs.coveo.com/en/55/)): creates a file container, uploads the
    /// batch into it, and pushes the container. Each step has its own retries.
    ///
    /// A batch may have up to 256 MB.
    ///
    /// ```
    /// # async fn example(client: coveo_push::PushClient) -> Result<(), coveo_push::Error> {
    /// use coveo_push::{BatchIdentityBody, Identity, IdentityBody};
    ///
    /// let batch = BatchIdentityBody::new()
    ///     .add_or_update(IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com")))
    ///     .delete(Identity::user("bjones@example.com"));
    /// client.identities("My Provider").push_batch(&batch).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when an identity breaks a rule of [`preflight`]; nothing is sent then.
    pub fn push_batch(&self, batch: &BatchIdentityBody) -> PushBatch {
        PushBatch::of_identities(&self.kernel, &self.provider_id, batch)
    }

    /// Pushes a batch from its JSON text, such as that of a [failed batch](crate::report::FailedBatch::save), in the
    /// same three steps. Only its lists are
    /// checked, and not the operations in them.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when it is not a JSON object, has an unknown list, or is
    /// empty; nothing is sent then.
    pub fn push_batch_json(&self, json: impl Into<Bytes>) -> PushBatch {
        let params = PathParams::provider(Arc::clone(&self.provider_id));
        let lists = ["members", "mappings", "deleted"];
        PushBatch::of_json(&self.kernel, Operation::PushIdentityContainer, params, &json.into(), &lists)
    }

    /// Pushes a file container that was filled before with the JSON of a [`BatchIdentityBody`]
    /// ([article 55](https://docs.coveo.com/en/55/)). The JSON is not checked.
    pub fn push_container(&self, file_id: impl Into<String>) -> PushIdentityContainer {
        PushIdentityContainer { request: self.request(Operation::PushIdentityContainer).file_id(file_id.into()) }
    }

    /// Deletes the identities of the provider whose ordering id is lower than this one
    /// ([article 33](https://docs.coveo.com/en/33/)).
    ///
    /// **Choose the id with care**, as for [items](super::Items::delete_older_than): the example there shows
    /// how.
    ///
    /// Some of the service's pages do not list
    /// [`queue_delay`](DeleteOldIdentities::queue_delay) for identities. It is sent only when it is set.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) when the id is in the future by the service's clock, as the last call that
    /// succeeded told it (by the local clock until then); nothing is sent then.
    pub fn delete_older_than(&self, ordering_id: impl Into<OrderingId>) -> DeleteOldIdentities {
        let id = ordering_id.into();
        DeleteOldIdentities { request: self.request(Operation::DeleteOldIdentities).older_than(id) }
    }
}

request_builder! {
    /// Adds or updates a security identity: [`Identities::add_or_update`].
    AddOrUpdateIdentity with ordering_id
}

request_builder! {
    /// Adds or updates aliases: [`Identities::add_or_update_alias`].
    AddOrUpdateAlias with ordering_id
}

request_builder! {
    /// Deletes a security identity: [`Identities::delete`].
    DeleteIdentity with ordering_id
}

request_builder! {
    /// Pushes a file container of identities: [`Identities::push_container`].
    PushIdentityContainer with ordering_id
}

request_builder! {
    /// Deletes old security identities: [`Identities::delete_older_than`].
    DeleteOldIdentities with queue_delay own_ordering_scheme call_settings
}
