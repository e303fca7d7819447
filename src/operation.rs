//! The operations of the Push API and the Stream API, in one table.
//!
//! Requests are built from it, the fake service responds by it, and errors and traces use its names.

use std::fmt;

use http::Method;

/// One operation of the Push API or the Stream API, or the upload into their storage.
///
/// Each of them is safe to repeat, as its description says, so all of them are retried. Closing a stream is
/// the exception: it is repeated for seconds only. Most operations are queued by the service: a success
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
}

/// Whether an operation may be repeated after an attempt of unknown fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As long as the policy says.
    Safely,
    /// For seconds: later, it might undo what happened meanwhile.
    Briefly,
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
        };
        let repeat = match self {
            Self::CloseStream | Self::CloseCollectionStream => Repeat::Briefly,
            _ => Repeat::Safely,
        };
        let host = match self {
            Self::UploadToContainer => Host::Storage,
            _ => Host::Push,
        };
        Spec { name, host, method, path, success, timeout, repeat, article }
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
