use std::time::SystemTime;

use crate::push::PushReport;

/// A run that is asked about.
#[derive(Debug)]
pub struct AskedRun<'a> {
    pub(super) push: &'a PushReport,
    /// When the service began to process it, if that is not when it accepted the first batch.
    pub(super) begin: Option<SystemTime>,
    /// Whether everything was accepted only to be thrown away.
    pub(super) is_void: bool,
}
