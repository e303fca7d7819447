//! What the public types promise beside their methods, and what the package holds. The methods are in
//! `tests/public_api/public-api.txt`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs
)]

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::fs;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::process::Command;

use coveo_push::fake::{
    ClockOffset, ContainerCounts, DropReason, Dropped, DroppedIdentity, FakeIdentity, FakeItem, FakeProvider,
    FakePushApi, FakePushApiBuilder, FakeServer, FakeSource, Fault, FaultRates, RecordedRequest,
};
use coveo_push::platform::*;
use coveo_push::report::*;
use coveo_push::request::*;
use coveo_push::transport::*;
use coveo_push::*;
use coveo_push::{AccessReason, GraphIdentities, MembershipPath, MembershipRelation};
use coveo_push::{Finding, KnownIdentities, Rule};
use serde_json::Value;

/// Holds every one of some types to some traits when this file is compiled.
macro_rules! hold {
    ([$($bound:tt)+] $($name:ty),+ $(,)?) => {
        const _: () = {
            const fn holds<T: ?Sized + $($bound)+>() {}
            $(holds::<$name>();)+
        };
    };
}

// What is handed around between tasks, for as long as somebody likes.
hold!([Clone + Debug + Send + Sync + Unpin + 'static]
    PushClient, Credentials, Sources, Items, Identities, Catalog, FileContainers, Platform, ReqwestTransport, Body,
    FakePushApi, FakePushApiBuilder, FakeSource, FakeProvider);
hold!([Debug + Send + Sync + Unpin + 'static]
    PushClientBuilder, PusherBuilder<Items>, PusherBuilder<Identities>, PusherBuilder<CatalogUpdates>,
    PusherBuilder<CatalogMerges>, PusherBuilder<CatalogItems>, CatalogRefresh, CatalogRefreshBuilder, Load, LoadBuilder,
    CatalogUpdater, CatalogMerger,
    RefreshBuilder<Items>, RefreshBuilder<Identities>, Refresh<Items>, Refresh<Identities>,
    JoinBuilder<Items>, JoinBuilder<CatalogItems>, RefreshWorker<Items>, RefreshWorker<CatalogItems>,
    FailedBatch, AfterFailure, SavedBatch, HttpBody, FakeServer,
    Logs, Ledger, LedgerStats, SyncBuilder<Items>, SyncRun<Items>, SyncReport);
hold!([Debug + Send + Unpin + 'static] LogEntries);
hold!([Transport] ReqwestTransport, FakePushApi);
hold!([Send + Sync] dyn Transport, dyn CredentialsProvider);

// A request borrows nothing: it can be made here and sent by another task.
hold!([Debug + Send + Sync + Unpin + IntoFuture<IntoFuture: Send + Unpin + 'static> + 'static]
    SetSourceStatus, AddOrUpdateItem, DeleteItem, PushItemContainer, DeleteOldItems, AddOrUpdateIdentity,
    AddOrUpdateAlias, DeleteIdentity, PushIdentityContainer, DeleteOldIdentities, PushBatch,
    CreateFileContainer, UploadToContainer, StoreBytes, OpenStream, CreateStreamChunk, CloseStream, UpdateCatalog,
    MergeCatalog, DeleteOldCatalogItems, PushCatalogBatch, ListSources, CreateSource, GetSource, UpdateSource, DeleteSource,
    CreateSecurityProvider, GetSecurityProvider, DeleteSecurityProvider, ListFields, ListMissingFields, CreateFields,
    GetLimits, GetOrganizationStatus, ResumeOrganization, EvaluatePrivilege, GetIdentityState, ListIdentitiesInError,
    FindIdentityOutcomes, SearchLogs, CountLogs, FindOutcome, FindOutcomes);
// So does content, which may be a reader that only one task at a time may have.
hold!([Debug + Send + Unpin + IntoFuture<IntoFuture: Send + Unpin + 'static> + 'static] AddOrUpdateItemWithContent);
hold!([Clone + Debug + Send + Sync + Unpin + 'static] RefreshTicket<Items>, RefreshTicket<Identities>, RefreshTicket<CatalogItems>);
hold!([Debug + Send + Unpin + 'static] Content, ItemOperation, CatalogItem, CatalogOperation);
hold!([Clone + Debug + Send + Sync + Unpin + 'static] Pusher<Items>, ItemPusher, IdentityPusher, ItemQueue, IdentityQueue, PushQueue<Items>);
hold!([Debug + Send + Unpin + Future] PushFuture<'static>);
hold!([Debug + Send + Unpin + IntoFuture<IntoFuture: Send>] PushItem<'static>, PushItemDeletion<'static>, PushIdentity<'static>);

// An error goes into a `Box<dyn Error + Send + Sync>`, and to another task.
hold!([StdError + Send + Sync + Unpin + 'static]
    Error, ApiError, UploadError, SendError, TransportError, DecodeError, InvalidError, ConfigError,
    CredentialsError, PushError, RunStopped, FailureReason, RefreshError, LoadError, StartError, ParseEnumError,
    LedgerError, SyncError);

// Data.
hold!([Clone + Debug + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static]
    Accepted, CallRecord, BatchReceipt, Progress, Pushed, RetryPolicy, AttemptLimits, ApiKey, Region, Preflight,
    OpenedStream, BatchUpdateBody, BatchMergeBody, PartialUpdate, BatchDocument, BatchDocumentBody, BatchIdentityBody, DeletedDocument, DocumentBody, DocumentData, FileContainer,
    Identity, IdentityBody, MappedIdentity, MappedIdentityBody, Metadata, MetadataValue, PermissionIdentity,
    PermissionLevel, PermissionSet, Permissions, IdentityOperation, IdentityGraph,
    MembershipRelation, ClockOffset, ContainerCounts, Dropped, DroppedIdentity, FakeIdentity, FakeItem, Fault, FaultRates,
    RecordedRequest, KnownIdentities, BoundarySource, Host, NewSource, SourceModel, NewSecurityProvider,
    SecurityProviderModel, FieldModel, OrganizationStatus, LicenceLimits, LicenceLimit, IdentityState,
    ClientStats, HostStats, Flushed, Counts, ItemOutcome, Outcome, OutcomeProgress, Outcomes, RunTarget, LogCounts,
    LogEntry, LogOperation, LogResult, LogTask, DocumentIdMatching, MissingKept, MissingOutcome, MostlyChanged,
    LedgerStep);
hold!([Debug + ExactSizeIterator + Send + Sync + Unpin] MetadataIntoIter, MetadataIter<'static>, MetadataIterMut<'static>);
hold!([Clone + Debug + Display + Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static]
    Operation, ErrorCode, SendErrorKind, PushStep, CompressionType, PartialUpdateOperator, SecurityIdentityType, SourceStatus, OrderingId, DateTime,
    PermanentId, PushApiUrl, Access, Viewer, MembershipPath, AccessReason, Finding, Rule, Refused, DropReason,
    Boundary, LocalClock, RefreshKind, DeletionSkipped, Privilege, SourceState, SourceVisibility, FieldType, FieldResult,
    FieldOutcome, IdentityCacheState, IdentityUpdateResult, FailedBatchSummary, IdentityOutcomes);
hold!([Debug + Display + Send + Sync + Unpin + 'static]
    PushReport, RefreshReport, WorkerReport, LoadReport, LoadOutcome, FailureReason, DeletionOutcome, IdleOutcome);
hold!([Debug + Send + Sync + Unpin] GraphIdentities<'static>);

/// A client is cloned into every task, and an error is in every result.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_client_and_an_error_stay_small() {
    assert_eq!(size_of::<PushClient>(), 32, "the shared part, and the credentials");
    assert_eq!(size_of::<Error>(), 16);
    assert_eq!(size_of::<Result<(), Error>>(), 16);
}

/// The types that `public-api.txt` knows.
fn public_types() -> BTreeSet<String> {
    let snapshot = fs::read_to_string(root().join("tests/public_api/public-api.txt")).unwrap();
    let types = snapshot.lines().filter_map(|line| {
        let declaration = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
        let name = ["pub struct ", "pub enum "].iter().find_map(|kind| declaration.strip_prefix(kind))?;
        let end = name.find(['<', '(', ' ', '{']).unwrap_or(name.len());
        name[..end].rsplit("::").next().map(str::to_owned)
    });
    types.collect()
}

#[test]
fn every_public_type_is_held_to_its_auto_traits() {
    let here = include_str!("surface.rs");
    let named: BTreeSet<&str> = here.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let types = public_types();
    assert!(types.contains("PushClient") && types.contains("Error"), "{types:?}");
    let forgotten: Vec<&String> = types.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(forgotten.is_empty(), "no line of this file holds {forgotten:?}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_package_holds_what_a_user_needs_and_nothing_else() {
    const TEXTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE"];
    const OF_CARGO: [&str; 4] = ["Cargo.toml", "Cargo.toml.orig", "Cargo.lock", ".cargo_vcs_info.json"];

    /// The soak is a test of the crate, and no example of its use.
    fn is_of_an_example(path: &str) -> bool {
        !path.starts_with("soak") && (path.ends_with(".rs") || (path.starts_with("data/") && path.ends_with(".json")))
    }

    let list = cargo(&["package", "--list", "--allow-dirty", "--offline"]);
    let files: BTreeSet<String> = list.lines().map(|line| line.replace('\\', "/")).collect();
    let is_needed = |file: &str| {
        let is_code = file.starts_with("src/") && (file.ends_with(".rs") || file.starts_with("src/guide/"));
        let is_code = is_code || file == "src/fake/page.css";
        let is_example = file.strip_prefix("examples/").is_some_and(is_of_an_example);
        is_code || is_example || TEXTS.contains(&file) || OF_CARGO.contains(&file)
    };
    let others: Vec<&String> = files.iter().filter(|file| !is_needed(file)).collect();
    assert!(others.is_empty(), "no user needs {others:?}");
    for needed in TEXTS.into_iter().chain(["src/lib.rs", "src/fake/mod.rs", "examples/quickstart.rs", "Cargo.toml"]) {
        assert!(files.contains(needed), "the package lacks {needed}");
    }
}

#[test]
fn docs_rs_shows_every_feature_but_the_other_tls() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version=1", "--offline"])).unwrap();
    let package = &metadata["packages"][0];
    let docs = &package["metadata"]["docs"]["rs"];
    let mut shown: BTreeSet<&str> =
        docs["features"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    shown.extend(["default", "rustls", "rustls-no-provider", "native-tls"]);
    let all: BTreeSet<&str> = package["features"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(shown, all);
    assert_eq!(docs["rustdoc-args"], serde_json::json!(["--cfg", "docsrs"]));
    assert_eq!(package["documentation"], "https://docs.rs/coveo-push");
}
