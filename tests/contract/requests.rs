//! What the crate sends, against the contract.

use coveo_push::Operation;
use coveo_push::fake::RecordedRequest;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;

use crate::contract::{Call, Contract};
use crate::exchanges::Exchange;
use crate::schema::{Found, Names};

/// The lists of a batch, and the definition that an entry is held to. The contract has none of the
/// batches themselves, which go into the storage.
const LISTS: [(Operation, &str, Option<&str>); 5] = [
    (Operation::PushItemContainer, "addOrUpdate", Some("DocumentBody")),
    (Operation::PushItemContainer, "delete", None),
    (Operation::PushIdentityContainer, "members", Some("IdentityBody")),
    (Operation::PushIdentityContainer, "mappings", Some("MappedIdentityBody")),
    (Operation::PushIdentityContainer, "deleted", Some("BaseIdentityBody")),
];

/// Checks every request: method and path, the names and values of the query, the headers that say
/// what the body is, and the body.
pub(crate) fn check(contract: &Contract, exchanges: &[Exchange]) -> Found {
    let mut found = Found::default();
    for Exchange { request, .. } in exchanges {
        match find(contract, request) {
            Some(call) => check_call(contract, call, request, &mut found),
            None => found.differs(&name(request), "is no operation of the contract"),
        }
        if let Some(operation @ (Operation::PushItemContainer | Operation::PushIdentityContainer)) = request.operation()
        {
            let file_id = request.parameter("fileId").unwrap();
            let is_upload = |request: &RecordedRequest| {
                request.operation() == Some(Operation::UploadToContainer) && request.path().ends_with(file_id)
            };
            let upload = exchanges.iter().find(|exchange| is_upload(&exchange.request)).unwrap();
            check_batch(contract, operation, upload.request.body(), &mut found);
        }
    }
    found
}

/// What the contract declares and no request has had.
pub(crate) fn unsent(contract: &Contract, found: &Found) -> Found {
    let mut all = Names::new();
    for &operation in Operation::ALL {
        let Some(call) = contract.call(operation) else { continue };
        for parameter in call.query() {
            all.insert((operation.name().to_owned(), parameter.name.clone()));
            contract.declared(&parameter.value, operation.name(), &parameter.name, &found.seen, &mut all);
        }
        if let Some(schema) = call.body().and_then(|body| body.schema.as_ref()) {
            contract.declared(schema, operation.name(), "body", &found.seen, &mut all);
        }
    }
    let mut unsent = Found::default();
    for (place, what) in all.difference(&found.seen) {
        unsent.differs(place, format!("`{what}` is never sent"));
    }
    unsent
}

/// The name of what a request asks for.
fn name(request: &RecordedRequest) -> String {
    match request.operation() {
        Some(operation) => operation.name().to_owned(),
        None => format!("{} {}", request.method(), request.path()),
    }
}

/// The operation of the contract that a request asks for, by its method and path alone.
fn find<'a>(contract: &'a Contract, request: &RecordedRequest) -> Option<&'a Call> {
    let path = request.path().strip_prefix("/push")?.strip_prefix(&contract.base_path)?;
    let is_path = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(part, id)| part == id || (part.starts_with('{') && !id.is_empty()))
    };
    let (_, calls) = contract.paths.iter().find(|(template, _)| is_path(template))?;
    calls.get(&request.method().as_str().to_lowercase())
}

fn check_call(contract: &Contract, call: &Call, request: &RecordedRequest, found: &mut Found) {
    let name = name(request);
    for (key, value) in request.query() {
        match call.query().find(|parameter| parameter.name == *key) {
            Some(parameter) => {
                found.seen.insert((name.clone(), key.clone()));
                found.text(&parameter.value, value, &name, key);
            }
            None => found.differs(&name, format!("the query has an unknown `{key}`")),
        }
    }
    for required in call.query().filter(|parameter| parameter.required) {
        if request.parameter(&required.name).is_none() {
            found.differs(&name, format!("the query lacks `{}`", required.name));
        }
    }
    let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    if !call.produces.is_empty() && !header(ACCEPT).is_some_and(|accepted| call.produces.contains(&accepted)) {
        found.differs(&name, "does not accept what the operation produces");
    }
    let has_type = call.body().is_some() || !call.consumes.is_empty();
    if has_type && !header(CONTENT_TYPE).is_some_and(|sent| call.consumes.contains(&sent)) {
        found.differs(&name, "has a content type that the operation does not consume");
    }
    match (call.body(), request.body().is_empty()) {
        (None, true) => {}
        (None, false) => found.differs(&name, "has a body"),
        (Some(body), true) if body.required => found.differs(&name, "has no body"),
        (Some(_), true) => {}
        (Some(body), false) => {
            let json: Value = serde_json::from_slice(request.body()).unwrap();
            found.json(contract, body.schema.as_ref().unwrap(), &json, &name, "body");
        }
    }
}

fn check_batch(contract: &Contract, operation: Operation, body: &[u8], found: &mut Found) {
    let batch: Value = serde_json::from_slice(body).unwrap();
    for (key, entries) in batch.as_object().unwrap() {
        let list = LISTS.iter().find(|(of, name, _)| *of == operation && name == key);
        let entries = entries.as_array().unwrap();
        match list {
            None => found.differs(operation.name(), format!("the batch has an unknown `{key}`")),
            Some((.., None)) if entries.is_empty() => {}
            Some((.., None)) => found.differs(operation.name(), format!("an entry of `{key}` has no definition")),
            Some((.., Some(definition))) => {
                let schema = &contract.definitions[*definition];
                entries.iter().for_each(|entry| found.json(contract, schema, entry, definition, ""));
            }
        }
    }
}
