use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::any_case::deserialize_any_case;
use super::{Identity, IdentityBody, MappedIdentityBody};

/// A batch of identities for a file container ([article 55](https://docs.coveo.com/en/55/)): identities
/// with their members, identities with their aliases, and identities to disable.
///
/// ```
/// use coveo_push::{BatchIdentityBody, Identity, IdentityBody};
///
/// let batch = BatchIdentityBody::new()
///     .add_or_update(IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com")))
///     .delete(Identity::user("bjones@example.com"));
/// # let _ = batch;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BatchIdentityBody {
    /// Identities to add or update, with their members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<IdentityBody>,
    /// Identities to add or update, with their aliases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mappings: Vec<MappedIdentityBody>,
    /// Identities to disable. In JSON, each is wrapped in an object with the key `identity`.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "serialize_deleted")]
    pub deleted: Vec<Identity>,
}

/// The JSON, in which each deleted identity has a wrapper.
struct Wire {
    members: Vec<IdentityBody>,
    mappings: Vec<MappedIdentityBody>,
    deleted: Vec<IdentityBody>,
}

deserialize_any_case!(Wire {
    members: optional "members",
    mappings: optional "mappings",
    deleted: optional "deleted",
});

impl<'de> Deserialize<'de> for BatchIdentityBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { members, mappings, deleted } = Wire::deserialize(deserializer)?;
        Ok(Self { members, mappings, deleted: deleted.into_iter().map(|body| body.identity).collect() })
    }
}

fn serialize_deleted<S: Serializer>(deleted: &[Identity], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(deleted.iter().map(|identity| BTreeMap::from([("identity", identity)])))
}

impl BatchIdentityBody {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identity to add or update, with its members.
    #[must_use]
    pub fn add_or_update(mut self, body: IdentityBody) -> Self {
        self.members.push(body);
        self
    }

    /// Adds an identity to add or update, with its aliases.
    #[must_use]
    pub fn add_or_update_alias(mut self, body: MappedIdentityBody) -> Self {
        self.mappings.push(body);
        self
    }

    /// Adds an identity to disable.
    #[must_use]
    pub fn delete(mut self, identity: Identity) -> Self {
        self.deleted.push(identity);
        self
    }

    /// The number of operations in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len() + self.mappings.len() + self.deleted.len()
    }

    /// Whether the batch has no operations. An empty batch is rejected before it is sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
