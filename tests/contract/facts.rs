//! The facts of the contract that can be checked without its file: method, path, query, statuses and
//! content type of each operation.

use std::collections::BTreeSet;

use coveo_push::{Host, Operation};

use crate::contract::Contract;
use crate::exchanges::Exchange;

/// The statuses of every operation besides that of its success.
const ERRORS: [u16; 8] = [400, 401, 403, 404, 412, 415, 429, 500];
/// Statuses of the fake that the contract does not have: see `differences.rs`.
const BEYOND: [u16; 2] = [411, 413];

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    operation: Operation,
    method: &'static str,
    path: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    success: u16,
    /// Whether it answers 415 to a request without a content type.
    consumes_json: bool,
}

macro_rules! facts {
    ($($operation:ident: $method:literal $path:literal, $required:expr, $optional:expr, $success:literal, $json:literal;)+) => {
        pub(crate) const FACTS: &[Fact] = &[$(Fact {
            operation: Operation::$operation,
            method: $method,
            path: concat!("/organizations/{organizationId}", $path),
            required: &$required,
            optional: &$optional,
            success: $success,
            consumes_json: $json,
        }),+];
    };
}

facts! {
    SetSourceStatus: "POST" "/sources/{sourceId}/status", ["statusType"], [], 201, false;
    AddOrUpdateItem: "PUT" "/sources/{sourceId}/documents", ["documentId"], ["orderingId", "compressionType"], 202, true;
    DeleteItem: "DELETE" "/sources/{sourceId}/documents", ["documentId"], ["orderingId", "deleteChildren"], 202, false;
    PushItemContainer: "PUT" "/sources/{sourceId}/documents/batch", ["fileId"], ["orderingId"], 202, true;
    DeleteOldItems: "DELETE" "/sources/{sourceId}/documents/olderthan", ["orderingId"], ["queueDelay"], 202, true;
    AddOrUpdateIdentity: "PUT" "/providers/{providerId}/permissions", [], ["orderingId"], 202, true;
    AddOrUpdateAlias: "PUT" "/providers/{providerId}/mappings", [], ["orderingId"], 202, true;
    DeleteIdentity: "DELETE" "/providers/{providerId}/permissions", [], ["orderingId"], 202, true;
    PushIdentityContainer: "PUT" "/providers/{providerId}/permissions/batch", ["fileId"], ["orderingId"], 202, true;
    DeleteOldIdentities: "DELETE" "/providers/{providerId}/permissions/olderthan", ["orderingId"], ["queueDelay"], 202, false;
    CreateFileContainer: "POST" "/files", [], ["useVirtualHostedStyleUrl"], 201, false;
    OpenStream: "POST" "/sources/{sourceId}/stream/open", [], [], 201, true;
    CreateStreamChunk: "POST" "/sources/{sourceId}/stream/{streamId}/chunk", [], [], 200, true;
    CloseStream: "POST" "/sources/{sourceId}/stream/{streamId}/close", [], [], 200, true;
    UpdateCatalog: "PUT" "/sources/{sourceId}/stream/update", ["fileId"], [], 202, true;
    MergeCatalog: "PUT" "/sources/{sourceId}/stream/merge", ["fileId"], [], 202, true;
    DeleteOldCatalogItems: "POST" "/sources/{sourceId}/stream/deleteolderthan/{epochMilliseconds}", [], ["queueDelay"], 201, true;
    OpenCollectionStream: "POST" "/data-collections/{dataCollectionId}/stream/open", [], [], 201, true;
    CreateCollectionChunk: "POST" "/data-collections/{dataCollectionId}/stream/{streamId}/chunk", [], [], 200, true;
    CloseCollectionStream: "POST" "/data-collections/{dataCollectionId}/stream/{streamId}/close", [], [], 200, true;
    UpdateCollection: "PUT" "/data-collections/{dataCollectionId}/stream/update", ["fileId"], [], 202, true;
    MergeCollection: "PUT" "/data-collections/{dataCollectionId}/stream/merge", ["fileId"], [], 202, true;
    DeleteOldCollectionItems: "POST" "/data-collections/{dataCollectionId}/stream/deleteolderthan/{epochMilliseconds}", [], ["queueDelay"], 201, true;
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    names.into_iter().collect()
}

impl Fact {
    /// The differences between this fact and the contract.
    pub(crate) fn against(&self, contract: &Contract) -> Vec<String> {
        let mut differences = Vec::new();
        let mut expect = |is_equal: bool, what: &str| {
            if !is_equal {
                differences.push(format!("{}: {what}", self.operation));
            }
        };
        let Some(call) = contract.paths.get(self.path).and_then(|calls| calls.get(&self.method.to_lowercase())) else {
            return vec![format!("{}: the contract has no {} {}", self.operation, self.method, self.path)];
        };
        let (required, optional): (Vec<_>, Vec<_>) = call.query().partition(|parameter| parameter.required);
        expect(set(required.iter().map(|it| it.name.as_str())) == set(self.required.iter().copied()), "required");
        expect(set(optional.iter().map(|it| it.name.as_str())) == set(self.optional.iter().copied()), "optional");
        let statuses: BTreeSet<u16> = call.responses.keys().map(|status| status.parse().unwrap()).collect();
        expect(statuses == ERRORS.into_iter().chain([self.success]).collect(), "statuses");
        expect(call.consumes.is_empty() != self.consumes_json, "content type");
        differences
    }

    /// The differences between this fact and the crate's requests and its fake's responses.
    pub(crate) fn against_exchanges(&self, exchanges: &[Exchange]) -> Vec<String> {
        let mut differences = Vec::new();
        let mut seen = BTreeSet::new();
        let of = |exchange: &&Exchange| exchange.request.operation() == Some(self.operation);
        for Exchange { request, answer } in exchanges.iter().filter(of) {
            let mut expect = |is_so: bool, what: &str| {
                if !is_so {
                    differences.push(format!("{}: {what}: {request:?}", self.operation));
                }
            };
            expect(request.method() == self.method, "method");
            expect(is_of(&format!("/push/v1{}", self.path), request.path()), "path");
            let names = set(request.query().iter().map(|(name, _)| name.as_str()));
            expect(self.required.iter().all(|name| names.contains(name)), "a required parameter is missing");
            let known = set(self.required.iter().chain(self.optional).copied());
            expect(names.is_subset(&known), "an unknown parameter");
            seen.extend(known.intersection(&names).copied());
            let content_type = request.headers().get("content-type");
            expect(content_type.is_some_and(|it| it == "application/json"), "content type");
            let status = answer.status().as_u16();
            let is_known = status == self.success || ERRORS.contains(&status) || BEYOND.contains(&status);
            expect(is_known, "status");
        }
        let unsent = self.required.iter().chain(self.optional).filter(|name| !seen.contains(*name));
        differences.extend(unsent.map(|name| format!("{}: `{name}` is never sent", self.operation)));
        differences
    }

    pub(crate) fn operation(&self) -> Operation {
        self.operation
    }

    pub(crate) fn success(&self) -> u16 {
        self.success
    }

    pub(crate) fn consumes_json(&self) -> bool {
        self.consumes_json
    }
}

/// Whether an operation is one of the Push API, the Stream API or the storage, which the contract is about.
pub(crate) fn is_of_the_contract(operation: &Operation) -> bool {
    matches!(operation.host(), Host::Push | Host::Storage)
}

/// Whether a path is one of a template.
pub(crate) fn is_of(template: &str, path: &str) -> bool {
    let (parts, ids) = (template.split('/'), path.split('/'));
    parts.clone().count() == ids.clone().count()
        && parts.zip(ids).all(|(part, id)| part == id || (part.starts_with('{') && !id.is_empty()))
}
