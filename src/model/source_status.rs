use super::words;

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

words!(SourceStatus: "source status" {
    Rebuild => "REBUILD",
    Refresh => "REFRESH",
    Incremental => "INCREMENTAL",
    Idle => "IDLE",
});
