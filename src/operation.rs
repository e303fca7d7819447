//! The operations of the Push API, in one table.
//!
//! Requests are built from it, the fake service responds by it, and errors and traces use its names.

use std::fmt;

use http::Method;

/// One operation of the Push API, or the upload into its storage.
///
/// Each of them is safe to repeat, as its description says, so all of them are retried. All but [`CreateFileContainer`](Self::CreateFileContainer) and
/// [`UploadToContainer`](Self::UploadToContainer) are queued by the service: a success means that
/// the operation was accepted, not that it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Sets the activity of a source. Setting the same status again changes nothing.
    SetSourceStatus,
    /// Adds or updates an item. The same item pushed again replaces itself.
    AddOrUpdateItem,
    /// Deletes an item. Deleting it again changes nothing.
    DeleteItem,
    /// Pushes a file container of items. The same container again replaces and deletes the same
    /// items.
    PushItemContainer,
    /// Deletes items whose ordering id is lower than a given one. Repeating it deletes no others.
    DeleteOldItems,
    /// Adds or updates a security identity. The same identity pushed again replaces itself.
    AddOrUpdateIdentity,
    /// Adds or updates the aliases of a security identity. The same aliases replace themselves.
    AddOrUpdateAlias,
    /// Disables a security identity. Disabling it again changes nothing.
    DeleteIdentity,
    /// Pushes a file container of security identities. The same container again replaces and
    /// disables the same identities.
    PushIdentityContainer,
    /// Disables security identities whose ordering id is lower than a given one. Repeating it disables no
    /// others.
    DeleteOldIdentities,
    /// Creates a file container. A second one is left unused and expires by itself.
    CreateFileContainer,
    /// Uploads bytes into a file container, which is storage and not the Push API. The same bytes
    /// replace themselves.
    UploadToContainer,
}

/// Which timeout an operation has by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeoutClass {
    /// A call with a small body and a small response.
    Control,
    /// A call whose body may be large: the timeout grows with it.
    Upload,
}

/// The row of the table for an operation.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// The path below the base URL, with its placeholders in braces; empty for the upload, which
    /// goes to a URI that the service hands out.
    pub(crate) path: &'static str,
    /// The statuses that the contract gives for a success.
    pub(crate) success: &'static [u16],
    pub(crate) timeout: TimeoutClass,
    /// The number of the article on docs.coveo.com.
    pub(crate) article: u16,
}

impl Operation {
    /// All operations.
    ///
    /// ```
    /// use coveo_push::Operation;
    ///
    /// let of_items = Operation::ALL.iter().filter(|operation| operation.name().starts_with("items."));
    /// assert_eq!(of_items.count(), 4);
    /// ```
    pub const ALL: &'static [Self] = &[
        Self::SetSourceStatus,
        Self::AddOrUpdateItem,
        Self::DeleteItem,
        Self::PushItemContainer,
        Self::DeleteOldItems,
        Self::AddOrUpdateIdentity,
        Self::AddOrUpdateAlias,
        Self::DeleteIdentity,
        Self::PushIdentityContainer,
        Self::DeleteOldIdentities,
        Self::CreateFileContainer,
        Self::UploadToContainer,
    ];

    pub(crate) fn spec(self) -> Spec {
        use TimeoutClass::{Control, Upload};

        const STATUS: &str = "/organizations/{organizationId}/sources/{sourceId}/status";
        const DOCUMENTS: &str = "/organizations/{organizationId}/sources/{sourceId}/documents";
        const DOCUMENT_BATCH: &str = "/organizations/{organizationId}/sources/{sourceId}/documents/batch";
        const OLD_DOCUMENTS: &str = "/organizations/{organizationId}/sources/{sourceId}/documents/olderthan";
        const PERMISSIONS: &str = "/organizations/{organizationId}/providers/{providerId}/permissions";
        const MAPPINGS: &str = "/organizations/{organizationId}/providers/{providerId}/mappings";
        const PERMISSION_BATCH: &str = "/organizations/{organizationId}/providers/{providerId}/permissions/batch";
        const OLD_PERMISSIONS: &str = "/organizations/{organizationId}/providers/{providerId}/permissions/olderthan";
        const FILES: &str = "/organizations/{organizationId}/files";

        #[rustfmt::skip]
        let (name, method, path, success, timeout, article): (_, _, _, &[u16], _, _) = match self {
            Self::SetSourceStatus       => ("sources.set_status",             Method::POST,   STATUS,           &[201],      Control, 35),
            Self::AddOrUpdateItem       => ("items.add_or_update",            Method::PUT,    DOCUMENTS,        &[202],      Control, 133),
            Self::DeleteItem            => ("items.delete",                   Method::DELETE, DOCUMENTS,        &[202],      Control, 171),
            Self::PushItemContainer     => ("items.push_container",           Method::PUT,    DOCUMENT_BATCH,   &[202],      Control, 90),
            Self::DeleteOldItems        => ("items.delete_older_than",        Method::DELETE, OLD_DOCUMENTS,    &[202],      Control, 131),
            Self::AddOrUpdateIdentity   => ("identities.add_or_update",       Method::PUT,    PERMISSIONS,      &[202],      Control, 167),
            Self::AddOrUpdateAlias      => ("identities.add_or_update_alias", Method::PUT,    MAPPINGS,         &[202],      Control, 142),
            Self::DeleteIdentity        => ("identities.delete",              Method::DELETE, PERMISSIONS,      &[202],      Control, 84),
            Self::PushIdentityContainer => ("identities.push_container",      Method::PUT,    PERMISSION_BATCH, &[202],      Control, 55),
            Self::DeleteOldIdentities   => ("identities.delete_older_than",   Method::DELETE, OLD_PERMISSIONS,  &[202],      Control, 33),
            Self::CreateFileContainer   => ("file_containers.create",         Method::POST,   FILES,            &[201, 200], Control, 43),
            Self::UploadToContainer     => ("file_containers.upload",         Method::PUT,    "",               &[200],      Upload,  43),
        };
        Spec { name, method, path, success, timeout, article }
    }

    /// The name of the method that makes the request: `items.add_or_update`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The HTTP method.
    #[must_use]
    pub fn method(self) -> Method {
        self.spec().method
    }

    /// The path below the base URL, its placeholders in braces; empty for the upload, which goes to
    /// a URI that the service hands out.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.spec().path
    }

    /// The number of the article on docs.coveo.com that describes the operation.
    #[must_use]
    pub fn article(self) -> u16 {
        self.spec().article
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
