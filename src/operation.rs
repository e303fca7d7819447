//! The operations of the service, in one table.
//!
//! Requests are built from it, the fake service responds by it, and errors and traces use its names.

use std::fmt;

use http::Method;

use crate::privilege::Privilege;

/// One operation of the Push API, the Stream API, the logs or the platform API, or the upload into the storage.
///
/// Each of them is safe to repeat, as its description says, so all of them are retried. Closing a stream is
/// the exception: it is repeated for seconds only. Creating a source, a provider or fields is another: the service is asked
/// first whether the attempt before was carried out. Most operations are queued by the service: a success
/// means that the operation was accepted, not that it was carried out.
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
    /// Opens a stream of a catalog source. A second one is left open and changes nothing.
    OpenStream,
    /// Creates a file container of an open stream. A second one is left unused and expires by itself.
    CreateStreamChunk,
    /// Closes a stream of a catalog source, which replaces everything in the source. After an attempt of
    /// unknown fate it is repeated for seconds only: a late one would undo later updates.
    CloseStream,
    /// Pushes a file container of updates to a catalog source. The same container again updates the same items.
    UpdateCatalog,
    /// Pushes a file container of partial items to a catalog source. The same container again merges the same
    /// values.
    MergeCatalog,
    /// Deletes items of a catalog source whose ordering id is lower than a given one. Repeating it deletes no
    /// others.
    DeleteOldCatalogItems,
    /// [`OpenStream`](Self::OpenStream) for a data collection.
    OpenCollectionStream,
    /// [`CreateStreamChunk`](Self::CreateStreamChunk) for a data collection.
    CreateCollectionChunk,
    /// [`CloseStream`](Self::CloseStream) for a data collection.
    CloseCollectionStream,
    /// [`UpdateCatalog`](Self::UpdateCatalog) for a data collection.
    UpdateCollection,
    /// [`MergeCatalog`](Self::MergeCatalog) for a data collection.
    MergeCollection,
    /// [`DeleteOldCatalogItems`](Self::DeleteOldCatalogItems) for a data collection.
    DeleteOldCollectionItems,
    /// Lists the sources. It changes nothing.
    ListSources,
    /// Creates a source. After an attempt of unknown fate, the service is asked first whether the source is there.
    CreateSource,
    /// Gets a source. It changes nothing.
    GetSource,
    /// Updates a source. The same source again replaces itself.
    UpdateSource,
    /// Deletes a source. Deleting it again changes nothing.
    DeleteSource,
    /// Creates a security identity provider, like [`CreateSource`](Self::CreateSource).
    CreateSecurityProvider,
    /// Gets a security identity provider. It changes nothing.
    GetSecurityProvider,
    /// Updates a security identity provider. The same provider again replaces itself.
    UpdateSecurityProvider,
    /// Deletes a security identity provider. Deleting it again changes nothing.
    DeleteSecurityProvider,
    /// Searches the fields. It changes nothing.
    SearchFields,
    /// Creates fields, like [`CreateSource`](Self::CreateSource).
    CreateFields,
    /// Gets the limits of the licence. It changes nothing.
    GetLimits,
    /// Gets the status of the organization. It changes nothing.
    GetOrganizationStatus,
    /// Wakes the organization. Waking it again changes nothing.
    ResumeOrganization,
    /// Asks whether the key has a privilege. It changes nothing.
    EvaluatePrivilege,
    /// Gets an identity from the security cache. It changes nothing.
    GetIdentityState,
    /// Lists identities of the security cache. It changes nothing.
    ListIdentityStates,
    /// Searches the logs of the indexing pipeline. It changes nothing.
    SearchLogs,
    /// Counts the entries of the logs. It changes nothing.
    CountLogs,
}

/// The host that an operation goes to. Each has its own throttle, its own hold and its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// The Push API and the Stream API: `https://api.cloud.coveo.com/push/v1` and its like.
    Push,
    /// The logs of the indexing pipeline: `https://api.cloud.coveo.com/logs/v1` and its like.
    Logs,
    /// The platform API: `https://platform.cloud.coveo.com/rest` and its like.
    Platform,
    /// The storage behind the file containers. It never gets a key.
    Storage,
}

impl Host {
    /// The end of its base URL; empty for the storage, which has none.
    pub(crate) fn base_path(self) -> &'static str {
        match self {
            Self::Push => "/push/v1",
            Self::Logs => "/logs/v1",
            Self::Platform => "/rest",
            Self::Storage => "",
        }
    }

    /// What messages call its base URL.
    pub(crate) fn url_name(self) -> &'static str {
        match self {
            Self::Push | Self::Storage => "base URL",
            Self::Logs => "logs URL",
            Self::Platform => "platform URL",
        }
    }
}

/// Which timeout an operation has by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeoutClass {
    /// A call with a small body and a small response.
    Control,
    /// A call whose body may be large: the timeout grows with it.
    Upload,
    /// A search in the logs, which can take a minute.
    Logs,
}

/// Whether an operation may be repeated after an attempt of unknown fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As long as the policy says.
    Safely,
    /// For seconds: later, it might undo what happened meanwhile.
    Briefly,
    /// No: something might be created twice.
    Never,
}

/// The row of the table for an operation.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) host: Host,
    pub(crate) method: Method,
    /// The path below the base URL, with its placeholders in braces; empty for the upload, which
    /// goes to a URI that the service hands out.
    pub(crate) path: &'static str,
    /// The statuses that the contract gives for a success.
    pub(crate) success: &'static [u16],
    pub(crate) timeout: TimeoutClass,
    pub(crate) repeat: Repeat,
    /// The id of the article on docs.coveo.com.
    pub(crate) article: &'static str,
}

/// A segment of a path in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(&'static str),
    /// The name of a value, without its braces.
    Placeholder(&'static str),
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
        Self::OpenStream,
        Self::CreateStreamChunk,
        Self::CloseStream,
        Self::UpdateCatalog,
        Self::MergeCatalog,
        Self::DeleteOldCatalogItems,
        Self::OpenCollectionStream,
        Self::CreateCollectionChunk,
        Self::CloseCollectionStream,
        Self::UpdateCollection,
        Self::MergeCollection,
        Self::DeleteOldCollectionItems,
        Self::ListSources,
        Self::CreateSource,
        Self::GetSource,
        Self::UpdateSource,
        Self::DeleteSource,
        Self::CreateSecurityProvider,
        Self::GetSecurityProvider,
        Self::UpdateSecurityProvider,
        Self::DeleteSecurityProvider,
        Self::SearchFields,
        Self::CreateFields,
        Self::GetLimits,
        Self::GetOrganizationStatus,
        Self::ResumeOrganization,
        Self::EvaluatePrivilege,
        Self::GetIdentityState,
        Self::ListIdentityStates,
        Self::SearchLogs,
        Self::CountLogs,
    ];

    pub(crate) fn spec(self) -> Spec {
        use TimeoutClass::{Control, Logs, Upload};

        const STATUS: &str = "/organizations/{organizationId}/sources/{sourceId}/status";
        const DOCUMENTS: &str = "/organizations/{organizationId}/sources/{sourceId}/documents";
        const DOCUMENT_BATCH: &str = "/organizations/{organizationId}/sources/{sourceId}/documents/batch";
        const OLD_DOCUMENTS: &str = "/organizations/{organizationId}/sources/{sourceId}/documents/olderthan";
        const PERMISSIONS: &str = "/organizations/{organizationId}/providers/{providerId}/permissions";
        const MAPPINGS: &str = "/organizations/{organizationId}/providers/{providerId}/mappings";
        const PERMISSION_BATCH: &str = "/organizations/{organizationId}/providers/{providerId}/permissions/batch";
        const OLD_PERMISSIONS: &str = "/organizations/{organizationId}/providers/{providerId}/permissions/olderthan";
        const FILES: &str = "/organizations/{organizationId}/files";
        const LOGS: &str = "/organizations/{organizationId}";
        const LOG_COUNTS: &str = "/organizations/{organizationId}/facetsStats";

        /// A path of the Stream API, for a source.
        macro_rules! stream {
            ($end:literal) => {
                concat!("/organizations/{organizationId}/sources/{sourceId}/stream/", $end)
            };
        }

        /// A path of the Stream API, for a data collection.
        macro_rules! collection {
            ($end:literal) => {
                concat!("/organizations/{organizationId}/data-collections/{dataCollectionId}/stream/", $end)
            };
        }

        /// A path of the platform API.
        macro_rules! platform {
            ($end:literal) => {
                concat!("/organizations/{organizationId}/", $end)
            };
        }

        /// The contract names one status for each call of the Stream API, and calls all of them "Created".
        const ANY: &[u16] = &[200, 201, 202];

        #[rustfmt::skip]
        let (name, method, path, success, timeout, article): (_, _, _, &[u16], _, _) = match self {
            Self::SetSourceStatus       => ("sources.set_status",             Method::POST,   STATUS,           &[201],      Control, "35"),
            Self::AddOrUpdateItem       => ("items.add_or_update",            Method::PUT,    DOCUMENTS,        &[202],      Control, "133"),
            Self::DeleteItem            => ("items.delete",                   Method::DELETE, DOCUMENTS,        &[202],      Control, "171"),
            Self::PushItemContainer     => ("items.push_container",           Method::PUT,    DOCUMENT_BATCH,   &[202],      Control, "90"),
            Self::DeleteOldItems        => ("items.delete_older_than",        Method::DELETE, OLD_DOCUMENTS,    &[202],      Control, "131"),
            Self::AddOrUpdateIdentity   => ("identities.add_or_update",       Method::PUT,    PERMISSIONS,      &[202],      Control, "167"),
            Self::AddOrUpdateAlias      => ("identities.add_or_update_alias", Method::PUT,    MAPPINGS,         &[202],      Control, "142"),
            Self::DeleteIdentity        => ("identities.delete",              Method::DELETE, PERMISSIONS,      &[202],      Control, "84"),
            Self::PushIdentityContainer => ("identities.push_container",      Method::PUT,    PERMISSION_BATCH, &[202],      Control, "55"),
            Self::DeleteOldIdentities   => ("identities.delete_older_than",   Method::DELETE, OLD_PERMISSIONS,  &[202],      Control, "33"),
            Self::CreateFileContainer   => ("file_containers.create",         Method::POST,   FILES,            &[201, 200], Control, "43"),
            Self::UploadToContainer     => ("file_containers.upload",         Method::PUT,    "",               &[200],      Upload,  "43"),
            Self::OpenStream               => ("catalog.open_stream", Method::POST, stream!("open"), ANY, Control, "lb4a0344"),
            Self::CreateStreamChunk        => ("catalog.create_chunk", Method::POST, stream!("{streamId}/chunk"), ANY, Control, "lb4a0344"),
            Self::CloseStream              => ("catalog.close_stream", Method::POST, stream!("{streamId}/close"), ANY, Control, "lb4a0344"),
            Self::UpdateCatalog            => ("catalog.update_container", Method::PUT,  stream!("update"), ANY, Control, "p4eb0129"),
            Self::MergeCatalog             => ("catalog.merge_container", Method::PUT,  stream!("merge"), ANY, Control, "o64d1129"),
            Self::DeleteOldCatalogItems    => ("catalog.delete_older_than", Method::POST, stream!("deleteolderthan/{epochMilliseconds}"), ANY, Control, "p4eb0129"),
            Self::OpenCollectionStream     => ("data_collection.open_stream", Method::POST, collection!("open"), ANY, Control, "q6980563"),
            Self::CreateCollectionChunk    => ("data_collection.create_chunk", Method::POST, collection!("{streamId}/chunk"), ANY, Control, "q6980563"),
            Self::CloseCollectionStream    => ("data_collection.close_stream", Method::POST, collection!("{streamId}/close"), ANY, Control, "q6980563"),
            Self::UpdateCollection         => ("data_collection.update_container", Method::PUT,  collection!("update"), ANY, Control, "q6980563"),
            Self::MergeCollection          => ("data_collection.merge_container", Method::PUT,  collection!("merge"), ANY, Control, "q6980563"),
            Self::DeleteOldCollectionItems => ("data_collection.delete_older_than", Method::POST, collection!("deleteolderthan/{epochMilliseconds}"), ANY, Control, "q6980563"),
            Self::ListSources            => ("platform.sources",           Method::GET,    platform!("sources/pages"), &[200], Control, "94"),
            Self::CreateSource           => ("platform.create_source",     Method::POST,   platform!("sources"), &[201, 200], Control, "94"),
            Self::GetSource              => ("platform.source",            Method::GET,    platform!("sources/{sourceId}"), &[200], Control, "94"),
            Self::UpdateSource           => ("platform.update_source",     Method::PUT,    platform!("sources/{sourceId}"), &[200], Control, "94"),
            Self::DeleteSource           => ("platform.delete_source",     Method::DELETE, platform!("sources/{sourceId}"), &[200, 204], Control, "94"),
            Self::CreateSecurityProvider => ("platform.create_provider",   Method::POST,   platform!("securityproviders"), &[200, 201], Control, "85"),
            Self::GetSecurityProvider    => ("platform.provider",          Method::GET,    platform!("securityproviders/{providerId}"), &[200], Control, "85"),
            Self::UpdateSecurityProvider => ("platform.update_provider",   Method::PUT,    platform!("securityproviders/{providerId}"), &[200], Control, "85"),
            Self::DeleteSecurityProvider => ("platform.delete_provider",   Method::DELETE, platform!("securityproviders/{providerId}"), &[204, 200], Control, "85"),
            Self::SearchFields           => ("platform.fields",            Method::POST,   platform!("indexes/fields/search"), &[200], Control, "1833"),
            Self::CreateFields           => ("platform.create_fields",     Method::POST,   platform!("indexes/fields/batch/create/results"), &[200], Control, "1833"),
            Self::GetLimits              => ("platform.limits",            Method::GET,    platform!("limits"), &[200], Control, "1562"),
            Self::GetOrganizationStatus  => ("platform.organization_status", Method::GET,  platform!("status"), &[200], Control, "95"),
            Self::ResumeOrganization     => ("platform.resume_organization", Method::POST, platform!("resume"), ANY, Control, "95"),
            Self::EvaluatePrivilege      => ("platform.has_privilege",     Method::POST,   "/privilege/evaluate", &[200], Control, "159"),
            Self::GetIdentityState       => ("identities.state",           Method::POST,   platform!("securitycache/entities/{providerId}/entity"), &[200], Control, "1728"),
            Self::ListIdentityStates     => ("identities.in_error",        Method::GET,    platform!("securitycache/entities/{providerId}/members"), &[200], Control, "1728"),
            Self::SearchLogs               => ("logs.search", Method::POST, LOGS,       &[200], Logs, "59"),
            Self::CountLogs                => ("logs.counts", Method::POST, LOG_COUNTS, &[200], Logs, "59"),
        };
        let repeat = match self {
            Self::CloseStream | Self::CloseCollectionStream => Repeat::Briefly,
            Self::CreateSource | Self::CreateSecurityProvider | Self::CreateFields => Repeat::Never,
            _ => Repeat::Safely,
        };
        let host = match self {
            Self::UploadToContainer => Host::Storage,
            Self::EvaluatePrivilege | Self::ResumeOrganization => Host::Platform,
            Self::SearchLogs | Self::CountLogs => Host::Logs,
            _ if self.privilege().is_some() => Host::Platform,
            _ => Host::Push,
        };
        Spec { name, host, method, path, success, timeout, repeat, article }
    }

    /// The privilege that the key needs for the call; `None` where any key is enough, or that
    /// of a source, or where the documentation does not say it. A call of the logs needs `SOURCE VIEW` on all sources as
    /// well.
    #[must_use]
    pub fn privilege(self) -> Option<Privilege> {
        let (domain, level) = match self {
            Self::ListSources | Self::GetSource => ("SOURCE", "VIEW"),
            Self::CreateSource => ("SOURCE", "CREATE"),
            Self::UpdateSource | Self::DeleteSource => ("SOURCE", "EDIT"),
            Self::GetSecurityProvider | Self::GetIdentityState | Self::ListIdentityStates => {
                ("SECURITY_PROVIDER", "VIEW")
            }
            Self::CreateSecurityProvider | Self::UpdateSecurityProvider => ("SECURITY_PROVIDER", "CREATE"),
            Self::DeleteSecurityProvider => ("SECURITY_PROVIDER", "EDIT"),
            Self::SearchFields => ("FIELD", "VIEW"),
            Self::CreateFields => ("FIELD", "CREATE"),
            Self::GetLimits | Self::GetOrganizationStatus => ("ORGANIZATION", "VIEW"),
            Self::SearchLogs | Self::CountLogs => ("ORGANIZATION", "VIEW"),
            _ => return None,
        };
        Some(Privilege::new(domain, level))
    }

    /// The privilege that the key needs besides [`privilege`](Self::privilege).
    pub(crate) fn second_privilege(self) -> Option<Privilege> {
        matches!(self, Self::SearchLogs | Self::CountLogs).then(|| Privilege::new("SOURCE", "VIEW"))
    }

    /// Whether it is a call of the Stream API.
    pub(crate) fn is_of_streams(self) -> bool {
        self.path().contains("/stream/")
    }

    /// The segments of the path: requests are written by them, and the fake routes by them.
    pub(crate) fn segments(self) -> impl Iterator<Item = Segment> {
        self.path().split('/').skip(1).map(|segment| {
            let placeholder = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            placeholder.map_or(Segment::Literal(segment), Segment::Placeholder)
        })
    }

    /// Whether the operation starts, ends or cleans up a run, and so must not wait behind its batches.
    pub(crate) fn goes_first(self) -> bool {
        matches!(
            self,
            Self::SetSourceStatus
                | Self::DeleteOldItems
                | Self::DeleteOldIdentities
                | Self::DeleteOldCatalogItems
                | Self::DeleteOldCollectionItems
                | Self::CloseStream
                | Self::CloseCollectionStream
        )
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

    /// The host that the request goes to.
    #[must_use]
    pub fn host(self) -> Host {
        self.spec().host
    }

    /// The path below the base URL of its host, its placeholders in braces; empty for the upload, which goes to
    /// a URI that the service hands out.
    #[must_use]
    pub fn path(self) -> &'static str {
        self.spec().path
    }

    /// The id of the article on docs.coveo.com that describes the operation, such as `133`.
    #[must_use]
    pub fn article(self) -> &'static str {
        self.spec().article
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
