//! Any JSON, read as each model.

use std::fmt::Debug;

use coveo_push::{
    BatchDocumentBody, BatchIdentityBody, DocumentBody, FileContainer, IdentityBody, MappedIdentityBody, OrderingId,
    PermissionIdentity, Permissions,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a model reads it writes, and reads again as the same.
pub(crate) fn check(json: &[u8]) {
    is_kept::<DocumentBody>(json);
    is_kept::<BatchDocumentBody>(json);
    is_kept::<IdentityBody>(json);
    is_kept::<MappedIdentityBody>(json);
    is_kept::<BatchIdentityBody>(json);
    is_kept::<Permissions>(json);
    is_kept::<PermissionIdentity>(json);
    is_kept::<FileContainer>(json);
    is_kept::<OrderingId>(json);
}

pub(crate) fn is_kept<T: Serialize + DeserializeOwned + Debug + PartialEq>(json: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(json) else { return };
    let written = serde_json::to_vec(&read).unwrap();
    let again = serde_json::from_slice::<T>(&written);
    assert_eq!(again.as_ref().ok(), Some(&read), "{}: {again:?}", String::from_utf8_lossy(&written));
}
