use super::words::words;

/// The activity of a source, as the service's activity log shows it
/// ([article 35](https://docs.coveo.com/en/35/)).
///
/// [`Rebuild`](Self::Rebuild), [`Refresh`](Self::Refresh) and [`Incremental`](Self::Incremental) start an activity,
/// which the administration console shows as running, and [`Idle`](Self::Idle) completes it. The console has other
/// names for some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceStatus {
    /// All items are pushed again. The console says "Rebuild".
    Rebuild,
    /// All items are compared, and pushed where needed. The console says "Rescan".
    Refresh,
    /// Only changes are pushed. The console says "Refresh".
    Incremental,
    /// No activity.
    Idle,
}

words!(SourceStatus: "source status" {
    Rebuild => "REBUILD",
    Refresh => "REFRESH",
    Incremental => "INCREMENTAL",
    Idle => "IDLE",
});
