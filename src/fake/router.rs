//! Routes a request to an operation, by the table from which requests are built.

use std::borrow::Cow;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::response::Refusal;
use crate::operation::Operation;

/// The path before `/organizations`.
pub(super) const BASE_PATH: &str = "/push/v1";
/// The path before the id of a container in an upload URI.
pub(super) const STORAGE_PATH: &str = "/storage/";

/// The operation of a request, and its resource.
#[derive(Debug)]
pub(super) enum Route {
    Api { operation: Operation, organization: String, resource: String },
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
    let mut allowed = None;
    if let Some(below) = path.strip_prefix(BASE_PATH) {
        for &operation in Operation::ALL {
            let spec = operation.spec();
            let Some((organization, resource)) = ids(spec.path, below) else { continue };
            if spec.method == *method {
                return Route::Api { operation, organization, resource };
            }
            allowed = match spec.method {
                Method::POST => Some("POST"),
                Method::DELETE => allowed.map_or(Some("DELETE"), |_| Some("PUT, DELETE")),
                _ => allowed.map_or(Some("PUT"), |_| Some("PUT, DELETE")),
            };
        }
    }
    Route::Nothing(match allowed {
        Some(methods) => wrong_method("METHOD_NOT_ALLOWED", methods),
        None => Refusal::without_code(StatusCode::NOT_FOUND, format!("No operation of the Push API is at '{path}'.")),
    })
}

fn wrong_method(code: &str, allow: &'static str) -> Refusal {
    let message = "The specified method is not allowed against this resource.";
    Refusal { allow: Some(allow), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, code, message) }
}

/// The organization and the source or provider in a path. It is split at the slashes before it is
/// decoded, so that an id may contain one.
fn ids(template: &str, path: &str) -> Option<(String, String)> {
    let (mut organization, mut resource) = (String::new(), String::new());
    let mut given = path.strip_prefix('/')?.split('/');
    for wanted in template.strip_prefix('/')?.split('/') {
        let segment = given.next()?;
        match wanted {
            "{organizationId}" => organization = decode(segment).into_owned(),
            "{sourceId}" | "{providerId}" => resource = decode(segment).into_owned(),
            literal if literal == segment => {}
            _ => return None,
        }
    }
    given.next().is_none().then_some((organization, resource))
}

fn decode(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}
