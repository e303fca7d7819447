use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{date, object_model};
use crate::model::DateTime;

object_model! {
    /// Whether an organization works: [`Platform::organization_status`](crate::Platform::organization_status).
    OrganizationStatus needs []
}

impl OrganizationStatus {
    /// Whether it is paused, which happens when nobody uses it. The Push API then responds with
    /// [`OrganizationIsPaused`](crate::ErrorCode::OrganizationIsPaused) until it is
    /// [woken](crate::Platform::resume_organization).
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.get("paused").and_then(Value::as_bool).unwrap_or_else(|| self.pause_state() == Some("PAUSED"))
    }

    /// Whether it is waking up.
    #[must_use]
    pub fn is_resuming(&self) -> bool {
        self.pause_state() == Some("RESUMING")
    }

    /// Whether it takes no changes.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.get("readOnly").and_then(Value::as_bool).unwrap_or_default()
    }

    /// Its health: `HEALTHY` or `ERROR`.
    #[must_use]
    pub fn health(&self) -> Option<&str> {
        self.text("status")
    }

    /// `ACTIVE`, `IDLE`, `PAUSING`, `PAUSED`, `RESUMING`, or a word that the service adds.
    #[must_use]
    pub fn pause_state(&self) -> Option<&str> {
        self.text("pauseState")
    }
}

/// The limits of the licence and their use: [`Platform::limits`](crate::Platform::limits).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LicenceLimits(serde_json::Map<String, Value>);

impl LicenceLimits {
    /// A limit by its section and its key, such as `content` and `pushApiMaximumDailyDocumentLimit`.
    #[must_use]
    pub fn get(&self, section: &str, key: &str) -> Option<LicenceLimit> {
        LicenceLimit::read(section, key, self.0.get(section)?.get(key)?)
    }

    /// The number of items that the organization may push in a day.
    #[must_use]
    pub fn daily_items(&self) -> Option<LicenceLimit> {
        self.get("content", "pushApiMaximumDailyDocumentLimit")
    }

    /// All limits that have a number.
    pub fn iter(&self) -> impl Iterator<Item = LicenceLimit> {
        let sections = self.0.iter().filter_map(|(section, keys)| Some((section, keys.as_object()?)));
        let all = sections.flat_map(|(section, keys)| keys.iter().map(move |(key, value)| (section, key, value)));
        all.filter_map(|(section, key, value)| LicenceLimit::read(section, key, value))
    }
}

/// One limit of the licence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LicenceLimit {
    /// Its section, such as `content`.
    pub section: String,
    /// Its key, such as `numberOfSourcesLimit`.
    pub key: String,
    /// The limit.
    pub limit: u64,
    /// How much of it is used, as of `last_update`.
    pub actual_count: Option<u64>,
    /// When the use was counted. It may be a day ago: do not steer by it within a day.
    pub last_update: Option<DateTime>,
}

impl LicenceLimit {
    fn read(section: &str, key: &str, value: &Value) -> Option<Self> {
        Some(Self {
            section: section.to_owned(),
            key: key.to_owned(),
            limit: value.get("limit")?.as_u64()?,
            actual_count: value.get("actualCount").and_then(Value::as_u64),
            last_update: value.get("lastUpdate").and_then(date),
        })
    }
}
