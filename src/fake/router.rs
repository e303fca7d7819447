//! Routes a request to an operation, by the table from which requests are built.

use std::borrow::Cow;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::response::Refusal;
use crate::operation::{Host, Operation, Segment};

/// The path before the id of a container in an upload URI.
pub(super) const STORAGE_PATH: &str = "/storage/";

/// The values of the placeholders in a path, without the organization.
#[derive(Debug, Default)]
pub(super) struct PathValues(Vec<String>);

impl PathValues {
    /// The id of the source, the provider or the data collection.
    pub(super) fn resource(&self) -> &str {
        self.0.first().map(String::as_str).unwrap_or_default()
    }

    /// The value after it: the id of a stream, or the boundary of a deletion.
    pub(super) fn second(&self) -> &str {
        self.0.get(1).map(String::as_str).unwrap_or_default()
    }
}

/// The operation of a request, and its resource.
#[derive(Debug)]
pub(super) enum Route {
    Api { operation: Operation, organization: String, params: PathValues },
    Storage { file_id: String },
    Nothing(Refusal),
    NothingInStorage(Refusal),
}

impl Route {
    pub(super) fn operation(&self) -> Option<Operation> {
        match self {
            Self::Api { operation, .. } => Some(*operation),
            Self::Storage { .. } => Some(Operation::UploadToContainer),
            Self::Nothing(_) | Self::NothingInStorage(_) => None,
        }
    }

    pub(super) fn is_storage(&self) -> bool {
        matches!(self, Self::Storage { .. } | Self::NothingInStorage(_))
    }
}

pub(super) fn route(method: &Method, path: &str) -> Route {
    if let Some(file_id) = path.strip_prefix(STORAGE_PATH) {
        return match *method {
            Method::PUT => Route::Storage { file_id: decode(file_id).into_owned() },
            _ => Route::NothingInStorage(wrong_method("MethodNotAllowed", "PUT")),
        };
    }
    let mut allowed: Vec<Method> = Vec::new();
    for &operation in Operation::ALL.iter().filter(|operation| operation.host() != Host::Storage) {
        let below = path.strip_prefix(operation.host().base_path());
        let Some((organization, params)) = below.and_then(|below| values(operation, below)) else { continue };
        if operation.method() == *method {
            return Route::Api { operation, organization, params };
        }
        if !allowed.contains(&operation.method()) {
            allowed.push(operation.method());
        }
    }
    Route::Nothing(if allowed.is_empty() {
        Refusal::without_code(StatusCode::NOT_FOUND, format!("No operation of the service is at '{path}'."))
    } else {
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        wrong_method("METHOD_NOT_ALLOWED", &names.join(", "))
    })
}

fn wrong_method(code: &str, allow: &str) -> Refusal {
    let message = "The specified method is not allowed against this resource.";
    Refusal { allow: Some(allow.to_owned()), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, code, message) }
}

/// The organization and the other values in a path. It is split at the slashes before it is decoded, so that
/// an id may contain one.
fn values(operation: Operation, path: &str) -> Option<(String, PathValues)> {
    let (mut organization, mut values) = (String::new(), PathValues::default());
    let mut given = path.strip_prefix('/')?.split('/');
    for wanted in operation.segments() {
        let segment = given.next()?;
        match wanted {
            Segment::Placeholder("organizationId") => organization = decode(segment).into_owned(),
            Segment::Placeholder(_) => values.0.push(decode(segment).into_owned()),
            Segment::Literal(literal) if literal == segment => {}
            Segment::Literal(_) => return None,
        }
    }
    given.next().is_none().then_some((organization, values))
}

fn decode(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
