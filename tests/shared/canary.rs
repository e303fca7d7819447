//! A key and a signature that must not show anywhere, and where they could.

use std::error::Error as StdError;
use std::fmt::{Debug, Display};

use coveo_push::Error;

/// The key has a slash in it, as an OAuth2 token may, which JSON may write in two ways.
pub(crate) const KEY: &str = "canary/key-5f0a";
pub(crate) const ESCAPED_KEY: &str = "canary\\/key-5f0a";
pub(crate) const SIGNATURE: &str = "canary-signature-77c1";

/// Fails when one of the canaries is in the text.
#[track_caller]
pub(crate) fn is_clean(what: &str, text: &str) {
    for canary in [KEY, ESCAPED_KEY, SIGNATURE, "X-Amz-Signature", "X-Amz-Credential", "key-5f0a"] {
        assert!(!text.contains(canary), "{what} shows `{canary}`: {text}");
    }
}

#[track_caller]
pub(crate) fn debug_is_clean<T: Debug>(value: &T) {
    let what = std::any::type_name::<T>();
    is_clean(what, &format!("{value:?}"));
    is_clean(what, &format!("{value:#?}"));
}

#[track_caller]
pub(crate) fn display_is_clean<T: Display>(value: &T) {
    let what = std::any::type_name::<T>();
    is_clean(what, &format!("{value}"));
    is_clean(what, &format!("{value:#}"));
}

/// Looks at an error, at all that its accessors give, and at the whole chain of its sources.
#[track_caller]
pub(crate) fn error_is_clean(error: &Error) {
    debug_is_clean(error);
    display_is_clean(error);
    let mut source = error.source();
    while let Some(cause) = source {
        is_clean("a source", &format!("{cause}\n{cause:#}\n{cause:?}\n{cause:#?}"));
        source = cause.source();
    }
    if let Some(api) = error.api() {
        is_clean("the body", api.body());
        is_clean("the message", api.message().unwrap_or_default());
        is_clean("the code", api.code().map(coveo_push::ErrorCode::as_str).unwrap_or_default());
    }
    match error {
        Error::Decode(decode) => is_clean("the answer", &format!("{}\n{}", decode.path(), decode.body())),
        Error::Upload(upload) => is_clean("the code", &format!("{:?} {:?}", upload.code(), upload.request_id())),
        _ => {}
    }
}

/// A presigned URL.
pub(crate) fn presigned(host: &str) -> String {
    format!("{host}/bucket/file?X-Amz-Credential=AKIA%2F2026&X-Amz-Signature={SIGNATURE}")
}
