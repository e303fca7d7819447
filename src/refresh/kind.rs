use crate::model::SourceStatus;
use crate::model::words::words;

/// The kind of a refresh: the status of the source during the run, and whether items that were not
/// pushed are deleted.
///
/// `Rebuild` and `Refresh` behave the same. Only the administration console shows them differently.
///
/// Its text form is the name of the status, parsed in any case, for command lines and settings files:
///
/// ```
/// use coveo_push::RefreshKind;
///
/// let kind: RefreshKind = "incremental".parse()?;
/// assert_eq!((kind, kind.as_str()), (RefreshKind::Incremental, "INCREMENTAL"));
/// # Ok::<(), coveo_push::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshKind {
    /// All items are pushed again. Items that were not pushed are deleted.
    Rebuild,
    /// All items are compared and pushed again. Items that were not pushed are deleted, so push an
    /// unchanged item too. The administration console says "Rescan".
    Refresh,
    /// Only changes are pushed, including deletions. Nothing else is deleted, and the settings for the
    /// deletion have no effect.
    Incremental,
}

words!(RefreshKind: "refresh kind" {
    Rebuild => "REBUILD",
    Refresh => "REFRESH",
    Incremental => "INCREMENTAL",
});

impl RefreshKind {
    pub(super) fn deletes(self) -> bool {
        match self {
            Self::Rebuild | Self::Refresh => true,
            Self::Incremental => false,
        }
    }
}

impl From<RefreshKind> for SourceStatus {
    fn from(kind: RefreshKind) -> Self {
        match kind {
            RefreshKind::Rebuild => Self::Rebuild,
            RefreshKind::Refresh => Self::Refresh,
            RefreshKind::Incremental => Self::Incremental,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_parsed_in_any_case_and_written_in_upper_case() {
        for kind in [RefreshKind::Rebuild, RefreshKind::Refresh, RefreshKind::Incremental] {
            let word = kind.to_string();
            assert_eq!(word, SourceStatus::from(kind).as_str());
            assert_eq!(word.to_lowercase().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<RefreshKind>(&json).unwrap(), kind);
        }
    }

    #[test]
    fn a_source_that_is_idle_is_no_refresh() {
        let error = "idle".parse::<RefreshKind>().unwrap_err().to_string();
        assert_eq!(error, "unknown refresh kind `idle`; expected one of REBUILD, REFRESH, INCREMENTAL");
    }
}
