//! The settings of a refresh.

use std::time::Duration;

use super::boundary::BoundarySettings;
use super::deletion::DeletionSettings;
use super::target::Target;

/// The settings of a refresh, except those of its pusher.
pub(super) struct RefreshSettings {
    pub(super) target: Target,
    pub(super) boundary: BoundarySettings,
    pub(super) deletion: DeletionSettings,
    pub(super) queue_delay: Option<Duration>,
}

impl RefreshSettings {
    pub(super) fn new(target: Target) -> Self {
        let boundary = BoundarySettings::new(target.deletes());
        Self { target, boundary, deletion: DeletionSettings::default(), queue_delay: None }
    }
}
