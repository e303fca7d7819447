use std::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

/// The `permanentid` of an item, by which usage analytics and machine learning recognize the item after its
/// URI has changed ([article 1913](https://docs.coveo.com/en/1913/)).
///
/// It is metadata with the key `permanentid`. The crate never adds it by itself:
///
/// ```
/// use coveo_push::{DocumentBody, PermanentId};
///
/// let uri = "https://example.com/a";
/// let doc = DocumentBody::text("…").permanent_id(PermanentId::of(uri));
/// # let _ = doc;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermanentId(String);

impl PermanentId {
    /// Any text as a permanent id.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id that the official clients compute from an item's URI: 30 hexadecimal digits of its MD5 digest,
    /// then 30 of its SHA-1 digest.
    #[must_use]
    pub fn of(uri: &str) -> Self {
        const BYTES_OF_EACH: usize = 15;
        let md5 = Md5::digest(uri).into_iter().take(BYTES_OF_EACH);
        let sha1 = Sha1::digest(uri).into_iter().take(BYTES_OF_EACH);
        Self(md5.chain(sha1).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PermanentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<String> for PermanentId {
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl From<&str> for PermanentId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_equals_the_value_of_the_official_clients() {
        let known = [
            ("https://foo.com", "aa2e0510b66edff7f05e2b30d4f1b3a4b5481c06b69f41751c54675c5afb"),
            ("http://some.url", "427e281a23a7766e03c22fb60649b171cabc701b6e49f1323c4cbbe597f1"),
        ];
        for (uri, id) in known {
            assert_eq!(PermanentId::of(uri).as_str(), id);
        }
    }
}
