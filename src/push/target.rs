use serde::{Deserialize, Serialize};

/// Where a run goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunTarget {
    /// The source with this id.
    Source(String),
    /// The catalog source with this id.
    Catalog(String),
    /// The data collection with this id.
    DataCollection(String),
    /// The security identity provider with this id.
    Provider(String),
}
