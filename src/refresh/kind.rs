use crate::model::{SourceStatus, words};

/// What a run over the items of a source is: the status that the source has meanwhile, and whether
/// what was not pushed is deleted.
///
/// `Rebuild` and `Refresh` do the same here, and differ in what the administration console shows.
///
/// As text it is the word of the status, read in any case, so a command line or a file of settings can
/// choose it:
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
    /// All items are pushed again, and what was not in the run is deleted.
    Rebuild,
    /// All items are compared and pushed; what was not pushed is deleted. The administration console
    /// says "Rescan".
    ///
    /// An item that was compared and not pushed counts as not in the run: push it all the same.
    Refresh,
    /// What changed is pushed, deletions among it. Nothing else is deleted, and the settings of that
    /// mean nothing.
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
    fn every_kind_is_read_from_its_word_in_any_case_and_written_as_it() {
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
