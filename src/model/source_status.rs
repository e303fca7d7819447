use std::fmt;

use serde::{Serialize, Serializer};

use super::any_case::words_any_case;

/// What a source is doing, as the service's activity log shows it
/// ([article 35](https://docs.coveo.com/en/35/)).
///
/// The administration console names some of them differently, which the variants tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceStatus {
    /// All items are being pushed again; the console says "Rebuild".
    Rebuild,
    /// All items are being compared and pushed where needed; the console says "Rescan".
    Refresh,
    /// Only what changed is being pushed; the console says "Refresh".
    Incremental,
    /// Nothing is going on.
    Idle,
}

words_any_case!(SourceStatus: "source status" {
    "rebuild" => Rebuild,
    "refresh" => Refresh,
    "incremental" => Incremental,
    "idle" => Idle,
});

impl SourceStatus {
    /// The word that goes over the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rebuild => "REBUILD",
            Self::Refresh => "REFRESH",
            Self::Incremental => "INCREMENTAL",
            Self::Idle => "IDLE",
        }
    }
}

impl fmt::Display for SourceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for SourceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
